/* Searching an account: without an index, with one, and with one that is behind. */
#include "store/fixture.h"

static struct placement add(const char *subject, const char *body)
{
	struct placement placement = {0};
	struct slice letter = arena_printf(t.arena, "From: Ann <ann@example.test>\r\nTo: bob@example.test\r\nSubject: %s\r\nX-Note: green\r\n\r\n%s\r\n", subject, body);
	ok(try_append(t.alice, box("INBOX").id, letter, &placement));
	return placement;
}

static size_t search(enum search_place place, const char *text, int64_t **ids)
{
	size_t count;
	int64_t *found;
	struct search_text wanted = {place, slice_of(text), SLICE("X-Note")};
	ok(account_search(t.alice, &wanted, NULL, NULL, t.arena, &found, &count, &t.error));
	for (size_t i = 1; i < count; i++)
		assert_true(found[i - 1] < found[i]);
	if (ids)
		*ids = found;
	return count;
}

static void places(void **state)
{
	(void)state;
	int64_t *ids;
	add("the first", "hello");
	struct placement second = add("the second", "hello world");
	assert_int_equal(search(SEARCH_TEXT, "hello", NULL), 2);
	assert_int_equal(search(SEARCH_BODY, "hello", NULL), 2);
	assert_int_equal(search(SEARCH_SUBJECT, "hello", NULL), 0);
	assert_int_equal(search(SEARCH_TEXT, "second world", &ids), 1);
	assert_int_equal(ids[0], second.id);
	assert_int_equal(search(SEARCH_FROM, "ann", NULL), 2);
	assert_int_equal(search(SEARCH_TO, "ann", NULL), 0);
	assert_int_equal(search(SEARCH_HEADER, "gree", NULL), 2);
	assert_int_equal(search(SEARCH_HEADER, "", NULL), 2);
	assert_int_equal(search(SEARCH_HEADER, "red", NULL), 0);
	assert_int_equal(search(SEARCH_TEXT, "", NULL), 2);
	assert_int_equal(search(SEARCH_TEXT, "...", NULL), 0);
}

static void shown(void **state)
{
	(void)state;
	struct search_snippet snippet;
	struct placement one = add("<the> hello", "say hello & goodbye");
	ok(message_snippet(t.alice, one.id, &(struct search_text){SEARCH_TEXT, SLICE("hello"), NOTHING}, 1, t.arena, &snippet, &t.error));
	assert_string_equal(snippet.subject.at, "&lt;the&gt; <mark>hello</mark>");
	assert_string_equal(snippet.preview.at, "say <mark>hello</mark> &amp; goodbye ");
	ok(message_snippet(t.alice, one.id, &(struct search_text){SEARCH_BODY, SLICE("hello"), NOTHING}, 1, t.arena, &snippet, &t.error));
	assert_null(snippet.subject.at);
	refused(ERROR_NOT_FOUND, message_snippet(t.alice, 1, NULL, 0, t.arena, &snippet, &t.error));
}

int main(void)
{
	const struct CMUnitTest tests[] = {STORE_TEST(places), STORE_TEST(shown)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
