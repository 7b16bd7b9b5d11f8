/* What either side of a channel may say about quarantine that was taken over: the keeper reads any question, the asker any answer. */
#include "queue/handin.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_make((const char *)data, size);
	struct arena *arena = arena_new();
	struct queue_apart *list;
	struct queue_apart_shown shown;
	size_t count;
	struct wire_reader reader = {.rest = text};
	if (queue_apart_read_list(&reader, arena, &list, &count))
		for (size_t i = 0; i < count; i++)
			assert(list[i].message >= 0 && list[i].recipient >= 0);
	reader = (struct wire_reader){.rest = text};
	if (queue_apart_read_shown(&reader, arena, &shown))
		assert(shown.points >= -QUEUE_POINTS_MAX && shown.points <= QUEUE_POINTS_MAX && shown.head.len <= QUEUE_APART_HEAD_MAX);
	arena_free(&arena);
	return 0;
}
