/* What becomes of a message's recipients: verdicts, retry times, writing them down, telling the sender.
 *
 * Recipients about whom nobody is to be told are settled as soon as their verdict is there; the others wait for the last
 * of their message, so that one report tells of all of them (report.c). If the queue can't be written, the thread waits and tries
 * again: letting go of a message that was delivered but not written down would deliver it twice. */
#include <limits.h>
#include <poll.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "courier/internal.h"
#include "courier/report.h"

enum { SETTLE_PAUSE_SECONDS = 5, LAST_ERROR_MAX = 800, JITTER_PERCENT = 10 };

struct courier_letter *courier_letter_new(struct courier *courier, struct queue_work *work)
{
	struct courier_letter *letter = memory_new(sizeof *letter);
	const struct queue_message *message = &work->message;
	letter->courier = courier;
	letter->work = work;
	pthread_mutex_init(&letter->lock, NULL);
	letter->open = letter->count = message->recipient_count;
	letter->addressees = arena_array(work->arena, letter->count, sizeof *letter->addressees);
	for (size_t i = 0; i < letter->count; i++) {
		letter->addressees[i].letter = letter;
		letter->addressees[i].recipient = &message->recipients[i];
		letter->addressees[i].target = message->recipients[i].address;
	}
	return letter;
}

/* ---- Verdicts ---- */

static void remember(struct courier_addressee *addressee, struct slice status, struct slice text, const struct courier_via *via)
{
	struct courier_letter *letter = addressee->letter;
	struct arena *arena = letter->work->arena;
	pthread_mutex_lock(&letter->lock);
	addressee->status = arena_copy(arena, status);
	addressee->text = arena_copy(arena, text);
	addressee->via = (struct courier_via){0};
	if (via)
		addressee->via = (struct courier_via){arena_copy(arena, via->host), arena_copy(arena, via->address), arena_copy(arena, via->tls)};
	pthread_mutex_unlock(&letter->lock);
}

void courier_addressee_decide(struct courier_addressee *addressee, enum courier_verdict verdict, const char *status, struct slice text, const struct courier_via *via)
{
	remember(addressee, slice_of(status), text, via);
	addressee->from_peer = false;
	addressee->verdict = verdict;
}

void courier_addressee_note(struct courier_addressee *addressee, const struct courier_trouble *trouble, const struct courier_via *via)
{
	addressee->noted = true;
	addressee->interrupted |= trouble->interrupted;
	if (addressee->status.len > 0 && !addressee->permanent && trouble->permanent && trouble->whole_host)
		return;
	addressee->permanent = trouble->permanent;
	addressee->from_peer = trouble->from_peer;
	addressee->soon = trouble->soon;
	remember(addressee, slice_of(trouble->status), slice_of(trouble->text), via);
}

void courier_addressee_conclude(struct courier_addressee *addressee)
{
	addressee->verdict = addressee->permanent ? VERDICT_FAILED : VERDICT_DEFERRED;
}

void courier_addressee_put_off(struct courier_addressee *addressee, const char *event, const struct error *error)
{
	struct courier_trouble trouble;
	log_error(event, log_id("id", addressee->letter->work->message.id), log_text("cause", error->text));
	courier_trouble_set(&trouble, false, "4.3.0", "the message can't be passed on at the moment");
	trouble.soon = true;
	courier_addressee_note(addressee, &trouble, NULL);
	courier_addressee_conclude(addressee);
}

int64_t courier_retry_delay(const struct config *config, int attempts)
{
	const struct config_string_list *schedule = &config->retry_schedule;
	int64_t seconds = 0;
	if (schedule->count == 0)
		return RETRY_SOON_SECONDS;
	size_t step = attempts < 0 ? 0 : (size_t)attempts;
	if (!config_parse_duration(slice_of(schedule->at[step < schedule->count ? step : schedule->count - 1]), &seconds) || seconds < 1)
		return RETRY_SOON_SECONDS;
	return seconds;
}

