/* What emails are sorted by that only their structure says: found in summaries, which are large, and in the index, which has it in narrow rows. */
#include <stdlib.h>

#include "base/array.h"
#include "base/memory.h"
#include "jmap/email.h"
#include "jmap/email_sort.h"
#include "jmap/jmap.h"
#include "message/date.h"
#include "message/subject.h"
#include "message/summary.h"

enum {
	TEXT_COMPARED = 200, /* bytes of a text that count */
	BATCH = 500,
	MANY = 500,          /* emails for which the index is asked */
	LACKING_MAX = 2000,  /* that it may not have (yet) */
};

/* ---- of a summary ---- */

/* The name of the first, or else his address (§4.4.2). */
static struct slice person(const struct address *list, size_t count, struct arena *arena)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].kind != ADDRESS_MAILBOX)
			continue;
		struct slice name = slice_trim(header_text(list[i].name, arena));
		return name.len > 0 ? name : arena_printf(arena, "%.*s@%.*s", SLICE_ARG(list[i].local), SLICE_ARG(list[i].domain));
	}
	return slice_make("", 0);
}

static struct slice compared(struct slice text, const struct jmap_comparator *by, struct arena *arena)
{
	return slice_sub(jmap_collate(by, text, arena), 0, TEXT_COMPARED);
}

void jmap_keys_read(const struct mime_part *root, const struct jmap_comparator *by, struct arena *arena, struct email_keys *keys)
{
	static const struct envelope none;
	const struct envelope *e = root && root->envelope ? root->envelope : &none;
	struct jmap_body body;
	*keys = (struct email_keys){.from = compared(person(e->from, e->from_count, arena), by, arena), .to = compared(person(e->to, e->to_count, arena), by, arena),
				    .subject = compared(subject_base(e->subject, arena), by, arena)};
	if (!date_parse(e->date, &keys->sent, NULL))
		keys->sent = 0;
	if (root) {
		jmap_body_read(root, arena, &body);
		keys->attachment = jmap_body_has_attachment(&body);
	}
}

void jmap_email_keys(const struct mime_part *root, struct arena *arena, struct email_keys *keys)
{
	static const struct jmap_comparator any;
	jmap_keys_read(root, &any, arena, keys);
}

static bool visit_batch(struct jmap_call *call, const struct email **list, size_t first, size_t count,
			void (*take)(void *context, size_t index, const struct mime_part *root, struct arena *arena), void *context)
{
	struct arena *arena = arena_new(), *one = arena_new();
	struct email *found;
	struct error error;
	int64_t *ids = arena_array(arena, count, sizeof *ids);
	for (size_t i = 0; i < count; i++)
		ids[i] = list[first + i]->id;
	bool done = email_get(call->account, ids, count, MESSAGE_SUMMARY, arena, &found, NULL, &error);
	for (size_t i = 0; done && i < count; i++) {
		take(context, first + i, found[i].id != 0 && found[i].summary.len > 0 ? summary_decode(found[i].summary, one) : NULL, one);
		arena_reset(one);
	}
	arena_free(&one);
	arena_free(&arena);
	return done || jmap_fail_error(call, &error);
}

bool jmap_summaries_visit(struct jmap_call *call, const struct email **list, size_t count,
			  void (*take)(void *context, size_t index, const struct mime_part *root, struct arena *arena), void *context)
{
	for (size_t i = 0; i < count; i += BATCH)
		if (!visit_batch(call, list, i, count - i < BATCH ? count - i : BATCH, take, context))
			return false;
	return true;
}

/* ---- of the index ---- */

/* An email that the index lacks. */
struct lacking { const struct email *email; size_t at; struct slice text; int64_t number; };

struct ranking {
	enum email_key key;
	int64_t *ids, *numbers;      /* of the list */
	struct jmap_keyed *rows;     /* of texts: messages and ranks */
	size_t row_count, row_room, next; /* next: of the list, for numbers, which come in its order */
	bool *known;
	size_t count, known_count;
	struct lacking *lacking;     /* by their texts, once these are known */
	size_t lacking_count, passed;
	struct arena *arena;
	struct buf last;             /* the text before, and its rank */
	int64_t rank;
};

static bool is_text(enum email_key key) { return key <= EMAIL_KEY_SUBJECT; }

/* The texts come in their order. */
static int64_t rank_of(struct ranking *ranking, struct slice text)
{
	if (ranking->rank == 0 || !slice_equal(buf_slice(&ranking->last), text)) {
		buf_clear(&ranking->last);
		buf_append(&ranking->last, text);
		ranking->rank++;
	}
	return ranking->rank;
}

/* Those that the index lacks and that come before the text, or up to the end. */
static void pass_lacking(struct ranking *ranking, const struct slice *text)
{
	for (; ranking->passed < ranking->lacking_count; ranking->passed++) {
		struct lacking *next = &ranking->lacking[ranking->passed];
		if (text && slice_compare(next->text, *text) > 0)
			return;
		ranking->numbers[next->at] = rank_of(ranking, next->text);
	}
}

