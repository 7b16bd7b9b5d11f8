/* The lines of a vCard as all kinds of programs write them: folded, with quoted-printable and charsets (vCard 2.1), with parameters without names. */
#include <string.h>

#include "contact/vcard.h"
#include "message/mime.h"

struct slice contact_lower(struct slice text, struct arena *arena)
{
	char *out = arena_alloc(arena, text.len + 1);
	for (size_t i = 0; i < text.len; i++)
		out[i] = ascii_lower(text.at[i]);
	return slice_make(out, text.len);
}

/* ---- Unfolding (RFC 6350 §3.2) ---- */

static struct slice take_line(struct slice *text)
{
	struct slice line;
	slice_cut(*text, '\n', &line, text);
	if (line.len > 0 && line.at[line.len - 1] == '\r')
		line.len--;
	return line;
}

static bool is_folded(struct slice text) { return text.len > 0 && (text.at[0] == ' ' || text.at[0] == '\t'); }

/* The whole of a line that may go on. */
static struct slice unfold(struct slice *text, struct arena *arena)
{
	struct slice line = take_line(text);
	if (!is_folded(*text))
		return line;
	struct buf whole = BUF(CONTACT_LINE_MAX);
	buf_append(&whole, line);
	while (is_folded(*text))
		buf_append(&whole, slice_skip(take_line(text), 1));
	line = arena_copy(arena, buf_slice(&whole)); /* what is too long is cut */
	buf_free(&whole);
	return line;
}

/* Without NULs, which JSON's strings don't take here. */
static struct slice drop_nuls(struct slice text, struct arena *arena)
{
	if (slice_find_char(text, '\0') == SLICE_NONE)
		return text;
	char *out = arena_alloc(arena, text.len);
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] != '\0')
			out[len++] = text.at[i];
	return slice_make(out, len);
}

/* ---- Parameters ---- */

/* Up to the ':' that ends the parameters; quoted strings hide it. */
static bool cut_head(struct slice line, struct slice *head, struct slice *value)
{
	bool quoted = false;
	for (size_t i = 0; i < line.len; i++) {
		quoted ^= line.at[i] == '"';
		if (line.at[i] == ':' && !quoted) {
			*head = slice_sub(line, 0, i);
			*value = slice_skip(line, i + 1);
			return true;
		}
	}
	return slice_cut(line, ':', head, value); /* a quote without its other end */
}

static struct slice cut_unquoted(struct slice *rest, char separator)
{
	bool quoted = false;
	struct slice all = *rest;
	for (size_t i = 0; i < all.len; i++) {
		quoted ^= all.at[i] == '"';
		if (all.at[i] == separator && !quoted) {
			*rest = slice_skip(all, i + 1);
			return slice_sub(all, 0, i);
		}
	}
	*rest = (struct slice){0};
	return all;
}

/* Without quotes and circumflexes (RFC 6868). */
static struct slice parameter_text(struct slice value, struct arena *arena)
{
	char *out = arena_alloc(arena, value.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i], next = i + 1 < value.len ? value.at[i + 1] : '\0';
		if (c == '"')
			continue;
		if (c == '^' && (next == 'n' || next == '\'' || next == '^')) {
			c = next == 'n' ? '\n' : next == '\'' ? '"' : '^';
			i++;
		}
		out[len++] = c;
	}
	return slice_make(out, len);
}

static void add_parameter(struct contact_line *line, struct slice name, struct slice value)
{
	if (line->parameter_count < CONTACT_PARAMETERS_MAX)
		line->parameters[line->parameter_count++] = (struct contact_parameter){name, value};
}

/* vCard 2.1 leaves names out. */
static struct slice name_of_bare(struct slice value)
{
	static const char encodings[] = "quoted-printable base64 8bit 7bit b";
	return slice_has_word_nocase(slice_of(encodings), value) ? SLICE("encoding") : SLICE("type");
}

static void read_parameter(struct contact_line *line, struct slice text, struct arena *arena)
{
	struct slice name, values;
	if (!slice_cut(text, '=', &name, &values)) {
		if (text.len > 0)
			add_parameter(line, name_of_bare(text), arena_copy(arena, text));
		return;
	}
	name = contact_lower(slice_trim(name), arena);
	bool types = slice_equal(name, SLICE("type"));
	do {
		struct slice value = parameter_text(cut_unquoted(&values, ','), arena), one = value;
		while (types && slice_cut(value, ',', &one, &value)) /* several of them, in one pair of quotes */
			add_parameter(line, name, one);
		add_parameter(line, name, types ? one : value);
	} while (values.len > 0);
}

static void read_head(struct contact_line *line, struct slice head, struct arena *arena)
{
	struct slice rest = head, name = slice_trim(cut_unquoted(&rest, ';'));
	size_t dot = slice_find_last_char(name, '.');
	line->parameters = arena_array(arena, CONTACT_PARAMETERS_MAX, sizeof *line->parameters);
	if (dot != SLICE_NONE) {
		line->group = slice_sub(name, 0, dot);
		name = slice_skip(name, dot + 1);
	}
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_alpha(name.at[i]) && !ascii_is_digit(name.at[i]) && name.at[i] != '-' && name.at[i] != '_')
			return; /* it is no line */
	line->name = contact_lower(name, arena);
	while (rest.len > 0)
		read_parameter(line, cut_unquoted(&rest, ';'), arena);
}

