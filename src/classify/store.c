/* The store of tokens, a file:
 *
 *     a page     what it is: magic, version, sizes, seed, with a check; written once, before the file has its name
 *                twice the number of messages learned, with a check: written in turn, so that one is whole
 *     groups     of tokens: 16 keys of 32 bits, then their 16 values
 *     groups     of messages that were learned, in the same form
 *
 * A value is one word, read and written at once: messages of spam and of ham (20 bits each), the week in which it was seen last, and a check of
 * all this and the key (12 bits). So a reader needs no lock, and what a crash or a bad disk leaves is a value with a wrong check: an empty
 * place. A group is found by the hash mixed with the seed, which strangers don't know: they can't choose words that push others out. Where
 * a group is full, its rarest and oldest token goes.
 *
 * Who writes it, and who shares a role with the writer, has it mapped into memory. Who reads another role's has not: that one may be a stranger's
 * puppet and cut it short, and touching what is mapped and no longer there would end the reader. It reads each group that it wants (pread(2)),
 * and what isn't there is empty.
 *
 * The room on the disk is taken when the file is made: writing to a mapped file whose room is missing would end the process. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "classify/internal.h"

enum {
	VERSION = 1, /* of the form of the file and of the tokens: another makes it useless */
	GROUP_PLACES = 16,
	PAGE = 4096,
	COUNT_BITS = 20,
	COUNT_MAX = (1 << COUNT_BITS) - 1,
	WEEK_BITS = 12,
	WEEK_MAX = (1 << WEEK_BITS) - 1,
	CHECK_MASK = 0xfff,
	WEEK_SECONDS = 7 * 24 * 3600,
	RARE_WEEKS = 26,   /* a token of one message goes after so many weeks, … */
	SELDOM_WEEKS = 104, SELDOM_MESSAGES = 3, /* … one of so many after these */
	LEARNING = 2,      /* in the record of a message: its tokens are being counted; 1: they are */
};
static const char magic[8] = "pombaltk";
static const int64_t first_week = 1577836800; /* 2020-01-01 */

struct group {
	uint32_t keys[GROUP_PLACES];
	uint64_t values[GROUP_PLACES];
};
_Static_assert(sizeof(struct group) == 192, "a group is three lines of the processor's cache");

struct totals_copy {
	uint64_t generation;
	uint32_t spam, ham;
	uint64_t check;
};

struct page {
	char magic[8];
	uint32_t version, token_bits, message_bits, unused;
	uint64_t seed, check;
	struct totals_copy totals[2];
};
_Static_assert(sizeof(struct page) <= PAGE, "it fits");

struct table {
	struct group *groups; /* NULL: they aren't mapped */
	size_t at;            /* in the file */
	size_t count; /* that the file holds; those missing are empty */
	unsigned bits;
};

struct classify_store {
	int fd;
	bool writable;
	char *map;         /* NULL: it is another role's */
	size_t size;
	uint64_t seed;
	struct page *page; /* mapped, too */
	struct table tokens, messages;
};

/* ---- one place ---- */

struct value {
	uint32_t spam, ham, week;
};

static uint64_t check_of(uint32_t key, uint64_t bare) { return classify_mix(bare ^ (uint64_t)key << 32 ^ 0x5bd1e995) & CHECK_MASK; }

static uint64_t pack(uint32_t key, struct value value)
{
	uint64_t spam = value.spam, ham = value.ham, bare = spam << 44 | ham << 24 | (uint64_t)value.week << WEEK_BITS;
	return bare | check_of(key, bare);
}

/* False: the place is empty, or damaged. */
static bool unpack(uint32_t key, uint64_t word, struct value *value)
{
	uint64_t bare = word & ~(uint64_t)CHECK_MASK;
	*value = (struct value){(uint32_t)(word >> 44), word >> 24 & COUNT_MAX, word >> WEEK_BITS & WEEK_MAX};
	return word != 0 && (word & CHECK_MASK) == check_of(key, bare);
}

static uint32_t key_at(const struct group *group, size_t i) { return __atomic_load_n(&group->keys[i], __ATOMIC_RELAXED); }
static uint64_t word_at(const struct group *group, size_t i) { return __atomic_load_n(&group->values[i], __ATOMIC_RELAXED); }

