/* One pass over the bytes: text is copied, tags are looked at. Open elements are kept on a stack, with whether their content is shown; one
 * that is never closed goes with the one around it. */
#include "message/html.h"

#include "base/array.h"

enum { NAME_MAX_BYTES = 12, ENTITY_MAX = 10, VALUE_MAX = 512 };

enum element_kind {
	ELEMENT_INLINE,
	ELEMENT_BLOCK = 1,  /* stands on its own: divides words */
	ELEMENT_VOID = 2,   /* has no content */
	ELEMENT_RAW = 4,    /* its content is no text of the page, up to its closing tag */
};

static const struct element {
	const char *name;
	unsigned kind;
} elements[] = {
	{"address", ELEMENT_BLOCK}, {"area", ELEMENT_VOID}, {"base", ELEMENT_VOID}, {"blockquote", ELEMENT_BLOCK}, {"body", ELEMENT_BLOCK},
	{"br", ELEMENT_BLOCK | ELEMENT_VOID}, {"center", ELEMENT_BLOCK}, {"col", ELEMENT_VOID}, {"dd", ELEMENT_BLOCK}, {"div", ELEMENT_BLOCK}, {"dt", ELEMENT_BLOCK},
	{"embed", ELEMENT_VOID}, {"form", ELEMENT_BLOCK}, {"h1", ELEMENT_BLOCK}, {"h2", ELEMENT_BLOCK}, {"h3", ELEMENT_BLOCK}, {"h4", ELEMENT_BLOCK},
	{"h5", ELEMENT_BLOCK}, {"h6", ELEMENT_BLOCK}, {"hr", ELEMENT_BLOCK | ELEMENT_VOID}, {"img", ELEMENT_VOID}, {"input", ELEMENT_VOID}, {"li", ELEMENT_BLOCK},
	{"link", ELEMENT_VOID}, {"meta", ELEMENT_VOID}, {"ol", ELEMENT_BLOCK}, {"option", ELEMENT_BLOCK}, {"p", ELEMENT_BLOCK}, {"param", ELEMENT_VOID},
	{"pre", ELEMENT_BLOCK}, {"script", ELEMENT_RAW}, {"source", ELEMENT_VOID}, {"style", ELEMENT_RAW}, {"table", ELEMENT_BLOCK}, {"tbody", ELEMENT_BLOCK},
	{"td", ELEMENT_BLOCK}, {"th", ELEMENT_BLOCK}, {"title", ELEMENT_BLOCK}, {"tr", ELEMENT_BLOCK}, {"ul", ELEMENT_BLOCK}, {"wbr", ELEMENT_VOID},
};

struct open_element {
	char name[NAME_MAX_BYTES];
	size_t name_len;
	bool hidden;
	struct slice ground; /* the background's colour, or empty: that of the page */
};

struct link_range {
	struct slice target;
	size_t from, to;
};

struct html_reader {
	struct slice rest;
	struct arena *arena;
	struct html_page *page;
	struct buf text, hidden;
	struct link_range *links;
	size_t link_count, link_room;
	bool in_link;
	struct open_element stack[HTML_DEPTH_MAX];
	size_t depth;
	bool no_more_comments, no_more_raw; /* one didn't end: none that begins later does */
};

/* ---- characters ---- */

static const struct entity {
	const char *name;
	uint32_t character;
} entities[] = {
	{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}, {"nbsp", ' '}, {"shy", 0xad}, {"copy", 0xa9}, {"reg", 0xae}, {"trade", 0x2122},
	{"euro", 0x20ac}, {"pound", 0xa3}, {"cent", 0xa2}, {"yen", 0xa5}, {"sect", 0xa7}, {"middot", 0xb7}, {"bull", 0x2022}, {"hellip", 0x2026}, {"ndash", 0x2013},
	{"mdash", 0x2014}, {"lsquo", 0x2018}, {"rsquo", 0x2019}, {"ldquo", 0x201c}, {"rdquo", 0x201d}, {"laquo", 0xab}, {"raquo", 0xbb}, {"zwnj", 0x200c},
	{"zwj", 0x200d}, {"ensp", ' '}, {"emsp", ' '}, {"thinsp", ' '}, {"auml", 0xe4}, {"ouml", 0xf6}, {"uuml", 0xfc}, {"Auml", 0xc4}, {"Ouml", 0xd6},
	{"Uuml", 0xdc}, {"szlig", 0xdf}, {"agrave", 0xe0}, {"aacute", 0xe1}, {"acirc", 0xe2}, {"atilde", 0xe3}, {"ccedil", 0xe7}, {"egrave", 0xe8},
	{"eacute", 0xe9}, {"ecirc", 0xea}, {"iacute", 0xed}, {"ntilde", 0xf1}, {"oacute", 0xf3}, {"ocirc", 0xf4}, {"otilde", 0xf5}, {"uacute", 0xfa},
};

