/* Mailbox/query and Mailbox/queryChanges (RFC 8621 §2.3, §2.4). There are few of them: all are looked at. */
#include "jmap/mailbox.h"

/* What is asked, and what is known of each mailbox while it is answered. */
struct asking {
	const struct jmap_query *query;
	struct jmap_mailboxes all;
	struct arena *arena;
	bool sort_as_tree, filter_as_tree;
};

struct entry {
	const struct mailbox *mailbox;
	struct slice folded; /* its name, for filters, */
	struct slice collated; /* … and for the order */
	struct entry *parent;
	size_t depth;
	bool matches;
};

/* ---- filter ---- */

static bool is_nullable_text(const json_t *value) { return json_is_string(value) || json_is_null(value); }

static bool check_condition(struct jmap_call *call, json_t *condition, void *context)
{
	const char *name;
	json_t *value;
	(void)context;
	json_object_foreach(condition, name, value) {
		bool text = strcmp(name, "name") == 0, nullable = strcmp(name, "parentId") == 0 || strcmp(name, "role") == 0;
		bool truth = strcmp(name, "hasAnyRole") == 0 || strcmp(name, "isSubscribed") == 0;
		if (!text && !nullable && !truth)
			return jmap_fail(call, "unsupportedFilter", "mailboxes have no condition of the name %.100s", name);
		if ((text && !json_is_string(value)) || (nullable && !is_nullable_text(value)) || (truth && !json_is_boolean(value)))
			return jmap_fail(call, "invalidArguments", "the condition %.100s is of another type", name);
	}
	return true;
}

static bool matches_property(const struct asking *asking, const struct entry *entry, const char *name, const json_t *value)
{
	const char *role = jmap_mailbox_role(entry->mailbox);
	int64_t parent = jmap_id_parse(JMAP_ID_MAILBOX, jmap_slice_of(value));
	if (strcmp(name, "parentId") == 0)
		return entry->mailbox->parent == parent && (parent != 0 || json_is_null(value));
	if (strcmp(name, "name") == 0)
		return slice_find(entry->folded, text_fold(jmap_slice_of(value), asking->arena)) != SLICE_NONE;
	if (strcmp(name, "role") == 0)
		return json_is_null(value) ? !role : role && slice_equal(slice_of(role), jmap_slice_of(value));
	if (strcmp(name, "hasAnyRole") == 0)
		return json_is_true(value) == (role != NULL);
	return json_is_true(value) == entry->mailbox->subscribed;
}

static bool matches(const struct asking *asking, const struct entry *entry, const json_t *filter)
{
	struct slice operator = jmap_slice_of(json_object_get(filter, "operator"));
	const json_t *conditions = json_object_get(filter, "conditions");
	const char *name;
	json_t *value;
	if (operator.len == 0) {
		json_object_foreach((json_t *)filter, name, value)
			if (!matches_property(asking, entry, name, value))
				return false;
		return true;
	}
	bool all = slice_equal(operator, SLICE("AND"));
	for (size_t i = 0; i < json_array_size(conditions); i++)
		if (matches(asking, entry, json_array_get(conditions, i)) != all)
			return slice_equal(operator, SLICE("OR"));
	return !slice_equal(operator, SLICE("OR"));
}

/* ---- order ---- */

static int compare_by(const struct jmap_comparator *comparator, const struct entry *a, const struct entry *b)
{
	uint32_t left = a->mailbox->sort_order, right = b->mailbox->sort_order;
	int order = slice_equal(comparator->property, SLICE("sortOrder")) ? (left > right) - (left < right) : slice_compare(a->collated, b->collated);
	return comparator->ascending ? order : -order;
}

static int compare_plainly(const struct asking *asking, const struct entry *a, const struct entry *b)
{
	for (size_t i = 0; i < asking->query->sort_count; i++) {
		int order = compare_by(&asking->query->sort[i], a, b);
		if (order != 0)
			return order;
	}
	return (a->mailbox->id > b->mailbox->id) - (a->mailbox->id < b->mailbox->id);
}

/* Ancestors come first; cousins as their nearest ancestors that are siblings (§2.3). */
static int compare_as_tree(const struct asking *asking, const struct entry *a, const struct entry *b)
{
	int deeper = (a->depth > b->depth) - (a->depth < b->depth);
	while (a->depth > b->depth)
		a = a->parent;
	while (b->depth > a->depth)
		b = b->parent;
	if (a == b)
		return deeper;
	while (a->parent != b->parent) {
		a = a->parent;
		b = b->parent;
	}
	return compare_plainly(asking, a, b);
}

static int compare(const void *left, const void *right, void *context)
{
	const struct asking *asking = context;
	const struct entry *a = *(struct entry *const *)left, *b = *(struct entry *const *)right;
	return asking->sort_as_tree ? compare_as_tree(asking, a, b) : compare_plainly(asking, a, b);
}

static int by_id(const void *left, const void *right)
{
	int64_t a = ((const struct entry *)left)->mailbox->id, b = ((const struct entry *)right)->mailbox->id;
	return (a > b) - (a < b);
}

