/* Header fields written anew; see field.h. Each kind of field has its own form for what isn't ASCII: the text of a subject, the names of
 * people, the parameters of a part. */
#include "message/field.h"

#include "base/buf.h"
#include "message/downgrade.h"
#include "message/parameter.h"

enum {
	NAME_LONG = 80,         /* behind a longer name a new line begins */
	NAME_MAX_WRITTEN = 900, /* a name can't be folded */
	TOKEN_MAX = 800,        /* neither can an address or a quoted value */
	ADDRESSES_WRITTEN = 20000,
	PARAMETER_LINE = 60,    /* characters of a value in one line of its own */
	GROWTH = 20,            /* of a text by encoding and folding, at most */
};

/* Can it be sent as it is? */
static bool is_sendable(struct slice lines, bool eight_bit_ok)
{
	struct message_facts facts = {0};
	struct slice line;
	while (lines.len > 0) {
		bool ended = slice_cut(lines, '\n', &line, &lines);
		message_examine_line(line, ended, &facts);
	}
	return !message_needs_downgrade(&facts, eight_bit_ok);
}

static bool is_one_of(struct slice name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_equal_nocase(name, slice_of(names[i])))
			return true;
	return false;
}
#define IS_ONE_OF(name, ...) is_one_of(name, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* "Name: ", or "Name:" and a fold. Returns the column. */
static size_t begin(const struct header_field *field, struct buf *out)
{
	buf_append(out, field->name);
	buf_append_text(out, field->name.len > NAME_LONG ? ":\r\n " : ": ");
	return field->name.len > NAME_LONG ? 1 : field->name.len + 2;
}

/* ---- Addresses ---- */

/* The address in ASCII; empty if it has no such form. */
static struct slice ascii_address(const struct address *address, struct arena *arena)
{
	struct slice domain = domain_is_literal(address->domain) ? address->domain : domain_to_ascii(address->domain, arena);
	if (!slice_is_ascii(address->local) || domain.len == 0 || address->local.len > ADDRESS_LOCAL_MAX)
		return slice_make(NULL, 0);
	return arena_printf(arena, "%.*s@%.*s", SLICE_ARG(address_quote(address->local, arena)), SLICE_ARG(domain));
}

static void put_phrase(struct buf *out, struct slice name, struct arena *arena)
{
	buf_append(out, header_encode_phrase(header_decode(name, arena), 1, arena));
}

static void put_mailbox(struct buf *out, const struct address *address, struct arena *arena)
{
	struct slice ascii = ascii_address(address, arena);
	if (ascii.len == 0) {
		struct slice text = address->domain.len == 0 ? address->local
			: arena_printf(arena, "%.*s %.*s@%.*s", SLICE_ARG(address->name), SLICE_ARG(address->local), SLICE_ARG(address->domain));
		put_phrase(out, slice_trim(text), arena);
		buf_append_text(out, ":;");
		return;
	}
	if (address->name.len > 0) {
		put_phrase(out, address->name, arena);
		buf_append_text(out, "\r\n ");
	}
	buf_printf(out, "<%.*s>", SLICE_ARG(ascii));
}

static bool write_addresses(const struct header_field *field, struct arena *arena, struct buf *out)
{
	struct address *list;
	size_t count;
	bool first = true, in_group = false;
	address_parse_list(field->body, ADDRESSES_WRITTEN, arena, &list, &count);
	if (count == 0)
		return false;
	buf_printf(out, "%.*s: ", SLICE_ARG(field->name));
	for (size_t i = 0; i < count; i++) {
		bool starts = list[i].kind == ADDRESS_GROUP_START, ends = list[i].kind == ADDRESS_GROUP_END;
		if (!first && !ends)
			buf_append_text(out, ",\r\n ");
		if (starts) {
			put_phrase(out, list[i].local, arena);
			buf_append_text(out, ":\r\n ");
		} else if (ends)
			buf_append_char(out, ';');
		else if (in_group && ascii_address(&list[i], arena).len == 0)
			put_phrase(out, list[i].local, arena); /* a group in a group isn't allowed */
		else
			put_mailbox(out, &list[i], arena);
		in_group = starts || (in_group && !ends);
		first = starts;
	}
	return true;
}

/* ---- Parameters ---- */

static bool is_quotable(struct slice value)
{
	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.at[i] < ' ' || (unsigned char)value.at[i] > '~')
			return false;
	return value.len <= TOKEN_MAX;
}

static void put_quoted(struct buf *out, struct slice value, bool eight_bit_ok)
{
	buf_append_char(out, '"');
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] == '"' || value.at[i] == '\\')
			buf_append_char(out, '\\');
		buf_append_char(out, field_byte(value.at[i], eight_bit_ok));
	}
	buf_append_char(out, '"');
}

/* One piece of an extended value (RFC 2231 §4), of whole bytes. Returns how many. */
static size_t put_percent(struct buf *out, struct slice value)
{
	size_t before = out->len, i = 0;
	for (; i < value.len && out->len - before < PARAMETER_LINE; i++) {
		char c = value.at[i];
		if (ascii_is_alpha(c) || ascii_is_digit(c) || c == '.' || c == '-' || c == '_')
			buf_append_char(out, c);
		else
			buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
	}
	return i;
}