static void write_place(struct group *group, size_t i, uint32_t key, struct value value)
{
	bool empty = value.spam == 0 && value.ham == 0;
	__atomic_store_n(&group->keys[i], empty ? 0 : key, __ATOMIC_RELAXED);
	__atomic_store_n(&group->values[i], empty ? 0 : pack(key, value), __ATOMIC_RELAXED);
}

static uint32_t week_of(int64_t now)
{
	int64_t week = (now - first_week) / WEEK_SECONDS;
	return week < 1 ? 1 : week > WEEK_MAX ? WEEK_MAX : (uint32_t)week;
}

/* ---- groups ---- */

struct place {
	size_t index;
	uint32_t key;
};

static struct place place_of(const struct classify_store *store, const struct table *table, uint64_t hash)
{
	uint64_t mixed = classify_mix(hash ^ store->seed);
	return (struct place){(size_t)(mixed >> (64 - table->bits)), (uint32_t)mixed};
}

/* NULL: the file doesn't hold it. `room`: for one that is read. */
static struct group *group_at(const struct classify_store *store, const struct table *table, size_t index, struct group *room)
{
	if (index >= table->count)
		return NULL;
	if (table->groups)
		return &table->groups[index];
	return pread(store->fd, room, sizeof *room, (off_t)(table->at + index * sizeof *room)) == (ssize_t)sizeof *room ? room : NULL;
}

static size_t find_key(const struct group *group, uint32_t key, struct value *value)
{
	for (size_t i = 0; i < GROUP_PLACES; i++)
		if (key_at(group, i) == key && unpack(key, word_at(group, i), value))
			return i;
	*value = (struct value){0};
	return GROUP_PLACES;
}

/* What is lost with a token: how often it was seen, and of these who was seen last. 0: an empty place. */
static uint64_t worth(const struct group *group, size_t i)
{
	struct value value;
	if (!unpack(key_at(group, i), word_at(group, i), &value))
		return 0;
	return (uint64_t)(value.spam + value.ham) << WEEK_BITS | value.week;
}

static size_t place_to_take(const struct group *group)
{
	size_t best = 0;
	for (size_t i = 1; i < GROUP_PLACES; i++)
		if (worth(group, i) < worth(group, best))
			best = i;
	return best;
}

static struct value find(const struct classify_store *store, const struct table *table, uint64_t hash)
{
	struct value value = {0};
	struct group room;
	struct place place = place_of(store, table, hash);
	const struct group *group = group_at(store, table, place.index, &room);
	if (group)
		find_key(group, place.key, &value);
	return value;
}

static void put(struct classify_store *store, struct table *table, uint64_t hash, struct value value)
{
	struct value former;
	struct place place = place_of(store, table, hash);
	struct group *group = place.index < table->count ? &table->groups[place.index] : NULL;
	if (!group)
		return;
	size_t i = find_key(group, place.key, &former);
	if (i == GROUP_PLACES && value.spam + value.ham > 0)
		i = place_to_take(group);
	if (i < GROUP_PLACES)
		write_place(group, i, place.key, value);
}

void classify_store_prefetch(const struct classify_store *store, uint64_t hash)
{
	struct place place = place_of(store, &store->tokens, hash);
	if (store->map && place.index < store->tokens.count)
		__builtin_prefetch(&store->tokens.groups[place.index]);
}

struct classify_counts classify_store_counts(const struct classify_store *store, uint64_t hash)
{
	struct value value = find(store, &store->tokens, hash);
	return (struct classify_counts){value.spam, value.ham};
}

/* ---- totals ---- */

static uint64_t totals_check(const struct totals_copy *copy)
{
	return classify_mix(copy->generation + classify_mix((uint64_t)copy->spam << 32 | copy->ham)) ^ 0x746f74616c73;
}

/* A reader may meet a copy that is being written: the other one is whole then. */
static struct totals_copy newest_totals(const struct classify_store *store)
{
	struct totals_copy newest = {0};
	struct page read;
	const struct page *page = store->page;
	if (!page)
		page = pread(store->fd, &read, sizeof read, 0) == (ssize_t)sizeof read ? &read : NULL;
	for (size_t i = 0; page && i < 2; i++) {
		const struct totals_copy *at = &page->totals[i];
		struct totals_copy copy = {__atomic_load_n(&at->generation, __ATOMIC_RELAXED), __atomic_load_n(&at->spam, __ATOMIC_RELAXED),
					   __atomic_load_n(&at->ham, __ATOMIC_RELAXED), __atomic_load_n(&at->check, __ATOMIC_RELAXED)};
		if (copy.check == totals_check(&copy) && copy.generation >= newest.generation)
			newest = copy;
	}
	return newest;
}

