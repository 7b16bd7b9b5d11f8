/* Reading and writing XML; see xml.h. */
#include "xml/xml.h"

enum { REFERENCE_MAX = 10 }; /* bytes between '&' and ';' */

void xml_begin(struct xml *xml, struct slice document)
{
	*xml = (struct xml){.rest = document, .close_to = XML_DEPTH_MAX, .text = BUF(XML_TEXT_MAX + 8)};
	if (slice_starts(document, SLICE("\xef\xbb\xbf")))
		xml->rest = slice_skip(document, 3);
}

void xml_end(struct xml *xml) { buf_free(&xml->text); }

static void note(struct xml *xml, const char *fault) { xml->fault = xml->fault ? xml->fault : fault; }

static enum xml_event refuse(struct xml *xml, const char *why)
{
	xml->refused = why;
	return XML_END;
}

/* ---- Text ---- */

static void add(struct xml *xml, struct slice bytes)
{
	buf_append(&xml->text, slice_sub(bytes, 0, xml->text.len < XML_TEXT_MAX ? XML_TEXT_MAX - xml->text.len : 0));
}

/* A character as UTF-8, up to the last that Unicode has; whole, or not at all. */
static void add_character(struct xml *xml, uint32_t c)
{
	char bytes[4];
	size_t count = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	if (count == 1)
		bytes[0] = (char)c;
	for (size_t i = count; count > 1 && i-- > 0; c >>= 6)
		bytes[i] = (char)(i > 0 ? 0x80 | (c & 0x3f) : (0xf0 << (4 - count) & 0xff) | c);
	if (xml->text.len + count <= XML_TEXT_MAX)
		buf_append(&xml->text, slice_make(bytes, count));
}

/* "#65", "#x41": false if it is no character that XML can hold. */
static bool read_number(struct slice reference, uint32_t *c)
{
	bool hexadecimal = reference.len > 2 && reference.at[1] == 'x';
	*c = 0;
	for (size_t i = hexadecimal ? 2 : 1; i < reference.len && *c < 0x110000; i++) {
		int digit = ascii_hex_value(reference.at[i]);
		if (digit < 0 || (!hexadecimal && digit > 9))
			return false;
		*c = *c * (hexadecimal ? 16 : 10) + (uint32_t)digit;
	}
	return reference.len > 1 && *c > 0 && *c < 0x110000 && (*c < 0xd800 || *c > 0xdfff);
}

/* Between '&' and ';'. */
static bool add_reference(struct xml *xml, struct slice reference)
{
	static const struct { struct slice name; char c; } known[] = {{SLICE("lt"), '<'}, {SLICE("gt"), '>'}, {SLICE("amp"), '&'}, {SLICE("quot"), '"'}, {SLICE("apos"), '\''}};
	uint32_t c;
	if (reference.len > 0 && reference.at[0] == '#') {
		bool valid = read_number(reference, &c);
		if (valid)
			add_character(xml, c);
		return valid;
	}
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (slice_equal(reference, known[i].name)) {
			add_character(xml, (unsigned char)known[i].c);
			return true;
		}
	return false;
}

static void add_text(struct xml *xml, struct slice text)
{
	while (text.len > 0 && xml->text.len < XML_TEXT_MAX) {
		size_t plain = slice_find_char(text, '&');
		add(xml, slice_sub(text, 0, plain));
		if (plain == SLICE_NONE)
			return;
		text = slice_skip(text, plain + 1);
		size_t end = slice_find_char(slice_sub(text, 0, REFERENCE_MAX + 1), ';');
		if (end != SLICE_NONE && add_reference(xml, slice_sub(text, 0, end))) {
			text = slice_skip(text, end + 1);
		} else {
			note(xml, "a reference to something unknown");
			add(xml, SLICE("&"));
		}
	}
}

/* ---- Tags ---- */

static bool is_name(char c, bool first)
{
	return ascii_is_alpha(c) || c == '_' || c == ':' || (unsigned char)c >= 0x80 || (!first && (ascii_is_digit(c) || c == '-' || c == '.'));
}

static struct slice read_name(struct slice text)
{
	size_t length = 0;
	while (length < text.len && is_name(text.at[length], length == 0))
		length++;
	return slice_sub(text, 0, length);
}

static struct slice without_prefix(struct slice name)
{
	size_t colon = slice_find_last_char(name, ':');
	return colon == SLICE_NONE || colon + 1 == name.len ? name : slice_skip(name, colon + 1);
}

/* Where the tag ends that goes on with `text`: at the '>' that stands in no attribute's value. SLICE_NONE: it is none, since a '<' comes
 * first, which can stand in none. */
static size_t tag_end(struct slice text)
{
	char quote = '\0';
	for (size_t i = 0; i < text.len && text.at[i] != '<'; i++) {
		char c = text.at[i];
		if (!quote && c == '>')
			return i;
		quote = quote ? (c == quote ? '\0' : quote) : (c == '"' || c == '\'' ? c : '\0');
	}
	return SLICE_NONE;
}

/* Passes what goes up to `end`; false: it has no end, and nothing comes after it. */
static bool pass(struct xml *xml, struct slice end, struct slice *passed)
{
	size_t length = slice_find(xml->rest, end);
	*passed = slice_sub(xml->rest, 0, length);
	xml->rest = slice_skip(xml->rest, length == SLICE_NONE ? xml->rest.len : length + end.len);
	if (length == SLICE_NONE)
		note(xml, "it ends too early");
	return length != SLICE_NONE;
}

static enum xml_event close_one(struct xml *xml, struct slice *name, struct slice *text)
{
	*name = xml->open[--xml->depth];
	*text = slice_trim(buf_slice(&xml->text));
	if (xml->depth <= xml->close_to)
		xml->close_to = XML_DEPTH_MAX;
	return XML_CLOSED;
}

