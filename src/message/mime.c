/* The tree of parts, in one pass over the message's lines. Never fails; what is broken is read as people would:
 *
 * - A line is a delimiter only if it is exactly "--boundary" or "--boundary--", with blanks behind it at most: so a boundary
 *   may be the beginning of another one. (Where the boundary itself ends in blanks, which can't be told from padding, blanks
 *   may stand before the last dashes, too.) The innermost open multipart is asked first; a delimiter of an outer one closes
 *   what is open inside.
 * - A header ends at its empty line, or before the first line that is none of a header's (header.h).
 * - A multipart without a boundary, or without a single delimiter, is plain text. One too deep, or a message/rfc822 too deep
 *   or with a transfer encoding, is kept whole as application/octet-stream. When MIME_PARTS_MAX parts were found, the last
 *   one takes all the rest: nothing of a message is outside of its parts.
 * - Of several Content-Type fields, or boundary parameters, the first counts. Everybody in Pombal sees parts through this
 *   file, so all see the same. */
#include "message/mime.h"

#include "base/array.h"
#include "message/header.h"
#include "message/parameter.h"
#include "message/scan.h"
#include "message/text.h"

enum { MIME_ADDRESSES_MAX = 2000, MIME_TEXT_MAX = 8 * 1024, TYPE_MAX = 127 };

/* An open multipart's boundary. */
struct boundary {
	struct slice text; /* without the leading "--", and without the blanks that it ends in */
	bool padded;       /* it ends in some */
	const struct boundary *outer;
};

/* Reading: everything before `at` has been seen. When a delimiter stopped it, `found` says whose (NULL: the end of the
 * message), `closing` which kind, and `delimiter_at` where its line starts; `at` is behind that line. */
struct reader {
	struct slice message;
	size_t at, delimiter_at;
	uint64_t lines; /* line ends before `at` */
	uint64_t lines_at_delimiter;
	const struct boundary *innermost, *found;
	bool closing;
	size_t parts, depth;
	struct arena *arena;
};

static void read_entity(struct reader *reader, struct mime_part *part, bool in_digest, bool with_envelope);

/* ---- Lines and delimiters ---- */

static struct slice delimiter_text(struct slice line)
{
	while (line.len > 0 && ascii_is_space(line.at[line.len - 1]))
		line.len--;
	return slice_skip(line, 2);
}

/* Is what stands behind the boundary's text in its line nothing, or what makes it the last delimiter? */
static bool ends_delimiter(const struct boundary *boundary, struct slice rest, bool *closing)
{
	*closing = rest.len > 0;
	return rest.len == 0 || slice_equal(boundary->padded ? slice_trim(rest) : rest, SLICE("--"));
}

/* Is the line, which starts with "--", a delimiter of an open multipart? */
static bool match_delimiter(struct reader *reader, struct slice line)
{
	struct slice text = delimiter_text(line);
	for (const struct boundary *boundary = reader->innermost; boundary; boundary = boundary->outer) {
		if (!slice_starts(text, boundary->text) || !ends_delimiter(boundary, slice_skip(text, boundary->text.len), &reader->closing))
			continue;
		reader->found = boundary;
		return true;
	}
	return false;
}

/* Takes the line at reader->at; false if there is none, or if it is a delimiter. */
static bool next_line(struct reader *reader, struct slice *line)
{
	*line = slice_skip(reader->message, reader->at);
	if (line->len == 0) {
		reader->found = NULL;
		reader->delimiter_at = reader->at;
		reader->lines_at_delimiter = reader->lines;
		return false;
	}
	const char *end = memchr(line->at, '\n', line->len);
	if (end)
		line->len = (size_t)(end - line->at) + 1;
	size_t start = reader->at;
	uint64_t lines = reader->lines;
	reader->at += line->len;
	reader->lines += end != NULL;
	bool dashes = line->len > 2 && line->at[0] == '-' && line->at[1] == '-';
	if (!dashes || reader->parts >= MIME_PARTS_MAX || !match_delimiter(reader, *line))
		return true;
	reader->delimiter_at = start;
	reader->lines_at_delimiter = lines;
	return false;
}