static void write_totals(struct classify_store *store, struct classify_counts counts)
{
	struct totals_copy copy = {.generation = newest_totals(store).generation + 1, .spam = counts.spam, .ham = counts.ham};
	struct totals_copy *at = &store->page->totals[copy.generation % 2];
	__atomic_store_n(&at->check, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&at->generation, copy.generation, __ATOMIC_RELAXED);
	__atomic_store_n(&at->spam, copy.spam, __ATOMIC_RELAXED);
	__atomic_store_n(&at->ham, copy.ham, __ATOMIC_RELAXED);
	__atomic_store_n(&at->check, totals_check(&copy), __ATOMIC_RELAXED);
}

struct classify_counts classify_store_learned(const struct classify_store *store)
{
	struct totals_copy totals = newest_totals(store);
	return (struct classify_counts){totals.spam, totals.ham};
}

/* Where both copies are lost, the messages that are remembered are counted. */
static void mend_totals(struct classify_store *store)
{
	struct classify_counts counts = {0};
	struct value value;
	if (newest_totals(store).generation > 0)
		return;
	for (size_t i = 0; i < store->messages.count * GROUP_PLACES; i++) {
		const struct group *group = &store->messages.groups[i / GROUP_PLACES];
		if (unpack(key_at(group, i % GROUP_PLACES), word_at(group, i % GROUP_PLACES), &value)) {
			counts.spam += value.spam > 0;
			counts.ham += value.ham > 0;
		}
	}
	write_totals(store, counts);
}

void classify_store_totals(const struct classify_store *store, struct classify_totals *totals)
{
	struct classify_counts learned = classify_store_learned(store);
	*totals = (struct classify_totals){.spam = learned.spam, .ham = learned.ham, .bytes = store->size};
	totals->room = (uint32_t)(store->tokens.count * GROUP_PLACES);
	for (size_t i = 0; i < store->tokens.count; i++) {
		struct group room;
		const struct group *group = group_at(store, &store->tokens, i, &room);
		for (size_t j = 0; group && j < GROUP_PLACES; j++)
			totals->tokens += worth(group, j) > 0;
	}
}

/* ---- learning ---- */

static uint32_t changed(uint32_t count, int by)
{
	return by < 0 ? count - (count > 0) : count < COUNT_MAX ? count + 1 : count;
}

static void count_message(struct classify_store *store, const struct classify_tokens *tokens, enum classify_kind kind, int by, uint32_t week)
{
	struct classify_counts learned = classify_store_learned(store);
	for (size_t i = 0; i < tokens->count; i++) {
		struct value value = find(store, &store->tokens, tokens->at[i].hash);
		uint32_t *count = kind == CLASSIFY_SPAM ? &value.spam : &value.ham;
		*count = changed(*count, by);
		value.week = week;
		put(store, &store->tokens, tokens->at[i].hash, value);
	}
	uint32_t *total = kind == CLASSIFY_SPAM ? &learned.spam : &learned.ham;
	*total = by < 0 ? *total - (*total > 0) : *total + (*total < UINT32_MAX);
	write_totals(store, learned);
}

static void remember(struct classify_store *store, uint64_t digest, enum classify_kind kind, uint32_t state, uint32_t week)
{
	put(store, &store->messages, digest, kind == CLASSIFY_SPAM ? (struct value){state, 0, week} : (struct value){0, state, week});
}

/* Writers share a store message by message, so that none waits for another's folder of mail. Where the lock can't be had, a number may be
 * off by one. */
static void lock(const struct classify_store *store) { flock(store->fd, LOCK_EX); }
static void unlock(const struct classify_store *store) { flock(store->fd, LOCK_UN); }

