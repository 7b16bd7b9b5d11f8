/* Fuzzing of excerpts: made of any header they hold just the fields that it has, in its order; and any bytes can be read as one. */
#include "message/excerpt.h"
#include "message/header.h"

static void must(bool held)
{
	if (!held)
		abort();
}

/* Every field of the header that was asked for, and nothing else. */
static void compare(struct slice header, struct slice excerpt, uint64_t fields)
{
	struct excerpt_reader reader;
	struct header_field field;
	struct slice whole;
	if (!excerpt_read(excerpt, fields, &reader))
		return;
	while (header_next(&header, &field)) {
		struct slice line = slice_sub(field.whole, 0, EXCERPT_NAME_SEEN);
		struct header_field named;
		size_t end = slice_find_char(line, '\n');
		line = slice_sub(line, 0, end == SLICE_NONE ? line.len : end + 1);
		if (!header_next(&line, &named) || named.name.len == 0 || !(excerpt_field(named.name) & fields))
			continue;
		must(excerpt_next(&reader, &whole) && slice_equal(whole, field.whole));
	}
	must(!excerpt_next(&reader, &whole) && !reader.damaged);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct slice input = slice_make((const char *)data, size), header = slice_sub(input, 0, header_length(input)), whole;
	uint64_t all = UINT64_C(0x000fffffffffffff), some = excerpt_field(SLICE("subject")) | excerpt_field(SLICE("from"));
	for (enum excerpt_kind kind = EXCERPT_SHORT; kind < EXCERPT_KINDS; kind++) {
		struct slice excerpt = excerpt_make(header, kind, arena);
		must(excerpt_is_current(excerpt) && excerpt.len <= 9 + 3 * (kind == EXCERPT_LONG ? EXCERPT_LONG_MAX : EXCERPT_SHORT_MAX));
		compare(header, excerpt, all);
		compare(header, excerpt, some);
	}
	struct excerpt_reader reader;
	if (excerpt_read(input, some, &reader))
		while (excerpt_next(&reader, &whole))
			must(whole.at >= input.at && whole.at + whole.len <= input.at + input.len);
	arena_free(&arena);
	return 0;
}
