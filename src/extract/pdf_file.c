/* Which objects a PDF file has, and where (ISO 32000-1 §7.5): told by going through it. */
#include "extract/extract.h"
#include "extract/pdf.h"

/* ---- the table of objects ---- */

static void put_place(struct pdf *pdf, double number, struct pdf_place place)
{
	if (!(number >= 0 && number <= PDF_OBJECTS_MAX))
		return; /* nobody refers to it */
	size_t at = (size_t)number;
	if (at >= pdf->place_count) {
		size_t room = pdf->place_count > 0 ? pdf->place_count * 2 : 1024;
		room = room > at ? room : at + 1;
		struct pdf_place *wider = arena_array(pdf->arena, room, sizeof *wider);
		if (pdf->place_count > 0)
			memcpy(wider, pdf->places, pdf->place_count * sizeof *wider);
		pdf->places = wider;
		pdf->place_count = room;
	}
	if (!pdf->places[at].text.at || place.rank >= pdf->places[at].rank)
		pdf->places[at] = place;
}

struct pdf_value pdf_resolve(struct pdf *pdf, struct pdf_value value)
{
	for (int hops = 0; value.kind == PDF_REFERENCE; hops++) {
		size_t at = (size_t)value.number;
		if (hops == PDF_DEPTH_MAX || at >= pdf->place_count || !pdf->places[at].text.at)
			return (struct pdf_value){0};
		struct pdf_place *place = &pdf->places[at];
		if (!place->value) {
			struct pdf_reader reader = {.pdf = pdf, .text = place->text, .arena = pdf->arena, .references = true};
			place->value = arena_alloc(pdf->arena, sizeof *place->value);
			if (!pdf_read(&reader, place->value) && place->value->kind != PDF_DICTIONARY)
				*place->value = (struct pdf_value){0};
			if (place->value->kind == PDF_DICTIONARY)
				place->value->text = place->stream;
		}
		value = *place->value;
	}
	return value;
}

struct pdf_value pdf_get(struct pdf *pdf, const struct pdf_value *dictionary, const char *name) { return pdf_resolve(pdf, pdf_entry(dictionary, name)); }

double pdf_number(struct pdf *pdf, const struct pdf_value *dictionary, const char *name, double otherwise)
{
	struct pdf_value value = pdf_get(pdf, dictionary, name);
	return value.kind == PDF_NUMBER ? value.number : otherwise;
}

/* ---- going through the file ---- */

/* The number of the object whose "obj" stands at `at`; -1: there is none. Backwards: "12 0 obj". */
static double number_before(struct slice file, size_t at)
{
	size_t digits = 0;
	double number = 0, place = 1;
	while (at > 0 && ascii_is_space(file.at[at - 1]))
		at--;
	while (at > 0 && ascii_is_digit(file.at[at - 1])) {
		at--;
		digits++;
	}
	if (digits == 0 || at == 0 || !ascii_is_space(file.at[at - 1]))
		return -1;
	while (at > 0 && ascii_is_space(file.at[at - 1]))
		at--;
	for (digits = 0; at > 0 && ascii_is_digit(file.at[at - 1]) && digits < 10; digits++, place *= 10)
		number += place * (file.at[--at] - '0');
	return digits > 0 ? number : -1;
}

/* The stream behind a dictionary, if there is one: as long as it says, or up to where it ends. *at: behind it. */
static struct slice stream_at(struct slice file, size_t *at, const struct pdf_value *dictionary)
{
	struct pdf_value length = pdf_entry(dictionary, "Length");
	struct slice rest = slice_skip(file, *at);
	size_t begin = 6;
	if (!slice_starts(rest, SLICE("stream")))
		return slice_make(NULL, 0);
	begin += slice_starts(slice_skip(rest, begin), SLICE("\r\n")) ? 2 : 1;
	rest = slice_skip(rest, begin);
	size_t end = length.kind == PDF_NUMBER && length.number >= 0 && length.number < (double)rest.len ? (size_t)length.number : SIZE_MAX;
	if (end == SIZE_MAX || !slice_starts(slice_trim(slice_sub(rest, end, 16)), SLICE("endstream")))
		end = slice_find(rest, SLICE("endstream"));
	if (end == SLICE_NONE)
		end = rest.len;
	*at += begin + end;
	return slice_sub(rest, 0, end);
}

static void note_trailer(struct pdf *pdf, const struct pdf_value *trailer)
{
	struct pdf_value root = pdf_entry(trailer, "Root");
	pdf->encrypted |= pdf_entry(trailer, "Encrypt").kind != PDF_NULL;
	if (root.kind == PDF_REFERENCE)
		pdf->root = root;
}