/* Reads on to the next delimiter or the end. */
static void skip_body(struct reader *reader)
{
	struct slice line;
	while (next_line(reader, &line))
		;
}

/* Gives the line that starts at `start` back. */
static void back_to(struct reader *reader, size_t start, struct slice line)
{
	reader->at = start;
	reader->lines -= line.at[line.len - 1] == '\n';
}

/* Reads header lines including the empty one, if it is there. False if a delimiter or the end came first. */
static bool read_header(struct reader *reader, struct slice *header)
{
	struct slice line;
	size_t start = reader->at, end = start;
	bool ended = false, more = true;
	while (!ended && (more = next_line(reader, &line))) {
		enum header_line kind = header_line(line, end == start);
		if (kind == HEADER_NONE)
			back_to(reader, end, line);
		end = reader->at;
		ended = kind == HEADER_EMPTY || kind == HEADER_NONE;
	}
	*header = slice_sub(reader->message, start, end - start);
	return more;
}

/* ---- Fields ---- */

/* Takes a token (RFC 2045 §5.1) off *rest, lower-cased in the arena. */
static struct slice take_token(struct slice *rest, struct arena *arena)
{
	*rest = header_scan_skip(*rest);
	size_t len = 0;
	while (len < rest->len && rest->at[len] > ' ' && rest->at[len] < 0x7f && !strchr("/;()<>@,:\\\"[]?=", rest->at[len]))
		len++;
	struct slice token = text_lower_ascii(slice_sub(*rest, 0, len <= TYPE_MAX ? len : 0), arena);
	*rest = slice_skip(*rest, len);
	return token;
}

/* What isn't "type/subtype" is text/plain (RFC 2045 §5.2). */
static void take_type(struct mime_part *part, struct slice body, struct arena *arena)
{
	struct slice type = take_token(&body, arena), subtype = {NULL, 0};
	body = header_scan_skip(body);
	if (slice_starts(body, SLICE("/"))) {
		body = slice_skip(body, 1);
		subtype = take_token(&body, arena);
	}
	bool valid = type.len > 0 && subtype.len > 0;
	part->type = valid ? type : SLICE("text");
	part->subtype = valid ? subtype : SLICE("plain");
	parameter_parse(body, arena, &part->parameters, &part->parameter_count);
}

static void take_disposition(struct mime_part *part, struct slice body, struct arena *arena)
{
	struct slice rest = body;
	part->disposition = take_token(&rest, arena);
	if (slice_starts(header_scan_skip(rest), SLICE("="))) /* "filename=…" alone: the type was forgotten */
		part->disposition = SLICE("attachment");
	else
		body = rest;
	parameter_parse(body, arena, &part->disposition_parameters, &part->disposition_parameter_count);
}

static void take_text(struct slice *text, struct slice body, struct arena *arena)
{
	if (text->at == NULL)
		*text = header_unfold(slice_sub(slice_trim(body), 0, MIME_TEXT_MAX), arena);
}

/* Language tags without comments and what else isn't theirs, with one blank after each comma (RFC 3282 §2). */
static void take_language(struct slice *language, struct slice body, struct arena *arena)
{
	struct slice rest = slice_sub(slice_trim(body), 0, MIME_TEXT_MAX);
	if (language->at != NULL)
		return;
	char *out = arena_alloc(arena, 2 * rest.len + 1);
	size_t len = 0;
	while (rest.len > 0) {
		struct slice tag = take_token(&rest, arena);
		if (tag.len > 0 && len > 0)
			out[len++] = ',', out[len++] = ' ';
		for (size_t i = 0; i < tag.len; i++)
			out[len++] = tag.at[i];
		rest = slice_skip(rest, tag.len == 0);
	}
	*language = slice_make(out, len);
}

