/* Creating an EmailSubmission (RFC 8621 §7.5): checking what is asked, and sending it, so that after a crash both the message and what is known of it are there, or
 * neither.
 *
 * What is known of it is first kept as an object that nobody sees (OBJECT_SENDING), durably, by the id that the message will have in the queue. Then the message
 * is handed to the queue. When it is there the object becomes a submission. Whoever dies in between leaves such an object behind, and the next request about
 * submissions asks the queue for the message: if it is there, or somebody was tried to be reached with it already, the object becomes a submission; if not, the
 * queue takes it no more, and the object goes. */
#include <pthread.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "jmap/blob.h"
#include "jmap/identity.h"
#include "jmap/send.h"
#include "jmap/submission.h"

static const char status_queued[] = "250 2.0.0 queued";

/* What one create works with. */
struct jmap_creating {
	struct jmap_call *call;
	json_t *object, *identity, *record;
	struct email email;
	struct jmap_blob blob;
	struct jmap_sending sending;
	int64_t kept;        /* the object that nobody sees; 0: there is none (any more) */
	bool begun;
};

/* ---- What is on its way in this process: nobody else may decide about it ---- */

static struct on_way { int64_t id; struct on_way *next; } *all_on_way;
static pthread_mutex_t on_way_lock = PTHREAD_MUTEX_INITIALIZER;

static void note_on_way(int64_t id)
{
	struct on_way *one = memory_new(sizeof *one);
	pthread_mutex_lock(&on_way_lock);
	*one = (struct on_way){id, all_on_way};
	all_on_way = one;
	pthread_mutex_unlock(&on_way_lock);
}

static void forget_on_way(int64_t id)
{
	pthread_mutex_lock(&on_way_lock);
	struct on_way **at = &all_on_way, *found;
	while (*at && (*at)->id != id)
		at = &(*at)->next;
	found = *at;
	if (found)
		*at = found->next;
	pthread_mutex_unlock(&on_way_lock);
	free(found);
}

static bool is_on_way(int64_t id)
{
	pthread_mutex_lock(&on_way_lock);
	const struct on_way *one = all_on_way;
	while (one && one->id != id)
		one = one->next;
	pthread_mutex_unlock(&on_way_lock);
	return one != NULL;
}

/* ---- What a crash left ---- */

/* Was it tried already? Then it isn't in the queue any more, maybe; the courier has noted what came of it. */
static bool was_tried(const struct object *object)
{
	const char *address;
	json_t *one, *json = jmap_object_json(object, JMAP_ID_SUBMISSION);
	bool tried = false;
	json_object_foreach(json_object_get(json, "deliveryStatus"), address, one)
		tried |= !slice_equal(jmap_slice_of(json_object_get(one, "smtpReply")), slice_of(status_queued));
	json_decref(json);
	return tried;
}

static bool forget(struct account *account, int64_t id, struct error *error)
{
	struct object_change gone = {.id = id, .destroy = true};
	return object_change(account, OBJECT_SENDING, &gone, 1, error);
}

static bool settle(struct jmap_call *call, const struct object *object, struct error *error)
{
	struct account *account = call->account;
	bool there = was_tried(object);
	int64_t id;
	if (!there && !queue_resolve(call->request->service->queue, account_name(account), object->reference, &there, error))
		return false;
	log_info("submission.settled", log_id("id", object->reference), log_slice("account", account_name(account)), log_text("sent", there ? "yes" : "no"));
	return there ? object_move(account, OBJECT_SENDING, OBJECT_SUBMISSION, object->reference, &id, error) : forget(account, object->id, error);
}

void jmap_submissions_settle(struct jmap_call *call)
{
	struct object *list;
	struct error error = {0};
	size_t count = 0;
	int64_t state;
	bool done = object_list(call->account, OBJECT_SENDING, call->arena, &list, &count, &state, &error);
	for (size_t i = 0; done && i < count; i++)
		if (!is_on_way(list[i].reference))
			done = settle(call, &list[i], &error) || error.kind == ERROR_NOT_FOUND; /* another request has done it */
	if (!done)
		log_warning("submission.unsettled", log_slice("account", account_name(call->account)), log_text("cause", error.text)); /* the next one tries again */
}

