/* libFuzzer: any bytes as what comes before sign-in. Whatever the pieces that they come in, the same command is found at the same
 * place, in bounds; nothing is found before it is there. This is what strangers reach: it is fuzzed the longest (tools/fuzz). */
#include <assert.h>
#include <stdlib.h>

#include "imap/before.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_in(struct slice part, struct slice whole)
{
	return part.len == 0 || (part.at >= whole.at && part.at + part.len <= whole.at + whole.len);
}

static void check(const struct imap_before *before, struct slice input)
{
	assert(before->length > 0 && before->length <= input.len);
	assert(before->error || before->verb < BEFORE_VERBS);
	assert(slice_equal(before->tag, SLICE("*")) || lies_in(before->tag, input));
	assert(lies_in(before->mechanism, input) && lies_in(before->initial, input) && lies_in(before->client, input));
	for (size_t i = 0; i < BEFORE_WORDS; i++)
		assert(before->words[i].len <= BEFORE_WORD_MAX);
	assert(before->close || input.at[before->length - 1] == '\n');
}

/* The first command of `input`, of which `there` bytes have come; what is waited for is allowed. */
static enum imap_before_found read_first(struct slice input, size_t there, struct imap_before *before)
{
	unsigned continued = 0;
	char *copy = malloc(there + 1); /* so that reading past what has come is seen */
	if (there > 0)
		memcpy(copy, input.at, there);
	enum imap_before_found found;
	while ((found = imap_before_read(slice_make(copy, there), continued, before)) == BEFORE_CONTINUE)
		assert(continued++ < BEFORE_WORDS);
	if (found == BEFORE_WHOLE)
		check(before, slice_make(copy, there));
	free(copy);
	return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct imap_before whole, part;
	struct slice input = slice_make((const char *)data, size);
	while (input.len > 0 && read_first(input, input.len, &whole) == BEFORE_WHOLE && !whole.close) {
		size_t step = whole.length / 16 + 1;
		for (size_t there = 0; there < whole.length; there += step)
			assert(read_first(input, there, &part) == BEFORE_INCOMPLETE);
		assert(read_first(input, whole.length, &part) == BEFORE_WHOLE && part.length == whole.length && part.error == whole.error);
		input = slice_skip(input, whole.length);
	}
	return 0;
}
