/* The journal of appended messages: what makes IMAP's APPEND durable with one write and one fdatasync for many, where a
 * syncfs() has to write a dozen places for each.
 *
 * An appended message is a file and rows like any other, written without waiting for the disk. Then it is written here once
 * more, whole, with the numbers that it was given; when that is on disk it is acknowledged. After an unclean stop an account
 * that is opened gets back from here what the power cut took (recover_kept()). A message that was expunged meanwhile doesn't
 * come back: its row is gone, but the account's last_id shows that its commit was there.
 *
 * There are two files, so that one can be written while what the other holds is made durable where it belongs: when one is
 * full, or has held something for JOURNAL_SECONDS, writing goes on in the other, a thread calls durable_sync(), and the first is
 * emptied. If the other isn't empty yet, or the journal can't be written, the waiting messages share a durable_sync() instead.
 *
 * A file is a sequence of groups, one for each round of writing: a group_head, and record_heads with account, keywords and
 * content behind each. Reading ends at the first that isn't whole: nothing behind it was acknowledged. The numbers are in
 * the machine's own byte order. What was written by an earlier process is not overwritten before it has been restored and
 * synced, or can't be needed any more. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/distrust.h"
#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "base/threads.h"
#include "base/memory.h"
#include "store/blob/blob.h"
#include "store/durable/internal.h"

enum {
	JOURNAL_BYTES = 16 * 1024 * 1024,       /* of a file, before the other's turn comes */
	JOURNAL_STEP = 1024 * 1024,             /* a file grows by this many zeros: then writing changes nothing but data */
	WAITING_BYTES = 4 * 1024 * 1024,        /* of one round at most */
	WAITING_KEPT = 64 * 1024,               /* memory that stays for the next round */
	JOURNAL_SECONDS = 10,
	TIDY_STACK = 256 * 1024,
};

struct group_head {
	unsigned char hash[DURABLE_HASH_SIZE]; /* of all below */
	uint64_t generation;                   /* of the file's first group and all that follow */
	uint64_t number;                       /* how many went before */
	int64_t epoch;
	uint64_t length;                       /* of all behind this head */
};

struct record_head {
	unsigned char hash[DURABLE_HASH_SIZE]; /* of all below, account and keywords */
	unsigned char content_hash[DURABLE_HASH_SIZE];
	int64_t id, mailbox, modseq, received;
	uint64_t size;
	uint32_t uid, flags, account_length, keywords_length;
};

/* What the hash at its start says of `bytes`. */
static void hash_rest(struct slice bytes, unsigned char out[DURABLE_HASH_SIZE])
{
	blob_hash(slice_skip(bytes, DURABLE_HASH_SIZE), out);
}

static bool hash_fits(struct slice bytes)
{
	unsigned char hash[DURABLE_HASH_SIZE];
	hash_rest(bytes, hash);
	return memcmp(bytes.at, hash, sizeof hash) == 0;
}

static void journal_path(const struct durable *durable, int which, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/accounts/.journal-%d", durable->data, which);
}

/* ---- Reading ---- */

/* Takes one record off the front; false if it isn't whole. The content is looked at by whoever needs it. */
static bool take_record(struct slice *rest, struct durable_kept *kept)
{
	struct record_head head;
	if (rest->len < sizeof head)
		return false;
	memcpy(&head, rest->at, sizeof head);
	size_t room = rest->len - sizeof head;
	if (head.account_length > room || head.keywords_length > room - head.account_length ||
	    head.size > room - head.account_length - head.keywords_length)
		return false;
	size_t names = sizeof head + head.account_length + head.keywords_length;
	if (!hash_fits(slice_sub(*rest, 0, names)))
		return false;
	*kept = (struct durable_kept){
		.account = slice_sub(*rest, sizeof head, head.account_length),
		.keywords = slice_sub(*rest, sizeof head + head.account_length, head.keywords_length),
		.content = slice_sub(*rest, names, head.size),
		.id = head.id, .mailbox = head.mailbox, .modseq = head.modseq, .received = head.received, .uid = head.uid, .flags = head.flags,
	};
	memcpy(kept->hash, head.content_hash, sizeof kept->hash);
	*rest = slice_skip(*rest, names + head.size);
	return true;
}

static bool is_content_whole(const struct durable_kept *kept)
{
	unsigned char hash[DURABLE_HASH_SIZE];
	blob_hash(kept->content, hash);
	return memcmp(hash, kept->hash, sizeof hash) == 0;
}

static void list_add(struct durable_kept_list *list, const struct durable_kept *kept)
{
	ARRAY_GROW(list->at, list->count, list->room);
	list->at[list->count++] = *kept;
}

