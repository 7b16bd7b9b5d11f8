/* Counting failures; see throttle.h. */
#include "auth/throttle.h"

#include <arpa/inet.h>

#include "auth/recent.h"
#include "base/memory.h"

enum {
	TABLE_MAX = 20000,                      /* entries of each table */
	KEY_MAX = 64 + 512 + 1,                 /* an address and an account */
	FIRST_DELAY_MS = 1000,
	TRUSTED_MS = 7 * 24 * 3600 * 1000,
	PREFIX_64 = 8,                          /* bytes of an IPv6 address that name a customer's network */
};

struct count {
	int64_t failures, last_ms;
	int64_t trusted_until_ms; /* in `trusted` only */
};

struct throttle {
	struct recent *addresses, *accounts;
	struct recent *pairs;   /* address and account: what a later success takes back */
	struct recent *trusted; /* address and account that belong together; a table of its own, so that failures can't crowd it out */
};

struct throttle *throttle_new(void)
{
	struct throttle *throttle = memory_new(sizeof *throttle);
	throttle->addresses = recent_new(TABLE_MAX, sizeof(struct count), NULL);
	throttle->accounts = recent_new(TABLE_MAX, sizeof(struct count), NULL);
	throttle->pairs = recent_new(TABLE_MAX, sizeof(struct count), NULL);
	throttle->trusted = recent_new(TABLE_MAX, sizeof(struct count), NULL);
	return throttle;
}

void throttle_free(struct throttle **throttle)
{
	if (!*throttle)
		return;
	recent_free(&(*throttle)->addresses);
	recent_free(&(*throttle)->accounts);
	recent_free(&(*throttle)->pairs);
	recent_free(&(*throttle)->trusted);
	free(*throttle);
	*throttle = NULL;
}

/* The table keys of one client and account. */
struct keys {
	char text[KEY_MAX];
	struct slice address, account, pair;
};

static size_t put_address(struct slice address, char *out)
{
	char text[INET6_ADDRSTRLEN] = "";
	struct in6_addr six;
	if (address.len < sizeof text && address.len > 0)
		memcpy(text, address.at, address.len);
	if (inet_pton(AF_INET6, text, &six) != 1) {
		size_t len = strlen(text);
		memcpy(out, text, len);
		return len;
	}
	/* ::ffff:192.0.2.1 is an IPv4 client; its /64 would be all of them. */
	if (IN6_IS_ADDR_V4MAPPED(&six))
		return inet_ntop(AF_INET, six.s6_addr + 12, out, INET_ADDRSTRLEN) ? strlen(out) : 0;
	memcpy(out, six.s6_addr, PREFIX_64);
	return PREFIX_64;
}

static void make_keys(struct keys *keys, struct slice address, struct slice account)
{
	size_t at = put_address(address, keys->text);
	keys->text[at] = ' ';
	account = slice_sub(account, 0, sizeof keys->text - at - 1);
	if (account.len > 0)
		memcpy(keys->text + at + 1, account.at, account.len);
	keys->address = slice_make(keys->text, at);
	keys->account = slice_make(keys->text + at + 1, account.len);
	keys->pair = slice_make(keys->text, at + 1 + account.len);
}

static bool is_current(const struct count *count, const struct throttle_limits *limits, int64_t now_ms)
{
	return count && now_ms - count->last_ms < limits->memory_ms;
}

/* `allowed`: the failures before the first delay; 0: there is never one. */
static int64_t delay_after(const struct count *count, int64_t allowed, const struct throttle_limits *limits, int64_t now_ms)
{
	if (!is_current(count, limits, now_ms) || allowed == 0 || count->failures < allowed)
		return 0;
	int64_t doublings = count->failures - allowed, delay = FIRST_DELAY_MS;
	while (doublings-- > 0 && delay < limits->delay_max_ms)
		delay *= 2;
	return delay < limits->delay_max_ms ? delay : limits->delay_max_ms;
}

static int64_t wait_of(const struct count *count, int64_t allowed, const struct throttle_limits *limits, int64_t now_ms)
{
	int64_t delay = delay_after(count, allowed, limits, now_ms);
	return delay > 0 && count->last_ms + delay > now_ms ? count->last_ms + delay - now_ms : 0;
}

static struct count *find_trusted(struct throttle *throttle, int64_t now_ms, const struct keys *keys)
{
	struct count *count = recent_find(throttle->trusted, keys->pair);
	if (!count || now_ms < count->trusted_until_ms)
		return count;
	recent_remove(throttle->trusted, keys->pair);
	return NULL;
}

bool throttle_may_try(struct throttle *throttle, const struct throttle_limits *limits, int64_t now_ms, struct slice address,
		      struct slice account, int *wait_ms)
{
	struct keys keys;
	make_keys(&keys, address, account);
	struct count *trusted = find_trusted(throttle, now_ms, &keys);
	int64_t wait;
	if (trusted)
		wait = wait_of(trusted, limits->failures, limits, now_ms);
	else {
		int64_t by_address = wait_of(recent_find(throttle->addresses, keys.address), limits->failures_per_address, limits, now_ms);
		int64_t by_account = wait_of(recent_find(throttle->accounts, keys.account), limits->failures, limits, now_ms);
		wait = by_address > by_account ? by_address : by_account;
	}
	*wait_ms = (int)wait;
	return wait == 0;
}

static int64_t count_failure(struct count *count, int64_t allowed, const struct throttle_limits *limits, int64_t now_ms)
{
	if (!is_current(count, limits, now_ms))
		count->failures = 0;
	count->failures++;
	count->last_ms = now_ms;
	return delay_after(count, allowed, limits, now_ms);
}

int throttle_failed(struct throttle *throttle, const struct throttle_limits *limits, int64_t now_ms, struct slice address, struct slice account)
{
	struct keys keys;
	make_keys(&keys, address, account);
	struct count *trusted = find_trusted(throttle, now_ms, &keys);
	if (trusted)
		return (int)count_failure(trusted, limits->failures, limits, now_ms);
	count_failure(recent_add(throttle->pairs, keys.pair), limits->failures, limits, now_ms);
	int64_t by_address = count_failure(recent_add(throttle->addresses, keys.address), limits->failures_per_address, limits, now_ms);
	int64_t by_account = count_failure(recent_add(throttle->accounts, keys.account), limits->failures, limits, now_ms);
	return (int)(by_address > by_account ? by_address : by_account);
}

static void take_back(struct recent *table, struct slice key, int64_t failures)
{
	struct count *count = recent_find(table, key);
	if (count && count->failures <= failures)
		recent_remove(table, key);
	else if (count)
		count->failures -= failures;
}

void throttle_succeeded(struct throttle *throttle, const struct throttle_limits *limits, int64_t now_ms, struct slice address, struct slice account)
{
	struct keys keys;
	make_keys(&keys, address, account);
	const struct count *pair = recent_find(throttle->pairs, keys.pair);
	if (is_current(pair, limits, now_ms)) {
		take_back(throttle->addresses, keys.address, pair->failures);
		take_back(throttle->accounts, keys.account, pair->failures);
	}
	recent_remove(throttle->pairs, keys.pair);
	struct count *trusted = recent_add(throttle->trusted, keys.pair);
	trusted->failures = 0;
	trusted->trusted_until_ms = now_ms + TRUSTED_MS;
}
