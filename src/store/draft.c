/* Adding messages. A draft is in memory up to SMALL_DRAFT bytes, then in a file with a temporary name; or somebody's file is linked to
 * one. The commit first hashes, parses and writes every draft, without any lock; then one transaction gives ids and UIDs, adds the rows
 * and gives the files their names, last of all, just before it commits. If that commit fails the files go again. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "message/canonical.h"
#include "store/internal.h"

struct draft {
	struct account *account;
	struct buf buffer;        /* all of a small draft, to its end; of a larger one what isn't in its file yet */
	int fd;                   /* of the file while it is being written; -1: none */
	char *path;               /* the file's temporary name; NULL: none yet */
	uint64_t size;
	struct canonical canonical; /* mends the line ends of what is written */
	uint64_t reserved;        /* of the account's quota, see draft_reserve() */
	bool counted;             /* it is one of the account's unfinished messages */
	bool failed;              /* a write failed: `error` says why, the draft can't be committed */
	struct error error;
	struct arena *arena;      /* of the summary */
	bool described;           /* hash and summary are known */
	bool closed;              /* nothing more is written to it */
	unsigned char hash[BLOB_HASH_SIZE];
	struct slice summary;
	struct slice keywords;    /* as they are stored */
	int64_t id, received;     /* what the transaction gave */
	bool named;               /* the file has its final name */
};

struct draft *draft_new(struct account *account)
{
	struct draft *draft = memory_new(sizeof *draft);
	draft->account = account;
	draft->buffer = BUF(SMALL_DRAFT);
	draft->fd = -1;
	draft->arena = arena_new();
	return draft;
}

static void close_file(struct draft *draft)
{
	if (draft->fd >= 0)
		close(draft->fd);
	draft->fd = -1;
}

static void give_reserve_back(struct draft *draft)
{
	if (!draft->counted)
		return;
	pthread_mutex_lock(&draft->account->lock);
	draft->account->unfinished.bytes -= draft->reserved;
	draft->account->unfinished.messages--;
	pthread_mutex_unlock(&draft->account->lock);
}

void draft_abort(struct draft **draft)
{
	if (!*draft)
		return;
	give_reserve_back(*draft);
	close_file(*draft);
	if ((*draft)->path && !(*draft)->named)
		unlink((*draft)->path);
	buf_free(&(*draft)->buffer);
	arena_free(&(*draft)->arena);
	free((*draft)->path);
	free(*draft);
	*draft = NULL;
}

/* ---- What is unfinished counts ---- */

static bool fits(const struct mail_row *row, const struct unfinished *unfinished, uint64_t bytes)
{
	struct usage usage = change_usage(row);
	uint64_t used = usage.bytes + unfinished->bytes;
	if (usage.max_bytes > 0 && (used > usage.max_bytes || bytes > usage.max_bytes - used))
		return false;
	return usage.max_messages == 0 || usage.messages + unfinished->messages < usage.max_messages;
}

bool draft_reserve(struct draft *draft, uint64_t bytes, struct error *error)
{
	struct account *account = draft->account;
	struct mail_row row;
	if (!account_enter(account, error))
		return false;
	bool done = change_read_row(account->mail.db, &row, error);
	if (done && !fits(&row, &account->unfinished, bytes))
		done = error_set(error, ERROR_LIMIT, "over quota: with what is unfinished, %llu of %lld bytes are used",
				 (unsigned long long)(change_usage(&row).bytes + account->unfinished.bytes), (long long)row.max_bytes);
	if (done) {
		account->unfinished.bytes += bytes;
		account->unfinished.messages++;
		draft->reserved = bytes;
		draft->counted = true;
	}
	account_leave(account);
	return done;
}

/* ---- Writing ---- */

static bool make_file(struct draft *draft, struct error *error)
{
	char path[PATH_MAX];
	draft->fd = blob_new(draft->account->folder, path, error);
	if (draft->fd < 0)
		return false;
	draft->path = memory_copy(path, strlen(path));
	return true;
}

static bool write_buffer(struct draft *draft, struct error *error)
{
	return (draft->fd >= 0 || make_file(draft, error)) && file_write_all(draft->fd, buf_slice(&draft->buffer), error);
}