/* The URI without comments, quotes and folds (RFC 2557 §4.4.1 drops the white space that folding brought). */
static void take_location(struct slice *location, struct slice body, struct arena *arena)
{
	struct slice rest = slice_sub(slice_trim(body), 0, MIME_TEXT_MAX);
	if (location->at != NULL)
		return;
	char *out = arena_alloc(arena, rest.len + 1);
	size_t len = 0, end = 0;
	for (rest = header_scan_skip(rest); rest.len > 0; rest = header_scan_skip(slice_skip(rest, end))) {
		bool quoted = rest.at[0] == '"' && (end = header_scan_quoted(rest, 0)) != SLICE_NONE;
		if (quoted) {
			len += header_scan_unescape(slice_sub(rest, 1, end - 2), out + len);
			continue;
		}
		for (end = 0; end < rest.len && !ascii_is_space(rest.at[end]) && (end == 0 || rest.at[end] != '"'); end++)
			out[len++] = header_scan_clean(rest.at[end]);
	}
	*location = slice_make(out, len);
}

static void take_field(struct mime_part *part, const struct header_field *field, struct arena *arena)
{
	struct slice name = slice_skip(field->name, sizeof "Content-" - 1);
	if (slice_equal_nocase(name, SLICE("Type")) && part->type.at == NULL)
		take_type(part, field->body, arena);
	else if (slice_equal_nocase(name, SLICE("Transfer-Encoding")) && part->encoding.at == NULL) {
		struct slice body = field->body;
		part->encoding = take_token(&body, arena);
	} else if (slice_equal_nocase(name, SLICE("Disposition")) && part->disposition.at == NULL)
		take_disposition(part, field->body, arena);
	else if (slice_equal_nocase(name, SLICE("ID")))
		take_text(&part->id, field->body, arena);
	else if (slice_equal_nocase(name, SLICE("Description")))
		take_text(&part->description, field->body, arena);
	else if (slice_equal_nocase(name, SLICE("Language")))
		take_language(&part->language, field->body, arena);
	else if (slice_equal_nocase(name, SLICE("Location")))
		take_location(&part->location, field->body, arena);
	else if (slice_equal_nocase(name, SLICE("MD5")))
		take_text(&part->md5, field->body, arena);
}

static void take_fields(struct mime_part *part, struct slice header, bool in_digest, struct arena *arena)
{
	struct header_field field;
	while (header_next(&header, &field))
		if (slice_starts_nocase(field.name, SLICE("Content-")))
			take_field(part, &field, arena);
	if (part->type.at == NULL) { /* RFC 2046 §5.1.5 for the digest */
		part->type = in_digest ? SLICE("message") : SLICE("text");
		part->subtype = in_digest ? SLICE("rfc822") : SLICE("plain");
	}
	if (part->encoding.len == 0)
		part->encoding = SLICE("7bit");
}

/* ---- Bodies ---- */

static bool is_type(const struct mime_part *part, struct slice type, struct slice subtype)
{
	return slice_equal(part->type, type) && (subtype.len == 0 || slice_equal(part->subtype, subtype));
}

static bool is_multipart(const struct mime_part *part)
{
	return is_type(part, SLICE("multipart"), SLICE(""));
}

static bool is_message(const struct mime_part *part)
{
	return is_type(part, SLICE("message"), SLICE("rfc822")) || is_type(part, SLICE("message"), SLICE("global"));
}

/* A message inside that has nothing but a header: the line end that belongs to the delimiter isn't the header's. */
static void cut_header(struct mime_part *inner, uint64_t end)
{
	if (inner->body_at <= end)
		return;
	inner->header_size = end - inner->header_at;
	inner->body_at = end;
}

/* The body ends before the line end that belongs to the delimiter (RFC 2046 §5.1.1). */
static void end_body(struct reader *reader, struct mime_part *part, uint64_t lines_before)
{
	size_t start = (size_t)part->body_at, end = reader->delimiter_at;
	uint64_t lines = reader->lines_at_delimiter - lines_before;
	if (reader->found && end > start && reader->message.at[end - 1] == '\n') {
		end -= end - 1 > start && reader->message.at[end - 2] == '\r' ? 2 : 1;
		lines--;
	}
	/* A last line without an end isn't counted: nobody else does. */
	part->body_size = end > start ? end - start : 0;
	part->body_lines = lines < UINT32_MAX ? (uint32_t)lines : UINT32_MAX;
	if (is_message(part) && part->child_count == 1)
		cut_header(part->children, part->body_at + part->body_size);
}

/* A multipart or a message in which nothing was found, or nothing is looked for, gets a type that promises nothing. */
static void make_leaf(struct mime_part *part, bool opaque)
{
	part->type = opaque ? SLICE("application") : SLICE("text");
	part->subtype = opaque ? SLICE("octet-stream") : SLICE("plain");
}

