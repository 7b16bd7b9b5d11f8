/* MDN/send and MDN/parse (RFC 9007). A receipt goes out like any message, from the null reverse-path, to whom the message names for it. */
#include "jmap/mdn.h"

#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "jmap/blob.h"
#include "jmap/identity.h"
#include "jmap/object.h"
#include "jmap/send.h"
#include "jmap/submission.h"
#include "message/address.h"

enum { RECEIPT_MAX = 4 * 1024 * 1024 };

/* ---- MDN/send ---- */

struct receipting {
	struct jmap_call *call;
	const json_t *object, *identity;
	struct email email;
	struct jmap_blob blob;
	struct jmap_receipt receipt;
	struct buf text;
	json_t *envelope;
	struct jmap_sending sending;
	bool begun;
};

static bool has_keyword(struct slice keywords, struct slice wanted)
{
	struct slice word;
	for (bool more = true; more;) {
		more = slice_cut(keywords, ' ', &word, &keywords);
		if (slice_equal_nocase(word, wanted))
			return true;
	}
	return false;
}

static json_t *find_email(struct receipting *receipting)
{
	struct error error;
	struct email *list;
	struct jmap_call *call = receipting->call;
	struct slice id = jmap_resolve_id(call, jmap_slice_of(json_object_get(receipting->object, "forEmailId")));
	int64_t number = jmap_id_parse(JMAP_ID_EMAIL, id.at ? id : SLICE(""));
	char blob[JMAP_ID_SIZE];
	if (number == 0)
		return jmap_set_error("notFound", NULL, NULL);
	if (!email_get(call->account, &number, 1, MESSAGE_FLAGS, call->arena, &list, NULL, &error))
		return jmap_set_error_of(&error);
	if (list[0].id == 0)
		return jmap_set_error("notFound", NULL, NULL);
	if (has_keyword(list[0].keywords, SLICE("$mdnsent")))
		return jmap_set_error("mdnAlreadySent", NULL, NULL);
	receipting->email = list[0];
	jmap_id_format(JMAP_ID_BLOB, number, blob);
	return jmap_account_blob_open(call->account, slice_of(blob), &receipting->blob, &error) ? NULL : jmap_set_error_of(&error);
}

/* Whom the message names for receipts (RFC 8098 §2.1). */
static json_t *find_reader(struct receipting *receipting)
{
	struct arena *arena = receipting->call->arena;
	struct header_field field;
	struct address *list;
	struct error error;
	size_t count = 0;
	struct slice bytes = receipting->blob.bytes, header = slice_sub(bytes, 0, header_length(bytes));
	receipting->receipt.original = bytes;
	receipting->receipt.original_header = header;
	if (header_find(header, SLICE("Disposition-Notification-To"), &field))
		address_parse_list(field.body, 2, arena, &list, &count);
	for (size_t i = 0; i < count; i++)
		if (list[i].kind == ADDRESS_MAILBOX &&
		    address_parse(arena_printf(arena, "%.*s@%.*s", SLICE_ARG(address_quote(list[i].local, arena)), SLICE_ARG(list[i].domain)), true, arena, &receipting->receipt.to, &error))
			return NULL;
	return jmap_set_error("notFound", NULL, "that message doesn't ask for a receipt");
}

static json_t *write_it(struct receipting *receipting)
{
	struct jmap_call *call = receipting->call;
	struct jmap_receipt *receipt = &receipting->receipt;
	receipt->object = receipting->object;
	receipt->from = jmap_slice_of(json_object_get(receipting->identity, "email"));
	receipt->hostname = call->request->config->hostname;
	receipt->id = id_new();
	receipt->now = clock_now();
	receipting->text = BUF(RECEIPT_MAX);
	if (!jmap_receipt_write(receipt, &receipting->text, call->arena))
		return jmap_set_error("tooLarge", NULL, NULL);
	receipting->envelope = json_pack("{s:{s:s}, s:[{s:o}]}", "mailFrom", "email", "", "rcptTo", "email", jmap_text(receipt->to));
	receipting->sending = (struct jmap_sending){.call = call, .message = buf_slice(&receipting->text), .identity = receipt->from, .envelope = receipting->envelope};
	return jmap_send_check(&receipting->sending);
}

