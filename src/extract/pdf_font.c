/* Fonts of PDF (ISO 32000-1 §9.6-9.7): what their codes stand for, and how wide those are. */
#include "extract/extract.h"
#include "extract/pdf.h"

enum { CODES = 65536, SIMPLE_CODES = 256, MAP_BYTES_MAX = 4 * 1024 * 1024, WIDTH_UNKNOWN = 550, WIDTH_WIDE = 1000 };

struct pdf_font {
	bool wide;                   /* codes have two bytes */
	bool unicode;                /* and are UTF-16 */
	struct slice encoding;       /* of one byte: a name, … */
	struct slice *glyphs;        /* … and names of glyphs that are others */
	struct pdf_map map;          /* comes before all these */
	uint16_t *widths;            /* of CODES, or of SIMPLE_CODES */
};

void pdf_put_character(struct buf *out, uint32_t character)
{
	size_t len = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
	if (character == 0 || character > 0x10ffff || (character >= 0xd800 && character < 0xe000))
		return;
	buf_append_char(out, (char)(len == 1 ? character : (0xf00u >> len & 0xff) | character >> 6 * (len - 1)));
	for (size_t left = len - 1; left-- > 0;)
		buf_append_char(out, (char)(0x80 | (character >> 6 * left & 0x3f)));
}

/* ---- widths ---- */

static uint16_t width_of(struct pdf_value value) { return value.kind == PDF_NUMBER && value.number >= 0 && value.number < UINT16_MAX ? (uint16_t)value.number : 0; }

static void read_simple_widths(struct pdf *pdf, struct pdf_font *font, const struct pdf_value *dictionary)
{
	struct pdf_value list = pdf_get(pdf, dictionary, "Widths");
	double first = pdf_number(pdf, dictionary, "FirstChar", 0);
	font->widths = arena_array(pdf->arena, SIMPLE_CODES, sizeof *font->widths);
	for (size_t i = 0; i < SIMPLE_CODES; i++)
		font->widths[i] = WIDTH_UNKNOWN;
	for (size_t i = 0; list.kind == PDF_ARRAY && i < list.count; i++)
		if (first + (double)i >= 0 && first + (double)i < SIMPLE_CODES)
			font->widths[(size_t)first + i] = width_of(pdf_resolve(pdf, list.items[i]));
}

static void set_widths(struct pdf_font *font, double first, double last, uint16_t width)
{
	for (double code = first < 0 ? 0 : first; code <= last && code < CODES; code++)
		font->widths[(size_t)code] = width;
}

/* "first [w w w]", or "first last w" (§9.7.4.3). */
static void read_wide_widths(struct pdf *pdf, struct pdf_font *font, const struct pdf_value *descendant)
{
	struct pdf_value list = pdf_get(pdf, descendant, "W");
	font->widths = arena_array(pdf->arena, CODES, sizeof *font->widths);
	set_widths(font, 0, CODES - 1, width_of((struct pdf_value){.kind = PDF_NUMBER, .number = pdf_number(pdf, descendant, "DW", WIDTH_WIDE)}));
	for (size_t i = 0; list.kind == PDF_ARRAY && i + 1 < list.count && ++pdf->work < PDF_WORK_MAX;) {
		struct pdf_value first = pdf_resolve(pdf, list.items[i]), second = pdf_resolve(pdf, list.items[i + 1]);
		if (second.kind == PDF_ARRAY) {
			for (size_t k = 0; k < second.count; k++)
				set_widths(font, first.number + (double)k, first.number + (double)k, width_of(pdf_resolve(pdf, second.items[k])));
			i += 2;
		} else {
			pdf->work += CODES / 256; /* a range takes time by what it spans */
			if (i + 2 < list.count)
				set_widths(font, first.number, second.number, width_of(pdf_resolve(pdf, list.items[i + 2])));
			i += 3;
		}
	}
}

/* ---- encodings ---- */

/* [39 /quotesingle 96 /grave …] */
static void read_differences(struct pdf *pdf, struct pdf_font *font, const struct pdf_value *encoding)
{
	struct pdf_value list = pdf_get(pdf, encoding, "Differences");
	size_t code = 0;
	font->glyphs = arena_array(pdf->arena, SIMPLE_CODES, sizeof *font->glyphs);
	for (size_t i = 0; list.kind == PDF_ARRAY && i < list.count; i++) {
		struct pdf_value one = pdf_resolve(pdf, list.items[i]);
		if (one.kind == PDF_NUMBER && one.number >= 0 && one.number < SIMPLE_CODES)
			code = (size_t)one.number;
		else if (one.kind == PDF_NAME && code < SIMPLE_CODES)
			font->glyphs[code++] = one.text;
	}
}