static struct entry *find_entry(struct entry *entries, size_t count, int64_t id)
{
	struct mailbox wanted = {.id = id};
	struct entry key = {.mailbox = &wanted};
	return id != 0 ? bsearch(&key, entries, count, sizeof *entries, by_id) : NULL;
}

static bool is_above_included(const struct entry *entry)
{
	for (entry = entry->parent; entry; entry = entry->parent)
		if (!entry->matches)
			return false;
	return true;
}

static struct entry *make_entries(struct asking *asking)
{
	size_t count = asking->all.count;
	struct jmap_comparator by_name = {0};
	struct entry *entries = arena_array(asking->arena, count + 1, sizeof *entries);
	for (size_t i = 0; i < asking->query->sort_count; i++)
		by_name.ascii |= asking->query->sort[i].ascii;
	for (size_t i = 0; i < count; i++) {
		struct slice name = jmap_mailbox_name(&asking->all.at[i]);
		entries[i] = (struct entry){.mailbox = &asking->all.at[i], .folded = text_fold(name, asking->arena), .collated = jmap_collate(&by_name, name, asking->arena)};
	}
	if (count > 0)
		qsort(entries, count, sizeof *entries, by_id);
	for (size_t i = 0; i < count; i++) {
		entries[i].parent = find_entry(entries, count, entries[i].mailbox->parent);
		entries[i].matches = !asking->query->filter || matches(asking, &entries[i], asking->query->filter);
	}
	for (size_t i = 0; i < count; i++)
		for (struct entry *above = entries[i].parent; above && entries[i].depth <= MAILBOX_DEPTH_MAX; above = above->parent)
			entries[i].depth++;
	return entries;
}

/* The ids of what is found, in order. */
static int64_t *find_all(struct asking *asking, size_t *found)
{
	struct entry *entries = make_entries(asking), **list = arena_array(asking->arena, asking->all.count + 1, sizeof *list);
	int64_t *ids = arena_array(asking->arena, asking->all.count + 1, sizeof *ids);
	*found = 0;
	for (size_t i = 0; i < asking->all.count; i++)
		if (entries[i].matches && (!asking->filter_as_tree || is_above_included(&entries[i])))
			list[(*found)++] = &entries[i];
	if (*found > 0)
		qsort_r(list, *found, sizeof *list, compare, asking);
	for (size_t i = 0; i < *found; i++)
		ids[i] = list[i]->mailbox->id;
	return ids;
}

/* ---- the methods ---- */

static bool check_sort(struct jmap_call *call, const struct jmap_query *query)
{
	for (size_t i = 0; i < query->sort_count; i++)
		if (!slice_equal(query->sort[i].property, SLICE("sortOrder")) && !slice_equal(query->sort[i].property, SLICE("name")))
			return jmap_fail(call, "unsupportedSort", "mailboxes are sorted by sortOrder and name");
	return true;
}

static bool begin(struct jmap_call *call, struct jmap_query *query, struct asking *asking, char state[JMAP_STATE_MAX + 1])
{
	struct error error;
	*asking = (struct asking){.query = query, .arena = call->arena};
	if (!check_sort(call, query) || !jmap_filter_check(call, query->filter, check_condition, NULL) ||
	    !jmap_argument_bool(call, "sortAsTree", &asking->sort_as_tree) || !jmap_argument_bool(call, "filterAsTree", &asking->filter_as_tree))
		return false;
	if (jmap_mailbox_type.state(call->account, state, &error) && jmap_mailboxes_read(call, &asking->all, &error))
		return true;
	return jmap_fail_error(call, &error);
}

enum net_run jmap_mailbox_query(struct jmap_call *call)
{
	struct jmap_query query;
	struct asking asking;
	char state[JMAP_STATE_MAX + 1];
	size_t count;
	if (!jmap_query_begin(call, "sortAsTree filterAsTree", &query) || !begin(call, &query, &asking, state))
		return RUN_DONE;
	int64_t *ids = find_all(&asking, &count);
	/* /queryChanges isn't told of the trees (§2.4), where a change moves others, too. */
	jmap_query_answer(call, &query, state, !asking.sort_as_tree && !asking.filter_as_tree, JMAP_ID_MAILBOX, ids, count);
	return RUN_DONE;
}

enum net_run jmap_mailbox_query_changes(struct jmap_call *call)
{
	struct jmap_query query;
	struct asking asking;
	char state[JMAP_STATE_MAX + 1];
	int64_t *touched;
	size_t count, touched_count;
	if (!jmap_query_changes_begin(call, "sortAsTree filterAsTree", &query) || !begin(call, &query, &asking, state))
		return RUN_DONE;
	if (asking.sort_as_tree || asking.filter_as_tree) {
		jmap_fail(call, "cannotCalculateChanges", NULL);
		return RUN_DONE;
	}
	if (!jmap_changed_since(call, mailbox_changes, query.since, &touched, &touched_count))
		return RUN_DONE;
	int64_t *ids = find_all(&asking, &count);
	query.up_to = slice_make("", 0); /* names and places change: all of it counts (RFC 8620 §5.6) */
	jmap_query_changes_answer(call, &query, state, JMAP_ID_MAILBOX, ids, count, touched, touched_count);
	return RUN_DONE;
}
