/* /query and /queryChanges (RFC 8620 §5.5, §5.6): what all types do in the same way. */
#include <stdlib.h>

#include "jmap/internal.h"
#include "message/text.h"

/* ---- Reading ---- */

static bool read_comparator(struct jmap_call *call, json_t *object, struct jmap_comparator *comparator)
{
	json_t *property = json_object_get(object, "property"), *ascending = json_object_get(object, "isAscending"), *collation = json_object_get(object, "collation");
	bool known = json_is_null(collation) || slice_equal(jmap_slice_of(collation), SLICE("i;ascii-casemap"));
	if (!json_is_string(property) || (ascending && !json_is_boolean(ascending)) || (collation && !json_is_string(collation) && !json_is_null(collation)))
		return jmap_fail(call, "invalidArguments", "sort isn't a list of comparators");
	if (collation && !known)
		return jmap_fail(call, "unsupportedSort", "that collation isn't there");
	*comparator = (struct jmap_comparator){jmap_slice_of(property), !ascending || json_is_true(ascending), json_is_string(collation), object};
	return true;
}

struct slice jmap_collate(const struct jmap_comparator *by, struct slice text, struct arena *arena)
{
	if (!by->ascii)
		return text_fold(text, arena);
	char *out = arena_text(arena, text);
	for (size_t i = 0; i < text.len; i++)
		out[i] = ascii_upper(out[i]);
	return slice_make(out, text.len);
}

static bool read_sort(struct jmap_call *call, struct jmap_query *query)
{
	json_t *list, *one;
	size_t i;
	if (!jmap_argument_array(call, "sort", &list))
		return false;
	if (json_array_size(list) > JMAP_SORT_MAX)
		return jmap_fail(call, "unsupportedSort", "at most %d comparators", JMAP_SORT_MAX);
	json_array_foreach(list, i, one)
		if (!read_comparator(call, one, &query->sort[query->sort_count++]))
			return false;
	return true;
}

static bool read_common(struct jmap_call *call, const char *names, const char *further, struct jmap_query *query)
{
	*query = (struct jmap_query){.limit = JMAP_QUERY_MAX, .most = -1};
	return jmap_arguments_known(call, arena_printf(call->arena, "filter sort calculateTotal %s %s", names, further ? further : "").at) &&
	       jmap_argument_object(call, "filter", &query->filter) && read_sort(call, query) && jmap_argument_bool(call, "calculateTotal", &query->total);
}

bool jmap_query_begin(struct jmap_call *call, const char *further, struct jmap_query *query)
{
	int64_t limit = INT64_MAX;
	if (!read_common(call, "position anchor anchorOffset limit", further, query) || !jmap_argument_number(call, "position", INT64_MIN, &query->position) ||
	    !jmap_argument_text(call, "anchor", false, &query->anchor) || !jmap_argument_number(call, "anchorOffset", INT64_MIN, &query->anchor_offset) ||
	    !jmap_argument_number(call, "limit", 0, &limit))
		return false;
	query->limited = limit > JMAP_QUERY_MAX;
	query->limit = query->limited ? JMAP_QUERY_MAX : limit;
	if (query->anchor.len > 0)
		query->anchor = jmap_resolve_id(call, query->anchor);
	return jmap_argument(call, "anchor") == NULL || query->anchor.len > 0 || jmap_fail(call, "anchorNotFound", NULL);
}

bool jmap_query_changes_begin(struct jmap_call *call, const char *further, struct jmap_query *query)
{
	return read_common(call, "sinceQueryState maxChanges upToId", further, query) && jmap_argument_text(call, "sinceQueryState", true, &query->since) &&
	       jmap_argument_number(call, "maxChanges", 1, &query->most) && jmap_argument_text(call, "upToId", false, &query->up_to);
}

/* ---- Filters (RFC 8620 §5.5) ---- */

struct walk {
	struct jmap_call *call;
	bool (*condition)(struct jmap_call *call, json_t *condition, void *context);
	void *context;
	size_t conditions;
};

static bool is_operator(const json_t *name)
{
	struct slice text = jmap_slice_of(name);
	return slice_equal(text, SLICE("AND")) || slice_equal(text, SLICE("OR")) || slice_equal(text, SLICE("NOT"));
}

static bool check_filter(struct walk *walk, json_t *filter, size_t depth)
{
	json_t *operator = json_object_get(filter, "operator"), *conditions = json_object_get(filter, "conditions"), *one;
	size_t i;
	if (!json_is_object(filter))
		return jmap_fail(walk->call, "invalidArguments", "a filter is an object");
	if (++walk->conditions > JMAP_FILTER_CONDITIONS_MAX || depth > JMAP_FILTER_DEPTH_MAX)
		return jmap_fail(walk->call, "unsupportedFilter", "the filter is too large");
	if (!operator)
		return walk->condition(walk->call, filter, walk->context);
	if (!is_operator(operator) || !json_is_array(conditions) || json_object_size(filter) != 2)
		return jmap_fail(walk->call, "invalidArguments", "an operator of a filter is AND, OR or NOT, with conditions");
	json_array_foreach(conditions, i, one)
		if (!check_filter(walk, one, depth + 1))
			return false;
	return true;
}

