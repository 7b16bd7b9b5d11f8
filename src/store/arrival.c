/* Deliveries to accounts that nobody has open.
 *
 * To open a database costs a multiple of a delivery: schema, statements, locks, log. So a small letter for an account that isn't open
 * is put into its folder, whole, as a file in arrived/, and that is all (draft_arrive()). Whoever opens the account next takes in what
 * waits there, before anything else is seen or counted: many letters in one transaction (arrival_take_in()). So nobody ever sees an
 * account without them, and they get their ids and UIDs like any other.
 *
 * The file's name holds what its rows need: <id>.<delivery id>.<SHA-256>.eml; its time is the message's date. A letter that is delivered
 * again, after a crash, arrives under another id, and is known by its delivery id when it is taken in. What a power cut left of a file
 * isn't what its name says: it is put aside, and since it wasn't acknowledged, it is delivered again.
 *
 * Taken in, the file is linked to its place under mail/; it goes from arrived/ only after a sync has made the commit durable
 * (arrivals_settled()). Until then a crash or a power cut makes it be taken in again, which its delivery id makes harmless. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/distrust.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "store/internal.h"

enum {
	TAKE_IN_AT_ONCE = 500,        /* letters in one transaction */
	TAKE_IN_AGAIN_MS = 5 * 1000,  /* after a failure */
	UNSURE_NS = 100 * 1000 * 1000, /* a folder's time is exact to a tick of the kernel: one that is this young may hide a change */
	HEAT_SLOTS = 16384,
	HEAT_WITHIN = 64,             /* who is delivered to again within so many deliveries is worth opening */
	WAITING_MOST = 64,            /* letters that wait, as far as is known, until the courier itself has them taken in */
	NANOSECONDS = 1000 * 1000 * 1000,
};

/* ---- Names ---- */

enum { HASH_TEXT_LEN = 2 * CONTENT_HASH_SIZE, DELIVERY_TEXT_LEN = 16, NAME_LEN = ID_TEXT_LEN + 1 + DELIVERY_TEXT_LEN + 1 + HASH_TEXT_LEN + 4 };

static void name_format(const struct arrival *arrival, char out[NAME_LEN + 1])
{
	char id[ID_TEXT_LEN + 1], hash[HASH_TEXT_LEN + 1];
	id_format(arrival->id, id);
	for (int i = 0; i < CONTENT_HASH_SIZE; i++)
		snprintf(hash + 2 * i, 3, "%02x", arrival->hash[i]);
	snprintf(out, NAME_LEN + 1, "%s.%016llx.%s.eml", id, (unsigned long long)arrival->delivery_id, hash);
}

static bool parse_hex(struct slice text, unsigned char *out)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (!ascii_is_digit(c) && (c < 'a' || c > 'f'))
			return false;
		unsigned digit = (unsigned)(ascii_is_digit(c) ? c - '0' : c - 'a' + 10);
		out[i / 2] = (unsigned char)(i % 2 ? out[i / 2] << 4 | digit : digit);
	}
	return true;
}

/* False: it is no letter's name. */
static bool name_parse(struct slice name, struct arrival *arrival)
{
	enum { DELIVERY_AT = ID_TEXT_LEN + 1, HASH_AT = DELIVERY_AT + DELIVERY_TEXT_LEN + 1 };
	unsigned char delivery[DELIVERY_TEXT_LEN / 2] = {0};
	*arrival = (struct arrival){0};
	if (name.len != NAME_LEN || !slice_ends_nocase(name, SLICE(".eml")) || name.at[DELIVERY_AT - 1] != '.' || name.at[HASH_AT - 1] != '.')
		return false;
	arrival->id = id_parse(slice_sub(name, 0, ID_TEXT_LEN));
	if (arrival->id == 0 || !parse_hex(slice_sub(name, DELIVERY_AT, DELIVERY_TEXT_LEN), delivery) ||
	    !parse_hex(slice_sub(name, HASH_AT, HASH_TEXT_LEN), arrival->hash))
		return false;
	for (size_t i = 0; i < sizeof delivery; i++)
		arrival->delivery_id = (int64_t)((uint64_t)arrival->delivery_id << 8 | delivery[i]);
	return true;
}

