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

/* An email with a value for each comparator behind it. */
struct sorted { const struct email *email; union value *values; };

struct sorting {
	const struct jmap_query *query;
	enum order options[JMAP_SORT_MAX];
	struct slice keywords[JMAP_SORT_MAX];
	struct jmap_thread_keyword threads[JMAP_SORT_MAX];
	struct jmap_snoozes snoozes;
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
		one->values[i].number = jmap_email_has_keyword(email, sorting->keywords[i]);
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

static bool is_number(const struct sorting *sorting, size_t i) { return !is_text(sorting->options[i]) || sorting->ranks[i]; }

/* Those that are the same otherwise stand as the store walks. */
static bool ends_ascending(const struct jmap_query *query) { return query->sort_count > 0 && query->sort[query->sort_count - 1].ascending; }

static int compare(const void *left, const void *right, void *context)
{
	const struct sorting *sorting = context;
	const struct sorted *a = left, *b = right;
	int order = 0;
	for (size_t i = 0; i < sorting->query->sort_count; i++) {
		const union value *x = &a->values[i], *y = &b->values[i];
		order = is_number(sorting, i) ? (x->number > y->number) - (x->number < y->number) : slice_compare(x->text, y->text);
		if (order != 0)
			return sorting->query->sort[i].ascending ? order : -order;
	}
	if (sorting->query->sort_count == 0)
		order = (a->email->received > b->email->received) - (a->email->received < b->email->received);
	if (order == 0)
		order = (a->email->id > b->email->id) - (a->email->id < b->email->id);
	return ends_ascending(sorting->query) ? order : -order;
}

/* ---- by numbers alone: of many digit by digit, what counts the least first ---- */

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, MANY = 200 };

/* Keeps the order of those with the same digit. */
static void sort_digit(const struct jmap_keyed *from, struct jmap_keyed *to, size_t count, uint64_t least, unsigned shift)
{
	uint32_t places[DIGITS] = {0}, place = 0;
	for (size_t i = 0; i < count; i++)
		places[(from[i].key - least) >> shift & (DIGITS - 1)]++;
	for (size_t digit = 0; digit < DIGITS; digit++) {
		uint32_t those = places[digit];
		places[digit] = place;
		place += those;
	}
	for (size_t i = 0; i < count; i++)
		to[places[(from[i].key - least) >> shift & (DIGITS - 1)]++] = from[i];
}

/* What all keys are above doesn't count, so that they have few digits. */
void jmap_keyed_sort(struct jmap_keyed **list, struct jmap_keyed **other, size_t count)
{
	uint64_t least = UINT64_MAX, most = 0;
	bool sorted_already = true;
	for (size_t i = 0; i < count; i++) {
		sorted_already &= (*list)[i].key >= most;
		least = (*list)[i].key < least ? (*list)[i].key : least;
		most = (*list)[i].key > most ? (*list)[i].key : most;
	}
	for (unsigned shift = 0; !sorted_already && shift < 64 && (most - least) >> shift != 0; shift += DIGIT_BITS) {
		struct jmap_keyed *sorted = *other;
		sort_digit(*list, sorted, count, least, shift);
		*other = *list;
		*list = sorted;
	}
}

static uint64_t key_of(int64_t number, bool ascending)
{
	uint64_t key = (uint64_t)number ^ UINT64_C(1) << 63;
	return ascending ? key : ~key;
}

static void sort_many(struct sorting *sorting, size_t count)
{
	const struct jmap_query *query = sorting->query;
	struct jmap_keyed *list = arena_array(sorting->arena, count, sizeof *list), *other = arena_array(sorting->arena, count, sizeof *other);
	struct sorted *sorted = arena_array(sorting->arena, count, sizeof *sorted);
	bool ascending = ends_ascending(query);
	for (size_t i = 0; i < count; i++) { /* they come by ids, as a rule */
		size_t at = ascending ? i : count - 1 - i;
		list[i] = (struct jmap_keyed){key_of(sorting->list[at].email->id, ascending), (uint32_t)at};
	}
	jmap_keyed_sort(&list, &other, count);
	for (size_t by = query->sort_count; by-- > 0;) {
		for (size_t i = 0; i < count; i++)
			list[i].key = key_of(sorting->list[list[i].number].values[by].number, query->sort[by].ascending);
		jmap_keyed_sort(&list, &other, count);
	}
	for (size_t i = 0; i < count; i++)
		sorted[i] = sorting->list[list[i].number];
	sorting->list = sorted;
}

/* Is all that is compared a number? Then digits tell the order sooner than comparing does. */
static bool by_digits(const struct sorting *sorting, size_t count)
{
	bool numbers = sorting->query->sort_count > 0;
	for (size_t i = 0; i < sorting->query->sort_count; i++)
		numbers &= is_number(sorting, i);
	return numbers && count >= MANY && count < UINT32_MAX;
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
		sorting.keywords[i] = sorting.threads[i].keyword = jmap_slice_of(json_object_get(query->sort[i].object, "keyword"));
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
	if (by_digits(&sorting, count))
		sort_many(&sorting, count);
	else if (count > 0)
		qsort_r(sorting.list, count, sizeof *sorting.list, compare, &sorting);
	for (size_t i = 0; i < count; i++)
		list[i] = sorting.list[i].email;
	return true;
}
