/* MAIL and RCPT: who sends, who is to receive (RFC 5321 §3.3, RFC 6409 §6, RFC 3461). A recipient that we can't deliver to
 * is refused here, where the sender hears it, and not by a bounce later. */
#include "smtp/session.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "message/address.h"
#include "smtp/parse.h"
#include "smtp/promise.h"

static void log_refusal(const struct smtp_session *session, const char *event, struct slice from, struct slice to, const char *reply)
{
	static struct log_paces paces;
	uint64_t unsaid;
	if (!log_is_due_of(&paces, smtp_who(session), event, &unsaid))
		return;
	log_info(event, log_id("session", conn_id(session->conn)), log_slice("client", conn_peer(session->conn)), log_slice("from", from),
		 log_slice("to", to), log_text("account", session->account ? session->account : ""), log_text("reason", reply), log_number("others", (int64_t)unsaid));
}

/* Nobody but we write from our own domains, if the administrator says so. */
static const char *check_stranger(struct smtp_session *session, struct slice from)
{
	if (smtp_is_trusted(session) || from.len == 0 || !session->config->refuse_own_senders)
		return NULL;
	switch (auth_recipient(session->service->auth, smtp_wait(session), from, NULL)) {
	case RECIPIENT_FOREIGN:
	case RECIPIENT_AWAITED:
		return NULL;
	case RECIPIENT_TEMPORARY:
		return "451 4.3.0 whether this sender is one of ours can't be told now, try again later";
	default:
		return "550 5.7.1 mail from this domain is sent by signing in, on the submission port";
	}
}

/* The sender's address must belong to who has signed in. The null reverse-path is nobody's: receipts and the like go with it
 * (RFC 8098 §3.3). */
static const char *check_sender(struct smtp_session *session, const struct smtp_mail_command *command)
{
	if (command->size > (uint64_t)session->config->max_message)
		return "552 5.3.4 the message is too large";
	if (!smtp_is_submission(session) || command->from.len == 0)
		return check_stranger(session, command->from);
	switch (smtp_may_send_as(session, smtp_wait(session), command->from)) {
	case SENDER_OWN:
	case SENDER_AWAITED:
		return NULL;
	case SENDER_OTHERS:
		return "553 5.7.1 this sender's address is not yours";
	case SENDER_TEMPORARY:
		break;
	}
	return "451 4.3.0 whose address this is can't be told now, try again later";
}

/* Until when the message waits is *release, 0: it doesn't. */
static const char *read_release(const struct smtp_session *session, const struct smtp_mail_command *command, int64_t *release)
{
	int64_t now = clock_now(), most = session->config->future_release;
	*release = command->hold_for > 0 ? now + (int64_t)command->hold_for : command->hold_until;
	if (*release == 0)
		return NULL;
	if (!smtp_offers_release(session))
		return "555 5.5.4 unknown parameter";
	if (*release - now > most)
		return "501 5.5.4 so long a message can't wait here";
	return *release <= now ? "501 5.5.4 that time is over" : NULL;
}

/* A stranger wasn't offered reports (extensions.c). If he asks nevertheless: what he asks for reaches whom he says he is. Nobody gets
 * news of success that he didn't send for, nor more of a stranger's words than identify the message: its header, and an envelope id
 * and an original recipient that are one word each. */
static void bound_mail(const struct smtp_session *session, struct smtp_mail_command *command)
{
	if (smtp_is_trusted(session))
		return;
	command->ret = RET_HEADERS;
	if (slice_find_char(command->envid, ' ') != SLICE_NONE)
		command->envid = SLICE("");
}

static void bound_rcpt(const struct smtp_session *session, struct smtp_rcpt_command *command)
{
	if (smtp_is_trusted(session))
		return;
	if (command->notify == NOTIFY_SUCCESS)
		command->notify = NOTIFY_NEVER;
	command->notify &= ~(unsigned)NOTIFY_SUCCESS;
	if (command->original.len > ADDRESS_MAX || slice_find_char(command->original, ' ') != SLICE_NONE)
		command->original = SLICE("");
}

