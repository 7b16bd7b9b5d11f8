/* The policy role's work: takes questions about messages, has each judged by a thread, and answers. A thread waits for the DNS, at most until
 * POLICY_SECONDS after the question came, also when it had to wait for a thread: so every question is answered in time, though with less known.
 *
 * What was asked of a predecessor that ended isn't judged: it may be what ended it. Nor is what there are no threads and no room for. */
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "config/config.h"
#include "engine/engine.h"
#include "message/header.h"
#include "net/call.h"
#include "net/dns.h"
#include "policy/attachments.h"
#include "policy/country.h"
#include "policy/door.h"
#include "policy/engines.h"
#include "policy/feedback.h"
#include "policy/gatekeeper.h"
#include "policy/judge.h"
#include "policy/policy.h"
#include "policy/proved.h"
#include "policy/reports.h"
#include "policy/reputation.h"
#include "policy/settings.h"
#include "policy/votes.h"
#include "policy/weigh.h"

enum {
	THREADS_MAX = 64,
	WAITING_MAX = 2000,               /* questions */
	STACK_SIZE = 512 * 1024,
	PIECE = 64 * 1024,                /* of a file that is read */
	HEADER_READ_MAX = 16 * 1024 * 1024, /* a longer one is judged by its beginning */
	REPORTS_WAITING_MAX = 4,          /* messages with reports at a time, one of which is read; those of others aren't kept */
	REPORT_MESSAGE_MAX = 12 * 1024 * 1024, /* a larger one isn't looked into for a report about our domains */
};

struct job {
	struct job *next;
	struct call_received question;
	int64_t deadline;
};

struct policy_server {
	struct answerer *answerer;
	const char *folder;
	struct policy_feedback *feedback;
	pthread_mutex_t reports;   /* guards the file of reports; their reading takes memory, so there is one at a time */
	_Atomic int reports_waiting;
	struct dns *dns;           /* made for the first question */
	struct policy_lists *lists;
	struct policy_gatekeeper *gatekeeper;
	struct policy_reputation *reputation; /* NULL: its file can't be opened */
	struct classify_store *learned; /* NULL: nothing was yet */
	struct engine_pool *engines;
	pthread_mutex_t lock;      /* guards the rest, dns and learned */
	pthread_cond_t work;
	struct job *first, **last;
	size_t waiting, idle;
	struct threads threads;
	bool stopping;
};

/* ---- One message ---- */

/* The message: its beginning with the whole header, and the file that goes on, -1 if it doesn't. */
struct message {
	struct buf beginning;
	int file;
	uint64_t at; /* where the file goes on */
};

static bool read_more(struct message *message)
{
	char *room = message->beginning.len < HEADER_READ_MAX ? buf_reserve(&message->beginning, PIECE) : NULL;
	ssize_t got = room ? pread(message->file, room, PIECE, (off_t)message->at) : 0;
	if (got <= 0)
		return false;
	buf_claim(&message->beginning, (size_t)got);
	message->at += (uint64_t)got;
	return true;
}

static struct slice read_header(struct message *message, const struct policy_question *question, const struct call_received *received)
{
	message->beginning = BUF(HEADER_READ_MAX + 2 * PIECE);
	message->file = question->in_file && received->fd_count == 1 ? received->fds[0] : -1;
	message->at = question->skip;
	buf_append(&message->beginning, question->text);
	size_t seen = message->beginning.len, length = header_length(buf_slice(&message->beginning));
	while (message->file >= 0 && length == seen && read_more(message))
		if (message->beginning.len >= 2 * seen) { /* looked at anew each time that it has doubled */
			seen = message->beginning.len;
			length = header_length(buf_slice(&message->beginning));
		}
	return slice_sub(buf_slice(&message->beginning), 0, header_length(buf_slice(&message->beginning)));
}

static void give_body(struct policy_check *check, struct message *message, size_t header)
{
	char *piece = memory_array(PIECE, 1);
	ssize_t got;
	policy_check_body(check, slice_skip(buf_slice(&message->beginning), header));
	while (message->file >= 0 && (got = pread(message->file, piece, PIECE, (off_t)message->at)) > 0) {
		policy_check_body(check, slice_make(piece, (size_t)got));
		message->at += (uint64_t)got;
	}
	free(piece);
}

static struct slice signatures_result(const struct policy_verdict *verdict)
{
	for (size_t i = 0; i < verdict->dkim_count; i++)
		if (verdict->dkim[i].result == DKIM_PASS)
			return SLICE("pass");
	return slice_of(dkim_result_name(verdict->dkim_count > 0 ? verdict->dkim[0].result : DKIM_NONE));
}