bool jmap_filter_check(struct jmap_call *call, json_t *filter, bool (*condition)(struct jmap_call *call, json_t *condition, void *context), void *context)
{
	struct walk walk = {call, condition, context, 0};
	return !filter || check_filter(&walk, filter, 1);
}

/* ---- The window (RFC 8620 §5.5) ---- */

bool jmap_query_window(struct jmap_call *call, const struct jmap_query *query, size_t all, size_t anchor, size_t *first, size_t *count)
{
	int64_t begin = query->position;
	if (query->anchor.len > 0) {
		if (anchor == SIZE_MAX)
			return jmap_fail(call, "anchorNotFound", NULL);
		begin = (int64_t)anchor + query->anchor_offset;
	} else if (begin < 0)
		begin += (int64_t)all;
	if (begin < 0)
		begin = 0;
	*first = (uint64_t)begin > all ? all : (size_t)begin;
	*count = all - *first < (uint64_t)query->limit ? all - *first : (size_t)query->limit;
	if ((uint64_t)begin > all)
		*first = (size_t)begin;
	return true;
}

void jmap_query_end(struct jmap_call *call, const struct jmap_query *query, const char *state, bool can_calculate_changes, json_t *ids, size_t first, size_t all)
{
	json_t *response = json_pack("{s:s, s:s, s:b, s:I, s:o}", "accountId", call->request->account_id, "queryState", state, "canCalculateChanges", can_calculate_changes,
				     "position", (json_int_t)first, "ids", ids);
	if (query->total)
		json_object_set_new(response, "total", json_integer((json_int_t)all));
	if (query->limited || !jmap_argument(call, "limit"))
		json_object_set_new(response, "limit", json_integer(query->limit));
	jmap_respond(call, call->method->name, response);
}

static size_t find_number(const int64_t *ids, size_t count, int64_t id)
{
	for (size_t i = 0; i < count; i++)
		if (ids[i] == id)
			return i;
	return SIZE_MAX;
}

void jmap_query_answer(struct jmap_call *call, const struct jmap_query *query, const char *state, bool can_calculate_changes, char kind, const int64_t *ids, size_t all)
{
	size_t first, count;
	int64_t anchor = jmap_id_parse(kind, query->anchor);
	if (!jmap_query_window(call, query, all, anchor != 0 ? find_number(ids, all, anchor) : SIZE_MAX, &first, &count))
		return;
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, jmap_id(kind, ids[first + i]));
	jmap_query_end(call, query, state, can_calculate_changes, list, first, all);
}

/* ---- /queryChanges (RFC 8620 §5.6) ---- */

static int by_number(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

static bool has_number(const int64_t *sorted, size_t count, int64_t id)
{
	return count > 0 && bsearch(&id, sorted, count, sizeof id, by_number);
}

/* What was touched may have moved: it is taken out where it was, and put in where it is now. */
void jmap_query_changes_answer(struct jmap_call *call, const struct jmap_query *query, const char *state, char kind, const int64_t *ids, size_t all, const int64_t *touched,
			       size_t touched_count)
{
	json_t *removed = json_array(), *added = json_array();
	int64_t up_to = jmap_id_parse(kind, query->up_to);
	size_t end = up_to != 0 ? find_number(ids, all, up_to) : SIZE_MAX;
	for (size_t i = 0; i < touched_count; i++)
		json_array_append_new(removed, jmap_id(kind, touched[i]));
	for (size_t i = 0; i < all && (end == SIZE_MAX || i <= end); i++)
		if (has_number(touched, touched_count, ids[i]))
			json_array_append_new(added, json_pack("{s:o, s:I}", "id", jmap_id(kind, ids[i]), "index", (json_int_t)i));
	if (query->most >= 0 && json_array_size(removed) + json_array_size(added) > (uint64_t)query->most) {
		json_decref(removed);
		json_decref(added);
		jmap_fail(call, "tooManyChanges", NULL);
		return;
	}
	json_t *response = json_pack("{s:s, s:s%, s:s, s:o, s:o}", "accountId", call->request->account_id, "oldQueryState", query->since.at, query->since.len, "newQueryState", state,
				     "removed", removed, "added", added);
	if (query->total)
		json_object_set_new(response, "total", json_integer((json_int_t)all));
	jmap_respond(call, call->method->name, response);
}
