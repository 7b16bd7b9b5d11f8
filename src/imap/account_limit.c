/* How many connections each account has, in this process. A row exists only while there is one. */
#include <pthread.h>

#include "base/map.h"
#include "base/memory.h"
#include "imap/session.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map *connections; /* name -> int64_t, malloc'ed */

bool account_limit_enter(struct slice account, int64_t limit)
{
	pthread_mutex_lock(&lock);
	if (!connections)
		connections = map_new();
	int64_t *count = map_get(connections, account);
	if (!count) {
		count = memory_new(sizeof *count);
		map_put(connections, account, count);
	}
	bool allowed = *count < limit;
	if (allowed)
		++*count;
	pthread_mutex_unlock(&lock);
	return allowed;
}

void account_limit_leave(struct slice account)
{
	pthread_mutex_lock(&lock);
	int64_t *count = map_get(connections, account);
	if (count && --*count == 0) {
		map_remove(connections, account);
		free(count);
	}
	if (map_count(connections) == 0)
		map_free(&connections);
	pthread_mutex_unlock(&lock);
}