static enum classify_outcome unlearn(struct classify_store *store, const struct classify_tokens *tokens, int64_t now)
{
	struct value record = find(store, &store->messages, tokens->digest);
	if (record.spam != 1 && record.ham != 1)
		return CLASSIFY_UNKNOWN;
	put(store, &store->messages, tokens->digest, (struct value){0});
	count_message(store, tokens, record.spam == 1 ? CLASSIFY_SPAM : CLASSIFY_HAM, -1, week_of(now));
	return CLASSIFY_FORGOTTEN;
}

/* A message whose tokens were being counted when the process ended isn't learned: some of them are counted once too often. */
static enum classify_outcome learn(struct classify_store *store, const struct classify_tokens *tokens, enum classify_kind kind, int64_t now)
{
	uint32_t week = week_of(now);
	struct value record = find(store, &store->messages, tokens->digest);
	bool was_spam = record.spam == 1, was_ham = record.ham == 1;
	if (kind == CLASSIFY_SPAM ? was_spam : was_ham)
		return CLASSIFY_KNOWN;
	if (was_spam || was_ham)
		unlearn(store, tokens, now);
	remember(store, tokens->digest, kind, LEARNING, week);
	count_message(store, tokens, kind, 1, week);
	remember(store, tokens->digest, kind, 1, week);
	return was_spam || was_ham ? CLASSIFY_CHANGED : CLASSIFY_LEARNED;
}

enum classify_outcome classify_learn(struct classify_store *store, const struct classify_tokens *tokens, enum classify_kind kind, int64_t now)
{
	lock(store);
	enum classify_outcome outcome = learn(store, tokens, kind, now);
	unlock(store);
	return outcome;
}

enum classify_outcome classify_unlearn(struct classify_store *store, const struct classify_tokens *tokens, int64_t now)
{
	lock(store);
	enum classify_outcome outcome = unlearn(store, tokens, now);
	unlock(store);
	return outcome;
}

size_t classify_store_age(struct classify_store *store, int64_t now)
{
	size_t removed = 0;
	uint32_t week = week_of(now);
	lock(store);
	for (size_t i = 0; i < store->tokens.count * GROUP_PLACES; i++) {
		struct group *group = &store->tokens.groups[i / GROUP_PLACES];
		struct value value;
		if (!unpack(key_at(group, i % GROUP_PLACES), word_at(group, i % GROUP_PLACES), &value))
			continue;
		uint32_t age = week > value.week ? week - value.week : 0, seen = value.spam + value.ham;
		if (age <= (seen <= 1 ? RARE_WEEKS : SELDOM_WEEKS) || seen > SELDOM_MESSAGES)
			continue;
		write_place(group, i % GROUP_PLACES, 0, (struct value){0});
		removed++;
	}
	unlock(store);
	return removed;
}

/* ---- the file ---- */

static uint64_t page_check(const struct page *page)
{
	return classify_mix(page->seed ^ classify_mix((uint64_t)page->version << 32 | page->token_bits << 8 | page->message_bits));
}

static size_t file_size(const struct page *page) { return PAGE + (((size_t)1 << page->token_bits) + ((size_t)1 << page->message_bits)) * sizeof(struct group); }

static bool page_is_whole(const struct page *page)
{
	return memcmp(page->magic, magic, sizeof magic) == 0 && page->version == VERSION && page->token_bits >= 1 && page->token_bits <= CLASSIFY_BITS_MAX &&
	       page->message_bits >= 1 && page->message_bits <= CLASSIFY_BITS_MAX && page->check == page_check(page);
}

static bool write_new(int fd, struct classify_size size, const char *path, struct error *error)
{
	struct page page = {.version = VERSION, .token_bits = size.token_bits, .message_bits = size.message_bits, .seed = random_u64()};
	memcpy(page.magic, magic, sizeof magic);
	page.check = page_check(&page);
	int number = posix_fallocate(fd, 0, (off_t)file_size(&page));
	if (number != 0)
		return error_set_errno(error, number, "%s", path);
	if (!file_write_all(fd, slice_make((const char *)&page, sizeof page), error))
		return false;
	return fsync(fd) == 0 || error_set_errno(error, errno, "%s", path);
}

