/* Unit tests of excerpts: the fields come out as they stand in the header, bounded, and damage is noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/buf.h"
#include "message/excerpt.h"

static struct arena *arena;

static int set_up(void **state) { (void)state; arena = arena_new(); return 0; }
static int tear_down(void **state) { (void)state; arena_free(&arena); return 0; }

static uint64_t bits(const char *names)
{
	uint64_t fields = 0;
	struct slice rest = slice_of(names), name;
	while (rest.len > 0) {
		slice_cut(rest, ' ', &name, &rest);
		fields |= excerpt_field(name);
	}
	return fields;
}

/* What an excerpt tells of these; NULL: it can't. */
static const char *told(struct slice excerpt, const char *names)
{
	struct excerpt_reader reader;
	struct slice field;
	struct buf out = BUF(EXCERPT_HEADER_MAX);
	if (!excerpt_read(excerpt, bits(names), &reader))
		return NULL;
	while (excerpt_next(&reader, &field))
		buf_append(&out, field);
	assert_false(reader.damaged);
	const char *text = arena_text(arena, buf_slice(&out));
	buf_free(&out);
	return text;
}

static const char odd[] =
	"Received: by one\r\n\tfrom two\r\nFrom: \xe4@x.test\r\nX-Unknown: 1\r\n Subject: not this\r\nSUBJECT : one\r\n  folded\r\n \r\n"
	"Subject:\r\nTo:\ta,\n b\r\nDKIM-Signature: v=1\r\nX: y\r\nsubject: last\r\n\r\n";

static void fields_are_as_they_stand(void **state)
{
	(void)state;
	struct slice brief = excerpt_make(slice_of(odd), EXCERPT_SHORT, arena), whole = excerpt_make(slice_of(odd), EXCERPT_LONG, arena);
	assert_true(excerpt_is_current(brief));
	assert_string_equal(told(brief, "subject"), "SUBJECT : one\r\n  folded\r\n \r\nSubject:\r\nsubject: last\r\n");
	assert_string_equal(told(brief, "to from"), "From: \xe4@x.test\r\nTo:\ta,\n b\r\n");
	assert_string_equal(told(brief, "cc"), "");
	assert_string_equal(told(brief, "received date"), "Received: by one\r\n\tfrom two\r\n");
	assert_null(told(brief, "from dkim-signature"));
	assert_string_equal(told(whole, "from dkim-signature"), "From: \xe4@x.test\r\nDKIM-Signature: v=1\r\n");
}

static void kinds_are_told_by_their_fields(void **state)
{
	(void)state;
	assert_int_equal(excerpt_field(SLICE("X-Unknown")), 0);
	assert_int_equal(excerpt_field(SLICE("")), 0);
	assert_true(excerpt_field(SLICE("FROM")) == excerpt_field(SLICE("from")) && excerpt_field(SLICE("from")) != 0);
	assert_int_equal(excerpt_kind_for(bits("from subject received")), EXCERPT_SHORT);
	assert_int_equal(excerpt_kind_for(bits("from dkim-signature")), EXCERPT_LONG);
}

static void what_ends_a_header_ends_it(void **state)
{
	(void)state;
	assert_string_equal(told(excerpt_make(SLICE("Subject: open"), EXCERPT_SHORT, arena), "subject"), "Subject: open");
	assert_string_equal(told(excerpt_make(SLICE("\r\nSubject: body"), EXCERPT_SHORT, arena), "subject"), "");
	assert_string_equal(told(excerpt_make(SLICE(""), EXCERPT_SHORT, arena), "subject"), "");
	assert_string_equal(told(excerpt_make(SLICE(" Subject: a\r\n Subject: b\r\nTo: c\r\n\r\n"), EXCERPT_SHORT, arena), "subject to"), "To: c\r\n");
	assert_string_equal(told(excerpt_make(SLICE(">From a@b.test Mon Nov  2 10:00:00 2026\r\n more\r\nTo: c\r\n\r\n"), EXCERPT_SHORT, arena), "from to"), "To: c\r\n");
}

static struct slice header_of(const char *first, size_t length)
{
	struct buf out = BUF(EXCERPT_HEADER_MAX * 2);
	buf_append_text(&out, first);
	while (out.len < length)
		buf_append_text(&out, " x\r\n");
	buf_append_text(&out, "Subject: s\r\n\r\n");
	struct slice header = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return header;
}

static void what_is_too_much_is_left_to_the_file(void **state)
{
	(void)state;
	struct slice brief = excerpt_make(header_of("References:", EXCERPT_SHORT_MAX), EXCERPT_SHORT, arena);
	assert_true(brief.len < 100);
	assert_null(told(brief, "references"));
	assert_null(told(brief, "references subject"));
	assert_string_equal(told(brief, "subject cc"), "Subject: s\r\n");
	assert_true(excerpt_make(header_of("References:", EXCERPT_SHORT_MAX), EXCERPT_LONG, arena).len > EXCERPT_SHORT_MAX);
	struct slice none = excerpt_make(header_of("X-Large:", EXCERPT_HEADER_MAX), EXCERPT_SHORT, arena);
	assert_true(excerpt_is_current(none));
	assert_null(told(none, "subject"));
}

static void many_small_fields_fit(void **state)
{
	(void)state;
	struct buf out = BUF(EXCERPT_HEADER_MAX);
	while (out.len + 4 < EXCERPT_LONG_MAX)
		buf_append_text(&out, "to:\n");
	const char *all = arena_text(arena, buf_slice(&out));
	assert_string_equal(told(excerpt_make(buf_slice(&out), EXCERPT_LONG, arena), "to"), all);
	buf_free(&out);
}

static void damage_is_noticed(void **state)
{
	(void)state;
	struct excerpt_reader reader;
	struct slice field, whole = excerpt_make(slice_of(odd), EXCERPT_LONG, arena);
	assert_false(excerpt_read(slice_make(NULL, 0), 1, &reader));
	for (size_t len = 0; len < whole.len; len++) {
		if (!excerpt_read(slice_sub(whole, 0, len), bits("subject"), &reader))
			continue;
		while (excerpt_next(&reader, &field))
			assert_true(field.at >= whole.at && field.at + field.len <= whole.at + len);
	}
	char *other = (char *)arena_copy(arena, whole).at;
	other[0]++;
	assert_false(excerpt_is_current(slice_make(other, whole.len)));
	other[0]--;
	other[9] = 63; /* no such field */
	assert_true(excerpt_read(slice_make(other, whole.len), 1, &reader));
	assert_false(excerpt_next(&reader, &field));
	assert_true(reader.damaged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fields_are_as_they_stand, set_up, tear_down),
		cmocka_unit_test_setup_teardown(kinds_are_told_by_their_fields, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_ends_a_header_ends_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_too_much_is_left_to_the_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_small_fields_fit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damage_is_noticed, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
