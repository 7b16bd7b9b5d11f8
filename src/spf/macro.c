/* Macros in domain-specs and explanations (RFC 7208 §7). Syntax is checked apart from expanding, so that a record is judged before anything
 * of it is evaluated. What comes out is bounded: of a name its end counts, and an explanation that gets too long is none. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "spf/internal.h"

enum {
	PART_MAX = 128,                   /* "%{d128}" is the most that can mean anything (RFC 7208 §7.3) */
	EXPANDED_MAX = 64 * 1024,         /* of a name, before it is cut: what would pass it can't be asked for */
	NIBBLES_TEXT = 2 * 32,
};

/* A "%{…}". */
struct macro {
	char letter; /* lower-case */
	bool escape; /* it was upper-case: the value is URL-encoded */
	bool reverse;
	unsigned parts; /* 0: all */
	struct slice delimiters;
};

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

/* How many parts are kept; zero is an error. */
static bool read_parts(struct slice text, size_t *at, struct macro *macro)
{
	size_t from = *at;
	for (; *at < text.len && ascii_is_digit(text.at[*at]); ++*at)
		if (macro->parts < PART_MAX)
			macro->parts = macro->parts * 10 + (unsigned)(text.at[*at] - '0');
	return *at == from || macro->parts > 0;
}

/* Length of the "%{…}" at the start of `text`; 0: it isn't one. */
static size_t read_macro(struct slice text, bool explanation, struct macro *macro)
{
	*macro = (struct macro){0};
	if (text.len < 4 || text.at[1] != '{')
		return 0;
	macro->letter = ascii_lower(text.at[2]);
	macro->escape = text.at[2] != macro->letter;
	size_t at = 3;
	if (!is_one_of(macro->letter, explanation ? "slodipvhcrt" : "slodipvh") || !read_parts(text, &at, macro))
		return 0;
	macro->reverse = at < text.len && ascii_lower(text.at[at]) == 'r';
	at += macro->reverse;
	size_t from = at;
	while (at < text.len && is_one_of(text.at[at], ".-+,/_="))
		at++;
	macro->delimiters = slice_sub(text, from, at - from);
	return at < text.len && text.at[at] == '}' ? at + 1 : 0;
}

/* Length of the piece at the start of `text`, a byte or a macro; 0: it is neither. *macro: its letter is '\0' but for a "%{…}". */
static size_t read_piece(struct slice text, bool explanation, struct macro *macro)
{
	*macro = (struct macro){0};
	if (text.at[0] == '%')
		return text.len > 1 && is_one_of(text.at[1], "%_-") ? 2 : read_macro(text, explanation, macro);
	return (text.at[0] > ' ' && text.at[0] < 0x7f) || (explanation && text.at[0] == ' ');
}

/* `last`: where the last piece begins. */
static bool is_sound(struct slice text, bool explanation, size_t *last)
{
	struct macro macro;
	size_t len = 1;
	for (size_t at = 0; at < text.len && len > 0; at += len) {
		len = read_piece(slice_skip(text, at), explanation, &macro);
		*last = at;
	}
	return len > 0;
}

bool spf_macro_is_string(struct slice text, bool explanation)
{
	size_t last;
	return is_sound(text, explanation, &last);
}

/* Letters, digits and hyphens, not at the ends, and not digits alone. */
static bool is_toplabel(struct slice label)
{
	bool more_than_digits = false;
	for (size_t i = 0; i < label.len; i++) {
		if (!ascii_is_alpha(label.at[i]) && !ascii_is_digit(label.at[i]) && label.at[i] != '-')
			return false;
		more_than_digits |= !ascii_is_digit(label.at[i]);
	}
	return more_than_digits && label.at[0] != '-' && label.at[label.len - 1] != '-';
}

bool spf_macro_is_domain(struct slice text)
{
	size_t last = 0;
	if (text.len == 0 || !is_sound(text, false, &last))
		return false;
	if (text.at[last] == '%')
		return true;
	struct slice name = text.at[text.len - 1] == '.' ? slice_sub(text, 0, text.len - 1) : text;
	size_t dot = slice_find_last_char(name, '.');
	return dot != SLICE_NONE && is_toplabel(slice_skip(name, dot + 1));
}

static bool has_letter(struct slice text, const char *letters)
{
	struct macro macro;
	size_t len;
	for (; text.len > 0; text = slice_skip(text, len ? len : text.len)) {
		len = read_piece(text, true, &macro);
		if (macro.letter && is_one_of(macro.letter, letters))
			return true;
	}
	return false;
}

bool spf_macro_needs_name(struct slice text)
{
	return has_letter(text, "p");
}

bool spf_macro_needs_local(struct slice text)
{
	return has_letter(text, "sl");
}

/* ---- Expanding ---- */

static struct slice text_of_client(struct slice client, struct arena *arena)
{
	char text[INET6_ADDRSTRLEN];
	inet_ntop(client.len == 4 ? AF_INET : AF_INET6, client.at, text, sizeof text);
	return arena_copy(arena, slice_of(text));
}

/* IPv6 as nibbles between dots (RFC 7208 §7.3). */
static struct slice parts_of_client(struct slice client, struct arena *arena)
{
	char text[NIBBLES_TEXT];
	if (client.len == 4)
		return text_of_client(client, arena);
	for (size_t i = 0; i < NIBBLES_TEXT; i += 2) {
		unsigned byte = (unsigned char)client.at[i / 4];
		text[i] = "0123456789ABCDEF"[i % 4 ? byte & 15 : byte >> 4];
		text[i + 1] = '.';
	}
	return arena_copy(arena, slice_make(text, sizeof text - 1));
}

