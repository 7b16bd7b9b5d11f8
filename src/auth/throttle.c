/* Counting failures, and the lines; see throttle.h. */
#include "auth/throttle.h"

#include "auth/network.h"
#include "auth/recent.h"
#include "base/map.h"
#include "base/memory.h"

enum {
	NETWORKS_KEPT = 50000,   /* entries of the tables of networks, and of networks with an account */
	ACCOUNTS_KEPT = 20000,
	FIRST_DELAY_MS = 1000,   /* after the failures of a network, or of a known one, that go without */
	KEY_SIZE = NETWORK_BYTES + sizeof(uint64_t),
};

/** Failures, and when the last answer that was given a place is due (0: none). */
struct count {
	int64_t failures, last_ms, due_ms;
};

struct account {
	struct count count;
	int64_t due_ms[THROTTLE_LINES];
};

struct throttle {
	struct recent *networks;         /* struct count, whatever the account */
	struct recent *pairs;            /* struct count of a network with an account: strangers */
	struct recent *known;            /* the same, where the account was signed in to before */
	struct recent *accounts, *names; /* struct account: those that exist, and others */
};

struct throttle *auth_throttle_new(void)
{
	struct throttle *throttle = memory_new(sizeof *throttle);
	throttle->networks = auth_recent_new(NETWORKS_KEPT, sizeof(struct count), NULL);
	throttle->pairs = auth_recent_new(NETWORKS_KEPT, sizeof(struct count), NULL);
	throttle->known = auth_recent_new(ACCOUNTS_KEPT, sizeof(struct count), NULL);
	throttle->accounts = auth_recent_new(ACCOUNTS_KEPT, sizeof(struct account), NULL);
	throttle->names = auth_recent_new(ACCOUNTS_KEPT, sizeof(struct account), NULL);
	return throttle;
}

void auth_throttle_free(struct throttle **throttle)
{
	if (!*throttle)
		return;
	auth_recent_free(&(*throttle)->networks);
	auth_recent_free(&(*throttle)->pairs);
	auth_recent_free(&(*throttle)->known);
	auth_recent_free(&(*throttle)->accounts);
	auth_recent_free(&(*throttle)->names);
	free(*throttle);
	*throttle = NULL;
}

/* ---- What counts for one try ---- */

struct view {
	struct throttle *throttle;
	const struct auth_throttle_limits *limits;
	int64_t now_ms;
	struct recent *accounts;
	uint64_t account; /* hashed: names may be long */
	struct auth_network networks[NETWORKS_MAX];
	size_t network_count;
};

static struct view look(struct throttle *throttle, const struct auth_throttle_limits *limits, int64_t now_ms, const struct auth_throttle_try *try)
{
	struct view view = {.throttle = throttle, .limits = limits, .now_ms = now_ms, .account = map_hash(try->account),
		.accounts = try->exists ? throttle->accounts : throttle->names};
	view.network_count = auth_network_list(try->address, view.networks);
	return view;
}

static struct slice account_key(const struct view *view)
{
	return slice_make((const char *)&view->account, sizeof view->account);
}

static struct slice network_key(const struct auth_network *network)
{
	return slice_make(network->bytes, sizeof network->bytes);
}

static struct slice pair_key(const struct view *view, const struct auth_network *network, char key[KEY_SIZE])
{
	memcpy(key, network->bytes, NETWORK_BYTES);
	memcpy(key + NETWORK_BYTES, &view->account, sizeof view->account);
	return slice_make(key, KEY_SIZE);
}

/* The entry if it is there and not yet to be forgotten. */
static void *current(const struct view *view, struct recent *table, struct slice key)
{
	struct count *count = auth_recent_find(table, key);
	return count && view->now_ms - count->last_ms < view->limits->memory_ms ? count : NULL;
}

static struct count *find_pair(const struct view *view, struct recent *table, const struct auth_network *network)
{
	char key[KEY_SIZE];
	return current(view, table, pair_key(view, network, key));
}

/* `first_ms`, twice as much for each step, and never more than the longest delay. */
static int64_t distance(const struct view *view, int64_t first_ms, int64_t steps)
{
	int64_t delay = first_ms;
	while (steps-- > 0 && delay < view->limits->delay_max_ms)
		delay *= 2;
	return delay < view->limits->delay_max_ms ? delay : view->limits->delay_max_ms;
}

/* Which line the client's networks have earned. */
static int line_of(const struct view *view)
{
	int64_t furthest = 0, per_address = view->limits->failures_per_address;
	for (size_t i = 0; i < view->network_count; i++) {
		const struct auth_network *network = &view->networks[i];
		const struct count *pair = find_pair(view, view->throttle->pairs, network);
		const struct count *all = per_address > 0 ? current(view, view->throttle->networks, network_key(network)) : NULL;
		int64_t line = (pair ? pair->failures / network->allowance : 0) + (all ? all->failures / (network->allowance * per_address) : 0);
		furthest = line > furthest ? line : furthest;
	}
	return (int)(furthest < THROTTLE_LINES ? furthest : THROTTLE_LINES - 1);
}

/* ---- Places ---- */

/* When an answer may be due behind the last one of a line; pushes *due_ms back to that. */
static void stand_behind(int64_t last_due_ms, int64_t distance_ms, int64_t *due_ms)
{
	if (last_due_ms > 0 && last_due_ms + distance_ms > *due_ms)
		*due_ms = last_due_ms + distance_ms;
}

