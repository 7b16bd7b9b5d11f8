/* Header fields out of the forms of RFC 8621 §4.1.2: what jmap_header_value() reads, written. */
#include "jmap/email_make.h"

#include "message/date.h"

enum { LINE_WANTED = 76, LINE_MAX_BYTES = 998 };

/* ---- may it be written ---- */

/* Nothing that could end the field, or isn't text. */
static bool is_clean(const json_t *text)
{
	struct slice s = jmap_slice_of(text);
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] < ' ' || s.at[i] == 0x7f)
			return false;
	return json_is_string(text);
}

/* What stands between angle brackets. */
static bool is_bracketable(const json_t *text)
{
	struct slice s = jmap_slice_of(text);
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] <= ' ' || s.at[i] == 0x7f || s.at[i] == '<' || s.at[i] == '>')
			return false;
	return json_is_string(text) && s.len > 0 && s.len < LINE_MAX_BYTES - 4;
}

static bool is_each(const json_t *array, bool (*fits)(const json_t *item))
{
	for (size_t i = 0; i < json_array_size(array); i++)
		if (!fits(json_array_get(array, i)))
			return false;
	return json_is_array(array);
}

/* Lines that go on with a blank, none too long, none empty (RFC 5322 §3.2.2). */
static bool is_raw(const json_t *text)
{
	struct slice rest = jmap_slice_of(text), line;
	bool first = true, more = true;
	if (!json_is_string(text) || slice_find_char(rest, '\0') != SLICE_NONE)
		return false;
	while (more) {
		more = slice_cut(rest, '\n', &line, &rest);
		line.len -= more && line.len > 0 && line.at[line.len - 1] == '\r';
		bool folded = line.len > 0 && (line.at[0] == ' ' || line.at[0] == '\t');
		if (slice_find_char(line, '\r') != SLICE_NONE || (!first && (!folded || slice_trim(line).len == 0)) || line.len > LINE_MAX_BYTES - 100)
			return false;
		first = false;
	}
	return true;
}

static bool is_address(const json_t *item)
{
	const json_t *name = json_object_get(item, "name"), *email = json_object_get(item, "email");
	bool known = json_object_size(item) == (size_t)!!name + (size_t)!!email;
	return json_is_object(item) && known && (!name || json_is_null(name) || json_is_string(name)) && is_clean(email) &&
	       json_string_length(email) < LINE_MAX_BYTES - 100;
}

static bool is_group(const json_t *item)
{
	const json_t *name = json_object_get(item, "name");
	return json_is_object(item) && (!name || json_is_null(name) || json_is_string(name)) && is_each(json_object_get(item, "addresses"), is_address);
}

static bool is_date(const json_t *text)
{
	int64_t seconds;
	return json_is_string(text) && jmap_date_read(jmap_slice_of(text), &seconds);
}

static bool fits_form(enum jmap_form form, const json_t *value)
{
	if (json_is_null(value))
		return true;
	switch (form) {
	case JMAP_TEXT:
		return json_is_string(value);
	case JMAP_ADDRESSES:
		return is_each(value, is_address);
	case JMAP_GROUPS:
		return is_each(value, is_group);
	case JMAP_MESSAGE_IDS:
	case JMAP_URLS:
		return is_each(value, is_bracketable);
	case JMAP_DATE:
		return is_date(value);
	default:
		return is_raw(value);
	}
}

bool jmap_make_value_fits(const struct jmap_header_property *property, const json_t *value)
{
	if (!property->all)
		return fits_form(property->form, value);
	for (size_t i = 0; i < json_array_size(value); i++)
		if (!fits_form(property->form, json_array_get(value, i)))
			return false;
	return json_is_array(value) && json_array_size(value) <= JMAP_MAKE_HEADERS_MAX;
}

bool jmap_make_property(const char *name, bool part, struct jmap_header_property *out)
{
	return (!part && jmap_header_convenience(name, out)) || jmap_header_property_parse(name, out);
}

/* ---- writing ---- */

/* A field being written. */
struct writing {
	struct buf *out;
	size_t column;
	struct arena *arena;
};

/* An item of a list: in a line of its own where it doesn't fit behind the one before it. */
static void put_item(struct writing *writing, struct slice item, const char *before)
{
	size_t last = slice_find_last_char(item, '\n'), first = slice_find_char(item, '\n');
	buf_append_text(writing->out, before);
	writing->column += strlen(before);
	if (writing->column > 1 && writing->column + 1 + (first == SLICE_NONE ? item.len : first) > LINE_WANTED) {
		buf_append_text(writing->out, "\r\n");
		writing->column = 0;
	}
	buf_append_char(writing->out, ' ');
	buf_append(writing->out, item);
	writing->column = last == SLICE_NONE ? writing->column + 1 + item.len : item.len - last;
}

static struct slice address_text(const json_t *item, struct arena *arena)
{
	struct slice name = jmap_slice_of(json_object_get(item, "name")), email = jmap_slice_of(json_object_get(item, "email"));
	if (name.len == 0)
		return email;
	return arena_printf(arena, "%.*s <%.*s>", SLICE_ARG(header_encode_phrase(name, 1, arena)), SLICE_ARG(email));
}

