/* What the methods of mail have in common: states, changes, keywords, sets of ids. */
#include "jmap/mail.h"

/* ---- states and changes ---- */

void jmap_state_write(const struct account_states *states, enum jmap_state_of of, char out[JMAP_STATE_MAX + 1])
{
	const int64_t numbers[] = {states->mailboxes, states->threads, states->emails};
	struct changes_point point = {.since = numbers[of]};
	char room[CHANGES_POINT_MAX];
	struct slice text = changes_point_write(&point, room);
	snprintf(out, JMAP_STATE_MAX + 1, "%.*s", SLICE_ARG(text));
}

static void put_ids(json_t *list, char kind, const int64_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, jmap_id(kind, ids[i]));
}

void jmap_changes_run(struct jmap_call *call, jmap_changes_reader *read, char kind, json_t *(*further)(const struct changes *changes))
{
	struct jmap_changes answer;
	struct changes changes = {0};
	struct changes_point since;
	struct error error;
	char room[CHANGES_POINT_MAX];
	if (!jmap_changes_begin(call, &answer))
		return;
	bool done = changes_point_read(answer.since, &since) ? read(call->account, &since, (size_t)answer.most, call->arena, &changes, &error) : true;
	if (!done || !changes.known) {
		done ? jmap_fail(call, "cannotCalculateChanges", NULL) : jmap_fail_error(call, &error);
		jmap_changes_drop(&answer);
		return;
	}
	put_ids(answer.created, kind, changes.created, changes.created_count);
	put_ids(answer.updated, kind, changes.updated, changes.updated_count);
	put_ids(answer.destroyed, kind, changes.destroyed, changes.destroyed_count);
	answer.more = changes.more;
	snprintf(answer.state, sizeof answer.state, "%.*s", SLICE_ARG(changes_point_write(&changes.point, room)));
	jmap_changes_end(call, &answer, further ? further(&changes) : NULL);
}

static int by_number(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

size_t jmap_ids_sort(int64_t *ids, size_t count)
{
	size_t kept = 0;
	if (count > 0)
		qsort(ids, count, sizeof *ids, by_number);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || ids[kept - 1] != ids[i])
			ids[kept++] = ids[i];
	return kept;
}

bool jmap_ids_have(const int64_t *sorted, size_t count, int64_t id)
{
	return count > 0 && bsearch(&id, sorted, count, sizeof id, by_number);
}

static void gather(struct jmap_call *call, const struct changes *changes, int64_t **ids, size_t *count)
{
	size_t more = changes->created_count + changes->updated_count + changes->destroyed_count;
	int64_t *all = arena_array(call->arena, *count + more + 1, sizeof *all);
	const struct { const int64_t *at; size_t count; } lists[] = {{*ids, *count}, {changes->created, changes->created_count}, {changes->updated, changes->updated_count},
								      {changes->destroyed, changes->destroyed_count}};
	size_t used = 0;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		for (size_t k = 0; k < lists[i].count; k++)
			all[used++] = lists[i].at[k];
	*ids = all;
	*count = used;
}

bool jmap_changed_since(struct jmap_call *call, jmap_changes_reader *read, struct slice since, int64_t **ids, size_t *count)
{
	struct changes_point point;
	struct changes changes = {.more = true};
	struct error error;
	*ids = NULL;
	*count = 0;
	if (!changes_point_read(since, &point))
		return jmap_fail(call, "cannotCalculateChanges", NULL);
	while (changes.more) {
		if (!read(call->account, &point, JMAP_CHANGES_READ_MAX, call->arena, &changes, &error))
			return jmap_fail_error(call, &error);
		if (!changes.known || *count > JMAP_CHANGES_READ_MAX)
			return jmap_fail(call, "cannotCalculateChanges", NULL);
		gather(call, &changes, ids, count);
		point = changes.point;
	}
	*count = jmap_ids_sort(*ids, *count);
	return true;
}

/* ---- keywords (RFC 8621 §4.1.1) ---- */

enum { KEYWORD_NAME_MAX = 255 };

bool jmap_keyword_read(struct slice name, unsigned *flag, bool *is_flag)
{
	static const struct { const char *name; unsigned flag; } flags[] = {
		{"$seen", FLAG_SEEN}, {"$answered", FLAG_ANSWERED}, {"$flagged", FLAG_FLAGGED}, {"$draft", FLAG_DRAFT},
	};
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] <= ' ' || name.at[i] >= 0x7f || strchr("(){]%*\"\\", name.at[i]))
			return false;
	*is_flag = false;
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (slice_equal_nocase(name, slice_of(flags[i].name))) {
			*flag = flags[i].flag;
			*is_flag = true;
		}
	return name.len > 0 && name.len <= KEYWORD_NAME_MAX;
}

bool jmap_keywords_read(const json_t *object, struct arena *arena, unsigned *flags, struct slice *keywords)
{
	const char *name;
	json_t *value;
	struct buf words = BUF(json_object_size(object) * (KEYWORD_NAME_MAX + 1) + 1);
	bool fits = json_is_object(object);
	*flags = 0;
	json_object_foreach((json_t *)object, name, value) {
		unsigned flag;
		bool is_flag;
		fits = fits && json_is_true(value) && jmap_keyword_read(slice_of(name), &flag, &is_flag);
		if (fits && is_flag)
			*flags |= flag;
		else if (fits)
			buf_printf(&words, "%s%s", words.len > 0 ? " " : "", name);
	}
	*keywords = arena_copy(arena, buf_slice(&words));
	buf_free(&words);
	return fits;
}

bool jmap_mailbox_ids_read(struct jmap_call *call, const json_t *object, int64_t **ids, size_t *count)
{
	const char *name;
	json_t *value;
	*ids = arena_array(call->arena, json_object_size(object) + 1, sizeof **ids);
	*count = 0;
	json_object_foreach((json_t *)object, name, value) {
		int64_t id = jmap_id_parse(JMAP_ID_MAILBOX, jmap_resolve_id(call, slice_of(name)));
		if (id == 0 || !json_is_true(value))
			return false;
		(*ids)[(*count)++] = id;
	}
	return json_is_object(object);
}

/* ---- what is announced (RFC 8621 §1.3.1) ---- */

json_t *jmap_mail_about(const struct jmap_request *request)
{
	json_int_t attached = request->config->max_message > 0 ? (json_int_t)(request->config->max_message / 4 * 3) : INT32_MAX; /* base64 takes a third more */
	json_t *sort = json_array();
	for (const char *const *name = jmap_email_sort_options; *name; name++)
		json_array_append_new(sort, json_string(*name));
	return json_pack("{s:i, s:i, s:i, s:I, s:o, s:b}", "maxMailboxesPerEmail", EMAIL_MAILBOXES_MAX, "maxMailboxDepth", MAILBOX_DEPTH_MAX, "maxSizeMailboxName",
			 JMAP_MAILBOX_LEVEL_MAX, "maxSizeAttachmentsPerEmail", attached, "emailQuerySortOptions", sort, "mayCreateTopLevelMailbox", 1);
}
