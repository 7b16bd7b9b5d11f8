/* Sorting emails; see email_sort.h. What is compared is found first, once for each. */
#include "jmap/email_sort.h"

#include "jmap/email_snooze.h"
#include "message/date.h"
#include "message/subject.h"
#include "message/summary.h"

const char *const jmap_email_sort_options[] = {
	"receivedAt", "size", "from", "to", "subject", "sentAt", "snoozedUntil", "hasKeyword", "allInThreadHaveKeyword", "someInThreadHaveKeyword", NULL,
};
enum order { BY_RECEIVED, BY_SIZE, BY_FROM, BY_TO, BY_SUBJECT, BY_SENT, BY_SNOOZED, BY_KEYWORD, BY_ALL_IN_THREAD, BY_SOME_IN_THREAD, BY_NOTHING };

enum { TEXT_COMPARED = 200 /* bytes of a text that count */, BATCH = 500 };

static enum order option_of(const struct jmap_comparator *comparator)
{
	enum order option = 0;
	while (option < BY_NOTHING && !slice_equal(comparator->property, slice_of(jmap_email_sort_options[option])))
		option++;
	return option;
}

bool jmap_sort_check(struct jmap_call *call, const struct jmap_query *query)
{
	for (size_t i = 0; i < query->sort_count; i++) {
		enum order option = option_of(&query->sort[i]);
		if (option == BY_NOTHING)
			return jmap_fail(call, "unsupportedSort", "emails can't be sorted by that");
		if (option >= BY_KEYWORD && json_string_length(json_object_get(query->sort[i].object, "keyword")) == 0)
			return jmap_fail(call, "invalidArguments", "the comparator has no keyword");
	}
	return true;
}

bool jmap_sort_is_by_received(const struct jmap_query *query, bool *ascending)
{
	*ascending = query->sort_count > 0 && query->sort[0].ascending;
	return query->sort_count == 0 || (query->sort_count == 1 && option_of(&query->sort[0]) == BY_RECEIVED);
}

bool jmap_sort_asks_threads(const struct jmap_query *query)
{
	for (size_t i = 0; i < query->sort_count; i++)
		if (option_of(&query->sort[i]) >= BY_ALL_IN_THREAD)
			return true;
	return false;
}

bool jmap_sort_asks_snoozes(const struct jmap_query *query)
{
	for (size_t i = 0; i < query->sort_count; i++)
		if (option_of(&query->sort[i]) == BY_SNOOZED)
			return true;
	return false;
}

/* ---- summaries ---- */

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

/* ---- what is compared ---- */

union value { int64_t number; struct slice text; };

/* An email with a value for each comparator behind it. */
struct sorted { const struct email *email; union value *values; };

struct sorting {
	const struct jmap_query *query;
	enum order options[JMAP_SORT_MAX];
	struct jmap_thread_keyword threads[JMAP_SORT_MAX];
	struct jmap_snoozes snoozes;
	struct sorted *list;
	struct arena *arena; /* of the call */
};

static bool is_text(enum order option) { return option == BY_FROM || option == BY_TO || option == BY_SUBJECT; }

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

static void take_envelope(void *context, size_t index, const struct mime_part *root, struct arena *arena)
{
	struct sorting *sorting = context;
	static const struct envelope none;
	const struct envelope *e = root ? root->envelope : &none;
	for (size_t i = 0; i < sorting->query->sort_count; i++) {
		union value *value = &sorting->list[index].values[i];
		enum order option = sorting->options[i];
		struct slice text = {"", 0};
		if (option == BY_FROM || option == BY_TO)
			text = option == BY_FROM ? person(e->from, e->from_count, arena) : person(e->to, e->to_count, arena);
		else if (option == BY_SUBJECT)
			text = subject_base(e->subject, arena);
		else if (option == BY_SENT && !date_parse(e->date, &value->number, NULL))
			value->number = 0;
		if (is_text(option))
			value->text = arena_copy(sorting->arena, slice_sub(jmap_collate(&sorting->query->sort[i], text, arena), 0, TEXT_COMPARED));
	}
}

