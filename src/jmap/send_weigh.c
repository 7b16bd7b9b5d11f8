/* What the policy role makes of a message that is about to be sent, as of any that is submitted (smtp/judge.c): what it weighs, what engines say that are for
 * mail of our own, where its sender is. Asked in this thread. What milters want changed isn't: where they must be obeyed it isn't sent. */
#include <netinet/in.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "config/config_engine.h"
#include "jmap/send_weigh.h"
#include "net/call.h"
#include "policy/judge.h"
#include "submit/weigh.h"

enum { QUESTION_MAX = QUEUE_HELD_MAX + POLICY_RECIPIENTS_MAX + 16 * 1024 };

/* What is asked for. */
struct weighing { bool weighed, located, scanned, must; };

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

static json_t *obey(struct jmap_sending *sending, const struct weighing *weighing, const struct policy_answer *heard)
{
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
	return weighing->scanned && weighing->must && policy_edits_are_any(&heard->edits) ? unchecked() : NULL;
}

json_t *jmap_send_weigh(struct jmap_sending *sending, struct queue_draft *draft)
{
	const struct jmap_request *request = sending->call->request;
	struct weighing weighing = {.weighed = submit_is_weighed(request->config, &sending->queue), .located = submit_is_located(request->config, &sending->queue)};
	weighing.scanned = config_engines_see_ours(request->config, &weighing.must);
	if (!weighing.weighed && !weighing.located && !weighing.scanned)
		return NULL;
	struct buf text = BUF(QUESTION_MAX);
	struct call_question question;
	struct call_answer answer = {0};
	struct policy_answer heard;
	bool answered = make_question(sending, draft, &text, &question) && caller_ask(request->service->policy, &question, &answer) &&
			policy_answer_decode(buf_slice(&answer.text), &heard) && heard.known && heard.own;
	json_t *refused = answered ? obey(sending, &weighing, &heard) : weighing.must ? unchecked() : NULL;
	call_answer_free(&answer);
	buf_free(&text);
	return refused;
}
