/* The answers of policy hosts, the DNS's records that tell of them, and a file of kept policies that is damaged: how it begins says which. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "sts/sts.h"

static void read_policy(struct slice text, struct arena *arena)
{
	struct sts_policy policy;
	struct error error;
	if (!sts_read_policy(text, arena, &policy, &error))
		return;
	if (policy.host_count > STS_HOSTS_MAX || policy.max_age < 0 || policy.max_age > STS_AGE_MAX || (policy.mode != STS_NONE && policy.host_count == 0))
		abort();
	for (size_t i = 0; i < policy.host_count; i++)
		if (policy.hosts[i].at[0] != '*' && !sts_names_host(&policy, policy.hosts[i]))
			abort();
	sts_names_host(&policy, slice_sub(text, 0, STS_HOST_MAX));
}

static void read_cache(struct slice text, struct arena *arena)
{
	char path[64];
	struct sts_kept kept;
	struct error error;
	snprintf(path, sizeof path, "/tmp/sts-fuzz-%d", (int)getpid());
	if (!file_replace(path, text, 0600, &error))
		abort();
	struct sts_cache *cache = sts_cache_open(path);
	struct slice host = SLICE("mx.example.org");
	sts_cache_get(cache, SLICE("example.org"), 1700000000, arena, &kept);
	struct sts_kept put = {SLICE("1"), {STS_ENFORCE, 100, &host, 1}, 1700000000};
	if (!sts_cache_put(cache, SLICE("Example.org"), &put, &error))
		abort();
	sts_cache_free(&cache);
	cache = sts_cache_open(path);
	if (!sts_cache_get(cache, SLICE("example.org"), 1700000000, arena, &kept) || !sts_names_host(&kept.policy, host))
		abort();
	sts_cache_free(&cache);
	unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_make((const char *)data, size), file = SLICE("file\n"), id;
	struct arena *arena = arena_new();
	if (slice_starts(text, file)) /* which takes long: so few do */
		read_cache(slice_skip(text, file.len), arena);
	if (sts_read_record(text, &id) && (id.len == 0 || id.len > STS_ID_MAX))
		abort();
	read_policy(text, arena);
	arena_free(&arena);
	return 0;
}
