/* What each account has in this process: connections, and the memory that its commands have taken beyond what every connection may.
 * A row exists only while there is a connection. */
#include <pthread.h>

#include "base/map.h"
#include "base/memory.h"
#include "imap/session.h"

struct share {
	int64_t connections;
	uint64_t memory;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map *shares; /* name -> struct share */

bool imap_account_limit_enter(struct slice account, int64_t limit)
{
	pthread_mutex_lock(&lock);
	if (!shares)
		shares = map_new();
	struct share *share = map_get(shares, account);
	if (!share) {
		share = memory_new(sizeof *share);
		map_put(shares, account, share);
	}
	bool allowed = share->connections < limit;
	if (allowed)
		share->connections++;
	pthread_mutex_unlock(&lock);
	return allowed;
}

void imap_account_limit_leave(struct slice account)
{
	pthread_mutex_lock(&lock);
	struct share *share = map_get(shares, account);
	if (share && --share->connections == 0) {
		map_remove(shares, account);
		free(share);
	}
	if (map_count(shares) == 0)
		map_free(&shares);
	pthread_mutex_unlock(&lock);
}

bool imap_account_limit_borrow(struct slice account, uint64_t bytes, uint64_t limit)
{
	pthread_mutex_lock(&lock);
	struct share *share = map_get(shares, account);
	bool allowed = share && share->memory <= limit && bytes <= limit - share->memory;
	if (allowed)
		share->memory += bytes;
	pthread_mutex_unlock(&lock);
	return allowed;
}

void imap_account_limit_repay(struct slice account, uint64_t bytes)
{
	pthread_mutex_lock(&lock);
	struct share *share = map_get(shares, account);
	if (share)
		share->memory -= bytes;
	pthread_mutex_unlock(&lock);
}