/* What the author's domain wants done, as far as it is followed here. */
static void demand_of_author(const struct dmarc_verdict *dmarc, struct policy_findings *findings)
{
	if (dmarc->result != DMARC_FAIL || dmarc->disposition == DMARC_POLICY_NONE)
		return;
	if (dmarc->disposition == DMARC_POLICY_REJECT && config_current()->dmarc_reject)
		policy_findings_demand(findings, POLICY_REJECT,
				       arena_printf(findings->arena, "nothing shows that the message is from %.*s, which wants such mail refused (DMARC)", SLICE_ARG(dmarc->author)));
	else /* it is suspicious, no more than that */
		policy_findings_demand(findings, POLICY_JUNK, arena_printf(findings->arena, "nothing shows that the message is from %.*s (DMARC)", SLICE_ARG(dmarc->author)));
}

/* The whole message; a large one is mapped into memory, *mapped, which is to be given back. */
static struct slice whole_message(const struct message *message, const struct policy_question *question, struct slice *mapped)
{
	struct stat status;
	*mapped = slice_make(NULL, 0);
	if (message->file < 0)
		return buf_slice(&message->beginning);
	if (fstat(message->file, &status) != 0 || status.st_size <= 0)
		return buf_slice(&message->beginning);
	void *at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, message->file, 0);
	if (at == MAP_FAILED)
		return buf_slice(&message->beginning);
	*mapped = slice_make(at, (size_t)status.st_size);
	return slice_skip(*mapped, (size_t)question->skip);
}

static const struct classify_store *what_was_learned(struct policy_server *server)
{
	struct error error;
	pthread_mutex_lock(&server->lock);
	if (!server->learned)
		server->learned = classify_store_read("policy/" POLICY_TOKENS, &error);
	const struct classify_store *learned = server->learned;
	pthread_mutex_unlock(&server->lock);
	return learned;
}

static void weigh(struct policy_server *server, struct slice whole, const struct policy_mail *mail, const struct policy_verdict *verdict, struct policy_findings *findings)
{
	struct score_settings settings;
	struct error error;
	if (!policy_settings_read(config_current(), &settings, &error)) { /* the options were checked when they were read */
		log_error("policy.no_settings", log_text("reason", error.text));
		return;
	}
	if (!verdict) {
		policy_weigh_own(&(struct policy_weighed){.message = whole, .mail = mail, .learned = what_was_learned(server)}, &settings, findings);
		return;
	}
	const struct policy_weighed weighed = {whole, mail, verdict, what_was_learned(server), policy_standing_find(server->reputation, mail, verdict)};
	policy_weigh(&weighed, &settings, findings);
	policy_standing_settle(server->reputation, &weighed.standing, &settings, findings, mail->now);
}

/* What the text itself says, and the scanners of others: the sum is last, since all that was found counts. */
static void look_inside(struct policy_server *server, const struct job *job, const struct policy_question *question, struct slice whole, const struct policy_mail *mail,
			const struct policy_verdict *verdict, struct policy_engines *engines, struct policy_findings *findings)
{
	whole = policy_engines_message(engines, whole);
	if (findings->action < POLICY_REJECT)
		policy_attachments_check(question->recipients, whole, config_current(), job->deadline, findings);
	policy_engines_judge(engines, config_current(), findings);
	if (findings->allowed)
		findings->points = findings->points > 0 ? 0 : findings->points; /* scanners' points don't count either, here or at delivery */
	else if (findings->action < POLICY_REJECT && config_current()->spam_checks)
		weigh(server, whole, mail, verdict, findings);
}

/* Asks for the sender and at the door, all at once in each round. */
static const struct policy_verdict *ask_around(struct policy_server *server, struct policy_check *check, struct policy_door *door, struct lookup *table, int64_t deadline)
{
	const struct policy_verdict *verdict = NULL;
	while (true) {
		verdict = verdict ? verdict : policy_check_run(check, table);
		bool done = policy_door_run(door, table);
		if (verdict && done)
			return verdict;
		dns_answer(server->dns, table, deadline);
	}
}

