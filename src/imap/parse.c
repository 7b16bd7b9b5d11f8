/* The argument parser. Nothing here recurses; what nests (SEARCH) limits its depth itself. */
#include "imap/parse.h"

#include "message/date.h"
#include "message/utf7.h"
#include "store/store.h"

bool imap_parse_fail(struct imap_parser *parser, const char *why)
{
	if (!parser->error)
		parser->error = why;
	return false;
}

bool imap_is_atom_char(char c)
{
	return (unsigned char)c > 0x20 && (unsigned char)c < 0x7f && !strchr("(){%*\"\\]", c);
}

static bool is_astring_char(char c)
{
	return imap_is_atom_char(c) || c == ']';
}

static bool is_list_char(char c)
{
	return is_astring_char(c) || c == '%' || c == '*';
}

static bool is_tag_char(char c)
{
	return is_astring_char(c) && c != '+';
}

static bool take_while(struct imap_parser *parser, bool (*accepts)(char), struct slice *out)
{
	size_t len = 0;
	while (len < parser->rest.len && accepts(parser->rest.at[len]))
		len++;
	*out = slice_sub(parser->rest, 0, len);
	parser->rest = slice_skip(parser->rest, len);
	return len > 0;
}

bool imap_parse_optional_char(struct imap_parser *parser, char c)
{
	if (parser->rest.len == 0 || parser->rest.at[0] != c)
		return false;
	parser->rest = slice_skip(parser->rest, 1);
	return true;
}

bool imap_parse_char(struct imap_parser *parser, char c)
{
	if (imap_parse_optional_char(parser, c))
		return true;
	struct slice what = arena_printf(parser->arena, "'%c' expected", c);
	return imap_parse_fail(parser, what.at);
}

bool imap_parse_optional_word(struct imap_parser *parser, const char *word)
{
	struct slice wanted = slice_of(word);
	if (!slice_starts_nocase(parser->rest, wanted))
		return false;
	if (parser->rest.len > wanted.len && imap_is_atom_char(parser->rest.at[wanted.len]))
		return false;
	parser->rest = slice_skip(parser->rest, wanted.len);
	return true;
}

static bool take_blanks(struct imap_parser *parser)
{
	size_t len = parser->rest.len;
	while (imap_parse_optional_char(parser, ' '))
		;
	return parser->rest.len < len;
}

bool imap_parse_space(struct imap_parser *parser)
{
	bool blanks = take_blanks(parser);
	if (imap_parse_at_end(parser))
		return imap_parse_fail(parser, "An argument is missing");
	return blanks || imap_parse_fail(parser, "A space is expected between arguments");
}

bool imap_parse_open(struct imap_parser *parser)
{
	if (!imap_parse_char(parser, '('))
		return false;
	take_blanks(parser);
	return true;
}

bool imap_parse_close(struct imap_parser *parser)
{
	take_blanks(parser);
	return imap_parse_char(parser, ')');
}

bool imap_parse_more(struct imap_parser *parser)
{
	return take_blanks(parser) && !imap_parse_at_end(parser) && parser->rest.at[0] != ')';
}

bool imap_parse_at_end(const struct imap_parser *parser)
{
	return parser->rest.len == 0;
}

bool imap_parse_end(struct imap_parser *parser)
{
	take_blanks(parser);
	return imap_parse_at_end(parser) || imap_parse_fail(parser, "Something follows the last argument");
}

bool imap_parse_atom(struct imap_parser *parser, struct slice *out)
{
	return take_while(parser, imap_is_atom_char, out) || imap_parse_fail(parser, "An atom is expected");
}

bool imap_parse_tag(struct imap_parser *parser, struct slice *out)
{
	return take_while(parser, is_tag_char, out) || imap_parse_fail(parser, "A command begins with a tag");
}

/* Finds the end of what stands between quotes: TEXT-CHAR, with '\' before '"' and '\' only (RFC 3501: QUOTED-CHAR), and UTF-8,
 * which RFC 9051 allows and clients send. */
static bool find_quote(struct imap_parser *parser, struct slice rest, size_t *end, size_t *escapes)
{
	*escapes = 0;
	for (*end = 0; *end < rest.len && rest.at[*end] != '"'; ++*end) {
		char c = rest.at[*end];
		if (c == '\0' || c == '\r' || c == '\n')
			return imap_parse_fail(parser, "A quoted string holds a byte that only a literal may hold");
		if (c != '\\')
			continue;
		if (++*end == rest.len || (rest.at[*end] != '"' && rest.at[*end] != '\\'))
			return imap_parse_fail(parser, "A backslash in a quoted string must be followed by a quote or a backslash");
		++*escapes;
	}
	if (*end == rest.len)
		return imap_parse_fail(parser, "A quoted string has no end");
	return slice_is_utf8(slice_sub(rest, 0, *end)) || imap_parse_fail(parser, "A quoted string is not valid UTF-8");
}

