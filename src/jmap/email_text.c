/* The text of a part as a string (RFC 8621 §4.1.4, EmailBodyValue): decoded as far as it can be, cut where it may be. */
#include "jmap/email.h"

static bool is_known_encoding(struct slice encoding)
{
	static const char *const known[] = {"7bit", "8bit", "binary", "base64", "quoted-printable"};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (slice_equal(encoding, slice_of(known[i])))
			return true;
	return false;
}

static bool has_replacement(struct slice utf8) { return slice_find(utf8, SLICE("\xef\xbf\xbd")) != SLICE_NONE; }

/* Does the charset that is named, or the one that is meant where none is, not fit the bytes? */
static bool is_problem(struct slice charset, struct slice bytes, struct slice utf8)
{
	if (charset.len > 0 && !charset_is_known(charset))
		return true;
	if (slice_is_ascii(bytes) && slice_equal(bytes, utf8))
		return false;
	if (charset.len == 0)
		return !slice_is_utf8(bytes);
	if (slice_equal_nocase(charset, SLICE("us-ascii")))
		return !slice_is_ascii(bytes);
	return has_replacement(utf8) && !(slice_equal(bytes, utf8) && slice_is_utf8(bytes));
}

/* Line ends as LF, in place; without NULs, which JSON's readers stumble over. */
static void set_line_ends(struct buf *text)
{
	size_t len = 0;
	for (size_t i = 0; i < text->len; i++)
		if (text->at[i] != '\0' && !(text->at[i] == '\r' && i + 1 < text->len && text->at[i + 1] == '\n'))
			text->at[len++] = text->at[i];
	text->len = len;
}

/* Where HTML may be cut: not inside of a tag. */
static size_t before_tag(struct slice html)
{
	size_t open = slice_find_last_char(html, '<'), close = slice_find_last_char(html, '>');
	if (open == SLICE_NONE || (close != SLICE_NONE && close > open))
		return html.len;
	char next = open + 1 < html.len ? html.at[open + 1] : 'a';
	return ascii_is_alpha(next) || next == '/' || next == '!' || next == '?' ? open : html.len;
}

/* How much of the text are at most `max` bytes. */
static size_t cut_at(struct slice utf8, uint64_t max, bool html)
{
	size_t len = (size_t)max;
	while (len > 0 && ((unsigned char)utf8.at[len] & 0xc0) == 0x80)
		len--;
	return html ? before_tag(slice_sub(utf8, 0, len)) : len;
}

/* The text in UTF-8, in `out`. */
static bool decode(const struct mime_part *part, struct slice message, struct buf *out)
{
	struct slice body = slice_sub(message, (size_t)part->body_at, (size_t)part->body_size);
	struct slice charset = parameter_get(part->parameters, part->parameter_count, SLICE("charset"));
	struct buf bytes = BUF(body.len + 16);
	mime_decode(part->encoding, body, &bytes);
	charset_to_utf8(charset, buf_slice(&bytes), out);
	bool problem = is_problem(charset, buf_slice(&bytes), buf_slice(out)) || !is_known_encoding(part->encoding);
	buf_free(&bytes);
	return problem;
}

json_t *jmap_body_value(const struct mime_part *part, struct slice message, uint64_t max, uint64_t *total)
{
	enum { GROWTH_MAX = 4 }; /* of a byte of some charset */
	struct buf text = BUF((size_t)part->body_size * GROWTH_MAX + 64);
	bool problem = decode(part, message, &text), cut;
	set_line_ends(&text);
	cut = max > 0 && text.len > max;
	if (cut)
		text.len = cut_at(buf_slice(&text), max, slice_equal(part->subtype, SLICE("html")));
	*total += text.len;
	json_t *json = json_object();
	json_object_set_new_nocheck(json, "value", jmap_text(buf_slice(&text)));
	json_object_set_new_nocheck(json, "isEncodingProblem", json_boolean(problem));
	json_object_set_new_nocheck(json, "isTruncated", json_boolean(cut));
	buf_free(&text);
	return json;
}
