/* What types have in common whose objects are kept beside mail; see object.h. */
#include "jmap/object.h"

#include <stdlib.h>
#include <string.h>

/* ---- States: a number, or three while a client is on its way (struct changes_point) ---- */

static void write_point(const struct changes_point *point, char out[JMAP_STATE_MAX + 1])
{
	if (point->until == 0)
		snprintf(out, JMAP_STATE_MAX + 1, "%lld", (long long)point->since);
	else
		snprintf(out, JMAP_STATE_MAX + 1, "%lld-%lld-%lld", (long long)point->since, (long long)point->until, (long long)point->next);
}

static bool read_point(struct slice text, struct changes_point *point)
{
	struct slice part, rest = text;
	uint64_t numbers[3] = {0};
	size_t count = 0;
	for (bool more = true; more && count < 3; count++) {
		more = slice_cut(rest, '-', &part, &rest);
		if (!slice_to_number(part, INT64_MAX, &numbers[count]))
			return false;
		if (count == 2 && more)
			return false;
	}
	*point = (struct changes_point){(int64_t)numbers[0], (int64_t)numbers[1], (int64_t)numbers[2]};
	return count == 1 || (count == 3 && numbers[1] != 0);
}

bool jmap_object_state(struct account *account, enum object_kind kind, char out[JMAP_STATE_MAX + 1], struct error *error)
{
	struct changes_point point = {0};
	bool done = object_state(account, kind, &point.since, error);
	write_point(&point, out);
	return done;
}

/* ---- /changes ---- */

static void put_ids(json_t *list, char letter, const int64_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, jmap_id(letter, ids[i]));
}

enum net_run jmap_object_changes(struct jmap_call *call, enum object_kind kind, char letter)
{
	struct jmap_changes answer;
	struct changes_point since;
	struct changes changes = {0};
	struct error error;
	if (!jmap_changes_begin(call, &answer))
		return RUN_DONE;
	bool known = read_point(answer.since, &since);
	if (known && !object_changes(call->account, kind, &since, (size_t)answer.most, call->arena, &changes, &error)) {
		jmap_changes_drop(&answer);
		jmap_fail_error(call, &error);
		return RUN_DONE;
	}
	if (!changes.known) {
		jmap_changes_drop(&answer);
		jmap_fail(call, "cannotCalculateChanges", NULL);
		return RUN_DONE;
	}
	put_ids(answer.created, letter, changes.created, changes.created_count);
	put_ids(answer.updated, letter, changes.updated, changes.updated_count);
	put_ids(answer.destroyed, letter, changes.destroyed, changes.destroyed_count);
	answer.more = changes.more;
	write_point(&changes.point, answer.state);
	jmap_changes_end(call, &answer, NULL);
	return RUN_DONE;
}

static int by_number(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

void jmap_object_query_changes(struct jmap_call *call, const struct jmap_query *query, enum object_kind kind, char letter, const int64_t *ids, size_t count)
{
	struct changes_point since;
	struct changes changes = {0};
	struct error error;
	char state[JMAP_STATE_MAX + 1];
	if (read_point(query->since, &since) && since.until == 0 && !object_changes(call->account, kind, &since, SIZE_MAX, call->arena, &changes, &error)) {
		jmap_fail_error(call, &error);
		return;
	}
	if (!changes.known) {
		jmap_fail(call, "cannotCalculateChanges", NULL);
		return;
	}
	size_t touched_count = changes.created_count + changes.updated_count + changes.destroyed_count, at = 0;
	int64_t *touched = arena_array(call->arena, touched_count + 1, sizeof *touched);
	const struct { const int64_t *list; size_t count; } parts[] = {
		{changes.created, changes.created_count}, {changes.updated, changes.updated_count}, {changes.destroyed, changes.destroyed_count}};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		for (size_t j = 0; j < parts[i].count; j++)
			touched[at++] = parts[i].list[j];
	qsort(touched, touched_count, sizeof *touched, by_number);
	write_point(&changes.point, state);
	jmap_query_changes_answer(call, query, state, letter, ids, count, touched, touched_count);
}

/* ---- Objects ---- */

json_t *jmap_object_json(const struct object *object, char letter)
{
	json_t *json = json_loadb(object->text.at ? object->text.at : "", object->text.len, 0, NULL);
	if (!json_is_object(json)) {
		json_decref(json);
		json = json_object();
	}
	json_object_set_new(json, "id", jmap_id(letter, object->id));
	return json;
}

json_t *jmap_object_wanted(const struct jmap_get *get, json_t *object)
{
	const char *key;
	json_t *value, *wanted = json_object();
	json_object_foreach(object, key, value)
		if (jmap_get_wants(get, key))
			json_object_set(wanted, key, value);
	json_decref(object);
	return wanted;
}

json_t *jmap_object_put(struct jmap_call *call, enum object_kind kind, int64_t *id, int64_t reference, const json_t *json)
{
	struct error error;
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	struct object_change change = {.id = *id, .destroy = !json, .reference = reference, .text = slice_of(text ? text : "")};
	bool done = object_change(call->account, kind, &change, 1, &error);
	free(text);
	if (!done)
		return jmap_set_error_of(&error);
	*id = change.id;
	return change.done ? NULL : jmap_set_error_of(&change.error);
}

const char *jmap_object_unknown(const json_t *object, const char *const *names)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)object, key, value) {
		bool known = false;
		for (size_t i = 0; names[i]; i++)
			known |= strcmp(key, names[i]) == 0;
		if (!known)
			return key;
	}
	return NULL;
}
