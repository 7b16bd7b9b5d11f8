/* Randomness and ids; see random.h. */
#include "base/random.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/random.h>

#include "base/clock.h"

void random_bytes(void *out, size_t len)
{
	char *at = out;
	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);
		if (got < 0 && errno != EINTR)
			abort();
		if (got > 0) {
			at += got;
			len -= (size_t)got;
		}
	}
}

uint64_t random_u64(void)
{
	uint64_t n;
	random_bytes(&n, sizeof n);
	return n;
}

uint64_t random_below(uint64_t bound)
{
	uint64_t unfair = -bound % bound, n;
	do
		n = random_u64();
	while (n < unfair);
	return n % bound;
}

enum { ID_RANDOM_BITS = 21, ID_AHEAD_MAX_MS = 1000 };

/* Chance alone would give an id twice as soon as some are made in each millisecond: this process's ids only grow, unless the
 * clock is set back. */
int64_t id_new(void)
{
	static _Atomic uint64_t last;
	uint64_t now = (uint64_t)clock_now_ms() & ((1ull << 42) - 1), former = atomic_load(&last), id;
	do {
		id = now << ID_RANDOM_BITS | (random_u64() & ((1u << ID_RANDOM_BITS) - 1));
		if (id <= former && (former >> ID_RANDOM_BITS) <= now + ID_AHEAD_MAX_MS)
			id = former + 1;
	} while (!atomic_compare_exchange_weak(&last, &former, id));
	return (int64_t)id;
}

int64_t id_time(int64_t id)
{
	return id >> 21;
}

static const char id_digits[] = "0123456789abcdefghijklmnopqrstuv";

void id_format(int64_t id, char out[ID_TEXT_LEN + 1])
{
	uint64_t rest = (uint64_t)id;
	for (int i = ID_TEXT_LEN - 1; i >= 0; i--) {
		out[i] = id_digits[rest & 31];
		rest >>= 5;
	}
	out[ID_TEXT_LEN] = '\0';
}

int64_t id_parse(struct slice text)
{
	uint64_t id = 0;
	if (text.len != ID_TEXT_LEN)
		return 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = ascii_lower(text.at[i]);
		const char *digit = c ? memchr(id_digits, c, 32) : NULL;
		if (!digit || id > (uint64_t)INT64_MAX >> 5)
			return 0;
		id = id << 5 | (uint64_t)(digit - id_digits);
	}
	return (int64_t)id;
}
