/* The items of FETCH (RFC 3501 §6.4.5). */
#include "imap/fetch.h"

#include "imap/write.h"

enum { LABEL_MAX = 64 * 1024 * 1024 }; /* never reached: a label is not much longer than the command */

static bool is_name_char(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '.';
}

static struct slice take_name(struct imap_parser *parser)
{
	size_t len = 0;
	while (len < parser->rest.len && is_name_char(parser->rest.at[len]))
		len++;
	struct slice name = slice_sub(parser->rest, 0, len);
	parser->rest = slice_skip(parser->rest, len);
	return name;
}

static bool add_item(struct imap_parser *parser, struct imap_fetch_items *items, struct imap_fetch_item item)
{
	for (size_t i = 0; i < items->count; i++)
		if (slice_equal_nocase(items->list[i].label, item.label) && items->list[i].most == item.most) {
			items->list[i].sets_seen |= item.sets_seen;
			return true;
		}
	if (items->count == FETCH_ITEMS_MAX)
		return imap_parse_fail(parser, "FETCH was asked for too many items");
	if (!items->list)
		items->list = arena_array(parser->arena, FETCH_ITEMS_MAX + 1, sizeof *items->list); /* one to spare for UID FETCH */
	items->list[items->count++] = item;
	return true;
}

/* ---- sections ---- */

static bool parse_fields(struct imap_parser *parser, struct imap_section *section)
{
	if (!imap_parse_space(parser) || !imap_parse_open(parser))
		return false;
	section->fields = arena_array(parser->arena, FETCH_FIELDS_MAX, sizeof *section->fields);
	bool kept = section->text == SECTION_FIELDS && section->number_count == 0;
	do {
		if (section->field_count == FETCH_FIELDS_MAX)
			return imap_parse_fail(parser, "Too many header fields");
		struct slice *field = &section->fields[section->field_count++];
		if (!imap_parse_astring(parser, field))
			return false;
		if (field->len > FIELD_NAME_MAX)
			return imap_parse_fail(parser, "The name of a header field is too long");
		uint64_t bit = excerpt_field(*field);
		kept &= bit != 0;
		section->excerpt |= bit;
	} while (imap_parse_more(parser));
	section->excerpt = kept ? section->excerpt : 0;
	imap_section_sort_names(section, parser->arena);
	return imap_parse_close(parser);
}

static bool parse_section_text(struct imap_parser *parser, struct imap_section *section)
{
	static const struct {
		const char *name;
		enum section_text text;
	} names[] = {
		{"HEADER", SECTION_HEADER}, {"TEXT", SECTION_TEXT}, {"MIME", SECTION_MIME},
		{"HEADER.FIELDS", SECTION_FIELDS}, {"HEADER.FIELDS.NOT", SECTION_FIELDS_NOT},
	};
	struct slice name = take_name(parser);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!slice_equal_nocase(name, slice_of(names[i].name)))
			continue;
		section->text = names[i].text;
		if (section->text == SECTION_MIME && section->number_count == 0)
			return imap_parse_fail(parser, "MIME needs the number of a part");
		if (section->text == SECTION_FIELDS || section->text == SECTION_FIELDS_NOT)
			return parse_fields(parser, section);
		return true;
	}
	return imap_parse_fail(parser, "A section is HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT, or a part's number with or without one of these or MIME");
}

/* Behind "[", up to and with "]". */
static bool parse_section(struct imap_parser *parser, struct imap_section *section)
{
	if (imap_parse_optional_char(parser, ']'))
		return true;
	if (parser->rest.len > 0 && !ascii_is_digit(parser->rest.at[0]))
		return parse_section_text(parser, section) && imap_parse_char(parser, ']');
	section->numbers = arena_array(parser->arena, SECTION_DEPTH_MAX, sizeof *section->numbers);
	for (;;) {
		uint64_t number;
		if (section->number_count == SECTION_DEPTH_MAX)
			return imap_parse_fail(parser, "The part lies too deep");
		if (!imap_parse_number(parser, UINT32_MAX, &number))
			return false;
		if (number == 0)
			return imap_parse_fail(parser, "Parts are counted from 1");
		section->numbers[section->number_count++] = (uint32_t)number;
		if (imap_parse_optional_char(parser, ']'))
			return true;
		if (!imap_parse_char(parser, '.'))
			return false;
		if (parser->rest.len > 0 && !ascii_is_digit(parser->rest.at[0]))
			return parse_section_text(parser, section) && imap_parse_char(parser, ']');
	}
}

static bool parse_partial(struct imap_parser *parser, struct imap_fetch_item *item)
{
	if (!imap_parse_optional_char(parser, '<'))
		return true;
	item->partial = true;
	if (!imap_parse_number(parser, UINT32_MAX, &item->first) || !imap_parse_char(parser, '.') ||
	    !imap_parse_number(parser, UINT32_MAX, &item->most))
		return false;
	if (item->most == 0)
		return imap_parse_fail(parser, "A part of no octets makes no sense");
	return imap_parse_char(parser, '>');
}