static void put_extended(struct buf *out, const struct parameter *parameter)
{
	struct slice rest = parameter->value;
	unsigned piece = 0;
	do {
		buf_printf(out, ";\r\n %.*s*%u*=%s", SLICE_ARG(parameter->name), piece, piece == 0 ? "utf-8''" : "");
		rest = slice_skip(rest, put_percent(out, rest));
		piece++;
	} while (rest.len > 0);
}

static void write_parameters(const struct header_field *field, bool eight_bit_ok, struct arena *arena, struct buf *out)
{
	struct parameter *list;
	struct slice value, rest;
	size_t count;
	slice_cut(field->body, ';', &value, &rest);
	value = slice_sub(header_unfold(value, arena), 0, TOKEN_MAX);
	parameter_parse(slice_skip(field->body, slice_find_char(field->body, ';')), arena, &list, &count);
	buf_printf(out, "%.*s: ", SLICE_ARG(field->name));
	for (size_t i = 0; i < value.len; i++)
		buf_append_char(out, field_byte(value.at[i], false));
	for (size_t i = 0; i < count; i++) {
		bool boundary = slice_equal(list[i].name, SLICE("boundary")) && list[i].value.len <= TOKEN_MAX;
		if (!slice_is_ascii(list[i].name) || list[i].name.len > NAME_LONG)
			continue;
		if (boundary || is_quotable(list[i].value)) {
			buf_printf(out, ";\r\n %.*s=", SLICE_ARG(list[i].name));
			put_quoted(out, list[i].value, eight_bit_ok);
		} else
			put_extended(out, &list[i]);
	}
}

/* A boundary may be other than ASCII and written in ASCII, where the delimiters aren't. */
static bool has_extended_boundary(const struct header_field *field)
{
	return slice_equal_nocase(field->name, SLICE("Content-Type")) && slice_find_nocase(field->body, SLICE("boundary*")) != SLICE_NONE;
}

/* ---- Anything else ---- */

/* Where a line of `text` that begins in `column` is to end: before a blank, if there is one. */
static size_t line_length(struct slice text, size_t column)
{
	size_t room = MESSAGE_LINE_MAX - column;
	if (text.len <= room)
		return text.len;
	size_t blank = slice_find_last_char(slice_sub(text, 0, room + 1), ' ');
	return blank != SLICE_NONE && blank > 0 ? blank : room;
}

/* Runs of blanks become one, so that no line is of blanks alone. */
static struct slice single_blanks(struct slice text, struct arena *arena)
{
	char *out = arena_alloc(arena, text.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		bool blank = text.at[i] == ' ' || text.at[i] == '\t';
		if (!blank || (len > 0 && out[len - 1] != ' '))
			out[len++] = blank ? ' ' : text.at[i];
	}
	return slice_trim(slice_make(out, len));
}

/* ASCII that only has to be folded: at a blank, or wherever a line is full. */
static void put_folded(struct slice text, size_t column, struct buf *out)
{
	for (;;) {
		size_t len = line_length(text, column);
		buf_append(out, slice_sub(text, 0, len));
		text = slice_skip(text, len);
		if (text.len == 0)
			return;
		buf_append_text(out, "\r\n ");
		text = slice_skip(text, text.at[0] == ' ');
		column = 1;
	}
}

static void write_text(const struct header_field *field, struct arena *arena, struct buf *out)
{
	struct slice text = header_unfold(field->body, arena);
	bool encode = !slice_is_ascii(text) || IS_ONE_OF(field->name, "Subject", "Comments", "Content-Description");
	text = encode ? header_decode(text, arena) : text;
	text = single_blanks(text, arena);
	if (text.len == 0) {
		buf_printf(out, "%.*s:", SLICE_ARG(field->name));
		return;
	}
	size_t column = begin(field, out);
	if (encode)
		buf_append(out, header_encode(text, column, arena));
	else
		put_folded(text, column, out);
}

struct slice header_field_write(const struct header_field *field, bool eight_bit_ok, struct arena *arena)
{
	if (is_sendable(field->whole, eight_bit_ok) && !has_extended_boundary(field))
		return field->whole;
	if (field->name.len == 0 || field->name.len > NAME_MAX_WRITTEN)
		return slice_make(NULL, 0);
	struct buf out = BUF((field->whole.len + 100) * GROWTH);
	if (IS_ONE_OF(field->name, "Content-Type", "Content-Disposition"))
		write_parameters(field, eight_bit_ok, arena, &out);
	else if (!IS_ONE_OF(field->name, "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Bcc",
			    "Resent-Reply-To") || !write_addresses(field, arena, &out))
		write_text(field, arena, &out);
	buf_append_text(&out, "\r\n");
	struct slice written = out.overflow ? slice_make(NULL, 0) : arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return written;
}