static void write_answer(const struct policy_mail *mail, const struct policy_verdict *verdict, const struct policy_findings *findings, struct buf *out)
{
	struct buf field = BUF(2 * POLICY_FIELD_MAX), record = BUF(POLICY_RECORD_MAX);
	policy_write_results(mail, verdict, &field);
	if (field.len + findings->fields.len <= POLICY_FIELD_MAX)
		buf_append(&field, findings->fields);
	policy_findings_write(findings, &record);
	struct policy_answer answer = {
		.known = true,
		.action = findings->action,
		.reply = findings->reply,
		.field = buf_slice(&field),
		.record = buf_slice(&record),
		.spf = slice_of(spf_result_name(verdict->spf.result)),
		.dkim = signatures_result(verdict),
		.dmarc = slice_of(dmarc_result_name(verdict->dmarc.result)),
		.iprev = slice_of(policy_iprev_name(verdict->iprev)),
		.points = findings->points,
		.weighed = findings->weighed,
		.suspect = findings->suspect,
		.author = policy_proved_author(mail->header, verdict, findings->arena),
	};
	for (size_t i = 0; findings->action < POLICY_QUARANTINE && i < findings->cut_count; i++)
		answer.cuts[answer.cut_count++] = findings->cuts[i];
	if (findings->edits && findings->action < POLICY_DEFER)
		answer.edits = *findings->edits;
	policy_answer_encode(&answer, out);
	buf_free(&field);
	buf_free(&record);
}

/* ---- Reports about our domains ---- */

static void take_report(struct policy_server *server, struct slice whole, const struct policy_verdict *verdict)
{
	char path[PATH_MAX];
	if (++server->reports_waiting > REPORTS_WAITING_MAX) {
		log_warning("report.passed_over", log_slice("author", verdict->dmarc.author), log_text("reason", "too many at a time"));
		server->reports_waiting--;
		return;
	}
	pthread_mutex_lock(&server->reports);
	if (snprintf(path, sizeof path, "%s/reports", server->folder) < (int)sizeof path && whole.len <= REPORT_MESSAGE_MAX)
		policy_reports_take(path, whole, verdict->dmarc.author, policy_proved(verdict), clock_now());
	pthread_mutex_unlock(&server->reports);
	server->reports_waiting--;
}

/* Is it the report of another server, or for who gets answers to ours? Were those reported, two servers would report about their reports forever. */
static bool is_of_reports(const struct policy_question *question, struct slice whole)
{
	struct arena *arena = arena_new();
	struct slice own = slice_of(config_current()->reports_from), one, rest = question->recipients;
	bool found = (question->for_reports || question->sender.len == 0) && whole.len <= REPORT_MESSAGE_MAX && report_is_likely(whole, arena);
	while (!found && rest.len > 0) {
		slice_cut(rest, '\n', &one, &rest);
		found = slice_equal_nocase(one, own);
	}
	arena_free(&arena);
	return found;
}

/* A message that is to come again is counted when it comes. */
static void note_for_author(struct policy_server *server, const struct policy_question *question, struct slice whole, const struct policy_mail *mail,
			    const struct policy_verdict *verdict, enum policy_action action)
{
	if (*config_current()->reports_from && verdict->dmarc.record.rua.len > 0 && action != POLICY_DEFER && !is_of_reports(question, whole))
		policy_feedback_note(server->feedback, mail, verdict, action);
}

/* The addresses, one a line. */
static const struct slice *split_recipients(struct slice lines, struct arena *arena, size_t *count)
{
	size_t most = 1;
	for (size_t i = 0; i < lines.len; i++)
		most += lines.at[i] == '\n';
	struct slice *list = arena_array(arena, most, sizeof *list);
	for (*count = 0; lines.len > 0;) {
		slice_cut(lines, '\n', &list[*count], &lines);
		*count += list[*count].len > 0;
	}
	return list;
}

/* *body: a memory file that goes with the answer; -1: none does. */
static void judge(struct policy_server *server, const struct job *job, const struct policy_question *question, struct buf *out, int *body)
{
	struct message message;
	struct policy_mail mail = {.client = question->client, .helo = question->helo, .sender = question->sender, .receiver = question->receiver, .now = clock_now(),
		.trusted_sealers = config_current()->arc_trusted.at, .trusted_sealer_count = config_current()->arc_trusted.count, .brand = config_current()->bimi};
	struct dkim2_envelope envelope = {.from = question->sender};
	struct policy_findings findings = {.arena = arena_new()};
	mail.header = read_header(&message, question, &job->question);
	mail.dkim2 = !slice_equal(slice_of(config_current()->dkim2), SLICE("off"));
	mail.envelope = &envelope;
	envelope.recipients = split_recipients(question->recipients, findings.arena, &envelope.recipient_count);
	struct lookup *table = lookup_new();
	struct policy_check *check = policy_check_new(&mail);
	struct slice mapped, whole = whole_message(&message, question, &mapped);
	struct policy_engines *engines = policy_engines_begin(server->engines, question, whole, job->deadline + config_engines_timeout(config_current()) * 1000);
	give_body(check, &message, mail.header.len);
	struct policy_door *door = policy_door_new(server->lists, config_current(), &mail, whole, &findings);
	if (policy_gate_is_open_to_all(question->recipients))
		policy_door_permit(door);
	const struct policy_verdict *verdict = ask_around(server, check, door, table, job->deadline);
	findings.allowed = policy_gatekeeper_access(&mail, verdict, question->recipients, &findings) == POLICY_ACCESS_ALLOWED;
	if (!findings.allowed) {
		policy_door_judge(door);
		policy_door_judge_chain(door, verdict->dkim2);
	}
	demand_of_author(&verdict->dmarc, &findings);
	look_inside(server, job, question, whole, &mail, verdict, engines, &findings);
	policy_engines_edit(engines, &findings, body);
	write_answer(&mail, verdict, &findings, out);
	note_for_author(server, question, whole, &mail, verdict, findings.action);
	policy_gatekeeper_learn(server->gatekeeper, &mail, findings.action);
	if (question->for_reports && findings.action < POLICY_DEFER)
		take_report(server, whole, verdict);
	policy_engines_free(&engines);
	policy_check_free(&check);
	lookup_free(&table);
	if (mapped.at)
		munmap((void *)(uintptr_t)mapped.at, mapped.len);
	buf_free(&message.beginning);
	arena_free(&findings.arena);
}