/* False: the file ends here. */
static bool list_group(struct slice group, const struct group_head *head, int64_t before, struct slice account, struct durable_kept_list *list)
{
	struct durable_kept kept;
	while (group.len > 0) {
		if (!take_record(&group, &kept))
			return false;
		bool wanted = head->epoch < before && (slice_empty(account) || slice_equal(account, kept.account));
		if (wanted && !is_content_whole(&kept))
			return false;
		if (wanted)
			list_add(list, &kept);
	}
	return true;
}

static void list_file(struct slice file, int64_t before, struct slice account, struct durable_kept_list *list)
{
	struct group_head head;
	uint64_t generation = 0, number = 0;
	while (file.len >= sizeof head) {
		memcpy(&head, file.at, sizeof head);
		bool next = hash_fits(slice_sub(file, 0, sizeof head)) && head.length <= file.len - sizeof head && head.number == number &&
			    (number == 0 || head.generation == generation);
		if (!next || !list_group(slice_sub(file, sizeof head, head.length), &head, before, account, list))
			return;
		generation = head.generation;
		number++;
		file = slice_skip(file, sizeof head + head.length);
	}
}

static int compare_kept(const void *a, const void *b)
{
	const struct durable_kept *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

bool durable_find_kept(struct durable *durable, int64_t before, struct slice account, struct durable_kept_list *list, struct error *error)
{
	char path[PATH_MAX];
	*list = (struct durable_kept_list){0};
	for (int i = 0; i < DURABLE_JOURNAL_FILES; i++) {
		list->files[i] = BUF(JOURNAL_BYTES + WAITING_BYTES + JOURNAL_STEP);
		journal_path(durable, i, path);
		if (access(path, F_OK) != 0 && errno == ENOENT)
			continue;
		if (!file_read(path, &list->files[i], error)) {
			durable_kept_list_free(list);
			return false;
		}
		list_file(buf_slice(&list->files[i]), before, account, list);
	}
	if (list->count > 1) /* an account's ids tell the order of its commits, which that of the records needn't be */
		qsort(list->at, list->count, sizeof *list->at, compare_kept);
	return true;
}

void durable_kept_list_free(struct durable_kept_list *list)
{
	for (int i = 0; i < DURABLE_JOURNAL_FILES; i++)
		buf_free(&list->files[i]);
	free(list->at);
	*list = (struct durable_kept_list){0};
}

/* ---- Beginning ---- */

static bool restore_all(struct durable *durable, struct error *error)
{
	struct durable_kept_list list;
	bool done = durable_find_kept(durable, durable->epoch, slice_make(NULL, 0), &list, error);
	for (size_t i = 0; done && i < list.count; i++) /* the second time there is nothing to do for an account */
		if (i == 0 || !slice_equal(list.at[i].account, list.at[i - 1].account))
			done = durable->journal.restore(durable->journal.context, list.at[i].account, error);
	durable_kept_list_free(&list);
	return done;
}

static bool open_file(struct durable *durable, int which, struct error *error)
{
	char path[PATH_MAX];
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct durable_file *file = &durable->journal.files[which];
	journal_path(durable, which, path);
	file->fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file->fd < 0)
		return error_set_errno(error, errno, "opening %s", path);
	if (fcntl(file->fd, F_OFD_SETLK, &lock) != 0)
		return error_set_errno(error, errno, "locking %s", path);
	return true;
}

static bool empty_file(struct durable_file *file, struct error *error)
{
	if (ftruncate(file->fd, 0) != 0)
		return error_set_errno(error, errno, "emptying the journal");
	file->length = file->at = 0;
	return true;
}

static bool begin_writing(struct durable *durable, struct error *error)
{
	struct durable_journal *journal = &durable->journal;
	bool done = true;
	for (int i = 0; done && i < DURABLE_JOURNAL_FILES; i++)
		done = open_file(durable, i, error);
	done = done && restore_all(durable, error) && durable_sync(durable, error);
	for (int i = 0; done && i < DURABLE_JOURNAL_FILES; i++)
		done = empty_file(&journal->files[i], error);
	journal->generation = (uint64_t)id_new();
	return done;
}

/* Once; if it fails the journal isn't written, and what it has stays for the next start. */
static bool is_written(struct durable *durable)
{
	struct durable_journal *journal = &durable->journal;
	struct error error;
	if (journal->begun)
		return journal->usable;
	journal->begun = true;
	journal->usable = begin_writing(durable, &error);
	if (!journal->usable)
		log_error("journal.unusable", log_text("cause", error.text));
	return journal->usable;
}

/* ---- Writing: by one round at a time ---- */

