/* A message written anew in the form that every server takes; see downgrade.h. It is read as a tree of parts (mime.c) and written in
 * one pass: headers field by field (field.c), bodies in what encoding they need, and what stands between the parts, delimiters
 * and texts that nobody is shown, as it is but for what can't be sent. */
#include "message/downgrade.h"

#include "base/buf.h"
#include "message/encode.h"
#include "message/field.h"
#include "message/header.h"
#include "message/mime.h"

struct writer {
	struct slice message;
	bool eight_bit_ok;
	struct mime_output output;
	struct arena *arena; /* for a header at a time */
	uint64_t at;         /* all before it is written, or needn't be */
};

/* How a part is written. */
struct plan {
	enum method { AS_IT_IS, QUOTED_PRINTABLE, BASE64, QUOTED_AGAIN, BASE64_AGAIN, REPLACED } method;
	const char *encoding; /* to be declared; NULL: as it is */
	bool retype;          /* its type is declared as what it was read as */
	const char *charset;  /* of a text whose type isn't declared; NULL: leave it so */
};

static struct slice body_of(const struct writer *writer, const struct mime_part *part)
{
	return slice_sub(writer->message, (size_t)part->body_at, (size_t)part->body_size);
}

static bool is_type(const struct mime_part *part, const char *type, const char *subtype)
{
	return slice_equal(part->type, slice_of(type)) && (!subtype || slice_equal(part->subtype, slice_of(subtype)));
}

/* A message/global may be encoded as a whole (RFC 6532 §3.7), which keeps what is in it. */
static bool is_composite(const struct mime_part *part)
{
	return part->child_count > 0 && !is_type(part, "message", "global");
}

/* ---- What is to be done ---- */

static void look_at(struct slice body, struct message_facts *facts)
{
	struct slice rest = body, line;
	*facts = (struct message_facts){0};
	while (rest.len > 0) {
		bool ended = slice_cut(rest, '\n', &line, &rest);
		message_examine_line(line, ended, facts);
	}
}

/* Is quoted-printable longer than base64? */
static bool is_mostly_binary(struct slice body)
{
	size_t quoted = 0;
	for (size_t i = 0; i < body.len; i++)
		quoted += (unsigned char)body.at[i] > '~' || body.at[i] == '=' || ((unsigned char)body.at[i] < ' ' && !ascii_is_space(body.at[i]));
	return 2 * quoted > body.len / 3;
}

static bool is_identity(const struct mime_part *part)
{
	return slice_equal(part->encoding, SLICE("7bit")) || slice_equal(part->encoding, SLICE("8bit")) || slice_equal(part->encoding, SLICE("binary"));
}

static void plan_encoding(const struct writer *writer, const struct mime_part *part, struct plan *plan)
{
	bool text = is_type(part, "text", NULL) || is_type(part, "message", NULL);
	if (slice_equal(part->encoding, SLICE("base64")))
		plan->method = BASE64_AGAIN;
	else if (slice_equal(part->encoding, SLICE("quoted-printable")))
		plan->method = QUOTED_AGAIN;
	else if (!is_identity(part)) /* x-uuencode and the like: another encoding on top of it nobody would undo */
		plan->method = REPLACED;
	else
		plan->method = text && !is_mostly_binary(body_of(writer, part)) ? QUOTED_PRINTABLE : BASE64;
	if (plan->method == QUOTED_PRINTABLE || plan->method == BASE64)
		plan->encoding = plan->method == BASE64 ? "base64" : "quoted-printable";
}

/* The type that the header declares. */
static struct slice declared_type(const struct writer *writer, const struct mime_part *part)
{
	struct header_field field;
	struct slice header = slice_sub(writer->message, (size_t)part->header_at, (size_t)part->header_size);
	return header_find(header, SLICE("Content-Type"), &field) ? slice_trim(field.body) : slice_make(NULL, 0);
}

/* A multipart without parts, or a message too deep, was read as something else, and can be encoded only as that. */
static bool is_declared_composite(struct slice type)
{
	return slice_starts_nocase(type, SLICE("multipart")) || slice_starts_nocase(type, SLICE("message/rfc822"));
}

static void plan_leaf(const struct writer *writer, const struct mime_part *part, struct plan *plan)
{
	struct slice body = body_of(writer, part), type = declared_type(writer, part);
	struct message_facts facts;
	look_at(body, &facts);
	bool eight_bit = slice_equal(part->encoding, SLICE("8bit")) || slice_equal(part->encoding, SLICE("binary"));
	if (message_needs_downgrade(&facts, writer->eight_bit_ok)) {
		plan_encoding(writer, part, plan);
		plan->retype = is_declared_composite(type);
		if (!type.at && facts.eight_bit && is_identity(part) && is_type(part, "text", "plain"))
			plan->charset = slice_is_utf8(body) ? "utf-8" : "unknown-8bit"; /* RFC 1428 §3 */
	} else if (eight_bit && !writer->eight_bit_ok) {
		plan->encoding = "7bit";
	}
}

static struct plan plan_part(const struct writer *writer, const struct mime_part *part)
{
	struct plan plan = {AS_IT_IS, NULL, false, NULL};
	bool seven = slice_equal(part->encoding, SLICE("7bit")), eight = slice_equal(part->encoding, SLICE("8bit"));
	if (!is_composite(part))
		plan_leaf(writer, part, &plan);
	else if (!seven && !(eight && writer->eight_bit_ok))
		plan.encoding = writer->eight_bit_ok ? "8bit" : "7bit";
	return plan;
}

