/* Unit tests of reading and writing XML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "xml/xml.h"

/* The events of a document as a text: "<a" opened, ">a=text" closed, "!" a fault, "?" refused. */
static void reads(const char *document, const char *expected)
{
	struct xml xml;
	struct slice name, text;
	struct buf events = BUF(8192);
	enum xml_event event;
	xml_begin(&xml, slice_of(document));
	while ((event = xml_next(&xml, &name, &text)) != XML_END) {
		if (event == XML_OPENED)
			buf_printf(&events, "<%.*s", SLICE_ARG(xml.open[xml.depth - 1]));
		else
			buf_printf(&events, ">%.*s=%.*s", SLICE_ARG(name), SLICE_ARG(text));
	}
	buf_printf(&events, "%s%s", xml.fault ? "!" : "", xml.refused ? "?" : "");
	assert_string_equal(events.at, expected);
	buf_free(&events);
	xml_end(&xml);
}

static void elements_and_texts_are_read(void **state)
{
	(void)state;
	reads("<?xml version='1.0'?><a><b>x</b><c/> y </a>", "<a<b>b=x<c>c=>a=y");
	reads("\xef\xbb\xbf<a><!-- < --><![CDATA[<&]]></a>", "<a>a=<&");
	reads("<n:a xmlns:n='u'>&lt;&#65;&#x20ac;&amp;</n:a>", "<a>a=<A€&");
}

static void what_is_wrong_is_noted_and_what_could_expand_is_refused(void **state)
{
	(void)state;
	reads("<a><b>x</a>", "<a<b>b=x>a=!");
	reads("<a>&unknown;</a>", "<a>a=&unknown;!");
	reads("<a>", "<a!");
	reads("<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", "?");
	reads("<a><!ENTITY e 'x'></a>", "<a?");
	char deep[3 * (XML_DEPTH_MAX + 1) + 1] = "";
	for (int i = 0; i <= XML_DEPTH_MAX; i++)
		memcpy(deep + 3 * (size_t)i, "<a>", 4);
	struct xml xml;
	struct slice name, text;
	xml_begin(&xml, slice_of(deep));
	while (xml_next(&xml, &name, &text) != XML_END)
		;
	assert_non_null(xml.refused);
	xml_end(&xml);
}

static void has_attribute(const char *document, const char *name, const char *expected)
{
	struct xml xml;
	struct slice element, value = SLICE("none"), text;
	xml_begin(&xml, slice_of(document));
	assert_int_equal(xml_next(&xml, &element, &text), XML_OPENED);
	assert_int_equal(xml_attribute(&xml, slice_of(name), &value), expected != NULL);
	if (expected)
		assert_true(slice_equal(value, slice_of(expected)));
	xml_end(&xml);
}

static void attributes_are_found_by_name(void **state)
{
	(void)state;
	has_attribute("<a id=\"x\" type='imap'/>", "type", "imap");
	has_attribute("<a id = \"x>y\"\n>", "id", "x>y");
	has_attribute("<a id=\"\">", "id", "");
	has_attribute("<a id=\"type='no'\">", "type", NULL);
	has_attribute("<a id=x type='no'>", "type", NULL);
	has_attribute("<a>", "type", NULL);
}

static void writes(const char *text, size_t length, const char *expected)
{
	struct buf out = BUF(1024);
	xml_append(&out, slice_make(text, length));
	assert_string_equal(out.at, expected);
	buf_free(&out);
}

static void whatever_is_written_stays_text(void **state)
{
	(void)state;
	writes("<a b=\"c\">&'", 11, "&lt;a b=&quot;c&quot;&gt;&amp;'");
	writes("a\0b\n\x7f", 5, "a b  ");
	writes("Ä😀", 6, "Ä😀");
	writes("Ä\xff", 3, "???");
	writes("a\xef\xbf\xbe", 4, "a???");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_and_texts_are_read), cmocka_unit_test(what_is_wrong_is_noted_and_what_could_expand_is_refused),
		cmocka_unit_test(attributes_are_found_by_name), cmocka_unit_test(whatever_is_written_stays_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
