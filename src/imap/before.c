/* Reading commands of who hasn't signed in (RFC 3501 §9: login, authenticate and the like). From the left to the right, once. */
#include "imap/before.h"

#include "imap/frame.h"

const char *const imap_before_names[BEFORE_VERBS] = {
	[BEFORE_CAPABILITY] = "CAPABILITY", [BEFORE_NOOP] = "NOOP", [BEFORE_LOGOUT] = "LOGOUT", [BEFORE_ID] = "ID", [BEFORE_STARTTLS] = "STARTTLS",
	[BEFORE_LOGIN] = "LOGIN", [BEFORE_AUTHENTICATE] = "AUTHENTICATE",
};

struct reader {
	struct slice input;
	size_t next;           /* where the next line or a literal begins */
	struct slice line;     /* what is left of the line at hand, without its end */
	unsigned continued, literals; /* how often "+" was said; was due so far */
	struct imap_before *before;
};

enum outcome { READ, MORE, WAITS, WRONG };

static enum outcome wrong(struct reader *reader, const char *why)
{
	reader->before->error = why;
	return WRONG;
}

/* Takes the next line. */
static enum outcome read_line(struct reader *reader)
{
	struct slice rest = slice_skip(reader->input, reader->next);
	size_t end = slice_find_char(slice_sub(rest, 0, BEFORE_LINE_MAX), '\n');
	if (end == SLICE_NONE && rest.len < BEFORE_LINE_MAX)
		return MORE;
	if (end == SLICE_NONE) {
		reader->before->close = true;
		reader->next = reader->input.len;
		return wrong(reader, "The line is too long");
	}
	reader->line = slice_sub(rest, 0, end > 0 && rest.at[end - 1] == '\r' ? end - 1 : end);
	reader->next += end + 1;
	return READ;
}

static bool is_atom(char c)
{
	return (unsigned char)c > 0x20 && (unsigned char)c < 0x7f && !strchr("(){%*\"\\", c);
}

static struct slice take_atom(struct reader *reader)
{
	size_t len = 0;
	while (len < reader->line.len && is_atom(reader->line.at[len]))
		len++;
	struct slice atom = slice_sub(reader->line, 0, len);
	reader->line = slice_skip(reader->line, len);
	return atom;
}

static bool take_blanks(struct reader *reader)
{
	size_t len = 0;
	while (len < reader->line.len && reader->line.at[len] == ' ')
		len++;
	reader->line = slice_skip(reader->line, len);
	return len > 0;
}

static enum outcome read_blanks(struct reader *reader)
{
	bool blanks = take_blanks(reader);
	if (reader->line.len == 0)
		return wrong(reader, "An argument is missing");
	return blanks ? READ : wrong(reader, "A space is expected between arguments");
}

static enum outcome read_end(struct reader *reader)
{
	take_blanks(reader);
	return reader->line.len == 0 ? READ : wrong(reader, "Something follows the last argument");
}

/* ---- names and passwords ---- */

static enum outcome keep(struct reader *reader, size_t at, struct slice word)
{
	if (word.len > BEFORE_WORD_MAX)
		return wrong(reader, "A name or a password is too long");
	if (word.len > 0)
		memcpy(reader->before->words[at].at, word.at, word.len);
	reader->before->words[at].len = word.len;
	return READ;
}

/* Between quotes: no NUL, no line end; '\' before '"' and '\' only; UTF-8. */
static enum outcome read_quoted(struct reader *reader, size_t at)
{
	char *word = reader->before->words[at].at;
	size_t len = 0, i = 1;
	for (; i < reader->line.len && reader->line.at[i] != '"'; i++) {
		if (reader->line.at[i] == '\\' && (++i == reader->line.len || !strchr("\"\\", reader->line.at[i]) || reader->line.at[i] == '\0'))
			return wrong(reader, "A backslash in a quoted string must be followed by a quote or a backslash");
		if (reader->line.at[i] == '\0' || reader->line.at[i] == '\r')
			return wrong(reader, "A quoted string holds a byte that only a literal may hold");
		if (len == BEFORE_WORD_MAX)
			return wrong(reader, "A name or a password is too long");
		word[len++] = reader->line.at[i];
	}
	if (i >= reader->line.len)
		return wrong(reader, "A quoted string has no end");
	reader->before->words[at].len = len;
	reader->line = slice_skip(reader->line, i + 1);
	return slice_is_utf8(slice_make(word, len)) ? READ : wrong(reader, "A quoted string is not valid UTF-8");
}

/* "{5}" or "{5+}" at the end of the line, then as many bytes, and the line goes on. */
static enum outcome read_literal(struct reader *reader, size_t at)
{
	size_t marker_at;
	uint64_t size;
	bool synchronising;
	if (!imap_frame_literal_marker(reader->line, &marker_at, &size, &synchronising) || marker_at != 0)
		return wrong(reader, "A literal begins with {size} and a line end");
	if (size > BEFORE_WORD_MAX)
		return wrong(reader, "The literal is too long");
	if (synchronising && ++reader->literals > reader->continued)
		return WAITS;
	struct slice rest = slice_skip(reader->input, reader->next);
	if (rest.len < size)
		return MORE;
	struct slice word = slice_sub(rest, 0, (size_t)size);
	reader->next += (size_t)size;
	enum outcome outcome = read_line(reader);
	if (outcome != READ)
		return outcome;
	return slice_find_char(word, '\0') == SLICE_NONE ? keep(reader, at, word) : wrong(reader, "A literal must not hold NUL bytes");
}