static bool flush(struct draft *draft, struct error *error)
{
	if (!write_buffer(draft, error))
		return false;
	buf_clear(&draft->buffer);
	return true;
}

static bool write_bytes(struct draft *draft, struct slice bytes, struct error *error)
{
	uint64_t most = draft->account->store->max_message;
	if (most > 0 && (bytes.len > most || draft->size > most - bytes.len))
		return error_set(error, ERROR_LIMIT, "larger than %llu bytes", (unsigned long long)most);
	draft->size += bytes.len;
	if (draft->buffer.len + bytes.len <= SMALL_DRAFT)
		return buf_append(&draft->buffer, bytes);
	if (!flush(draft, error))
		return false;
	return bytes.len <= SMALL_DRAFT ? buf_append(&draft->buffer, bytes) : file_write_all(draft->fd, bytes, error);
}

/* What isn't as it is kept is mended a step at a time. */
static bool write_mended(struct draft *draft, struct slice bytes, struct error *error)
{
	enum { STEP = 64 * 1024 };
	bool done = true;
	while (done && bytes.len > 0) {
		size_t clean = canonical_skip(&draft->canonical, bytes);
		struct slice step = slice_sub(slice_skip(bytes, clean), 0, STEP);
		struct buf mended = BUF(CANONICAL_FACTOR * (step.len + draft->canonical.crs));
		done = clean == 0 || write_bytes(draft, slice_sub(bytes, 0, clean), error);
		canonical_write(&draft->canonical, step, &mended);
		done = done && (mended.len == 0 || write_bytes(draft, buf_slice(&mended), error));
		buf_free(&mended);
		bytes = slice_skip(bytes, clean + step.len);
	}
	return done;
}

bool draft_write(struct draft *draft, struct slice bytes, struct error *error)
{
	if (!draft->failed && (draft->closed || draft->described || (draft->path && draft->fd < 0)))
		draft->failed = !error_set(&draft->error, ERROR_INVALID, "the draft is whole, or another message's file");
	if (!draft->failed && !write_mended(draft, bytes, &draft->error))
		draft->failed = true;
	if (draft->failed && error)
		*error = draft->error;
	return !draft->failed;
}

/* ---- Linking ---- */

/* What is known of a message of another account. */
static bool read_known(struct draft *draft, struct account *other, int64_t id, struct error *error)
{
	struct mail_content known;
	bool there = false;
	if (!account_enter(other, error))
		return false;
	bool done = mail_read_content(other->mail.db, id, &known, &draft->summary, draft->arena, &there, error);
	account_leave(other);
	if (done && (!there || known.refs == 0))
		return error_set(error, ERROR_NOT_FOUND, "the message is no longer there");
	draft->size = done ? known.size : 0;
	draft->described = done && known.hash_len == sizeof draft->hash;
	if (draft->described)
		memcpy(draft->hash, known.hash, sizeof draft->hash);
	return done;
}

static bool link_file(struct draft *draft, struct account *other, int64_t id, struct error *error)
{
	char path[PATH_MAX];
	if (!blob_new_linked(draft->account->folder, other->folder, id, draft->size, path, error))
		return false;
	draft->path = memory_copy(path, strlen(path));
	return true;
}

bool draft_link(struct draft *draft, struct account *other, int64_t id, struct error *error)
{
	if (draft->size > 0 || draft->path)
		return error_set(error, ERROR_INVALID, "the draft has content already");
	draft->failed = !read_known(draft, other, id, &draft->error) || !link_file(draft, other, id, &draft->error);
	if (draft->failed && error)
		*error = draft->error;
	return !draft->failed;
}

/* ---- Taking over a file ---- */

static void describe(struct draft *draft, struct slice content)
{
	blob_hash(content, draft->hash);
	draft->summary = mail_summary(content, draft->arena);
	draft->described = true;
}

/* False: it can't be linked. The descriptor is kept until the message is dated. */
static bool link_open_file(struct draft *draft, int fd, uint64_t size)
{
	char path[PATH_MAX];
	uint64_t most = draft->account->store->max_message;
	if ((most > 0 && size > most) || !blob_new_from(draft->account->folder, fd, path))
		return false;
	draft->path = memory_copy(path, strlen(path));
	draft->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	draft->size = size;
	return true;
}