static struct slice value_of(char letter, const struct spf_values *values, struct arena *arena)
{
	switch (letter) {
	case 's': return arena_printf(arena, "%.*s@%.*s", SLICE_ARG(values->local), SLICE_ARG(values->sender_domain));
	case 'l': return values->local;
	case 'o': return values->sender_domain;
	case 'd': return values->domain;
	case 'i': return parts_of_client(values->client, arena);
	case 'p': return values->name;
	case 'v': return values->client.len == 4 ? SLICE("in-addr") : SLICE("ip6");
	case 'h': return values->helo;
	case 'c': return text_of_client(values->client, arena);
	case 'r': return values->receiver.len > 0 ? values->receiver : SLICE("unknown");
	default: return arena_printf(arena, "%lld", (long long)values->now);
	}
}

static bool append_escaped(struct buf *out, struct slice text, bool escape)
{
	bool good = true;
	for (size_t i = 0; good && escape && i < text.len; i++) {
		char c = text.at[i];
		good = ascii_is_alpha(c) || ascii_is_digit(c) || is_one_of(c, "-._~") ? buf_append_char(out, c) : buf_printf(out, "%%%02X", (unsigned char)c);
	}
	return escape ? good : buf_append(out, text);
}

static bool is_delimiter(const struct macro *macro, char c)
{
	return macro->delimiters.len > 0 ? slice_find_char(macro->delimiters, c) != SLICE_NONE : c == '.';
}

/* Takes the first part off *rest, or the last one. False: there was no other. */
static bool take_part(struct slice *rest, const struct macro *macro, struct slice *part)
{
	size_t len = 0;
	while (len < rest->len && !is_delimiter(macro, rest->at[macro->reverse ? rest->len - 1 - len : len]))
		len++;
	bool more = len < rest->len;
	size_t left = more ? rest->len - len - 1 : 0;
	*part = macro->reverse ? slice_skip(*rest, rest->len - len) : slice_sub(*rest, 0, len);
	*rest = macro->reverse ? slice_sub(*rest, 0, left) : slice_skip(*rest, rest->len - left);
	return more;
}

/* Splits, reverses, and keeps the last parts, joined with dots (RFC 7208 §7.3). */
static bool append_parts(struct buf *out, const struct macro *macro, struct slice value)
{
	struct slice part, rest = value;
	size_t count = 1;
	while (take_part(&rest, macro, &part))
		count++;
	size_t skipped = macro->parts > 0 && macro->parts < count ? count - macro->parts : 0;
	bool good = true;
	rest = value;
	for (size_t number = 0; good && number < count; number++) {
		take_part(&rest, macro, &part);
		if (number >= skipped)
			good = (number == skipped || buf_append_char(out, '.')) && append_escaped(out, part, macro->escape);
	}
	return good;
}

static bool append_piece(struct buf *out, struct slice piece, const struct macro *macro, const struct spf_values *values, struct arena *arena)
{
	if (macro->letter == '\0')
		return piece.at[0] != '%' ? buf_append(out, piece) : buf_append_text(out, piece.at[1] == '%' ? "%" : piece.at[1] == '_' ? " " : "%20");
	struct slice value = value_of(macro->letter, values, arena);
	if (macro->reverse || macro->parts > 0 || macro->delimiters.len > 0)
		return append_parts(out, macro, value);
	return append_escaped(out, value, macro->escape);
}

static bool append_expanded(struct buf *out, struct slice text, bool explanation, const struct spf_values *values, struct arena *arena)
{
	struct macro macro;
	size_t len = 1;
	bool good = true;
	for (; good && text.len > 0; text = slice_skip(text, len)) {
		len = read_piece(text, explanation, &macro);
		good = len > 0 && append_piece(out, slice_sub(text, 0, len), &macro, values, arena);
	}
	return good;
}

/* Removes labels at the left until the name can be asked for. */
static struct slice shorten(struct slice name)
{
	while (name.len > LOOKUP_NAME_MAX) {
		size_t dot = slice_find_char(name, '.');
		name = dot == SLICE_NONE ? slice_sub(name, 0, 0) : slice_skip(name, dot + 1);
	}
	return name;
}

struct slice spf_macro_expand_domain(struct slice text, const struct spf_values *values, struct arena *arena)
{
	struct buf out = BUF(EXPANDED_MAX);
	struct slice name = slice_make(NULL, 0);
	if (append_expanded(&out, text, false, values, arena)) {
		name = buf_slice(&out);
		if (name.len > 0 && name.at[name.len - 1] == '.')
			name.len--;
		name = arena_copy(arena, shorten(name));
	}
	buf_free(&out);
	return name;
}

struct slice spf_macro_expand_text(struct slice text, const struct spf_values *values, struct arena *arena)
{
	struct buf out = BUF(SPF_EXPLANATION_MAX);
	bool good = append_expanded(&out, text, true, values, arena) && slice_is_ascii(buf_slice(&out));
	for (size_t i = 0; good && i < out.len; i++)
		good = out.at[i] >= ' ' && out.at[i] < 0x7f;
	struct slice copy = good ? arena_copy(arena, buf_slice(&out)) : slice_make(NULL, 0);
	buf_free(&out);
	return copy;
}