/* ---- Writing ---- */

static void put(struct writer *writer, struct slice bytes)
{
	mime_output_put(&writer->output, bytes);
}

/* What nothing is known of, up to `end`: what stands between parts, bodies in unknown encodings: a line that is too long goes on behind a blank, so that it is no delimiter; a byte that
 * can't be sent is a "?", in a boundary, too (field.c). */
static void put_replaced(struct writer *writer, uint64_t end)
{
	struct slice rest = slice_sub(writer->message, (size_t)writer->at, end > writer->at ? (size_t)(end - writer->at) : 0);
	size_t column = 0;
	for (size_t i = 0; i < rest.len; i++) {
		char c = rest.at[i];
		bool pair = c == '\r' && i + 1 < rest.len && rest.at[i + 1] == '\n';
		if (c == '\n' || c == '\r') {
			put(writer, SLICE("\r\n"));
			column = 0;
			i += pair;
			continue;
		}
		if (column == MESSAGE_LINE_MAX) {
			put(writer, SLICE("\r\n "));
			column = 1;
		}
		mime_output_put_char(&writer->output, c == '\0' ? '?' : field_byte(c, writer->eight_bit_ok));
		column++;
	}
	writer->at = end > writer->at ? end : writer->at;
}

static void put_encoding(struct writer *writer, const struct plan *plan, bool *declared)
{
	if (!*declared)
		put(writer, arena_printf(writer->arena, "Content-Transfer-Encoding: %s\r\n", plan->encoding));
	*declared = true;
}

static void put_type(struct writer *writer, const struct mime_part *part, bool *declared)
{
	if (!*declared)
		put(writer, arena_printf(writer->arena, "Content-Type: %.*s/%.*s\r\n", SLICE_ARG(part->type), SLICE_ARG(part->subtype)));
	*declared = true;
}

/* What the header lacks for what the body has become. */
static void put_missing(struct writer *writer, const struct mime_part *part, const struct plan *plan, bool encoding_declared, bool versioned)
{
	if (plan->charset)
		put(writer, arena_printf(writer->arena, "Content-Type: text/plain; charset=%s\r\n", plan->charset));
	if (plan->encoding)
		put_encoding(writer, plan, &encoding_declared);
	if (part->envelope && !versioned && (plan->encoding || plan->charset))
		put(writer, SLICE("MIME-Version: 1.0\r\n"));
}

static void write_header(struct writer *writer, const struct mime_part *part, const struct plan *plan)
{
	struct slice header = slice_sub(writer->message, (size_t)part->header_at, (size_t)part->header_size), rest = header;
	struct header_field field;
	bool encoding_declared = false, type_declared = false, versioned = false;
	while (header_next(&rest, &field)) {
		versioned |= slice_equal_nocase(field.name, SLICE("MIME-Version"));
		if (plan->encoding && slice_equal_nocase(field.name, SLICE("Content-Transfer-Encoding")))
			put_encoding(writer, plan, &encoding_declared);
		else if (plan->retype && slice_equal_nocase(field.name, SLICE("Content-Type")))
			put_type(writer, part, &type_declared);
		else
			put(writer, header_field_write(&field, writer->eight_bit_ok, writer->arena));
	}
	put_missing(writer, part, plan, encoding_declared, versioned);
	if (header_is_ended(header, header.len) || part->body_size > 0)
		put(writer, SLICE("\r\n"));
	arena_reset(writer->arena);
	writer->at = part->body_at;
}

static void write_body(struct writer *writer, const struct mime_part *part, enum method method)
{
	struct slice body = body_of(writer, part);
	bool text = is_type(part, "text", NULL) || is_type(part, "message", NULL);
	switch (method) {
	case AS_IT_IS:
		put(writer, body);
		break;
	case QUOTED_PRINTABLE:
	case QUOTED_AGAIN:
		mime_encode_quoted_printable(&writer->output, body, method == QUOTED_AGAIN);
		break;
	case BASE64:
		mime_encode_base64(&writer->output, body, text);
		break;
	case BASE64_AGAIN:
		mime_encode_base64_again(&writer->output, body);
		break;
	case REPLACED:
		put_replaced(writer, part->body_at + part->body_size);
		break;
	}
	writer->at = part->body_at + part->body_size;
	if ((method == BASE64 || method == BASE64_AGAIN) && writer->at == writer->message.len)
		put(writer, SLICE("\r\n"));
}

static void write_part(struct writer *writer, const struct mime_part *part)
{
	struct plan plan = plan_part(writer, part);
	write_header(writer, part, &plan);
	if (!is_composite(part)) {
		write_body(writer, part, plan.method);
		return;
	}
	for (size_t i = 0; i < part->child_count; i++) {
		put_replaced(writer, part->children[i].header_at);
		write_part(writer, &part->children[i]);
	}
	put_replaced(writer, part->body_at + part->body_size);
}

bool message_downgrade(struct slice message, bool eight_bit_ok, message_sink *sink, void *context)
{
	struct arena *tree = arena_new();
	struct writer writer = {.message = message, .eight_bit_ok = eight_bit_ok, .output = {.sink = sink, .context = context}, .arena = arena_new()};
	write_part(&writer, mime_parse(message, tree));
	bool done = mime_output_flush(&writer.output);
	arena_free(&writer.arena);
	arena_free(&tree);
	return done;
}