/* ---- What our own people send ---- */

static void write_answer_own(const struct policy_question *question, const struct policy_findings *findings, struct buf *out)
{
	struct buf record = BUF(POLICY_RECORD_MAX);
	policy_findings_write(findings, &record);
	struct policy_answer answer = {.known = true, .own = true, .action = findings->action, .reply = findings->reply, .record = buf_slice(&record), .points = findings->points};
	if (findings->edits && findings->action < POLICY_DEFER)
		answer.edits = *findings->edits;
	struct slice country = policy_country_of(config_current()->country_file, question->client, findings->arena);
	answer.country = country.len == 2 ? country : slice_make(NULL, 0);
	policy_answer_encode(&answer, out);
	buf_free(&record);
}

/* Engines that are for such mail see it, too; *body as above. */
static void judge_own(struct policy_server *server, const struct job *job, const struct policy_question *question, struct buf *out, int *body)
{
	struct message message;
	struct policy_mail mail = {.now = clock_now()};
	struct policy_findings findings = {.arena = arena_new()};
	mail.header = read_header(&message, question, &job->question);
	struct slice mapped, whole = whole_message(&message, question, &mapped);
	struct policy_engines *engines = policy_engines_begin(server->engines, question, whole, job->deadline + config_engines_timeout(config_current()) * 1000);
	policy_engines_judge(engines, config_current(), &findings);
	if (findings.action < POLICY_REJECT && config_current()->spam_checks)
		weigh(server, policy_engines_message(engines, whole), &mail, NULL, &findings);
	policy_engines_edit(engines, &findings, body);
	write_answer_own(question, &findings, out);
	policy_engines_free(&engines);
	if (mapped.at)
		munmap((void *)(uintptr_t)mapped.at, mapped.len);
	buf_free(&message.beginning);
	arena_free(&findings.arena);
}

/* ---- Threads ---- */

static bool has_dns(struct policy_server *server)
{
	const struct config *config = config_current();
	struct error error;
	pthread_mutex_lock(&server->lock);
	if (!server->dns)
		server->dns = dns_new(&(struct dns_options){config->resolver, config->trust_anchors.at, config->trust_anchors.count}, &error);
	bool there = server->dns != NULL;
	pthread_mutex_unlock(&server->lock);
	if (!there)
		log_error("policy.no_dns", log_text("reason", error.text));
	return there;
}

static void answer(struct policy_server *server, const struct job *job, bool may_judge)
{
	struct policy_question question;
	struct policy_answer unknown = {0};
	struct buf out = BUF(CALL_ANSWER_MAX);
	int body = -1;
	bool gate = job->question.verb == POLICY_GATE_VERB, asked = !gate && may_judge && policy_question_decode(job->question.text, &question);
	if (gate)
		policy_gatekeeper_answer(server->gatekeeper, job->question.text, may_judge && has_dns(server) ? server->dns : NULL, job->deadline, &out);
	else if (asked && question.own)
		judge_own(server, job, &question, &out, &body);
	else if (asked && has_dns(server))
		judge(server, job, &question, &out, &body);
	else
		policy_answer_encode(&unknown, &out);
	answerer_answer(server->answerer, job->question.id, buf_slice(&out), &body, body >= 0);
	if (body >= 0)
		close(body);
	buf_free(&out);
}

static void free_job(struct job *job)
{
	call_received_free(&job->question);
	free(job);
}

