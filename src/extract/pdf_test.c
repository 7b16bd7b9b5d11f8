/* What text there is in PDF files: of other programs (Chromium, cairo), and made here as small as they can be, whole, broken and hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <zlib.h>

#include "base/memory.h"
#include "extract/extract.h"
#include "extract/pdf.h"

enum { FILE_MAX = 4 * 1024 * 1024 };

static const char *corpus;

static const char PAGE[] = "%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1/Resources<</Font<</F 5 0 R>>/XObject<</X 6 0 R>>>>>>endobj\n"
	"3 0 obj<</Type/Page/Parent 2 0 R/Contents 4 0 R>>endobj\n";
static const char FONT[] = "5 0 obj<</Type/Font/Subtype/TrueType/Encoding/WinAnsiEncoding/FirstChar 32/Widths[250 500 500]>>endobj\n";
static const char END[] = "trailer<</Root 1 0 R>>\n";

static bool read_text(struct slice file, struct buf *out)
{
	char *copy = memory_copy(file.at, file.len); /* so that a byte too many is seen */
	bool done = extract_text(EXTRACT_PDF, slice_make(copy, file.len), out);
	free(copy);
	return done;
}

static void file_is(struct slice file, bool whole, const char *expected)
{
	struct buf out = BUF(EXTRACT_TEXT_MAX);
	assert_int_equal(read_text(file, &out), whole);
	buf_append_char(&out, 0);
	assert_string_equal(out.at, expected);
	buf_free(&out);
}

/* A page with that content; `more`: further objects. */
static void page_is(const char *content, const char *more, const char *expected)
{
	struct buf file = BUF(FILE_MAX);
	buf_printf(&file, "%s4 0 obj<</Length %zu>>stream\n%s\nendstream endobj\n%s%s", PAGE, strlen(content), content, more, END);
	file_is(buf_slice(&file), true, expected);
	buf_free(&file);
}

static void texts(void **state)
{
	(void)state;
	page_is("BT /F 10 Tf (Hello) Tj ET", FONT, "Hello\n");
	page_is("BT /F 10 Tf [(Hel) 20 (lo) -300 (you) -50 (rs)] TJ ET", FONT, "Hello yours\n");
	page_is("BT /F 10 Tf 12 TL (one) Tj T* (two) Tj (three) ' 1 2 (four) \" 0 -12 TD (five) Tj ET", FONT, "one\ntwo\nthree\nfour\nfive\n");
	page_is("BT /F 10 Tf 1 0 0 1 50 50 Tm (one) Tj 1 0 0 1 150 50 Tm (two) Tj ET", FONT, "one two\n");
	page_is("q 2 0 0 2 0 0 cm BT /F 10 Tf (one) Tj ET Q BT /F 20 Tf 33 0 Td (two) Tj ET", FONT, "onetwo\n");
	page_is("BT /F 10 Tf <48656c6C 6f> Tj (\\050\\)\\\\ \\101\\n) Tj (a\\\nb(c)) Tj ET % (no) Tj", FONT, "Hello()\\ A ab(c)\n");
	page_is("BI /W 2 /H 2 ID (x) Tj BT \x80 EI\nBT /F 10 Tf (y) Tj ET", FONT, "y\n");
	page_is("BT /F 10 Tf (\xe9\x93x\x94\x80) Tj /None 10 Tf (no) Tj ET", FONT, "é“x”€\n");
	page_is("BT /F 10 Tf (no font) Tj ET", "", "\n");
}

static void encodings(void **state)
{
	(void)state;
	page_is("BT /F 1 Tf <0102030405060708090a> Tj ET",
		"5 0 obj<</Subtype/Type1/Encoding<</Differences[1/afii10017/afii10071/afii10097/uni0416/eacute/f_f_i/A.sc/germandbls/alpha/Omega]>>>>endobj\n",
		"АёяЖe\u0301ffiAßαΩ\n");
	page_is("BT /F 1 Tf (\x27\xaa\xae\xe1z) Tj ET", "5 0 obj<</Subtype/Type1>>endobj\n", "’“ﬁÆz\n");
	page_is("BT /F 1 Tf (\x80\x9f) Tj ET", "5 0 obj<</Subtype/TrueType/Encoding/MacRomanEncoding>>endobj\n", "Äü\n");
	page_is("BT /F 1 Tf <04110412> Tj ET", "5 0 obj<</Subtype/Type0/Encoding/UniKS-UCS2-H>>endobj\n", "БВ\n");
}

