/* The form in which messages are kept: what is right stays, what isn't is mended, in pieces of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "message/canonical.h"

static const struct { struct slice given, kept; } cases[] = {
	{SLICE(""), SLICE("")},
	{SLICE("A: b\r\n\r\nc\r\n"), SLICE("A: b\r\n\r\nc\r\n")},
	{SLICE("A: b\n\nc\nd"), SLICE("A: b\r\n\r\nc\r\nd")},
	{SLICE("A: b\r\n\r\nc\rd\r\re\r"), SLICE("A: b\r\n\r\nc\r\nd\r\n\r\ne\r\n")},
	{SLICE("A: b\rC: d\r\n\r\nx"), SLICE("A: b C: d\r\n\r\nx")}, /* no field comes to be where none was seen */
	{SLICE("A: b\r\r\nC: d\r\r\n\r\r\nx\r\r\r\ny"), SLICE("A: b\r\nC: d\r\n\r\nx\r\ny")},
	{SLICE("no field\rx"), SLICE("no field x")},
	{SLICE("A: b\r\nno field\r\nx\ry"), SLICE("A: b\r\nno field\r\nx\r\ny")},
	{SLICE("From ann@b.test Mon Nov  2 10:00:00 2026\r\nA: b\rc\r\n"), SLICE("From ann@b.test Mon Nov  2 10:00:00 2026\r\nA: b c\r\n")},
	{SLICE("A: b\r\n \rc\r\nD : e\rf\r\n"), SLICE("A: b\r\n  c\r\nD : e f\r\n")},
	{SLICE("A: \0b\r\n\r\nc\0\0\r\n.\0\r\n"), SLICE("A: \x80" "b\r\n\r\nc\x80\x80\r\n.\x80\r\n")},
	{SLICE("\r"), SLICE("\r\n")},
	{SLICE("\0\r\0\n"), SLICE("\x80 \x80\r\n")},
};

static void mended_in_pieces_of(size_t size)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct canonical canonical = {0};
		struct buf out = BUF(1000);
		for (struct slice rest = cases[i].given; rest.len > 0; rest = slice_skip(rest, size)) {
			struct slice piece = slice_sub(rest, 0, size);
			size_t clean = canonical_skip(&canonical, piece);
			buf_append(&out, slice_sub(piece, 0, clean));
			canonical_write(&canonical, slice_skip(piece, clean), &out);
		}
		canonical_end(&canonical, &out);
		assert_true(canonical_is_right(buf_slice(&out)));
		assert_int_equal(canonical_is_right(cases[i].given), slice_equal(cases[i].given, cases[i].kept));
		assert_int_equal(out.len, cases[i].kept.len);
		assert_memory_equal(out.at ? out.at : "", cases[i].kept.at, out.len);
		buf_free(&out);
	}
}

static void what_is_kept_has_whole_lines_and_no_nul(void **state)
{
	(void)state;
	for (size_t size = 1; size < 60; size++)
		mended_in_pieces_of(size);
}

static void headers_and_nuls_are_counted(void **state)
{
	(void)state;
	struct canonical canonical = {0};
	struct buf out = BUF(1000);
	canonical_write(&canonical, SLICE("A: b\nC:\0\n\nbody"), &out);
	assert_true(canonical.in_body && canonical.header == 13 && canonical.nuls == 1);
	canonical = (struct canonical){0};
	canonical_write(&canonical, SLICE("A: b\nlonger than a header may be"), &out);
	assert_true(!canonical.in_body);
	canonical_write(&canonical, SLICE("\nx"), &out);
	assert_true(canonical.in_body);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept_has_whole_lines_and_no_nul), cmocka_unit_test(headers_and_nuls_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