/* Goes on in the other file, if it is time to and that one is empty. */
static void take_turns(struct durable_journal *journal, bool full)
{
	pthread_mutex_lock(&journal->rounds.lock);
	bool turn = (full || journal->turn_wanted) && journal->to_empty < 0;
	if (turn) {
		journal->to_empty = journal->current;
		journal->turn_wanted = false;
		journal->filled_ms = 0;
		pthread_cond_signal(&journal->changed);
	}
	pthread_mutex_unlock(&journal->rounds.lock);
	if (turn) {
		journal->current = (journal->current + 1) % DURABLE_JOURNAL_FILES;
		journal->generation++;
		journal->number = 0;
	}
}

static void note_first(struct durable_journal *journal)
{
	pthread_mutex_lock(&journal->rounds.lock);
	journal->filled_ms = clock_monotonic_ms();
	pthread_cond_signal(&journal->changed);
	pthread_mutex_unlock(&journal->rounds.lock);
}

static bool write_at(struct durable_file *file, uint64_t at, struct slice bytes, struct error *error)
{
	while (bytes.len > 0) {
		ssize_t written = pwrite(file->fd, bytes.at, bytes.len, (off_t)at);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return error_set_errno(error, written < 0 ? errno : EIO, "writing the journal");
		at += (uint64_t)written;
		bytes = slice_skip(bytes, (size_t)written);
	}
	return true;
}

static bool grow(struct durable_file *file, uint64_t needed, struct error *error)
{
	char *zeros = file->length < needed ? memory_new(JOURNAL_STEP) : NULL;
	bool done = true;
	for (; done && file->length < needed; file->length += done ? JOURNAL_STEP : 0)
		done = write_at(file, file->length, slice_make(zeros, JOURNAL_STEP), error);
	free(zeros);
	return done;
}

static bool write_group(struct durable *durable, struct durable_file *file, struct slice group, struct error *error)
{
	struct durable_journal *journal = &durable->journal;
	struct group_head head = {.generation = journal->generation, .number = journal->number, .epoch = durable->epoch,
				  .length = group.len - sizeof head};
	hash_rest(slice_make((const char *)&head, sizeof head), head.hash);
	memcpy((char *)group.at, &head, sizeof head);
	if (!grow(file, file->at + group.len, error) || !write_at(file, file->at, group, error))
		return false;
	if (fdatasync(file->fd) != 0) {
		int number = errno;
		distrust_disk("the journal", number);
		return error_set_errno(error, number, "syncing the journal");
	}
	file->at += group.len;
	if (journal->number++ == 0)
		note_first(journal);
	return true;
}

static bool is_full(const struct durable_journal *journal, size_t more)
{
	return journal->files[journal->current].at + more > JOURNAL_BYTES;
}

static bool write_waiting(struct durable *durable, struct slice group, struct error *error)
{
	struct durable_journal *journal = &durable->journal;
	take_turns(journal, is_full(journal, group.len));
	if (is_full(journal, group.len))
		return error_set(error, ERROR_TEMPORARY, "the journal is full");
	return group.len == 0 || write_group(durable, &journal->files[journal->current], group, error);
}

static bool write_round(struct durable *durable, uint64_t round, struct error *error)
{
	struct buf *waiting = &durable->journal.waiting[round % 2];
	bool done = (is_written(durable) && write_waiting(durable, buf_slice(waiting), error)) || durable_sync(durable, error);
	if (waiting->capacity > WAITING_KEPT)
		buf_free(waiting);
	else
		buf_clear(waiting);
	return done;
}

static bool add_record(struct buf *waiting, const struct durable_kept *kept)
{
	struct record_head head = {
		.id = kept->id, .mailbox = kept->mailbox, .modseq = kept->modseq, .received = kept->received, .size = kept->content.len,
		.uid = kept->uid, .flags = kept->flags, .account_length = (uint32_t)kept->account.len, .keywords_length = (uint32_t)kept->keywords.len,
	};
	memcpy(head.content_hash, kept->hash, sizeof head.content_hash);
	size_t start = waiting->len, names = sizeof head + kept->account.len + kept->keywords.len;
	buf_append(waiting, slice_make((const char *)&head, sizeof head));
	buf_append(waiting, kept->account);
	buf_append(waiting, kept->keywords);
	if (!buf_append(waiting, kept->content))
		return false;
	hash_rest(slice_make(waiting->at + start, names), (unsigned char *)waiting->at + start);
	return true;
}

static size_t room_for(const struct durable_kept *list, size_t count)
{
	size_t bytes = sizeof(struct group_head);
	for (size_t i = 0; i < count; i++)
		bytes += sizeof(struct record_head) + list[i].account.len + list[i].keywords.len + list[i].content.len;
	return bytes;
}