static void note(struct ranking *ranking, size_t at, int64_t number)
{
	ranking->numbers[at] = number;
	ranking->known_count += !ranking->known[at];
	ranking->known[at] = true;
}

/* Texts come in another order than the list: where in it they belong is looked at when all are there, in the list's order, since to look for each at once would
 * read memory here and there. */
static void settle_texts(struct ranking *ranking)
{
	struct jmap_keyed *list = ranking->rows, *other = memory_array(ranking->row_count + 1, sizeof *other), *spare = other;
	size_t at = 0;
	jmap_keyed_sort(&list, &other, ranking->row_count);
	for (size_t i = 0; i < ranking->row_count; i++) {
		while (at < ranking->count && ranking->ids[at] < (int64_t)list[i].key)
			at++;
		if (at < ranking->count && ranking->ids[at] == (int64_t)list[i].key)
			note(ranking, at, list[i].number);
	}
	ranking->row_count = 0;
	free(spare);
}

static void take_key(void *context, int64_t message, int64_t number, struct slice text)
{
	struct ranking *ranking = context;
	if (is_text(ranking->key)) {
		pass_lacking(ranking, &text);
		ARRAY_GROW(ranking->rows, ranking->row_count, ranking->row_room);
		ranking->rows[ranking->row_count++] = (struct jmap_keyed){(uint64_t)message, (uint32_t)rank_of(ranking, text)};
		return;
	}
	while (ranking->next < ranking->count && ranking->ids[ranking->next] < message)
		ranking->next++;
	if (ranking->next < ranking->count && ranking->ids[ranking->next] == message)
		note(ranking, ranking->next, number);
}

/* Asks the index; false: there is none. */
static bool ask(struct ranking *ranking, struct jmap_call *call)
{
	bool done = account_keys(call->account, ranking->key, take_key, ranking);
	settle_texts(ranking);
	return done;
}

static void take_lacking(void *context, size_t index, const struct mime_part *root, struct arena *arena)
{
	struct ranking *ranking = context;
	struct lacking *lacking = &ranking->lacking[index];
	struct email_keys keys;
	jmap_email_keys(root, arena, &keys);
	if (is_text(ranking->key))
		lacking->text = arena_copy(ranking->arena, ranking->key == EMAIL_KEY_FROM ? keys.from : ranking->key == EMAIL_KEY_TO ? keys.to : keys.subject);
	else
		ranking->numbers[lacking->at] = ranking->key == EMAIL_KEY_SENT ? keys.sent : keys.attachment;
}

static int by_text(const void *a, const void *b)
{
	const struct lacking *x = a, *y = b;
	return slice_compare(x->text, y->text);
}

/* Of those that the index lacks the summaries are read; texts then find their places among those of the index. False: answered. */
static bool add_lacking(struct ranking *ranking, struct jmap_call *call, const struct email **list, bool *known)
{
	size_t count = ranking->count - ranking->known_count;
	const struct email **emails = arena_array(call->arena, count + 1, sizeof *emails);
	ranking->lacking = arena_array(call->arena, count + 1, sizeof *ranking->lacking);
	for (size_t i = 0; i < ranking->count; i++) {
		if (ranking->known[i])
			continue;
		emails[ranking->lacking_count] = list[i];
		ranking->lacking[ranking->lacking_count++] = (struct lacking){.email = list[i], .at = i};
	}
	if (!jmap_summaries_visit(call, emails, count, take_lacking, ranking))
		return false;
	if (!is_text(ranking->key))
		return true;
	qsort(ranking->lacking, count, sizeof *ranking->lacking, by_text);
	ranking->rank = 0;
	*known = ask(ranking, call);
	pass_lacking(ranking, NULL);
	return true;
}

static bool ascends(const int64_t *ids, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (ids[i - 1] >= ids[i])
			return false;
	return true;
}

bool jmap_keys_find(struct jmap_call *call, enum email_key key, const struct email **list, size_t count, int64_t *numbers, bool *known)
{
	struct ranking ranking = {.key = key, .numbers = numbers, .count = count, .arena = call->arena, .last = BUF(TEXT_COMPARED)};
	*known = false;
	if (count < MANY)
		return true;
	ranking.ids = arena_array(call->arena, count, sizeof *ranking.ids);
	ranking.known = arena_array(call->arena, count, sizeof *ranking.known);
	for (size_t i = 0; i < count; i++)
		ranking.ids[i] = list[i]->id;
	*known = ascends(ranking.ids, count) && ask(&ranking, call) && count - ranking.known_count <= LACKING_MAX;
	bool done = !*known || ranking.known_count == count || add_lacking(&ranking, call, list, known);
	buf_free(&ranking.last);
	free(ranking.rows);
	return done;
}
