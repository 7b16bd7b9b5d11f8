/* Finding the lines of a message in the event files, the newest file first: what is looked for are the message's numbers in the field `id`, and for who asks by Message-ID the event with
 * which one was accepted. Files are searched for the bytes, and only lines that have them are taken apart. See story.h. */
#include "story/story.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/random.h"

enum { PASSES_MAX = 3, NEEDLE_MAX = ID_TEXT_LEN + 8 };

/* A message: the one that is asked about, or one that came of it. */
struct known {
	char id[ID_TEXT_LEN + 1];
	unsigned sides;
	bool accepted;             /* its beginning was found */
};
struct line { struct slice text; size_t known; };

struct finding {
	const struct story_question *question;
	struct arena *arena, *scratch; /* scratch: of one line */
	struct known known[STORY_IDS_MAX];
	size_t count;
	struct line *lines;
	size_t line_count, line_room;
	uint64_t bytes;
	bool cut, grown;           /* cut: there is more than is read */
	size_t wanted;             /* in this pass: those from here on */
};

static void add_known(struct finding *self, struct slice id)
{
	for (size_t i = 0; i < self->count; i++)
		if (slice_equal(slice_of(self->known[i].id), id))
			return;
	if (id.len != ID_TEXT_LEN || id_parse(id) == 0)
		return;
	self->cut |= self->count == STORY_IDS_MAX;
	if (self->count == STORY_IDS_MAX)
		return;
	snprintf(self->known[self->count++].id, ID_TEXT_LEN + 1, "%.*s", SLICE_ARG(id));
	self->grown = true;
}

/* The line around a place in a text. */
static struct slice line_at(struct slice text, size_t at)
{
	size_t begin = at, end = at;
	while (begin > 0 && text.at[begin - 1] != '\n')
		begin--;
	while (end < text.len && text.at[end] != '\n')
		end++;
	return slice_sub(text, begin, end - begin);
}

/* Calls `visit` with each line that has these bytes; false: it was enough. */
static bool each_line(struct slice text, struct slice needle, bool (*visit)(struct finding *self, struct slice line, size_t which), struct finding *self, size_t which)
{
	for (size_t at; needle.len > 0 && (at = slice_find(text, needle)) != SLICE_NONE;) {
		struct slice line = line_at(text, at);
		if (!visit(self, line, which))
			return false;
		text = slice_skip(text, (size_t)(line.at + line.len - text.at));
	}
	return true;
}

/* ---- By Message-ID ---- */

static struct slice without_brackets(struct slice text)
{
	return text.len > 2 && text.at[0] == '<' && text.at[text.len - 1] == '>' ? slice_sub(text, 1, text.len - 2) : text;
}

static bool note_accepted(struct finding *self, struct slice line, size_t which)
{
	struct event event;
	(void)which;
	arena_reset(self->scratch);
	if (event_parse(line, self->scratch, &event) && slice_equal(event_get(&event, "event"), SLICE("message.accepted")) &&
	    slice_equal(without_brackets(event_get(&event, "msgid")), self->question->message_id))
		add_known(self, event_get(&event, "id"));
	return self->count < STORY_IDS_MAX;
}

/* True: go on. */
static bool may_read(struct finding *self, struct slice text)
{
	self->bytes += text.len;
	self->cut |= self->bytes > STORY_BYTES_MAX;
	return self->bytes <= STORY_BYTES_MAX;
}

static bool look_for_message_id(void *context, struct slice text)
{
	struct finding *self = context;
	return may_read(self, text) && each_line(text, self->question->message_id, note_accepted, self, 0);
}

/* ---- By number ---- */

static bool keep_line(struct finding *self, struct slice line, size_t which)
{
	struct event event;
	struct known *known = &self->known[which];
	arena_reset(self->scratch);
	if (!event_parse(line, self->scratch, &event) || !slice_equal(event_get(&event, "id"), slice_of(known->id)))
		return true;
	self->cut |= self->line_count == STORY_LINES_MAX;
	if (self->line_count == STORY_LINES_MAX)
		return false;
	ARENA_GROW(self->arena, self->lines, self->line_count, self->line_room);
	self->lines[self->line_count++] = (struct line){arena_copy(self->arena, line), which};
	known->sides |= story_sides(&event, self->question->account);
	known->accepted |= slice_equal(event_get(&event, "event"), SLICE("message.accepted"));
	/* What was set apart for this account, or let go for it alone, went on under another number. */
	if (story_sides(&event, self->question->account) == STORY_RECIPIENT && event_get(&event, "as").len > 0)
		add_known(self, event_get(&event, "as"));
	return true;
}

/* Until the beginning of all of them was met; what came of another message has none. */
static bool is_begun(const struct finding *self, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (!self->known[i].accepted)
			return false;
	return true;
}

static bool look_for_numbers(void *context, struct slice text)
{
	struct finding *self = context;
	size_t end = self->count;
	if (is_begun(self, self->wanted, end) || !may_read(self, text))
		return false;
	for (size_t i = self->wanted; i < end; i++) {
		char needle[NEEDLE_MAX];
		snprintf(needle, sizeof needle, " id=%s", self->known[i].id);
		if (!each_line(text, slice_of(needle), keep_line, self, i))
			return false;
	}
	return true;
}

static bool gather(struct finding *self, const char *data, struct error *error)
{
	bool done = true;
	self->wanted = 0;
	for (int pass = 0; done && pass < PASSES_MAX && self->wanted < self->count; pass++) {
		size_t end = self->count;
		done = event_files_back(data, look_for_numbers, self, error);
		self->wanted = end;
	}
	return done;
}

/* ---- Telling ---- */

static int by_time(const void *a, const void *b)
{
	const struct story_row *first = a, *second = b;
	int order = slice_compare(first->time, second->time);
	return order != 0 ? order : (first->event > second->event) - (first->event < second->event);
}

/* A message that came of one of his is his, too. */
static unsigned sides_of(const struct finding *self, size_t which) { return self->known[which].sides; }

static void tell(struct finding *self, struct story *story)
{
	struct story_row row;
	story->rows = arena_array(self->arena, STORY_ROWS_MAX, sizeof *story->rows);
	for (size_t i = 0; i < self->line_count; i++) {
		struct event event;
		arena_reset(self->scratch);
		unsigned sides = sides_of(self, self->lines[i].known);
		if (sides == 0 || !event_parse(self->lines[i].text, self->scratch, &event) || !story_row_of(&event, self->question->account, sides, self->arena, &row))
			continue;
		self->cut |= story->count == STORY_ROWS_MAX;
		if (story->count < STORY_ROWS_MAX)
			story->rows[story->count++] = row;
	}
	if (story->count > 0)
		qsort(story->rows, story->count, sizeof *story->rows, by_time);
	story->complete = !self->cut;
}

bool story_find(const char *data, const struct story_question *question, struct arena *arena, struct story *story, struct error *error)
{
	struct finding self = {.question = question, .arena = arena, .scratch = arena_new()};
	char id[ID_TEXT_LEN + 1];
	bool done = true;
	*story = (struct story){.complete = true};
	if (question->id != 0) {
		id_format(question->id, id);
		add_known(&self, slice_of(id));
	} else if (question->message_id.len > 0)
		done = event_files_back(data, look_for_message_id, &self, error);
	self.bytes = 0;
	done = done && gather(&self, data, error);
	if (done)
		tell(&self, story);
	arena_free(&self.scratch);
	return done;
}
