/* A map whose entries also form a ring in order of use; see recent.h. */
#include "auth/recent.h"

#include "base/map.h"
#include "base/memory.h"

struct links {
	struct links *newer, *older; /* a ring through recent->ends */
};

struct entry {
	struct links links; /* first, so that links lead back to their entry */
	char *key;
	size_t key_len;
	max_align_t value[];
};

struct recent {
	struct map *map;
	struct links ends; /* ends.older is the newest entry, ends.newer the oldest */
	size_t capacity, value_size;
	void (*dropped)(void *value);
};

struct recent *auth_recent_new(size_t capacity, size_t value_size, void (*dropped)(void *value))
{
	struct recent *recent = memory_new(sizeof *recent);
	recent->map = map_new();
	recent->ends.newer = recent->ends.older = &recent->ends;
	recent->capacity = capacity;
	recent->value_size = value_size;
	recent->dropped = dropped;
	return recent;
}

static void unlink_entry(struct entry *entry)
{
	entry->links.newer->older = entry->links.older;
	entry->links.older->newer = entry->links.newer;
}

static void link_newest(struct recent *recent, struct entry *entry)
{
	entry->links.newer = &recent->ends;
	entry->links.older = recent->ends.older;
	entry->links.older->newer = &entry->links;
	recent->ends.older = &entry->links;
}

static void drop(struct recent *recent, struct entry *entry)
{
	if (recent->dropped)
		recent->dropped(entry->value);
	map_remove(recent->map, slice_make(entry->key, entry->key_len));
	unlink_entry(entry);
	free(entry->key);
	free(entry);
}

void *auth_recent_find(struct recent *recent, struct slice key)
{
	struct entry *entry = map_get(recent->map, key);
	if (!entry)
		return NULL;
	unlink_entry(entry);
	link_newest(recent, entry);
	return entry->value;
}

void *auth_recent_add(struct recent *recent, struct slice key)
{
	void *value = auth_recent_find(recent, key);
	if (value)
		return value;
	if (map_count(recent->map) >= recent->capacity)
		auth_recent_remove_oldest(recent);
	struct entry *entry = memory_new(sizeof *entry + recent->value_size);
	entry->key = memory_copy(key.at, key.len);
	entry->key_len = key.len;
	map_put(recent->map, key, entry);
	link_newest(recent, entry);
	return entry->value;
}

void auth_recent_remove(struct recent *recent, struct slice key)
{
	struct entry *entry = map_get(recent->map, key);
	if (entry)
		drop(recent, entry);
}

static struct entry *oldest(struct recent *recent)
{
	return recent->ends.newer == &recent->ends ? NULL : (struct entry *)recent->ends.newer;
}

void *auth_recent_oldest(struct recent *recent)
{
	struct entry *entry = oldest(recent);
	return entry ? entry->value : NULL;
}

void auth_recent_remove_oldest(struct recent *recent)
{
	struct entry *entry = oldest(recent);
	if (entry)
		drop(recent, entry);
}

size_t auth_recent_count(const struct recent *recent)
{
	return map_count(recent->map);
}

void auth_recent_free(struct recent **recent)
{
	if (!*recent)
		return;
	while (auth_recent_oldest(*recent))
		auth_recent_remove_oldest(*recent);
	map_free(&(*recent)->map);
	free(*recent);
	*recent = NULL;
}