/* With the lock held. NULL: the thread is to end. */
static struct job *take_job(struct policy_server *server)
{
	server->idle++;
	while (!server->first && !server->stopping)
		pthread_cond_wait(&server->work, &server->lock);
	server->idle--;
	struct job *job = server->stopping ? NULL : server->first;
	if (!job)
		return NULL;
	server->first = job->next;
	server->last = server->first ? server->last : &server->first;
	server->waiting--;
	return job;
}

static void *work(void *argument)
{
	struct policy_server *server = argument;
	struct job *job;
	pthread_mutex_lock(&server->lock);
	while ((job = take_job(server))) {
		pthread_mutex_unlock(&server->lock);
		answer(server, job, true);
		free_job(job);
		pthread_mutex_lock(&server->lock);
	}
	return threads_leave(&server->threads, &server->lock);
}

/* False: there is no room for it. */
static bool hand_over(struct policy_server *server, struct job *job)
{
	pthread_mutex_lock(&server->lock);
	bool more = server->idle <= server->waiting && server->threads.running < THREADS_MAX;
	if (more)
		threads_start(&server->threads, STACK_SIZE, "policy", work, server);
	bool room = server->waiting < WAITING_MAX && server->threads.running > 0;
	if (room) {
		*server->last = job;
		server->last = &job->next;
		server->waiting++;
		pthread_cond_signal(&server->work);
	}
	pthread_mutex_unlock(&server->lock);
	return room;
}

/* ---- Questions ---- */

static void take(struct policy_server *server, struct call_received *question)
{
	struct job *job = memory_new(sizeof *job);
	job->question = *question;
	job->deadline = clock_monotonic_ms() + (question->verb == POLICY_GATE_VERB ? POLICY_GATE_SECONDS : POLICY_SECONDS) * 1000;
	*question = (struct call_received){0};
	if ((job->question.verb == POLICY_VERB || job->question.verb == POLICY_GATE_VERB) && !job->question.again && hand_over(server, job))
		return;
	answer(server, job, false);
	free_job(job);
}

/* False: there is no other side any more. */
static bool receive_all(struct policy_server *server)
{
	struct call_received question;
	enum call_result result;
	while ((result = answerer_receive(server->answerer, &question)) == CALL_RECEIVED) {
		take(server, &question);
		call_received_free(&question);
	}
	return result != CALL_ENDED;
}

/* Nobody waits for the DNS any longer; what nobody has begun is left: who has asked hears that there is no answer. */
static void stop(struct policy_server *server)
{
	pthread_mutex_lock(&server->lock);
	server->stopping = true;
	if (server->dns)
		dns_stop(server->dns);
	engine_pool_stop(server->engines);
	pthread_cond_broadcast(&server->work);
	threads_join(&server->threads, &server->lock);
	pthread_mutex_unlock(&server->lock);
	while (server->first) {
		struct job *job = server->first;
		server->first = job->next;
		free_job(job);
	}
}

void policy_serve(int channel, int stop_fd, const char *folder, struct engine_pool *engines, struct policy_feedback *feedback)
{
	struct policy_server server = {.answerer = answerer_new(channel), .folder = folder, .feedback = feedback, .lists = policy_lists_new(), .engines = engines};
	struct error error;
	bool more = true;
	server.gatekeeper = policy_gatekeeper_new(server.lists, folder);
	server.reputation = policy_reputation_open(folder, clock_now(), &error);
	if (!server.reputation)
		log_error("policy.no_reputations", log_text("reason", error.text));
	server.last = &server.first;
	pthread_mutex_init(&server.lock, NULL);
	pthread_mutex_init(&server.reports, NULL);
	pthread_cond_init(&server.work, NULL);
	threads_init(&server.threads);
	while (more) {
		struct pollfd polled[] = {
			{.fd = stop_fd, .events = POLLIN},
			{.fd = answerer_wake_fd(server.answerer), .events = POLLIN},
			{.fd = answerer_channel(server.answerer), .events = answerer_events(server.answerer)},
		};
		if (poll(polled, sizeof polled / sizeof *polled, -1) > 0)
			more = !polled[0].revents && receive_all(&server);
	}
	stop(&server);
	dns_free(&server.dns);
	policy_gatekeeper_free(&server.gatekeeper);
	policy_lists_free(&server.lists);
	policy_reputation_close(&server.reputation);
	classify_store_close(&server.learned);
	answerer_free(&server.answerer);
	threads_free(&server.threads);
	pthread_cond_destroy(&server.work);
	pthread_mutex_destroy(&server.lock);
	pthread_mutex_destroy(&server.reports);
}