/* ---- Checking ---- */

static json_t *find_email(struct jmap_creating *creating, struct slice id)
{
	struct error error;
	struct email *list;
	int64_t number = jmap_id_parse(JMAP_ID_EMAIL, id);
	char blob[JMAP_ID_SIZE];
	if (number == 0)
		return jmap_set_error("invalidProperties", "emailId", "there is no such email");
	if (!email_get(creating->call->account, &number, 1, MESSAGE_FLAGS, creating->call->arena, &list, NULL, &error))
		return jmap_set_error_of(&error);
	if (list[0].id == 0)
		return jmap_set_error("invalidProperties", "emailId", "there is no such email");
	creating->email = list[0];
	jmap_id_format(JMAP_ID_BLOB, number, blob);
	return jmap_account_blob_open(creating->call->account, slice_of(blob), &creating->blob, &error) ? NULL : jmap_set_error_of(&error);
}

static json_t *find_identity(struct jmap_creating *creating, struct slice id)
{
	struct error error;
	if (jmap_identity_find(creating->call, id, &creating->identity, &error))
		return NULL;
	return error.kind == ERROR_NOT_FOUND ? jmap_set_error("invalidProperties", "identityId", "there is no such identity") : jmap_set_error_of(&error);
}

/* An id, or what a creation id stands for. */
static struct slice id_of(const struct jmap_creating *creating, const char *name)
{
	struct slice id = jmap_resolve_id(creating->call, jmap_slice_of(json_object_get(creating->object, name)));
	return id.at ? id : SLICE("");
}

static json_t *check_properties(const json_t *object)
{
	static const char *const given[] = {"identityId", "emailId", "envelope", NULL};
	const char *unknown = jmap_object_unknown(object, given);
	json_t *envelope = json_object_get(object, "envelope");
	if (unknown)
		return jmap_set_error("invalidProperties", unknown, NULL);
	for (size_t i = 0; i < 2; i++)
		if (!json_is_string(json_object_get(object, given[i])))
			return jmap_set_error("invalidProperties", given[i], "it is missing, or no id");
	return envelope && !json_is_null(envelope) && !json_is_object(envelope) ? jmap_set_error("invalidProperties", "envelope", "it is no envelope") : NULL;
}

static json_t *status_of_all(const struct queue_message *message)
{
	json_t *all = json_object();
	for (size_t i = 0; i < message->recipient_count; i++)
		json_object_setn_new(all, message->recipients[i].address.at, message->recipients[i].address.len,
				     json_pack("{s:s, s:s, s:s}", "smtpReply", status_queued, "delivered", "queued", "displayed", "unknown"));
	return all;
}

static json_t *describe(const struct jmap_creating *creating)
{
	const struct queue_message *message = &creating->sending.queue;
	struct slice identity = id_of(creating, "identityId");
	bool waits = message->release > message->arrived;
	return json_pack("{s:s%, s:o, s:o, s:o, s:o, s:s, s:o, s:[], s:[]}", "identityId", identity.at, identity.len, "emailId", jmap_id(JMAP_ID_EMAIL, creating->email.id), "threadId",
			 jmap_id(JMAP_ID_THREAD, creating->email.thread), "envelope", jmap_send_envelope(&creating->sending), "sendAt", jmap_date(queue_begins(message)),
			 "undoStatus", waits ? "pending" : "final", "deliveryStatus", status_of_all(message), "dsnBlobIds", "mdnBlobIds");
}

/* Of those that are over the oldest go, so that there is room for more. */
static json_t *make_room(struct jmap_call *call)
{
	struct object *list;
	struct error error;
	size_t count;
	int64_t state;
	if (!object_list(call->account, OBJECT_SUBMISSION, call->arena, &list, &count, &state, &error))
		return jmap_set_error_of(&error);
	for (size_t i = 0; count - i >= OBJECTS_MAX && i < count; i++) {
		json_t *json = jmap_object_json(&list[i], JMAP_ID_SUBMISSION);
		bool over = !slice_equal(jmap_slice_of(json_object_get(json, "undoStatus")), SLICE("pending"));
		json_decref(json);
		if (over)
			json_decref(jmap_object_put(call, OBJECT_SUBMISSION, &list[i].id, 0, NULL));
	}
	return NULL;
}

