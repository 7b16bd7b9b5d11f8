/* What text there is in documents: made here, as small as they can be, whole and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "extract/extract.h"

enum { ZIP_MAX = 80 * 1024 * 1024 };

static void text_is(const char *xml, const char *expected)
{
	struct buf out = BUF(10000);
	extract_xml(slice_of(xml), &out);
	assert_string_equal(out.at, expected);
	buf_free(&out);
}

static void xml(void **state)
{
	(void)state;
	text_is("<w:p><w:r><w:t>Hel</w:t></w:r><w:r><w:t>lo</w:t></w:r></w:p><w:p><w:t>you</w:t></w:p>", " Hello  you \n");
	text_is("<?xml version='1.0'?><!-- a > b --><t>a &amp; b &lt;c&gt; &#233;&#x4e2d; &unknown; &</t>", "a & b <c> é中 &unknown; &\n");
	text_is("<t>&#0;&#xd800;&#99999999999;</t>", "  &#99999999999;\n");
	text_is("no xml", "no xml\n");
	text_is("<unfinished", "\n");
	text_is("", "\n");
}

static void put_number(struct buf *out, uint32_t number, int bytes)
{
	for (int i = 0; i < bytes; i++)
		buf_append_char(out, i < 4 ? (char)(number >> 8 * i) : 0);
}

static uint32_t checksum(struct slice content)
{
	uint32_t sum = 0xffffffff;
	for (size_t i = 0; i < content.len; i++) {
		sum ^= (unsigned char)content.at[i];
		for (int bit = 0; bit < 8; bit++)
			sum = sum & 1 ? sum >> 1 ^ 0xedb88320 : sum >> 1;
	}
	return ~sum;
}

/* The fields that a file's header and its entry in the directory have in common; it is stored as it is. */
static void put_fields(struct buf *out, const char *name, struct slice content)
{
	put_number(out, 20, 2);
	put_number(out, 0, 2);
	put_number(out, 0, 2);
	put_number(out, 0, 4);
	put_number(out, checksum(content), 4);
	put_number(out, (uint32_t)content.len, 4);
	put_number(out, (uint32_t)content.len, 4);
	put_number(out, (uint32_t)strlen(name), 2);
	put_number(out, 0, 2);
}

static void put_zip(struct buf *out, const char *name, struct slice content)
{
	buf_append(out, SLICE("PK\3\4"));
	put_fields(out, name, content);
	buf_append_text(out, name);
	buf_append(out, content);
	size_t directory = out->len;
	buf_append(out, SLICE("PK\1\2"));
	put_number(out, 20, 2);
	put_fields(out, name, content);
	put_number(out, 0, 2 + 2 + 2 + 4 + 4);
	buf_append_text(out, name);
	size_t size = out->len - directory;
	buf_append(out, SLICE("PK\5\6"));
	put_number(out, 0, 4);
	put_number(out, 1, 2);
	put_number(out, 1, 2);
	put_number(out, (uint32_t)size, 4);
	put_number(out, (uint32_t)directory, 4);
	put_number(out, 0, 2);
}

static bool has(const char *entry, struct slice content, const char *expected)
{
	struct buf zip = BUF(ZIP_MAX), out = BUF(EXTRACT_TEXT_MAX);
	put_zip(&zip, entry, content);
	bool done = extract_text(EXTRACT_OFFICE, buf_slice(&zip), &out);
	bool found = slice_find(buf_slice(&out), slice_of(expected)) != SLICE_NONE;
	buf_free(&zip);
	buf_free(&out);
	return done && found;
}

static void kinds(void **state)
{
	(void)state;
	assert_int_equal(extract_kind_of(SLICE("a.docx"), SLICE("PK\3\4...")), EXTRACT_OFFICE);
	assert_int_equal(extract_kind_of(SLICE("a.ODT"), SLICE("PK\3\4...")), EXTRACT_OFFICE);
	assert_int_equal(extract_kind_of(SLICE("a.docx"), SLICE("MZ")), EXTRACT_NOTHING);
	assert_int_equal(extract_kind_of(SLICE("a.zip"), SLICE("PK\3\4...")), EXTRACT_NOTHING);
	assert_int_equal(extract_kind_of(SLICE("docx"), SLICE("PK\3\4...")), EXTRACT_NOTHING);
}

static void offices(void **state)
{
	(void)state;
	assert_true(has("word/document.xml", SLICE("<w:t>hello</w:t>"), "hello"));
	assert_true(has("xl/sharedStrings.xml", SLICE("<si><t>one</t></si><si><t>two</t></si>"), "one"));
	assert_true(has("ppt/slides/slide3.xml", SLICE("<a:t>three</a:t>"), "three"));
	assert_true(has("content.xml", SLICE("<text:p>four</text:p>"), "four"));
	assert_false(has("word/media/image.xml.png", SLICE("<w:t>hello</w:t>"), "hello"));
}

static void broken(void **state)
{
	(void)state;
	struct buf zip = BUF(ZIP_MAX), out = BUF(EXTRACT_TEXT_MAX);
	put_zip(&zip, "word/document.xml", SLICE("<w:t>hello</w:t>"));
	for (size_t len = 0; len < zip.len; len++) {
		extract_text(EXTRACT_OFFICE, slice_sub(buf_slice(&zip), 0, len), &out);
		assert_true(out.len < 100);
		buf_clear(&out);
	}
	assert_false(extract_text(EXTRACT_NOTHING, buf_slice(&zip), &out));
	buf_free(&zip);
	buf_free(&out);
}

/* More text than is wanted, and more bytes than are unpacked. */
static void large(void **state)
{
	(void)state;
	struct buf zip = BUF(ZIP_MAX), out = BUF(EXTRACT_TEXT_MAX), content = BUF(ZIP_MAX);
	for (int i = 0; i < EXTRACT_UNPACKED_MAX / 8 + 10; i++)
		buf_append_text(&content, "<x>y</x>");
	put_zip(&zip, "content.xml", buf_slice(&content));
	assert_false(extract_text(EXTRACT_OFFICE, buf_slice(&zip), &out));
	assert_true(out.len <= EXTRACT_TEXT_MAX);
	buf_free(&zip);
	buf_free(&out);
	buf_free(&content);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xml), cmocka_unit_test(kinds), cmocka_unit_test(offices), cmocka_unit_test(broken), cmocka_unit_test(large),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
