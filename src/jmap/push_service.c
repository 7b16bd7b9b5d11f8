/* The thread that tells push subscriptions what has changed. It knows whose accounts have any, and hears of their changes as sessions do (store_subscribe()): of an
 * account without any nobody does anything for it. What was told is kept with each subscription, so that after a start what wasn't is told then. */
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "jmap/push_internal.h"

enum { KEY_ASKED_MS = 60 * 1000, STACK_SIZE = 1024 * 1024, NEWS_CHANGED = 1, NEWS_CHECK = 2 };

/* What is to be done with an account whose name is heard; values of the map of news. */
static char news_values[NEWS_CHANGED + NEWS_CHECK + 1];

/* ---- What is heard: any thread ---- */

static void tell(struct jmap_push *push, struct slice account, unsigned what)
{
	pthread_mutex_lock(&push->lock);
	const char *former = map_get(push->news, account);
	unsigned all = (former ? (unsigned)(former - news_values) : 0) | what;
	map_put(push->news, account, &news_values[all]);
	pthread_cond_signal(&push->heard);
	pthread_mutex_unlock(&push->lock);
}

void jmap_push_note(struct jmap_push *push, struct slice account)
{
	if (push)
		tell(push, account, NEWS_CHANGED);
}

void jmap_push_hear(struct jmap_push *push, struct slice account)
{
	if (account.len > 0) {
		tell(push, account, NEWS_CHECK);
		return;
	}
	pthread_mutex_lock(&push->lock);
	push->check_all = true;
	pthread_cond_signal(&push->heard);
	pthread_mutex_unlock(&push->lock);
}

/* Under the lock of the store's watch. */
static void on_change(void *context)
{
	struct jmap_push_account *entry = context;
	tell(entry->push, slice_of(entry->name), NEWS_CHANGED);
}

/* ---- The key ---- */

static bool is_key_fresh(const struct jmap_push *push) { return push->key_known && clock_monotonic_ms() - push->key_ms < KEY_ASKED_MS; }

static void ask_key(struct jmap_push *push)
{
	struct auth_push_key key;
	enum auth_web status = auth_push_token(push->service->auth, NULL, 0, SLICE(""), NULL, &key, NULL);
	pthread_mutex_lock(&push->lock);
	push->key_ms = clock_monotonic_ms();
	if (status == AUTH_WEB_DONE) {
		push->key = key;
		push->key_known = true;
	}
	pthread_mutex_unlock(&push->lock);
}

/* It is asked for once a minute at most. */
bool jmap_push_key(struct jmap_push *push, struct auth_push_key *key)
{
	pthread_mutex_lock(&push->lock);
	bool ask = !is_key_fresh(push);
	if (ask)
		push->key_ms = clock_monotonic_ms(); /* others needn't ask meanwhile, if there is one */
	pthread_mutex_unlock(&push->lock);
	if (ask)
		ask_key(push);
	pthread_mutex_lock(&push->lock);
	bool known = push->key_known;
	*key = push->key;
	pthread_mutex_unlock(&push->lock);
	return known;
}

/* ---- Accounts ---- */

static struct jmap_push_account *account_of(struct jmap_push *push, struct slice name, bool make)
{
	struct jmap_push_account *entry = map_get(push->accounts, name);
	if (entry || !make || !store_has_push(push->service->store, name))
		return entry;
	entry = memory_new(sizeof *entry);
	*entry = (struct jmap_push_account){.name = memory_copy(name.at, name.len), .push = push, .check = true};
	entry->watch = store_subscribe(push->service->store, name, on_change, entry);
	map_put(push->accounts, name, entry);
	return entry;
}

static void forget(struct jmap_push *push, struct jmap_push_account *entry)
{
	map_remove(push->accounts, slice_of(entry->name));
	jmap_push_account_free(entry);
}

/* After the start. */
static void find_all(struct jmap_push *push)
{
	struct arena *arena = arena_new();
	struct slice *names;
	size_t count = 0;
	struct error error;
	if (!store_list_accounts(push->service->store, arena, &names, &count, &error))
		log_warning("push.failed", log_text("what", "accounts"), log_text("reason", error.text));
	for (size_t i = 0; i < count; i++)
		account_of(push, names[i], true);
	arena_free(&arena);
}

static void be_due(struct jmap_push *push, struct slice name, unsigned what)
{
	struct jmap_push_account *entry = account_of(push, name, what & NEWS_CHANGED);
	if (!entry)
		return;
	entry->due_ms = 0;
	entry->check |= (what & NEWS_CHECK) != 0;
}

