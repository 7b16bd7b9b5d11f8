/* What structure and text say of a message. */
#include "message/header.h"
#include "score/internal.h"

enum {
	PARTS_MAX = 50,
	WORDLESS_MAX = 150,       /* bytes of text that are hardly a word */
	HIDDEN_LEAST = 400,       /* bytes of hidden text, and … */
	HIDDEN_SHARE = 3,         /* … a third of what is shown */
	CAPITALS_LEAST = 200,     /* letters */
	ASCII_LEAST = 40,         /* bytes of a text that needs no base64 */
	INVISIBLE_LEAST = 5, MIXED_LEAST = 3,
	DECODED_MAX = 4096,
};

static const char executables[] = "exe scr pif com bat cmd vbs vbe js jse wsf wsh hta lnk cpl msi jar ps1 reg";
static const char documents[] = "pdf doc docx xls xlsx txt jpg jpeg png gif htm html zip mp3 avi rtf";

/* ---- attachments ---- */

static struct slice file_name(const struct mime_part *part)
{
	struct slice name = parameter_get(part->disposition_parameters, part->disposition_parameter_count, SLICE("filename"));
	return name.len > 0 ? name : parameter_get(part->parameters, part->parameter_count, SLICE("name"));
}

/* Takes the extension off the name; empty if it has none. */
static struct slice take_extension(struct slice *name)
{
	size_t dot = slice_find_last_char(*name, '.');
	if (dot == SLICE_NONE)
		return SLICE("");
	struct slice extension = slice_trim(slice_skip(*name, dot + 1));
	*name = slice_trim(slice_sub(*name, 0, dot));
	return extension;
}

static void judge_file(struct score_message *message, const struct mime_part *part)
{
	struct slice name = file_name(part);
	message->holds[SCORE_HEADER_REVERSED] |= score_is_reversed(name);
	struct slice last = take_extension(&name), before = take_extension(&name);
	bool executable = last.len > 0 && slice_has_word_nocase(slice_of(executables), last);
	message->holds[SCORE_EXECUTABLE] |= executable;
	message->holds[SCORE_DOUBLE_EXTENSION] |= executable && before.len > 0 && slice_has_word_nocase(slice_of(documents), before);
}

/* ---- encodings ---- */

static bool is_base64_for_nothing(struct slice message, const struct mime_part *part)
{
	struct buf decoded = BUF(DECODED_MAX);
	if (!slice_equal(part->encoding, SLICE("base64")) || !slice_equal(part->type, SLICE("text")) || slice_equal(part->disposition, SLICE("attachment")))
		return false;
	mime_decode(part->encoding, slice_sub(slice_sub(message, (size_t)part->body_at, (size_t)part->body_size), 0, DECODED_MAX), &decoded);
	bool ascii = decoded.len >= ASCII_LEAST && slice_is_ascii(buf_slice(&decoded));
	struct slice charset = parameter_get(part->parameters, part->parameter_count, SLICE("charset"));
	buf_free(&decoded);
	/* In Asia's charsets of 7 bits any text is ASCII; in UTF-8 many programs always use base64. */
	return ascii && (charset.len == 0 || slice_equal_nocase(charset, SLICE("us-ascii")) || slice_starts_nocase(charset, SLICE("iso-8859")) ||
			 slice_starts_nocase(charset, SLICE("windows-")));
}

static void judge_part(struct score_message *message, const struct mime_part *part, size_t *left)
{
	if (*left == 0)
		return;
	--*left;
	judge_file(message, part);
	message->holds[SCORE_BASE64_TEXT] |= is_base64_for_nothing(message->facts->message, part);
	message->holds[SCORE_CHARSET_UTF7] |= slice_equal_nocase(parameter_get(part->parameters, part->parameter_count, SLICE("charset")), SLICE("utf-7"));
	for (size_t i = 0; i < part->child_count; i++)
		judge_part(message, &part->children[i], left);
}

/* mime_parse() reads a multipart without delimiters as text. */
static bool lacks_boundary(const struct score_message *message)
{
	struct header_field field;
	const struct mime_part *root = message->facts->root;
	return root->child_count == 0 && header_find(slice_sub(message->facts->message, 0, (size_t)root->header_size), SLICE("Content-Type"), &field) &&
	       slice_starts_nocase(slice_trim(field.body), SLICE("multipart/"));
}

/* ---- text ---- */

static const uint64_t each = 0x0101010101010101; /* byte of eight */

/* How many of eight bytes are of this range of ASCII: a sum that reaches the highest bit of a byte says that it is at least so large. */
static size_t count_range(uint64_t eight, char first, char last)
{
	uint64_t low = eight & each * 0x7f, reach = low + each * (uint64_t)(0x80 - first), pass = low + each * (uint64_t)(0x7f - last);
	return (size_t)(((reach & ~pass & ~eight & each * 0x80) >> 7) * each >> 56);
}

static bool shouts(struct slice text)
{
	size_t capitals = 0, letters = 0;
	for (; text.len > 0; text = slice_skip(text, sizeof(uint64_t))) {
		uint64_t eight = 0;
		memcpy(&eight, text.at, text.len < sizeof eight ? text.len : sizeof eight);
		capitals += count_range(eight, 'A', 'Z');
		letters += count_range(eight | each * 0x20, 'a', 'z');
	}
	return letters >= CAPITALS_LEAST && capitals * 2 > letters;
}

static void judge_text(struct score_message *message, const struct shown_part *part)
{
	static const struct slice test = {"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X", 68};
	message->holds[SCORE_TEXT_CAPITALS] |= shouts(part->text);
	message->holds[SCORE_MIXED_ALPHABETS] |= !slice_is_ascii(part->text) && score_mixed_words(part->text) >= MIXED_LEAST;
	message->holds[SCORE_TEST_OF_FILTERS] |= slice_find(part->text, test) != SLICE_NONE;
}

void score_body(struct score_message *message)
{
	const struct shown *shown = message->facts->shown;
	size_t left = PARTS_MAX, bytes = shown->plain_bytes + shown->html_bytes;
	judge_part(message, message->facts->root, &left);
	for (size_t i = 0; i < shown->part_count; i++)
		judge_text(message, &shown->parts[i]);
	bool pictures = shown->html_images + shown->images > 0;
	message->holds[SCORE_HTML_ONLY] = shown->html_parts > 0 && shown->plain_parts == 0;
	message->holds[SCORE_IMAGE_ONLY] = shown->html_parts > 0 && pictures && shown->html_bytes < WORDLESS_MAX && shown->plain_bytes < WORDLESS_MAX;
	message->holds[SCORE_EMPTY_BODY] = bytes == 0 && !pictures && shown->attachments + shown->messages == 0;
	message->holds[SCORE_BOUNDARY_MISSING] = lacks_boundary(message);
	message->holds[SCORE_HIDDEN_TEXT] = shown->hidden_bytes > HIDDEN_LEAST && shown->hidden_bytes * HIDDEN_SHARE > shown->html_bytes;
	message->holds[SCORE_HTML_FORM] = shown->forms > 0;
	message->holds[SCORE_HTML_SCRIPT] = shown->scripts > 0;
	message->holds[SCORE_INVISIBLE_CHARACTERS] = shown->invisible_inside >= INVISIBLE_LEAST;
}
