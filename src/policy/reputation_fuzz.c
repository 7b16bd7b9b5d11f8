/* Fuzzing of the file of reputations: whatever stands in the place of an entry, in its row and in that of the table's age, what is told stays within its
 * bounds, and what is counted is known. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "policy/reputation.h"

static const int64_t now = 1795910400;

static void must(bool held)
{
	if (!held)
		abort();
}

static void check(const struct policy_renown *renown)
{
	must(renown->value >= -100 && renown->value <= 100 && renown->days <= 65536);
}

/* Puts the input where something stands: at the start of each block that isn't empty, and over the first entry in it. */
static void damage(const char *path, const uint8_t *data, size_t size)
{
	char block[4096];
	int fd = open(path, O_RDWR);
	off_t at = 0;
	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		ssize_t got = pread(fd, block, sizeof block, at), i = 0;
		while (i + 32 < got && block[i + 10] == 0 && block[i + 11] == 0)
			i += 32;
		must(pwrite(fd, data, size, at + i / 256 * 256) == (ssize_t)size && pwrite(fd, data, size < 32 ? size : 32, at + i) >= 0);
		at += (off_t)sizeof block;
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char folder[64], path[96];
	struct error error;
	struct stat status;
	uint64_t key = policy_reputation_network(SLICE("\300\0\2\1"));
	snprintf(folder, sizeof folder, "/tmp/reputation_fuzz.%d", (int)getpid());
	snprintf(path, sizeof path, "%s/" POLICY_REPUTATIONS, folder);
	must(file_make_folders(folder, 0700, &error));
	unlink(path);
	struct policy_reputation *reputation = policy_reputation_open(folder, now, &error);
	must(reputation != NULL);
	policy_reputation_count(reputation, key, POLICY_REPUTE_GOOD, now);
	damage(path, data, size < 256 ? size : 256);
	struct policy_renown before = policy_reputation_look(reputation, key, now);
	policy_reputation_count(reputation, key, POLICY_REPUTE_GOOD, now);
	policy_reputation_agreed(reputation, key, POLICY_REPUTE_BAD, now);
	struct policy_renown after = policy_reputation_look(reputation, key, now);
	check(&before);
	check(&after);
	must(after.messages > 0 && stat(path, &status) == 0 && status.st_size <= POLICY_REPUTATION_ENTRIES * 32 + 256);
	policy_reputation_close(&reputation);
	return 0;
}
