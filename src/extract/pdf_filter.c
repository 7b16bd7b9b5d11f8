/* Unpacking streams (ISO 32000-1 §7.4): Flate by zlib; LZW, ASCII85, ASCIIHex, run lengths; the predictors of PNG. Pictures stay what they are. */
#include <zlib.h>

#include "base/memory.h"
#include "extract/extract.h"
#include "extract/pdf.h"

enum { CHUNK = 16 * 1024, FILTERS_MAX = 4, COLUMNS_MAX = 65536, LZW_CODES = 4096 };

/* Everything that is unpacked counts. */
static bool put(struct pdf *pdf, struct buf *out, struct slice piece)
{
	pdf->unpacked += piece.len;
	return pdf->unpacked <= EXTRACT_UNPACKED_MAX && buf_append(out, piece);
}

static void inflate_stream(struct pdf *pdf, struct slice in, struct buf *out)
{
	z_stream stream = {.next_in = (Bytef *)in.at, .avail_in = (uInt)in.len};
	unsigned char chunk[CHUNK];
	int result = Z_OK;
	if (in.len > UINT32_MAX || inflateInit2(&stream, 15) != Z_OK)
		return;
	while (result == Z_OK) {
		stream.next_out = chunk;
		stream.avail_out = CHUNK;
		result = inflate(&stream, Z_NO_FLUSH);
		size_t got = CHUNK - stream.avail_out;
		if (!put(pdf, out, slice_make((const char *)chunk, got)) || (got == 0 && stream.avail_in == 0))
			break;
	}
	inflateEnd(&stream);
}

static void read_hexadecimal(struct pdf *pdf, struct slice in, struct buf *out)
{
	int high = -1;
	for (size_t i = 0; i < in.len && in.at[i] != '>'; i++) {
		int digit = ascii_hex_value(in.at[i]);
		char c = (char)(high * 16 + digit);
		if (digit >= 0 && high >= 0 && !put(pdf, out, slice_make(&c, 1)))
			return;
		high = digit < 0 ? high : high < 0 ? digit : -1;
	}
}

static bool put_group(struct pdf *pdf, struct buf *out, const unsigned char digits[5], size_t count)
{
	uint32_t number = 0;
	char bytes[4];
	for (size_t i = 0; i < 5; i++)
		number = number * 85 + (i < count ? digits[i] : 84);
	for (size_t i = 0; i < 4; i++)
		bytes[i] = (char)(number >> (24 - 8 * i));
	return count < 2 || put(pdf, out, slice_make(bytes, count - 1));
}

static void read_base85(struct pdf *pdf, struct slice in, struct buf *out)
{
	unsigned char digits[5];
	size_t count = 0;
	for (size_t i = 0; i < in.len && in.at[i] != '~'; i++) {
		char c = in.at[i];
		if (c == 'z' && count == 0 && !put(pdf, out, SLICE("\0\0\0\0")))
			return;
		if (c < '!' || c > 'u')
			continue;
		digits[count++] = (unsigned char)(c - '!');
		if (count == 5 && !put_group(pdf, out, digits, count))
			return;
		count %= 5;
	}
	put_group(pdf, out, digits, count);
}

static void read_runs(struct pdf *pdf, struct slice in, struct buf *out)
{
	for (size_t i = 0; i + 1 < in.len && (unsigned char)in.at[i] != 128;) {
		size_t length = (unsigned char)in.at[i++];
		if (length < 128) {
			if (!put(pdf, out, slice_sub(in, i, length + 1)))
				return;
			i += length + 1;
			continue;
		}
		for (size_t k = 257 - length; k > 0; k--)
			if (!put(pdf, out, slice_sub(in, i, 1)))
				return;
		i++;
	}
}

/* ---- LZW (§7.4.4): codes of 9 to 12 bits, each a former one and a byte more ---- */

struct lzw { uint16_t former[LZW_CODES]; unsigned char last[LZW_CODES]; unsigned next, width; };

static bool put_code(struct pdf *pdf, const struct lzw *lzw, unsigned code, struct buf *out, unsigned char *first)
{
	unsigned char reversed[LZW_CODES], forward[LZW_CODES];
	size_t len = 0;
	for (; code >= 258 && len < LZW_CODES - 1; code = lzw->former[code])
		reversed[len++] = lzw->last[code];
	reversed[len++] = (unsigned char)code;
	*first = (unsigned char)code;
	for (size_t i = 0; i < len; i++)
		forward[i] = reversed[len - 1 - i];
	return put(pdf, out, slice_make((const char *)forward, len));
}

static void lzw_reset(struct lzw *lzw)
{
	lzw->next = 258;
	lzw->width = 9;
}

static void read_lzw(struct pdf *pdf, struct slice in, bool early, struct buf *out)
{
	struct lzw table, *lzw = &table;
	uint32_t bits = 0;
	unsigned held = 0, before = 256;
	unsigned char first = 0;
	lzw_reset(lzw);
	for (size_t i = 0; i < in.len;) {
		for (; held < lzw->width && i < in.len; held += 8)
			bits = bits << 8 | (unsigned char)in.at[i++];
		if (held < lzw->width)
			return;
		unsigned code = bits >> (held -= lzw->width) & ((1u << lzw->width) - 1);
		if (code == 257 || code > lzw->next || (before == 256 && code > 257))
			return;
		if (code == 256) {
			lzw_reset(lzw);
			before = 256;
			continue;
		}
		if (before != 256 && lzw->next < LZW_CODES) { /* its last byte is the first of this code, which may be itself */
			unsigned root = code == lzw->next ? before : code;
			for (size_t hops = 0; root >= 258 && hops < LZW_CODES; hops++)
				root = lzw->former[root];
			lzw->former[lzw->next] = (uint16_t)before;
			lzw->last[lzw->next++] = (unsigned char)root;
		}
		if (code >= lzw->next || !put_code(pdf, lzw, code, out, &first))
			return;
		before = code;
		if (lzw->next + early >= 1u << lzw->width && lzw->width < 12)
			lzw->width++;
	}
}

