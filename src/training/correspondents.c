/* Correspondents of an account, in a file; see correspondents.h. An address belongs to one row of the table, where it takes the place that was
 * used longest ago. */
#include "training/correspondents.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

enum { ROW = 8, ROWS = TRAINING_CORRESPONDENTS_MAX / ROW, DAY_SECONDS = 24 * 3600 };

struct entry {
	uint64_t key;
	uint32_t day;   /* since 1970; 0: the place is free */
	uint32_t check;
};
struct row { struct entry at[ROW]; };
_Static_assert(sizeof(struct row) == 128, "as it stands in the file");

static uint64_t key_of(struct slice address)
{
	unsigned char digest[EVP_MAX_MD_SIZE] = {0};
	uint64_t key = 0;
	EVP_Digest(address.len > 0 ? address.at : "", address.len, digest, NULL, EVP_sha256(), NULL);
	for (int i = 0; i < 8; i++)
		key = key << 8 | digest[i];
	return key;
}

static uint32_t check_of(uint64_t key, uint32_t day)
{
	uint64_t mixed = (key ^ (uint64_t)day << 21 ^ 0x636f7272) * 0x9e3779b97f4a7c15;
	return (uint32_t)(mixed >> 32);
}

static off_t place_of(enum training_touch touch, uint64_t key)
{
	return (off_t)(((uint64_t)touch * ROWS + key % ROWS) * sizeof(struct row));
}

/* What isn't there, or is damaged, is free. */
static void read_row(int fd, off_t at, struct row *row)
{
	*row = (struct row){0};
	if (pread(fd, row, sizeof *row, at) < 0)
		*row = (struct row){0};
	for (int i = 0; i < ROW; i++)
		if (row->at[i].check != check_of(row->at[i].key, row->at[i].day))
			row->at[i] = (struct entry){0};
}

/* Of a day to come, by a clock that was ahead, is today's. */
static bool is_current(const struct entry *entry, uint32_t today)
{
	return entry->day > 0 && (entry->day > today || today - entry->day <= TRAINING_CORRESPONDENT_DAYS);
}

static void note_one(int fd, enum training_touch touch, struct slice address, uint32_t today)
{
	uint64_t key = key_of(address);
	off_t at = place_of(touch, key);
	struct row row;
	read_row(fd, at, &row);
	int place = 0;
	for (int i = 0; i < ROW && row.at[place].key != key; i++)
		if (row.at[i].key == key || row.at[i].day < row.at[place].day)
			place = i;
	if (row.at[place].key == key && row.at[place].day == today)
		return;
	const struct entry entry = {key, today, check_of(key, today)};
	if (pwrite(fd, &entry, sizeof entry, at + place * (off_t)sizeof entry) < 0)
		return; /* the disk is full: it isn't kept */
}

void training_correspondents_note(const char *path, enum training_touch touch, const struct slice *addresses, size_t count, int64_t now)
{
	int fd = count > 0 ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
	if (fd < 0)
		return;
	for (size_t i = 0; i < count && i < TRAINING_RECIPIENTS_MAX; i++)
		note_one(fd, touch, addresses[i], (uint32_t)(now / DAY_SECONDS));
	close(fd);
}

bool training_correspondents_has(const char *path, enum training_touch touch, struct slice address, int64_t now)
{
	int fd = address.len > 0 ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	if (fd < 0)
		return false;
	uint64_t key = key_of(address);
	struct row row;
	bool has = false;
	read_row(fd, place_of(touch, key), &row);
	close(fd);
	for (int i = 0; i < ROW; i++)
		has |= row.at[i].key == key && is_current(&row.at[i], (uint32_t)(now / DAY_SECONDS));
	return has;
}
