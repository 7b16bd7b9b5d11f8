/* What each account has under way in this process: requests, large ones among them, uploads, downloads. A row exists only while there is one. */
#include <pthread.h>

#include "base/map.h"
#include "base/memory.h"
#include "jmap/internal.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map *shares; /* account -> unsigned[JMAP_SHARE_COUNT] */
static unsigned all[JMAP_SHARE_COUNT];

static const struct { unsigned account, all; } most[JMAP_SHARE_COUNT] = {
	[JMAP_SHARE_REQUEST] = {JMAP_CONCURRENT_MAX, JMAP_CONCURRENT_ALL},
	[JMAP_SHARE_LARGE] = {JMAP_LARGE_MAX, JMAP_LARGE_ALL},
	[JMAP_SHARE_UPLOAD] = {JMAP_UPLOADS_MAX, JMAP_UPLOADS_ALL},
	[JMAP_SHARE_DOWNLOAD] = {JMAP_DOWNLOADS_MAX, JMAP_DOWNLOADS_ALL},
};

enum jmap_share_result jmap_share_enter(struct slice account, enum jmap_share what)
{
	enum jmap_share_result result = JMAP_SHARE_TAKEN;
	pthread_mutex_lock(&lock);
	if (!shares)
		shares = map_new();
	unsigned *own = map_get(shares, account);
	if (own && own[what] >= most[what].account)
		result = JMAP_SHARE_USED_UP;
	else if (all[what] >= most[what].all)
		result = JMAP_SHARE_BUSY;
	else {
		if (!own)
			map_put(shares, account, own = memory_array(JMAP_SHARE_COUNT, sizeof *own));
		own[what]++;
		all[what]++;
	}
	pthread_mutex_unlock(&lock);
	return result;
}

void jmap_share_leave(struct slice account, enum jmap_share what)
{
	pthread_mutex_lock(&lock);
	unsigned *own = map_get(shares, account), sum = 0;
	own[what]--;
	all[what]--;
	for (size_t i = 0; i < JMAP_SHARE_COUNT; i++)
		sum += own[i];
	if (sum == 0) {
		map_remove(shares, account);
		free(own);
	}
	if (map_count(shares) == 0)
		map_free(&shares);
	pthread_mutex_unlock(&lock);
}