bool durable_keep(struct durable *durable, const struct durable_kept *list, size_t count, struct error *error)
{
	static const struct group_head no_head;
	struct durable_journal *journal = &durable->journal;
	if (!disk_is_trusted(error))
		return false;
	uint64_t round = durable_rounds_enter(&journal->rounds);
	struct buf *waiting = &journal->waiting[round % 2];
	if (waiting->len + room_for(list, count) > WAITING_BYTES) {
		pthread_mutex_unlock(&journal->rounds.lock);
		return durable_sync(durable, error);
	}
	if (waiting->len == 0)
		buf_append(waiting, slice_make((const char *)&no_head, sizeof no_head)); /* filled in when it is written */
	for (size_t i = 0; i < count; i++)
		add_record(waiting, &list[i]);
	return durable_rounds_wait(&journal->rounds, round, write_round, durable, error);
}

/* ---- Emptying: the journal's thread ---- */

/* A round with nothing of its own to write. With the lock held, again when it returns. */
static void have_round(struct durable *durable)
{
	struct durable_journal *journal = &durable->journal;
	durable_rounds_wait(&journal->rounds, journal->rounds.begun + 1, write_round, durable, NULL);
	pthread_mutex_lock(&journal->rounds.lock);
}

/* Everything in the file was written where it belongs before it came here. With the lock held, again when it returns. */
static bool empty_other(struct durable *durable)
{
	struct durable_journal *journal = &durable->journal;
	struct error error;
	pthread_mutex_unlock(&journal->rounds.lock);
	bool done = durable_sync(durable, &error) && empty_file(&journal->files[journal->to_empty], &error);
	if (!done)
		log_error("journal.unusable", log_text("cause", error.text));
	pthread_mutex_lock(&journal->rounds.lock);
	if (done)
		journal->to_empty = -1;
	return done;
}

static void *tidy(void *argument)
{
	struct durable *durable = argument;
	struct durable_journal *journal = &durable->journal;
	bool done = true;
	pthread_mutex_lock(&journal->rounds.lock);
	have_round(durable); /* the first one begins the journal: what there is to restore is restored now, not when somebody appends */
	while (done && !journal->stopping) {
		int64_t due_ms = journal->filled_ms + journal->keep_ms;
		if (journal->to_empty >= 0)
			done = empty_other(durable);
		else if (journal->filled_ms == 0)
			pthread_cond_wait(&journal->changed, &journal->rounds.lock);
		else if (!clock_wait(&journal->changed, &journal->rounds.lock, due_ms)) {
			journal->turn_wanted = true;
			have_round(durable);
		}
	}
	return threads_leave(&journal->threads, &journal->rounds.lock);
}

/* ---- The journal of a store ---- */

void durable_journal_init(struct durable_journal *journal)
{
	*journal = (struct durable_journal){.to_empty = -1, .keep_ms = JOURNAL_SECONDS * 1000};
	durable_rounds_init(&journal->rounds);
	clock_init_condition(&journal->changed);
	threads_init(&journal->threads);
	for (int i = 0; i < DURABLE_JOURNAL_FILES; i++) {
		journal->files[i].fd = -1;
		journal->waiting[i] = BUF(WAITING_BYTES);
	}
}

void durable_journal_free(struct durable_journal *journal)
{
	for (int i = 0; i < DURABLE_JOURNAL_FILES; i++)
		buf_free(&journal->waiting[i]);
	threads_free(&journal->threads);
	pthread_cond_destroy(&journal->changed);
	durable_rounds_free(&journal->rounds);
}

bool durable_begin_journal(struct durable *durable, durable_restore *restore, void *context, struct error *error)
{
	struct durable_journal *journal = &durable->journal;
	journal->restore = restore;
	journal->context = context;
	pthread_mutex_lock(&journal->rounds.lock);
	bool started = threads_start(&journal->threads, TIDY_STACK, "journal", tidy, durable);
	pthread_mutex_unlock(&journal->rounds.lock);
	return started || error_set(error, ERROR_TEMPORARY, "no thread for the journal");
}

void durable_end_journal(struct durable *durable)
{
	struct durable_journal *journal = &durable->journal;
	pthread_mutex_lock(&journal->rounds.lock);
	journal->stopping = true;
	pthread_cond_signal(&journal->changed);
	threads_join(&journal->threads, &journal->rounds.lock);
	pthread_mutex_unlock(&journal->rounds.lock);
	bool synced = journal->usable && durable_sync(durable, NULL);
	for (int i = 0; i < DURABLE_JOURNAL_FILES; i++) {
		if (synced)
			empty_file(&journal->files[i], NULL);
		if (journal->files[i].fd >= 0)
			close(journal->files[i].fd);
	}
}
