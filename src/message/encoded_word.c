/* Encoded words (RFC 2047): reading them as leniently as mail programs write them, writing them as the RFC says. */
#include "message/header.h"

#include "base/base64.h"
#include "message/mime.h"
#include "message/scan.h"
#include "message/text.h"

enum {
	CHARSET_NAME_MAX = 64,
	ENCODED_WORD_MAX = 75,  /* RFC 2047 §2 */
	HEADER_LINE_WANTED = 76,
	HEADER_WORD_MAX = 900,  /* a longer word without a blank is encoded, so that no line passes 998 (RFC 5322 §2.1.1) */
	DECODED_GROWTH_MAX = 3, /* one byte of some charset makes at most three of UTF-8 per input byte */
};

/* An encoded word as it stands in the text. */
struct word {
	struct slice charset, content;
	char encoding; /* 'q' or 'b' */
	size_t len;
};

/* Where the text is being decoded. `bytes` gathers the content of neighbouring words of one charset, since some programs
 * cut a character in two; `next_end` is the first "?=" at or after the place looked at last, so that looking for it
 * again and again stays linear. */
struct decoder {
	struct slice text;
	size_t next_end;
	bool end_known;
	struct buf out, bytes;
	struct slice charset;
	bool after_word;
	bool strict; /* by the letter of RFC 2047: see header_text() */
};

/* Index of the first `c` followed by `second` at or after `from`. */
static size_t find_pair(struct slice s, size_t from, char c, char second)
{
	while (from < s.len) {
		size_t found = slice_find_char(slice_skip(s, from), c);
		if (found == SLICE_NONE)
			break;
		from += found + 1;
		if (from < s.len && s.at[from] == second)
			return from - 1;
	}
	return SLICE_NONE;
}

static size_t find_end(struct decoder *decoder, size_t from)
{
	if (!decoder->end_known || (decoder->next_end != SLICE_NONE && decoder->next_end < from)) {
		decoder->next_end = find_pair(decoder->text, from, '?', '=');
		decoder->end_known = true;
	}
	return decoder->next_end;
}

/* RFC 2047 §2, §5: without blanks inside, blanks or nothing on both sides, in a charset that can be read. */
static bool is_strict(struct slice text, size_t at, const struct word *word)
{
	for (size_t i = 0; i < word->content.len; i++)
		if (word->content.at[i] <= ' ' || word->content.at[i] == '?' || word->content.at[i] == 0x7f)
			return false;
	bool before = at == 0 || text.at[at - 1] == ' ' || text.at[at - 1] == '\t';
	bool behind = at + word->len == text.len || text.at[at + word->len] == ' ' || text.at[at + word->len] == '\t';
	return before && behind && word->charset.len > 0 && charset_is_known(word->charset);
}

/* Reads an encoded word at text[at], which starts with "=?". */
static bool read_word(struct decoder *decoder, size_t at, struct word *word)
{
	struct slice rest = slice_skip(decoder->text, at + 2), after;
	if (!slice_cut(slice_sub(rest, 0, CHARSET_NAME_MAX), '?', &word->charset, &after))
		return false;
	size_t content_at = at + 2 + word->charset.len + 3;
	after = slice_skip(rest, word->charset.len + 1);
	if (word->charset.len == 0 || after.len < 2 || after.at[1] != '?')
		return false;
	word->encoding = ascii_lower(after.at[0]);
	size_t end = find_end(decoder, content_at);
	if ((word->encoding != 'q' && word->encoding != 'b') || end == SLICE_NONE)
		return false;
	size_t language = slice_find_char(word->charset, '*'); /* RFC 2231 §5 */
	word->charset = slice_sub(word->charset, 0, language);
	word->content = slice_sub(decoder->text, content_at, end - content_at);
	word->len = end + 2 - at;
	return !decoder->strict || is_strict(decoder->text, at, word);
}

static void decode_q(struct slice s, struct buf *out)
{
	for (size_t i = 0; i < s.len; i++) {
		int high = s.at[i] == '=' && i + 2 < s.len ? ascii_hex_value(s.at[i + 1]) : -1;
		int low = high >= 0 ? ascii_hex_value(s.at[i + 2]) : -1;
		if (low >= 0) {
			buf_append_char(out, (char)(high * 16 + low));
			i += 2;
		} else {
			buf_append_char(out, s.at[i] == '_' ? ' ' : s.at[i]);
		}
	}
}

static size_t without_controls(char *at, size_t len)
{
	size_t out = 0;
	for (size_t i = 0; i < len; i++) {
		bool c1 = (unsigned char)at[i] == 0xc2 && i + 1 < len && (unsigned char)at[i + 1] < 0xa0;
		i += c1;
		if (!c1 && (unsigned char)at[i] >= 0x20 && at[i] != 0x7f)
			at[out++] = at[i];
	}
	return out;
}

