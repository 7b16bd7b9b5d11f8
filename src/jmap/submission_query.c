/* EmailSubmission/query (RFC 8621 §7.3): of all submissions of an account, OBJECTS_MAX at most, those that a filter wants, in order. */
#include <stdlib.h>
#include <string.h>

#include "jmap/submission.h"

/* One, as far as filters and orders ask. */
struct entry {
	int64_t id, email, thread, sent;
	json_t *json;
	const struct jmap_query *query;
};

/* ---- Filters ---- */

static bool are_ids(const json_t *list)
{
	size_t i;
	json_t *one;
	json_array_foreach(list, i, one)
		if (!json_is_string(one))
			return false;
	return json_is_array(list);
}

static bool is_date(const json_t *value)
{
	int64_t seconds;
	return json_is_string(value) && jmap_date_read(jmap_slice_of(value), &seconds);
}

static bool check_condition(struct jmap_call *call, json_t *condition, void *context)
{
	static const char *const lists[] = {"identityIds", "emailIds", "threadIds", NULL};
	const char *key;
	json_t *value;
	(void)context;
	json_object_foreach(condition, key, value) {
		bool list = false, date = strcmp(key, "before") == 0 || strcmp(key, "after") == 0;
		for (size_t i = 0; lists[i]; i++)
			list |= strcmp(key, lists[i]) == 0;
		if (!list && !date && strcmp(key, "undoStatus") != 0)
			return jmap_fail(call, "unsupportedFilter", "there is no such condition");
		if (list ? !are_ids(value) : date ? !is_date(value) : !json_is_string(value))
			return jmap_fail(call, "invalidArguments", "%.50s has a value of the wrong kind", key);
	}
	return true;
}

static bool lists(const json_t *list, const json_t *id)
{
	size_t i;
	json_t *one;
	json_array_foreach(list, i, one)
		if (json_equal(one, id))
			return true;
	return false;
}

static bool is_within(const struct entry *entry, const json_t *condition)
{
	const json_t *before = json_object_get(condition, "before"), *after = json_object_get(condition, "after");
	int64_t limit;
	return (!before || (jmap_date_read(jmap_slice_of(before), &limit) && entry->sent < limit)) && (!after || (jmap_date_read(jmap_slice_of(after), &limit) && entry->sent >= limit));
}

static bool meets(const struct entry *entry, const json_t *condition)
{
	static const struct { const char *condition, *property; } lists_of[] = {{"identityIds", "identityId"}, {"emailIds", "emailId"}, {"threadIds", "threadId"}};
	const json_t *status = json_object_get(condition, "undoStatus");
	for (size_t i = 0; i < sizeof lists_of / sizeof *lists_of; i++) {
		const json_t *list = json_object_get(condition, lists_of[i].condition);
		if (list && !lists(list, json_object_get(entry->json, lists_of[i].property)))
			return false;
	}
	return (!status || json_equal(status, json_object_get(entry->json, "undoStatus"))) && is_within(entry, condition);
}

/* Its depth was checked (jmap_filter_check). */
static bool matches(const struct entry *entry, const json_t *filter)
{
	const json_t *operator = json_object_get(filter, "operator"), *one;
	size_t i;
	if (!filter)
		return true;
	if (!operator)
		return meets(entry, filter);
	bool all = slice_equal(jmap_slice_of(operator), SLICE("AND")), none = slice_equal(jmap_slice_of(operator), SLICE("NOT"));
	json_array_foreach(json_object_get(filter, "conditions"), i, one)
		if (matches(entry, one) != all)
			return !all && !none;
	return all || none;
}

/* ---- Order ---- */

static int64_t key_of(const struct entry *entry, struct slice property)
{
	return slice_equal(property, SLICE("emailId")) ? entry->email : slice_equal(property, SLICE("threadId")) ? entry->thread : entry->sent;
}

