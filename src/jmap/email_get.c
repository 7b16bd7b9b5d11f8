/* Email/get, Email/changes and Email/parse (RFC 8621 §4.2, §4.3, §4.9). */
#include "jmap/email_snooze.h"

#include "message/summary.h"

static bool email_state(struct account *account, char out[JMAP_STATE_MAX + 1], struct error *error)
{
	struct account_states states;
	if (!account_get_states(account, &states, error))
		return false;
	jmap_state_write(&states, STATE_OF_EMAILS, out);
	return true;
}

/* What is here is the rest of the names, which jmap_email_property_is_known() knows. */
static const char *const properties[] = {"id", NULL};
const struct jmap_type jmap_email_type = {"Email", JMAP_MAIL, properties, jmap_email_property_is_known, email_state};

/* A type that is told of alone (RFC 8621 §1.5). */
static bool delivery_state(struct account *account, char out[JMAP_STATE_MAX + 1], struct error *error)
{
	struct account_states states;
	if (!account_get_states(account, &states, error))
		return false;
	snprintf(out, JMAP_STATE_MAX + 1, "%lld", (long long)states.deliveries);
	return true;
}

const struct jmap_type jmap_email_delivery_type = {.name = "EmailDelivery", .capability = JMAP_MAIL, .state = delivery_state};

static const char get_arguments[] = "bodyProperties fetchTextBodyValues fetchHTMLBodyValues fetchAllBodyValues maxBodyValueBytes";

/* ---- metadata (§4.1.1) ---- */

static json_t *mailbox_ids(const struct email *email)
{
	char id[JMAP_ID_SIZE];
	json_t *json = json_object();
	for (uint32_t i = 0; i < email->mailbox_count; i++) {
		jmap_id_format(JMAP_ID_MAILBOX, email->mailboxes[i], id);
		json_object_set_new_nocheck(json, id, json_true());
	}
	return json;
}

static json_t *keywords_of(const struct email *email)
{
	static const struct { unsigned flag; const char *name; } flags[] = {
		{FLAG_SEEN, "$seen"}, {FLAG_ANSWERED, "$answered"}, {FLAG_FLAGGED, "$flagged"}, {FLAG_DRAFT, "$draft"},
	};
	json_t *json = json_object();
	struct slice word, rest = email->keywords;
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (email->flags & flags[i].flag)
			json_object_set_new_nocheck(json, flags[i].name, json_true());
	while (rest.len > 0) {
		slice_cut(rest, ' ', &word, &rest);
		if (word.len > 0 && slice_is_utf8(word))
			json_object_setn_new(json, word.at, word.len, json_true());
	}
	return json;
}

static void put_stored(json_t *json, const struct jmap_email_wanted *wanted, const struct email *email)
{
	if (jmap_wants(wanted, EMAIL_ID))
		json_object_set_new_nocheck(json, "id", jmap_id(JMAP_ID_EMAIL, email->id));
	if (jmap_wants(wanted, EMAIL_BLOB_ID))
		json_object_set_new_nocheck(json, "blobId", jmap_message_blob(email->id));
	if (jmap_wants(wanted, EMAIL_THREAD_ID))
		json_object_set_new_nocheck(json, "threadId", jmap_id(JMAP_ID_THREAD, email->thread));
	if (jmap_wants(wanted, EMAIL_MAILBOX_IDS))
		json_object_set_new_nocheck(json, "mailboxIds", mailbox_ids(email));
	if (jmap_wants(wanted, EMAIL_KEYWORDS))
		json_object_set_new_nocheck(json, "keywords", keywords_of(email));
	if (jmap_wants(wanted, EMAIL_SIZE))
		json_object_set_new_nocheck(json, "size", json_integer((json_int_t)email->size));
	if (jmap_wants(wanted, EMAIL_RECEIVED_AT))
		json_object_set_new_nocheck(json, "receivedAt", jmap_date(email->received));
	if (jmap_wants(wanted, EMAIL_SNOOZED))
		json_object_set_new_nocheck(json, "snoozed", jmap_snooze_of(&wanted->snoozes, email->id));
}

/* ---- content ---- */

/* Reads what is wanted out of the bytes. `root`: the structure, if it is known. */
static void put_content(json_t *json, const struct jmap_email_wanted *wanted, const struct mime_part *root, struct slice message, struct slice blob,
			struct arena *arena, uint64_t *values)
{
	struct jmap_email_source source = {.root = root, .blob = blob, .arena = arena, .values = values};
	bool header = wanted->needs_header || (wanted->headers.count > 0 && root->envelope->irregular);
	if (header)
		source.header = slice_sub(message, (size_t)root->header_at, (size_t)root->header_size);
	if (wanted->needs_message)
		source.message = message;
	jmap_email_content(json, wanted, &source);
}

static struct mime_part *parse(struct slice message, struct arena *arena)
{
	struct mime_part *root = mime_parse(message, arena);
	root->envelope->preview = message_preview(message, root, arena);
	return root;
}

