/* Email/import (RFC 8621 §4.8). */
#include "base/clock.h"
#include "jmap/email_add.h"
#include "message/date.h"

enum { PIECE = 256 * 1024 };

/* The time of the most recent Received field, which is the first; 0: there is none (§4.8). */
static int64_t received_of(struct slice message)
{
	struct header_field field;
	int64_t seconds;
	if (!header_find(slice_sub(message, 0, header_length(message)), SLICE("Received"), &field))
		return 0;
	size_t at = slice_find_last_char(field.body, ';');
	return at != SLICE_NONE && date_parse(slice_trim(slice_skip(field.body, at + 1)), &seconds, NULL) ? seconds : 0;
}

static bool is_message(struct slice bytes)
{
	struct header_field field;
	struct slice rest = bytes;
	return header_next(&rest, &field);
}

static json_t *add(struct jmap_adding *adding, struct slice message, json_t **made)
{
	if (!is_message(message))
		return jmap_set_error("invalidEmail", NULL, "that doesn't begin with a header");
	if (adding->placement.received == 0)
		adding->placement.received = received_of(message);
	jmap_adding_begin(adding);
	for (; message.len > 0; message = slice_skip(message, PIECE))
		if (!jmap_adding_write(adding, slice_sub(message, 0, PIECE)))
			return adding->error.kind == ERROR_LIMIT ? jmap_set_error("tooLarge", NULL, NULL) : jmap_set_error_of(&adding->error);
	return jmap_adding_commit(adding, made);
}

static bool is_known(const char *name)
{
	return strcmp(name, "blobId") == 0 || strcmp(name, "mailboxIds") == 0 || strcmp(name, "keywords") == 0 || strcmp(name, "receivedAt") == 0;
}

static json_t *import(struct jmap_call *call, const json_t *object, json_t **made)
{
	struct jmap_adding adding = {.call = call};
	struct jmap_blob blob;
	struct error error;
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)object, name, value)
		if (!is_known(name))
			return jmap_set_error("invalidProperties", name, NULL);
	json_t *refusal = jmap_set_refuse_nul(object);
	refusal = refusal ? refusal : jmap_adding_read(&adding, object);
	if (refusal)
		return refusal;
	if (!jmap_blob_open(call, jmap_resolve_id(call, jmap_slice_of(json_object_get(object, "blobId"))), &blob, &error))
		return error.kind == ERROR_NOT_FOUND ? jmap_set_error("invalidProperties", "blobId", "there is no such blob") : jmap_set_error_of(&error);
	refusal = add(&adding, blob.bytes, made);
	jmap_adding_drop(&adding);
	jmap_blob_close(&blob);
	return refusal;
}

static void import_all(struct jmap_call *call, json_t *emails, json_t *created, json_t *not_created)
{
	const char *key;
	json_t *object;
	json_object_foreach(emails, key, object) {
		json_t *made = NULL, *refusal = import(call, object, &made);
		json_object_set_new(refusal ? not_created : created, key, refusal ? refusal : made);
		if (!refusal)
			json_object_set(call->request->created, key, json_object_get(made, "id"));
	}
}

static bool are_objects(const json_t *map)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)map, key, value)
		if (!json_is_object(value) || !jmap_is_id(slice_of(key)))
			return false;
	return true;
}

/* Reads the arguments; false: answered. */
static bool begin(struct jmap_call *call, json_t **emails, char state[JMAP_STATE_MAX + 1])
{
	struct slice wanted;
	struct error error;
	if (!jmap_arguments_known(call, "ifInState emails") || !jmap_argument_text(call, "ifInState", false, &wanted) || !jmap_argument_object(call, "emails", emails))
		return false;
	if (!*emails || !are_objects(*emails))
		return jmap_fail(call, "invalidArguments", "emails is a map of what is to be imported");
	if (json_object_size(*emails) > JMAP_SET_MAX)
		return jmap_fail(call, "requestTooLarge", "at most %d objects at a time", JMAP_SET_MAX);
	if (!jmap_email_type.state(call->account, state, &error))
		return jmap_fail_error(call, &error);
	return !jmap_argument(call, "ifInState") || slice_equal(wanted, slice_of(state)) || jmap_fail(call, "stateMismatch", NULL);
}

static json_t *or_null(json_t *map) { return json_object_size(map) > 0 ? json_incref(map) : json_null(); }

enum net_run jmap_email_import(struct jmap_call *call)
{
	char before[JMAP_STATE_MAX + 1], after[JMAP_STATE_MAX + 1];
	json_t *emails, *created = json_object(), *not_created = json_object();
	struct error error;
	if (begin(call, &emails, before)) {
		import_all(call, emails, created, not_created);
		if (jmap_email_type.state(call->account, after, &error))
			jmap_respond(call, "Email/import", json_pack("{s:s, s:s, s:s, s:o, s:o}", "accountId", call->request->account_id, "oldState", before, "newState", after,
								      "created", or_null(created), "notCreated", or_null(not_created)));
		else
			jmap_fail(call, "serverPartialFail", NULL);
	}
	json_decref(created);
	json_decref(not_created);
	return RUN_DONE;
}
