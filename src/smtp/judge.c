/* What the policy role makes of a message: asked when the text is complete, without a thread that waits. Of what those send who are known
 * (smtp_is_trusted) it is asked only what it weighs (spam_outgoing), which is held if it is too much, and what engines say that are for such mail
 * (for=ours); what isn't answered is taken, unless such an engine says down=defer. Its answer about a stranger's are fields that are put before the
 * message, and whether the message is taken. Where there is no answer, since the role has just ended, or has too much to do, the client is to come again, or its message is taken
 * with a field that says that nothing was checked (option accept_unchecked). */
#include "smtp/session.h"

#include <netinet/in.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "config/config_dns_list.h"
#include "config/config_engine.h"
#include "policy/judge.h"
#include "submit/edits.h"
#include "submit/weigh.h"

enum { QUESTION_MAX = QUEUE_HELD_MAX + POLICY_RECIPIENTS_MAX + 16 * 1024 };

struct slice smtp_client_bytes(const struct sockaddr_storage *peer)
{
	if (peer->ss_family == AF_INET)
		return slice_make((const char *)&((const struct sockaddr_in *)peer)->sin_addr, sizeof(struct in_addr));
	if (peer->ss_family == AF_INET6)
		return slice_make((const char *)&((const struct sockaddr_in6 *)peer)->sin6_addr, sizeof(struct in6_addr));
	return slice_make(NULL, 0);
}

static unsigned port_of(const struct sockaddr_storage *peer)
{
	return ntohs(peer->ss_family == AF_INET ? ((const struct sockaddr_in *)peer)->sin_port : ((const struct sockaddr_in6 *)peer)->sin6_port);
}

bool smtp_judge_is_due(const struct smtp_session *session)
{
	struct sockaddr_storage peer;
	conn_peer_address(session->conn, &peer);
	return session->config->sender_checks && session->service->policy && session->service->kind == SMTP_RELAY && !smtp_is_trusted(session) &&
	       smtp_client_bytes(&peer).len > 0;
}

/* Programs of this machine aren't. */
static bool is_weighed(const struct smtp_session *session)
{
	return session->service->policy && session->service->kind != SMTP_LOCAL && submit_is_weighed(session->config, &session->transaction.message);
}

static bool is_located(const struct smtp_session *session)
{
	return session->service->policy && session->service->kind != SMTP_LOCAL && submit_is_located(session->config, &session->transaction.message);
}

/* Is it shown to engines that are for mail of our own? */
static bool is_scanned(const struct smtp_session *session, bool *must)
{
	bool own = smtp_is_trusted(session) && session->service->kind != SMTP_LMTP;
	return own && session->service->policy && config_engines_see_ours(session->config, must);
}

/* To whom it goes: as many as fit. */
static struct slice recipients_of(const struct smtp_transaction *transaction)
{
	struct buf out = BUF(POLICY_RECIPIENTS_MAX);
	for (size_t i = 0; i < transaction->message.recipient_count; i++)
		if (out.len + transaction->message.recipients[i].address.len < out.max) {
			buf_append(&out, transaction->message.recipients[i].address);
			buf_append_char(&out, '\n');
		}
	struct slice recipients = arena_copy(transaction->arena, buf_slice(&out));
	buf_free(&out);
	return recipients;
}

/* Is one of the recipients where others report to us about our domains? */
static bool is_for_reports(const struct smtp_session *session)
{
	const struct queue_message *message = &session->transaction.message;
	struct slice name, domain;
	for (size_t i = 0; i < message->recipient_count; i++) {
		slice_cut(message->recipients[i].address, '@', &name, &domain);
		for (size_t j = 0; j < session->config->report_addresses.count; j++) {
			struct slice wanted = slice_of(session->config->report_addresses.at[j]);
			if (slice_equal_nocase(wanted, name) || slice_equal_nocase(wanted, message->recipients[i].address))
				return true;
		}
	}
	return false;
}

bool smtp_judge_is_pending(const struct smtp_session *session)
{
	return session->judgement.call || session->judgement.added.len > 0;
}