/* What the client doesn't know yet. */
static json_t *describe(const struct receipting *receipting)
{
	const struct jmap_receipt *receipt = &receipting->receipt;
	struct header_field field;
	struct arena *arena = receipting->call->arena;
	json_t *sent = json_object();
	if (!json_is_string(json_object_get(receipting->object, "finalRecipient")))
		json_object_set_new(sent, "finalRecipient", jmap_text(arena_printf(arena, "rfc822; %.*s", SLICE_ARG(receipt->from))));
	if (header_find(receipt->original_header, SLICE("Message-ID"), &field))
		json_object_set_new(sent, "originalMessageId", jmap_text(header_unfold(field.body, arena)));
	if (header_find(receipt->original_header, SLICE("Original-Recipient"), &field))
		json_object_set_new(sent, "originalRecipient", jmap_text(header_unfold(field.body, arena)));
	return sent;
}

static json_t *check_one(struct receipting *receipting)
{
	json_t *refused = json_is_object(receipting->object) ? jmap_receipt_check(receipting->object) : jmap_set_error("invalidProperties", NULL, NULL);
	refused = refused ? refused : find_email(receipting);
	refused = refused ? refused : find_reader(receipting);
	return refused ? refused : write_it(receipting);
}

static void drop_one(struct receipting *receipting)
{
	jmap_send_drop(&receipting->sending);
	buf_free(&receipting->text);
	jmap_blob_close(&receipting->blob);
	json_decref(receipting->envelope);
	*receipting = (struct receipting){.blob = {.fd = -1}};
}

/* RUN_WAIT: to be called again. */
static enum net_run send_one(struct receipting *receipting, json_t **sent, json_t **refused)
{
	*refused = receipting->begun ? NULL : check_one(receipting);
	receipting->begun = true;
	if (!*refused && jmap_send_go_on(&receipting->sending, refused) == RUN_WAIT)
		return RUN_WAIT;
	if (!*refused)
		*sent = describe(receipting);
	drop_one(receipting);
	return RUN_DONE;
}

/* Of those that were sent. */
static json_t *emails_to_update(const struct jmap_call *call, const json_t *send, const json_t *sent, json_t *wanted)
{
	const char *name;
	json_t *patch, *update = json_object();
	json_object_foreach(wanted, name, patch) {
		json_t *id = name[0] == '#' && json_object_get(sent, name + 1) ? json_object_get(json_object_get(send, name + 1), "forEmailId") : NULL;
		struct slice email = id ? jmap_resolve_id(call, jmap_slice_of(id)) : SLICE("");
		if (email.len > 0 && json_is_object(patch))
			json_object_setn_new(update, email.at, email.len, json_copy(patch));
	}
	return update;
}

static json_t *or_null(json_t *object)
{
	if (json_object_size(object) > 0)
		return object;
	json_decref(object);
	return json_null();
}

/* How far an MDN/send is. */
struct receipts {
	struct jmap_call *call;
	struct receipting one;
	void *next;                  /* of `send` */
	json_t *identity, *send, *update, *sent, *not_sent;
};

static void drop_all(void *state)
{
	struct receipts *receipts = state;
	drop_one(&receipts->one);
	json_decref(receipts->identity);
	json_decref(receipts->sent);
	json_decref(receipts->not_sent);
}

static enum net_run send_all(struct receipts *receipts)
{
	struct jmap_call *call = receipts->call;
	for (; receipts->next; receipts->next = json_object_iter_next(receipts->send, receipts->next)) {
		json_t *made = NULL, *refused;
		if (!receipts->one.begun) {
			receipts->one.call = call;
			receipts->one.object = json_object_iter_value(receipts->next);
			receipts->one.identity = receipts->identity;
		}
		if (send_one(&receipts->one, &made, &refused) == RUN_WAIT)
			return RUN_WAIT;
		json_object_set_new(refused ? receipts->not_sent : receipts->sent, json_object_iter_key(receipts->next), refused ? refused : made);
	}
	json_t *emails = emails_to_update(call, receipts->send, receipts->sent, receipts->update);
	jmap_respond(call, "MDN/send", json_pack("{s:s, s:o, s:o}", "accountId", call->request->account_id, "sent", or_null(receipts->sent), "notSent", or_null(receipts->not_sent)));
	json_decref(receipts->identity);
	call->state = NULL;
	call->drop = NULL;
	return jmap_implied_email_set(call, emails, json_array());
}

