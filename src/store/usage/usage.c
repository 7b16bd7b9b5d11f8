/* The table of how full mailboxes are; see usage.h. Written under the account's lock, so an account's rows come in order; when two
 * accounts take the same free row at the same moment, one of them is without until its next change. */
#include "store/usage/usage.h"

#include <endian.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BUCKETS = 4096, BUCKET_ROWS = 16, ROW_SIZE = 48, KEY_SIZE = 16, NUMBERS = 4, BUCKET_SIZE = BUCKET_ROWS * ROW_SIZE, TABLE_SIZE = BUCKETS * BUCKET_SIZE };

struct row {
	unsigned char key[KEY_SIZE]; /* all zero: free */
	uint64_t numbers[NUMBERS];   /* little end first */
};
_Static_assert(sizeof(struct row) == ROW_SIZE, "a row is what the file holds");

struct bucket {
	off_t at;
	struct row rows[BUCKET_ROWS];
};

int usage_open(const char *data, bool write)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/accounts/.usage", data) >= PATH_MAX)
		return -1;
	int fd = open(path, (write ? O_RDWR | O_CREAT : O_RDONLY) | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0 && write && lseek(fd, 0, SEEK_END) < TABLE_SIZE && ftruncate(fd, TABLE_SIZE) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void make_key(struct slice account, unsigned char key[KEY_SIZE])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	SHA256((const unsigned char *)account.at, account.len, digest);
	memcpy(key, digest, KEY_SIZE);
}

/* What the file doesn't hold is free. */
static void read_bucket(int fd, const unsigned char key[KEY_SIZE], struct bucket *bucket)
{
	memset(bucket, 0, sizeof *bucket);
	bucket->at = (off_t)((key[0] | key[1] << 8) % BUCKETS) * BUCKET_SIZE;
	if (fd >= 0 && pread(fd, bucket->rows, BUCKET_SIZE, bucket->at) < BUCKET_SIZE)
		memset(bucket->rows, 0, sizeof bucket->rows);
}

/* The row with this key; NULL: there is none. */
static struct row *find_row(struct bucket *bucket, const unsigned char key[KEY_SIZE])
{
	for (size_t i = 0; i < BUCKET_ROWS; i++)
		if (memcmp(bucket->rows[i].key, key, KEY_SIZE) == 0)
			return &bucket->rows[i];
	return NULL;
}

void usage_note(int fd, struct slice account, const struct usage *usage)
{
	static const unsigned char nobody[KEY_SIZE];
	struct bucket bucket;
	struct row row = {.numbers = {htole64(usage->bytes), htole64(usage->messages), htole64(usage->max_bytes), htole64(usage->max_messages)}};
	bool limited = usage->max_bytes > 0 || usage->max_messages > 0;
	make_key(account, row.key);
	read_bucket(fd, row.key, &bucket);
	const struct row *place = find_row(&bucket, row.key);
	if (!place && limited)
		place = find_row(&bucket, nobody);
	if (fd < 0 || !place || memcmp(place, &row, sizeof row) == 0)
		return;
	size_t index = (size_t)(place - bucket.rows);
	ssize_t done = pwrite(fd, &row, sizeof row, bucket.at + (off_t)(index * sizeof row));
	(void)done;
}

bool usage_find(int fd, struct slice account, struct usage *usage)
{
	struct bucket bucket;
	unsigned char key[KEY_SIZE];
	make_key(account, key);
	read_bucket(fd, key, &bucket);
	const struct row *row = find_row(&bucket, key);
	if (!row)
		return false;
	*usage = (struct usage){le64toh(row->numbers[0]), le64toh(row->numbers[1]), le64toh(row->numbers[2]), le64toh(row->numbers[3])};
	return usage->max_bytes > 0 || usage->max_messages > 0;
}

uint64_t usage_room(const struct usage *usage)
{
	if (usage->max_messages > 0 && usage->messages >= usage->max_messages)
		return 0;
	if (usage->max_bytes == 0)
		return UINT64_MAX;
	return usage->bytes < usage->max_bytes ? usage->max_bytes - usage->bytes : 0;
}
