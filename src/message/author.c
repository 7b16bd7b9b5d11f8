/* Who a message says it is from, read by the letter. The lenient parser (address_list.c) finds an address in whatever was written;
 * here somebody could be named whom another program would find in the same bytes, so only what can be read in one way passes. */
#include "message/address.h"

#include "base/buf.h"
#include "message/header.h"
#include "message/scan.h"
#include "message/text.h"

enum { AUTHORS_BODY_MAX = 64 * 1024 }; /* nobody signs at such length */

enum token { TOKEN_END, TOKEN_ATOM, TOKEN_QUOTED, TOKEN_ENCODED, TOKEN_SPECIAL, TOKEN_BAD };

struct parser {
	struct slice rest;
	struct arena *arena;
	struct slice comment; /* the last one seen */
	bool plain, broken;   /* broken: a comment that doesn't end */
};

static bool is_atext(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || (unsigned char)c >= 0x80 || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static void skip_blanks(struct parser *parser)
{
	while (parser->rest.len > 0) {
		size_t end = 1;
		if (parser->rest.at[0] == '(') {
			end = header_scan_comment(parser->rest, 0);
			parser->broken |= end == SLICE_NONE;
			if (parser->broken)
				return;
			parser->comment = slice_sub(parser->rest, 1, end - 2);
			parser->plain = false;
		} else if (!ascii_is_space(parser->rest.at[0]))
			return;
		parser->rest = slice_skip(parser->rest, end);
	}
}

static size_t atom_length(struct slice s)
{
	size_t len = 0;
	while (len < s.len && is_atext(s.at[len]))
		len++;
	return len;
}

/* Length and kind of the token at the start of `s`, which is no blank. */
static enum token look_at(struct slice s, size_t *len)
{
	size_t encoded = s.at[0] == '=' ? header_scan_encoded_word(s, 0) : SLICE_NONE;
	*len = encoded != SLICE_NONE ? encoded : atom_length(s);
	if (*len > 0)
		return encoded != SLICE_NONE ? TOKEN_ENCODED : TOKEN_ATOM;
	*len = 1;
	if (s.at[0] == '"') {
		*len = header_scan_quoted(s, 0);
		return *len == SLICE_NONE ? TOKEN_BAD : TOKEN_QUOTED;
	}
	return s.at[0] != '\0' && strchr("<>@,.[", s.at[0]) ? TOKEN_SPECIAL : TOKEN_BAD;
}

static enum token next_token(struct parser *parser, struct slice *token)
{
	size_t len = 0;
	skip_blanks(parser);
	*token = slice_sub(parser->rest, 0, 0);
	if (parser->broken)
		return TOKEN_BAD;
	if (parser->rest.len == 0)
		return TOKEN_END;
	enum token kind = look_at(parser->rest, &len);
	if (kind == TOKEN_BAD)
		return kind;
	*token = slice_sub(parser->rest, 0, len);
	parser->rest = slice_skip(parser->rest, len);
	/* Punctuation in an encoded word is taken for punctuation by those who look for it first. */
	if (kind == TOKEN_ENCODED && (atom_length(*token) < len || !slice_is_ascii(*token)))
		parser->plain = false;
	if (kind == TOKEN_QUOTED && (slice_find_char(*token, '\n') != SLICE_NONE || slice_find_char(*token, '\r') != SLICE_NONE))
		parser->plain = false;
	return kind;
}

static bool is_special(enum token kind, struct slice token, char c)
{
	return kind == TOKEN_SPECIAL && token.at[0] == c;
}

/* Takes the phrase at the start: its words with single blanks between them, quotes undone. Leaves the parser before what isn't a
 * phrase's. */
static struct slice take_phrase(struct parser *parser)
{
	char *out = arena_alloc(parser->arena, parser->rest.len + 1);
	size_t len = 0;
	for (;;) {
		struct parser before = *parser;
		struct slice token;
		enum token kind = next_token(parser, &token);
		bool dot = is_special(kind, token, '.');
		if (kind != TOKEN_ATOM && kind != TOKEN_QUOTED && kind != TOKEN_ENCODED && !dot) {
			*parser = before;
			return slice_make(out, len);
		}
		if (len > 0 && token.at > before.rest.at)
			out[len++] = ' ';
		if (kind == TOKEN_QUOTED)
			len += header_scan_unescape(slice_sub(token, 1, token.len - 2), out + len);
		else {
			memcpy(out + len, token.at, token.len);
			len += token.len;
		}
	}
}

/* Takes atoms and dots, with nothing between two atoms but dots; the dots may stand anywhere. */
static bool take_dotted(struct parser *parser, struct buf *out)
{
	bool after_atom = false;
	for (;;) {
		struct parser before = *parser;
		struct slice token;
		enum token kind = next_token(parser, &token);
		bool dot = is_special(kind, token, '.');
		if (!dot && (kind != TOKEN_ATOM || after_atom)) {
			*parser = before;
			return kind != TOKEN_ATOM && kind != TOKEN_ENCODED && kind != TOKEN_QUOTED;
		}
		buf_append(out, token);
		after_atom = !dot;
	}
}

static bool take_local(struct parser *parser, struct buf *out)
{
	struct parser before = *parser;
	struct slice token;
	if (next_token(parser, &token) == TOKEN_QUOTED)
		return buf_append(out, token);
	*parser = before;
	return take_dotted(parser, out);
}

static bool take_domain(struct parser *parser, struct buf *out)
{
	struct parser before = *parser;
	struct slice token;
	if (!is_special(next_token(parser, &token), token, '[')) {
		*parser = before;
		return take_dotted(parser, out);
	}
	size_t end = slice_find_char(parser->rest, ']');
	if (end == SLICE_NONE)
		return false;
	buf_append_char(out, '[');
	buf_append(out, slice_sub(parser->rest, 0, end + 1));
	parser->rest = slice_skip(parser->rest, end + 1);
	return true;
}

/* local@domain; what it is written like beside that is looked at for whether it is plain. */
static bool take_spec(struct parser *parser, struct address *address)
{
	struct buf text = BUF(4 * ADDRESS_MAX);
	struct slice token, found, quoted_local;
	skip_blanks(parser);
	const char *start = parser->rest.at;
	bool done = take_local(parser, &text) && is_special(next_token(parser, &token), token, '@') && buf_append_char(&text, '@') &&
		    take_domain(parser, &text) && address_parse(buf_slice(&text), true, parser->arena, &found, NULL);
	buf_free(&text);
	if (!done)
		return false;
	if (!slice_equal(found, slice_make(start, (size_t)(parser->rest.at - start))))
		parser->plain = false;
	address_split(found, &quoted_local, &address->domain);
	address->local = quoted_local;
	return true;
}

/* After a mailbox: a comma, or the end. */
static bool take_end(struct parser *parser)
{
	struct slice token;
	enum token kind = next_token(parser, &token);
	return kind == TOKEN_END || is_special(kind, token, ',');
}

/* One mailbox with what ends it. */
static bool take_mailbox(struct parser *parser, struct address *address)
{
	struct parser start = *parser;
	struct slice token;
	*address = (struct address){.kind = ADDRESS_MAILBOX};
	parser->comment = slice_make(NULL, 0);
	address->name = take_phrase(parser);
	if (is_special(next_token(parser, &token), token, '<')) {
		if (!take_spec(parser, address) || !is_special(next_token(parser, &token), token, '>') || !take_end(parser))
			return false;
	} else {
		bool plain = start.plain;
		*parser = start;
		parser->plain = plain;
		address->name = slice_make(NULL, 0);
		if (!take_spec(parser, address) || !take_end(parser))
			return false;
	}
	if (address->name.len == 0 && parser->comment.len > 0) {
		char *out = arena_alloc(parser->arena, parser->comment.len + 1);
		address->name = slice_trim(slice_make(out, header_scan_unescape(parser->comment, out)));
	}
	return true;
}

/* An empty place in the list. */
static bool take_comma(struct parser *parser)
{
	skip_blanks(parser);
	if (!slice_starts(parser->rest, SLICE(",")))
		return false;
	parser->rest = slice_skip(parser->rest, 1);
	parser->plain = false;
	return true;
}

/* No line of it may be blank: some end the header there. Control characters, C1 and the line separators of Unicode among them, are
 * left out by some and end lines for others. */
static bool is_clean(struct slice body, struct arena *arena, bool *plain)
{
	struct slice line, rest = body;
	for (bool more = true, first = true; more; first = false) {
		more = slice_cut(rest, '\n', &line, &rest);
		*plain &= first || (!more && line.len == 0) || slice_trim(line).len > 0;
	}
	struct slice text = header_unfold(body, arena);
	char *copy = arena_text(arena, text);
	for (size_t i = 0; i < text.len; i++)
		copy[i] = copy[i] == '\t' ? ' ' : copy[i];
	*plain &= slice_is_utf8(text);
	return slice_find_char(body, '\0') == SLICE_NONE && !text_has_controls(slice_make(copy, text.len));
}

bool address_parse_authors(struct slice body, size_t max, struct arena *arena, struct address **list, size_t *count, bool *plain)
{
	struct parser parser = {.rest = body, .arena = arena, .plain = true};
	*list = arena_array(arena, max, sizeof **list);
	*count = 0;
	if (body.len > AUTHORS_BODY_MAX || !is_clean(body, arena, &parser.plain))
		return false;
	for (;;) {
		if (take_comma(&parser))
			continue;
		if (parser.broken)
			return false;
		*plain = parser.plain;
		if (parser.rest.len == 0)
			return true;
		if (*count == max || !take_mailbox(&parser, &(*list)[*count]))
			return false;
		++*count;
	}
}

struct slice address_write_list(const struct address *list, size_t count, size_t column, struct arena *arena)
{
	struct slice text = SLICE("");
	for (size_t i = 0; i < count; i++) {
		struct slice name = header_decode(list[i].name, arena);
		struct slice phrase = name.len > 0 ? header_encode_phrase(name, i == 0 ? column : 1, arena) : name;
		text = arena_printf(arena, "%.*s%s%.*s%s<%.*s@%.*s>", SLICE_ARG(text), i > 0 ? ",\r\n " : "", SLICE_ARG(phrase), phrase.len > 0 ? " " : "",
				    SLICE_ARG(list[i].local), SLICE_ARG(list[i].domain));
	}
	return text;
}