static void read_multipart(struct reader *reader, struct mime_part *part, const struct boundary *of_part)
{
	struct boundary boundary = *of_part;
	bool digest = slice_equal(part->subtype, SLICE("digest"));
	size_t room = 0;
	reader->innermost = &boundary;
	skip_body(reader); /* the preamble */
	while (reader->found == &boundary && !reader->closing) {
		struct mime_part child = {0};
		read_entity(reader, &child, digest, false);
		ARENA_GROW(reader->arena, part->children, part->child_count, room);
		part->children[part->child_count++] = child;
	}
	reader->innermost = boundary.outer;
	if (reader->found == &boundary)
		skip_body(reader); /* the epilogue */
	if (part->child_count == 0)
		make_leaf(part, false);
}

static void read_inner_message(struct reader *reader, struct mime_part *part)
{
	part->children = arena_alloc(reader->arena, sizeof *part->children);
	part->child_count = 1;
	read_entity(reader, part->children, false, true);
}

static bool is_identity(struct slice encoding)
{
	return !slice_equal(encoding, SLICE("base64")) && !slice_equal(encoding, SLICE("quoted-printable"));
}

/* The boundary without the blanks at its end; `outer` as it is now. */
static struct boundary boundary_of(const struct mime_part *part, const struct boundary *outer)
{
	struct slice text = parameter_get(part->parameters, part->parameter_count, SLICE("boundary"));
	size_t len = text.len;
	while (len > 0 && text.at[len - 1] == ' ')
		len--;
	return (struct boundary){slice_sub(text, 0, len), len < text.len, outer};
}

/* How the body is to be read depends on the type; afterwards the reader stands at a delimiter or the end. */
static void read_body(struct reader *reader, struct mime_part *part)
{
	bool composite = is_multipart(part) || is_message(part);
	bool room = reader->depth < MIME_DEPTH_MAX && reader->parts < MIME_PARTS_MAX;
	struct boundary boundary = boundary_of(part, reader->innermost);
	if (composite && room && is_message(part) && is_identity(part->encoding)) {
		read_inner_message(reader, part);
	} else if (composite && room && is_multipart(part) && boundary.text.len > 0) {
		read_multipart(reader, part, &boundary);
	} else {
		if (composite)
			make_leaf(part, !room || is_message(part));
		skip_body(reader);
	}
}

static void read_entity(struct reader *reader, struct mime_part *part, bool in_digest, bool with_envelope)
{
	struct slice header;
	reader->parts++;
	reader->depth++;
	part->header_at = reader->at;
	bool has_body = read_header(reader, &header);
	part->header_size = header.len;
	part->body_at = part->header_at + part->header_size;
	take_fields(part, header, in_digest, reader->arena);
	if (with_envelope)
		part->envelope = envelope_parse(header, MIME_ADDRESSES_MAX, reader->arena);
	uint64_t lines = reader->lines;
	if (has_body) {
		read_body(reader, part);
		end_body(reader, part, lines);
	} else if (is_multipart(part) || is_message(part)) {
		make_leaf(part, is_message(part));
	}
	reader->depth--;
}

struct mime_part *mime_parse(struct slice message, struct arena *arena)
{
	struct mime_part *root = arena_alloc(arena, sizeof *root);
	struct reader reader = {.message = message, .arena = arena};
	read_entity(&reader, root, false, true);
	return root;
}

/* Numbers count the parts of a multipart; the only part of anything else is 1 (RFC 3501 §6.4.5). Inside a message/rfc822
 * they go on with the message inside. */
const struct mime_part *mime_find(const struct mime_part *root, const uint32_t *numbers, size_t count)
{
	const struct mime_part *part = root;
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && !is_multipart(part)) {
			if (part->child_count == 0)
				return NULL;
			part = part->children;
		}
		size_t parts = is_multipart(part) ? part->child_count : 1;
		if (numbers[i] == 0 || numbers[i] > parts)
			return NULL;
		if (is_multipart(part))
			part = &part->children[numbers[i] - 1];
	}
	return part;
}
