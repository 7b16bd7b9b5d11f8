/* Fuzzing: whatever a body holds and however it is cut, what DATA carries has one end, and only CRLF line ends. */
#include <assert.h>

#include "courier/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice body = slice_make((const char *)data, size), line, rest;
	struct courier_stuffing stuffing = {0};
	struct buf out = BUF(stuffing_room(size));
	size_t step = size > 0 ? data[0] % 7 + 1 : 1;
	for (size_t at = 0; at < size; at += step)
		courier_stuffing_add(&stuffing, slice_sub(body, at, step), &out);
	courier_stuffing_end(&stuffing, &out);
	assert(!out.overflow);
	rest = buf_slice(&out);
	while (rest.len > 0) {
		size_t end = slice_find(rest, SLICE("\r\n"));
		assert(end != SLICE_NONE);
		line = slice_sub(rest, 0, end);
		assert(slice_find_char(line, '\r') == SLICE_NONE && slice_find_char(line, '\n') == SLICE_NONE);
		rest = slice_skip(rest, end + 2);
		assert(slice_equal(line, SLICE(".")) == (rest.len == 0));
	}
	buf_free(&out);
	return 0;
}
