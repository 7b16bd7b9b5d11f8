/* What each account has under way in this process: requests, large ones among them, uploads, downloads; and how many bytes these hold. A row exists only
 * while there is something. */
#include <pthread.h>

#include "base/map.h"
#include "base/memory.h"
#include "jmap/internal.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
struct under_way { size_t of[JMAP_SHARE_COUNT + 1]; };
enum { BYTES = JMAP_SHARE_COUNT }; /* the last place counts bytes */
static struct map *shares; /* account -> struct under_way */
static struct under_way all;

static const struct { size_t account, all; } most[JMAP_SHARE_COUNT + 1] = {
	[JMAP_SHARE_REQUEST] = {JMAP_CONCURRENT_MAX, JMAP_CONCURRENT_ALL},
	[JMAP_SHARE_LARGE] = {JMAP_LARGE_MAX, JMAP_LARGE_ALL},
	[JMAP_SHARE_UPLOAD] = {JMAP_UPLOADS_MAX, JMAP_UPLOADS_ALL},
	[JMAP_SHARE_DOWNLOAD] = {JMAP_DOWNLOADS_MAX, JMAP_DOWNLOADS_ALL},
	[BYTES] = {JMAP_BYTES_ACCOUNT, JMAP_BYTES_ALL},
};

static enum jmap_share_result take(struct slice account, unsigned what, size_t count)
{
	enum jmap_share_result result = JMAP_SHARE_TAKEN;
	pthread_mutex_lock(&lock);
	if (!shares)
		shares = map_new();
	struct under_way *own = map_get(shares, account);
	if (count > most[what].account - (own ? own->of[what] : 0))
		result = JMAP_SHARE_USED_UP;
	else if (count > most[what].all - all.of[what])
		result = JMAP_SHARE_BUSY;
	else {
		if (!own)
			map_put(shares, account, own = memory_new(sizeof *own));
		own->of[what] += count;
		all.of[what] += count;
	}
	if (map_count(shares) == 0)
		map_free(&shares);
	pthread_mutex_unlock(&lock);
	return result;
}

static void give(struct slice account, unsigned what, size_t count)
{
	pthread_mutex_lock(&lock);
	struct under_way *own = map_get(shares, account);
	size_t sum = 0;
	own->of[what] -= count;
	all.of[what] -= count;
	for (size_t i = 0; i <= JMAP_SHARE_COUNT; i++)
		sum += own->of[i];
	if (sum == 0) {
		map_remove(shares, account);
		free(own);
	}
	if (map_count(shares) == 0)
		map_free(&shares);
	pthread_mutex_unlock(&lock);
}

enum jmap_share_result jmap_share_enter(struct slice account, enum jmap_share what) { return take(account, what, 1); }
void jmap_share_leave(struct slice account, enum jmap_share what) { give(account, what, 1); }

enum jmap_share_result jmap_share_take_bytes(struct slice account, size_t bytes) { return bytes > 0 ? take(account, BYTES, bytes) : JMAP_SHARE_TAKEN; }

void jmap_share_give_bytes(struct slice account, size_t bytes)
{
	if (bytes > 0)
		give(account, BYTES, bytes);
}
