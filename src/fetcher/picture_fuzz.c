/* libFuzzer: any bytes as a picture, and as an answer of the fetcher role's. What is called a picture begins as one; no answer holds more than came. */
#include <assert.h>
#include <stdint.h>

#include "fetcher/fetcher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_make((const char *)data, size), bytes = SLICE("");
	enum fetcher_outcome outcome;
	const char *type = fetcher_picture_type(text);
	assert(!type || (slice_starts(slice_of(type), SLICE("image/")) && size >= 3 && data[0] != '<'));
	if (fetcher_answer_read(text, &outcome, &bytes))
		assert(outcome < FETCHER_OUTCOMES && bytes.len == size - 1 && (outcome == FETCHER_DONE || bytes.len == 0));
	return 0;
}