bool smtp_judge_begin(struct smtp_session *session)
{
	struct smtp_judgement *judgement = &session->judgement;
	struct policy_question asked = {.helo = slice_of(session->hello), .sender = session->transaction.message.from, .receiver = slice_of(smtp_hostname(session))};
	struct call_question question = {.verb = POLICY_VERB};
	struct sockaddr_storage peer;
	struct error error;
	char id[ID_TEXT_LEN + 1];
	int shown;
	conn_peer_address(session->conn, &peer);
	judgement->must = false;
	judgement->weighed = is_weighed(session);
	judgement->scanned = is_scanned(session, &judgement->must);
	judgement->located = is_located(session);
	judgement->own = asked.own = judgement->weighed || judgement->scanned || judgement->located;
	asked.user = slice_of(asked.own ? session->account : NULL);
	if ((!asked.own && !smtp_judge_is_due(session)) || !queue_draft_show(session->transaction.content.draft, &asked.text, &shown, &asked.skip, &error))
		return false;
	asked.client = smtp_client_bytes(&peer);
	asked.recipients = recipients_of(&session->transaction);
	asked.in_file = shown >= 0;
	asked.for_reports = !asked.own && is_for_reports(session);
	id_format(session->transaction.message.id, id);
	asked.id = slice_of(id);
	asked.port = port_of(&peer);
	asked.thresholds = session->transaction.thresholds;
	judgement->text = BUF(QUESTION_MAX);
	if (!policy_question_encode(&asked, &judgement->text)) {
		buf_free(&judgement->text);
		return false;
	}
	question.text = buf_slice(&judgement->text);
	question.fds[0] = shown;
	question.fd_count = asked.in_file;
	question.begin_by = question.end_by = clock_monotonic_ms() + (POLICY_WAIT_SECONDS + config_engines_timeout(session->config)) * 1000;
	judgement->call = caller_begin(session->service->policy, &question, smtp_resume, session->conn);
	return true;
}

bool smtp_judge_is_done(const struct smtp_session *session)
{
	return !session->judgement.call || caller_is_done(session->judgement.call);
}

bool smtp_judge_rewrites(const struct smtp_session *session)
{
	return session->judgement.call && (!session->judgement.own || session->judgement.scanned);
}

static struct slice whole_lines(struct slice text, size_t max)
{
	struct slice cut = slice_sub(text, 0, max);
	size_t end = slice_find_last_char(cut, '\n');
	return cut.len == text.len ? text : slice_sub(cut, 0, end == SLICE_NONE ? 0 : end + 1);
}

/* The findings' lines as one, for the log: as many as it takes in a value. */
static struct slice findings_line(struct slice record, struct arena *arena)
{
	enum { LINE_MAX = 900 };
	struct slice line = arena_copy(arena, whole_lines(record, LINE_MAX));
	char *at = arena_text(arena, line);
	for (size_t i = 0; i < line.len; i++)
		at[i] = at[i] == '\n' ? ';' : at[i];
	return slice_make(at, line.len > 0 ? line.len - 1 : 0);
}

enum { POINTS_TEXT_MAX = 32 };

static const char *points_text(int points, char out[POINTS_TEXT_MAX])
{
	int size = points < 0 ? -points : points;
	snprintf(out, POINTS_TEXT_MAX, "%s%d.%02d", points < 0 ? "-" : "", size / 100, size % 100);
	return out;
}

static const char not_checked[] = "UNCHECKED 0.00\n"; /* what stands beside a message that is taken so */

static void log_judgement(struct smtp_session *session, const struct policy_answer *heard)
{
	static const struct policy_answer nothing;
	struct smtp_transaction *transaction = &session->transaction;
	bool known = heard && heard->known;
	const struct policy_answer *said = known ? heard : &nothing;
	struct slice record = !known && session->config->accept_unchecked ? slice_of(not_checked) : said->record;
	char points[POINTS_TEXT_MAX], thresholds[THRESHOLDS_TEXT_MAX] = "";
	if (!config_thresholds_are_same(transaction->thresholds, (struct config_thresholds){0}))
		config_thresholds_format(transaction->thresholds, thresholds);
	log_info("message.judged", log_id("id", transaction->message.id), log_id("session", conn_id(session->conn)),
		 log_text("action", known ? policy_action_name(heard->action) : session->config->accept_unchecked ? "unchecked" : "defer"),
		 log_text("points", known ? points_text(heard->points, points) : ""), log_slice("spf", said->spf), log_slice("dkim", said->dkim), log_slice("dmarc", said->dmarc), log_slice("iprev", said->iprev),
		 log_slice("reason", said->reply), log_slice("findings", findings_line(record, transaction->arena)), log_text("thresholds", thresholds));
}

static const char unchecked[] = "451 4.7.0 the message can't be checked at the moment, try again later";

/* Takes it, as it was changed. `fd`: what came with the answer; -1: nothing did. */
static void take(struct smtp_session *session, const struct policy_answer *heard, int fd)
{
	struct smtp_rewriting rewriting = {.fields = heard->field, .answer = heard};
	bool good = smtp_edits_envelope(session, &heard->edits) && (!heard->edits.body || smtp_edits_map(session, fd, &rewriting.body));
	if (good)
		smtp_content_rewrite(session, &rewriting);
	else {
		log_error("policy.wrong_answer", log_id("id", session->transaction.message.id), log_text("reason", "what it wants changed can't be"));
		smtp_content_refuse(session, unchecked);
	}
	submit_unmap_body(&rewriting.body);
}

void smtp_judge_set_apart(struct smtp_session *session)
{
	struct queue_message *message = &session->transaction.message;
	if (message->account.len > 0) /* it hears of it, as of all that is held of it */
		message->doubt = (struct queue_suspicion){REASON_SET_APART, 0, 0};
	else
		message->set_apart = true;
}

