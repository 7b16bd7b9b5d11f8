/* Text of PDF files: from page to page (ISO 32000-1 §7.7.3). */
#include "extract/extract.h"
#include "extract/pdf.h"

static void add_content(struct pdf *pdf, struct pdf_value stream, struct buf *content)
{
	stream = pdf_resolve(pdf, stream);
	if (stream.kind == PDF_DICTIONARY)
		pdf_unpack(pdf, &stream, content);
	buf_append_char(content, '\n');
}

static void read_page(struct pdf *pdf, const struct pdf_value *page, const struct pdf_value *resources, struct buf *out)
{
	struct pdf_value content = pdf_get(pdf, page, "Contents");
	struct buf stream = BUF(EXTRACT_UNPACKED_MAX);
	if (content.kind == PDF_ARRAY)
		for (size_t i = 0; i < content.count; i++)
			add_content(pdf, content.items[i], &stream);
	else
		add_content(pdf, content, &stream);
	pdf_paint(pdf, buf_slice(&stream), resources, out);
	buf_append_char(out, '\n');
	buf_free(&stream);
}

/* A page, or what has pages below it, each looked at once. */
static void read_node(struct pdf *pdf, struct pdf_value reference, struct pdf_value resources, int depth, struct buf *out)
{
	if (reference.kind == PDF_REFERENCE && (size_t)reference.number < pdf->place_count) {
		struct pdf_place *place = &pdf->places[(size_t)reference.number];
		if (place->visited)
			return;
		place->visited = true;
	}
	struct pdf_value node = pdf_resolve(pdf, reference), kids = pdf_get(pdf, &node, "Kids"), own = pdf_get(pdf, &node, "Resources");
	if (node.kind != PDF_DICTIONARY || depth > PDF_DEPTH_MAX || out->overflow || ++pdf->pages > PDF_PAGES_MAX)
		return;
	if (own.kind == PDF_DICTIONARY)
		resources = own;
	if (kids.kind != PDF_ARRAY)
		read_page(pdf, &node, &resources, out);
	for (size_t i = 0; kids.kind == PDF_ARRAY && i < kids.count; i++)
		read_node(pdf, kids.items[i], resources, depth + 1, out);
}

/* Pages that nothing leads to, where nothing leads to any. */
static void read_all_pages(struct pdf *pdf, struct buf *out)
{
	for (size_t i = 0; i < pdf->place_count; i++) {
		struct pdf_value reference = {.kind = PDF_REFERENCE, .number = (double)i}, node = pdf_resolve(pdf, reference), type = pdf_entry(&node, "Type");
		if (type.kind == PDF_NAME && slice_equal(type.text, SLICE("Page")))
			read_node(pdf, reference, (struct pdf_value){0}, 0, out);
	}
}

bool pdf_text(struct slice file, struct buf *out)
{
	struct pdf pdf = {.arena = arena_new(), .file = file};
	bool opened = pdf_open(&pdf);
	if (opened) {
		read_node(&pdf, pdf_entry(&pdf.root, "Pages"), (struct pdf_value){0}, 0, out);
		if (pdf.pages <= 1)
			read_all_pages(&pdf, out);
	}
	arena_free(&pdf.arena);
	return opened && pdf.work < PDF_WORK_MAX && pdf.unpacked <= EXTRACT_UNPACKED_MAX;
}
