/* What was set apart (REASON_SET_APART of the queue) doesn't stay for ever: after quarantine_days it is removed, and the log says of each message which.
 * Nobody is told: its sender was a stranger in whose message something dangerous was found, and whom nothing shows to be who he says. Those for whom it was
 * are told once a day (digest.c), if quarantine_digest says when. */
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "courier/internal.h"

enum { LOOK_SECONDS = 3600, RETRY_SECONDS = 60, DAY_SECONDS = 24 * 3600 };

static void log_expired(void *context, const struct queue_message *message)
{
	(void)context;
	log_info("quarantine.expired", log_id("id", message->id), log_slice("from", message->from), log_number("arrived", message->arrived));
}

static bool remove_old(struct courier *courier, int64_t now, struct error *error)
{
	int64_t days = config_current()->quarantine_days;
	struct queue_filter filter = {.reason = REASON_SET_APART, .before = now - days * DAY_SECONDS, .changed = log_expired};
	size_t changed;
	return days == 0 || queue_remove(courier->queue, &filter, &changed, error);
}

static int64_t look(struct courier *courier, int64_t now)
{
	struct error error;
	bool done = remove_old(courier, now, &error);
	if (!done)
		log_error("quarantine.not_removed", log_text("cause", error.text));
	return now + (done ? LOOK_SECONDS : RETRY_SECONDS);
}

/* The last time at which people were to be told, and the next; false: they aren't. */
static bool digest_times(int64_t now, int64_t *last, int64_t *next)
{
	struct tm parts;
	time_t seconds = (time_t)now;
	int hour, minute;
	if (!config_parse_daytime(slice_of(config_current()->quarantine_digest), &hour, &minute) || !localtime_r(&seconds, &parts))
		return false;
	parts.tm_hour = hour;
	parts.tm_min = minute;
	parts.tm_sec = 0;
	parts.tm_isdst = -1;
	struct tm other = parts;
	int64_t today = mktime(&parts);
	other.tm_mday += today <= now ? 1 : -1;
	other.tm_isdst = -1;
	int64_t neighbour = mktime(&other);
	*last = today <= now ? today : neighbour;
	*next = today <= now ? neighbour : today;
	return true;
}

/* When it is to be tried again. `digested`: until when people have been told. */
static int64_t tell(struct courier *courier, int64_t now)
{
	struct error error;
	int64_t last, next;
	bool more = false;
	if (!digest_times(now, &last, &next))
		return INT64_MAX / 1000;
	if (courier->digested >= last && courier->digested <= now)
		return next;
	bool done = courier_digests(courier, last, &more, &error);
	if (!done)
		log_error("quarantine.untold", log_text("cause", error.text));
	if (done && !more)
		courier->digested = last;
	return !done ? now + RETRY_SECONDS : more ? now + 1 : next;
}

int64_t courier_quarantine(struct courier *courier)
{
	int64_t now = clock_now();
	if (now >= courier->quarantine_at || courier->quarantine_at > now + LOOK_SECONDS) /* later: the clock has been set back */
		courier->quarantine_at = look(courier, now);
	if (now >= courier->digest_at || courier->digest_at > now + LOOK_SECONDS)
		courier->digest_at = tell(courier, now);
	return (courier->digest_at < courier->quarantine_at ? courier->digest_at : courier->quarantine_at) * 1000;
}
