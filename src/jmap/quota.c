/* Quotas (RFC 9425): how much of its room an account has used. There are two, those of them that are set: bytes and messages. The state says all that there is to say
 * of both, so that changes are known by comparing two of them. */
#include "jmap/quota.h"

enum { BYTES, MESSAGES, QUOTAS };

static const char *const ids[QUOTAS] = {"octets", "count"}, *const names[QUOTAS] = {"Mail storage", "Messages"};

struct numbers { uint64_t used[QUOTAS], limit[QUOTAS]; };

static bool read_numbers(struct account *account, struct numbers *numbers, struct error *error)
{
	struct quota quota;
	if (!account_quota(account, &quota, error))
		return false;
	*numbers = (struct numbers){{quota.bytes, quota.messages}, {quota.max_bytes, quota.max_messages}};
	return true;
}

static bool quota_state(struct account *account, char out[JMAP_STATE_MAX + 1], struct error *error)
{
	struct numbers now;
	if (!read_numbers(account, &now, error))
		return false;
	snprintf(out, JMAP_STATE_MAX + 1, "%llx-%llx-%llx-%llx", (unsigned long long)now.used[BYTES], (unsigned long long)now.limit[BYTES],
		 (unsigned long long)now.used[MESSAGES], (unsigned long long)now.limit[MESSAGES]);
	return true;
}

static const char *const properties[] = {"id", "resourceType", "used", "hardLimit", "scope", "name", "types", "warnLimit", "softLimit", "description", NULL};

const struct jmap_type jmap_quota_type = {.name = "Quota", .capability = JMAP_QUOTA, .properties = properties, .state = quota_state};

/* ---- Quota/get (RFC 9425 §4.2) ---- */

static json_t *show(const struct jmap_get *get, const struct numbers *numbers, int quota)
{
	json_t *all = json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:[s], s:n, s:n, s:n}", "id", ids[quota], "resourceType", ids[quota], "used", (json_int_t)numbers->used[quota],
				"hardLimit", (json_int_t)numbers->limit[quota], "scope", "account", "name", names[quota], "types", "Email", "warnLimit", "softLimit", "description");
	json_t *wanted = json_object();
	for (size_t i = 0; properties[i]; i++)
		if (jmap_get_wants(get, properties[i]))
			json_object_set(wanted, properties[i], json_object_get(all, properties[i]));
	json_decref(all);
	return wanted;
}

static int find(const struct numbers *numbers, struct slice id)
{
	for (int i = 0; i < QUOTAS; i++)
		if (numbers->limit[i] > 0 && slice_equal(id, slice_of(ids[i])))
			return i;
	return -1;
}

enum net_run jmap_quota_get(struct jmap_call *call)
{
	struct jmap_get get;
	struct numbers numbers;
	struct error error;
	size_t i;
	json_t *id;
	if (!jmap_get_begin(call, &jmap_quota_type, NULL, &get))
		return RUN_DONE;
	if (!read_numbers(call->account, &numbers, &error)) {
		jmap_fail_error(call, &error);
		jmap_get_drop(&get);
		return RUN_DONE;
	}
	for (int quota = 0; !get.ids && quota < QUOTAS; quota++)
		if (numbers.limit[quota] > 0)
			jmap_get_add(&get, show(&get, &numbers, quota));
	json_array_foreach(get.ids, i, id) {
		int quota = find(&numbers, jmap_slice_of(id));
		if (quota >= 0)
			jmap_get_add(&get, show(&get, &numbers, quota));
		else
			jmap_get_miss(&get, jmap_slice_of(id));
	}
	jmap_get_end(call, &get);
	return RUN_DONE;
}

/* ---- Quota/changes (RFC 9425 §4.3) ---- */

static bool read_hex(struct slice text, uint64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (ascii_hex_value(text.at[i]) < 0)
			return false;
		*number = *number << 4 | (uint64_t)ascii_hex_value(text.at[i]);
	}
	return text.len > 0 && text.len <= 16;
}

static bool read_state(struct slice text, struct numbers *numbers)
{
	uint64_t *parts[] = {&numbers->used[BYTES], &numbers->limit[BYTES], &numbers->used[MESSAGES], &numbers->limit[MESSAGES]};
	for (size_t i = 0; i < 4; i++) {
		struct slice part;
		if (slice_cut(text, '-', &part, &text) != (i < 3) || !read_hex(part, parts[i]))
			return false;
	}
	return true;
}

static void note_change(struct jmap_changes *changes, const struct numbers *before, const struct numbers *now, int quota, bool *used_alone)
{
	bool was = before->limit[quota] > 0, is = now->limit[quota] > 0, other_limit = before->limit[quota] != now->limit[quota];
	json_t *id = json_string(ids[quota]);
	if (is && !was)
		json_array_append(changes->created, id);
	else if (was && !is)
		json_array_append(changes->destroyed, id);
	else if (is && (other_limit || before->used[quota] != now->used[quota]))
		json_array_append(changes->updated, id);
	*used_alone &= !other_limit;
	json_decref(id);
}

