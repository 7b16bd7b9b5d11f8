/* RecoverableEmail/query, /get and /restore; see recovery.h. What is shown comes from the summary that was kept when the message came: no file is opened. */
#include "jmap/recovery.h"

#include "jmap/mail.h"
#include "jmap/object.h"
#include "message/summary.h"

json_t *jmap_recovery_about(const struct jmap_request *request) { return json_pack("{s:I}", "keptFor", (json_int_t)request->config->undelete_for); }

static bool state_of(struct account *account, char out[JMAP_STATE_MAX + 1], struct error *error) { return jmap_email_type.state(account, out, error); }

static const char *const properties[] = {"id", "threadId", "size", "receivedAt", "subject", "from", "to", "hasAttachment", "preview", "removedAt", "goneAt", "mailboxId", NULL};
static const struct jmap_type type = {.name = "RecoverableEmail", .capability = JMAP_RECOVERY, .properties = properties, .state = state_of};

/* ---- /query ---- */

enum net_run jmap_recovery_query(struct jmap_call *call)
{
	char state[JMAP_STATE_MAX + 1];
	struct jmap_query query;
	struct error error;
	int64_t *ids;
	size_t count;
	if (!jmap_query_begin(call, NULL, &query))
		return RUN_DONE;
	if (query.filter || query.sort_count > 0)
		jmap_fail(call, query.filter ? "unsupportedFilter" : "unsupportedSort", "these are listed as they were removed, the last first");
	else if (!state_of(call->account, state, &error) || !account_expunged_ids(call->account, JMAP_RECOVERY_FOUND_MAX, call->arena, &ids, &count, &error))
		jmap_fail_error(call, &error);
	else
		jmap_query_answer(call, &query, state, false, JMAP_ID_EMAIL, ids, count);
	return RUN_DONE;
}

/* ---- /get ---- */

static json_t *addresses_or_null(const struct address *list, size_t count, struct arena *arena) { return count > 0 ? jmap_addresses(list, count, arena) : json_null(); }

static void put_content(json_t *json, const struct mime_part *root, struct arena *arena)
{
	const struct envelope *envelope = root->envelope;
	struct jmap_body body;
	jmap_body_read(root, arena, &body);
	json_object_set_new(json, "subject", envelope->subject.at ? jmap_header_value(envelope->subject, JMAP_TEXT, arena) : json_null());
	json_object_set_new(json, "from", addresses_or_null(envelope->from, envelope->from_count, arena));
	json_object_set_new(json, "to", addresses_or_null(envelope->to, envelope->to_count, arena));
	json_object_set_new(json, "hasAttachment", json_boolean(jmap_body_has_attachment(&body)));
	json_object_set_new(json, "preview", jmap_text(envelope->preview));
}

/* With what only the content says as if there were none, should its summary be of a former version. */
static json_t *object_of(const struct jmap_call *call, const struct expunged_message *message, struct arena *arena)
{
	int64_t kept = call->request->config->undelete_for;
	const struct mime_part *root = message->summary.len > 0 && summary_is_current(message->summary) ? summary_decode(message->summary, arena) : NULL;
	json_t *json = json_pack("{s:o, s:o, s:I, s:o, s:n, s:n, s:n, s:b, s:s, s:o, s:o, s:o}", "id", jmap_id(JMAP_ID_EMAIL, message->id), "threadId", jmap_id(JMAP_ID_THREAD, message->thread),
				 "size", (json_int_t)message->size, "receivedAt", jmap_date(message->received), "subject", "from", "to", "hasAttachment", 0, "preview", "", "removedAt",
				 jmap_date(message->expunged), "goneAt", jmap_date(message->expunged + kept), "mailboxId", json_null());
	if (root && root->envelope)
		put_content(json, root, arena);
	return json;
}

static bool is_there(struct jmap_call *call, int64_t id, struct mailbox *mailbox)
{
	struct error error;
	return id != 0 && mailbox_get(call->account, id, call->arena, mailbox, &error) && mailbox->selectable;
}

static bool add_one(struct jmap_call *call, struct jmap_get *get, const struct expunged_message *message)
{
	enum { OBJECT_BYTES = 1000 };
	struct mailbox mailbox;
	struct arena *arena = arena_new();
	json_t *object = object_of(call, message, arena);
	if (is_there(call, message->mailbox, &mailbox))
		json_object_set_new(object, "mailboxId", jmap_id(JMAP_ID_MAILBOX, message->mailbox));
	size_t used = arena_used(arena);
	arena_free(&arena);
	jmap_get_add(get, jmap_object_wanted(get, object));
	return jmap_spend(call, used + OBJECT_BYTES);
}