static void put_addresses(struct writing *writing, const json_t *list, const char *before)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		put_item(writing, address_text(json_array_get(list, i), writing->arena), i > 0 ? "," : before);
}

static void put_groups(struct writing *writing, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *group = json_array_get(list, i), *addresses = json_object_get(group, "addresses");
		struct slice name = jmap_slice_of(json_object_get(group, "name"));
		const char *before = i > 0 ? "," : "";
		if (!json_is_string(json_object_get(group, "name"))) {
			put_addresses(writing, addresses, json_array_size(addresses) > 0 ? before : "");
			continue;
		}
		struct slice phrase = name.len > 0 ? header_encode_phrase(name, 1, writing->arena) : SLICE("\"\"");
		put_item(writing, arena_printf(writing->arena, "%.*s:", SLICE_ARG(phrase)), before);
		put_addresses(writing, addresses, "");
		buf_append_char(writing->out, ';');
		writing->column++;
	}
}

static void put_bracketed(struct writing *writing, const json_t *list, const char *between)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		put_item(writing, arena_printf(writing->arena, "<%.*s>", SLICE_ARG(jmap_slice_of(json_array_get(list, i)))), i > 0 ? between : "");
}

static void put_text(struct writing *writing, struct slice text)
{
	buf_append_char(writing->out, ' ');
	buf_append(writing->out, header_encode(text, writing->column + 1, writing->arena));
}

/* As it was given, with right line ends. */
static void put_raw(struct writing *writing, struct slice raw)
{
	for (size_t i = 0; i < raw.len; i++) {
		if (raw.at[i] == '\n')
			buf_append_text(writing->out, "\r\n");
		else if (raw.at[i] != '\r')
			buf_append_char(writing->out, raw.at[i]);
	}
}

static void put_date(struct writing *writing, struct slice text)
{
	char date[DATE_TEXT_MAX];
	int64_t seconds = 0;
	jmap_date_read(text, &seconds);
	date_format_zone(seconds, jmap_date_zone_of(text), date);
	buf_printf(writing->out, " %s", date);
}

static void put_value(struct writing *writing, enum jmap_form form, const json_t *value)
{
	switch (form) {
	case JMAP_TEXT:
		put_text(writing, jmap_slice_of(value));
		break;
	case JMAP_ADDRESSES:
		put_addresses(writing, value, "");
		break;
	case JMAP_GROUPS:
		put_groups(writing, value);
		break;
	case JMAP_MESSAGE_IDS:
	case JMAP_URLS:
		put_bracketed(writing, value, form == JMAP_URLS ? "," : "");
		break;
	case JMAP_DATE:
		put_date(writing, jmap_slice_of(value));
		break;
	default:
		put_raw(writing, jmap_slice_of(value));
	}
}

static void put_field(struct buf *out, const struct jmap_header_property *property, const json_t *value, struct arena *arena)
{
	struct writing writing = {out, property->name.len + 1, arena};
	if (json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0))
		return; /* RFC 5322 has no empty lists */
	buf_append(out, property->name);
	buf_append_char(out, ':');
	put_value(&writing, property->form, value);
	buf_append_text(out, "\r\n");
}

void jmap_make_field(struct buf *out, const struct jmap_header_property *property, const json_t *value, struct arena *arena)
{
	if (!property->all)
		put_field(out, property, value, arena);
	for (size_t i = 0; property->all && i < json_array_size(value); i++)
		put_field(out, property, json_array_get(value, i), arena);
}

/* ---- parameters ---- */

static bool is_plain(struct slice value)
{
	return value.len < 60 && slice_is_printable(value) && slice_find(value, SLICE("=?")) == SLICE_NONE;
}

static bool is_attribute_char(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || (c != '\0' && strchr("!#$&+-.^_`{|}~", c));
}

/* RFC 2231 §3, §4: in pieces of a line each. */
static void put_extended(struct buf *out, const char *name, struct slice value)
{
	enum { PIECE = 50 };
	for (unsigned piece = 0; value.len > 0 || piece == 0; piece++) {
		buf_printf(out, ";\r\n\t%s*%u*=%s", name, piece, piece == 0 ? "utf-8''" : "");
		for (size_t used = 0; value.len > 0 && used < PIECE; value = slice_skip(value, 1)) {
			bool plain = is_attribute_char(value.at[0]);
			used += plain ? 1 : 3;
			plain ? buf_append_char(out, value.at[0]) : buf_printf(out, "%%%02X", (unsigned)(unsigned char)value.at[0]);
		}
	}
}

void jmap_make_parameter(struct buf *out, const char *name, struct slice value)
{
	if (!is_plain(value)) {
		put_extended(out, name, value);
		return;
	}
	buf_printf(out, ";\r\n\t%s=\"", name);
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] == '"' || value.at[i] == '\\')
			buf_append_char(out, '\\');
		buf_append_char(out, value.at[i]);
	}
	buf_append_char(out, '"');
}