static size_t put_utf8(uint32_t c, char out[4])
{
	if (c < 0x80)
		return out[0] = (char)c, 1;
	size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = length; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(c | (0xf0 << (4 - length) & 0xff));
	return length;
}

static uint32_t number_of(struct slice digits)
{
	bool hex = digits.len > 0 && ascii_lower(digits.at[0]) == 'x';
	uint32_t value = 0;
	digits = slice_skip(digits, hex);
	for (size_t i = 0; i < digits.len; i++) {
		int digit = ascii_hex_value(digits.at[i]);
		if (digit < 0 || (!hex && digit > 9) || value > 0x10ffff)
			return 0;
		value = value * (hex ? 16 : 10) + (uint32_t)digit;
	}
	return value > 0x10ffff || (value >= 0xd800 && value < 0xe000) ? 0 : value;
}

/* Takes a character reference at the start of *s; 0, and nothing taken: it is a "&" that means itself. */
static uint32_t take_entity(struct slice *s)
{
	size_t end = 1;
	while (end < s->len && end <= ENTITY_MAX && (ascii_is_alpha(s->at[end]) || ascii_is_digit(s->at[end]) || (end == 1 && s->at[end] == '#')))
		end++;
	struct slice name = slice_sub(*s, 1, end - 1);
	uint32_t found = name.len > 1 && name.at[0] == '#' ? number_of(slice_skip(name, 1)) : 0;
	for (size_t i = 0; found == 0 && i < sizeof entities / sizeof *entities; i++)
		if (slice_equal(name, slice_of(entities[i].name)))
			found = entities[i].character;
	if (found > 0)
		*s = slice_skip(*s, end + (end < s->len && s->at[end] == ';'));
	return found == '\r' || found == '\t' || found == 0xa0 ? ' ' : found;
}

/* As UTF-8: the bytes but the last, and the range of that. */
static const struct invisible {
	const char *head;
	unsigned char from, to;
} invisibles[] = {
	{"\xc2", 0xad, 0xad},     /* soft hyphen */
	{"\xcd", 0x8f, 0x8f},     /* combining grapheme joiner */
	{"\xe1\xa0", 0x8e, 0x8e}, /* Mongolian vowel separator */
	{"\xe2\x80", 0x8b, 0x8f}, /* no space, joiners, marks of direction */
	{"\xe2\x80", 0xaa, 0xae}, /* embeddings */
	{"\xe2\x81", 0xa0, 0xaf}, /* word joiner, isolates */
	{"\xef\xbb", 0xbf, 0xbf}, /* byte order mark */
};

size_t html_invisible_length(struct slice text)
{
	if (text.len == 0 || (unsigned char)text.at[0] < 0xc2)
		return 0;
	for (size_t i = 0; i < sizeof invisibles / sizeof *invisibles; i++) {
		struct slice head = slice_of(invisibles[i].head);
		if (text.len <= head.len || !slice_starts(text, head))
			continue;
		unsigned char last = (unsigned char)text.at[head.len];
		if (last >= invisibles[i].from && last <= invisibles[i].to)
			return head.len + 1;
	}
	return 0;
}

bool html_invisible_inside(struct slice before, struct slice character)
{
	return character.len == 3 && before.len > 0 && ascii_is_alpha(before.at[before.len - 1]);
}

static bool is_hidden(const struct html_reader *reader) { return reader->depth > 0 && reader->stack[reader->depth - 1].hidden; }

static void put(struct html_reader *reader, struct slice character)
{
	struct buf *out = is_hidden(reader) ? &reader->hidden : &reader->text;
	if (html_invisible_length(character) > 0) {
		reader->page->invisible++;
		reader->page->invisible_inside += html_invisible_inside(buf_slice(out), character);
		return;
	}
	bool blank = character.len == 1 && ascii_is_space(character.at[0]);
	if (blank && (out->len == 0 || ascii_is_space(out->at[out->len - 1])))
		return;
	buf_append(out, blank ? SLICE(" ") : character);
}

static void divide(struct html_reader *reader)
{
	struct buf *out = is_hidden(reader) ? &reader->hidden : &reader->text;
	if (out->len > 0 && out->at[out->len - 1] == ' ')
		out->at[out->len - 1] = '\n';
	else if (out->len > 0 && out->at[out->len - 1] != '\n')
		buf_append_char(out, '\n');
}

