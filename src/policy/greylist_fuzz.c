/* Fuzzing of the greylist's file, which the command line reads, too: whatever stands in it, what is read of it stays within its bounds, is written
 * so that it is read again as it was, and can be asked and taught. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "policy/greylist.h"

static const int64_t now = 1795910400;
static const struct policy_grey_times times = {300, 4 * 3600, 36 * 86400};

static void must(bool held)
{
	if (!held)
		abort();
}

struct seen { uint64_t entries, sum; };

static void look(void *context, const struct policy_grey_entry *entry)
{
	struct seen *seen = context;
	must(entry->network.len > 0 && entry->domain.len > 0 && entry->first >= 0 && entry->last >= 0);
	must(slice_find_char(entry->network, ' ') == SLICE_NONE && slice_find_char(entry->domain, '\n') == SLICE_NONE);
	seen->entries++;
	seen->sum += entry->visits + (uint64_t)entry->first + (uint64_t)entry->last + entry->state + entry->network.len + entry->domain.len;
}

static struct seen read_file(const char *path)
{
	struct seen seen = {0, 0};
	struct error error;
	must(policy_greylist_read(path, look, &seen, &error));
	return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	struct error error;
	snprintf(path, sizeof path, "/tmp/greylist_fuzz.%d", (int)getpid());
	must(file_replace(path, slice_make((const char *)data, size), 0600, &error));
	read_file(path);
	struct policy_greylist *list = policy_greylist_new(path, now);
	policy_greylist_knows(list, SLICE("192.0.2.0/24"), SLICE("example.org"), &times, now);
	must(policy_greylist_ask(list, SLICE("192.0.2.0/24"), SLICE("example.org"), &times, now) <= times.expect);
	policy_greylist_learn(list, SLICE("198.51.100.0/24"), SLICE("example.net"), true, now);
	must(policy_greylist_knows(list, SLICE("198.51.100.0/24"), SLICE("example.net"), &times, now));
	policy_greylist_free(&list);
	struct seen first = read_file(path);
	list = policy_greylist_new(path, now);
	policy_greylist_learn(list, SLICE("198.51.100.0/24"), SLICE("example.net"), true, now);
	policy_greylist_free(&list);
	must(read_file(path).entries == first.entries);
	return 0;
}
