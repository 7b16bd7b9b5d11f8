/* Questions and answers of an evaluation: what is wanted, what is bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/buf.h"
#include "lookup/lookup.h"

static struct lookup_answer found(const struct lookup_record *records, size_t count)
{
	return (struct lookup_answer){.status = LOOKUP_FOUND, .records = records, .count = count, .ttl = 60};
}

static void test_what_is_unknown_is_wanted_until_it_is_answered(void **state)
{
	(void)state;
	struct lookup *table = lookup_new();
	const struct lookup_answer *answer = lookup_get(table, LOOKUP_TXT, SLICE("Example.TEST."));
	assert_int_equal(answer->status, LOOKUP_WANTED);
	assert_ptr_equal(lookup_get(table, LOOKUP_TXT, SLICE("example.test")), answer);
	assert_int_equal(lookup_get(table, LOOKUP_MX, SLICE("example.test"))->status, LOOKUP_WANTED);
	size_t cursor = 0;
	enum lookup_type type;
	struct slice name;
	assert_true(lookup_next_wanted(table, &cursor, &type, &name));
	assert_int_equal(type, LOOKUP_TXT);
	assert_true(slice_equal(name, SLICE("example.test")));
	char text[] = "v=spf1 -all";
	struct lookup_record record = {.data = slice_of(text)};
	struct lookup_answer given = found(&record, 1), other = {.status = LOOKUP_NO_NAME};
	lookup_put(table, LOOKUP_TXT, name, &given);
	memset(text, 0, sizeof text); /* it was copied */
	lookup_put(table, LOOKUP_TXT, name, &other);
	assert_int_equal(answer->status, LOOKUP_FOUND);
	assert_int_equal(answer->ttl, 60);
	assert_true(slice_equal(answer->records[0].data, SLICE("v=spf1 -all")));
	cursor = 0;
	assert_true(lookup_next_wanted(table, &cursor, &type, &name));
	assert_int_equal(type, LOOKUP_MX);
	assert_false(lookup_next_wanted(table, &cursor, &type, &name));
	lookup_give_up(table);
	assert_int_equal(lookup_get(table, LOOKUP_MX, name)->status, LOOKUP_FAILED);
	assert_int_equal(lookup_count(table), 2);
	lookup_free(&table);
}

static void test_what_can_be_no_name_is_none(void **state)
{
	(void)state;
	struct lookup *table = lookup_new();
	const char *const bad[] = {"", ".", "a..example", ".example", "a234567890123456789012345678901234567890123456789012345678901234.example"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(lookup_get(table, LOOKUP_A, slice_of(bad[i]))->status, LOOKUP_NO_NAME);
	assert_int_equal(lookup_count(table), 0);
	lookup_free(&table);
}

static void test_a_table_is_bounded(void **state)
{
	(void)state;
	struct lookup *table = lookup_new();
	struct buf name = BUF(64);
	for (int i = 0; i < LOOKUP_QUESTIONS_MAX + 5; i++) {
		buf_clear(&name);
		buf_printf(&name, "n%d.example", i);
		assert_int_equal(lookup_get(table, LOOKUP_A, buf_slice(&name))->status, i < LOOKUP_QUESTIONS_MAX ? LOOKUP_WANTED : LOOKUP_FAILED);
	}
	static char large[LOOKUP_BYTES_MAX / 10];
	struct lookup_record records[LOOKUP_RECORDS_MAX + 20] = {{.data = SLICE("x")}};
	struct lookup_answer many = found(records, LOOKUP_RECORDS_MAX + 20);
	lookup_put(table, LOOKUP_A, SLICE("n1.example"), &many);
	assert_int_equal(lookup_get(table, LOOKUP_A, SLICE("n1.example"))->count, LOOKUP_RECORDS_MAX);
	for (int i = 0; i < 20; i++)
		records[i].data = slice_make(large, sizeof large);
	many.count = 20;
	lookup_put(table, LOOKUP_A, SLICE("n2.example"), &many);
	assert_int_equal(lookup_get(table, LOOKUP_A, SLICE("n2.example"))->status, LOOKUP_FAILED);
	many.count = 0;
	lookup_put(table, LOOKUP_A, SLICE("n3.example"), &many);
	assert_int_equal(lookup_get(table, LOOKUP_A, SLICE("n3.example"))->status, LOOKUP_NO_DATA);
	buf_free(&name);
	lookup_free(&table);
}

static void test_reverse_names(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	assert_true(slice_equal(lookup_reverse_name(slice_make("\xc0\x00\x02\x03", 4), arena), SLICE("3.2.0.192.in-addr.arpa")));
	assert_true(slice_equal(lookup_reverse_name(slice_make("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\xcb\x01", 16), arena),
				SLICE("1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa")));
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_unknown_is_wanted_until_it_is_answered),
		cmocka_unit_test(test_what_can_be_no_name_is_none),
		cmocka_unit_test(test_a_table_is_bounded),
		cmocka_unit_test(test_reverse_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