static void refuse(struct smtp_session *session, const struct policy_answer *heard)
{
	const char *code = heard->action == POLICY_REJECT ? "550 5.7.1" : "451 4.7.1";
	smtp_content_refuse(session, arena_printf(session->transaction.arena, "%s %.*s", code, SLICE_ARG(heard->reply)).at);
}

static void log_own(struct smtp_session *session, const struct policy_answer *heard, const char *action)
{
	const struct smtp_transaction *transaction = &session->transaction;
	char text[POINTS_TEXT_MAX];
	log_info("message.judged", log_id("id", transaction->message.id), log_id("session", conn_id(session->conn)), log_text("action", action),
		 log_text("points", points_text(heard->points, text)), log_slice("account", transaction->message.account), log_slice("reason", heard->reply),
		 log_slice("findings", findings_line(heard->record, transaction->arena)));
}

/* What weighs too much is held. What engines want is done only where such are to be asked. */
static void obey_own(struct smtp_session *session, const struct policy_answer *heard, int fd)
{
	struct smtp_transaction *transaction = &session->transaction;
	const struct smtp_judgement *judgement = &session->judgement;
	enum policy_action action = judgement->scanned ? heard->action : POLICY_ACCEPT;
	bool held = judgement->weighed && submit_is_held(session->config, heard->points, &transaction->message.doubt);
	if (judgement->located)
		transaction->message.country = arena_copy(transaction->arena, heard->country);
	if (held || judgement->scanned)
		transaction->message.findings = arena_copy(transaction->arena, whole_lines(heard->record, QUEUE_FINDINGS_MAX));
	if (action == POLICY_QUARANTINE)
		smtp_judge_set_apart(session);
	log_own(session, heard, action >= POLICY_QUARANTINE ? policy_action_name(action) : held ? "hold" : "send");
	if (action >= POLICY_DEFER)
		refuse(session, heard);
	else if (judgement->scanned && policy_edits_are_any(&heard->edits))
		take(session, heard, fd);
}

/* Of what its recipients see. Where all of them keep more in their inboxes than is usual, it causes no reports to strangers all the same. */
static bool is_junk(const struct smtp_session *session, const struct policy_answer *heard)
{
	bool usual = heard->weighed && heard->points >= config_thresholds_of(session->config).junk;
	return heard->action == POLICY_JUNK || (heard->action < POLICY_JUNK && usual); /* what a person lets go is none */
}

/* `heard`: without, there was no answer. */
static void obey(struct smtp_session *session, const struct policy_answer *heard, int fd)
{
	struct smtp_transaction *transaction = &session->transaction;
	bool known = heard && heard->known && !heard->own;
	log_judgement(session, heard);
	transaction->message.set_apart = known && heard->action == POLICY_QUARANTINE;
	transaction->message.junk = known && is_junk(session, heard);
	if (known && heard->action <= POLICY_JUNK) {
		transaction->message.weighed = heard->weighed;
		transaction->message.points = heard->points;
		transaction->message.suspect = heard->suspect;
		transaction->message.author = arena_copy(transaction->arena, heard->author);
	}
	if (known)
		transaction->message.findings = arena_copy(transaction->arena, whole_lines(heard->record, QUEUE_FINDINGS_MAX));
	if (known && heard->action >= POLICY_DEFER)
		refuse(session, heard);
	else if (known)
		take(session, heard, fd);
	else if (session->config->accept_unchecked) {
		transaction->message.findings = slice_of(not_checked);
		smtp_content_rewrite(session, &(struct smtp_rewriting){.fields = arena_printf(transaction->arena, "Authentication-Results: %s; none\r\n", smtp_hostname(session))});
	} else
		smtp_content_refuse(session, unchecked);
}

void smtp_judge_conclude(struct smtp_session *session)
{
	struct call_answer answer = {0};
	struct policy_answer heard;
	if (!session->judgement.call) /* it was obeyed already; recipients are being added */
		return;
	bool answered = caller_end(&session->judgement.call, &answer) && policy_answer_decode(buf_slice(&answer.text), &heard);
	if (session->judgement.own && answered && heard.known && heard.own)
		obey_own(session, &heard, answer.fd_count > 0 ? answer.fds[0] : -1);
	else if (session->judgement.own && session->judgement.must)
		smtp_content_refuse(session, unchecked);
	else if (!session->judgement.own)
		obey(session, answered ? &heard : NULL, answer.fd_count > 0 ? answer.fds[0] : -1);
	call_answer_free(&answer);
	buf_free(&session->judgement.text);
}

void smtp_judge_abandon(struct smtp_session *session)
{
	struct call_answer answer = {0};
	session->judgement.added = slice_make(NULL, 0);
	if (!session->judgement.call)
		return;
	caller_end(&session->judgement.call, &answer);
	call_answer_free(&answer);
	buf_free(&session->judgement.text);
}