static void read_encoding(struct pdf *pdf, struct pdf_font *font, const struct pdf_value *dictionary)
{
	struct pdf_value encoding = pdf_get(pdf, dictionary, "Encoding"), type = pdf_entry(dictionary, "Subtype");
	bool postscript = type.kind == PDF_NAME && slice_starts(type.text, SLICE("Type1"));
	font->encoding = postscript ? SLICE("StandardEncoding") : SLICE("WinAnsiEncoding");
	if (encoding.kind == PDF_NAME)
		font->encoding = encoding.text;
	if (encoding.kind != PDF_DICTIONARY)
		return;
	struct pdf_value base = pdf_get(pdf, &encoding, "BaseEncoding");
	if (base.kind == PDF_NAME)
		font->encoding = base.text;
	read_differences(pdf, font, &encoding);
}

static void read_map(struct pdf *pdf, struct pdf_font *font, const struct pdf_value *dictionary)
{
	struct pdf_value stream = pdf_get(pdf, dictionary, "ToUnicode");
	struct buf text = BUF(MAP_BYTES_MAX);
	pdf_unpack(pdf, &stream, &text);
	pdf_map_read(pdf, arena_copy(pdf->arena, buf_slice(&text)), &font->map);
	buf_free(&text);
}

static struct pdf_font *read_font(struct pdf *pdf, const struct pdf_value *dictionary)
{
	struct pdf_font *font = arena_alloc(pdf->arena, sizeof *font);
	struct pdf_value type = pdf_get(pdf, dictionary, "Subtype"), encoding = pdf_get(pdf, dictionary, "Encoding"), descendants = pdf_get(pdf, dictionary, "DescendantFonts");
	font->wide = type.kind == PDF_NAME && slice_equal(type.text, SLICE("Type0"));
	font->unicode = font->wide && encoding.kind == PDF_NAME && (slice_find(encoding.text, SLICE("UCS2")) != SLICE_NONE || slice_find(encoding.text, SLICE("UTF16")) != SLICE_NONE);
	read_map(pdf, font, dictionary);
	if (font->wide) {
		struct pdf_value descendant = descendants.kind == PDF_ARRAY && descendants.count > 0 ? pdf_resolve(pdf, descendants.items[0]) : (struct pdf_value){0};
		read_wide_widths(pdf, font, &descendant);
	} else {
		read_simple_widths(pdf, font, dictionary);
		read_encoding(pdf, font, dictionary);
	}
	return font;
}

struct pdf_font *pdf_font_of(struct pdf *pdf, const struct pdf_value *dictionary)
{
	for (size_t i = 0; i < pdf->font_count; i++)
		if (pdf->fonts[i].items == dictionary->items)
			return pdf->fonts[i].font;
	if (dictionary->kind != PDF_DICTIONARY || !dictionary->items || pdf->font_count == PDF_FONTS_MAX)
		return NULL;
	struct pdf_font *font = read_font(pdf, dictionary);
	pdf->fonts[pdf->font_count].items = dictionary->items;
	pdf->fonts[pdf->font_count++].font = font;
	return font;
}

/* ---- codes ---- */

static void put_simple(const struct pdf_font *font, unsigned char code, struct buf *out)
{
	if (font->glyphs && font->glyphs[code].len > 0)
		pdf_put_glyph(font->glyphs[code], out);
	else
		pdf_put_character(out, pdf_encoded(font->encoding, code));
}

bool pdf_font_take(const struct pdf_font *font, struct slice *string, struct buf *out, double *width, bool *blank)
{
	size_t bytes = font->wide ? 2 : 1;
	if (string->len < bytes)
		return false;
	uint32_t code = (unsigned char)string->at[0];
	if (font->wide)
		code = code << 8 | (unsigned char)string->at[1];
	*blank = !font->wide && code == ' ';
	*width = font->widths[code];
	*string = slice_skip(*string, bytes);
	if (pdf_map_put(&font->map, code, out))
		return true;
	if (font->unicode)
		pdf_put_character(out, code);
	else if (!font->wide)
		put_simple(font, (unsigned char)code, out);
	return true;
}