static void maps(void **state)
{
	(void)state;
	static const char map[] = "1 begincodespacerange<0000><ffff>endcodespacerange 2 beginbfchar<0001><0041><0002><00660069>endbfchar\n"
		"2 beginbfrange<0010><0012><0430><0020><0021>[<4e2d><d83dde00>]endbfrange";
	struct buf more = BUF(4096);
	buf_printf(&more, "5 0 obj<</Subtype/Type0/Encoding/Identity-H/ToUnicode 7 0 R/DescendantFonts[8 0 R]>>endobj\n7 0 obj<</Length %zu>>stream\n%s\nendstream endobj\n"
		   "8 0 obj<</DW 500/W[1[600 700] 16 18 900]>>endobj\n", strlen(map), map);
	page_is("BT /F 1 Tf <00010002 001000110012 00200021 0099> Tj ET", more.at, "Afiабв中😀\n");
	buf_free(&more);
}

static void forms(void **state)
{
	(void)state;
	page_is("/X Do", "5 0 obj<</Subtype/TrueType>>endobj 6 0 obj<</Subtype/Form/Matrix[1 0 0 1 5 5]/Length 22>>stream\nBT /F 9 Tf (in) Tj ET /X Do\nendstream endobj\n",
		"in\nin\nin\nin\nin\nin\nin\nin\n");
	page_is("/X Do /Y Do", "6 0 obj<</Subtype/Image/Length 3>>stream\nabc\nendstream endobj\n", "\n");
}

/* ---- streams ---- */

static void pack(struct slice plain, struct buf *out)
{
	size_t room = plain.len / 100 + 4096; /* what is packed here can be */
	z_stream stream = {.next_in = (Bytef *)plain.at, .avail_in = (uInt)plain.len};
	stream.next_out = (Bytef *)buf_reserve(out, room);
	stream.avail_out = (uInt)room;
	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	buf_claim(out, stream.total_out);
	deflateEnd(&stream);
}

static void put_stream(struct buf *file, const char *dictionary, struct slice content)
{
	buf_printf(file, "<<%s/Length %zu>>stream\r\n", dictionary, content.len);
	buf_append(file, content);
	buf_append_text(file, "\r\nendstream endobj\n");
}

static void unpacks(const char *dictionary, struct slice content, const char *expected)
{
	struct buf file = BUF(FILE_MAX);
	buf_printf(&file, "%s%s4 0 obj", PAGE, FONT);
	put_stream(&file, dictionary, content);
	buf_append_text(&file, END);
	file_is(buf_slice(&file), true, expected);
	buf_free(&file);
}

static void filters(void **state)
{
	(void)state;
	static const char plain[] = "BT /F 10 Tf (Hello) Tj ET";
	struct buf packed = BUF(FILE_MAX), rows = BUF(4096);
	pack(slice_of(plain), &packed);
	unpacks("/Filter/FlateDecode", buf_slice(&packed), "Hello\n");
	unpacks("/Filter[/ASCIIHexDecode]", SLICE("4254202f462031 302054662028 48656c6c6f2920546a204554>"), "Hello\n");
	unpacks("/Filter/A85", SLICE("6<#'\\7NaE>+B2qq-qIocCi:aF<,*OE;u~>"), "Hello\n");
	unpacks("/Filter/RunLengthDecode", SLICE("\x0c" "BT /F 10 Tf (\xff" "a\x06) Tj ET\x80"), "aa\n");
	for (size_t row = 0; row < sizeof plain - 1; row += 5) { /* rows of five bytes, each as what it is more than the one above */
		buf_append_char(&rows, 2);
		for (size_t i = row; i < row + 5; i++)
			buf_append_char(&rows, (char)(plain[i] - (row > 0 ? plain[i - 5] : 0)));
	}
	buf_clear(&packed);
	pack(buf_slice(&rows), &packed);
	unpacks("/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 5>>", buf_slice(&packed), "Hello\n");
	unpacks("/Filter/DCTDecode", slice_of(plain), "\n");
	buf_free(&packed);
	buf_free(&rows);
}

