/* Unit tests of header blocks, unfolding and encoded words. */
#include "message/fixture.h"

#include "message/header.h"

static void the_header_ends_at_the_empty_line(void **state)
{
	(void)state;
	assert_int_equal(header_length(SLICE("A: b\r\n\r\nbody")), 8);
	assert_int_equal(header_length(SLICE("A: b\n\nbody")), 6);
	assert_int_equal(header_length(SLICE("\r\nbody")), 2);
	assert_int_equal(header_length(SLICE("")), 0);
	assert_int_equal(header_length(SLICE("A: b")), 4);
	assert_int_equal(header_length(SLICE("A: b\r\n \r\nC: d\r\n\r\n")), 17);
	assert_int_equal(header_length(SLICE("A: b\r\rC: d\r\n\r\n")), 14); /* a bare CR ends nothing */
}

/* Devices and programs forget the empty line: the first line that is no field is the text's. */
static void the_header_ends_before_what_is_no_field(void **state)
{
	(void)state;
	static const struct { struct slice text; size_t length; bool ended; } cases[] = {
		{SLICE("A: b\r\nDoor 3 was opened at 10:00.\r\nC: d\r\n\r\n"), 6, false},
		{SLICE("A: b\r\n c\r\n<html>\r\n\r\ntext"), 10, false},
		{SLICE("text alone\r\nA: b\r\n\r\n"), 0, false},
		{SLICE(" A: b\r\n\r\n"), 0, false},
		{SLICE("\tA: b"), 0, false},
		{SLICE(": no name\r\nA: b\r\n"), 0, false},
		{SLICE("A: b\n: no name\n"), 5, false},
		{SLICE("A: b\nFrom\n : x\n\n"), 5, false},
		{SLICE("A: b\nna me: x\n\n"), 5, false},
		{SLICE("A: b\n\xd0\xa2: x\n\n"), 5, false},
		{SLICE("A: b\n\x01: x\n\n"), 5, false},
		{SLICE("A: b\nFrom the garden\n"), 5, false},
		{SLICE("A: b\nhttp"), 5, false},
		{SLICE("A: b\n"), 5, false},
		{SLICE("A: b"), 4, false},
		{SLICE(""), 0, false},
		{SLICE("\r\n"), 2, true},
		{SLICE("\n"), 1, true},
		{SLICE("A: b\n\nx"), 6, true},
		{SLICE("A: b\r\n\r\nx"), 8, true},
		{SLICE("From ann@x Mon Nov  2 10:00:00 2026\nA: b\n\nx"), 42, true},
		{SLICE("A: b\n>From ann@x Mon Nov  2 10:00:00 2026\nC: d\n\nx"), 48, true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(header_length(cases[i].text), cases[i].length);
		assert_int_equal(header_is_ended(cases[i].text, cases[i].length), cases[i].ended);
	}
}

static void fields_are_cut(void **state)
{
	(void)state;
	struct slice rest = SLICE("From alice Mon 10:00\r\nA: one\r\n two\r\nB : \r\nC:y\r\n\r\nD: body\r\n");
	struct header_field field;
	static const char *const names[] = {"", "A", "B", "C"}, *const bodies[] = {"From alice Mon 10:00", " one\r\n two", " ", "y"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		assert_true(header_next(&rest, &field));
		assert_slice(field.name, names[i]);
		assert_slice(field.body, bodies[i]);
	}
	assert_slice(field.whole, "C:y\r\n");
	assert_false(header_next(&rest, &field));
	assert_slice(rest, "\r\nD: body\r\n");
}

static void the_first_of_several_is_found(void **state)
{
	(void)state;
	struct header_field field;
	struct slice header = SLICE("a:1\r\nFROM: x\r\nfrom: y\r\n\r\nTo: z\r\n");
	assert_true(header_find(header, SLICE("From"), &field));
	assert_slice(field.body, " x");
	assert_false(header_find(header, SLICE("To"), &field));
	assert_false(header_find(header, SLICE(""), &field));
}

static void folds_are_taken_out(void **state)
{
	assert_slice(header_unfold(SLICE(" one\r\n two\n\tthree \r\n"), *state), "one two\tthree");
	assert_slice(header_unfold(SLICE("a\0b\rc"), *state), "abc");
	assert_true(header_unfold(SLICE(""), *state).at != NULL);
}

static void encoded_words_are_read(void **state)
{
	static const struct { struct slice text; const char *decoded; } cases[] = {
		{SLICE("plain text"), "plain text"},
		{SLICE("=?utf-8?q?gr=C3=BC=C3=9Fe_an?= alle"), "grüße an alle"},
		{SLICE("=?ISO-8859-1?B?Z3L832U=?="), "grüße"},
		{SLICE("=?koi8-r?b?8NLJ18XU?="), "Привет"},
		{SLICE("=?us-ascii?q?a?= =?us-ascii?q?b?=\r\n =?us-ascii?q?c?= d =?us-ascii?q?e?="), "abc d e"},
		{SLICE("=?utf-8?b?0J8=?= =?utf-8?b?0YA=?="), "Пр"},
		{SLICE("=?utf-8?q?=D0?= =?utf-8?q?=9F?="), "П"}, /* a character cut in two */
		{SLICE("=?utf-8*en?q?x?="), "x"},
		{SLICE("a=?utf-8?q?b?=c"), "abc"},
		{SLICE("=?utf-8?q?with space and ? mark?="), "with space and ? mark"},
		{SLICE("=?utf-8?x?what?="), "=?utf-8?x?what?="},
		{SLICE("=?utf-8?q?open"), "=?utf-8?q?open"},
		{SLICE("=??q?x?= =?"), "=??q?x?= =?"},
		{SLICE("=?utf-8?q?" "?= x"), " x"},
		{SLICE("=?no-such-charset?q?=FC?="), "ü"},
		{SLICE("=?utf-8?q?=FF?="), "\xef\xbf\xbd"},
		{SLICE("=?utf-8?q?a=00b=0D=0Ac?="), "a b  c"},
		{SLICE("=?utf-8?b?broken***aGk?="), "n\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{SLICE("=?iso-2022-jp?b?GyRCRnxLXBsoQg==?="), "日本"},
		{SLICE("raw \xfc latin"), "raw ü latin"},
		{SLICE("raw ü utf-8"), "raw ü utf-8"},
		{SLICE("=?utf-8?q?=?="), "="},
		{SLICE("tab\there"), "tab here"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (i == 17) /* what broken base64 gives is nobody's business, but it ends */
			header_decode(cases[i].text, *state);
		else
			assert_slice(header_decode(cases[i].text, *state), cases[i].decoded);
	}
}

static void encoded_words_are_written(void **state)
{
	assert_slice(header_encode(SLICE("plain text"), 9, *state), "plain text");
	assert_slice(header_encode(SLICE("grüße an alle"), 9, *state), "=?utf-8?b?Z3LDvMOfZQ==?= an alle");
	assert_slice(header_encode(SLICE("Café-Restaurant here"), 0, *state), "=?utf-8?q?Caf=C3=A9-Restaurant?= here");
	assert_slice(header_encode(SLICE("line\r\nBcc: x"), 0, *state), "=?utf-8?q?line=0D=0ABcc=3A?= x");
	assert_slice(header_encode(SLICE("a =?b"), 0, *state), "a =?utf-8?b?PT9i?=");
	assert_slice(header_encode(SLICE(""), 9, *state), "");
}

static void phrases_are_written(void **state)
{
	static const struct { const char *text, *phrase; } cases[] = {
		{"Ann Lee", "Ann Lee"}, {"Doe, John", "\"Doe, John\""}, {"Joe Q. Public", "\"Joe Q. Public\""}, {"a \"b\" \\", "\"a \\\"b\\\" \\\\\""},
		{" Ann", "\" Ann\""}, {"two  blanks", "\"two  blanks\""}, {"", "\"\""}, {"Doe, J\xc3\xb6rg", "=?utf-8?q?Doe=2C_J=C3=B6rg?="},
		{"J\xc3\xb6rg <x@y>", "=?utf-8?b?SsO2cmcgPHhAeT4=?="}, {"=?utf-8?q?x?=", "=?utf-8?b?PT91dGYtOD9xP3g/PQ==?="}, {"J\xc3\xb6rg Lee", "=?utf-8?b?SsO2cmc=?= Lee"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_slice(header_encode_phrase(slice_of(cases[i].text), 6, *state), cases[i].phrase);
}

/* Whatever is written fits its lines and can be read again. */
static void what_was_written_can_be_read(void **state)
{
	static const char *const cases[] = {
		"a", "grüße", "Привет всем", "mixed слова and words слова слова end", "two  blanks и  ещё", " leading", "=?utf-8?q?x?=",
		"a very long line of plain ASCII words that has to be folded somewhere since it is longer than the seventy-six columns that are wanted",
		"очень длинная строка, которую придётся разбить на несколько закодированных слов, потому что она не помещается в одно",
		"日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語", "two blanks where the line has to be folded: ---------------------  ------------------------", "ü a ü b ü c ü d ü e ü f ü g ü h ü i ü j ü k ü l ü m ü n",
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice encoded = header_encode(slice_of(cases[i]), 9, *state), rest = encoded, line;
		size_t column = 9;
		do {
			slice_cut(rest, '\n', &line, &rest);
			assert_true(slice_trim(line).len + column <= 77);
			column = 0;
		} while (rest.len > 0);
		assert_true(slice_is_ascii(encoded));
		struct slice again = header_decode(encoded, *state), expected = header_decode(slice_of(cases[i]), *state);
		if (i == 6) /* was an encoded word's text itself */
			expected = slice_of(cases[i]);
		assert_slice(again, arena_text(*state, expected));
	}
}

/* RFC 2047 §5, §6: what only looks like an encoded word is left alone. */
static void encoded_words_are_read_by_the_letter(void **state)
{
	static const struct { const char *text, *expected; } cases[] = {
		{"=?utf-8?q?caf=C3=A9?=", "café"}, {"a=?utf-8?q?b?=", "a=?utf-8?q?b?="}, {"=?utf-8?q?b?=c", "=?utf-8?q?b?=c"}, {"=?utf-8?q?a b?=", "=?utf-8?q?a b?="},
		{"=?x-none-such?q?a?=", "=?x-none-such?q?a?="}, {"=?utf-8?q?a?= =?utf-8?q?b?= c", "ab c"}, {"=?utf-8?q?a=00=07b?=", "ab"},
		{"cafe\xcc\x81", "café"}, {"\xff\xe9 x", "\xef\xbf\xbd\xef\xbf\xbd x"}, {"=?utf-8?x?a?=", "=?utf-8?x?a?="}, {"=?utf-8?b?w6k=?=\t.", "é\t."},
		{"a ", "a "}, {"", ""}, {"=?iso-8859-1*en?q?=E9?=", "é"}, {"=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_slice(header_text(slice_of(cases[i].text), *state), cases[i].expected);
}

/* ATTACKS: no shape of header takes more than linear time; quadratic time would be far over the limit. */
static void huge_headers_take_linear_time(void **state)
{
	(void)state;
	static const char *const units[] = {
		"a:b\r\n", "a:\r\n ", "=?a?q?", "=?", "=?utf-8?q?x?= ", "=?utf-8?q?=FF?=", "=?utf-8?b?/?=", "?=", "=?a?b?x?= =?c?b?x?= ", " ", "ü ", "ü", "a ", "=",
	};
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		struct arena *arena = arena_new();
		struct buf text = BUF(1 << 20);
		struct header_field field;
		while (text.len < HUGE_BYTES)
			buf_append_text(&text, units[i]);
		int64_t start = cpu_ms();
		struct slice rest = buf_slice(&text);
		header_length(rest);
		while (header_next(&rest, &field))
			;
		header_decode(buf_slice(&text), arena);
		header_text(buf_slice(&text), arena);
		header_encode(buf_slice(&text), 0, arena);
		if (cpu_ms() - start > HUGE_MS)
			fail_msg("slow: %s", units[i]);
		buf_free(&text);
		arena_free(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_ends_at_the_empty_line),
		cmocka_unit_test(the_header_ends_before_what_is_no_field),
		cmocka_unit_test(fields_are_cut),
		cmocka_unit_test(the_first_of_several_is_found),
		cmocka_unit_test_setup_teardown(folds_are_taken_out, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(encoded_words_are_read, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(encoded_words_are_read_by_the_letter, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(encoded_words_are_written, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(phrases_are_written, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(what_was_written_can_be_read, make_arena, free_arena),
		cmocka_unit_test(huge_headers_take_linear_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
