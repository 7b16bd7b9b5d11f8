/* Whether the policy role lets a stranger in at RCPT (policy/gate.h), before his message's text: asked without a thread that waits, once for each
 * domain of recipients (and for each threshold of theirs), and not at all where nothing can be refused. Who is known (smtp_is_trusted) isn't asked about. Without an answer the
 * recipient is taken: the text is judged later (judge.c). */
#include "smtp/session.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/log.h"
#include "policy/gate.h"

/* NULL: not asked yet. */
static struct smtp_gate_known *known_of(struct smtp_session *session, struct slice key, int reject)
{
	struct smtp_gate *gate = &session->transaction.gate;
	for (size_t i = 0; i < gate->count; i++)
		if (gate->known[i].reject == reject && slice_equal_nocase(gate->known[i].key, key))
			return &gate->known[i];
	return NULL;
}

static void remember(struct smtp_session *session, struct slice recipient, int reject, const char *reply)
{
	struct smtp_gate *gate = &session->transaction.gate;
	if (gate->count >= GATE_KNOWN_MAX)
		return;
	ARENA_GROW(session->transaction.arena, gate->known, gate->count, gate->room);
	gate->known[gate->count++] = (struct smtp_gate_known){policy_gate_key(session->config, recipient), reject, reply};
}

static bool is_asked(const struct smtp_session *session, struct slice recipient)
{
	return session->service->policy && session->service->kind == SMTP_RELAY && !smtp_is_trusted(session) && !policy_gate_is_open(recipient) &&
	       policy_gate_is_wanted(session->config);
}

/* False: it can't be asked. */
static bool ask(struct smtp_session *session, struct slice recipient, int reject)
{
	struct smtp_asked_gate *asking = &session->gate;
	struct call_question question = {.verb = POLICY_GATE_VERB};
	struct policy_gate_question asked = {.helo = slice_of(session->hello), .sender = session->transaction.message.from, .receiver = slice_of(smtp_hostname(session)), .recipient = recipient, .reject = reject};
	struct sockaddr_storage peer;
	conn_peer_address(session->conn, &peer);
	asked.client = smtp_client_bytes(&peer);
	asking->text = BUF(POLICY_GATE_QUESTION_MAX);
	if (asked.client.len == 0 || !policy_gate_question_encode(&asked, &asking->text)) {
		buf_free(&asking->text);
		return false;
	}
	question.text = buf_slice(&asking->text);
	question.begin_by = question.end_by = clock_monotonic_ms() + POLICY_GATE_WAIT_SECONDS * 1000;
	asking->call = caller_begin(session->service->policy, &question, smtp_resume, session->conn);
	return true;
}

bool smtp_gate_is_pending(const struct smtp_session *session)
{
	return session->gate.call != NULL;
}

bool smtp_gate_begin(struct smtp_session *session, const struct smtp_rcpt_command *command, const struct auth_recipient_facts *facts, const char **reply)
{
	if (!is_asked(session, command->to))
		return false;
	const struct smtp_gate_known *known = known_of(session, policy_gate_key(session->config, command->to), facts->thresholds.reject);
	if (known) {
		*reply = known->reply ? known->reply : *reply;
		return false;
	}
	if (!ask(session, command->to, facts->thresholds.reject))
		return false;
	struct smtp_rcpt_command *kept = arena_alloc(session->transaction.arena, sizeof *kept);
	*kept = *command;
	session->gate.command = kept;
	session->gate.facts = *facts;
	session->gate.reply = *reply;
	return true;
}

/* What the client is told; NULL: he is let in. */
static const char *heard(struct smtp_session *session, const struct call_answer *answer)
{
	struct policy_gate_answer said;
	if (!policy_gate_answer_decode(buf_slice(&answer->text), &said) || said.action == POLICY_ACCEPT)
		return NULL;
	return arena_printf(session->transaction.arena, "%s %.*s", said.action == POLICY_REJECT ? "550 5.7.1" : "451 4.7.1", SLICE_ARG(said.reply)).at;
}

void smtp_gate_conclude(struct smtp_session *session)
{
	struct smtp_asked_gate *asking = &session->gate;
	struct call_answer answer = {0};
	if (!caller_is_done(asking->call))
		return;
	const char *refusal = NULL;
	if (caller_end(&asking->call, &answer))
		refusal = heard(session, &answer);
	else
		log_warning("gate.unanswered", log_id("session", conn_id(session->conn)), log_slice("client", conn_peer(session->conn)));
	remember(session, asking->command->to, asking->facts.thresholds.reject, refusal);
	call_answer_free(&answer);
	buf_free(&asking->text);
	smtp_rcpt_end(session, asking->command, &asking->facts, refusal ? refusal : asking->reply);
}

void smtp_gate_abandon(struct smtp_session *session)
{
	struct call_answer answer = {0};
	if (!session->gate.call)
		return;
	caller_end(&session->gate.call, &answer);
	call_answer_free(&answer);
	buf_free(&session->gate.text);
}