/* When a deferred recipient is due again: by the schedule, a little earlier or later so that not all come at once, and
 * once more at the very end of its time. One who may have got the message twice already waits as long as anybody does. */
static int64_t next_attempt(const struct config *config, const struct courier_addressee *addressee, int64_t now)
{
	int64_t delay = courier_retry_delay(config, addressee->recipient->attempts), expires = addressee->recipient->expires;
	if (addressee->put_off > 0)
		return now + addressee->put_off;
	if (addressee->soon && delay > RETRY_SOON_SECONDS)
		delay = RETRY_SOON_SECONDS;
	if (addressee->unsure && addressee->recipient->unsure > 0)
		delay = courier_retry_delay(config, INT_MAX);
	int64_t spread = delay * JITTER_PERCENT / 100;
	int64_t next = now + delay + (spread > 0 ? (int64_t)random_below((uint64_t)spread * 2 + 1) - spread : 0);
	return expires > now && next > expires ? expires : next;
}

/* Turns "not now" into "never" when time is up, and sees whether the sender should hear of the delay. */
static void set_schedule(struct courier_addressee *addressee, int64_t now)
{
	const struct config *config = config_current();
	const struct queue_recipient *recipient = addressee->recipient;
	if (addressee->verdict != VERDICT_DEFERRED)
		return;
	if (recipient->expires > 0 && now >= recipient->expires) {
		addressee->verdict = VERDICT_FAILED;
		addressee->expired = true;
		return;
	}
	if (addressee->unsure && recipient->unsure + 1 >= UNSURE_TRIES_MAX) {
		addressee->verdict = VERDICT_FAILED;
		return;
	}
	addressee->next_attempt = next_attempt(config, addressee, now);
	addressee->delay_notice = config->delay_notice > 0 && !recipient->delay_notified &&
				  now - queue_begins(&addressee->letter->work->message) >= config->delay_notice;
}

static void log_verdict(const struct courier_addressee *addressee, int64_t now)
{
	const struct queue_message *message = &addressee->letter->work->message;
	bool deferred = addressee->verdict == VERDICT_DEFERRED, failed = addressee->verdict == VERDICT_FAILED;
	struct slice target = slice_equal(addressee->target, addressee->recipient->address) ? SLICE("") : addressee->target;
	struct log_field fields[14] = {log_id("id", message->id), log_slice("to", addressee->recipient->address)};
	size_t count = 2;
	if (target.len > 0)
		fields[count++] = log_slice("for", target);
	if (addressee->via.host.len > 0) {
		fields[count++] = log_slice("host", addressee->via.host);
		fields[count++] = log_slice("address", addressee->via.address);
		if (addressee->via.tls.len > 0)
			fields[count++] = log_slice("tls", addressee->via.tls);
	}
	fields[count++] = log_slice("status", addressee->status);
	fields[count++] = log_slice("reply", addressee->text);
	if (addressee->uid > 0)
		fields[count++] = log_number("uid", addressee->uid);
	fields[count++] = log_number("delay", now - queue_begins(message));
	if (deferred)
		fields[count++] = log_number("retry_in", addressee->next_attempt - now);
	if (addressee->expired)
		fields[count++] = log_text("expired", "yes");
	if (addressee->unsure)
		fields[count++] = log_text("unsure", "yes");
	fields[count] = (struct log_field){0};
	log_write(LOG_LEVEL_INFO, failed ? "delivery.failed" : deferred ? "delivery.deferred" : "delivery.done", fields);
}

/* ---- Writing down ---- */

static bool courier_pause(struct courier *courier, int seconds)
{
	struct pollfd stop = {.fd = courier->stop_fd, .events = POLLIN};
	return poll(&stop, 1, seconds * 1000) == 0;
}

