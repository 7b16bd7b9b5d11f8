/* What a role that was taken over may send to the keeper of the queue: an envelope that is read is written again as it was. */
#include "queue/handin.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_make((const char *)data, size);
	struct arena *arena = arena_new();
	struct queue_handin handin;
	if (queue_handin_decode(text, arena, &handin)) {
		struct buf again = BUF(CALL_TEXT_MAX);
		assert(queue_handin_encode(&handin, &again));
		assert(slice_equal(buf_slice(&again), text));
		buf_free(&again);
	}
	arena_free(&arena);
	return 0;
}
