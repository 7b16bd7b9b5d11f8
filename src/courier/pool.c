/* Kept sessions: in a list by age, and for each peer in a chain, the newest first. */
#include "courier/pool.h"

#include "base/map.h"
#include "base/memory.h"

struct courier_pool {
	struct map *chains;               /* by peer */
	struct courier_session *oldest, *newest;
};

enum { PEER_KEY_MAX = HOST_NAME_MAX_TEXT + ADDRESS_TEXT_MAX + 10 };

static struct slice key_of(const struct courier_peer *peer, char out[PEER_KEY_MAX])
{
	snprintf(out, PEER_KEY_MAX, "%s %d %s", peer->address_text, peer->port, peer->host);
	return slice_of(out);
}

struct courier_pool *courier_pool_new(void)
{
	struct courier_pool *pool = memory_new(sizeof *pool);
	pool->chains = map_new();
	return pool;
}

void courier_pool_free(struct courier_pool **pool)
{
	if (!*pool)
		return;
	map_free(&(*pool)->chains);
	free(*pool);
	*pool = NULL;
}

/* Out of its chain, which holds few. */
static void leave_chain(struct courier_pool *pool, struct courier_session *session)
{
	char text[PEER_KEY_MAX];
	struct slice key = key_of(&session->peer, text);
	struct courier_session *first = map_get(pool->chains, key), **link = &first;
	while (*link != session)
		link = &(*link)->next;
	*link = session->next;
	if (first)
		map_put(pool->chains, key, first);
	else
		map_remove(pool->chains, key);
}

static void take_out(struct courier_pool *pool, struct courier_session *session)
{
	leave_chain(pool, session);
	*(session->older ? &session->older->newer : &pool->oldest) = session->newer;
	*(session->newer ? &session->newer->older : &pool->newest) = session->older;
	session->next = session->older = session->newer = NULL;
}

struct courier_session *courier_pool_take(struct courier_pool *pool, const struct courier_peer *peer)
{
	char text[PEER_KEY_MAX];
	struct courier_session *session = map_get(pool->chains, key_of(peer, text));
	if (session)
		take_out(pool, session);
	return session;
}

void courier_pool_keep(struct courier_pool *pool, struct courier_session *session, int64_t now)
{
	char text[PEER_KEY_MAX];
	session->idle_since = now;
	session->next = map_put(pool->chains, key_of(&session->peer, text), session);
	session->newer = NULL;
	session->older = pool->newest;
	*(pool->newest ? &pool->newest->newer : &pool->oldest) = session;
	pool->newest = session;
}

struct courier_session *courier_pool_expired(struct courier_pool *pool, int64_t deadline)
{
	struct courier_session *session = pool->oldest;
	if (!session || session->idle_since > deadline)
		return NULL;
	take_out(pool, session);
	return session;
}

bool courier_pool_is_empty(const struct courier_pool *pool)
{
	return !pool->oldest;
}