static json_t *check(struct jmap_creating *creating)
{
	json_t *envelope = json_object_get(creating->object, "envelope");
	json_t *refused = check_properties(creating->object);
	refused = refused ? refused : find_identity(creating, id_of(creating, "identityId"));
	refused = refused ? refused : find_email(creating, id_of(creating, "emailId"));
	if (refused)
		return refused;
	creating->sending.message = creating->blob.bytes;
	creating->sending.identity = jmap_slice_of(json_object_get(creating->identity, "email"));
	creating->sending.envelope = json_is_null(envelope) ? NULL : envelope;
	refused = jmap_send_check(&creating->sending);
	return refused ? refused : make_room(creating->call);
}

/* ---- Sending ---- */

static json_t *keep(struct jmap_sending *sending)
{
	struct jmap_creating *creating = sending->context;
	struct error error;
	creating->record = describe(creating);
	if (sending->queue.envid.len == 0) { /* reports of it name it so: courier/submission.c */
		char *id = arena_alloc(creating->call->arena, ID_TEXT_LEN + 1);
		id_format(sending->queue.id, id);
		sending->queue.envid = slice_of(id);
	}
	note_on_way(sending->queue.id);
	json_t *refused = jmap_object_put(creating->call, OBJECT_SENDING, &creating->kept, sending->queue.id, creating->record);
	if (refused)
		return refused;
	return store_sync(creating->call->request->service->store, &error) ? NULL : jmap_set_error_of(&error);
}

/* It was refused; is it so? */
static bool is_there_after_all(struct jmap_creating *creating, bool *known)
{
	struct error error;
	bool there = false;
	*known = !creating->sending.in_doubt || queue_resolve(creating->call->request->service->queue, creating->sending.queue.account, creating->sending.queue.id, &there, &error);
	return there;
}

static json_t *conclude(struct jmap_creating *creating, json_t *refused, json_t **made)
{
	struct error error;
	bool known = true;
	int64_t id;
	if (refused && creating->kept != 0 && is_there_after_all(creating, &known)) {
		json_decref(refused);
		refused = NULL;
	}
	if (refused) {
		if (known && creating->kept != 0 && !forget(creating->call->account, creating->kept, &error))
			log_warning("submission.unsettled", log_slice("account", creating->sending.queue.account), log_text("cause", error.text));
		return refused;
	}
	if (!object_move(creating->call->account, OBJECT_SENDING, OBJECT_SUBMISSION, creating->sending.queue.id, &id, &error))
		return jmap_set_error_of(&error); /* it is sent; it will be seen as soon as the account can be written to */
	json_t *record = *made = json_incref(creating->record);
	json_object_set_new(record, "id", jmap_id(JMAP_ID_SUBMISSION, id));
	json_object_del(record, "identityId");
	json_object_del(record, "emailId");
	if (creating->sending.envelope)
		json_object_del(record, "envelope");
	return NULL;
}

struct jmap_creating *jmap_creating_begin(struct jmap_call *call, json_t *object)
{
	struct jmap_creating *creating = arena_alloc(call->arena, sizeof *creating);
	*creating = (struct jmap_creating){.call = call, .object = object, .blob = {.fd = -1}, .sending = {.call = call, .tracked = true, .ready = keep, .context = creating}};
	return creating;
}

enum net_run jmap_creating_go_on(struct jmap_creating *creating, json_t **made, json_t **refused)
{
	*refused = creating->begun ? NULL : check(creating);
	creating->begun = true;
	if (!*refused && jmap_send_go_on(&creating->sending, refused) == RUN_WAIT)
		return RUN_WAIT;
	*refused = conclude(creating, *refused, made);
	jmap_creating_drop(creating);
	return RUN_DONE;
}

void jmap_creating_drop(struct jmap_creating *creating)
{
	jmap_send_drop(&creating->sending);
	forget_on_way(creating->sending.queue.id);
	jmap_blob_close(&creating->blob);
	json_decref(creating->identity);
	json_decref(creating->record);
	creating->identity = creating->record = NULL;
}
