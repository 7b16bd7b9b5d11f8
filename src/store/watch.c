/* Who wants to know of changes. Subscriptions hang under the account's name, not the account: an idle session holds no
 * database open. The watch lock is held while `changed` runs, which is what makes store_unsubscribe() final. */
#include "base/memory.h"
#include "store/internal.h"

struct subscription {
	struct store *store;
	struct slice account;
	void (*changed)(void *context);
	void *context;
	struct subscription *next, *previous;
};

struct subscription *store_subscribe(struct store *store, struct slice account, void (*changed)(void *context), void *context)
{
	struct subscription *s = memory_new(sizeof *s);
	*s = (struct subscription){.store = store, .changed = changed, .context = context};
	s->account = slice_make(memory_copy(account.at, account.len), account.len);
	pthread_mutex_lock(&store->watch_lock);
	s->next = map_put(store->subscriptions, account, s);
	if (s->next)
		s->next->previous = s;
	pthread_mutex_unlock(&store->watch_lock);
	return s;
}

void store_unsubscribe(struct subscription **subscription)
{
	struct subscription *s = *subscription;
	if (!s)
		return;
	*subscription = NULL;
	pthread_mutex_lock(&s->store->watch_lock);
	if (s->next)
		s->next->previous = s->previous;
	if (s->previous)
		s->previous->next = s->next;
	else if (s->next)
		map_put(s->store->subscriptions, s->account, s->next);
	else
		map_remove(s->store->subscriptions, s->account);
	pthread_mutex_unlock(&s->store->watch_lock);
	free((char *)s->account.at);
	free(s);
}

void store_on_change(struct store *store, void (*announce)(void *context, struct slice account), void *context)
{
	pthread_mutex_lock(&store->watch_lock);
	store->announce = announce;
	store->announce_context = context;
	pthread_mutex_unlock(&store->watch_lock);
}

static void tell(const struct subscription *s)
{
	for (; s; s = s->next)
		s->changed(s->context);
}

void store_announced(struct store *store, struct slice account)
{
	size_t cursor = 0;
	struct slice name;
	void *first;
	pthread_mutex_lock(&store->watch_lock);
	if (!slice_empty(account))
		tell(map_get(store->subscriptions, account));
	else
		while (map_next(store->subscriptions, &cursor, &name, &first))
			tell(first);
	pthread_mutex_unlock(&store->watch_lock);
}

void watch_changed(struct store *store, struct slice account)
{
	store_announced(store, account);
	pthread_mutex_lock(&store->watch_lock);
	void (*announce)(void *, struct slice) = store->announce;
	void *context = store->announce_context;
	pthread_mutex_unlock(&store->watch_lock);
	if (announce)
		announce(context, account);
}
