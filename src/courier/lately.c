/* Texts remembered for some time; see lately.h. */
#include "courier/lately.h"

#include <pthread.h>

#include "base/map.h"
#include "base/memory.h"

struct lately {
	int64_t milliseconds;
	pthread_mutex_t lock; /* guards `until` */
	struct map *until;    /* by text: int64_t, monotonic milliseconds */
};

struct lately *courier_lately_new(int seconds)
{
	struct lately *lately = memory_new(sizeof *lately);
	lately->milliseconds = (int64_t)seconds * 1000;
	pthread_mutex_init(&lately->lock, NULL);
	lately->until = map_new();
	return lately;
}

static void forget_all(struct lately *lately)
{
	size_t cursor = 0;
	struct slice text;
	void *value;
	while (map_next(lately->until, &cursor, &text, &value))
		free(value);
	map_free(&lately->until);
}

void courier_lately_free(struct lately **lately)
{
	if (!*lately)
		return;
	forget_all(*lately);
	pthread_mutex_destroy(&(*lately)->lock);
	free(*lately);
	*lately = NULL;
}

void courier_lately_note(struct lately *lately, struct slice text, int64_t now)
{
	pthread_mutex_lock(&lately->lock);
	int64_t *until = map_get(lately->until, text);
	if (!until && map_count(lately->until) == LATELY_MAX) {
		forget_all(lately);
		lately->until = map_new();
	}
	if (!until) {
		until = memory_new(sizeof *until);
		map_put(lately->until, text, until);
	}
	*until = now + lately->milliseconds;
	pthread_mutex_unlock(&lately->lock);
}

bool courier_lately_has(struct lately *lately, struct slice text, int64_t now)
{
	pthread_mutex_lock(&lately->lock);
	const int64_t *until = map_get(lately->until, text);
	bool has = until && *until > now;
	pthread_mutex_unlock(&lately->lock);
	return has;
}

void courier_lately_forget(struct lately *lately, struct slice text)
{
	pthread_mutex_lock(&lately->lock);
	free(map_remove(lately->until, text));
	pthread_mutex_unlock(&lately->lock);
}