struct slice contact_line_parameter(const struct contact_line *line, const char *name)
{
	for (size_t i = 0; i < line->parameter_count; i++)
		if (slice_equal(line->parameters[i].name, slice_of(name)))
			return line->parameters[i].value;
	return (struct slice){0};
}

/* ---- Encodings and charsets ---- */

/* Old phones end a line with '=' and go on in the next, which isn't folded. */
static struct slice join_soft(struct slice value, struct slice *text, struct arena *arena)
{
	struct buf whole = BUF(CONTACT_LINE_MAX);
	buf_append(&whole, value);
	while (whole.len > 0 && whole.at[whole.len - 1] == '=' && text->len > 0) {
		whole.len--;
		buf_append(&whole, take_line(text));
		if (whole.overflow)
			break;
	}
	struct slice joined = arena_copy(arena, buf_slice(&whole));
	buf_free(&whole);
	return joined;
}

/* … and write base64 in lines that aren't folded, either. */
static struct slice join_base64(struct slice value, struct slice *text, struct arena *arena)
{
	struct buf whole = BUF(CONTACT_LINE_MAX);
	for (size_t i = 0; i < value.len; i++)
		if (!ascii_is_space(value.at[i]))
			buf_append_char(&whole, value.at[i]);
	for (struct slice next = *text, line; next.len > 0;) {
		line = slice_trim(take_line(&next));
		if (line.len == 0 || slice_find_char(line, ':') != SLICE_NONE)
			break;
		buf_append(&whole, line);
		*text = next;
	}
	struct slice joined = arena_copy(arena, buf_slice(&whole));
	buf_free(&whole);
	return joined;
}

static struct slice to_utf8(struct slice value, struct slice charset, struct arena *arena)
{
	if (charset.len == 0 && slice_is_utf8(value))
		return value;
	struct buf text = BUF(CONTACT_LINE_MAX);
	charset_to_utf8(charset.len > 0 ? charset : SLICE("windows-1252"), value, &text);
	value = arena_copy(arena, buf_slice(&text));
	buf_free(&text);
	return value;
}

static struct slice decode_quoted(struct slice value, struct arena *arena)
{
	struct buf decoded = BUF(CONTACT_LINE_MAX);
	mime_decode(SLICE("quoted-printable"), value, &decoded);
	value = arena_copy(arena, buf_slice(&decoded));
	buf_free(&decoded);
	return value;
}

/* How the value was encoded says nothing any more. */
static void drop_decoded(struct contact_line *line)
{
	size_t kept = 0;
	for (size_t i = 0; i < line->parameter_count; i++) {
		struct slice name = line->parameters[i].name;
		if (!slice_equal(name, SLICE("charset")) && (line->base64 || !slice_equal(name, SLICE("encoding"))))
			line->parameters[kept++] = line->parameters[i];
	}
	line->parameter_count = kept;
}

static void read_value(struct contact_line *line, struct slice value, struct slice *text, struct arena *arena)
{
	struct slice encoding = contact_line_parameter(line, "encoding"), charset = contact_line_parameter(line, "charset");
	line->base64 = slice_equal_nocase(encoding, SLICE("b")) || slice_equal_nocase(encoding, SLICE("base64"));
	if (line->base64)
		value = join_base64(value, text, arena);
	if (slice_equal_nocase(encoding, SLICE("quoted-printable")))
		value = decode_quoted(join_soft(value, text, arena), arena);
	line->value = drop_nuls(to_utf8(value, charset, arena), arena);
	drop_decoded(line);
}

bool contact_line_next(struct slice *text, bool plain, struct arena *arena, struct contact_line *line)
{
	struct slice whole = {0}, head, value;
	while (text->len > 0 && slice_trim(whole).len == 0)
		whole = unfold(text, arena);
	*line = (struct contact_line){.plain = plain};
	if (slice_trim(whole).len == 0)
		return false;
	if (!cut_head(whole, &head, &value))
		return true;
	head = drop_nuls(head, arena);
	read_head(line, head, arena);
	if (!slice_is_utf8(head))
		line->name = (struct slice){0};
	if (line->name.len > 0)
		read_value(line, value, text, arena);
	return true;
}

/* ---- Values ---- */

struct slice contact_line_text(const struct contact_line *line, struct slice value, struct arena *arena)
{
	char *out = arena_alloc(arena, value.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i], next = i + 1 < value.len ? value.at[i + 1] : '\0';
		bool escaped = c == '\\' && (next == ';' || next == ',' || next == '\\' || next == ':' || (!line->plain && (next == 'n' || next == 'N')));
		if (escaped) {
			c = next == 'n' || next == 'N' ? '\n' : next;
			i++;
		}
		if (c != '\r')
			out[len++] = c;
	}
	return slice_make(out, len);
}

struct slice contact_line_cut(struct slice *rest, char separator, bool *more)
{
	struct slice all = *rest;
	for (size_t i = 0; i < all.len; i++) {
		if (all.at[i] == '\\')
			i++;
		else if (all.at[i] == separator) {
			*rest = slice_skip(all, i + 1);
			*more = true;
			return slice_sub(all, 0, i);
		}
	}
	*rest = (struct slice){0};
	*more = false;
	return all;
}