/* With the message's file, if it is needed: where there is no good summary of it, or that doesn't say what is wanted. */
static bool put_of_message(json_t *json, const struct jmap_email_wanted *wanted, struct account *account, const struct email *email, struct arena *arena,
			   uint64_t *values, struct error *error)
{
	struct jmap_blob blob = {.fd = -1};
	char id[JMAP_ID_SIZE];
	bool current = email->summary.len > 0 && summary_is_current(email->summary);
	struct mime_part *root = current ? summary_decode(email->summary, arena) : NULL;
	bool needed = !root || root->envelope->irregular || wanted->needs_header || wanted->needs_message;
	jmap_id_format(JMAP_ID_BLOB, email->id, id);
	if (needed && !jmap_account_blob_open(account, slice_of(id), &blob, error))
		return false;
	bool cut = root && root->envelope->irregular && root->child_count == 0; /* by its limits, maybe */
	if (!root || cut)
		root = parse(blob.bytes, arena);
	if (!current)
		message_renew_summary(account, email->id, summary_encode(root, arena));
	put_content(json, wanted, root, blob.bytes, slice_of(id), arena, values);
	jmap_blob_close(&blob);
	return true;
}

json_t *jmap_email_object(struct jmap_call *call, const struct jmap_email_wanted *wanted, const struct email *email, struct error *error)
{
	uint64_t values = 0;
	json_t *json = json_object();
	put_stored(json, wanted, email);
	struct arena *arena = arena_new();
	bool done = !wanted->needs_summary || put_of_message(json, wanted, call->account, email, arena, &values, error);
	size_t used = arena_used(arena);
	arena_free(&arena);
	enum { OBJECT_BYTES = 1000 };
	if (done && jmap_spend(call, (size_t)values + used + OBJECT_BYTES))
		return json;
	json_decref(json);
	return NULL;
}

/* ---- Email/get ---- */

static int64_t *all_ids(struct jmap_call *call, size_t *count, struct error *error)
{
	struct email *list;
	if (!email_list(call->account, 0, call->arena, &list, count, NULL, error))
		return NULL;
	int64_t *ids = arena_array(call->arena, *count + 1, sizeof *ids);
	for (size_t i = 0; i < *count; i++)
		ids[i] = list[i].id;
	return ids;
}

int64_t *jmap_ids_read(struct jmap_call *call, const json_t *ids, char kind)
{
	int64_t *numbers = arena_array(call->arena, json_array_size(ids) + 1, sizeof *numbers);
	for (size_t i = 0; i < json_array_size(ids); i++)
		numbers[i] = jmap_id_parse(kind, jmap_slice_of(json_array_get(ids, i)));
	return numbers;
}

/* Adds the objects; false: it was answered, or *error says why. */
static bool add_objects(struct jmap_call *call, struct jmap_get *get, const struct jmap_email_wanted *wanted, const struct email *list, size_t count, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		error->kind = ERROR_NONE;
		json_t *object = list[i].id != 0 ? jmap_email_object(call, wanted, &list[i], error) : NULL;
		if (object)
			jmap_get_add(get, object);
		else if (list[i].id == 0 || error->kind == ERROR_NOT_FOUND) /* it went while we looked */
			jmap_get_miss(get, get->ids ? jmap_slice_of(json_array_get(get->ids, i)) : slice_make("", 0));
		else
			return false;
	}
	return true;
}

static bool get_emails(struct jmap_call *call, struct jmap_get *get, struct jmap_email_wanted *wanted, struct error *error)
{
	struct account_states states;
	struct email *list;
	size_t count = json_array_size(get->ids);
	int64_t *ids = get->ids ? jmap_ids_read(call, get->ids, JMAP_ID_EMAIL) : all_ids(call, &count, error);
	error->kind = ERROR_NONE;
	if (!ids)
		return false;
	if (count > JMAP_GET_MAX)
		return jmap_fail(call, "requestTooLarge", "at most %d objects at a time", JMAP_GET_MAX);
	if (!email_get(call->account, ids, count, wanted->needs_summary ? MESSAGE_SUMMARY : MESSAGE_FLAGS, call->arena, &list, &states, error))
		return false;
	if (jmap_wants(wanted, EMAIL_SNOOZED) && !jmap_snoozes_read(call, &wanted->snoozes, error)) /* later than the state: a change in between is told once more */
		return false;
	jmap_state_write(&states, STATE_OF_EMAILS, get->state);
	return add_objects(call, get, wanted, list, count, error);
}

enum net_run jmap_email_get(struct jmap_call *call)
{
	struct jmap_email_wanted wanted;
	struct jmap_get get;
	struct error error = {0};
	if (!jmap_get_begin(call, &jmap_email_type, get_arguments, &get))
		return RUN_DONE;
	if (!jmap_email_wanted_read(call->arguments, false, call->arena, &wanted, &error)) {
		jmap_fail(call, "invalidArguments", "%s", error.text);
		jmap_get_drop(&get);
	} else if (get_emails(call, &get, &wanted, &error)) {
		jmap_get_end(call, &get);
	} else {
		if (!call->answered)
			jmap_fail_error(call, &error);
		jmap_get_drop(&get);
	}
	return RUN_DONE;
}

