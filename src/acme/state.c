/* What the acme role knows of each set of names, beside what the master says of it each time. */
#include "acme/internal.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"

struct acme_state *acme_state_find(struct acme_work *work, struct slice id)
{
	for (size_t i = 0; i < work->count; i++)
		if (slice_equal(slice_of(work->states[i]->id), id))
			return work->states[i];
	return NULL;
}

struct acme_state *acme_state_have(struct acme_work *work, struct slice id)
{
	struct acme_state *state = acme_state_find(work, id);
	if (state)
		return state;
	state = memory_new(sizeof *state);
	*state = (struct acme_state){.id = memory_copy(id.at, id.len), .memory = arena_new(), .chance = (unsigned)random_below(ACME_CHANCES)};
	ARRAY_GROW(work->states, work->count, work->room);
	work->states[work->count++] = state;
	return state;
}

void acme_state_free(struct acme_state *state)
{
	free(state->id);
	free(state->candidates);
	free(state->left_out);
	arena_free(&state->memory);
	free(state);
}

/* "ID\tFAILURES\tRETRY\tWHY": so that a server that is started again and again asks no authority again and again. */
void acme_note_write(struct acme_work *work)
{
	struct buf text = BUF(ACME_NOTE_MAX), answer = BUF(ACME_QUESTION_MAX);
	struct error error;
	for (size_t i = 0; i < work->count; i++) {
		const struct acme_state *state = work->states[i];
		if (state->failures > 0)
			buf_printf(&text, "%s\t%u\t%lld\t%s\n", state->id, state->failures, (long long)state->retry_at, state->why);
	}
	if (!acme_ask_master(work, buf_slice(&text), &answer, &error, "note"))
		log_warning("certificate.unnoted", log_text("reason", error.text));
	buf_free(&text);
	buf_free(&answer);
}

static void read_line(struct acme_work *work, struct slice line)
{
	struct slice id, failures, retry, why;
	uint64_t count, at;
	if (!slice_cut(line, '\t', &id, &line) || !slice_cut(line, '\t', &failures, &line) || !slice_cut(line, '\t', &retry, &why) || !acme_is_name(id) ||
	    !slice_to_number(failures, 1000, &count) || !slice_to_number(retry, INT64_MAX, &at))
		return;
	struct acme_state *state = acme_state_have(work, id);
	state->failures = (unsigned)count;
	/* A clock that was ahead then mustn't keep us from asking for years. */
	state->retry_at = (int64_t)at < clock_now() + 8 * 86400 ? (int64_t)at : 0;
	snprintf(state->why, sizeof state->why, "%.*s", SLICE_ARG(why));
}

void acme_note_read(struct acme_work *work)
{
	struct buf text = BUF(ACME_NOTE_MAX);
	struct error error;
	struct slice rest, line;
	if (work->has_noted)
		return;
	work->has_noted = acme_ask_master(work, SLICE(""), &text, &error, "noted");
	rest = buf_slice(&text);
	pthread_mutex_lock(&work->lock);
	while (slice_cut(rest, '\n', &line, &rest))
		read_line(work, line);
	pthread_mutex_unlock(&work->lock);
	buf_free(&text);
}

void acme_state_set_why(struct acme_work *work, struct acme_state *state, const char *why)
{
	pthread_mutex_lock(&work->lock);
	snprintf(state->why, sizeof state->why, "%s", why);
	for (char *at = state->why; *at; at++) /* it goes into lines with tabs */
		if ((unsigned char)*at < ' ')
			*at = ' ';
	pthread_mutex_unlock(&work->lock);
}