/* Under another name first: who opens it finds it whole. */
static bool make(const char *path, struct classify_size size, struct error *error)
{
	char name[PATH_MAX];
	if (snprintf(name, sizeof name, "%s.new-%08x", path, (unsigned)random_u64()) >= PATH_MAX)
		return error_set(error, ERROR_INVALID, "path too long: %s", path);
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set_errno(error, errno, "%s", name);
	bool done = write_new(fd, size, name, error) && (link(name, path) == 0 || errno == EEXIST || error_set_errno(error, errno, "%s", path));
	unlink(name);
	close(fd);
	return done;
}

static void set_table(struct classify_store *store, struct table *table, unsigned bits, size_t at)
{
	size_t held = store->size > at ? (store->size - at) / sizeof(struct group) : 0, all = (size_t)1 << bits;
	*table = (struct table){store->map ? (struct group *)(void *)(store->map + at) : NULL, at, held < all ? held : all, bits};
}

/* What a short file lacks is empty: a writer adds it, for a reader it isn't there. */
static bool map_file(struct classify_store *store, const char *path, bool mapped, struct error *error)
{
	struct stat status;
	struct page page;
	if (fstat(store->fd, &status) != 0 || !S_ISREG(status.st_mode) || pread(store->fd, &page, sizeof page, 0) != (ssize_t)sizeof page || !page_is_whole(&page))
		return error_set(error, ERROR_INVALID, "%s is no store of tokens of this version, or damaged", path);
	int number = store->writable ? posix_fallocate(store->fd, 0, (off_t)file_size(&page)) : 0;
	if (number != 0 || fstat(store->fd, &status) != 0)
		return error_set_errno(error, number ? number : errno, "%s", path);
	store->size = (size_t)status.st_size < file_size(&page) ? (size_t)status.st_size : file_size(&page);
	store->seed = page.seed;
	void *map = mapped ? mmap(NULL, store->size, PROT_READ | (store->writable ? PROT_WRITE : 0), MAP_SHARED, store->fd, 0) : NULL;
	if (map == MAP_FAILED)
		return error_set_errno(error, errno, "%s", path);
	store->map = map;
	store->page = map;
	set_table(store, &store->tokens, page.token_bits, PAGE);
	set_table(store, &store->messages, page.message_bits, PAGE + ((size_t)1 << page.token_bits) * sizeof(struct group));
	return true;
}

static struct classify_store *open_file(const char *path, bool writable, bool mapped, struct error *error)
{
	struct classify_store *store = memory_new(sizeof *store);
	*store = (struct classify_store){.fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), .writable = writable};
	bool opened = store->fd >= 0, missing = !opened && errno == ENOENT;
	if (!opened)
		error_set_errno(error, errno, "%s", path);
	if (missing && error)
		error->kind = ERROR_NOT_FOUND;
	opened = opened && map_file(store, path, mapped, error);
	if (!opened)
		classify_store_close(&store);
	return store;
}

static bool put_aside(const char *path, struct error *error)
{
	char name[PATH_MAX];
	if (snprintf(name, sizeof name, "%s.damaged", path) >= PATH_MAX)
		return error_set(error, ERROR_INVALID, "path too long: %s", path);
	return rename(path, name) == 0 || error_set_errno(error, errno, "%s", path);
}

struct classify_store *classify_store_open(const char *path, struct classify_size size, struct error *error)
{
	struct error why;
	struct classify_store *store = open_file(path, true, true, &why);
	if (!store && (why.kind == ERROR_NOT_FOUND || (why.kind == ERROR_INVALID && put_aside(path, &why)))) {
		if (make(path, size, &why))
			store = open_file(path, true, true, &why);
	}
	if (!store && error)
		*error = why;
	if (store) {
		lock(store);
		mend_totals(store);
		unlock(store);
	}
	return store;
}

struct classify_store *classify_store_read(const char *path, struct error *error) { return open_file(path, false, true, error); }
struct classify_store *classify_store_read_foreign(const char *path, struct error *error) { return open_file(path, false, false, error); }

bool classify_store_sync(struct classify_store *store, struct error *error)
{
	return msync(store->map, store->size, MS_SYNC) == 0 || error_set_errno(error, errno, "writing the store of tokens");
}

void classify_store_close(struct classify_store **store)
{
	if (!*store)
		return;
	if ((*store)->map)
		munmap((*store)->map, (*store)->size);
	if ((*store)->fd >= 0)
		close((*store)->fd);
	free(*store);
	*store = NULL;
}