/* The section as the response names it. */
static struct slice section_label(struct imap_parser *parser, const struct imap_fetch_item *item)
{
	static const char *const texts[] = {
		[SECTION_ALL] = "", [SECTION_HEADER] = "HEADER", [SECTION_FIELDS] = "HEADER.FIELDS", [SECTION_FIELDS_NOT] = "HEADER.FIELDS.NOT",
		[SECTION_TEXT] = "TEXT", [SECTION_MIME] = "MIME",
	};
	const struct imap_section *section = &item->section;
	struct buf label = BUF(LABEL_MAX);
	buf_append_text(&label, "BODY[");
	for (size_t i = 0; i < section->number_count; i++)
		buf_printf(&label, "%s%u", i > 0 ? "." : "", section->numbers[i]);
	if (section->number_count > 0 && section->text != SECTION_ALL)
		buf_append_char(&label, '.');
	buf_append_text(&label, texts[section->text]);
	for (size_t i = 0; i < section->field_count; i++) {
		buf_append_text(&label, i > 0 ? " " : " (");
		imap_write_astring(&label, section->fields[i]);
	}
	buf_append_text(&label, section->field_count > 0 ? ")]" : "]");
	if (item->partial)
		buf_printf(&label, "<%u>", (unsigned)item->first);
	struct slice copy = arena_copy(parser->arena, buf_slice(&label));
	buf_free(&label);
	return copy;
}

static bool parse_body(struct imap_parser *parser, struct imap_fetch_items *items, bool peek)
{
	struct imap_fetch_item item = {.kind = FETCH_SECTION, .sets_seen = !peek};
	if (!parse_section(parser, &item.section) || !parse_partial(parser, &item))
		return false;
	item.label = section_label(parser, &item);
	return add_item(parser, items, item);
}

/* ---- items ---- */

static const struct {
	const char *name;
	enum imap_fetch_kind kind;
	enum section_text text;
	bool sets_seen;
} simple_items[] = {
	{"FLAGS", FETCH_FLAGS}, {"UID", FETCH_UID}, {"INTERNALDATE", FETCH_INTERNALDATE}, {"RFC822.SIZE", FETCH_SIZE},
	{"ENVELOPE", FETCH_ENVELOPE}, {"BODYSTRUCTURE", FETCH_BODYSTRUCTURE}, {"BODY", FETCH_BODY},
	{"RFC822", FETCH_SECTION, SECTION_ALL, true}, {"RFC822.HEADER", FETCH_SECTION, SECTION_HEADER, false},
	{"RFC822.TEXT", FETCH_SECTION, SECTION_TEXT, true},
};

static bool add_simple(struct imap_parser *parser, struct imap_fetch_items *items, struct slice name)
{
	for (size_t i = 0; i < sizeof simple_items / sizeof *simple_items; i++) {
		if (!slice_equal_nocase(name, slice_of(simple_items[i].name)))
			continue;
		struct imap_fetch_item item = {.kind = simple_items[i].kind, .label = slice_of(simple_items[i].name),
					  .section.text = simple_items[i].text, .sets_seen = simple_items[i].sets_seen};
		return add_item(parser, items, item);
	}
	return imap_parse_fail(parser, "Unknown FETCH item");
}

static bool parse_item(struct imap_parser *parser, struct imap_fetch_items *items)
{
	struct slice name = take_name(parser);
	if (imap_parse_optional_char(parser, '[')) {
		bool peek = slice_equal_nocase(name, SLICE("BODY.PEEK"));
		if (!peek && !slice_equal_nocase(name, SLICE("BODY")))
			return imap_parse_fail(parser, "Only BODY and BODY.PEEK have sections");
		return parse_body(parser, items, peek);
	}
	return add_simple(parser, items, name);
}

/* The macros ALL, FAST and FULL stand alone, never in a list. */
static bool parse_macro(struct imap_parser *parser, struct imap_fetch_items *items)
{
	static const char *const names[] = {"FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"};
	size_t count = imap_parse_optional_word(parser, "FAST")   ? 3
		       : imap_parse_optional_word(parser, "ALL")  ? 4
		       : imap_parse_optional_word(parser, "FULL") ? 5
								  : 0;
	for (size_t i = 0; i < count; i++)
		add_simple(parser, items, slice_of(names[i]));
	return count > 0;
}

bool imap_fetch_parse(struct imap_parser *parser, struct imap_fetch_items *items)
{
	*items = (struct imap_fetch_items){0};
	if (parse_macro(parser, items))
		return imap_parse_end(parser);
	if (parser->rest.len == 0 || parser->rest.at[0] != '(')
		return parse_item(parser, items) && imap_parse_end(parser);
	if (!imap_parse_open(parser))
		return false;
	do {
		if (!parse_item(parser, items))
			return false;
	} while (imap_parse_more(parser));
	return imap_parse_close(parser) && imap_parse_end(parser);
}