/* A network that has failed too often has a line of its own. 0: none. */
static int64_t network_distance(const struct view *view, const struct auth_network *network, const struct count *count)
{
	int64_t allowed = view->limits->failures_per_address, failures = count ? count->failures / network->allowance : 0;
	return allowed > 0 && failures >= allowed ? distance(view, FIRST_DELAY_MS, failures - allowed) : 0;
}

/* Behind the last answer to this network about this account, if too many of them were failures. */
static void stand_behind_own(const struct view *view, const struct count *own, int64_t *due_ms)
{
	if (own && own->failures >= view->limits->failures)
		stand_behind(own->due_ms, distance(view, FIRST_DELAY_MS, own->failures - view->limits->failures), due_ms);
}

static int64_t due_of_stranger(const struct view *view, int line)
{
	int64_t due_ms = view->now_ms;
	for (size_t i = 0; i < view->network_count; i++) {
		const struct count *count = current(view, view->throttle->networks, network_key(&view->networks[i]));
		int64_t apart = network_distance(view, &view->networks[i], count);
		if (apart > 0)
			stand_behind(count->due_ms, apart, &due_ms);
	}
	const struct account *account = current(view, view->accounts, account_key(view));
	const struct count *pair = find_pair(view, view->throttle->pairs, &view->networks[0]);
	if (account && account->count.failures >= view->limits->failures)
		stand_behind(account->due_ms[line], distance(view, THROTTLE_FIRST_MS, line), &due_ms);
	stand_behind_own(view, pair, &due_ms);
	return due_ms;
}

/* Places are noted where something counts already: what has no failures has no line. */
static void take_place(const struct view *view, int line, int64_t due_ms)
{
	for (size_t i = 0; i < view->network_count; i++) {
		struct count *count = current(view, view->throttle->networks, network_key(&view->networks[i]));
		if (count)
			count->due_ms = due_ms;
	}
	struct account *account = current(view, view->accounts, account_key(view));
	struct count *pair = find_pair(view, view->throttle->pairs, &view->networks[0]);
	if (account)
		account->due_ms[line] = due_ms;
	if (pair)
		pair->due_ms = due_ms;
}

int64_t auth_throttle_wait(struct throttle *throttle, const struct auth_throttle_limits *limits, int64_t now_ms, const struct auth_throttle_try *try, bool take)
{
	struct view view = look(throttle, limits, now_ms, try);
	struct count *own = try->known ? find_pair(&view, throttle->known, &view.networks[0]) : NULL;
	int line = try->known ? 0 : line_of(&view);
	int64_t due_ms = now_ms;
	if (try->known)
		stand_behind_own(&view, own, &due_ms);
	else
		due_ms = due_of_stranger(&view, line);
	if (due_ms - now_ms > limits->delay_max_ms)
		return THROTTLE_LATER;
	if (take && own)
		own->due_ms = due_ms;
	else if (take && !try->known)
		take_place(&view, line, due_ms);
	return due_ms - now_ms;
}

bool auth_throttle_is_clean(struct throttle *throttle, const struct auth_throttle_limits *limits, int64_t now_ms, const struct auth_throttle_try *try)
{
	struct view view = look(throttle, limits, now_ms, try);
	const struct count *all = current(&view, throttle->networks, network_key(&view.networks[0]));
	return (!all || all->failures == 0) && line_of(&view) == 0;
}

/* ---- What came of it ---- */

static struct count *add(const struct view *view, struct recent *table, struct slice key)
{
	struct count *count = auth_recent_add(table, key);
	if (view->now_ms - count->last_ms >= view->limits->memory_ms)
		count->failures = 0;
	count->failures++;
	count->last_ms = view->now_ms;
	if (count->due_ms == 0)
		count->due_ms = view->now_ms;
	return count;
}

void auth_throttle_failed(struct throttle *throttle, const struct auth_throttle_limits *limits, int64_t now_ms, const struct auth_throttle_try *try)
{
	struct view view = look(throttle, limits, now_ms, try);
	char key[KEY_SIZE];
	if (try->known) {
		add(&view, throttle->known, pair_key(&view, &view.networks[0], key));
		return;
	}
	int64_t per_address = limits->failures_per_address;
	bool of_pair = true, of_all = true; /* still to be passed on to the larger network */
	for (size_t i = 0; i < view.network_count; i++) {
		int64_t most = i + 1 < view.network_count ? view.networks[i + 1].allowance : 0;
		of_pair = of_pair && add(&view, throttle->pairs, pair_key(&view, &view.networks[i], key))->failures < most;
		of_all = of_all && add(&view, throttle->networks, network_key(&view.networks[i]))->failures < most * per_address;
	}
	add(&view, view.accounts, account_key(&view));
}

static void take_back(struct count *count, int64_t failures)
{
	if (count)
		count->failures -= failures < count->failures ? failures : count->failures;
}

void auth_throttle_succeeded(struct throttle *throttle, const struct auth_throttle_limits *limits, int64_t now_ms, const struct auth_throttle_try *try)
{
	struct view view = look(throttle, limits, now_ms, try);
	char key[KEY_SIZE];
	const struct count *own = find_pair(&view, throttle->pairs, &view.networks[0]);
	int64_t failures = own ? own->failures : 0;
	for (size_t i = 0; i < view.network_count && failures > 0; i++) {
		int64_t allowance = view.networks[i].allowance;
		take_back(find_pair(&view, throttle->pairs, &view.networks[i]), i > 0 && failures >= allowance ? allowance - 1 : failures);
		take_back(current(&view, throttle->networks, network_key(&view.networks[i])), failures);
	}
	take_back(current(&view, view.accounts, account_key(&view)), failures);
	auth_recent_remove(throttle->known, pair_key(&view, &view.networks[0], key));
}