static void flush_words(struct decoder *decoder)
{
	size_t before = decoder->out.len;
	if (decoder->bytes.len > 0)
		charset_to_utf8(decoder->charset, buf_slice(&decoder->bytes), &decoder->out);
	if (decoder->strict && decoder->out.len > before)
		decoder->out.len = before + without_controls(decoder->out.at + before, decoder->out.len - before);
	buf_clear(&decoder->bytes);
}

static void take_word(struct decoder *decoder, const struct word *word)
{
	if (decoder->bytes.len > 0 && !slice_equal_nocase(decoder->charset, word->charset))
		flush_words(decoder);
	decoder->charset = word->charset;
	if (word->encoding == 'q')
		decode_q(word->content, &decoder->bytes);
	else
		mime_decode(SLICE("base64"), word->content, &decoder->bytes);
	decoder->after_word = true;
}

/* Text between encoded words; white space alone between two of them is not shown (RFC 2047 §6.2). */
static void take_plain(struct decoder *decoder, struct slice plain, bool before_word)
{
	if (plain.len == 0 || (decoder->after_word && before_word && slice_trim(plain).len == 0))
		return;
	flush_words(decoder);
	if (decoder->strict)
		text_append_utf8(plain, &decoder->out);
	else
		text_append_unknown(plain, &decoder->out);
	decoder->after_word = false;
}

static void decode_all(struct decoder *decoder)
{
	size_t plain = 0, at = 0;
	struct word word;
	while (at < decoder->text.len) {
		at = find_pair(decoder->text, at, '=', '?');
		if (at == SLICE_NONE)
			break;
		if (!read_word(decoder, at, &word)) {
			at += 2;
			continue;
		}
		take_plain(decoder, slice_sub(decoder->text, plain, at - plain), true);
		take_word(decoder, &word);
		plain = at += word.len;
	}
	take_plain(decoder, slice_skip(decoder->text, plain), false);
	flush_words(decoder);
}

struct slice header_decode(struct slice body, struct arena *arena)
{
	struct slice text = header_unfold(body, arena);
	size_t max = (text.len + 1) * DECODED_GROWTH_MAX;
	struct decoder decoder = {.text = text, .out = BUF(max), .bytes = BUF(max)};
	decode_all(&decoder);
	struct slice result = arena_copy(arena, buf_slice(&decoder.out));
	result.len = text_clean((char *)result.at, result.len);
	buf_free(&decoder.out);
	buf_free(&decoder.bytes);
	return result;
}

struct slice header_text(struct slice unfolded, struct arena *arena)
{
	size_t max = (unfolded.len + 1) * DECODED_GROWTH_MAX;
	struct decoder decoder = {.text = unfolded, .out = BUF(max), .bytes = BUF(max), .strict = true};
	decode_all(&decoder);
	struct slice result = buf_slice(&decoder.out);
	result = slice_is_ascii(result) ? arena_copy(arena, result) : text_normal(result, arena);
	buf_free(&decoder.out);
	buf_free(&decoder.bytes);
	return result;
}

/* ---- Writing ---- */

/* May the byte stand for itself in Q wherever an encoded word may stand, in a phrase too (RFC 2047 §5)? */
static bool is_q_plain(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || (c != '\0' && strchr("!*+-/", c));
}

/* `phrase`: the word stands where punctuation has a meaning. */
static bool needs_encoding(struct slice word, bool phrase)
{
	if (word.len > HEADER_WORD_MAX || slice_find(word, SLICE("=?")) != SLICE_NONE)
		return true;
	for (size_t i = 0; i < word.len; i++)
		if ((unsigned char)word.at[i] >= 0x7f || (unsigned char)word.at[i] < 0x20 || (phrase && !is_q_plain(word.at[i])))
			return true;
	return false;
}

static size_t q_length(struct slice s)
{
	size_t len = 0;
	for (size_t i = 0; i < s.len; i++)
		len += is_q_plain(s.at[i]) || s.at[i] == ' ' ? 1 : 3;
	return len;
}

static void append_q(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (is_q_plain(s.at[i]))
			buf_append_char(out, s.at[i]);
		else if (s.at[i] == ' ')
			buf_append_char(out, '_');
		else
			buf_printf(out, "=%02X", (unsigned)(unsigned char)s.at[i]);
	}
}

static size_t character_length(struct slice s)
{
	size_t len = 1;
	while (len < s.len && ((unsigned char)s.at[len] & 0xc0) == 0x80)
		len++;
	return len;
}

/* How many bytes of `s`, whole characters only (RFC 2047 §5), fit into an encoded word of `room` bytes. */
static size_t fitting(struct slice s, bool q, size_t room)
{
	size_t used = 0, q_used = 0, frame = sizeof "=?utf-8?q?" - 1 + sizeof "?=" - 1;
	while (used < s.len) {
		struct slice character = slice_sub(s, used, character_length(slice_skip(s, used)));
		q_used += q_length(character);
		if (frame + (q ? q_used : (used + character.len + 2) / 3 * 4) > room)
			break;
		used += character.len;
	}
	return used;
}