bool draft_take_file(struct draft *draft, int fd, struct error *error)
{
	struct slice content;
	if (draft->size > 0 || draft->path)
		return error_set(error, ERROR_INVALID, "the draft has content already");
	if (!blob_map_open(fd, &content, NULL, error))
		return false;
	bool done = true;
	if (canonical_is_right(content) && link_open_file(draft, fd, content.len))
		describe(draft, content);
	else
		done = draft_write(draft, content, error);
	blob_unmap(content);
	return done;
}

/* ---- Preparing: no lock is held ---- */

static bool describe_file(struct draft *draft, struct error *error)
{
	struct slice content;
	if (!blob_map_draft(draft->path, &content, error))
		return false;
	describe(draft, content);
	blob_unmap(content);
	return true;
}

/* Writes what is still due, and says what was mended. */
static bool end_content(struct draft *draft, struct error *error)
{
	struct buf rest = BUF(CANONICAL_MORE * (draft->canonical.crs + 1));
	canonical_end(&draft->canonical, &rest);
	bool done = rest.len == 0 || write_bytes(draft, buf_slice(&rest), error);
	buf_free(&rest);
	if (draft->canonical.nuls > 0)
		log_info("message.nul_replaced", log_slice("account", draft->account->name), log_number("bytes", (int64_t)draft->canonical.nuls));
	return done;
}

static bool prepare(struct account *account, struct draft *draft, int64_t received, struct error *error)
{
	if (draft->account != account)
		return error_set(error, ERROR_INVALID, "the draft belongs to another account");
	if (draft->failed) {
		if (error)
			*error = draft->error;
		return false;
	}
	if (draft->closed)
		return true;
	if (!end_content(draft, error))
		return false;
	draft->closed = true;
	bool small = !draft->path;
	if (small && !draft->described)
		describe(draft, buf_slice(&draft->buffer));
	if ((small || draft->fd >= 0) && !write_buffer(draft, error))
		return false;
	/* The file's time is the message's date: for people who look, and for a rebuild. A linked file has it already. */
	if (draft->fd >= 0 && !blob_date(draft->fd, received, error))
		return false;
	close_file(draft);
	return draft->described || describe_file(draft, error);
}

bool draft_close(struct draft *draft, int64_t received, struct error *error)
{
	if (!prepare(draft->account, draft, received, error))
		return false;
	buf_free(&draft->buffer);
	return true;
}

size_t draft_memory(const struct draft *draft)
{
	enum { ALLOCATED = 1200 }; /* the arena's first chunk, and what the C library adds to each allocation */
	return sizeof *draft + ALLOCATED + arena_used(draft->arena) + draft->buffer.capacity + (draft->path ? strlen(draft->path) : 0);
}

uint64_t draft_header(const struct draft *draft)
{
	return draft->canonical.header;
}

/* ---- Committing ---- */

static bool insert_rows(struct change *change, struct draft *draft, struct placement *placement, struct error *error)
{
	struct mail_placement new = {.mailbox = placement->mailbox, .message = draft->id, .flags = placement->flags, .keywords = draft->keywords,
		.size = draft->size, .received = draft->received};
	if (!mail_add(change, &new, draft->hash, draft->summary, error))
		return false;
	placement->id = draft->id;
	placement->uid = new.uid;
	placement->modseq = change_modseq(change);
	return placement->delivery_id == 0 || mail_add_delivery(change, placement, draft->keywords, error);
}

static bool add(struct change *change, struct draft *draft, struct placement *placement, struct error *error)
{
	placement->duplicate = false;
	if (placement->delivery_id != 0 && (!mail_find_placed(change, placement, error) || placement->duplicate))
		return placement->duplicate;
	if (!mail_change_keywords(slice_make(NULL, 0), FLAGS_SET, placement->keywords, draft->arena, &draft->keywords, error) ||
	    !change_check_quota(change, draft->size + draft->keywords.len, error))
		return false;
	draft->id = change_next_id(change);
	draft->received = placement->received ? placement->received : change->now;
	return insert_rows(change, draft, placement, error);
}

static bool name_file(struct draft *draft, struct error *error)
{
	return draft->named = blob_put(draft->account->folder, draft->id, &draft->path, error);
}

