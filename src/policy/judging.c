/* One message; see judging.h. It isn't copied: it stays in the question that came, or in its file, which is mapped. */
#include "policy/judging.h"

#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "message/header.h"
#include "policy/attachments.h"
#include "policy/country.h"
#include "policy/engines.h"
#include "policy/proved.h"
#include "policy/reports.h"
#include "policy/settings.h"
#include "policy/votes.h"

enum {
	HEADER_READ_MAX = 16 * 1024 * 1024, /* a longer one is judged by its beginning */
	REPORTS_WAITING_MAX = 4,          /* messages with reports at a time, one of which is read; those of others aren't kept */
	REPORT_MESSAGE_MAX = 12 * 1024 * 1024, /* a larger one isn't looked into for a report about our domains */
};

void policy_means_begin(struct policy_means *means, const char *folder, struct engine_pool *engines, struct policy_feedback *feedback)
{
	struct error error;
	*means = (struct policy_means){.folder = folder, .feedback = feedback, .engines = engines, .lists = policy_lists_new()};
	means->gatekeeper = policy_gatekeeper_new(means->lists, folder);
	means->reputation = policy_reputation_open(folder, clock_now(), &error);
	if (!means->reputation)
		log_error("policy.no_reputations", log_text("reason", error.text));
	pthread_mutex_init(&means->learning, NULL);
	pthread_mutex_init(&means->reports, NULL);
}

void policy_means_end(struct policy_means *means)
{
	policy_gatekeeper_free(&means->gatekeeper);
	policy_lists_free(&means->lists);
	policy_reputation_close(&means->reputation);
	classify_store_close(&means->learned);
	pthread_mutex_destroy(&means->learning);
	pthread_mutex_destroy(&means->reports);
}

/* ---- The message ---- */

struct message {
	struct slice whole, header;
	struct slice mapped; /* the file; empty: it is in the question */
};

static bool map_file(struct message *message, int file)
{
	struct stat status;
	if (file < 0 || fstat(file, &status) != 0 || status.st_size <= 0)
		return false;
	void *at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
	if (at == MAP_FAILED)
		return false;
	message->mapped = slice_make(at, (size_t)status.st_size);
	return true;
}

/* False: it can't be read. */
static bool read_message(struct message *message, const struct policy_question *question, int file)
{
	*message = (struct message){.whole = question->text};
	if (question->in_file && !map_file(message, file))
		return false;
	if (question->in_file)
		message->whole = slice_skip(message->mapped, (size_t)question->skip);
	message->header = slice_sub(message->whole, 0, header_length(slice_sub(message->whole, 0, HEADER_READ_MAX)));
	return true;
}

static void let_go(struct message *message)
{
	if (message->mapped.at)
		munmap((void *)(uintptr_t)message->mapped.at, message->mapped.len);
}

/* ---- What is found ---- */

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

static const struct classify_store *what_was_learned(struct policy_means *means)
{
	struct error error;
	pthread_mutex_lock(&means->learning);
	if (!means->learned)
		means->learned = classify_store_read("policy/" POLICY_TOKENS, &error);
	const struct classify_store *learned = means->learned;
	pthread_mutex_unlock(&means->learning);
	return learned;
}

static void weigh(struct policy_means *means, struct slice whole, const struct policy_mail *mail, const struct policy_verdict *verdict, struct config_thresholds thresholds,
		  struct policy_findings *findings)
{
	struct score_settings settings;
	struct error error;
	if (!policy_settings_read(config_current(), &settings, &error)) { /* the options were checked when they were read */
		log_error("policy.no_settings", log_text("reason", error.text));
		return;
	}
	if (!verdict) {
		policy_weigh_own(&(struct policy_weighed){.message = whole, .mail = mail, .learned = what_was_learned(means)}, &settings, findings);
		return;
	}
	const struct policy_weighed weighed = {whole, mail, verdict, what_was_learned(means), policy_standing_find(means->reputation, mail, verdict)};
	policy_weigh(&weighed, &settings, thresholds, findings);
	policy_standing_settle(means->reputation, &weighed.standing, &settings, findings, mail->now);
}