/* What somebody sends by signing in is counted; and what a program of this machine sends, but for those that the administrator trusts. */
static struct queue_allowance allowance_of(const struct smtp_session *session)
{
	const struct config *config = session->config;
	const struct auth_rates *rates = &session->rates;
	return (struct queue_allowance){
		.counts = session->account && !session->trusted,
		.per_hour = rates->per_hour == 0 ? config->submission_rate : rates->per_hour < 0 ? 0 : rates->per_hour,
		.per_day = rates->per_day == 0 ? config->submission_rate_day : rates->per_day < 0 ? 0 : rates->per_day,
	};
}

/* False: the unit is to run again. If it can't be told now, it is as configured. */
static bool learn_rates(struct smtp_session *session)
{
	if (!session->account || session->trusted || session->rates_known)
		return true;
	enum auth_rates_known known = auth_rates(session->service->auth, smtp_wait(session), slice_of(session->account), &session->rates);
	session->rates_known = known == RATES_KNOWN;
	return known != RATES_AWAITED;
}

static void begin_transaction(struct smtp_session *session, const struct smtp_mail_command *command, int64_t release)
{
	struct smtp_transaction *transaction = &session->transaction;
	transaction->active = true;
	transaction->announced = command->size;
	transaction->message = (struct queue_message){
		.from = command->from, .body = command->body, .smtputf8 = command->smtputf8, .ret = command->ret, .envid = command->envid,
		.account = arena_copy(transaction->arena, slice_of(session->account)), .client = smtp_trace_client(session, transaction->arena),
		.allowance = allowance_of(session), .release = release,
	};
}

void smtp_cmd_mail(struct smtp_session *session, struct slice argument)
{
	struct smtp_mail_command command;
	int64_t release = 0;
	if (session->service->kind == SMTP_SUBMISSION && !session->account) {
		smtp_reply(session, "530 5.7.0 sign in first"); /* RFC 6409 §4.3 */
		return;
	}
	if (queue_is_slow(session->service->queue)) { /* what waits for it grows no more */
		smtp_reply(session, "451 4.3.2 the disk is slow at the moment, try again later");
		return;
	}
	if (session->messages >= session->config->max_messages_per_session) {
		smtp_give_up(session, "4.7.0", "that were enough messages over one connection");
		return;
	}
	if (!learn_rates(session))
		return;
	struct smtp_transaction *transaction = &session->transaction;
	transaction->arena = transaction->arena ? transaction->arena : arena_new();
	const char *reply = smtp_parse_mail(argument, transaction->arena, &command);
	reply = reply ? reply : read_release(session, &command, &release);
	if (!reply && session->service->kind == SMTP_LOCAL && (reply = smtp_local_check(session)))
		log_refusal(session, "sender.refused", command.from, SLICE(""), reply);
	if (!reply && (reply = check_sender(session, &command)))
		log_refusal(session, "sender.refused", command.from, SLICE(""), reply);
	if (auth_is_awaited(&session->wait))
		return;
	if (!reply && (reply = smtp_strangers_mail(session, command.from)))
		log_refusal(session, "sender.refused", command.from, SLICE(""), reply);
	if (session->service->kind == SMTP_LOCAL) /* now it is known who it is; it waits in its thread */
		learn_rates(session);
	smtp_reply(session, "%s", reply ? reply : "250 2.1.0 sender ok");
	bound_mail(session, &command);
	if (reply)
		smtp_reset(session);
	else
		begin_transaction(session, &command, release);
}

const char smtp_nobodys_address[] = "550 5.1.1 nobody has this address";
const char smtp_mailbox_full[] = "452 4.2.2 this mailbox is full";

/* "For now" when it is only full: most people make room, and their mail waits with its sender's server meanwhile. What would never fit
 * is refused for good. */
const char *smtp_mail_fits(const struct auth_recipient_room *room, uint64_t size)
{
	if (size > room->most)
		return "552 5.2.3 the message is larger than this mailbox may hold";
	if (room->now == 0 || size > room->now)
		return smtp_mailbox_full;
	return NULL;
}

