/* Fuzzing of encoded words: what is decoded is clean UTF-8, what is encoded is ASCII with lines that may be sent, and one
 * undoes the other. */
#include "message/header.h"

#include "message/text.h"

static void must(bool held)
{
	if (!held)
		abort();
}

static void check_lines(struct slice encoded)
{
	enum { LINE_MAX = 998 };
	struct slice line;
	size_t column = 20;
	while (encoded.len > 0) {
		bool more = slice_cut(encoded, '\n', &line, &encoded);
		must(line.len + column <= LINE_MAX);
		must(!more || (line.len > 0 && line.at[line.len - 1] == '\r' && encoded.len > 1 && encoded.at[0] == ' '));
		must(slice_find_char(slice_sub(line, 0, more ? line.len - 1 : line.len), '\r') == SLICE_NONE);
		column = 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct slice input = slice_make((const char *)data, size);
	struct slice decoded = header_decode(input, arena);
	must(slice_is_utf8(decoded) && slice_find_char(decoded, '\n') == SLICE_NONE && slice_find_char(decoded, '\0') == SLICE_NONE);
	struct slice encoded = header_encode(input, 20, arena);
	must(slice_is_ascii(encoded));
	check_lines(encoded);
	struct slice again = header_decode(header_encode(decoded, 20, arena), arena);
	must(slice_equal(slice_trim(again), slice_trim(decoded)));
	arena_free(&arena);
	return 0;
}