enum net_run jmap_quota_changes(struct jmap_call *call)
{
	struct jmap_changes changes;
	struct numbers before, now;
	struct error error;
	bool used_alone = true;
	if (!jmap_changes_begin(call, &changes))
		return RUN_DONE;
	bool known = read_state(changes.since, &before);
	if (!known)
		jmap_fail(call, "cannotCalculateChanges", NULL);
	else if (!read_numbers(call->account, &now, &error) || !quota_state(call->account, changes.state, &error))
		known = jmap_fail_error(call, &error);
	if (!known) {
		jmap_changes_drop(&changes);
		return RUN_DONE;
	}
	for (int quota = 0; quota < QUOTAS; quota++)
		note_change(&changes, &before, &now, quota, &used_alone);
	jmap_changes_end(call, &changes, used_alone ? json_pack("{s:[s]}", "updatedProperties", "used") : json_pack("{s:n}", "updatedProperties"));
	return RUN_DONE;
}

/* ---- Quota/query, Quota/queryChanges (RFC 9425 §4.4, §4.5) ---- */

static bool condition_is_known(struct jmap_call *call, json_t *condition, void *context)
{
	static const char *const known[] = {"name", "scope", "resourceType", "type"};
	const char *name;
	json_t *value;
	(void)context;
	json_object_foreach(condition, name, value) {
		bool good = json_is_string(value);
		size_t i = 0;
		while (i < 4 && !slice_equal(slice_of(name), slice_of(known[i])))
			i++;
		if (!good || i == 4)
			return jmap_fail(call, "unsupportedFilter", "quotas have no such condition");
	}
	return true;
}

static bool is_text(json_t *condition, const char *name, const char *value)
{
	json_t *wanted = json_object_get(condition, name);
	return !wanted || slice_equal(jmap_slice_of(wanted), slice_of(value));
}

static bool matches(json_t *filter, int quota)
{
	struct slice operator = jmap_slice_of(json_object_get(filter, "operator"));
	json_t *one, *part;
	size_t i, count = 0;
	if (!filter)
		return true;
	if (slice_empty(operator)) {
		part = json_object_get(filter, "name");
		return (!part || slice_find_nocase(slice_of(names[quota]), jmap_slice_of(part)) != SLICE_NONE) && is_text(filter, "scope", "account") &&
		       is_text(filter, "resourceType", ids[quota]) && is_text(filter, "type", "Email");
	}
	json_t *conditions = json_object_get(filter, "conditions");
	json_array_foreach(conditions, i, one)
		count += matches(one, quota);
	return slice_equal(operator, SLICE("AND")) ? count == json_array_size(conditions) : slice_equal(operator, SLICE("OR")) ? count > 0 : count == 0;
}

/* Is the second to come before the first? */
static bool is_turned(const struct jmap_query *query, const struct numbers *numbers)
{
	for (size_t i = 0; i < query->sort_count; i++) {
		bool by_name = slice_equal(query->sort[i].property, SLICE("name"));
		if (!by_name && numbers->used[BYTES] == numbers->used[MESSAGES])
			continue;
		return (by_name || numbers->used[BYTES] < numbers->used[MESSAGES]) != query->sort[i].ascending;
	}
	return false;
}

static bool can_sort(struct jmap_call *call, const struct jmap_query *query)
{
	for (size_t i = 0; i < query->sort_count; i++)
		if (!slice_equal(query->sort[i].property, SLICE("name")) && !slice_equal(query->sort[i].property, SLICE("used")))
			return jmap_fail(call, "unsupportedSort", NULL);
	return true;
}

enum net_run jmap_quota_query(struct jmap_call *call)
{
	char state[JMAP_STATE_MAX + 1];
	struct jmap_query query;
	struct numbers numbers;
	struct error error;
	size_t all = 0, anchor = SIZE_MAX, first, count;
	int found[QUOTAS];
	if (!jmap_query_begin(call, NULL, &query) || !can_sort(call, &query) || !jmap_filter_check(call, query.filter, condition_is_known, NULL))
		return RUN_DONE;
	if (!read_numbers(call->account, &numbers, &error) || !quota_state(call->account, state, &error)) {
		jmap_fail_error(call, &error);
		return RUN_DONE;
	}
	bool turned = is_turned(&query, &numbers);
	for (int i = 0; i < QUOTAS; i++) {
		int quota = turned ? QUOTAS - 1 - i : i;
		if (numbers.limit[quota] > 0 && matches(query.filter, quota)) {
			anchor = slice_equal(query.anchor, slice_of(ids[quota])) ? all : anchor;
			found[all++] = quota;
		}
	}
	if (!jmap_query_window(call, &query, all, anchor, &first, &count))
		return RUN_DONE;
	json_t *list = json_array();
	for (size_t i = first; i < first + count; i++)
		json_array_append_new(list, json_string(ids[found[i]]));
	jmap_query_end(call, &query, state, false, list, first, all);
	return RUN_DONE;
}

enum net_run jmap_quota_query_changes(struct jmap_call *call)
{
	struct jmap_query query;
	if (jmap_query_changes_begin(call, NULL, &query))
		jmap_fail(call, "cannotCalculateChanges", NULL); /* as Quota/query says */
	return RUN_DONE;
}
