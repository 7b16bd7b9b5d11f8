/* Reports to other domains: a thread asks the policy role, which has gathered and made them, for what is due, makes mail of each and queues it, and
 * says so. They have the null reverse-path: what can't be delivered is forgotten (the next one comes in a day), and nothing is answered. What the
 * policy role may cause is bounded: it parses what strangers send. */
#include "courier/feedback.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "courier/feedback_letter.h"
#include "courier/own.h"
#include "courier/tls_seen.h"
#include "net/call.h"

enum {
	ASK_EVERY_MS = 60 * 1000,
	REPORTS_PER_ROUND = 1000,
	MAILS_PER_DAY = 10000,
	DAY_MS = 24 * 3600 * 1000,
};

/* ---- Asking ---- */

static void answered(void *context)
{
	struct courier *courier = context;
	pthread_mutex_lock(&courier->lock);
	courier->feedback_answered = true;
	pthread_cond_signal(&courier->feedback_poked);
	pthread_mutex_unlock(&courier->lock);
}

/* False: there is no answer, or the courier stops. */
static bool ask(struct courier *courier, unsigned verb, struct slice text, struct call_answer *answer)
{
	int64_t end = clock_monotonic_ms() + POLICY_OUTGOING_SECONDS * 1000;
	struct call_question question = {.verb = verb, .text = text, .begin_by = end, .end_by = end};
	courier->feedback_answered = false;
	struct call_ticket *ticket = caller_begin(courier->policy, &question, answered, courier);
	pthread_mutex_lock(&courier->lock);
	while (!courier->feedback_answered && !courier->stopping && clock_wait(&courier->feedback_poked, &courier->lock, end))
		;
	pthread_mutex_unlock(&courier->lock);
	return caller_end(&ticket, answer);
}

/* ---- One report ---- */

struct mails {
	struct queue_message messages[REPORT_DESTINATIONS_MAX];
	struct queue_recipient recipients[REPORT_DESTINATIONS_MAX];
	struct queue_deposit deposits[REPORT_DESTINATIONS_MAX];
	size_t count;
	uint64_t bytes; /* of one */
};

static bool write_mail(struct courier *courier, const struct policy_outgoing *report, struct mails *mails, struct error *error)
{
	char boundary[40];
	struct buf text = BUF(COURIER_FEEDBACK_MAX);
	size_t at = mails->count++;
	struct slice from = slice_of(config_current()->reports_from);
	snprintf(boundary, sizeof boundary, "=_%016llx%016llx", (unsigned long long)random_u64(), (unsigned long long)random_u64());
	mails->recipients[at] = (struct queue_recipient){.address = report->to[at].address, .notify = NOTIFY_NEVER};
	mails->messages[at] = (struct queue_message){.id = id_new(), .recipients = &mails->recipients[at], .recipient_count = 1, .body = BODY_7BIT, .client = COURIER_OWN_CLIENT,
						     .arrived = clock_now()};
	struct courier_feedback_letter letter = {.report = report, .hostname = config_current()->hostname, .from = from, .to = report->to[at].address,
						 .id = mails->messages[at].id, .now = clock_now(), .boundary = boundary};
	mails->deposits[at] = (struct queue_deposit){.draft = queue_draft_new(courier->queue, mails->messages[at].from), .message = &mails->messages[at]};
	bool done = (courier_feedback_write(&letter, &text) || error_set(error, ERROR_LIMIT, "a report is too large for mail"))
		    && queue_draft_write(mails->deposits[at].draft, buf_slice(&text), error);
	mails->bytes = text.len;
	buf_free(&text);
	return done;
}

static void log_queued(const struct policy_outgoing *report, const struct mails *mails)
{
	for (size_t i = 0; i < mails->count; i++)
		log_info("feedback.queued", log_id("id", mails->messages[i].id), log_text("kind", report_kind_name(report->kind)), log_slice("domain", report->domain),
			 log_slice("report", report->id), log_slice("to", report->to[i].address), log_number("bytes", (int64_t)mails->bytes));
}

