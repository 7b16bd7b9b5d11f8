/* How a message begins, for who lists messages: a little of its first text part, without what others wrote before. */
#include "message/html.h"
#include "message/mime.h"
#include "message/text.h"

enum {
	PREVIEW_TEXT_MAX = 8 * 1024,  /* bytes of a part that are looked at, as they stand in the message, … */
	PREVIEW_HTML_MAX = 48 * 1024, /* … of HTML, which often begins with much that nobody sees */
	PREVIEW_PARTS_MAX = 4,        /* text parts that are tried */
};

struct preview {
	struct slice message;
	struct arena *arena;
	struct slice text; /* found so far */
	unsigned tried;
};

static bool is_text(const struct mime_part *part, struct slice subtype)
{
	return slice_equal(part->type, SLICE("text")) && slice_equal(part->subtype, subtype) && !slice_equal(part->disposition, SLICE("attachment"));
}

/* The beginning of a part's text in UTF-8. */
static struct slice decoded(struct preview *preview, const struct mime_part *part, size_t max)
{
	struct slice body = slice_sub(preview->message, (size_t)part->body_at, (size_t)part->body_size);
	struct slice charset = parameter_get(part->parameters, part->parameter_count, SLICE("charset"));
	struct buf bytes = BUF(max), utf8 = BUF(max * 4 + 16);
	bool cut = body.len > max;
	mime_decode(part->encoding, slice_sub(body, 0, max), &bytes);
	charset_to_utf8(charset, buf_slice(&bytes), &utf8);
	struct slice text = arena_copy(preview->arena, buf_slice(&utf8));
	if (cut && text.len >= 3 && memcmp(text.at + text.len - 3, "\xef\xbf\xbd", 3) == 0) /* a character that was cut */
		text.len -= 3;
	buf_free(&bytes);
	buf_free(&utf8);
	return text;
}

static struct slice next_line(struct slice *rest)
{
	size_t end = slice_find_char(*rest, '\n');
	struct slice line = slice_sub(*rest, 0, end);
	*rest = slice_skip(*rest, end == SLICE_NONE ? rest->len : end + 1);
	return line;
}

/* Is the line of somebody else, or of nobody: quoted, or one that says who is quoted below it? */
static bool is_quotation(struct slice line, struct slice rest)
{
	line = slice_trim(line);
	bool introduces = line.len > 0 && line.at[line.len - 1] == ':' && slice_starts(slice_trim(rest), SLICE(">"));
	return slice_starts(line, SLICE(">")) || introduces;
}

/* The length of the character at the start, 1 where it isn't UTF-8. */
static size_t character_length(struct slice s)
{
	unsigned char c = (unsigned char)s.at[0];
	size_t len = c < 0xc2 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	return len <= s.len ? len : 1;
}

/* Appends a line, its white space as single blanks, as far as there is room. Characters beyond the first 65536 count twice. */
static void add_line(struct buf *out, struct slice line, size_t *characters)
{
	bool blank = out->len > 0;
	while (line.len > 0 && *characters < MESSAGE_PREVIEW_MAX) {
		size_t len = character_length(line), width = len == 4 ? 2 : 1, unseen = html_invisible_length(line);
		bool control = (unsigned char)line.at[0] <= ' ' || line.at[0] == 0x7f || slice_starts(line, SLICE("\xc2\xa0"));
		struct slice character = slice_sub(line, 0, len);
		line = slice_skip(line, unseen > 0 ? unseen : len);
		if (control || unseen > 0) {
			blank |= control && out->len > 0;
			continue;
		}
		if (*characters + width + blank > MESSAGE_PREVIEW_MAX)
			*characters = MESSAGE_PREVIEW_MAX;
		else if (blank)
			buf_append_char(out, ' ');
		if (*characters == MESSAGE_PREVIEW_MAX)
			return;
		buf_append(out, character);
		*characters += width + blank;
		blank = false;
	}
}

static struct slice shorten(struct slice text, bool quotations, struct arena *arena)
{
	enum { CHARACTER_MAX = 4 };
	struct buf out = BUF(MESSAGE_PREVIEW_MAX * CHARACTER_MAX + 1);
	size_t characters = 0;
	while (text.len > 0 && characters < MESSAGE_PREVIEW_MAX) {
		struct slice line = next_line(&text);
		if (slice_equal(line, SLICE("-- ")) || slice_equal(line, SLICE("-- \r"))) /* the signature */
			break;
		if (quotations || !is_quotation(line, text))
			add_line(&out, line, &characters);
	}
	struct slice result = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return result;
}

static void try_part(struct preview *preview, const struct mime_part *part, bool html)
{
	struct slice text = decoded(preview, part, html ? PREVIEW_HTML_MAX : PREVIEW_TEXT_MAX);
	struct html_page page;
	preview->tried++;
	if (html) {
		html_read(text, preview->arena, &page);
		text = page.text;
	}
	preview->text = shorten(text, false, preview->arena);
	if (preview->text.len == 0)
		preview->text = shorten(text, true, preview->arena);
}

static void search(struct preview *preview, const struct mime_part *part, bool html)
{
	if (preview->text.len > 0 || preview->tried >= PREVIEW_PARTS_MAX)
		return;
	if (is_text(part, html ? SLICE("html") : SLICE("plain")))
		try_part(preview, part, html);
	if (slice_equal(part->type, SLICE("multipart")))
		for (size_t i = 0; i < part->child_count; i++)
			search(preview, &part->children[i], html);
}

struct slice message_preview(struct slice message, const struct mime_part *root, struct arena *arena)
{
	struct arena *own = arena_new();
	struct preview preview = {.message = message, .arena = own};
	search(&preview, root, false);
	preview.tried = 0;
	search(&preview, root, true);
	struct slice text = arena_copy(arena, preview.text);
	arena_free(&own);
	return text;
}
