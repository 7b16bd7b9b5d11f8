/* Sorting emails; see email_sort.h. What is compared is found first, once for each. */
#include "jmap/email_sort.h"

#include "jmap/email_snooze.h"

const char *const jmap_email_sort_options[] = {
	"receivedAt", "size", "from", "to", "subject", "sentAt", "snoozedUntil", "hasKeyword", "allInThreadHaveKeyword", "someInThreadHaveKeyword", NULL,
};
enum order { BY_RECEIVED, BY_SIZE, BY_FROM, BY_TO, BY_SUBJECT, BY_SENT, BY_SNOOZED, BY_KEYWORD, BY_ALL_IN_THREAD, BY_SOME_IN_THREAD, BY_NOTHING };

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

/* ---- what is compared ---- */

union value { int64_t number; struct slice text; };

/* An email with a value for each comparator behind it; the first, if it is a number, and the id are at hand: most is decided by them. */
struct sorted { const struct email *email; union value *values; int64_t first, id; };

struct sorting {
	const struct jmap_query *query;
	enum order options[JMAP_SORT_MAX];
	struct jmap_thread_keyword threads[JMAP_SORT_MAX];
	struct jmap_snoozes snoozes;
	bool by_number;              /* the first comparator */
	bool ranks[JMAP_SORT_MAX];   /* a text's place among all is known, as a number */
	struct sorted *list;
	struct arena *arena; /* of the call */
};

static bool is_text(enum order option) { return option == BY_FROM || option == BY_TO || option == BY_SUBJECT; }

static void take_envelope(void *context, size_t index, const struct mime_part *root, struct arena *arena)
{
	struct sorting *sorting = context;
	struct email_keys keys;
	for (size_t i = 0; i < sorting->query->sort_count; i++) {
		union value *value = &sorting->list[index].values[i];
		enum order option = sorting->options[i];
		if (sorting->ranks[i] || (!is_text(option) && option != BY_SENT))
			continue;
		jmap_keys_read(root, &sorting->query->sort[i], arena, &keys);
		if (is_text(option))
			value->text = arena_copy(sorting->arena, option == BY_FROM ? keys.from : option == BY_TO ? keys.to : keys.subject);
		else if (option == BY_SENT)
			value->number = keys.sent;
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
	if (sorting->by_number && a->first != b->first)
		return (a->first > b->first) == sorting->query->sort[0].ascending ? 1 : -1;
	for (size_t i = sorting->by_number; i < sorting->query->sort_count; i++) {
		const union value *x = &a->values[i], *y = &b->values[i];
		int order = is_text(sorting->options[i]) && !sorting->ranks[i] ? slice_compare(x->text, y->text) : (x->number > y->number) - (x->number < y->number);
		if (order != 0)
			return sorting->query->sort[i].ascending ? order : -order;
	}
	/* As the store walks, which is the order where nothing is asked for. */
	int order = 0;
	if (sorting->query->sort_count > 0)
		ascending = sorting->query->sort[sorting->query->sort_count - 1].ascending;
	else
		order = (a->email->received > b->email->received) - (a->email->received < b->email->received);
	if (order == 0)
		order = (a->id > b->id) - (a->id < b->id);
	return ascending ? order : -order;
}

/* Texts and times out of the index, where many are sorted; else out of the summaries. False: answered. */
static bool find_keys(struct sorting *sorting, struct jmap_call *call, const struct email **list, size_t count)
{
	bool summaries = false;
	int64_t *numbers = arena_array(call->arena, count + 1, sizeof *numbers);
	for (size_t i = 0; i < sorting->query->sort_count; i++) {
		enum order option = sorting->options[i];
		if (!is_text(option) && option != BY_SENT)
			continue;
		enum email_key key = option == BY_FROM ? EMAIL_KEY_FROM : option == BY_TO ? EMAIL_KEY_TO : option == BY_SUBJECT ? EMAIL_KEY_SUBJECT : EMAIL_KEY_SENT;
		bool known;
		if (sorting->query->sort[i].ascii && is_text(option))
			known = false; /* the index has them without regard to case in any script */
		else if (!jmap_keys_find(call, key, list, count, numbers, &known))
			return false;
		sorting->ranks[i] = known;
		summaries |= !known;
		for (size_t k = 0; known && k < count; k++)
			sorting->list[k].values[i].number = numbers[k];
	}
	return !summaries || jmap_summaries_visit(call, list, count, take_envelope, sorting);
}

bool jmap_sort_emails(struct jmap_call *call, const struct jmap_query *query, const struct email **list, size_t count, const struct email *all, size_t all_count)
{
	struct sorting sorting = {.query = query, .arena = call->arena, .list = arena_array(call->arena, count + 1, sizeof *sorting.list)};
	union value *values = arena_array(call->arena, count * query->sort_count + 1, sizeof *values);
	bool snoozes = false;
	struct error error;
	for (size_t i = 0; i < query->sort_count; i++) {
		sorting.options[i] = option_of(&query->sort[i]);
		snoozes |= sorting.options[i] == BY_SNOOZED;
		sorting.threads[i].keyword = jmap_slice_of(json_object_get(query->sort[i].object, "keyword"));
		if (sorting.options[i] >= BY_ALL_IN_THREAD)
			jmap_thread_keyword_find(&sorting.threads[i], all, all_count, call->arena);
	}
	if (snoozes && !jmap_snoozes_read(call, &sorting.snoozes, &error))
		return jmap_fail_error(call, &error);
	for (size_t i = 0; i < count; i++) {
		sorting.list[i] = (struct sorted){.email = list[i], .values = values + i * query->sort_count};
		for (size_t k = 0; k < query->sort_count; k++)
			take_known(&sorting, &sorting.list[i], k);
	}
	if (!find_keys(&sorting, call, list, count))
		return false;
	sorting.by_number = query->sort_count > 0 && (!is_text(sorting.options[0]) || sorting.ranks[0]);
	for (size_t i = 0; i < count; i++) {
		sorting.list[i].id = list[i]->id;
		sorting.list[i].first = sorting.by_number ? sorting.list[i].values[0].number : 0;
	}
	if (count > 0)
		qsort_r(sorting.list, count, sizeof *sorting.list, compare, &sorting);
	for (size_t i = 0; i < count; i++)
		list[i] = sorting.list[i].email;
	return true;
}