static void arrival_path(const char *folder, const struct arrival *arrival, char out[PATH_MAX])
{
	char name[NAME_LEN + 1];
	name_format(arrival, name);
	snprintf(out, PATH_MAX, "%s/arrived/%s", folder, name);
}

/* ---- Arriving ---- */

/* Accounts that were made before have no such folder. The account's own is never made here: then there is no account. */
static bool make_folder(const char *folder)
{
	char path[PATH_MAX];
	path_of_arrivals(folder, path);
	return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static bool set_missing(struct error *error, int number, const char *path)
{
	return number == ENOENT ? error_set(error, ERROR_NOT_FOUND, "there is no such account") : error_set_errno(error, number, "writing %s", path);
}

static int create(const struct account *account, const char *path, struct error *error)
{
	enum { FLAGS = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC };
	int fd = open(path, FLAGS, 0600);
	if (fd < 0 && errno == ENOENT && make_folder(account->folder))
		fd = open(path, FLAGS, 0600);
	if (fd < 0)
		set_missing(error, errno, path);
	return fd;
}

static bool write_file(const struct account *account, const char *making, const char *path, struct slice content, int64_t received, struct error *error)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)received}};
	int fd = create(account, making, error);
	if (fd < 0)
		return false;
	bool done = file_write_all(fd, content, error);
	if (done && (futimens(fd, times) != 0 || rename(making, path) != 0))
		done = error_set_errno(error, errno, "writing %s", path);
	if (!done)
		unlink(making);
	close(fd);
	return done;
}

/* What waits counts; when it is taken in, the account's own numbers take this one's place. */
static void count_usage(struct store *store, struct slice account, uint64_t size)
{
	struct usage usage;
	if (!usage_find(store->usage, account, &usage))
		return;
	usage.bytes += size;
	usage.messages++;
	usage_note(store->usage, account, &usage);
}

static void arrived(struct account *account, uint64_t size)
{
	count_usage(account->store, account->name, size);
	watch_changed(account->store, account->name);
}

bool arrival_add(struct account *account, struct slice content, struct arrival *arrival, struct error *error)
{
	char making[PATH_MAX], path[PATH_MAX], id[ID_TEXT_LEN + 1];
	if (!disk_is_trusted(error))
		return false;
	arrival->id = id_new();
	arrival->size = content.len;
	content_hash(content, arrival->hash);
	id_format(arrival->id, id);
	snprintf(making, sizeof making, "%s/arrived/.%s.new", account->folder, id);
	arrival_path(account->folder, arrival, path);
	if (!write_file(account, making, path, content, arrival->received, error))
		return false;
	arrived(account, content.len);
	return true;
}

bool arrival_add_file(struct account *account, const char *path, struct arrival *arrival, struct error *error)
{
	char right[PATH_MAX];
	if (!disk_is_trusted(error))
		return false;
	arrival->id = id_new();
	arrival_path(account->folder, arrival, right);
	if (rename(path, right) != 0 && (errno != ENOENT || !make_folder(account->folder) || rename(path, right) != 0))
		return set_missing(error, errno, right);
	arrived(account, arrival->size);
	return true;
}

bool account_arrive_linked(struct account *account, const struct account *other, const struct arrival *from, struct arrival *arrival)
{
	char old[PATH_MAX], path[PATH_MAX];
	struct arrival linked = *from;
	linked.id = id_new();
	linked.delivery_id = arrival->delivery_id;
	arrival_path(other->folder, from, old);
	arrival_path(account->folder, &linked, path);
	if (!disk_is_trusted(NULL) || link(old, path) != 0)
		return false;
	*arrival = linked;
	arrived(account, arrival->size);
	return true;
}

/* ---- Who is worth opening ---- */

