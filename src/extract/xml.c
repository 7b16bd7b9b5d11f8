/* The text of XML, without its structure: documents of offices are nested deeper, and have longer texts, than reports and questions, and nothing but
 * their text is wanted. A pass over the bytes; nothing is kept but the place. No document types, so no entity but the five of XML. */
#include "extract/extract.h"

/* Elements that divide words, by their names without name space: paragraphs, headings, tabs, breaks, cells and rows, strings of a sheet. */
static bool divides(struct slice name)
{
	static const char *const dividing[] = {"p", "h", "tab", "br", "cr", "line-break", "s", "tc", "table-cell", "table-row", "si", "c", "row", "title"};
	size_t colon = slice_find_char(name, ':');
	struct slice local = colon == SLICE_NONE ? name : slice_skip(name, colon + 1);
	for (size_t i = 0; i < sizeof dividing / sizeof *dividing; i++)
		if (slice_equal(local, slice_of(dividing[i])))
			return true;
	return false;
}

static struct slice name_of(struct slice tag)
{
	size_t len = 0;
	if (slice_starts(tag, SLICE("/")))
		tag = slice_skip(tag, 1);
	while (len < tag.len && tag.at[len] != ' ' && tag.at[len] != '\t' && tag.at[len] != '\r' && tag.at[len] != '\n' && tag.at[len] != '/')
		len++;
	return slice_sub(tag, 0, len);
}

static void append_character(uint32_t c, struct buf *out)
{
	char utf8[4];
	size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	if (c < ' ' || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
		buf_append_char(out, ' ');
		return;
	}
	if (length == 1) {
		buf_append_char(out, (char)c);
		return;
	}
	for (size_t i = length; i-- > 1; c >>= 6)
		utf8[i] = (char)(0x80 | (c & 0x3f));
	utf8[0] = (char)(c | (0xf0 << (4 - length) & 0xff));
	buf_append(out, slice_make(utf8, length));
}

/* Between '#' and ';'. */
static uint32_t number_of(struct slice digits)
{
	uint32_t number = 0;
	bool hex = slice_starts_nocase(digits, SLICE("x"));
	for (size_t i = hex; i < digits.len; i++) {
		int value = ascii_hex_value(digits.at[i]);
		if (value < 0 || (!hex && value > 9) || number > 0x10ffff)
			return 0;
		number = number * (hex ? 16 : 10) + (uint32_t)value;
	}
	return number;
}

/* At a '&'. Returns the bytes that it is. */
static size_t append_reference(struct slice rest, struct buf *out)
{
	enum { LONGEST = 12 };
	static const struct { const char *name; char character; } known[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
	size_t end = slice_find_char(slice_sub(rest, 0, LONGEST), ';');
	struct slice name = end == SLICE_NONE ? slice_make("", 0) : slice_sub(rest, 1, end - 1);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (slice_equal(name, slice_of(known[i].name)))
			return buf_append_char(out, known[i].character), end + 1;
	if (slice_starts(name, SLICE("#")))
		return append_character(number_of(slice_skip(name, 1)), out), end + 1;
	buf_append_char(out, '&');
	return 1;
}

/* At a '<'. Returns the bytes of the tag, comment or whatever it is. */
static size_t pass_tag(struct slice rest, struct buf *out)
{
	if (slice_starts(rest, SLICE("<!--"))) {
		size_t end = slice_find(rest, SLICE("-->"));
		return end == SLICE_NONE ? rest.len : end + 3;
	}
	size_t end = slice_find_char(rest, '>');
	if (end == SLICE_NONE)
		return rest.len;
	if (divides(name_of(slice_sub(rest, 1, end - 1))))
		buf_append_char(out, ' ');
	return end + 1;
}

void extract_xml(struct slice xml, struct buf *out)
{
	while (xml.len > 0 && !out->overflow) {
		size_t text = 0;
		while (text < xml.len && xml.at[text] != '<' && xml.at[text] != '&')
			text++;
		buf_append(out, slice_sub(xml, 0, text));
		xml = slice_skip(xml, text);
		if (xml.len > 0)
			xml = slice_skip(xml, xml.at[0] == '<' ? pass_tag(xml, out) : append_reference(xml, out));
	}
	buf_append_char(out, '\n');
}