enum net_run jmap_email_changes(struct jmap_call *call)
{
	jmap_changes_run(call, email_changes, JMAP_ID_EMAIL, NULL);
	return RUN_DONE;
}

/* ---- Email/parse (§4.9) ---- */

/* A message has a header, or nothing at all would be one. */
static bool is_message(struct slice bytes)
{
	struct header_field field;
	struct slice rest = bytes;
	return header_next(&rest, &field) || slice_starts(bytes, SLICE("\r\n")) || slice_starts(bytes, SLICE("\n"));
}

static void put_nothing_stored(json_t *json, const struct jmap_email_wanted *wanted, struct slice blob, size_t size)
{
	static const struct { enum jmap_email_property property; const char *name; } none[] = {
		{EMAIL_ID, "id"}, {EMAIL_THREAD_ID, "threadId"}, {EMAIL_MAILBOX_IDS, "mailboxIds"}, {EMAIL_KEYWORDS, "keywords"}, {EMAIL_RECEIVED_AT, "receivedAt"},
		{EMAIL_SNOOZED, "snoozed"},
	};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		if (jmap_wants(wanted, none[i].property))
			json_object_set_new_nocheck(json, none[i].name, json_null());
	if (jmap_wants(wanted, EMAIL_BLOB_ID))
		json_object_set_new_nocheck(json, "blobId", jmap_text(blob));
	if (jmap_wants(wanted, EMAIL_SIZE))
		json_object_set_new_nocheck(json, "size", json_integer((json_int_t)size));
}

static bool parse_blob(struct jmap_call *call, const struct jmap_email_wanted *wanted, struct slice id, json_t *parsed, json_t *not_parsable, json_t *not_found)
{
	struct jmap_blob blob;
	struct error error;
	uint64_t values = 0;
	size_t used = 0;
	if (!jmap_blob_open(call, id, &blob, &error)) {
		json_array_append_new(not_found, jmap_text(id));
		return error.kind == ERROR_NOT_FOUND || jmap_fail_error(call, &error);
	}
	if (is_message(blob.bytes)) {
		struct arena *arena = arena_new();
		json_t *json = json_object();
		put_nothing_stored(json, wanted, id, blob.bytes.len);
		put_content(json, wanted, parse(blob.bytes, arena), blob.bytes, id, arena, &values);
		used = arena_used(arena);
		arena_free(&arena);
		json_object_setn_new(parsed, id.at, id.len, json);
	} else {
		json_array_append_new(not_parsable, jmap_text(id));
	}
	jmap_blob_close(&blob);
	return jmap_spend(call, (size_t)values + used);
}

static bool parse_blobs(struct jmap_call *call, json_t *ids, json_t *parsed, json_t *not_parsable, json_t *not_found)
{
	struct jmap_email_wanted wanted;
	struct error error;
	json_t *id;
	size_t i;
	if (!jmap_email_wanted_read(call->arguments, true, call->arena, &wanted, &error))
		return jmap_fail(call, "invalidArguments", "%s", error.text);
	json_array_foreach(ids, i, id)
		if (!json_is_string(id))
			return jmap_fail(call, "invalidArguments", "blobIds isn't a list of ids");
	json_array_foreach(ids, i, id)
		if (!parse_blob(call, &wanted, jmap_resolve_id(call, jmap_slice_of(id)), parsed, not_parsable, not_found))
			return false;
	return true;
}

static json_t *or_null(json_t *list)
{
	return json_object_size(list) > 0 || json_array_size(list) > 0 ? json_incref(list) : json_null();
}

enum net_run jmap_email_parse(struct jmap_call *call)
{
	json_t *ids, *parsed = json_object(), *not_parsable = json_array(), *not_found = json_array();
	if (!jmap_arguments_known(call, arena_printf(call->arena, "blobIds properties %s", get_arguments).at) || !jmap_argument_array(call, "blobIds", &ids))
		;
	else if (!ids)
		jmap_fail(call, "invalidArguments", "blobIds is missing");
	else if (json_array_size(ids) > JMAP_GET_MAX)
		jmap_fail(call, "requestTooLarge", "at most %d blobs at a time", JMAP_GET_MAX);
	else if (parse_blobs(call, ids, parsed, not_parsable, not_found))
		jmap_respond(call, "Email/parse", json_pack("{s:s, s:o, s:o, s:o}", "accountId", call->request->account_id, "parsed", or_null(parsed), "notParsable",
							     or_null(not_parsable), "notFound", or_null(not_found)));
	json_decref(parsed);
	json_decref(not_parsable);
	json_decref(not_found);
	return RUN_DONE;
}