/* ---- predictors (§7.4.4.4): a byte is what it is more than those beside and above it ---- */

static unsigned char paeth(int left, int above, int corner)
{
	int guess = left + above - corner, a = abs(guess - left), b = abs(guess - above), c = abs(guess - corner);
	return (unsigned char)(a <= b && a <= c ? left : b <= c ? above : corner);
}

static void undo_row(unsigned char *row, const unsigned char *above, size_t length, size_t pixel, int how)
{
	for (size_t i = 0; i < length; i++) {
		int left = i >= pixel ? row[i - pixel] : 0, up = above[i], corner = i >= pixel ? above[i - pixel] : 0;
		int guess = how == 1 ? left : how == 2 ? up : how == 3 ? (left + up) / 2 : how == 4 ? paeth(left, up, corner) : 0;
		row[i] = (unsigned char)(row[i] + guess);
	}
}

static void undo_predictor(struct pdf *pdf, const struct pdf_value *parameters, struct buf *data)
{
	double columns = pdf_number(pdf, parameters, "Columns", 1), colors = pdf_number(pdf, parameters, "Colors", 1), bits = pdf_number(pdf, parameters, "BitsPerComponent", 8);
	if (pdf_number(pdf, parameters, "Predictor", 1) < 10 || !(columns >= 1 && columns <= COLUMNS_MAX) || !(colors >= 1 && colors <= 8) || !(bits >= 1 && bits <= 16))
		return;
	size_t pixel = ((size_t)colors * (size_t)bits + 7) / 8, length = ((size_t)columns * (size_t)colors * (size_t)bits + 7) / 8, out = 0;
	unsigned char *above = memory_array(length, 1), *at = (unsigned char *)data->at;
	for (size_t from = 0; from + 1 < data->len; from += length + 1) {
		size_t have = data->len - from - 1 < length ? data->len - from - 1 : length;
		int how = at[from];
		memmove(at + out, at + from + 1, have);
		undo_row(at + out, above, have, pixel, how);
		memcpy(above, at + out, have);
		out += have;
	}
	free(above);
	data->len = out;
}

/* ---- one filter after the other ---- */

/* False: nothing of it is text. */
static bool run_filter(struct pdf *pdf, struct slice name, const struct pdf_value *parameters, struct slice in, struct buf *out)
{
	if (slice_equal(name, SLICE("FlateDecode")) || slice_equal(name, SLICE("Fl"))) {
		inflate_stream(pdf, in, out);
		undo_predictor(pdf, parameters, out);
	} else if (slice_equal(name, SLICE("LZWDecode")) || slice_equal(name, SLICE("LZW"))) {
		read_lzw(pdf, in, pdf_number(pdf, parameters, "EarlyChange", 1) != 0, out);
		undo_predictor(pdf, parameters, out);
	} else if (slice_equal(name, SLICE("ASCII85Decode")) || slice_equal(name, SLICE("A85"))) {
		read_base85(pdf, in, out);
	} else if (slice_equal(name, SLICE("ASCIIHexDecode")) || slice_equal(name, SLICE("AHx"))) {
		read_hexadecimal(pdf, in, out);
	} else if (slice_equal(name, SLICE("RunLengthDecode")) || slice_equal(name, SLICE("RL"))) {
		read_runs(pdf, in, out);
	} else {
		return false;
	}
	return true;
}

/* The value, or the one of a list. */
static struct pdf_value one_of(struct pdf *pdf, const struct pdf_value *value, size_t i)
{
	if (value->kind == PDF_ARRAY)
		return i < value->count ? pdf_resolve(pdf, value->items[i]) : (struct pdf_value){0};
	return i == 0 ? *value : (struct pdf_value){0};
}

void pdf_unpack(struct pdf *pdf, const struct pdf_value *stream, struct buf *out)
{
	struct pdf_value filters = pdf_get(pdf, stream, "Filter"), parameters = pdf_get(pdf, stream, "DecodeParms");
	struct buf held[2] = {BUF(EXTRACT_UNPACKED_MAX), BUF(EXTRACT_UNPACKED_MAX)};
	struct slice data = stream->text;
	bool text = stream->kind == PDF_DICTIONARY;
	for (size_t i = 0; text && i < FILTERS_MAX; i++) {
		struct pdf_value filter = one_of(pdf, &filters, i), its = one_of(pdf, &parameters, i);
		if (filter.kind != PDF_NAME)
			break;
		struct buf *to = &held[i % 2];
		buf_clear(to);
		text = run_filter(pdf, filter.text, &its, data, to);
		data = buf_slice(to);
	}
	if (text)
		put(pdf, out, data);
	buf_free(&held[0]);
	buf_free(&held[1]);
}
