/* Reputations in a file; see reputation.h. A key belongs to one row of the table, where a new one takes the place of what matters least: of those that
 * have no name yet the one not heard of for longest, and only then of the others. So a crowd of new domains drives out itself first. */
#include "policy/reputation.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/memory.h"

enum { ROW = 8, ROWS = POLICY_REPUTATION_ENTRIES / ROW, DAY_SECONDS = 24 * 3600, NETWORK_4 = 3, NETWORK_6 = 6 };

struct entry {
	uint64_t key;
	uint16_t first, last;      /* days since 1970; `last` 0: the place is free */
	uint16_t good, bad;        /* verdicts, of late more than of old */
	uint16_t counted_day;      /* … on which `counted` verdicts counted */
	uint16_t counted;
	uint32_t messages;
	uint32_t reserved, check;
};
_Static_assert(sizeof(struct entry) == 32, "as it stands in the file");
struct row { struct entry at[ROW]; };

struct policy_reputation { int fd; };

/* The table keeps its own age behind its last row, where nobody else has a place. */
static const uint64_t own_key = UINT64_MAX;

/* One counts at a time, however often the file is opened. */
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;

/* ---- keys ---- */

static uint64_t key_of(const char *kind, struct slice name)
{
	unsigned char digest[EVP_MAX_MD_SIZE] = {0};
	uint64_t key = 0;
	struct buf text = BUF(1024);
	buf_printf(&text, "%s ", kind);
	buf_append(&text, name);
	EVP_Digest(text.at, text.len, digest, NULL, EVP_sha256(), NULL);
	buf_free(&text);
	for (int i = 0; i < 8; i++)
		key = key << 8 | digest[i];
	return key - (key == own_key);
}

uint64_t policy_reputation_domain(struct slice domain) { return key_of("domain", slice_sub(domain, 0, 255)); }
uint64_t policy_reputation_network(struct slice address) { return key_of("network", slice_sub(address, 0, address.len == 4 ? NETWORK_4 : NETWORK_6)); }

/* ---- the file ---- */

static uint32_t check_of(const struct entry *entry)
{
	const uint64_t words[] = {entry->key, (uint64_t)entry->first << 48 | (uint64_t)entry->last << 32 | (uint32_t)entry->good << 16 | entry->bad,
				  (uint64_t)entry->counted_day << 48 | (uint64_t)entry->counted << 32 | entry->messages};
	uint64_t mixed = 0x72657075;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		mixed = (mixed ^ words[i]) * 0x9e3779b97f4a7c15;
		mixed ^= mixed >> 32;
	}
	return (uint32_t)(mixed >> 16);
}

static off_t place_of(uint64_t key, int place)
{
	uint64_t row = key == own_key ? ROWS : key % ROWS;
	return (off_t)(row * sizeof(struct row)) + place * (off_t)sizeof(struct entry);
}

/* What isn't there, is damaged or was long ago is free; what is dated later, by a clock that was ahead, is of today. */
static void read_row(const struct policy_reputation *reputation, uint64_t key, unsigned today, struct row *row)
{
	*row = (struct row){0};
	if (pread(reputation->fd, row, sizeof *row, place_of(key, 0)) < 0)
		*row = (struct row){0};
	for (struct entry *entry = row->at; entry < row->at + ROW; entry++) {
		if (entry->check != check_of(entry) || entry->last == 0 || (key != own_key && entry->last + POLICY_REPUTATION_DAYS < (int)today))
			*entry = (struct entry){0};
		entry->last = entry->last > today ? (uint16_t)today : entry->last;
		entry->first = entry->first > entry->last ? entry->last : entry->first;
	}
}

static unsigned verdicts(const struct entry *entry) { return (unsigned)entry->good + entry->bad; }

static bool matters_less(const struct entry *entry, const struct entry *other)
{
	bool named = verdicts(entry) >= POLICY_REPUTATION_LEAST, other_named = verdicts(other) >= POLICY_REPUTATION_LEAST;
	return named != other_named && entry->last > 0 && other->last > 0 ? other_named : entry->last < other->last;
}

/* The key's place, or that which it is to take. */
static int find(const struct row *row, uint64_t key)
{
	int least = 0;
	for (int i = 0; i < ROW; i++) {
		if (row->at[i].last > 0 && row->at[i].key == key)
			return i;
		if (matters_less(&row->at[i], &row->at[least]))
			least = i;
	}
	return least;
}

static unsigned day_of(int64_t now) { return now > 0 ? (unsigned)(now / DAY_SECONDS % UINT16_MAX) : 1; }

/* ---- counting ---- */