/* An end tag ends the innermost element of its name, with what is open in it; false: there is none. */
static bool begin_closing(struct xml *xml, struct slice name)
{
	size_t depth = xml->depth;
	while (depth > 0 && !slice_equal(xml->open[depth - 1], name))
		depth--;
	if (depth != xml->depth || depth == 0)
		note(xml, "an element without its end, or an end without its element");
	if (depth > 0)
		xml->close_to = depth - 1;
	return depth > 0;
}

/* At "<x" or "</x" of a tag. False: it is none, and text. */
static bool read_tag(struct xml *xml, struct slice *name, bool *ends, bool *empty)
{
	struct slice after = slice_skip(xml->rest, 1);
	*ends = slice_starts(after, SLICE("/"));
	after = slice_skip(after, *ends);
	struct slice full = read_name(after);
	after = slice_skip(after, full.len);
	size_t end = tag_end(after);
	if (full.len == 0 || end == SLICE_NONE || (end > 0 && !ascii_is_space(after.at[0]) && after.at[0] != '/'))
		return false;
	*name = without_prefix(full);
	*empty = end > 0 && after.at[end - 1] == '/';
	xml->attributes = slice_sub(after, 0, end);
	xml->rest = slice_skip(after, end + 1);
	return true;
}

enum step { STEP_ON, STEP_EVENT };

/* At a '<' that isn't the beginning of a comment and the like. */
static enum step step_tag(struct xml *xml, struct slice *name, struct slice *text, enum xml_event *event)
{
	bool ends, empty;
	if (!read_tag(xml, name, &ends, &empty)) {
		note(xml, "a '<' that begins nothing");
		add(xml, SLICE("<"));
		xml->rest = slice_skip(xml->rest, 1);
		return STEP_ON;
	}
	if (ends) {
		if (!begin_closing(xml, *name))
			return STEP_ON;
		*event = close_one(xml, name, text);
		return STEP_EVENT;
	}
	if (xml->depth == XML_DEPTH_MAX) {
		*event = refuse(xml, "its elements are nested too deep");
		return STEP_EVENT;
	}
	xml->open[xml->depth++] = *name;
	if (empty)
		xml->close_to = xml->depth - 1;
	*event = XML_OPENED;
	return STEP_EVENT;
}

/* At a '<'. */
static enum step step_markup(struct xml *xml, struct slice *name, struct slice *text, enum xml_event *event)
{
	struct slice passed;
	if (slice_starts(xml->rest, SLICE("<?"))) {
		pass(xml, SLICE("?>"), &passed);
	} else if (slice_starts(xml->rest, SLICE("<!--"))) {
		pass(xml, SLICE("-->"), &passed);
	} else if (slice_starts(xml->rest, SLICE("<![CDATA["))) {
		xml->rest = slice_skip(xml->rest, 9);
		pass(xml, SLICE("]]>"), &passed);
		add(xml, passed);
	} else if (slice_starts(xml->rest, SLICE("<!"))) {
		*event = refuse(xml, "it declares a document type or entities");
		return STEP_EVENT;
	} else {
		return step_tag(xml, name, text, event);
	}
	return STEP_ON;
}

enum xml_event xml_next(struct xml *xml, struct slice *name, struct slice *text)
{
	enum xml_event event = XML_END;
	buf_clear(&xml->text);
	if (xml->refused)
		return event;
	if (xml->depth > xml->close_to)
		return close_one(xml, name, text);
	while (xml->rest.len > 0) {
		size_t plain = slice_find_char(xml->rest, '<');
		add_text(xml, slice_sub(xml->rest, 0, plain));
		xml->rest = slice_skip(xml->rest, plain == SLICE_NONE ? xml->rest.len : plain);
		if (xml->rest.len > 0 && step_markup(xml, name, text, &event) == STEP_EVENT)
			return event;
	}
	if (xml->depth > 0)
		note(xml, "it ends too early");
	return event;
}

/* ---- Attributes ---- */

/* Cuts the first off, as name="value"; false: there is none that is written so. */
static bool next_attribute(struct slice *rest, struct slice *name, struct slice *value)
{
	*rest = slice_trim(*rest);
	*name = read_name(*rest);
	struct slice after = slice_trim(slice_skip(*rest, name->len));
	if (name->len == 0 || !slice_starts(after, SLICE("=")))
		return false;
	after = slice_trim(slice_skip(after, 1));
	if (after.len == 0 || (after.at[0] != '"' && after.at[0] != '\''))
		return false;
	return slice_cut(slice_skip(after, 1), after.at[0], value, rest);
}

bool xml_attribute(const struct xml *xml, struct slice name, struct slice *value)
{
	struct slice rest = xml->attributes, found;
	while (next_attribute(&rest, &found, value))
		if (slice_equal(found, name))
			return true;
	return false;
}

/* ---- Writing ---- */

/* The two that are UTF-8 and no characters of XML: U+FFFE, U+FFFF. */
static bool holds_noncharacters(struct slice text)
{
	return slice_find(text, SLICE("\xef\xbf\xbe")) != SLICE_NONE || slice_find(text, SLICE("\xef\xbf\xbf")) != SLICE_NONE;
}

static const char *escaped(char c)
{
	return c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : NULL;
}

void xml_append(struct buf *out, struct slice text)
{
	bool utf8 = slice_is_utf8(text) && !holds_noncharacters(text);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		if (c < 0x20 || c == 0x7f)
			buf_append_char(out, ' ');
		else if (c >= 0x80 && !utf8)
			buf_append_char(out, '?');
		else if (escaped(text.at[i]))
			buf_append_text(out, escaped(text.at[i]));
		else
			buf_append_char(out, text.at[i]);
	}
}