/* Guards nothing but the table: what is lost in it costs an opening more or less. With the store's lock. */
static bool is_warm(struct store *store, struct slice name)
{
	if (!store->heat)
		store->heat = memory_array(HEAT_SLOTS, sizeof *store->heat);
	uint64_t hash = map_hash(name);
	struct heat *slot = &store->heat[hash % HEAT_SLOTS];
	bool known = slot->hash == hash;
	bool warm = known && (store->delivered - slot->last < HEAT_WITHIN || slot->waiting + 1 >= WAITING_MOST);
	*slot = (struct heat){hash, store->delivered++, warm || !known ? 1 : slot->waiting + 1};
	return warm;
}

/* Whoever has it locked has it open, or is about to. */
static bool is_open(struct account *account)
{
	if (pthread_mutex_trylock(&account->lock) != 0)
		return true;
	bool open = account->db != NULL;
	pthread_mutex_unlock(&account->lock);
	return open;
}

bool account_prefers_arrivals(struct account *account, uint64_t bytes)
{
	struct store *store = account->store;
	struct usage usage;
	pthread_mutex_lock(&store->lock);
	bool warm = is_warm(store, account->name);
	pthread_mutex_unlock(&store->lock);
	/* Whether what is tight fits in the end, only the account's own numbers can say. */
	return !warm && !is_open(account) && (!usage_find(store->usage, account->name, &usage) || usage_room(&usage) >= bytes);
}

/* ---- Taking in ---- */

struct waiting { struct arrival *at; size_t count, room; };

