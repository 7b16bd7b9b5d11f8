/* libFuzzer: any bytes as a body in chunks. The first byte says in what pieces they arrive. Checks that pieces make no difference, that progress is
 * made, that memory stays within what is announced, and that the body, written anew as one chunk, is read the same. */
#include <assert.h>

#include "base/buf.h"
#include "base/memory.h"
#include "http/chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum http_chunk feed(struct slice input, size_t step, struct buf *body, size_t *used)
{
	struct http_chunks chunks = {.part = HTTP_CHUNK_SIZE};
	enum http_chunk result = HTTP_CHUNK_MORE;
	size_t come = 0;
	*used = 0;
	while (result == HTTP_CHUNK_MORE) {
		struct slice unit;
		char *copy = come > *used ? memory_copy(input.at + *used, come - *used) : NULL;
		size_t length = http_chunk_length(&chunks, slice_make(copy, come - *used));
		assert(length <= come - *used && (length > 0 || come - *used < HTTP_TRAILER_MAX));
		if (length > 0) {
			result = http_chunk_take(&chunks, slice_make(copy, length), &unit);
			assert(unit.len == 0 || unit.len == length);
			buf_append(body, unit);
			*used += length;
		}
		free(copy);
		if (length == 0 && come == input.len)
			break;
		if (length == 0)
			come = come + step < input.len ? come + step : input.len;
	}
	return result;
}

static void check_again(const struct buf *body)
{
	struct buf text = BUF(body->len + 100), again = BUF(body->len + 1);
	size_t used;
	if (body->len > 0) {
		buf_printf(&text, "%zX\r\n", body->len);
		buf_append(&text, buf_slice(body));
		buf_append_text(&text, "\r\n");
	}
	buf_append_text(&text, "0\r\n\r\n");
	assert(feed(buf_slice(&text), text.len, &again, &used) == HTTP_CHUNK_DONE && used == text.len && slice_equal(buf_slice(body), buf_slice(&again)));
	buf_free(&text);
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct slice input = slice_make((const char *)data + 1, size - 1);
	struct buf one = BUF(size), other = BUF(size);
	size_t used, other_used;
	enum http_chunk result = feed(input, input.len, &one, &used);
	assert(feed(input, (size_t)data[0] + 1, &other, &other_used) == result);
	assert(result == HTTP_CHUNK_BROKEN || (slice_equal(buf_slice(&one), buf_slice(&other)) && (result == HTTP_CHUNK_MORE || used == other_used)));
	if (result == HTTP_CHUNK_DONE)
		check_again(&one);
	buf_free(&one);
	buf_free(&other);
	return 0;
}