static void take_known(struct sorting *sorting, struct sorted *one, size_t i)
{
	const struct email *email = one->email;
	struct slice keyword = jmap_slice_of(json_object_get(sorting->query->sort[i].object, "keyword"));
	const struct snooze *snooze;
	switch (sorting->options[i]) {
	case BY_SNOOZED: /* what is awake, as by receivedAt */
		snooze = snooze_find(sorting->snoozes.at, sorting->snoozes.count, email->id);
		one->values[i].number = snooze ? snooze->until : email->received;
		break;
	case BY_RECEIVED:
		one->values[i].number = email->received;
		break;
	case BY_SIZE:
		one->values[i].number = (int64_t)email->size;
		break;
	case BY_KEYWORD:
		one->values[i].number = jmap_email_has_keyword(email, keyword);
		break;
	case BY_ALL_IN_THREAD:
		one->values[i].number = jmap_thread_all(&sorting->threads[i], email->thread);
		break;
	case BY_SOME_IN_THREAD:
		one->values[i].number = jmap_thread_some(&sorting->threads[i], email->thread);
		break;
	default:
		break;
	}
}

static int compare(const void *left, const void *right, void *context)
{
	const struct sorting *sorting = context;
	const struct sorted *a = left, *b = right;
	bool ascending = false;
	for (size_t i = 0; i < sorting->query->sort_count; i++) {
		const union value *x = &a->values[i], *y = &b->values[i];
		int order = is_text(sorting->options[i]) ? slice_compare(x->text, y->text) : (x->number > y->number) - (x->number < y->number);
		ascending = sorting->query->sort[i].ascending;
		if (order != 0)
			return ascending ? order : -order;
	}
	/* As the store walks, which is the order where nothing is asked for. */
	int order = (a->email->received > b->email->received) - (a->email->received < b->email->received);
	if (sorting->query->sort_count > 0 || order == 0)
		order = (a->email->id > b->email->id) - (a->email->id < b->email->id);
	return ascending ? order : -order;
}

bool jmap_sort_emails(struct jmap_call *call, const struct jmap_query *query, const struct email **list, size_t count, const struct email *all, size_t all_count)
{
	struct sorting sorting = {.query = query, .arena = call->arena, .list = arena_array(call->arena, count + 1, sizeof *sorting.list)};
	union value *values = arena_array(call->arena, count * query->sort_count + 1, sizeof *values);
	bool summaries = false, snoozes = false;
	struct error error;
	for (size_t i = 0; i < query->sort_count; i++) {
		sorting.options[i] = option_of(&query->sort[i]);
		snoozes |= sorting.options[i] == BY_SNOOZED;
		summaries |= is_text(sorting.options[i]) || sorting.options[i] == BY_SENT;
		sorting.threads[i].keyword = jmap_slice_of(json_object_get(query->sort[i].object, "keyword"));
		if (sorting.options[i] >= BY_ALL_IN_THREAD)
			jmap_thread_keyword_find(&sorting.threads[i], all, all_count, call->arena);
	}
	if (snoozes && !jmap_snoozes_read(call, &sorting.snoozes, &error))
		return jmap_fail_error(call, &error);
	for (size_t i = 0; i < count; i++) {
		sorting.list[i] = (struct sorted){list[i], values + i * query->sort_count};
		for (size_t k = 0; k < query->sort_count; k++)
			take_known(&sorting, &sorting.list[i], k);
	}
	if (summaries && !jmap_summaries_visit(call, list, count, take_envelope, &sorting))
		return false;
	if (count > 0)
		qsort_r(sorting.list, count, sizeof *sorting.list, compare, &sorting);
	for (size_t i = 0; i < count; i++)
		list[i] = sorting.list[i].email;
	return true;
}
