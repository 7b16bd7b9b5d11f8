/* Answers that are kept: as long as they say, a minute at most, and never what isn't known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/buf.h"
#include "lookup/cache.h"

static void keep(struct lookup_cache *cache, const char *name, enum lookup_status status, uint32_t ttl, size_t bytes)
{
	struct lookup *table = lookup_new();
	struct buf data = BUF(2 * LOOKUP_CACHE_ANSWER_MAX);
	for (size_t i = 0; i < bytes; i++)
		buf_append_char(&data, 'x');
	const struct lookup_record record = {.data = buf_slice(&data), .preference = 7};
	const struct lookup_answer answer = {.status = status, .records = &record, .count = status == LOOKUP_FOUND, .ttl = ttl};
	lookup_put(table, LOOKUP_MX, slice_of(name), &answer);
	lookup_cache_put(cache, table, LOOKUP_MX, slice_of(name), 1000);
	lookup_free(&table);
	buf_free(&data);
}

static bool holds(struct lookup_cache *cache, const char *name, enum lookup_type type, int64_t now)
{
	struct lookup *table = lookup_new();
	bool there = lookup_cache_get(cache, table, type, slice_of(name), now);
	assert_int_equal(lookup_count(table), there);
	lookup_free(&table);
	return there;
}

static void test_an_answer_is_kept_as_long_as_it_says(void **state)
{
	(void)state;
	struct lookup_cache *cache = lookup_cache_new();
	keep(cache, "short.test", LOOKUP_FOUND, 5, 3);
	keep(cache, "long.test", LOOKUP_NO_NAME, 86400, 0);
	assert_true(holds(cache, "short.test", LOOKUP_MX, 5999));
	assert_false(holds(cache, "short.test", LOOKUP_MX, 6000));
	assert_false(holds(cache, "short.test", LOOKUP_TXT, 1000));
	assert_true(holds(cache, "long.test", LOOKUP_MX, 60999));
	assert_false(holds(cache, "long.test", LOOKUP_MX, 61000));
	struct lookup *table = lookup_new();
	assert_true(lookup_cache_get(cache, table, LOOKUP_MX, SLICE("short.test"), 1000));
	const struct lookup_answer *answer = lookup_get(table, LOOKUP_MX, SLICE("short.test"));
	assert_int_equal(answer->count, 1);
	assert_int_equal(answer->records[0].preference, 7);
	assert_true(slice_equal(answer->records[0].data, SLICE("xxx")));
	lookup_free(&table);
	lookup_cache_free(&cache);
}

static void test_what_is_not_known_or_large_is_not_kept(void **state)
{
	(void)state;
	struct lookup_cache *cache = lookup_cache_new();
	keep(cache, "failed.test", LOOKUP_FAILED, 60, 0);
	keep(cache, "now.test", LOOKUP_FOUND, 0, 3);
	keep(cache, "large.test", LOOKUP_FOUND, 60, LOOKUP_CACHE_ANSWER_MAX + 1);
	assert_false(holds(cache, "failed.test", LOOKUP_MX, 1000));
	assert_false(holds(cache, "now.test", LOOKUP_MX, 1000));
	assert_false(holds(cache, "large.test", LOOKUP_MX, 1000));
	lookup_cache_free(&cache);
}

/* More than there are places: each is either kept or not, and none is taken for another. */
static void test_names_share_places(void **state)
{
	(void)state;
	struct lookup_cache *cache = lookup_cache_new();
	char name[40];
	size_t kept = 0;
	for (int i = 0; i < 3 * LOOKUP_CACHE_PLACES; i++) {
		snprintf(name, sizeof name, "name%d.test", i);
		keep(cache, name, LOOKUP_FOUND, 60, (size_t)(1 + i % 50));
	}
	for (int i = 0; i < 3 * LOOKUP_CACHE_PLACES; i++) {
		struct lookup *table = lookup_new();
		snprintf(name, sizeof name, "name%d.test", i);
		if (lookup_cache_get(cache, table, LOOKUP_MX, slice_of(name), 2000)) {
			kept++;
			assert_int_equal(lookup_get(table, LOOKUP_MX, slice_of(name))->records[0].data.len, 1 + i % 50);
		}
		lookup_free(&table);
	}
	assert_in_range(kept, LOOKUP_CACHE_PLACES / 2, LOOKUP_CACHE_PLACES);
	lookup_cache_free(&cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_answer_is_kept_as_long_as_it_says),
		cmocka_unit_test(test_what_is_not_known_or_large_is_not_kept),
		cmocka_unit_test(test_names_share_places),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