static int by_order(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;
	for (size_t i = 0; i < left->query->sort_count; i++) {
		const struct jmap_comparator *by = &left->query->sort[i];
		int64_t x = key_of(left, by->property), y = key_of(right, by->property);
		if (x != y)
			return (x < y) == by->ascending ? -1 : 1;
	}
	return (left->id > right->id) - (left->id < right->id);
}

static bool check_sort(struct jmap_call *call, const struct jmap_query *query)
{
	static const char *const known[] = {"emailId", "threadId", "sentAt", "sendAt"};
	for (size_t i = 0; i < query->sort_count; i++) {
		bool good = false;
		for (size_t j = 0; j < sizeof known / sizeof *known; j++)
			good |= slice_equal(query->sort[i].property, slice_of(known[j]));
		if (!good)
			return jmap_fail(call, "unsupportedSort", "there is no such order");
	}
	return true;
}

/* ---- Both methods ---- */

static void describe(struct entry *entry, const struct object *object, const struct jmap_query *query)
{
	*entry = (struct entry){.id = object->id, .json = jmap_object_json(object, JMAP_ID_SUBMISSION), .query = query};
	entry->email = jmap_id_parse(JMAP_ID_EMAIL, jmap_slice_of(json_object_get(entry->json, "emailId")));
	entry->thread = jmap_id_parse(JMAP_ID_THREAD, jmap_slice_of(json_object_get(entry->json, "threadId")));
	jmap_date_read(jmap_slice_of(json_object_get(entry->json, "sendAt")), &entry->sent);
}

/* The ids of those that match, in order. False: answered. */
static bool find_all(struct jmap_call *call, const struct jmap_query *query, int64_t **ids, size_t *count)
{
	struct object *list;
	struct error error;
	size_t all, found = 0;
	int64_t state;
	if (!object_list(call->account, OBJECT_SUBMISSION, call->arena, &list, &all, &state, &error))
		return jmap_fail_error(call, &error);
	struct entry *entries = arena_array(call->arena, all + 1, sizeof *entries);
	for (size_t i = 0; i < all; i++) {
		describe(&entries[found], &list[i], query);
		if (matches(&entries[found], query->filter))
			found++;
		else
			json_decref(entries[found].json);
	}
	qsort(entries, found, sizeof *entries, by_order);
	*ids = arena_array(call->arena, found + 1, sizeof **ids);
	for (size_t i = 0; i < found; i++) {
		(*ids)[i] = entries[i].id;
		json_decref(entries[i].json);
	}
	*count = found;
	return true;
}

enum net_run jmap_submission_query(struct jmap_call *call)
{
	struct jmap_query query;
	struct error error;
	char state[JMAP_STATE_MAX + 1];
	int64_t *ids;
	size_t count;
	jmap_submissions_settle(call);
	if (!jmap_query_begin(call, NULL, &query) || !jmap_filter_check(call, query.filter, check_condition, NULL) || !check_sort(call, &query))
		return RUN_DONE;
	if (!jmap_submission_type.state(call->account, state, &error))
		jmap_fail_error(call, &error);
	else if (find_all(call, &query, &ids, &count))
		jmap_query_answer(call, &query, state, true, JMAP_ID_SUBMISSION, ids, count);
	return RUN_DONE;
}

enum net_run jmap_submission_query_changes(struct jmap_call *call)
{
	struct jmap_query query;
	int64_t *ids;
	size_t count;
	jmap_submissions_settle(call);
	if (!jmap_query_changes_begin(call, NULL, &query) || !jmap_filter_check(call, query.filter, check_condition, NULL) || !check_sort(call, &query))
		return RUN_DONE;
	if (query.filter)
		query.up_to = (struct slice){0}; /* it may ask for undoStatus, which changes: all of it counts (RFC 8620 §5.6) */
	if (find_all(call, &query, &ids, &count))
		jmap_object_query_changes(call, &query, OBJECT_SUBMISSION, JMAP_ID_SUBMISSION, ids, count);
	return RUN_DONE;
}