static enum outcome read_word(struct reader *reader, size_t at)
{
	enum outcome outcome = read_blanks(reader);
	if (outcome != READ)
		return outcome;
	if (reader->line.at[0] == '"')
		return read_quoted(reader, at);
	if (reader->line.at[0] == '{')
		return read_literal(reader, at);
	struct slice atom = take_atom(reader);
	return atom.len > 0 ? keep(reader, at, atom) : wrong(reader, "A quoted string or a literal is expected");
}

/* ---- commands ---- */

static enum outcome read_login(struct reader *reader)
{
	for (size_t i = 0; i < BEFORE_WORDS; i++) {
		enum outcome outcome = read_word(reader, i);
		if (outcome != READ)
			return outcome;
	}
	return read_end(reader);
}

/* The initial response goes up to the end of the line (RFC 4959 §3). */
static enum outcome read_authenticate(struct reader *reader)
{
	struct imap_before *before = reader->before;
	enum outcome outcome = read_blanks(reader);
	if (outcome != READ)
		return outcome;
	before->mechanism = take_atom(reader);
	bool blanks = take_blanks(reader);
	if (before->mechanism.len == 0 || (reader->line.len > 0 && !blanks))
		return wrong(reader, "AUTHENTICATE takes a mechanism and an initial response in base64");
	if (reader->line.len > 0)
		before->initial = slice_trim(reader->line);
	return READ;
}

/* The name helps people to tell sessions apart; nothing else that a client says of itself is of use, or read. */
static struct slice find_client(struct slice line)
{
	struct slice field = SLICE("\"name\" \"");
	size_t at = slice_find_nocase(line, field);
	struct slice name = slice_skip(line, at == SLICE_NONE ? line.len : at + field.len);
	size_t end = slice_find_char(name, '"');
	return slice_sub(name, 0, end == SLICE_NONE ? 0 : end);
}

static enum outcome read_id(struct reader *reader)
{
	size_t marker_at;
	uint64_t size;
	bool synchronising;
	if (imap_frame_literal_marker(reader->line, &marker_at, &size, &synchronising))
		return wrong(reader, "Before signing in, literals are for LOGIN alone");
	reader->before->client = find_client(reader->line);
	return read_blanks(reader);
}

static enum outcome read_arguments(struct reader *reader)
{
	switch (reader->before->verb) {
	case BEFORE_LOGIN:
		return read_login(reader);
	case BEFORE_AUTHENTICATE:
		return read_authenticate(reader);
	case BEFORE_ID:
		return read_id(reader);
	default:
		return read_end(reader);
	}
}

static enum imap_before_verb find_verb(struct slice name)
{
	int verb = 0;
	while (verb < BEFORE_VERBS && !slice_equal_nocase(slice_of(imap_before_names[verb]), name))
		verb++;
	return (enum imap_before_verb)verb;
}

bool imap_before_knows(struct slice name)
{
	return find_verb(name) < BEFORE_VERBS;
}

static enum outcome read_command(struct reader *reader)
{
	enum outcome outcome = read_line(reader);
	if (outcome == MORE)
		return MORE;
	if (outcome == WRONG) /* of a line without an end the tag alone is of interest */
		reader->line = slice_sub(reader->input, 0, BEFORE_LINE_MAX);
	struct slice tag = take_atom(reader);
	if (tag.len > 0 && tag.len <= BEFORE_TAG_MAX && slice_find_char(tag, '+') == SLICE_NONE)
		reader->before->tag = tag;
	if (outcome == WRONG)
		return WRONG;
	if (tag.len > BEFORE_TAG_MAX || reader->before->tag.at != tag.at)
		return wrong(reader, tag.len > BEFORE_TAG_MAX ? "The tag is too long" : "A command begins with a tag");
	outcome = read_blanks(reader);
	if (outcome != READ)
		return outcome;
	reader->before->verb = find_verb(take_atom(reader));
	return reader->before->verb < BEFORE_VERBS ? read_arguments(reader) : wrong(reader, "Sign in first");
}

/* A client that doesn't wait for "+" sends data behind a line that was refused: it must not run as commands. */
static void end_wrong(struct reader *reader)
{
	size_t marker_at;
	uint64_t size;
	bool synchronising = true;
	if (imap_frame_literal_marker(reader->line, &marker_at, &size, &synchronising) && !synchronising)
		reader->before->close = true;
}

enum imap_before_found imap_before_read(struct slice input, unsigned continued, struct imap_before *before)
{
	struct reader reader = {.input = input, .continued = continued, .before = before};
	*before = (struct imap_before){.tag = SLICE("*")};
	enum outcome outcome = read_command(&reader);
	if (outcome == MORE || outcome == WAITS)
		return outcome == MORE ? BEFORE_INCOMPLETE : BEFORE_CONTINUE;
	if (outcome == WRONG)
		end_wrong(&reader);
	before->length = reader.next;
	return BEFORE_WHOLE;
}
