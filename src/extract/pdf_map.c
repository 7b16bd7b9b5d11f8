/* CMaps that say which characters codes stand for (ISO 32000-1 §9.10.3): "bfchar" and "bfrange" are what counts. */
#include <stdlib.h>

#include "base/array.h"
#include "extract/pdf.h"

enum { CODE_BYTES_MAX = 4 };

static bool read_code(const struct pdf_value *value, uint32_t *code)
{
	*code = 0;
	for (size_t i = 0; i < value->text.len && i < CODE_BYTES_MAX; i++)
		*code = *code << 8 | (unsigned char)value->text.at[i];
	return value->kind == PDF_STRING && value->text.len > 0 && value->text.len <= CODE_BYTES_MAX;
}

static void add(struct pdf *pdf, struct pdf_map *map, uint32_t first, uint32_t last, struct slice text)
{
	if (map->count >= PDF_MAPPINGS_MAX || last < first || text.len < 2)
		return;
	ARENA_GROW(pdf->arena, map->at, map->count, map->room);
	map->at[map->count++] = (struct pdf_mapping){first, last, text};
}

static void add_range(struct pdf *pdf, struct pdf_map *map, uint32_t first, uint32_t last, const struct pdf_value *to)
{
	if (to->kind == PDF_STRING)
		add(pdf, map, first, last, to->text);
	for (size_t i = 0; to->kind == PDF_ARRAY && i < to->count && first + i <= last; i++)
		if (to->items[i].kind == PDF_STRING)
			add(pdf, map, first + (uint32_t)i, first + (uint32_t)i, to->items[i].text);
}

/* Up to "endbfchar", or "endbfrange". */
static void read_section(struct pdf_reader *reader, struct pdf_map *map, bool ranges)
{
	struct pdf_value from, to, target;
	uint32_t first, last;
	while (map->count < PDF_MAPPINGS_MAX && pdf_read(reader, &from) && from.kind == PDF_STRING) {
		if ((ranges && !pdf_read(reader, &to)) || !pdf_read(reader, &target))
			return;
		if (read_code(&from, &first) && (!ranges || read_code(&to, &last)))
			add_range(reader->pdf, map, first, ranges ? last : first, &target);
	}
}

static int by_code(const void *a, const void *b)
{
	const struct pdf_mapping *x = a, *y = b;
	return (x->first > y->first) - (x->first < y->first);
}

void pdf_map_read(struct pdf *pdf, struct slice text, struct pdf_map *map)
{
	struct pdf_reader reader = {.pdf = pdf, .text = text, .arena = pdf->arena};
	struct pdf_value value;
	while (pdf_read(&reader, &value)) {
		bool ranges = value.kind == PDF_KEYWORD && slice_equal(value.text, SLICE("beginbfrange"));
		if (ranges || (value.kind == PDF_KEYWORD && slice_equal(value.text, SLICE("beginbfchar"))))
			read_section(&reader, map, ranges);
	}
	if (map->count > 1)
		qsort(map->at, map->count, sizeof *map->at, by_code);
}

/* UTF-16BE, `more` added to its last unit. */
static void put_text(struct slice text, uint32_t more, struct buf *out)
{
	for (size_t i = 0; i + 1 < text.len; i += 2) {
		uint32_t unit = (uint32_t)(unsigned char)text.at[i] << 8 | (unsigned char)text.at[i + 1];
		if (unit >= 0xd800 && unit < 0xdc00 && i + 3 < text.len) {
			uint32_t low = (uint32_t)(unsigned char)text.at[i + 2] << 8 | (unsigned char)text.at[i + 3];
			unit = 0x10000 + ((unit - 0xd800) << 10) + ((low - 0xdc00) & 0x3ff);
			i += 2;
		}
		pdf_put_character(out, i + 3 < text.len ? unit : unit + more);
	}
}

bool pdf_map_put(const struct pdf_map *map, uint32_t code, struct buf *out)
{
	size_t low = 0, high = map->count; /* the last that begins at the code or before */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (map->at[middle].first <= code)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || map->at[low - 1].last < code)
		return false;
	put_text(map->at[low - 1].text, code - map->at[low - 1].first, out);
	return true;
}