static bool get_all(struct jmap_call *call, struct jmap_get *get)
{
	size_t count = json_array_size(get->ids);
	int64_t *ids = jmap_ids_read(call, get->ids, JMAP_ID_EMAIL);
	struct expunged_message *list;
	struct error error;
	if (!account_find_expunged(call->account, ids, count, call->arena, &list, &error))
		return jmap_fail_error(call, &error);
	for (size_t i = 0; i < count; i++)
		if (list[i].id == 0)
			jmap_get_miss(get, jmap_slice_of(json_array_get(get->ids, i)));
		else if (!add_one(call, get, &list[i]))
			return false;
	return true;
}

enum net_run jmap_recovery_get(struct jmap_call *call)
{
	struct jmap_get get;
	if (!jmap_get_begin(call, &type, NULL, &get))
		return RUN_DONE;
	bool done = get.ids ? get_all(call, &get) : jmap_fail(call, "requestTooLarge", "ids says which: there may be too many to tell all of them");
	if (done)
		jmap_get_end(call, &get);
	else
		jmap_get_drop(&get);
	return RUN_DONE;
}

/* ---- /restore ---- */

struct restoring {
	struct jmap_call *call;
	int64_t mailbox, inbox;     /* mailbox: that all go to; 0: each to its own */
	json_t *restored, *not_restored;
};

static bool find_inbox(struct restoring *restoring, struct error *error)
{
	struct mailbox inbox;
	bool done = mailbox_find(restoring->call->account, SLICE("INBOX"), restoring->call->arena, &inbox, error);
	restoring->inbox = done ? inbox.id : 0;
	return done;
}

/* Nobody looks for it where what is thrown away is, or wants it to sleep. */
static int64_t choose_mailbox(const struct restoring *restoring, const struct expunged_message *message)
{
	struct mailbox mailbox;
	if (restoring->mailbox != 0)
		return restoring->mailbox;
	bool good = is_there(restoring->call, message->mailbox, &mailbox) && mailbox.use != USE_TRASH && mailbox.use != USE_JUNK && mailbox.use != USE_SNOOZED;
	return good ? message->mailbox : restoring->inbox;
}

static void restore_one(struct restoring *restoring, const char *id, const struct expunged_message *message)
{
	struct error error;
	uint32_t uid;
	int64_t mailbox = message->id != 0 ? choose_mailbox(restoring, message) : 0;
	char mailbox_id[JMAP_ID_SIZE];
	jmap_id_format(JMAP_ID_MAILBOX, mailbox, mailbox_id);
	if (message->id == 0)
		json_object_set_new(restoring->not_restored, id, jmap_set_error("notFound", NULL, NULL));
	else if (message_undelete(restoring->call->account, message->id, mailbox, &uid, &error))
		json_object_set_new(restoring->restored, id, json_pack("{s:{s:b}}", "mailboxIds", mailbox_id, 1));
	else
		json_object_set_new(restoring->not_restored, id, jmap_set_error_of(&error));
}

static bool restore_all(struct restoring *restoring, const json_t *wanted)
{
	struct jmap_call *call = restoring->call;
	size_t count = json_array_size(wanted);
	int64_t *ids = jmap_ids_read(call, wanted, JMAP_ID_EMAIL);
	struct expunged_message *list;
	struct error error;
	if (!find_inbox(restoring, &error) || !account_find_expunged(call->account, ids, count, call->arena, &list, &error))
		return jmap_fail_error(call, &error);
	for (size_t i = 0; i < count; i++)
		restore_one(restoring, json_string_value(json_array_get(wanted, i)), &list[i]);
	return true;
}

/* The mailbox that is named, if one is. */
static bool read_mailbox(struct restoring *restoring)
{
	struct slice text;
	struct mailbox mailbox;
	if (!jmap_argument_text(restoring->call, "mailboxId", false, &text))
		return false;
	if (!text.at)
		return true;
	restoring->mailbox = jmap_id_parse(JMAP_ID_MAILBOX, jmap_resolve_id(restoring->call, text));
	return is_there(restoring->call, restoring->mailbox, &mailbox) || jmap_fail(restoring->call, "invalidArguments", "there is no mailbox mailboxId");
}

static json_t *or_null(json_t *map) { return json_object_size(map) > 0 ? json_incref(map) : json_null(); }

enum net_run jmap_recovery_restore(struct jmap_call *call)
{
	struct restoring restoring = {.call = call};
	json_t *ids;
	if (!jmap_arguments_known(call, "ids mailboxId") || !jmap_argument_ids(call, "ids", JMAP_SET_MAX, &ids) || !read_mailbox(&restoring))
		return RUN_DONE;
	restoring.restored = json_object();
	restoring.not_restored = json_object();
	if (restore_all(&restoring, ids))
		jmap_respond(call, call->method->name, json_pack("{s:s, s:o, s:o}", "accountId", call->request->account_id, "restored", or_null(restoring.restored), "notRestored",
								 or_null(restoring.not_restored)));
	json_decref(restoring.restored);
	json_decref(restoring.not_restored);
	return RUN_DONE;
}