/* What the text itself says, and the scanners of others: the sum is last, since all that was found counts. */
static void look_inside(struct policy_means *means, const struct policy_question *question, struct slice whole, const struct policy_mail *mail,
			const struct policy_verdict *verdict, struct policy_engines *engines, int64_t deadline, struct policy_findings *findings)
{
	whole = policy_engines_message(engines, whole);
	if (findings->action < POLICY_REJECT)
		policy_attachments_check(question->recipients, whole, config_current(), deadline, findings);
	policy_engines_judge(engines, config_current(), findings);
	if (findings->allowed)
		findings->points = findings->points > 0 ? 0 : findings->points; /* scanners' points don't count either, here or at delivery */
	else if (findings->action < POLICY_REJECT && config_current()->spam_checks)
		weigh(means, whole, mail, verdict, question->thresholds, findings);
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

static void take_report(struct policy_means *means, struct slice whole, const struct policy_verdict *verdict)
{
	char path[PATH_MAX];
	if (++means->reports_waiting > REPORTS_WAITING_MAX) {
		log_warning("report.passed_over", log_slice("author", verdict->dmarc.author), log_text("reason", "too many at a time"));
		means->reports_waiting--;
		return;
	}
	pthread_mutex_lock(&means->reports);
	if (snprintf(path, sizeof path, "%s/reports", means->folder) < (int)sizeof path && whole.len <= REPORT_MESSAGE_MAX)
		policy_reports_take(path, whole, verdict->dmarc.author, policy_proved(verdict), clock_now());
	pthread_mutex_unlock(&means->reports);
	means->reports_waiting--;
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
static void note_for_author(struct policy_means *means, const struct policy_question *question, struct slice whole, const struct policy_mail *mail,
			    const struct policy_verdict *verdict, enum policy_action action)
{
	if (*config_current()->reports_from && verdict->dmarc.record.rua.len > 0 && action != POLICY_DEFER && !is_of_reports(question, whole))
		policy_feedback_note(means->feedback, mail, verdict, action);
}

/* ---- In steps ---- */

struct policy_judging {
	struct policy_means *means;
	const struct policy_question *question;
	struct message message;
	struct policy_mail mail;
	struct dkim2_envelope envelope;
	struct policy_findings findings;
	struct policy_check *check;
	struct policy_door *door;
	const struct policy_verdict *verdict; /* NULL: not known yet */
};

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

/* What is known of it, and what is to be looked at. */
static void describe(struct policy_judging *judging)
{
	const struct config *config = config_current();
	const struct policy_question *question = judging->question;
	struct dkim2_envelope *envelope = &judging->envelope;
	judging->mail = (struct policy_mail){.client = question->client, .helo = question->helo, .sender = question->sender, .receiver = question->receiver,
		.header = judging->message.header, .now = clock_now(), .trusted_sealers = config->arc_trusted.at, .trusted_sealer_count = config->arc_trusted.count,
		.brand = config->bimi, .dkim2 = !slice_equal(slice_of(config->dkim2), SLICE("off")), .envelope = envelope};
	envelope->from = question->sender;
	envelope->recipients = split_recipients(question->recipients, judging->findings.arena, &envelope->recipient_count);
}

struct policy_judging *policy_judging_new(struct policy_means *means, const struct policy_question *question, int file)
{
	struct message message;
	if (!read_message(&message, question, file))
		return NULL;
	struct policy_judging *judging = memory_new(sizeof *judging);
	judging->means = means;
	judging->question = question;
	judging->message = message;
	judging->findings.arena = arena_new();
	describe(judging);
	judging->check = policy_check_new(&judging->mail);
	policy_check_body(judging->check, slice_skip(message.whole, message.header.len));
	judging->door = policy_door_new(means->lists, config_current(), &judging->mail, message.whole, &judging->findings);
	if (policy_gate_is_open_to_all(question->recipients))
		policy_door_permit(judging->door);
	return judging;
}

/* For the sender and at the door, all at once in each round. */
bool policy_judging_run(struct policy_judging *judging, struct lookup *table)
{
	judging->verdict = judging->verdict ? judging->verdict : policy_check_run(judging->check, table);
	return policy_door_run(judging->door, table) && judging->verdict;
}

void policy_judging_conclude(struct policy_judging *judging, int64_t deadline, struct buf *out, int *body)
{
	struct policy_means *means = judging->means;
	const struct policy_question *question = judging->question;
	const struct policy_verdict *verdict = judging->verdict;
	const struct policy_mail *mail = &judging->mail;
	struct policy_findings *findings = &judging->findings;
	struct slice whole = judging->message.whole;
	struct policy_engines *engines = policy_engines_begin(means->engines, question, whole, deadline + config_engines_timeout(config_current()) * 1000);
	findings->allowed = policy_gatekeeper_access(mail, verdict, question->recipients, findings) == POLICY_ACCESS_ALLOWED;
	if (!findings->allowed) {
		policy_door_judge(judging->door);
		policy_door_judge_chain(judging->door, verdict->dkim2);
	}
	demand_of_author(&verdict->dmarc, findings);
	look_inside(means, question, whole, mail, verdict, engines, deadline, findings);
	policy_engines_edit(engines, findings, body);
	write_answer(mail, verdict, findings, out);
	note_for_author(means, question, whole, mail, verdict, findings->action);
	policy_gatekeeper_learn(means->gatekeeper, mail, findings->usual); /* what one recipient wants says nothing to others */
	if (question->for_reports && findings->action < POLICY_DEFER)
		take_report(means, whole, verdict);
	policy_engines_free(&engines);
}

void policy_judging_free(struct policy_judging **freed)
{
	struct policy_judging *judging = *freed;
	*freed = NULL;
	if (!judging)
		return;
	policy_check_free(&judging->check);
	let_go(&judging->message);
	arena_free(&judging->findings.arena);
	free(judging);
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

/* Engines that are for such mail see it, too. */
static void look_at_own(struct policy_means *means, const struct policy_question *question, const struct message *message, int64_t deadline, struct buf *out, int *body)
{
	const struct policy_mail mail = {.now = clock_now(), .header = message->header};
	struct policy_findings findings = {.arena = arena_new()};
	struct policy_engines *engines = policy_engines_begin(means->engines, question, message->whole, deadline + config_engines_timeout(config_current()) * 1000);
	policy_engines_judge(engines, config_current(), &findings);
	if (findings.action < POLICY_REJECT && config_current()->spam_checks)
		weigh(means, policy_engines_message(engines, message->whole), &mail, NULL, question->thresholds, &findings);
	policy_engines_edit(engines, &findings, body);
	write_answer_own(question, &findings, out);
	policy_engines_free(&engines);
	arena_free(&findings.arena);
}

void policy_judge_own(struct policy_means *means, const struct policy_question *question, int file, int64_t deadline, struct buf *out, int *body)
{
	struct message message;
	if (read_message(&message, question, file))
		look_at_own(means, question, &message, deadline, out, body);
	else
		policy_answer_encode(&(struct policy_answer){0}, out);
	let_go(&message);
}
