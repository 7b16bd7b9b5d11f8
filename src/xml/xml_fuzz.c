/* Fuzzing of the reader of XML: its events are paired, its texts and depth bounded, it ends; and what it reads can be written again as text that
 * is read the same. */
#include <stdlib.h>

#include "xml/xml.h"

static void must(bool held)
{
	if (!held)
		abort();
}

static void check_again(struct slice text)
{
	struct buf out = BUF(16 * XML_TEXT_MAX);
	struct xml xml;
	struct slice name, again;
	buf_append(&out, SLICE("<a b=\""));
	xml_append(&out, text);
	buf_append(&out, SLICE("\">"));
	xml_append(&out, text);
	buf_append(&out, SLICE("</a>"));
	must(!out.overflow);
	xml_begin(&xml, buf_slice(&out));
	must(xml_next(&xml, &name, &again) == XML_OPENED && xml_attribute(&xml, SLICE("b"), &again));
	must(xml_next(&xml, &name, &again) == XML_CLOSED && xml_next(&xml, &name, &again) == XML_END && !xml.fault && !xml.refused);
	xml_end(&xml);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xml xml;
	struct slice name, text, value;
	enum xml_event event;
	size_t open = 0;
	xml_begin(&xml, slice_make((const char *)data, size));
	while ((event = xml_next(&xml, &name, &text)) != XML_END) {
		open = event == XML_OPENED ? open + 1 : open - 1;
		must(open == xml.depth && xml.depth <= XML_DEPTH_MAX);
		if (event == XML_CLOSED) {
			must(name.len > 0 && text.len <= XML_TEXT_MAX);
			check_again(text);
		} else if (xml_attribute(&xml, SLICE("id"), &value)) {
			must(value.len < size);
		}
	}
	xml_end(&xml);
	return 0;
}
