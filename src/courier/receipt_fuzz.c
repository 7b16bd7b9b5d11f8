/* Fuzzing: whatever tells of a message's fate stays within bounds and comes out clean. */
#include <assert.h>

#include "courier/receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_clean(struct slice text)
{
	assert(text.len <= RECEIPT_TEXT_MAX);
	for (size_t i = 0; i < text.len; i++)
		assert(text.at[i] >= ' ' && text.at[i] < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct courier_receipt receipt;
	if (courier_receipt_read(slice_make((const char *)data, size), arena, &receipt)) {
		assert(receipt.recipient_count <= RECEIPT_RECIPIENTS_MAX);
		is_clean(receipt.envelope);
		is_clean(receipt.message_id);
		for (size_t i = 0; i < receipt.recipient_count; i++) {
			is_clean(receipt.recipients[i].address);
			is_clean(receipt.recipients[i].original);
			is_clean(receipt.recipients[i].reply);
		}
	}
	arena_free(&arena);
	return 0;
}