/* Most hold no backslash, and point into the command; others take as much of the arena as they are long. */
static bool parse_quoted(struct imap_parser *parser, struct slice *out)
{
	struct slice rest = slice_skip(parser->rest, 1);
	size_t end, escapes, len = 0;
	if (!find_quote(parser, rest, &end, &escapes))
		return false;
	parser->rest = slice_skip(rest, end + 1);
	*out = slice_sub(rest, 0, end);
	if (escapes == 0)
		return true;
	char *text = arena_alloc(parser->arena, end - escapes);
	for (size_t i = 0; i < end; i++) {
		i += rest.at[i] == '\\';
		text[len++] = rest.at[i];
	}
	*out = slice_make(text, len);
	return true;
}

static bool parse_literal(struct imap_parser *parser, struct slice *out)
{
	uint64_t size = 0;
	size_t i = 1;
	for (; i < parser->rest.len && ascii_is_digit(parser->rest.at[i]) && size < UINT32_MAX; i++)
		size = size * 10 + (uint64_t)(parser->rest.at[i] - '0');
	if (i == 1)
		return imap_parse_fail(parser, "A literal needs its size");
	struct slice rest = slice_skip(parser->rest, i);
	if (slice_starts(rest, SLICE("+")))
		rest = slice_skip(rest, 1);
	if (slice_starts(rest, SLICE("}\r\n")))
		rest = slice_skip(rest, 3);
	else if (slice_starts(rest, SLICE("}\n")))
		rest = slice_skip(rest, 2);
	else
		return imap_parse_fail(parser, "A literal begins with {size} and a line end");
	if (rest.len < size)
		return imap_parse_fail(parser, "A literal is shorter than announced");
	*out = slice_sub(rest, 0, (size_t)size);
	if (slice_find_char(*out, '\0') != SLICE_NONE)
		return imap_parse_fail(parser, "A literal must not hold NUL bytes");
	parser->rest = slice_skip(rest, (size_t)size);
	return true;
}

bool imap_parse_string(struct imap_parser *parser, struct slice *out)
{
	if (slice_starts(parser->rest, SLICE("\"")))
		return parse_quoted(parser, out);
	if (slice_starts(parser->rest, SLICE("{")))
		return parse_literal(parser, out);
	return imap_parse_fail(parser, "A quoted string or a literal is expected");
}

bool imap_parse_astring(struct imap_parser *parser, struct slice *out)
{
	if (take_while(parser, is_astring_char, out))
		return true;
	return imap_parse_string(parser, out);
}

bool imap_parse_nstring(struct imap_parser *parser, struct slice *out)
{
	if (imap_parse_optional_word(parser, "NIL")) {
		*out = slice_make(NULL, 0);
		return true;
	}
	return imap_parse_string(parser, out);
}

/* The UTF-8 of a name. In modified UTF-7 every byte of 8-bit or control kind is wrong, so *valid covers those, too. */
static struct slice decode_name(struct imap_parser *parser, struct slice name, bool *valid)
{
	struct buf utf8 = BUF(name.len * 3);
	*valid = utf7_to_utf8(name, &utf8);
	struct slice out = *valid ? arena_copy(parser->arena, buf_slice(&utf8)) : slice_make("", 0);
	buf_free(&utf8);
	return out;
}

bool imap_parse_list_mailbox(struct imap_parser *parser, struct slice *utf8, bool *valid)
{
	struct slice name;
	if (!take_while(parser, is_list_char, &name) && !imap_parse_string(parser, &name))
		return false;
	*utf8 = decode_name(parser, name, valid);
	return true;
}

bool imap_parse_mailbox(struct imap_parser *parser, struct slice *utf8, bool *valid)
{
	struct slice name;
	if (!imap_parse_astring(parser, &name))
		return false;
	*utf8 = decode_name(parser, name, valid);
	struct slice inbox = SLICE("INBOX");
	if (slice_starts_nocase(*utf8, inbox) && (utf8->len == inbox.len || utf8->at[inbox.len] == '/'))
		*utf8 = arena_printf(parser->arena, "INBOX%.*s", SLICE_ARG(slice_skip(*utf8, inbox.len)));
	return true;
}

