/* Whatever a stranger makes us write, the line reads back, with every field in its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/event.h"

static int ends[2];

static int set_up(void **state)
{
	(void)state;
	if (pipe(ends) != 0)
		return -1;
	log_set_role("test", LOG_LEVEL_ERROR + 1);
	log_set_file(ends[1]);
	return 0;
}

static struct slice line_of(char bytes[2 * LOG_LINE_MAX])
{
	ssize_t got = read(ends[0], bytes, 2 * LOG_LINE_MAX);
	assert_in_range(got, 1, LOG_LINE_MAX);
	assert_int_equal(bytes[got - 1], '\n');
	for (ssize_t i = 0; i < got - 1; i++)
		assert_true((unsigned char)bytes[i] >= ' ' && bytes[i] != 0x7f);
	return slice_make(bytes, (size_t)got - 1);
}

/* Writes an event with the value in several fields, and reads it. */
static void try(struct slice value)
{
	static char bytes[2 * LOG_LINE_MAX];
	struct arena *arena = arena_new();
	struct event event;
	log_info("test.line", log_id("id", 77), log_slice("from", value), log_slice("to", value), log_slice("msgid", value), log_number("size", 12),
		 log_slice("client", value), log_slice("account", value), log_text("last", "x"));
	assert_true(event_parse(line_of(bytes), arena, &event));
	assert_true(slice_equal(event_get(&event, "event"), SLICE("test.line")));
	assert_true(slice_equal(event_get(&event, "role"), SLICE("test")));
	assert_true(event_get(&event, "id").len > 0);
	struct slice from = event_get(&event, "from");
	assert_true(slice_starts(value, from));
	assert_true(from.len == value.len || from.len >= 200);
	if (value.len < 100)
		assert_true(slice_equal(event_get(&event, "last"), SLICE("x")) && slice_equal(event_get(&event, "account"), value));
	arena_free(&arena);
}

static void every_line_reads_back(void **state)
{
	static const char *const pieces[] = {"a", "\"", "\\", "\n", "=", " ", "\x80", "\xd0\xb3", "\xf0\x9f\x90\xa6", "\x7f", "\x1b", "\\x", "\" event=message.accepted "};
	char *value = memory_new(6000);
	(void)state;
	try(SLICE(""));
	try(slice_make("\0\0", 2));
	for (size_t piece = 0; piece < sizeof pieces / sizeof *pieces; piece++)
		for (size_t length = 1; length < 5000; length += length < 20 ? 1 : length < 900 ? 97 : length < 1010 ? 1 : 501) {
			size_t size = strlen(pieces[piece]);
			for (size_t i = 0; i < length; i++)
				value[i] = pieces[piece][i % size];
			try(slice_make(value, length));
		}
	for (int round = 0; round < 3000; round++) {
		size_t length = random_u64() % 1500;
		for (size_t i = 0; i < length; i++)
			value[i] = (char)random_u64();
		try(slice_make(value, length));
	}
	free(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup(every_line_reads_back, set_up)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
