/* What milters want changed of a message beside its header, as the policy role tells it: the envelope, and another body, which comes
 * as a memory file. Nothing of it is believed that isn't what we would have taken from a client; whether edits of the header fit is
 * looked at where the message is written anew (content.c). */
#include "smtp/session.h"

#include "base/clock.h"
#include "base/log.h"
#include "message/address.h"
#include "policy/judge.h"
#include "smtp/frame.h"
#include "smtp/promise.h"
#include "submit/edits.h"

/* ---- The envelope ---- */

static void remove_recipient(struct smtp_transaction *transaction, size_t index)
{
	struct queue_message *message = &transaction->message;
	size_t behind = message->recipient_count - index - 1;
	log_info("message.recipient_removed", log_id("id", message->id), log_slice("to", message->recipients[index].address));
	memmove(message->recipients + index, message->recipients + index + 1, behind * sizeof *message->recipients);
	memmove(transaction->known + index, transaction->known + index + 1, behind * sizeof *transaction->known);
	message->recipient_count--;
}

/* If nobody is left to get it, it is set apart as it came: what was taken isn't lost. */
static void remove_recipients(struct smtp_session *session, struct slice addresses)
{
	struct smtp_transaction *transaction = &session->transaction;
	struct queue_message *message = &transaction->message;
	struct slice address;
	while (addresses.len > 0) {
		slice_cut(addresses, '\n', &address, &addresses);
		for (size_t i = 0; i < message->recipient_count; i++) {
			if (!slice_equal_nocase(message->recipients[i].address, address))
				continue;
			if (message->recipient_count > 1)
				remove_recipient(transaction, i);
			else
				smtp_judge_set_apart(session);
			break;
		}
	}
}

static bool change_sender(struct smtp_transaction *transaction, struct slice address)
{
	struct queue_message *message = &transaction->message;
	struct error error;
	struct slice sender = slice_make(NULL, 0);
	if (address.len > 0 && !address_parse(address, message->smtputf8, transaction->arena, &sender, &error))
		return false;
	log_info("message.sender_changed", log_id("id", message->id), log_slice("from", message->from), log_slice("now", sender));
	message->from = arena_copy(transaction->arena, sender);
	return true;
}

bool smtp_edits_envelope(struct smtp_session *session, const struct policy_edits *edits)
{
	if (edits->sender_changed && !change_sender(&session->transaction, edits->sender))
		return false;
	remove_recipients(session, edits->removed);
	session->judgement.added = arena_copy(session->transaction.arena, edits->added);
	return true;
}

static void add_recipient(struct smtp_session *session, struct slice address, enum auth_recipient_kind kind, struct auth_recipient_facts *facts)
{
	struct smtp_transaction *transaction = &session->transaction;
	bool may = kind == RECIPIENT_LOCAL || (kind == RECIPIENT_FOREIGN && (session->account || session->may_relay));
	bool added = may && transaction->message.recipient_count < (size_t)session->config->max_recipients;
	log_info(added ? "message.recipient_added" : "message.recipient_not_added", log_id("id", transaction->message.id), log_slice("to", address));
	if (kind == RECIPIENT_TEMPORARY)
		smtp_content_refuse(session, "451 4.3.0 an address can't be checked now, try again later");
	if (!added)
		return;
	smtp_promise_look(&facts->room, clock_monotonic_ms());
	smtp_add_recipient(session, &(struct queue_recipient){.address = address}, facts);
}

bool smtp_edits_add_recipients(struct smtp_session *session)
{
	struct slice *left = &session->judgement.added, line, rest, address;
	struct auth_recipient_facts facts = {.room = {UINT64_MAX, UINT64_MAX, 0}};
	struct error error;
	while (left->len > 0 && !session->transaction.content.refused) {
		slice_cut(*left, '\n', &line, &rest);
		enum auth_recipient_kind kind = RECIPIENT_UNKNOWN;
		if (address_parse(line, session->transaction.message.smtputf8, session->transaction.arena, &address, &error))
			kind = auth_recipient(session->service->auth, smtp_wait(session), address, &facts);
		else
			address = line;
		if (kind == RECIPIENT_AWAITED)
			return false;
		add_recipient(session, address, kind, &facts);
		*left = rest;
	}
	*left = slice_make(NULL, 0);
	return true;
}

/* ---- Another body ---- */

/* Lines, as we would have taken them: whole, and not too long. */
static bool are_lines(struct slice body, uint64_t max_line)
{
	bool after_cr = false;
	uint64_t line = 0;
	return smtp_frame_check(body, max_line, &after_cr, &line) == FRAME_FINE && !after_cr && line == 0;
}

bool smtp_edits_map(const struct smtp_session *session, int fd, struct slice *body)
{
	if (!submit_map_body(fd, session->config->max_message, body))
		return false;
	if (are_lines(*body, (uint64_t)session->config->max_line))
		return true;
	submit_unmap_body(body);
	return false;
}
