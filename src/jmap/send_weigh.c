/* What the policy role makes of a message that is about to be sent, as of any that is submitted (smtp/judge.c): what it weighs, what engines say that are for
 * mail of our own, where its sender is. What milters want changed of its envelope is done here, what they want changed of its text in send_queue.c. */
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "config/config_engine.h"
#include "jmap/send_weigh.h"
#include "message/address.h"
#include "message/downgrade.h"
#include "net/call.h"
#include "submit/edits.h"
#include "submit/weigh.h"

enum { QUESTION_MAX = QUEUE_HELD_MAX + POLICY_RECIPIENTS_MAX + 16 * 1024 };

/* What is asked for, and what came of it. */
struct jmap_weighing {
	bool weighed, located, scanned, must;
	struct buf text;              /* of the question */
	struct call_ticket *call;     /* NULL: it couldn't be asked, or was answered */
	struct call_answer answer;
	struct policy_answer heard;
	struct slice body;            /* mapped */
	bool changes;                 /* the message is to be changed as `heard` says */
};

static struct slice client_bytes(const struct sockaddr_storage *peer)
{
	if (peer->ss_family == AF_INET)
		return slice_make((const char *)&((const struct sockaddr_in *)peer)->sin_addr, sizeof(struct in_addr));
	return peer->ss_family == AF_INET6 ? slice_make((const char *)&((const struct sockaddr_in6 *)peer)->sin6_addr, sizeof(struct in6_addr)) : slice_make(NULL, 0);
}

/* As many as fit. */
static struct slice recipients_of(const struct jmap_sending *sending)
{
	struct buf out = BUF(POLICY_RECIPIENTS_MAX);
	for (size_t i = 0; i < sending->queue.recipient_count; i++)
		if (out.len + sending->queue.recipients[i].address.len < out.max)
			buf_printf(&out, "%.*s\n", SLICE_ARG(sending->queue.recipients[i].address));
	struct slice recipients = arena_copy(sending->call->arena, buf_slice(&out));
	buf_free(&out);
	return recipients;
}

static bool make_question(struct jmap_sending *sending, struct queue_draft *draft, struct buf *text, struct call_question *question)
{
	const struct jmap_request *request = sending->call->request;
	struct sockaddr_storage peer;
	struct error error;
	char id[ID_TEXT_LEN + 1];
	int shown = -1;
	struct policy_question asked = {.sender = sending->queue.from, .receiver = slice_of(request->config->hostname), .own = true, .user = sending->queue.account,
		.recipients = recipients_of(sending)};
	conn_peer_address(request->conn, &peer);
	id_format(sending->queue.id, id);
	asked.id = slice_of(id);
	asked.client = client_bytes(&peer);
	if (!queue_draft_show(draft, &asked.text, &shown, &asked.skip, &error))
		return false;
	asked.in_file = shown >= 0;
	*question = (struct call_question){.verb = POLICY_VERB, .fd_count = asked.in_file};
	question->fds[0] = shown;
	question->begin_by = question->end_by = clock_monotonic_ms() + (POLICY_WAIT_SECONDS + config_engines_timeout(request->config)) * 1000;
	bool fits = policy_question_encode(&asked, text);
	question->text = buf_slice(text);
	return fits;
}

static struct slice whole_lines(struct slice text, size_t max)
{
	struct slice cut = slice_sub(text, 0, max);
	size_t end = slice_find_last_char(cut, '\n');
	return cut.len == text.len ? text : slice_sub(cut, 0, end == SLICE_NONE ? 0 : end + 1);
}

static json_t *unchecked(void) { return jmap_set_error("serverFail", NULL, "the message can't be checked at the moment, try again later"); }

static void log_judged(const struct jmap_sending *sending, const struct policy_answer *heard, const char *action)
{
	log_info("message.judged", log_id("id", sending->queue.id), log_id("session", conn_id(sending->call->request->conn)), log_text("action", action),
		 log_number("hundredths", heard->points), log_slice("account", sending->queue.account), log_slice("reason", heard->reply));
}

/* ---- The envelope, as milters want it ---- */

static void remove_recipient(struct jmap_sending *sending, struct slice address)
{
	struct queue_message *message = &sending->queue;
	size_t i = 0;
	while (i < message->recipient_count && !slice_equal_nocase(message->recipients[i].address, address))
		i++;
	if (i == message->recipient_count)
		return;
	if (message->recipient_count == 1) { /* if nobody is left to get it, it is set apart as it came */
		message->doubt = (struct queue_suspicion){REASON_SET_APART, 0, 0};
		return;
	}
	log_info("message.recipient_removed", log_id("id", message->id), log_slice("to", message->recipients[i].address));
	memmove(message->recipients + i, message->recipients + i + 1, (message->recipient_count - i - 1) * sizeof *message->recipients);
	message->recipient_count--;
}

static bool change_sender(struct jmap_sending *sending, struct slice address)
{
	struct queue_message *message = &sending->queue;
	struct error error;
	struct slice sender = SLICE("");
	if (address.len > 0 && !address_parse(address, message->smtputf8, sending->call->arena, &sender, &error))
		return false;
	log_info("message.sender_changed", log_id("id", message->id), log_slice("from", message->from), log_slice("now", sender));
	message->from = arena_copy(sending->call->arena, sender);
	return true;
}