static bool is_digit(char c)
{
	return ascii_is_digit(c);
}

bool imap_parse_number(struct imap_parser *parser, uint64_t max, uint64_t *out)
{
	struct slice digits;
	if (!take_while(parser, is_digit, &digits))
		return imap_parse_fail(parser, "A number is expected");
	return slice_to_number(digits, max, out) || imap_parse_fail(parser, "A number is too large");
}

static bool is_set_char(char c)
{
	return ascii_is_digit(c) || c == '*' || c == ':' || c == ',';
}

bool imap_parse_set(struct imap_parser *parser, struct ranges *set)
{
	struct slice text;
	if (!take_while(parser, is_set_char, &text))
		return imap_parse_fail(parser, "A sequence set is expected");
	return imap_set_parse(text, parser->arena, set) ||
	       imap_parse_fail(parser, "A sequence set is made of numbers from 1 to 4294967295, \"*\", \":\" and \",\"");
}

bool imap_parse_date_time(struct imap_parser *parser, int64_t *seconds)
{
	struct slice text;
	if (!slice_starts(parser->rest, SLICE("\"")))
		return imap_parse_fail(parser, "A quoted date-time is expected");
	if (!parse_quoted(parser, &text))
		return false;
	return date_parse_imap(text, seconds) || imap_parse_fail(parser, "A date-time looks like \"22-Nov-2026 23:19:32 +0000\"");
}

bool imap_parse_date(struct imap_parser *parser, int64_t *day)
{
	struct slice text;
	bool quoted = slice_starts(parser->rest, SLICE("\""));
	if (quoted ? !parse_quoted(parser, &text) : !imap_parse_atom(parser, &text))
		return false;
	return date_parse_imap_day(text, day) || imap_parse_fail(parser, "A date looks like 1-Feb-2026");
}

static const struct {
	const char *name;
	unsigned flag;
} system_flags[] = {
	{"Seen", FLAG_SEEN}, {"Answered", FLAG_ANSWERED}, {"Flagged", FLAG_FLAGGED}, {"Deleted", FLAG_DELETED}, {"Draft", FLAG_DRAFT},
};

static bool parse_system_flag(struct imap_parser *parser, unsigned *flags)
{
	struct slice name;
	if (!imap_parse_atom(parser, &name))
		return false;
	for (size_t i = 0; i < sizeof system_flags / sizeof *system_flags; i++) {
		if (slice_equal_nocase(name, slice_of(system_flags[i].name))) {
			*flags |= system_flags[i].flag;
			return true;
		}
	}
	if (slice_equal_nocase(name, SLICE("Recent")))
		return imap_parse_fail(parser, "\\Recent can't be changed");
	return imap_parse_fail(parser, "Unknown system flag");
}

/* Flags separated by spaces, up to what is none. Keywords gather in one buffer, so it stays linear. */
static bool parse_flags(struct imap_parser *parser, struct imap_flags *flags)
{
	size_t end = slice_find_char(parser->rest, ')'), len = 0;
	char *keywords = arena_alloc(parser->arena, (end == SLICE_NONE ? parser->rest.len : end) + 1);
	do {
		struct slice name;
		if (imap_parse_optional_char(parser, '\\')) {
			if (!parse_system_flag(parser, &flags->system))
				return false;
			continue;
		}
		if (!imap_parse_atom(parser, &name))
			return imap_parse_fail(parser, "A flag is expected");
		if (len > 0)
			keywords[len++] = ' ';
		memcpy(keywords + len, name.at, name.len);
		len += name.len;
		flags->keyword_count++;
	} while (imap_parse_more(parser));
	flags->keywords = slice_make(keywords, len);
	return true;
}

bool imap_parse_flag_list(struct imap_parser *parser, struct imap_flags *flags)
{
	*flags = (struct imap_flags){0};
	if (!imap_parse_open(parser))
		return false;
	if (imap_parse_optional_char(parser, ')'))
		return true;
	return parse_flags(parser, flags) && imap_parse_close(parser);
}

bool imap_parse_store_flags(struct imap_parser *parser, struct imap_flags *flags)
{
	if (slice_starts(parser->rest, SLICE("(")))
		return imap_parse_flag_list(parser, flags);
	*flags = (struct imap_flags){0};
	return parse_flags(parser, flags);
}