static bool queue_report(struct courier *courier, const struct policy_outgoing *report, struct mails *mails, struct error *error)
{
	bool done = true;
	while (done && mails->count < report->count)
		done = write_mail(courier, report, mails, error);
	if (!done) {
		for (size_t i = 0; i < mails->count; i++)
			queue_draft_abort(&mails->deposits[i].draft);
		return false;
	}
	queue_deposit_all(courier->queue, mails->deposits, mails->count);
	for (size_t i = 0; i < mails->count; i++)
		if (!mails->deposits[i].done) {
			*error = mails->deposits[i].error;
			done = false;
		}
	return done;
}

/* Whatever the policy role says: so many mails in a day, and no more. */
static bool is_room(struct courier *courier, size_t count)
{
	int64_t now = clock_monotonic_ms();
	if (now - courier->feedback_day > DAY_MS) {
		courier->feedback_day = now;
		courier->feedback_mails = 0;
	}
	courier->feedback_mails += count;
	return courier->feedback_mails <= MAILS_PER_DAY;
}

/* True: the next may be asked for. */
static bool send_report(struct courier *courier, const struct policy_outgoing *report)
{
	struct error error = {0};
	struct mails mails = {0};
	struct call_answer answer;
	struct buf text = BUF(POLICY_OUTGOING_ID_MAX + 32);
	bool done = is_room(courier, report->count) ? queue_report(courier, report, &mails, &error) : error_set(&error, ERROR_LIMIT, "there are too many reports today");
	if (!done)
		log_error("feedback.unqueued", log_slice("report", report->id), log_text("reason", error.text));
	else
		log_queued(report, &mails);
	buf_append(&text, report->id);
	buf_printf(&text, " %llu", (unsigned long long)mails.bytes);
	done = done && ask(courier, POLICY_OUTGOING_DONE, buf_slice(&text), &answer);
	if (done)
		call_answer_free(&answer);
	buf_free(&text);
	return done;
}

/* ---- What was seen of TLS ---- */

/* In pieces of whole lines that a datagram holds. What a role that ends doesn't answer is lost: it is a minute's. */
static void tell_sessions(struct courier *courier)
{
	struct buf all = BUF(COURIER_TLS_SEEN_SIZE);
	struct call_answer answer;
	courier_tls_seen_take(courier->tls_seen, &all);
	struct slice rest = buf_slice(&all);
	while (rest.len > 0) {
		struct slice piece = slice_sub(rest, 0, CALL_INLINE_MAX - 1);
		size_t end = slice_find_last_char(piece, '\n');
		piece.len = end == SLICE_NONE ? piece.len : end + 1;
		rest = slice_skip(rest, piece.len);
		if (ask(courier, POLICY_OUTGOING_SESSIONS, piece, &answer))
			call_answer_free(&answer);
	}
	buf_free(&all);
}

/* True: there was one. */
static bool send_next(struct courier *courier)
{
	struct call_answer answer;
	struct policy_outgoing report;
	if (!ask(courier, POLICY_OUTGOING_NEXT, slice_of(NULL), &answer))
		return false;
	struct arena *arena = arena_new();
	bool there = answer.text.len > 0, readable = there && policy_outgoing_decode(buf_slice(&answer.text), arena, &report);
	if (there && !readable)
		log_error("feedback.unqueued", log_text("reason", "what the policy role says makes no sense"));
	bool done = readable && send_report(courier, &report);
	call_answer_free(&answer);
	arena_free(&arena);
	return done;
}

/* ---- The thread ---- */

void courier_feedback_poke(struct courier *courier)
{
	if (!courier)
		return;
	pthread_mutex_lock(&courier->lock);
	courier->feedback_wanted = true;
	pthread_cond_signal(&courier->feedback_poked);
	pthread_mutex_unlock(&courier->lock);
}

void *courier_feedback_thread(void *argument)
{
	struct courier *courier = argument;
	pthread_mutex_lock(&courier->lock);
	while (!courier->stopping) {
		courier->feedback_wanted = false;
		pthread_mutex_unlock(&courier->lock);
		tell_sessions(courier);
		for (int i = 0; i < REPORTS_PER_ROUND && *config_current()->reports_from && send_next(courier); i++)
			;
		pthread_mutex_lock(&courier->lock);
		int64_t until = clock_monotonic_ms() + ASK_EVERY_MS;
		while (!courier->stopping && !courier->feedback_wanted && clock_wait(&courier->feedback_poked, &courier->lock, until))
			;
	}
	return threads_leave(&courier->feedback, &courier->lock);
}