static size_t character_length(struct slice s)
{
	unsigned char c = (unsigned char)s.at[0];
	size_t length = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	return length < s.len ? length : s.len;
}

/* What can be copied as it is: most of a text. */
static size_t plain_length(struct slice s)
{
	size_t n = 0;
	while (n < s.len && s.at[n] > ' ' && s.at[n] != '<' && s.at[n] != '&' && s.at[n] < 0x7f)
		n++;
	return n;
}

static void read_text(struct html_reader *reader)
{
	size_t plain = plain_length(reader->rest);
	if (plain > 0) {
		buf_append(is_hidden(reader) ? &reader->hidden : &reader->text, slice_sub(reader->rest, 0, plain));
		reader->rest = slice_skip(reader->rest, plain);
		return;
	}
	char bytes[4];
	uint32_t entity = reader->rest.at[0] == '&' ? take_entity(&reader->rest) : 0;
	if (entity > 0) { /* it may have been the last */
		put(reader, slice_make(bytes, put_utf8(entity, bytes)));
		return;
	}
	struct slice character = slice_sub(reader->rest, 0, character_length(reader->rest));
	reader->rest = slice_skip(reader->rest, character.len);
	put(reader, character);
}

/* ---- attributes ---- */

/* What of its attributes counts. */
struct tag {
	char name[NAME_MAX_BYTES];
	size_t name_len;
	bool closing, closed;
	struct slice href, src, style, color, ground, width, height;
	bool hidden;
};

static void keep_attribute(struct tag *tag, struct slice name, struct slice value)
{
	const struct {
		struct slice name;
		struct slice *value;
	} kept[] = {{SLICE("href"), &tag->href}, {SLICE("src"), &tag->src}, {SLICE("style"), &tag->style}, {SLICE("color"), &tag->color},
		    {SLICE("bgcolor"), &tag->ground}, {SLICE("width"), &tag->width}, {SLICE("height"), &tag->height}};
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (kept[i].value->len == 0 && slice_equal_nocase(name, kept[i].name))
			*kept[i].value = value;
	tag->hidden |= slice_equal_nocase(name, SLICE("hidden"));
}

static struct slice take_while(struct slice *s, bool (*wanted)(char c))
{
	size_t n = 0;
	while (n < s->len && wanted(s->at[n]))
		n++;
	struct slice taken = slice_sub(*s, 0, n);
	*s = slice_skip(*s, n);
	return taken;
}

static bool is_blank(char c) { return ascii_is_space(c) || c == '\f' || c == '\0'; }
static bool is_blank_or_slash(char c) { return is_blank(c) || c == '/'; }
static bool is_name(char c) { return !is_blank(c) && c != '=' && c != '>' && c != '/'; }
static bool is_unquoted(char c) { return !is_blank(c) && c != '>'; }

/* A quoted value ends at its quote; one that never does, where the tag would end: the page goes on there. */
static struct slice take_value(struct slice *s)
{
	if (s->len == 0 || (s->at[0] != '"' && s->at[0] != '\''))
		return take_while(s, is_unquoted);
	struct slice inside = slice_skip(*s, 1);
	size_t end = slice_find_char(slice_sub(inside, 0, HTML_TARGET_MAX * 4), s->at[0]);
	if (end == SLICE_NONE) {
		*s = inside;
		return take_while(s, is_unquoted);
	}
	*s = slice_skip(inside, end + 1);
	return slice_sub(inside, 0, end);
}

static void take_attributes(struct slice *s, struct tag *tag)
{
	for (;;) {
		take_while(s, is_blank_or_slash);
		if (s->len == 0 || s->at[0] == '>')
			break;
		struct slice name = take_while(s, is_name), value = {NULL, 0};
		take_while(s, is_blank);
		if (s->len > 0 && s->at[0] == '=') {
			*s = slice_skip(*s, 1);
			take_while(s, is_blank);
			value = take_value(s);
		}
		keep_attribute(tag, name, value);
	}
	*s = slice_skip(*s, 1);
}

/* ---- what is shown ---- */

/* The value of a property in a style, "" if it isn't there. */
static struct slice style_value(struct slice style, struct slice property)
{
	struct slice entry, name, value;
	bool more = true;
	style = slice_sub(style, 0, VALUE_MAX);
	while (more) {
		more = slice_cut(style, ';', &entry, &style);
		if (slice_cut(entry, ':', &name, &value) && slice_equal_nocase(slice_trim(name), property))
			return slice_trim(value);
	}
	return SLICE("");
}

/* "0", "0px", "0.0em": with nothing to see. */
static bool is_zero(struct slice value)
{
	size_t n = 0;
	while (n < value.len && (value.at[n] == '0' || value.at[n] == '.'))
		n++;
	return n > 0 && (n == value.len || !ascii_is_digit(value.at[n]));
}