static void take_news(struct jmap_push *push, struct map *news, bool check_all)
{
	size_t cursor = 0;
	struct slice name;
	void *value;
	while (map_next(news, &cursor, &name, &value))
		be_due(push, name, (unsigned)((char *)value - news_values));
	cursor = 0;
	while (check_all && map_next(push->accounts, &cursor, &name, &value)) {
		((struct jmap_push_account *)value)->check = true;
		((struct jmap_push_account *)value)->due_ms = 0;
	}
}

/* Those that are due now, in a list of their own; *next_ms: when the next of the others is. */
static struct jmap_push_account *due_accounts(struct jmap_push *push, int64_t *next_ms)
{
	size_t cursor = 0;
	struct slice name;
	void *value;
	struct jmap_push_account *due = NULL;
	int64_t now_ms = clock_monotonic_ms();
	*next_ms = INT64_MAX;
	while (map_next(push->accounts, &cursor, &name, &value)) {
		struct jmap_push_account *entry = value;
		if (entry->due_ms <= now_ms) {
			entry->next_due = due;
			due = entry;
		} else if (entry->due_ms < *next_ms)
			*next_ms = entry->due_ms;
	}
	return due;
}

static void take_answers(struct jmap_push *push)
{
	struct jmap_push_account *entries[PUSH_UNDER_WAY_MAX];
	size_t count = push->under_way;
	for (size_t i = 0; i < count; i++)
		entries[i] = push->flying[i]->entry;
	for (size_t i = 0; i < count; i++)
		jmap_push_take(push, entries[i]);
}

static bool is_stopping(struct jmap_push *push)
{
	pthread_mutex_lock(&push->lock);
	bool stopping = push->stopping;
	pthread_mutex_unlock(&push->lock);
	return stopping;
}

static int64_t look_at_due(struct jmap_push *push)
{
	int64_t next_ms;
	struct jmap_push_account *entry = due_accounts(push, &next_ms);
	while (entry && !is_stopping(push)) {
		struct jmap_push_account *next = entry->next_due;
		if (!jmap_push_look(push, entry))
			forget(push, entry);
		else if (entry->due_ms < next_ms)
			next_ms = entry->due_ms;
		entry = next;
	}
	atomic_store(&push->known, map_count(push->accounts));
	return next_ms;
}

/* Takes what was heard; the map is the caller's. */
static struct map *await_news(struct jmap_push *push, int64_t until_ms, bool *check_all, bool *answered)
{
	pthread_mutex_lock(&push->lock);
	while (!push->stopping && map_count(push->news) == 0 && !push->check_all && !push->answered) {
		if (until_ms == INT64_MAX)
			pthread_cond_wait(&push->heard, &push->lock);
		else if (!clock_wait(&push->heard, &push->lock, until_ms))
			break;
	}
	struct map *news = push->news;
	push->news = map_new();
	*check_all = push->check_all;
	*answered = push->answered;
	push->check_all = push->answered = false;
	pthread_mutex_unlock(&push->lock);
	return news;
}

static void *run(void *argument)
{
	struct jmap_push *push = argument;
	find_all(push);
	for (int64_t next_ms = 0; !is_stopping(push);) {
		bool check_all, answered;
		struct map *news = await_news(push, next_ms, &check_all, &answered);
		take_news(push, news, check_all);
		map_free(&news);
		if (answered)
			take_answers(push);
		next_ms = look_at_due(push);
	}
	return NULL;
}

/* ---- The door ---- */

struct jmap_push *jmap_push_start(const struct jmap_service *service, int channel)
{
	struct jmap_push *push = memory_new(sizeof *push);
	pthread_attr_t attributes;
	*push = (struct jmap_push){.service = service, .caller = caller_new(channel), .accounts = map_new(), .tokens = map_new(), .news = map_new()};
	pthread_mutex_init(&push->lock, NULL);
	clock_init_condition(&push->heard);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	if (pthread_create(&push->thread, &attributes, run, push) != 0)
		memory_exhausted(0);
	pthread_attr_destroy(&attributes);
	return push;
}

uint64_t jmap_push_count(const struct jmap_push *push) { return atomic_load(&push->known); }

void jmap_push_stop(struct jmap_push **push)
{
	struct jmap_push *self = *push;
	size_t cursor = 0;
	struct slice name;
	void *value;
	if (!self)
		return;
	*push = NULL;
	pthread_mutex_lock(&self->lock);
	self->stopping = true;
	pthread_cond_signal(&self->heard);
	pthread_mutex_unlock(&self->lock);
	pthread_join(self->thread, NULL);
	while (map_next(self->accounts, &cursor, &name, &value))
		jmap_push_account_free(value);
	map_free(&self->accounts);
	jmap_push_tokens_free(self);
	caller_free(&self->caller);
	map_free(&self->news);
	pthread_cond_destroy(&self->heard);
	pthread_mutex_destroy(&self->lock);
	free(self);
}