/* The line being written: how far it is filled. */
struct folder {
	struct buf out;
	size_t column;
};

/* Takes the place of a blank that was just written. */
static void fold(struct folder *folder)
{
	if (folder->out.len > 0 && folder->out.at[folder->out.len - 1] == ' ')
		folder->out.len--;
	buf_append_text(&folder->out, "\r\n ");
	folder->column = 1;
}

static void write_encoded(struct folder *folder, struct slice s)
{
	bool q = q_length(s) <= (s.len + 2) / 3 * 4;
	while (s.len > 0) {
		size_t room = folder->column < HEADER_LINE_WANTED ? HEADER_LINE_WANTED - folder->column : 0;
		size_t take = fitting(s, q, room < ENCODED_WORD_MAX ? room : ENCODED_WORD_MAX);
		if (take == 0 && folder->column > 1) {
			fold(folder);
			continue;
		}
		struct slice piece = slice_sub(s, 0, take ? take : character_length(s));
		size_t before = folder->out.len;
		buf_append_text(&folder->out, q ? "=?utf-8?q?" : "=?utf-8?b?");
		if (q)
			append_q(&folder->out, piece);
		else
			base64_encode(piece, &folder->out);
		buf_append_text(&folder->out, "?=");
		folder->column += folder->out.len - before;
		s = slice_skip(s, piece.len);
	}
}

static void write_plain(struct folder *folder, struct slice word)
{
	buf_append(&folder->out, word);
	folder->column += word.len;
}

/* Takes the next run off *rest: one word that can stand as it is, or all neighbouring words that can't, with the blanks
 * between them. */
static struct slice next_run(struct slice *rest, bool phrase, bool *encode)
{
	size_t len = 0, at = 0;
	*encode = false;
	while (at < rest->len) {
		size_t blank = slice_find_char(slice_skip(*rest, at), ' ');
		size_t end = blank == SLICE_NONE ? rest->len : at + blank;
		bool needed = needs_encoding(slice_sub(*rest, at, end - at), phrase);
		if (at > 0 && !needed && end > at)
			break;
		*encode |= needed;
		if (needed || at == 0)
			len = end;
		if (!*encode)
			break;
		at = end + 1;
	}
	struct slice run = slice_sub(*rest, 0, len);
	*rest = slice_skip(*rest, len);
	return run;
}

static struct slice encode(struct slice text, size_t column, bool phrase, struct arena *arena)
{
	/* Each byte makes at most three; each word of it a frame and a fold. */
	struct buf valid = BUF((text.len + 1) * DECODED_GROWTH_MAX);
	text_append_unknown(text, &valid);
	struct slice rest = buf_slice(&valid);
	struct folder folder = {.out = BUF(valid.len * 20 + 100), .column = column};
	while (rest.len > 0) {
		bool encode;
		struct slice run = next_run(&rest, phrase, &encode);
		encode ? write_encoded(&folder, run) : write_plain(&folder, run);
		if (rest.len == 0)
			break;
		bool next_encode;
		struct slice ahead = slice_skip(rest, 1), peek = next_run(&ahead, phrase, &next_encode);
		bool fits = folder.column + 1 + peek.len <= HEADER_LINE_WANTED || folder.column <= 1;
		write_plain(&folder, SLICE(" "));
		if (!next_encode && peek.len > 0 && !fits)
			fold(&folder);
		rest = slice_skip(rest, 1);
	}
	struct slice result = arena_copy(arena, buf_slice(&folder.out));
	buf_free(&folder.out);
	buf_free(&valid);
	return result;
}

struct slice header_encode(struct slice text, size_t column, struct arena *arena)
{
	return encode(text, column, false, arena);
}

static bool fits_quotes(struct slice text)
{
	return text.len <= HEADER_WORD_MAX && slice_find(text, SLICE("=?")) == SLICE_NONE && slice_is_printable(text);
}

static bool is_atoms(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		bool blank = text.at[i] == ' ' && i > 0 && i + 1 < text.len && text.at[i - 1] != ' ';
		if (!blank && !is_q_plain(text.at[i]))
			return false;
	}
	return text.len > 0;
}

struct slice header_encode_phrase(struct slice text, size_t column, struct arena *arena)
{
	if (is_atoms(text) && fits_quotes(text))
		return arena_copy(arena, text);
	if (!fits_quotes(text))
		return encode(text, column, true, arena);
	char *out = arena_array(arena, text.len + 1, 2);
	size_t len = 0;
	out[len++] = '"';
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '"' || text.at[i] == '\\')
			out[len++] = '\\';
		out[len++] = text.at[i];
	}
	out[len++] = '"';
	return slice_make(out, len);
}