static bool is_named(const struct pdf_value *value, const char *name) { return value->kind == PDF_NAME && slice_equal(value->text, slice_of(name)); }

/* "obj" or "trailer" stands at reader->at. What it says is read to know where it ends, and forgotten. */
static void note_object(struct pdf *pdf, struct pdf_reader *reader, bool trailer)
{
	struct pdf_value value;
	double number = trailer ? 0 : number_before(reader->text, reader->at);
	reader->at += trailer ? 7 : 3;
	size_t begin = reader->at;
	if (number < 0)
		return;
	struct slice stream = {NULL, 0};
	bool whole = pdf_read(reader, &value), packed = false;
	if (whole && value.kind == PDF_DICTIONARY) {
		pdf_skip_blanks(reader);
		stream = stream_at(reader->text, &reader->at, &value);
		struct pdf_value type = pdf_entry(&value, "Type");
		packed = is_named(&type, "ObjStm");
		if (trailer || is_named(&type, "XRef"))
			note_trailer(pdf, &value);
	}
	if (!trailer)
		put_place(pdf, number, (struct pdf_place){.text = slice_skip(reader->text, begin), .stream = stream, .rank = begin, .packed = packed});
	if (!whole)
		reader->at = begin;
}

/* Where "obj" (not "endobj") or "trailer" stands next. */
static size_t next_keyword(struct slice file, size_t at, bool *trailer)
{
	for (; at + 3 <= file.len; at++) {
		*trailer = file.at[at] == 't' && slice_starts(slice_skip(file, at), SLICE("trailer"));
		if (*trailer || (file.at[at] == 'o' && file.at[at + 1] == 'b' && file.at[at + 2] == 'j' && at > 0 && file.at[at - 1] != 'd'))
			return at;
	}
	return SLICE_NONE;
}

static bool find_objects(struct pdf *pdf)
{
	struct arena *scratch = arena_new();
	struct pdf_reader reader = {.pdf = pdf, .text = pdf->file, .arena = scratch, .references = true};
	bool trailer;
	while (pdf->work < PDF_WORK_MAX && (reader.at = next_keyword(pdf->file, reader.at, &trailer)) != SLICE_NONE) {
		note_object(pdf, &reader, trailer);
		arena_reset(scratch);
	}
	arena_free(&scratch);
	return pdf->work < PDF_WORK_MAX;
}

/* ---- objects that are packed together (§7.5.7) ---- */

static void note_packed(struct pdf *pdf, const struct pdf_value *dictionary, size_t rank)
{
	struct buf unpacked = BUF(EXTRACT_UNPACKED_MAX);
	pdf_unpack(pdf, dictionary, &unpacked);
	struct slice all = arena_copy(pdf->arena, buf_slice(&unpacked));
	buf_free(&unpacked);
	struct pdf_reader reader = {.pdf = pdf, .text = all, .arena = pdf->arena};
	double first = pdf_number(pdf, dictionary, "First", 0), count = pdf_number(pdf, dictionary, "N", 0);
	for (double i = 0; i < count; i++) {
		struct pdf_value number, offset;
		if (!pdf_read(&reader, &number) || !pdf_read(&reader, &offset) || number.kind != PDF_NUMBER || offset.kind != PDF_NUMBER)
			return;
		double at = first + offset.number;
		if (at >= 0 && at < (double)all.len)
			put_place(pdf, number.number, (struct pdf_place){.text = slice_skip(all, (size_t)at), .rank = rank});
	}
}

static void find_packed(struct pdf *pdf)
{
	for (size_t i = 0; i < pdf->place_count && arena_used(pdf->arena) < PDF_MEMORY_MAX; i++) {
		struct pdf_value value = pdf->places[i].packed ? pdf_resolve(pdf, (struct pdf_value){.kind = PDF_REFERENCE, .number = (double)i}) : (struct pdf_value){0};
		if (value.kind == PDF_DICTIONARY)
			note_packed(pdf, &value, pdf->places[i].rank);
	}
}

/* Without a trailer, or with a wrong one. */
static void find_root(struct pdf *pdf)
{
	struct pdf_value root = pdf_resolve(pdf, pdf->root);
	for (size_t i = 0; pdf_entry(&root, "Pages").kind == PDF_NULL && i < pdf->place_count; i++) {
		struct pdf_value value = pdf_resolve(pdf, (struct pdf_value){.kind = PDF_REFERENCE, .number = (double)i}), type = pdf_entry(&value, "Type");
		if (is_named(&type, "Catalog"))
			root = value;
	}
	pdf->root = root;
}

bool pdf_open(struct pdf *pdf)
{
	if (!find_objects(pdf) || pdf->encrypted)
		return false;
	find_packed(pdf);
	find_root(pdf);
	return true;
}
