/* Fuzzing of the file of reputations: whatever it holds nobody has a name by chance, and what is counted is known. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "policy/reputation.h"

static void must(bool held)
{
	if (!held)
		abort();
}

static void check(const struct policy_renown *renown)
{
	must(renown->value >= -100 && renown->value <= 100 && renown->days <= 65536);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int64_t now = 1795910400;
	char folder[64], path[96];
	struct error error;
	struct stat status;
	uint64_t key = policy_reputation_network(SLICE("\300\0\2\1"));
	snprintf(folder, sizeof folder, "/tmp/reputation_fuzz.%d", (int)getpid());
	snprintf(path, sizeof path, "%s/" POLICY_REPUTATIONS, folder);
	if (!file_make_folders(folder, 0700, &error) || !file_replace(path, slice_make((const char *)data, size), 0600, &error))
		return 0;
	struct policy_reputation *reputation = policy_reputation_open(folder, now, &error);
	must(reputation != NULL);
	struct policy_renown before = policy_reputation_look(reputation, key, now);
	policy_reputation_count(reputation, key, POLICY_REPUTE_GOOD, now);
	policy_reputation_agreed(reputation, key, POLICY_REPUTE_BAD, now);
	struct policy_renown after = policy_reputation_look(reputation, key, now);
	check(&before);
	check(&after);
	must(after.messages > 0 && stat(path, &status) == 0 && status.st_size <= (off_t)size + POLICY_REPUTATION_ENTRIES * 32 + 256);
	policy_reputation_close(&reputation);
	return 0;
}
