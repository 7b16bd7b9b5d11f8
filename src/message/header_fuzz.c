/* Fuzzing of header blocks: the fields are all of the block, in order, and nothing else. */
#include "message/header.h"
#include "message/mime.h"

static void must(bool held)
{
	if (!held)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct slice input = slice_make((const char *)data, size), rest = input;
	struct header_field field;
	while (header_next(&rest, &field)) {
		must(field.whole.at + field.whole.len == rest.at && field.name.len + field.body.len <= field.whole.len);
		struct slice unfolded = header_unfold(field.body, arena);
		must(slice_find_char(unfolded, '\n') == SLICE_NONE && slice_find_char(unfolded, '\0') == SLICE_NONE);
	}
	enum header_line kind = header_line(slice_sub(rest, 0, slice_find_char(rest, '\n') + (slice_find_char(rest, '\n') != SLICE_NONE)), true);
	must(rest.len == 0 || kind == HEADER_EMPTY || kind == HEADER_NONE);
	size_t len = header_length(input), fields = size - rest.len;
	must(header_is_ended(input, len) == (len > fields));
	must(len >= fields && len - fields <= 2 && len <= size);
	envelope_parse(input, 10, arena);
	arena_free(&arena);
	return 0;
}
