/* Sessions with other servers that are kept for a moment for the next message. Who uses it has a lock. */
#ifndef COURIER_POOL_H
#define COURIER_POOL_H

#include "courier/session.h"

struct courier_pool;

struct courier_pool *courier_pool_new(void);
/** With nothing in it. */
void courier_pool_free(struct courier_pool **pool);
/** The one that was kept last for this peer; NULL: none. */
struct courier_session *courier_pool_take(struct courier_pool *pool, const struct courier_peer *peer);
/** Keeps a session; `now`: monotonic milliseconds. */
void courier_pool_keep(struct courier_pool *pool, struct courier_session *session, int64_t now);
/** Takes out one that was kept at `deadline` or before; NULL: there is none. */
struct courier_session *courier_pool_expired(struct courier_pool *pool, int64_t deadline);
bool courier_pool_is_empty(const struct courier_pool *pool);

#endif