static int by_id(const void *a, const void *b)
{
	const struct arrival *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

/* In the order in which they came. */
static bool list_waiting(const char *folder, struct waiting *waiting, struct error *error)
{
	char path[PATH_MAX];
	path_of_arrivals(folder, path);
	DIR *list = opendir(path);
	if (!list)
		return errno == ENOENT || error_set_errno(error, errno, "listing %s", path);
	for (struct dirent *entry; (entry = readdir(list));) {
		if (waiting->count == waiting->room) {
			waiting->room = 2 * waiting->room + 16;
			waiting->at = memory_resize(waiting->at, waiting->room * sizeof *waiting->at);
		}
		waiting->count += name_parse(slice_of(entry->d_name), &waiting->at[waiting->count]);
	}
	closedir(list);
	if (waiting->count > 1)
		qsort(waiting->at, waiting->count, sizeof *waiting->at, by_id);
	return true;
}

/* What a power cut left of a letter that wasn't acknowledged, or a disk's fault: it stays to be looked at, until account_clean(). */
static void put_aside(struct account *account, const struct arrival *arrival, const char *path)
{
	char aside[PATH_MAX];
	if (snprintf(aside, sizeof aside, "%s.damaged", path) < (int)sizeof aside && rename(path, aside) == 0)
		fsck_note_lost(account, arrival->id);
}

enum place { PLACE_MADE, PLACE_TAKEN, PLACE_NOT_MADE };

static bool is_same_file(const char *a, const char *b)
{
	struct stat one, other;
	return lstat(a, &one) == 0 && lstat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* Gives the file its name under mail/, beside the one that it has. */
static enum place make_place(const char *folder, const char *path, int64_t id)
{
	char right[PATH_MAX], month[PATH_MAX];
	path_of_message(folder, id, right);
	if (link(path, right) == 0)
		return PLACE_MADE;
	if (errno == ENOENT) { /* the month may have begun just now */
		path_of_month(folder, id, month);
		if (file_make_folders(month, 0700, NULL) && link(path, right) == 0)
			return PLACE_MADE;
	}
	if (errno != EEXIST)
		return PLACE_NOT_MADE;
	return is_same_file(path, right) ? PLACE_MADE : PLACE_TAKEN;
}

/* Where no file may have two names it is written a second time. */
static bool copy_to_place(const char *folder, const struct arrival *arrival, int64_t id, struct slice content)
{
	struct kept kept = {.id = id, .content = content, .received = arrival->received};
	memcpy(kept.hash, arrival->hash, sizeof kept.hash);
	return adopt_kept_file(folder, &kept, NULL);
}

/* The id it came with, if that is still to be given: an interrupted try has used the same. 0: it can't be placed now. */
static int64_t place_file(struct change *change, const struct arrival *arrival, const char *path, struct slice content)
{
	const char *folder = change->account->folder;
	enum place place = PLACE_TAKEN;
	int64_t id = arrival->id;
	if (id > change->row.last_id) {
		place = make_place(folder, path, id);
		change->row.last_id = place == PLACE_MADE ? id : change->row.last_id;
	}
	while (place == PLACE_TAKEN) {
		id = change_next_id(change);
		place = make_place(folder, path, id);
	}
	return place == PLACE_MADE || copy_to_place(folder, arrival, id, content) ? id : 0;
}

/* What a try before an unclean stop has linked, under an id that isn't given any more. */
static void drop_former_place(const char *folder, const struct arrival *arrival, int64_t id, const char *path)
{
	char former[PATH_MAX];
	path_of_message(folder, arrival->id, former);
	if (id != arrival->id && is_same_file(path, former))
		unlink(former);
}

static bool add_rows(struct change *change, const struct arrival *arrival, int64_t id, struct slice content, struct error *error)
{
	struct new_placement new = {.mailbox = change->account->incarnation, .message = id, .size = content.len, .received = arrival->received};
	if (!adopt_content(change, &new, content, arrival->hash, error))
		return false;
	struct placement placement = {.mailbox = new.mailbox, .delivery_id = arrival->delivery_id, .uid = new.uid, .id = id};
	return delivery_add(change, &placement, slice_make(NULL, 0), error);
}

static bool is_what_arrived(const struct arrival *arrival, struct slice content)
{
	unsigned char hash[CONTENT_HASH_SIZE];
	content_hash(content, hash);
	return memcmp(hash, arrival->hash, sizeof hash) == 0;
}

/* One that can't be read or placed now is left to the next time. */
static bool take_in_content(struct change *change, struct arrival *arrival, const char *path, struct slice content, bool *taken, struct error *error)
{
	struct stat status;
	if (!is_what_arrived(arrival, content)) {
		put_aside(change->account, arrival, path);
		return true;
	}
	if (stat(path, &status) != 0)
		return true;
	arrival->received = status.st_mtime;
	int64_t id = place_file(change, arrival, path, content);
	if (id == 0) {
		log_warning("store.arrival_not_placed", log_slice("account", change->account->name), log_id("message", arrival->id));
		return true;
	}
	*taken = true;
	drop_former_place(change->account->folder, arrival, id, path);
	return add_rows(change, arrival, id, content, error);
}

static bool take_in_one(struct change *change, struct arrival *arrival, bool *taken, struct error *error)
{
	char path[PATH_MAX];
	struct slice content;
	if (!delivery_is_known(change, arrival->delivery_id, taken, error))
		return false;
	arrival_path(change->account->folder, arrival, path);
	if (*taken || !content_map(path, &content, NULL))
		return true;
	bool done = take_in_content(change, arrival, path, content, taken, error);
	content_unmap(content);
	return done;
}

static bool take_in_some(struct account *account, struct arrival *list, size_t count, bool *all, struct error *error)
{
	struct change change;
	bool taken[TAKE_IN_AT_ONCE] = {false}, done = true;
	if (!change_begin_entered(account, &(struct uid_need){account->incarnation, (uint32_t)count}, 1, &change, error))
		return false;
	for (size_t i = 0; done && i < count; i++)
		done = take_in_one(&change, &list[i], &taken[i], error);
	account->tell |= change.modseq != 0;
	if (!change_finish(&change, done, error))
		return false;
	for (size_t i = 0; i < count; i++) {
		char path[PATH_MAX];
		arrival_path(account->folder, &list[i], path);
		*all &= taken[i] && arrivals_settle_later(account->store, path);
	}
	return true;
}

static bool take_in_waiting(struct account *account, bool *all, struct error *error)
{
	struct waiting waiting = {0};
	bool done = list_waiting(account->folder, &waiting, error);
	*all = true;
	for (size_t i = 0; done && i < waiting.count; i += TAKE_IN_AT_ONCE)
		done = take_in_some(account, waiting.at + i, waiting.count - i < TAKE_IN_AT_ONCE ? waiting.count - i : TAKE_IN_AT_ONCE, all, error);
	free(waiting.at);
	return done;
}

static int64_t nanoseconds(struct timespec time)
{
	return (int64_t)time.tv_sec * NANOSECONDS + time.tv_nsec;
}

/* When the folder was last changed; 0: there is none, or nothing in it that hasn't been looked at. */
static int64_t news_at(const struct account *account)
{
	char path[PATH_MAX];
	struct stat status;
	path_of_arrivals(account->folder, path);
	if (stat(path, &status) != 0)
		return 0;
	int64_t changed = nanoseconds(status.st_mtim);
	return changed == account->arrivals.seen ? 0 : changed;
}

static bool is_unsure(int64_t changed)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return nanoseconds(now) - changed < UNSURE_NS;
}

void arrival_take_in(struct account *account)
{
	struct error error = {0};
	bool all;
	int64_t changed = account->store->options.looking ? 0 : news_at(account);
	if (changed == 0 || clock_monotonic_ms() < account->arrivals.again_ms)
		return;
	bool unsure = is_unsure(changed); /* before it is listed */
	if (take_in_waiting(account, &all, &error)) {
		account->arrivals.seen = unsure || !all ? 0 : changed;
		return;
	}
	account->arrivals.again_ms = clock_monotonic_ms() + TAKE_IN_AGAIN_MS;
	log_warning("store.arrivals_wait", log_slice("account", account->name), log_text("reason", error.text));
}

bool arrival_is_whole(const struct arrival *arrival, const char *path)
{
	struct slice content;
	if (!content_map(path, &content, NULL))
		return false;
	bool whole = is_what_arrived(arrival, content);
	content_unmap(content);
	return whole;
}

bool arrival_each(const char *folder, bool (*visit)(void *context, const struct arrival *arrival, const char *path, struct error *error), void *context,
		  struct error *error)
{
	struct waiting waiting = {0};
	bool done = list_waiting(folder, &waiting, error);
	for (size_t i = 0; done && i < waiting.count; i++) {
		char path[PATH_MAX];
		arrival_path(folder, &waiting.at[i], path);
		done = visit(context, &waiting.at[i], path, error);
	}
	free(waiting.at);
	return done;
}

/* ---- What has been taken in goes, when that is durable ---- */

enum { SETTLED_MOST = 16 * 1024 }; /* more are found again by the care of accounts */

bool arrivals_settle_later(struct store *store, const char *path)
{
	struct paths *settled = &store->settled;
	pthread_mutex_lock(&store->lock);
	bool room = settled->count < SETTLED_MOST;
	if (room && settled->count == settled->room) {
		settled->room = 2 * settled->room + 16;
		settled->at = memory_resize(settled->at, settled->room * sizeof *settled->at);
	}
	if (room)
		settled->at[settled->count++] = memory_copy(path, strlen(path));
	pthread_mutex_unlock(&store->lock);
	return room;
}

struct paths arrivals_settling(struct store *store)
{
	pthread_mutex_lock(&store->lock);
	struct paths settled = store->settled;
	store->settled = (struct paths){0};
	pthread_mutex_unlock(&store->lock);
	return settled;
}

void arrivals_settled(struct paths *settled, bool durable)
{
	for (size_t i = 0; i < settled->count; i++) {
		if (durable)
			unlink(settled->at[i]);
		free(settled->at[i]);
	}
	free(settled->at);
	*settled = (struct paths){0};
}

bool arrivals_end(struct store *store, struct error *error)
{
	pthread_mutex_lock(&store->lock);
	bool any = store->settled.count > 0;
	pthread_mutex_unlock(&store->lock);
	return !any || store_sync(store, error);
}
