/* Lines of event files, which hold what strangers have said, and what either side of the channel may say: rows stay within what they may be, and are read as they were written. */
#include "story/story.h"

#include <assert.h>

static void read_line(struct slice line, struct arena *arena, struct story *story)
{
	struct event event;
	struct story_row row;
	if (!event_parse(line, arena, &event))
		return;
	for (unsigned sides = 1; sides <= (STORY_SENDER | STORY_RECIPIENT); sides++)
		if (story_row_of(&event, SLICE("a@b.test"), sides, arena, &row) && story->count < STORY_ROWS_MAX)
			story->rows[story->count++] = row;
	story_sides(&event, SLICE("a@b.test"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct story story = {.rows = arena_array(arena, STORY_ROWS_MAX, sizeof(struct story_row))}, again;
	struct story_question question;
	struct slice text = slice_make((const char *)data, size), rest = text, line;
	struct buf out = BUF(CALL_ANSWER_MAX);
	while (rest.len > 0) {
		slice_cut(rest, '\n', &line, &rest);
		read_line(line, arena, &story);
	}
	for (size_t i = 0; i < story.count; i++)
		for (size_t k = 0; k < STORY_FIELDS; k++)
			assert(story.rows[i].values[k].len <= STORY_VALUE_MAX);
	story_question_decode(text, &question);
	if (story_decode(text, arena, &again))
		assert(again.count <= STORY_ROWS_MAX);
	story_encode(&story, &out);
	assert(out.overflow || !story_decode(slice_sub(buf_slice(&out), 0, out.len - 1), arena, &again));
	buf_free(&out);
	arena_free(&arena);
	return 0;
}
