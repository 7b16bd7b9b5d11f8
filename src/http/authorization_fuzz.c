/* libFuzzer: any bytes as the value of a field Authorization. What is read of it lies within it, or is as long at most. */
#include <assert.h>

#include "http/authorization.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct http_authorization read;
	struct slice value = slice_make((const char *)data, size);
	if (http_authorization_parse(value, arena, &read)) {
		assert(read.scheme == HTTP_BASIC || read.scheme == HTTP_BEARER);
		assert(read.scheme != HTTP_BASIC || (read.name.len > 0 && read.name.len + read.password.len < size));
		assert(read.scheme != HTTP_BASIC || (slice_is_utf8(read.name) && slice_find_char(read.name, ':') == SLICE_NONE));
		assert(read.scheme != HTTP_BEARER || (read.token.len > 0 && read.token.at >= value.at && slice_is_printable(read.token)));
	}
	arena_free(&arena);
	return 0;
}