void courier_letters_settle(struct courier *courier, const struct queue_result *results, size_t count)
{
	struct error error = {0};
	while (count > 0 && !queue_settle(courier->queue, results, count, &error)) {
		log_error("queue.unwritable", log_text("cause", error.text), log_number("recipients", (int64_t)count));
		if (!courier_pause(courier, SETTLE_PAUSE_SECONDS))
			return;
	}
}

struct queue_result courier_addressee_result(struct courier_addressee *addressee)
{
	struct queue_result result = {.message = addressee->letter->work->message.id, .recipient = addressee->recipient->id};
	struct slice host = addressee->via.host;
	result.outcome = addressee->verdict == VERDICT_DEFERRED ? OUTCOME_DEFERRED : addressee->verdict == VERDICT_FAILED ? OUTCOME_FAILED : OUTCOME_DELIVERED;
	result.next_attempt = addressee->next_attempt;
	result.untried = addressee->put_off > 0;
	result.unsure = addressee->unsure;
	result.delay_notified = addressee->recipient->delay_notified || addressee->delay_notice;
	if (result.outcome == OUTCOME_DEFERRED) {
		pthread_mutex_lock(&addressee->letter->lock);
		if (addressee->letter->due == 0 || addressee->letter->due > result.next_attempt)
			addressee->letter->due = result.next_attempt;
		result.last_error = arena_printf(addressee->letter->work->arena, "%.*s%s%.*s", SLICE_ARG(host), host.len > 0 ? ": " : "",
						 SLICE_ARG(slice_sub(addressee->text, 0, LAST_ERROR_MAX)));
		pthread_mutex_unlock(&addressee->letter->lock);
	}
	addressee->settled = true;
	return result;
}

void courier_addressee_keep(struct courier_addressee *addressee)
{
	if (addressee->verdict == VERDICT_FAILED) {
		addressee->verdict = VERDICT_DEFERRED;
		addressee->expired = false;
		addressee->next_attempt = clock_now() + RETRY_SOON_SECONDS;
	}
	addressee->delay_notice = false;
}

void courier_letter_release(struct courier_letter *letter)
{
	queue_release(letter->courier->queue, &letter->work);
	courier_letter_done(&letter);
}

/* All addressees have been worked on: those that aren't settled are to be told of. */
static void letter_end(struct courier_letter *letter)
{
	bool all_settled = true;
	for (size_t i = 0; i < letter->count; i++)
		all_settled &= letter->addressees[i].settled;
	if (all_settled)
		courier_letter_release(letter);
	else
		courier_report_submit(letter);
}

/* Takes one addressee off the open ones of its letter; true: it was the last. */
static bool close_one(struct courier_addressee *addressee)
{
	struct courier_letter *letter = addressee->letter;
	pthread_mutex_lock(&letter->lock);
	bool last = --letter->open == 0;
	pthread_mutex_unlock(&letter->lock);
	return last;
}

void courier_letters_close(struct courier *courier, struct courier_addressee **list, size_t count)
{
	struct queue_result *results = memory_array(count + 1, sizeof *results);
	size_t settled = 0;
	int64_t now = clock_now();
	for (size_t i = 0; i < count; i++) {
		if (list[i]->interrupted && !list[i]->unsure && list[i]->verdict == VERDICT_DEFERRED) {
			list[i]->settled = true; /* as if it had not been tried */
			continue;
		}
		set_schedule(list[i], now);
		if (list[i]->put_off == 0) /* of those there may be a million, again and again */
			log_verdict(list[i], now);
		if (!courier_report_is_due(list[i]))
			results[settled++] = courier_addressee_result(list[i]);
	}
	courier_submissions_note(courier, list, count);
	courier_letters_settle(courier, results, settled);
	free(results);
	for (size_t i = 0; i < count; i++) {
		struct courier_letter *letter = list[i]->letter; /* may be freed with its last addressee, so list[i] is not touched again */
		if (close_one(list[i]))
			letter_end(letter);
	}
}