static enum net_run begin_all(struct jmap_call *call, json_t *identity, json_t *send, json_t *update)
{
	struct receipts *receipts = arena_alloc(call->arena, sizeof *receipts);
	*receipts = (struct receipts){.call = call, .one = {.blob = {.fd = -1}}, .next = json_object_iter(send), .identity = identity, .send = send, .update = update,
		.sent = json_object(), .not_sent = json_object()};
	call->state = receipts;
	call->drop = drop_all;
	return send_all(receipts);
}

enum net_run jmap_mdn_send(struct jmap_call *call)
{
	struct slice id;
	struct error error;
	json_t *send, *update, *identity;
	bool under_way;
	if (call->drop == drop_all)
		return send_all(call->state);
	enum net_run result = jmap_implied_go_on(call, &under_way);
	if (under_way)
		return result;
	if (!jmap_arguments_known(call, "identityId send onSuccessUpdateEmail") || !jmap_argument_text(call, "identityId", true, &id) ||
	    !jmap_argument_object(call, "send", &send) || !jmap_argument_object(call, "onSuccessUpdateEmail", &update))
		return RUN_DONE;
	id = jmap_resolve_id(call, id);
	if (!send || json_object_size(send) > JMAP_SET_MAX)
		jmap_fail(call, send ? "requestTooLarge" : "invalidArguments", NULL);
	else if (jmap_identity_find(call, id.at ? id : SLICE(""), &identity, &error))
		return begin_all(call, identity, send, update);
	else if (error.kind == ERROR_NOT_FOUND)
		jmap_fail(call, "invalidArguments", "there is no such identity");
	else
		jmap_fail_error(call, &error);
	return RUN_DONE;
}

/* ---- MDN/parse ---- */

/* Which of the account's emails it is about; null: it isn't known. */
static json_t *email_of(struct jmap_call *call, const json_t *receipt)
{
	struct slice id = slice_trim(jmap_slice_of(json_object_get(receipt, "originalMessageId")));
	struct error error;
	int64_t *ids;
	size_t count = 0;
	if (id.len > 2 && id.at[0] == '<' && id.at[id.len - 1] == '>')
		id = slice_sub(id, 1, id.len - 2);
	return id.len > 0 && email_find(call->account, id, call->arena, &ids, &count, &error) && count > 0 ? jmap_id(JMAP_ID_EMAIL, ids[0]) : json_null();
}

enum net_run jmap_mdn_parse(struct jmap_call *call)
{
	json_t *ids, *one;
	size_t i;
	if (!jmap_arguments_known(call, "blobIds") || !jmap_argument_array(call, "blobIds", &ids))
		return RUN_DONE;
	if (!ids || json_array_size(ids) > JMAP_GET_MAX) {
		jmap_fail(call, ids ? "requestTooLarge" : "invalidArguments", NULL);
		return RUN_DONE;
	}
	json_t *parsed = json_object(), *not_parsable = json_array(), *not_found = json_array();
	json_array_foreach(ids, i, one) {
		struct jmap_blob blob = {.fd = -1};
		struct error error;
		struct slice id = jmap_slice_of(one);
		bool there = json_is_string(one) && jmap_blob_open(call, id, &blob, &error);
		json_t *receipt = there ? jmap_receipt_read(blob.bytes, call->arena) : NULL;
		if (receipt) {
			json_object_set_new(receipt, "forEmailId", email_of(call, receipt));
			json_object_setn_new(parsed, id.at, id.len, receipt);
		} else
			json_array_append(there ? not_parsable : not_found, one);
		jmap_blob_close(&blob);
	}
	bool any_bad = json_array_size(not_parsable) > 0, any_missing = json_array_size(not_found) > 0;
	jmap_respond(call, "MDN/parse", json_pack("{s:s, s:o, s:O?, s:O?}", "accountId", call->request->account_id, "parsed", or_null(parsed), "notParsable",
						  any_bad ? not_parsable : NULL, "notFound", any_missing ? not_found : NULL));
	json_decref(not_parsable);
	json_decref(not_found);
	return RUN_DONE;
}
