/* Places by hash, each with a question and its answer in an arena of its own; see cache.h. */
#include "lookup/cache.h"

#include <pthread.h>

#include "base/map.h"
#include "base/memory.h"

struct kept {
	enum lookup_type type;
	struct slice name;
	struct lookup_answer answer;
	int64_t until; /* milliseconds */
	struct arena *arena;
};

struct lookup_cache {
	pthread_mutex_t lock;
	struct kept places[LOOKUP_CACHE_PLACES];
};

struct lookup_cache *lookup_cache_new(void)
{
	struct lookup_cache *cache = memory_new(sizeof *cache);
	pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

void lookup_cache_free(struct lookup_cache **freed)
{
	struct lookup_cache *cache = *freed;
	*freed = NULL;
	if (!cache)
		return;
	for (size_t i = 0; i < LOOKUP_CACHE_PLACES; i++)
		arena_free(&cache->places[i].arena);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

static struct kept *place_of(struct lookup_cache *cache, enum lookup_type type, struct slice name)
{
	return &cache->places[(map_hash(name) + type) % LOOKUP_CACHE_PLACES];
}

bool lookup_cache_get(struct lookup_cache *cache, struct lookup *table, enum lookup_type type, struct slice name, int64_t now)
{
	pthread_mutex_lock(&cache->lock);
	const struct kept *kept = place_of(cache, type, name);
	bool holds = kept->arena && kept->type == type && now < kept->until && slice_equal(kept->name, name);
	if (holds)
		lookup_put(table, type, name, &kept->answer);
	pthread_mutex_unlock(&cache->lock);
	return holds;
}

/* A failure is none; nor is what would take much room. */
static bool is_worth_keeping(const struct lookup_answer *answer)
{
	size_t bytes = 0;
	bool known = answer->status == LOOKUP_FOUND || answer->status == LOOKUP_NO_DATA || answer->status == LOOKUP_NO_NAME;
	if (!known || answer->ttl == 0 || answer->count > LOOKUP_CACHE_RECORDS_MAX)
		return false;
	for (size_t i = 0; i < answer->count; i++)
		bytes += answer->records[i].data.len;
	return bytes <= LOOKUP_CACHE_ANSWER_MAX;
}

static void copy_answer(struct kept *kept, const struct lookup_answer *answer)
{
	struct lookup_record *records = arena_array(kept->arena, answer->count + 1, sizeof *records);
	for (size_t i = 0; i < answer->count; i++) {
		records[i] = answer->records[i];
		records[i].data = arena_copy(kept->arena, answer->records[i].data);
	}
	kept->answer = *answer;
	kept->answer.records = records;
}

void lookup_cache_put(struct lookup_cache *cache, struct lookup *table, enum lookup_type type, struct slice name, int64_t now)
{
	const struct lookup_answer *answer = lookup_get(table, type, name);
	if (!is_worth_keeping(answer))
		return;
	uint32_t seconds = answer->ttl < LOOKUP_CACHE_SECONDS_MAX ? answer->ttl : LOOKUP_CACHE_SECONDS_MAX;
	pthread_mutex_lock(&cache->lock);
	struct kept *kept = place_of(cache, type, name);
	arena_free(&kept->arena);
	*kept = (struct kept){.type = type, .until = now + (int64_t)seconds * 1000, .arena = arena_new()};
	kept->name = arena_copy(kept->arena, name);
	copy_answer(kept, answer);
	pthread_mutex_unlock(&cache->lock);
}
