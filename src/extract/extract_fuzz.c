/* Fuzzing of what gets text out of documents: the input is a document, of PDF if it begins so, and the XML of one. */
#include "extract/extract.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_make((const char *)data, size);
	struct buf text = BUF(EXTRACT_TEXT_MAX), small = BUF(100);
	if (extract_kind_of(SLICE("x"), input) == EXTRACT_PDF)
		extract_text(EXTRACT_PDF, input, &text);
	else
		extract_text(EXTRACT_OFFICE, input, &text);
	buf_clear(&text);
	text.overflow = false;
	extract_xml(input, &text);
	if (text.len > size + 1)
		abort(); /* nothing grows */
	extract_xml(input, &small);
	buf_free(&text);
	buf_free(&small);
	return 0;
}