static bool is_tiny(struct slice size) { return is_zero(size) || slice_equal_nocase(size, SLICE("1px")) || slice_equal_nocase(size, SLICE("1pt")); }

static bool is_white(struct slice color)
{
	return slice_equal_nocase(color, SLICE("white")) || slice_equal_nocase(color, SLICE("#fff")) || slice_equal_nocase(color, SLICE("#ffffff"));
}

static bool same_color(struct slice a, struct slice b) { return slice_equal_nocase(a, b) || (is_white(a) && is_white(b)); }

static bool hides(const struct tag *tag, struct slice ground)
{
	struct slice color = style_value(tag->style, SLICE("color"));
	if (color.len == 0)
		color = tag->color;
	return tag->hidden || slice_equal_nocase(slice_sub(style_value(tag->style, SLICE("display")), 0, 4), SLICE("none")) ||
	       slice_starts_nocase(style_value(tag->style, SLICE("visibility")), SLICE("hidden")) || is_tiny(style_value(tag->style, SLICE("font-size"))) ||
	       is_zero(style_value(tag->style, SLICE("opacity"))) || is_zero(style_value(tag->style, SLICE("max-height"))) ||
	       (color.len > 0 && ground.len > 0 && same_color(color, ground));
}

static void open_element(struct html_reader *reader, const struct tag *tag)
{
	if (reader->depth == HTML_DEPTH_MAX)
		return;
	struct open_element *outer = reader->depth > 0 ? &reader->stack[reader->depth - 1] : NULL;
	struct open_element *element = &reader->stack[reader->depth++];
	struct slice ground = style_value(tag->style, SLICE("background-color"));
	if (ground.len == 0)
		ground = style_value(tag->style, SLICE("background"));
	if (ground.len == 0)
		ground = tag->ground.len > 0 ? tag->ground : outer ? outer->ground : SLICE("");
	*element = (struct open_element){.name_len = tag->name_len, .ground = ground};
	memcpy(element->name, tag->name, tag->name_len);
	element->hidden = (outer && outer->hidden) || hides(tag, ground);
}

static void close_element(struct html_reader *reader, const struct tag *tag)
{
	for (size_t i = reader->depth; i-- > 0;)
		if (reader->stack[i].name_len == tag->name_len && memcmp(reader->stack[i].name, tag->name, tag->name_len) == 0) {
			reader->depth = i;
			return;
		}
}

/* ---- links and pictures ---- */

static struct slice decode_value(struct slice value, struct arena *arena)
{
	value = slice_sub(slice_trim(value), 0, HTML_TARGET_MAX);
	char *out = arena_alloc(arena, value.len + 4), bytes[4];
	size_t len = 0;
	while (value.len > 0) {
		uint32_t entity = value.at[0] == '&' ? take_entity(&value) : 0;
		if (entity == 0 && value.at[0] >= 0 && value.at[0] < ' ') { /* browsers leave out line ends in the middle */
			value = slice_skip(value, 1);
			continue;
		}
		size_t count = entity > 0 ? put_utf8(entity, bytes) : 1;
		memcpy(out + len, entity > 0 ? bytes : value.at, count); /* a reference is never shorter than what it stands for */
		len += count;
		value = slice_skip(value, entity == 0);
	}
	return slice_make(out, len);
}

static void end_link(struct html_reader *reader)
{
	if (reader->in_link)
		reader->links[reader->link_count - 1].to = reader->text.len;
	reader->in_link = false;
}

static void begin_link(struct html_reader *reader, struct slice href)
{
	end_link(reader);
	if (href.len == 0)
		return;
	if (reader->link_count == HTML_LINKS_MAX) {
		reader->page->links_beyond++;
		return;
	}
	ARENA_GROW(reader->arena, reader->links, reader->link_count, reader->link_room);
	reader->links[reader->link_count++] = (struct link_range){decode_value(href, reader->arena), reader->text.len, reader->text.len};
	reader->in_link = true;
}

static bool is_remote(struct slice target)
{
	return slice_starts_nocase(target, SLICE("http:")) || slice_starts_nocase(target, SLICE("https:")) || slice_starts(target, SLICE("//"));
}

static bool is_named(const struct tag *tag, struct slice name) { return slice_equal(slice_make(tag->name, tag->name_len), name); }