static bool add_all(struct change *change, struct draft **drafts, struct placement *placements, size_t count, struct error *error)
{
	for (size_t i = 0; i < count; i++)
		if (!add(change, drafts[i], &placements[i], error))
			return false;
	for (size_t i = 0; i < count; i++)
		if (!placements[i].duplicate && !name_file(drafts[i], error))
			return false;
	return true;
}

static bool commit(struct account *account, struct draft **drafts, struct placement *placements, size_t count, struct error *error)
{
	struct change change;
	struct mail_uid_need *needs = memory_array(count, sizeof *needs);
	for (size_t i = 0; i < count; i++)
		needs[i] = (struct mail_uid_need){placements[i].mailbox, (uint32_t)count};
	bool begun = account_begin(account, needs, count, &change, error);
	free(needs);
	return begun && account_end(account, &change, add_all(&change, drafts, placements, count, error), error);
}

/* What the journal is to keep of a draft. */
static struct durable_kept kept_draft(const struct draft *draft, const struct placement *placement)
{
	struct durable_kept kept = {
		.account = draft->account->name, .keywords = draft->keywords, .content = buf_slice(&draft->buffer), .id = draft->id,
		.mailbox = placement->mailbox, .modseq = placement->modseq, .received = draft->received, .uid = placement->uid,
		.flags = placement->flags & STORED_FLAGS,
	};
	memcpy(kept.hash, draft->hash, sizeof kept.hash);
	return kept;
}

/* What was committed reaches the disk by way of the journal, or where it is. */
static bool make_durable(struct store *store, struct draft **drafts, const struct placement *placements, size_t count, struct error *error)
{
	uint64_t bytes = 0;
	bool whole = store->options.journal;
	struct durable_kept *list = memory_array(count, sizeof *list);
	for (size_t i = 0; i < count; i++) {
		list[i] = kept_draft(drafts[i], &placements[i]);
		bytes += drafts[i]->size;
		whole = whole && list[i].content.len == drafts[i]->size && placements[i].delivery_id == 0;
	}
	bool done = whole && bytes <= KEPT_BYTES ? durable_keep(store->durable, list, count, error) : store_sync(store, error);
	free(list);
	return done;
}

static bool commit_drafts(struct account *account, struct draft **drafts, struct placement *placements, size_t count, struct error *error)
{
	bool done = true;
	for (size_t i = 0; done && i < count; i++)
		done = prepare(account, drafts[i], placements[i].received, error);
	if (done && count > 0)
		done = commit(account, drafts, placements, count, error);
	for (size_t i = 0; !done && i < count; i++)
		drafts[i]->named = false; /* nothing was committed: its file goes, whatever its name is */
	return done;
}

static void free_drafts(struct draft **drafts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		draft_abort(&drafts[i]);
}

bool draft_commit(struct account *account, struct draft **drafts, struct placement *placements, size_t count, struct error *error)
{
	bool done = commit_drafts(account, drafts, placements, count, error);
	free_drafts(drafts, count);
	return done;
}

bool draft_commit_durably(struct account *account, struct draft **drafts, struct placement *placements, size_t count, struct error *error)
{
	bool done = commit_drafts(account, drafts, placements, count, error) &&
		    make_durable(account->store, drafts, placements, count, error);
	free_drafts(drafts, count);
	return done;
}

/* What is a file already, of another or since it is large, is one step further. */
static bool arrive_as_file(struct draft *draft, struct arrival *arrival, struct error *error)
{
	if (!prepare(draft->account, draft, arrival->received, error))
		return false;
	arrival->size = draft->size;
	memcpy(arrival->hash, draft->hash, sizeof arrival->hash);
	return draft->named = arrival_add_file(draft->account, draft->path, arrival, error);
}

static bool arrive(struct draft *draft, struct arrival *arrival, struct error *error)
{
	if (draft->failed && error)
		*error = draft->error;
	if (draft->failed || !end_content(draft, error))
		return false;
	return draft->path ? arrive_as_file(draft, arrival, error) : arrival_add(draft->account, buf_slice(&draft->buffer), arrival, error);
}

bool draft_arrive(struct draft **draft, struct arrival *arrival, struct error *error)
{
	bool done = arrive(*draft, arrival, error);
	draft_abort(draft);
	return done;
}
