/* libFuzzer: any bytes as a request of JMAP that has no account: JSON within its limits, results of former calls, pointers, patches. Checks that an answer is JSON,
 * has a response to each call at least, and is no larger than what was asked and may be referred to. */
#include <assert.h>

#include "jmap/core_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void patch_with_itself(json_t *answer)
{
	json_t *list = json_object_get(answer, "methodResponses"), *arguments = json_array_get(json_array_get(list, 0), 1);
	json_t *object = json_object_get(arguments, "object"), *patch = json_object_get(arguments, "patch");
	if (json_is_object(object) && json_is_object(patch)) {
		json_t *before = json_deep_copy(object), *after = jmap_patch(object, patch);
		assert(json_equal(before, object));
		json_decref(before);
		json_decref(after);
	}
}

static void read_texts(struct slice text)
{
	int64_t seconds;
	json_t *mended = jmap_text(text);
	assert(slice_is_utf8(jmap_slice_of(mended)));
	json_decref(mended);
	if (jmap_date_read(text, &seconds))
		json_decref(jmap_date(seconds));
	jmap_id_parse('e', text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1);
	for (size_t i = 0; i < size; i++)
		copy[i] = (char)data[i];
	struct slice text = slice_make(copy, size);
	json_t *answer = fixture_ask(text);
	assert(json_is_object(answer));
	assert(json_object_get(answer, "status") || json_is_array(json_object_get(answer, "methodResponses")));
	patch_with_itself(answer);
	json_decref(answer);
	read_texts(text);
	free(copy);
	return 0;
}