/* The example of §7.4.4.2. */
static void lzw(void **state)
{
	(void)state;
	struct pdf pdf = {.arena = arena_new()};
	struct pdf_value name = {.kind = PDF_NAME, .text = SLICE("Filter")}, filter = {.kind = PDF_NAME, .text = SLICE("LZWDecode")}, items[] = {name, filter};
	struct pdf_value stream = {.kind = PDF_DICTIONARY, .items = items, .count = 2, .text = SLICE("\x80\x0b\x60\x50\x22\x0c\x0c\x85\x01")};
	struct buf out = BUF(100);
	pdf_unpack(&pdf, &stream, &out);
	assert_true(slice_equal(buf_slice(&out), SLICE("-----A---B")));
	buf_free(&out);
	arena_free(&pdf.arena);
}

static void packed_objects(void **state)
{
	(void)state;
	struct buf file = BUF(FILE_MAX), packed = BUF(FILE_MAX);
	pack(SLICE("1 0 2 30 3 60 5 111 "
		   "<</Type/Catalog/Pages 2 0 R>> <</Type/Pages/Kids[3 0 R]>>   <</Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>> <</Subtype/TrueType>>"), &packed);
	buf_append_text(&file, "%PDF-1.5\n4 0 obj<</Length 4 0 R>>stream\nBT /F 9 Tf (packed) Tj ET\nendstream endobj 9 0 obj");
	put_stream(&file, "/Type/ObjStm/N 4/First 20/Filter/FlateDecode", buf_slice(&packed));
	buf_append_text(&file, "10 0 obj<</Type/XRef/Root 1 0 R>>stream\n\nendstream");
	struct buf out = BUF(EXTRACT_TEXT_MAX);
	assert_true(read_text(buf_slice(&file), &out));
	assert_true(slice_find(buf_slice(&out), SLICE("packed")) != SLICE_NONE);
	buf_free(&out);
	buf_free(&file);
	buf_free(&packed);
}

/* ---- what isn't as it should be ---- */

static void encrypted(void **state)
{
	(void)state;
	struct buf file = BUF(FILE_MAX);
	buf_printf(&file, "%s4 0 obj<<>>stream\nBT /F 9 Tf (x) Tj\nendstream\n%strailer<</Root 1 0 R/Encrypt 9 0 R>>", PAGE, FONT);
	file_is(buf_slice(&file), false, "");
	buf_free(&file);
}

static void odd(void **state)
{
	(void)state;
	file_is(SLICE("%PDF-1.4\n"), true, "");
	file_is(SLICE("1 0 obj<</Pages 1 0 R/Kids[1 0 R 1 0 R]/Type/Catalog>>"), true, "");
	file_is(SLICE("1 0 obj 2 0 R endobj 2 0 obj 1 0 R endobj trailer<</Root 1 0 R>>"), true, "");
	file_is(SLICE("7 0 obj<</Type/Page/Contents[8 0 R]/Resources<</Font<</F 9 0 R>>>>>>endobj 8 0 obj<<>>stream\nBT /F 1 Tf (lost) Tj\nendstream 9 0 obj<</Subtype/X>>"), true, "lost\n");
	file_is(SLICE("1 0 obj<</Type/Catalog/Pages 2 0 R>> 2 0 obj<</Kids[3 0 R]>> 3 0 obj<</Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>> 5 0 obj<</Subtype/TrueType>> "
		      "4 0 obj<<>>stream\nBT /F 1 Tf (old) Tj\nendstream endobj 4 0 obj<<>>stream\nBT /F 1 Tf (new) Tj\nendstream"), true, "new\n");
}

