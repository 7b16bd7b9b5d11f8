/* Open addressing with linear probing and back-shift deletion: no tombstones, so a map that lives for months keeps its
 * speed. The table is a power of two and at most three quarters full. */
#include "base/map.h"

#include <pthread.h>

#include "base/memory.h"
#include "base/random.h"

enum { MAP_FIRST_SLOTS = 8 };

struct slot {
	char *key; /* NULL: free */
	size_t key_len;
	uint64_t hash;
	void *value;
};

struct map {
	struct slot *slots;
	size_t slot_count, used;
};

static uint64_t hash_key[2];

static void draw_hash_key(void)
{
	random_bytes(hash_key, sizeof hash_key);
}

static inline uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

uint64_t map_hash(struct slice data)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, draw_hash_key);
	uint64_t v[4] = {hash_key[0] ^ 0x736f6d6570736575, hash_key[1] ^ 0x646f72616e646f6d,
			 hash_key[0] ^ 0x6c7967656e657261, hash_key[1] ^ 0x7465646279746573};
	uint64_t last = (uint64_t)data.len << 56;
	for (; data.len >= 8; data = slice_skip(data, 8)) {
		uint64_t word;
		memcpy(&word, data.at, sizeof word);
		v[3] ^= word;
		sip_round(v);
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t i = 0; i < data.len; i++)
		last |= (uint64_t)(unsigned char)data.at[i] << (8 * i);
	v[3] ^= last;
	sip_round(v);
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_new(void)
{
	return memory_new(sizeof(struct map));
}

/* The slot that holds `key`, or the free one where it would go. */
static struct slot *map_seek(const struct map *map, struct slice key, uint64_t hash)
{
	size_t mask = map->slot_count - 1;
	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct slot *slot = &map->slots[i];
		if (!slot->key || (slot->hash == hash && slice_equal(slice_make(slot->key, slot->key_len), key)))
			return slot;
	}
}

void *map_get(const struct map *map, struct slice key)
{
	if (map->used == 0)
		return NULL;
	return map_seek(map, key, map_hash(key))->value;
}

static void map_grow(struct map *map)
{
	struct slot *old = map->slots;
	size_t old_count = map->slot_count;
	map->slot_count = old_count ? old_count * 2 : MAP_FIRST_SLOTS;
	map->slots = memory_array(map->slot_count, sizeof *map->slots);
	for (size_t i = 0; i < old_count; i++)
		if (old[i].key)
			*map_seek(map, slice_make(old[i].key, old[i].key_len), old[i].hash) = old[i];
	free(old);
}

void *map_put(struct map *map, struct slice key, void *value)
{
	if (map->used + 1 > map->slot_count / 4 * 3)
		map_grow(map);
	uint64_t hash = map_hash(key);
	struct slot *slot = map_seek(map, key, hash);
	void *former = slot->value;
	if (!slot->key) {
		*slot = (struct slot){memory_copy(key.at, key.len), key.len, hash, NULL};
		map->used++;
	}
	slot->value = value;
	return former;
}

void *map_remove(struct map *map, struct slice key)
{
	if (map->used == 0)
		return NULL;
	struct slot *slot = map_seek(map, key, map_hash(key));
	if (!slot->key)
		return NULL;
	void *value = slot->value;
	free(slot->key);
	map->used--;
	size_t mask = map->slot_count - 1, hole = (size_t)(slot - map->slots);
	for (size_t i = (hole + 1) & mask; map->slots[i].key; i = (i + 1) & mask) {
		size_t home = map->slots[i].hash & mask;
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			map->slots[hole] = map->slots[i];
			hole = i;
		}
	}
	map->slots[hole] = (struct slot){0};
	return value;
}

size_t map_count(const struct map *map)
{
	return map->used;
}

bool map_next(const struct map *map, size_t *cursor, struct slice *key, void **value)
{
	for (; *cursor < map->slot_count; (*cursor)++) {
		const struct slot *slot = &map->slots[*cursor];
		if (!slot->key)
			continue;
		*key = slice_make(slot->key, slot->key_len);
		*value = slot->value;
		(*cursor)++;
		return true;
	}
	return false;
}

void map_free(struct map **map)
{
	if (!*map)
		return;
	for (size_t i = 0; i < (*map)->slot_count; i++)
		free((*map)->slots[i].key);
	free((*map)->slots);
	free(*map);
	*map = NULL;
}
