/* A message that came as BODY=BINARYMIME (RFC 3030 §3): its parts in the encoding "binary" may hold any bytes, lone CR, LF and NUL
 * among them. We keep messages as lines, which is what IMAP, POP3 and nearly every other server can take; so such parts are
 * turned into base64 here, as §3 of the RFC lets a gateway do, and the message is an ordinary one from then on. Bytes
 * that aren't lines anywhere else (in a header, in a part that doesn't declare them) refuse the message. */
#include "smtp/session.h"

#include "base/base64.h"
#include "message/header.h"
#include "message/mime.h"
#include "smtp/parse.h"

enum { BASE64_LINE = 57 /* bytes that make 76 characters, RFC 2045 §6.8 */, BASE64_STEP = 100 * BASE64_LINE };

struct conversion {
	struct smtp_session *session;
	struct slice message;
	uint64_t at; /* all before it is written */
};

static void write_text(struct conversion *conversion, struct slice text)
{
	if (conversion->session->transaction.content.refused)
		return;
	smtp_content_check_lines(conversion->session, text);
	smtp_content_store(conversion->session, text);
}

static void write_up_to(struct conversion *conversion, uint64_t end)
{
	if (end <= conversion->at)
		return;
	write_text(conversion, slice_sub(conversion->message, conversion->at, end - conversion->at));
	conversion->at = end;
}

/* The part's header, saying `encoding` where it said "binary". */
static void write_header(struct conversion *conversion, const struct mime_part *part, const char *encoding)
{
	struct header_field field;
	write_up_to(conversion, part->header_at);
	struct slice rest = slice_sub(conversion->message, part->header_at, part->header_size);
	while (header_next(&rest, &field)) {
		if (!slice_equal_nocase(field.name, SLICE("Content-Transfer-Encoding"))) {
			write_text(conversion, field.whole);
			continue;
		}
		write_text(conversion, SLICE("Content-Transfer-Encoding: "));
		write_text(conversion, slice_of(encoding));
		write_text(conversion, SLICE("\r\n"));
	}
	write_text(conversion, rest.len == 0 && part->body_size > 0 ? SLICE("\r\n") : rest); /* whatever ended it, an empty line does now */
	conversion->at = part->body_at;
}

/* The line end before a boundary belongs to the boundary: the last line has none. */
static void write_base64(struct conversion *conversion, const struct mime_part *part)
{
	struct slice body = slice_sub(conversion->message, part->body_at, part->body_size);
	while (body.len > 0) {
		struct buf text = BUF(BASE64_STEP * 2);
		struct slice step = slice_sub(body, 0, BASE64_STEP);
		for (size_t i = 0; i < step.len; i += BASE64_LINE) {
			base64_encode(slice_sub(step, i, BASE64_LINE), &text);
			if (i + BASE64_LINE < body.len)
				buf_append_text(&text, "\r\n");
		}
		write_text(conversion, buf_slice(&text));
		buf_free(&text);
		body = slice_skip(body, step.len);
	}
	conversion->at = part->body_at + part->body_size;
}

static void convert_part(struct conversion *conversion, const struct mime_part *part)
{
	bool binary = slice_equal(part->encoding, SLICE("binary"));
	if (part->header_at < conversion->at)
		return; /* what has been written is written; the rest goes as it stands */
	if (binary)
		write_header(conversion, part, part->child_count > 0 ? "8bit" : "base64");
	if (binary && part->child_count == 0)
		write_base64(conversion, part);
	for (size_t i = 0; i < part->child_count; i++)
		convert_part(conversion, &part->children[i]);
}

void smtp_binary_convert(struct smtp_session *session, struct slice message)
{
	struct arena *arena = arena_new();
	struct conversion conversion = {session, message, 0};
	convert_part(&conversion, mime_parse(message, arena));
	write_up_to(&conversion, message.len);
	arena_free(&arena);
}