static void add_verdicts(struct entry *entry, enum policy_repute repute, unsigned count, unsigned today)
{
	if (entry->counted_day != today)
		entry->counted = 0;
	entry->counted_day = (uint16_t)today;
	unsigned left = entry->counted < POLICY_REPUTATION_A_DAY ? POLICY_REPUTATION_A_DAY - entry->counted : 0;
	count = repute == POLICY_REPUTE_NONE ? 0 : count < left ? count : left;
	entry->counted = (uint16_t)(entry->counted + count);
	if (verdicts(entry) + count > POLICY_REPUTATION_KEPT) {
		entry->good /= 2;
		entry->bad /= 2;
	}
	entry->good = (uint16_t)(entry->good + (repute == POLICY_REPUTE_GOOD ? count : 0));
	entry->bad = (uint16_t)(entry->bad + (repute == POLICY_REPUTE_BAD ? count : 0));
}

static void count(struct policy_reputation *reputation, uint64_t key, enum policy_repute repute, unsigned verdicts, unsigned messages, int64_t now)
{
	unsigned today = day_of(now);
	struct row row;
	pthread_mutex_lock(&counting);
	read_row(reputation, key, today, &row);
	int place = find(&row, key);
	struct entry *entry = &row.at[place];
	if (entry->last == 0 || entry->key != key)
		*entry = (struct entry){.key = key, .first = (uint16_t)today};
	entry->last = (uint16_t)today;
	entry->messages += entry->messages < UINT32_MAX - messages ? messages : 0;
	add_verdicts(entry, repute, verdicts, today);
	entry->check = check_of(entry);
	ssize_t written = pwrite(reputation->fd, entry, sizeof *entry, place_of(key, place));
	pthread_mutex_unlock(&counting);
	(void)written; /* a full disk loses it */
}

void policy_reputation_count(struct policy_reputation *reputation, uint64_t key, enum policy_repute repute, int64_t now)
{
	count(reputation, key, repute, 1, 1, now);
}

void policy_reputation_agreed(struct policy_reputation *reputation, uint64_t key, enum policy_repute repute, int64_t now)
{
	count(reputation, key, repute, POLICY_REPUTATION_A_DAY, 0, now);
}

/* ---- what is known ---- */

static bool get(struct policy_reputation *reputation, uint64_t key, unsigned today, struct entry *entry)
{
	struct row row;
	read_row(reputation, key, today, &row);
	*entry = row.at[find(&row, key)];
	return entry->last > 0 && entry->key == key;
}

static int value_of(const struct entry *entry)
{
	int all = (int)verdicts(entry);
	return all < POLICY_REPUTATION_LEAST ? 0 : ((int)entry->good - (int)entry->bad) * 100 / all;
}

struct policy_renown policy_reputation_look(struct policy_reputation *reputation, uint64_t key, int64_t now)
{
	unsigned today = day_of(now);
	struct entry entry, table;
	bool aged = get(reputation, own_key, today, &table) && today - table.first >= POLICY_REPUTATION_NEW_DAYS;
	if (!get(reputation, key, today, &entry))
		return (struct policy_renown){.days = aged};
	return (struct policy_renown){.days = aged ? today - entry.first + 1 : 0, .messages = entry.messages, .value = value_of(&entry)};
}

int policy_reputation_of(const struct policy_renown *domain, const struct policy_renown *network, bool proved)
{
	if (!proved)
		return network->value < 0 ? network->value : 0;
	if (domain->value != 0)
		return domain->value;
	return network->value;
}

/* ---- opening ---- */

static struct policy_reputation *open_file(const char *folder, int flags, struct error *error)
{
	char path[PATH_MAX];
	bool fits = snprintf(path, sizeof path, "%s/" POLICY_REPUTATIONS, folder) < PATH_MAX;
	int fd = fits ? open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
	if (fd < 0) {
		error_set_errno(error, fits ? errno : ENAMETOOLONG, "%s/" POLICY_REPUTATIONS, folder);
		return NULL;
	}
	struct policy_reputation *reputation = memory_new(sizeof *reputation);
	reputation->fd = fd;
	return reputation;
}

struct policy_reputation *policy_reputation_open(const char *folder, int64_t now, struct error *error)
{
	struct policy_reputation *reputation = open_file(folder, O_RDWR | O_CREAT, error);
	if (reputation)
		count(reputation, own_key, POLICY_REPUTE_NONE, 0, 0, now);
	return reputation;
}

struct policy_reputation *policy_reputation_read(const char *folder, struct error *error) { return open_file(folder, O_RDONLY, error); }

void policy_reputation_close(struct policy_reputation **reputation)
{
	if (!*reputation)
		return;
	close((*reputation)->fd);
	free(*reputation);
	*reputation = NULL;
}
