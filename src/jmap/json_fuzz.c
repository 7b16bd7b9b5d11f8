/* libFuzzer: any bytes as JSON of a stranger. What is read is I-JSON (RFC 7493) within its limits, and comes back as the same when it is written. */
#include <stdlib.h>
#include <string.h>

#include "jmap/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
	if (!so)
		abort();
}

/* No noncharacter, no half of a surrogate pair. */
static void is_text(struct slice text)
{
	must(slice_is_utf8(text));
	for (size_t i = 0; i + 3 <= text.len; i++) {
		const unsigned char *at = (const unsigned char *)text.at + i;
		must(at[0] != 0xed || at[1] < 0xa0);
		must(at[0] != 0xef || !((at[1] == 0xb7 && at[2] >= 0x90 && at[2] <= 0xaf) || (at[1] == 0xbf && at[2] >= 0xbe)));
		must(i + 4 > text.len || at[0] < 0xf0 || (at[1] & 0x0f) != 0x0f || at[2] != 0xbf || at[3] < 0xbe);
	}
}

static size_t look(json_t *value, size_t depth)
{
	size_t count = 1, i;
	const char *key;
	json_t *part;
	must(depth <= JMAP_DEPTH_MAX);
	if (json_is_string(value))
		is_text(jmap_slice_of(value));
	json_array_foreach(value, i, part)
		count += look(part, depth + 1);
	json_object_foreach(value, key, part) {
		is_text(slice_of(key));
		must(json_object_get(value, key) == part);
		count += 1 + look(part, depth + 1);
	}
	return count;
}

static void comes_back(json_t *value)
{
	struct jmap_problem problem;
	struct buf written = BUF(16 << 20);
	jmap_json_write(&written, value);
	must(!written.overflow);
	json_t *again = jmap_json_read(buf_slice(&written), &problem);
	must(again && json_equal(again, value));
	json_decref(again);
	buf_free(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jmap_problem problem = {0};
	char *copy = malloc(size + 1); /* of its length, so that reading beyond is seen */
	if (!copy)
		return 0;
	if (size > 0)
		memcpy(copy, data, size);
	copy = realloc(copy, size > 0 ? size : 1);
	json_t *value = jmap_json_read(slice_make(copy, size), &problem);
	if (value) {
		must(look(value, 0) <= JMAP_VALUES_MAX);
		comes_back(value);
		json_decref(value);
	} else {
		must(problem.status == 400 && problem.type && problem.detail);
	}
	free(copy);
	return 0;
}
