/* Unit tests of slices, buffers, arenas, maps, ids, counted events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"

static void numbers_stop_at_their_maximum(void **state)
{
	(void)state;
	uint64_t n;
	assert_true(slice_to_number(SLICE("18446744073709551615"), UINT64_MAX, &n));
	assert_true(n == UINT64_MAX);
	assert_false(slice_to_number(SLICE("18446744073709551616"), UINT64_MAX, &n));
	assert_false(slice_to_number(SLICE("11"), 10, &n));
	assert_true(slice_to_number(SLICE("5"), 7, &n));
	assert_false(slice_to_number(SLICE("8"), 7, &n));
	assert_false(slice_to_number(SLICE(""), 7, &n));
	assert_false(slice_to_number(SLICE("-1"), 7, &n));
}

static void slices_are_cut_and_found(void **state)
{
	(void)state;
	struct slice before, after;
	assert_true(slice_cut(SLICE("a@b@c"), '@', &before, &after));
	assert_true(slice_equal(before, SLICE("a")) && slice_equal(after, SLICE("b@c")));
	assert_false(slice_cut(SLICE("abc"), '@', &before, &after));
	assert_true(slice_equal(before, SLICE("abc")) && slice_empty(after));
	assert_int_equal(slice_find_nocase(SLICE("Subject: X"), SLICE("JECT")), 3);
	assert_true(slice_empty(slice_sub(SLICE("abc"), 4, 9)));
	assert_true(slice_equal(slice_trim(SLICE(" \r\n x y\t ")), SLICE("x y")));
}

static void utf8_is_strict(void **state)
{
	(void)state;
	assert_true(slice_is_utf8(SLICE("гугу 🐦")));
	assert_false(slice_is_utf8(SLICE("\xc0\x80")));         /* overlong NUL */
	assert_false(slice_is_utf8(SLICE("\xed\xa0\x80")));     /* surrogate */
	assert_false(slice_is_utf8(SLICE("\xf4\x90\x80\x80"))); /* beyond U+10FFFF */
	assert_false(slice_is_utf8(SLICE("\xd0")));
}

static void a_buffer_keeps_its_maximum(void **state)
{
	(void)state;
	struct buf buf = BUF(5);
	assert_true(buf_append(&buf, SLICE("abc")));
	assert_false(buf_append(&buf, SLICE("def")));
	assert_false(buf_append(&buf, SLICE("d"))); /* refused from then on */
	assert_true(slice_equal(buf_slice(&buf), SLICE("abc")));
	buf_clear(&buf);
	assert_true(buf_printf(&buf, "%d", 12345));
	buf_consume(&buf, 2);
	assert_true(slice_equal(buf_slice(&buf), SLICE("345")));
	buf_free(&buf);
}

static void an_arena_gives_zeroed_memory_again(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 1000; i++) {
			char *at = arena_alloc(arena, (size_t)i);
			for (int j = 0; j < i; j++)
				assert_int_equal(at[j], 0);
			memset(at, 'x', (size_t)i);
		}
		arena_reset(arena);
	}
	assert_true(slice_equal(arena_printf(arena, "%s-%d", "a", 7), SLICE("a-7")));
	arena_free(&arena);
	assert_null(arena);
}

static void a_map_survives_many_changes(void **state)
{
	(void)state;
	struct map *map = map_new();
	static char values[5000];
	char key[16];
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof key, "key %d", i);
		assert_null(map_put(map, slice_of(key), &values[i]));
	}
	for (int i = 0; i < 5000; i += 2) {
		snprintf(key, sizeof key, "key %d", i);
		assert_ptr_equal(map_remove(map, slice_of(key)), &values[i]);
	}
	assert_int_equal(map_count(map), 2500);
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof key, "key %d", i);
		assert_ptr_equal(map_get(map, slice_of(key)), i % 2 ? &values[i] : NULL);
	}
	map_free(&map);
}

static void ids_are_read_as_written(void **state)
{
	(void)state;
	char text[ID_TEXT_LEN + 1];
	int64_t id = id_new();
	assert_true(id > 0);
	id_format(id, text);
	assert_true(id_parse(slice_of(text)) == id);
	assert_int_equal(id_parse(SLICE("zzzzzzzzzzzzz")), 0);
	assert_int_equal(id_parse(SLICE("0")), 0);
}

static void ids_only_grow(void **state)
{
	(void)state;
	for (int64_t id = id_new(), former = 0, i = 0; i < 100000; former = id, id = id_new(), i++)
		assert_true(id > former);
}

static void find_count(void *context, const char *event, uint64_t count)
{
	if (strcmp(event, "test.happened") == 0)
		*(uint64_t *)context = count;
}

static void events_are_counted_by_name(void **state)
{
	(void)state;
	static const char same_name_elsewhere[] = "test.happened";
	uint64_t count = 0;
	log_set_role("test", LOG_LEVEL_ERROR);
	log_info("test.happened");
	log_write(LOG_LEVEL_DEBUG, same_name_elsewhere, LOG_FIELDS(log_number("n", 1)));
	log_info("test.happened_not");
	log_visit_counts(find_count, &count);
	assert_int_equal(count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_stop_at_their_maximum),
		cmocka_unit_test(slices_are_cut_and_found),
		cmocka_unit_test(utf8_is_strict),
		cmocka_unit_test(a_buffer_keeps_its_maximum),
		cmocka_unit_test(an_arena_gives_zeroed_memory_again),
		cmocka_unit_test(a_map_survives_many_changes),
		cmocka_unit_test(ids_are_read_as_written),
		cmocka_unit_test(ids_only_grow),
		cmocka_unit_test(events_are_counted_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
