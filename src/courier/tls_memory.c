/* Hosts whose TLS doesn't work; see tls_memory.h. */
#include "courier/tls_memory.h"

#include <pthread.h>

#include "base/map.h"
#include "base/memory.h"

struct tls_memory {
	pthread_mutex_t lock; /* guards the rest */
	struct map *until;    /* by host: int64_t, monotonic milliseconds */
};

struct tls_memory *tls_memory_new(void)
{
	struct tls_memory *memory = memory_new(sizeof *memory);
	pthread_mutex_init(&memory->lock, NULL);
	memory->until = map_new();
	return memory;
}

static void forget_all(struct tls_memory *memory)
{
	size_t cursor = 0;
	struct slice host;
	void *value;
	while (map_next(memory->until, &cursor, &host, &value))
		free(value);
	map_free(&memory->until);
}

void tls_memory_free(struct tls_memory **memory)
{
	if (!*memory)
		return;
	forget_all(*memory);
	pthread_mutex_destroy(&(*memory)->lock);
	free(*memory);
	*memory = NULL;
}

void tls_memory_note(struct tls_memory *memory, struct slice host, int64_t now)
{
	int64_t *until;
	pthread_mutex_lock(&memory->lock);
	until = map_get(memory->until, host);
	if (!until) {
		if (map_count(memory->until) == TLS_MEMORY_HOSTS_MAX) {
			forget_all(memory);
			memory->until = map_new();
		}
		until = memory_new(sizeof *until);
		map_put(memory->until, host, until);
	}
	*until = now + (int64_t)TLS_MEMORY_SECONDS * 1000;
	pthread_mutex_unlock(&memory->lock);
}

bool tls_memory_has(struct tls_memory *memory, struct slice host, int64_t now)
{
	pthread_mutex_lock(&memory->lock);
	const int64_t *until = map_get(memory->until, host);
	bool has = until && *until > now;
	pthread_mutex_unlock(&memory->lock);
	return has;
}

void tls_memory_forget(struct tls_memory *memory, struct slice host)
{
	pthread_mutex_lock(&memory->lock);
	free(map_remove(memory->until, host));
	pthread_mutex_unlock(&memory->lock);
}