/* *ours: is the address in a domain of ours? */
static const char *check_recipient(struct smtp_session *session, struct slice *to, struct auth_recipient_facts *facts, bool *ours)
{
	enum auth_recipient_kind kind = auth_recipient(session->service->auth, smtp_wait(session), *to, facts);
	if (kind == RECIPIENT_UNKNOWN && smtp_local_redirect(session, to))
		kind = auth_recipient(session->service->auth, NULL, *to, facts);
	*ours = kind == RECIPIENT_LOCAL || kind == RECIPIENT_UNKNOWN || kind == RECIPIENT_DISABLED;
	switch (kind) {
	case RECIPIENT_LOCAL:
		smtp_promise_look(&facts->room, clock_monotonic_ms());
		return smtp_mail_fits(&facts->room, session->transaction.announced);
	case RECIPIENT_FOREIGN:
		return session->account || session->may_relay ? NULL : "550 5.7.1 mail for this address is not taken here without signing in";
	case RECIPIENT_UNKNOWN:
		return smtp_nobodys_address;
	case RECIPIENT_AWAITED:
		return NULL;
	case RECIPIENT_RETURN: /* else it would be a way through us to anybody who has written to a forwarded address */
		return session->transaction.message.from.len == 0 ? NULL : "550 5.7.1 this address takes nothing but reports about mail that was forwarded";
	case RECIPIENT_DISABLED:
		return "550 5.2.1 this mailbox takes no mail";
	case RECIPIENT_TEMPORARY:
		break;
	}
	return "451 4.3.0 this address can't be checked now, try again later";
}

void smtp_add_recipient(struct smtp_session *session, const struct queue_recipient *recipient, const struct auth_recipient_facts *facts)
{
	struct smtp_transaction *transaction = &session->transaction;
	struct queue_message *message = &transaction->message;
	uint64_t hash = map_hash(recipient->address);
	for (size_t i = 0; i < message->recipient_count; i++)
		if (transaction->known[i].hash == hash && slice_equal(message->recipients[i].address, recipient->address))
			return;
	ARENA_GROW(transaction->arena, message->recipients, message->recipient_count, transaction->recipient_room);
	ARENA_GROW(transaction->arena, transaction->known, message->recipient_count, transaction->known_room);
	transaction->known[message->recipient_count] = (struct smtp_known_recipient){.hash = hash, .room = facts->room};
	transaction->thresholds = message->recipient_count == 0 ? facts->thresholds : config_thresholds_join(session->config, transaction->thresholds, facts->thresholds);
	message->recipients[message->recipient_count++] = *recipient;
}

void smtp_rcpt_end(struct smtp_session *session, const struct smtp_rcpt_command *command, const struct auth_recipient_facts *facts, const char *reply)
{
	reply = reply ? reply : smtp_strangers_rcpt(session, command->to);
	if (reply)
		log_refusal(session, "recipient.refused", session->transaction.message.from, command->to, reply);
	else { /* a repeated one counts only for LMTP's replies */
		session->transaction.replies++;
		smtp_add_recipient(session, &(struct queue_recipient){.address = command->to, .original = command->original, .notify = command->notify}, facts);
	}
	smtp_reply(session, "%s", reply ? reply : "250 2.1.5 recipient ok");
	if (reply == smtp_nobodys_address)
		smtp_strangers_missed(session);
	else if (!reply)
		smtp_strangers_found(session);
}

/* Counted by commands, not by addresses: a million times the same recipient must end, too, or a million that can't be checked now. */
static bool are_too_many(const struct smtp_session *session)
{
	size_t max = (size_t)session->config->max_recipients;
	return session->transaction.replies >= max || session->transaction.attempts >= max + (size_t)session->config->max_errors;
}

void smtp_cmd_rcpt(struct smtp_session *session, struct slice argument)
{
	struct smtp_transaction *transaction = &session->transaction;
	struct smtp_rcpt_command command;
	struct auth_recipient_facts facts = {.room = {UINT64_MAX, UINT64_MAX, 0}};
	bool ours = false;
	if (are_too_many(session)) {
		smtp_reply(session, "452 4.5.3 too many recipients"); /* RFC 5321 §4.5.3.1.10 */
		return;
	}
	const char *reply = smtp_parse_rcpt(argument, transaction->message.smtputf8, transaction->arena, &command);
	if (reply) {
		transaction->attempts++;
		smtp_reply(session, "%s", reply);
		return;
	}
	reply = check_recipient(session, &command.to, &facts, &ours);
	if (auth_is_awaited(&session->wait))
		return;
	transaction->attempts++;
	bound_rcpt(session, &command);
	if (!ours || !smtp_gate_begin(session, &command, &facts, &reply))
		smtp_rcpt_end(session, &command, &facts, reply);
}