/* False: whether it is an address can't be told now. */
static bool add_recipient(struct jmap_sending *sending, struct slice line)
{
	struct queue_message *message = &sending->queue;
	struct slice address;
	struct error error;
	enum auth_recipient_kind kind = RECIPIENT_UNKNOWN;
	if (address_parse(line, message->smtputf8, sending->call->arena, &address, &error))
		kind = auth_recipient(sending->call->request->service->auth, NULL, address, NULL);
	bool added = (kind == RECIPIENT_LOCAL || kind == RECIPIENT_FOREIGN) && message->recipient_count < (size_t)sending->call->request->config->max_recipients;
	log_info(added ? "message.recipient_added" : "message.recipient_not_added", log_id("id", message->id), log_slice("to", line));
	if (added) {
		struct queue_recipient *longer = arena_array(sending->call->arena, message->recipient_count + 1, sizeof *longer);
		memcpy(longer, message->recipients, message->recipient_count * sizeof *longer);
		longer[message->recipient_count++] = (struct queue_recipient){.address = arena_copy(sending->call->arena, address)};
		message->recipients = longer;
	}
	return kind != RECIPIENT_TEMPORARY && kind != RECIPIENT_AWAITED;
}

static bool change_envelope(struct jmap_sending *sending, const struct policy_edits *edits)
{
	struct slice address, rest = edits->removed;
	bool done = !edits->sender_changed || change_sender(sending, edits->sender);
	while (done && rest.len > 0) {
		slice_cut(rest, '\n', &address, &rest);
		remove_recipient(sending, address);
	}
	rest = edits->added;
	while (done && rest.len > 0) {
		slice_cut(rest, '\n', &address, &rest);
		done = add_recipient(sending, address);
	}
	return done;
}

static bool take_body(struct jmap_sending *sending)
{
	struct jmap_weighing *weighing = sending->weighing;
	const struct call_answer *answer = &weighing->answer;
	struct message_facts facts;
	if (!submit_map_body(answer->fd_count > 0 ? answer->fds[0] : -1, sending->call->request->config->max_message, &weighing->body))
		return false;
	message_examine(weighing->body, &facts);
	return !facts.not_lines && !facts.long_line && (weighing->body.len == 0 || slice_ends_nocase(weighing->body, SLICE("\n")));
}

static json_t *make_changes(struct jmap_sending *sending)
{
	struct jmap_weighing *weighing = sending->weighing;
	const struct policy_edits *edits = &weighing->heard.edits;
	if (!change_envelope(sending, edits) || (edits->body && !take_body(sending))) {
		log_error("policy.wrong_answer", log_id("id", sending->queue.id), log_text("reason", "what it wants changed can't be"));
		return unchecked();
	}
	weighing->changes = true;
	return NULL;
}

/* ---- Asking ---- */

static json_t *obey(struct jmap_sending *sending)
{
	struct jmap_weighing *weighing = sending->weighing;
	const struct policy_answer *heard = &weighing->heard;
	struct queue_message *message = &sending->queue;
	enum policy_action action = weighing->scanned ? heard->action : POLICY_ACCEPT;
	bool held = weighing->weighed && submit_is_held(sending->call->request->config, heard->points, &message->doubt);
	if (weighing->located)
		message->country = arena_copy(sending->call->arena, heard->country);
	if (held || weighing->scanned)
		message->findings = arena_copy(sending->call->arena, whole_lines(heard->record, QUEUE_FINDINGS_MAX));
	if (action == POLICY_QUARANTINE)
		message->doubt = (struct queue_suspicion){REASON_SET_APART, 0, 0};
	log_judged(sending, heard, action >= POLICY_QUARANTINE ? policy_action_name(action) : held ? "hold" : "send");
	if (action >= POLICY_DEFER)
		return jmap_set_error("forbiddenToSend", NULL, "%.*s", SLICE_ARG(heard->reply));
	return weighing->scanned && policy_edits_are_any(&heard->edits) ? make_changes(sending) : NULL;
}

void jmap_weigh_begin(struct jmap_sending *sending, void (*done)(void *context), void *context)
{
	const struct jmap_request *request = sending->call->request;
	struct jmap_weighing *weighing = arena_alloc(sending->call->arena, sizeof *weighing);
	struct call_question question;
	*weighing = (struct jmap_weighing){.weighed = submit_is_weighed(request->config, &sending->queue), .located = submit_is_located(request->config, &sending->queue),
		.text = BUF(QUESTION_MAX)};
	weighing->scanned = config_engines_see_ours(request->config, &weighing->must);
	if (!weighing->weighed && !weighing->located && !weighing->scanned)
		return;
	sending->weighing = weighing;
	if (make_question(sending, sending->draft, &weighing->text, &question))
		weighing->call = caller_begin(request->service->policy, &question, done, context);
}

bool jmap_weigh_is_done(const struct jmap_sending *sending)
{
	return !sending->weighing || !sending->weighing->call || caller_is_done(sending->weighing->call);
}

json_t *jmap_weigh_end(struct jmap_sending *sending)
{
	struct jmap_weighing *weighing = sending->weighing;
	if (!weighing)
		return NULL;
	bool answered = weighing->call && caller_end(&weighing->call, &weighing->answer) && policy_answer_decode(buf_slice(&weighing->answer.text), &weighing->heard) &&
			weighing->heard.known && weighing->heard.own;
	return answered ? obey(sending) : weighing->must ? unchecked() : NULL;
}

const struct policy_answer *jmap_weigh_answer(const struct jmap_weighing *weighing) { return weighing->changes ? &weighing->heard : NULL; }

struct slice jmap_weigh_body(const struct jmap_weighing *weighing) { return weighing->body; }

void jmap_weigh_drop(struct jmap_sending *sending)
{
	struct jmap_weighing *weighing = sending->weighing;
	sending->weighing = NULL;
	if (weighing->call)
		caller_end(&weighing->call, &weighing->answer);
	submit_unmap_body(&weighing->body);
	call_answer_free(&weighing->answer);
	buf_free(&weighing->text);
}