static void deep(void **state)
{
	(void)state;
	struct buf file = BUF(FILE_MAX);
	buf_append_text(&file, "1 0 obj<</Type/Catalog/Pages 2 0 R>>");
	for (int i = 2; i < 50000; i++)
		buf_printf(&file, "%d 0 obj<</Kids[%d 0 R %d 0 R]>>", i, i + 1, i + 2);
	for (int i = 0; i < 100000; i++)
		buf_append_char(&file, i % 2 ? '[' : '<');
	file_is(buf_slice(&file), true, "");
	buf_clear(&file);
	for (int i = 0; i < 100000; i++)
		buf_append_text(&file, "1 0 obj[[[[ ");
	file_is(buf_slice(&file), true, "");
	buf_free(&file);
}

/* 70 MB of blanks, or of painting what paints. */
static void bombs(void **state)
{
	(void)state;
	size_t size = EXTRACT_UNPACKED_MAX + 1000000;
	char *blanks = memory_new(size);
	struct buf file = BUF(FILE_MAX), packed = BUF(FILE_MAX), out = BUF(EXTRACT_TEXT_MAX);
	memset(blanks, ' ', size);
	pack(slice_make(blanks, size), &packed);
	buf_printf(&file, "%s%s4 0 obj", PAGE, FONT);
	put_stream(&file, "/Filter/FlateDecode", buf_slice(&packed));
	assert_false(read_text(buf_slice(&file), &out));
	buf_clear(&file);
	buf_printf(&file, "%s%s4 0 obj<<>>stream\n/X Do\nendstream 6 0 obj<</Subtype/Form>>stream\n", PAGE, FONT);
	for (int i = 0; i < 1000; i++)
		buf_append_text(&file, "/X Do ");
	buf_append_text(&file, "\nendstream");
	assert_false(read_text(buf_slice(&file), &out));
	assert_true(out.len < 10);
	free(blanks);
	buf_free(&file);
	buf_free(&packed);
	buf_free(&out);
}

/* ---- files of others ---- */

static struct slice load(const char *name, char *room)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", corpus, name);
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	size_t len = fread(room, 1, FILE_MAX, file);
	fclose(file);
	return slice_make(room, len);
}

static void others(void **state)
{
	(void)state;
	char *room = memory_new(FILE_MAX);
	file_is(load("cairo.pdf", room), true, "Договор поставки № 17\nInformações sobre a avaliação\nThe quick brown fox jumps over the lazy dog\nsecond page\n");
	file_is(load("chromium.pdf", room), true,
		"Отчёт о проверке\nСъешь ещё этих мягких французских булок, да выпей чаю.\nInformações sobre a avaliação: não há exceções à reunião de amanhã.\n"
		"Ein überraschend gesperrter Satz.\nleft cell right cell\n"
		"A quite long paragraph that is going to be broken into several lines because it has so\nmany words that no page would be wide enough for all of them at once.\n");
	free(room);
}

static void broken(void **state)
{
	(void)state;
	char *room = memory_new(FILE_MAX);
	struct slice whole = load("cairo.pdf", room);
	struct buf out = BUF(EXTRACT_TEXT_MAX);
	for (size_t len = 0; len < whole.len; len += 131) {
		read_text(slice_sub(whole, 0, len), &out);
		buf_clear(&out);
	}
	for (size_t at = 0; at < whole.len; at += 131) {
		room[at] ^= 0x20;
		read_text(whole, &out);
		buf_clear(&out);
	}
	buf_free(&out);
	free(room);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts), cmocka_unit_test(encodings), cmocka_unit_test(maps), cmocka_unit_test(forms), cmocka_unit_test(filters), cmocka_unit_test(lzw),
		cmocka_unit_test(packed_objects), cmocka_unit_test(encrypted), cmocka_unit_test(odd), cmocka_unit_test(deep), cmocka_unit_test(bombs), cmocka_unit_test(others),
		cmocka_unit_test(broken),
	};
	corpus = count > 1 ? arguments[1] : "src/extract/corpus/extract_fuzz";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
