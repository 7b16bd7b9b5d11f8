/* Fuzzing of Authentication-Results: what was read can be written, and is read again as the same. */
#include "authres/authres.h"

static void must(bool held)
{
	if (!held)
		abort();
}

/* Names are tokens in what we write: of others they may be anything, and then they aren't written. */
static bool is_token(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_alpha(name.at[i]) && !ascii_is_digit(name.at[i]) && name.at[i] != '-')
			return false;
	return name.len > 0 && name.len < 100;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct buf out = BUF(16 * AUTHRES_FIELD_MAX);
	struct slice by, again_by;
	struct authres_result *results, *again;
	size_t count, again_count, kept = 0;
	if (authres_read(slice_make((const char *)data, size), arena, &by, &results, &count)) {
		for (size_t i = 0; i < count; i++)
			if (is_token(results[i].method) && is_token(results[i].result) && results[i].count == 0)
				results[kept++] = results[i];
		authres_write_body(is_token(by) ? by : SLICE("a"), results, kept, &out);
		must(!out.overflow && authres_read(buf_slice(&out), arena, &again_by, &again, &again_count) && again_count == kept);
		for (size_t i = 0; i < kept; i++)
			must(slice_equal(results[i].method, again[i].method) && slice_equal(results[i].result, again[i].result));
	}
	buf_free(&out);
	arena_free(&arena);
	return 0;
}