static void count_tag(struct html_reader *reader, const struct tag *tag)
{
	struct html_page *page = reader->page;
	if (tag->closing)
		return;
	bool image = is_named(tag, SLICE("img"));
	page->images += image;
	page->remote_images += image && is_remote(tag->src);
	page->forms += is_named(tag, SLICE("form"));
	page->scripts += is_named(tag, SLICE("script"));
	if (is_named(tag, SLICE("form")) || is_named(tag, SLICE("area")) || is_named(tag, SLICE("a")))
		begin_link(reader, tag->href);
}

/* ---- tags ---- */

static unsigned kind_of(const struct tag *tag)
{
	char name[NAME_MAX_BYTES + 1] = {0};
	memcpy(name, tag->name, tag->name_len);
	for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
		if (elements[i].name[0] == name[0] && strcmp(elements[i].name, name) == 0)
			return elements[i].kind;
	return ELEMENT_INLINE;
}

/* Passes over a script or a style. */
static void skip_raw(struct html_reader *reader, const struct tag *tag)
{
	char closing[NAME_MAX_BYTES + 2] = "</";
	memcpy(closing + 2, tag->name, tag->name_len);
	size_t at = reader->no_more_raw ? SLICE_NONE : slice_find_nocase(reader->rest, slice_make(closing, tag->name_len + 2));
	reader->no_more_raw |= at == SLICE_NONE;
	if (at != SLICE_NONE)
		reader->rest = slice_skip(reader->rest, at);
}

static void take_name(struct slice *s, struct tag *tag)
{
	for (; s->len > 0 && is_name(s->at[0]); *s = slice_skip(*s, 1))
		if (tag->name_len < NAME_MAX_BYTES)
			tag->name[tag->name_len++] = ascii_lower(s->at[0]);
}

static void read_tag(struct html_reader *reader)
{
	struct tag tag = {.closing = reader->rest.len > 1 && reader->rest.at[1] == '/'};
	reader->rest = slice_skip(reader->rest, 1 + (size_t)tag.closing);
	take_name(&reader->rest, &tag);
	take_attributes(&reader->rest, &tag);
	unsigned kind = kind_of(&tag);
	if (kind & ELEMENT_BLOCK)
		divide(reader);
	count_tag(reader, &tag);
	if (tag.closing && is_named(&tag, SLICE("a")))
		end_link(reader);
	if (kind & ELEMENT_RAW) {
		if (!tag.closing)
			skip_raw(reader, &tag);
	} else if (tag.closing)
		close_element(reader, &tag);
	else if (!(kind & ELEMENT_VOID))
		open_element(reader, &tag);
}

/* "<!-- … -->", "<!DOCTYPE …>", "<?xml …>". */
static void skip_declaration(struct html_reader *reader)
{
	bool comment = slice_starts(reader->rest, SLICE("<!--"));
	size_t end = SLICE_NONE;
	if (comment && !reader->no_more_comments) {
		end = slice_find(reader->rest, SLICE("-->"));
		reader->no_more_comments = end == SLICE_NONE;
	}
	if (comment && end != SLICE_NONE)
		end += 2;
	else
		end = slice_find_char(reader->rest, '>');
	reader->rest = slice_skip(reader->rest, end == SLICE_NONE ? reader->rest.len : end + 1);
}

static void finish(struct html_reader *reader)
{
	struct html_page *page = reader->page;
	end_link(reader);
	page->text = arena_copy(reader->arena, buf_slice(&reader->text));
	page->hidden = arena_copy(reader->arena, buf_slice(&reader->hidden));
	page->links = arena_array(reader->arena, reader->link_count + 1, sizeof *page->links);
	page->link_count = reader->link_count;
	for (size_t i = 0; i < reader->link_count; i++)
		page->links[i] = (struct html_link){reader->links[i].target,
						    slice_trim(slice_sub(page->text, reader->links[i].from, reader->links[i].to - reader->links[i].from))};
	buf_free(&reader->text);
	buf_free(&reader->hidden);
}

void html_read(struct slice html, struct arena *arena, struct html_page *page)
{
	*page = (struct html_page){0};
	/* A reference of two bytes at least ("&e") makes no more than what it takes up. */
	struct html_reader reader = {.rest = html, .arena = arena, .page = page, .text = BUF(html.len * 2 + 16), .hidden = BUF(html.len * 2 + 16)};
	while (reader.rest.len > 0) {
		char next = reader.rest.len > 1 ? reader.rest.at[1] : '\0';
		if (reader.rest.at[0] != '<')
			read_text(&reader);
		else if (ascii_is_alpha(next) || next == '/')
			read_tag(&reader);
		else if (next == '!' || next == '?')
			skip_declaration(&reader);
		else {
			put(&reader, SLICE("<"));
			reader.rest = slice_skip(reader.rest, 1);
		}
	}
	finish(&reader);
}
