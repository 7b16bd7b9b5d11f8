/* Rows of a story out of events; see story.h. The table is the only list of what is told, and to whom: an event, or a field of it, that isn't there stays with the administrator.
 *
 * Who has got a message isn't told of other recipients: no event that names one is his but those of his own account. Who has sent it isn't told what it weighed: that is what
 * somebody who sends spam with a stolen password would like to know. */
#include "story/story.h"

#include "base/log.h"

enum { COPIES_MAX = 12 };

struct copy { const char *from; enum story_field to; };

/* `own`: only with this account in the field `account`. */
struct telling {
	const char *event;
	enum story_event as;
	unsigned sides;
	bool own;
	struct copy copies[COPIES_MAX];
};

#define DELIVERY {"to", STORY_FIELD_RECIPIENT}, {"host", STORY_FIELD_HOST}, {"tls", STORY_FIELD_TLS}, {"status", STORY_FIELD_STATUS}, {"reply", STORY_FIELD_REPLY}, {"delay", STORY_FIELD_DELAY}
#define ORIGIN {"client", STORY_FIELD_HOST}, {"tls", STORY_FIELD_TLS}, {"from", STORY_FIELD_FROM}, {"size", STORY_FIELD_SIZE}

static const struct telling tellings[] = {
	{"message.accepted", STORY_ACCEPTED, STORY_SENDER | STORY_RECIPIENT, .copies = {ORIGIN}},
	{"message.judged", STORY_JUDGED, STORY_RECIPIENT, .copies = {{"action", STORY_FIELD_ACTION}, {"points", STORY_FIELD_POINTS}, {"spf", STORY_FIELD_SPF}, {"dkim", STORY_FIELD_DKIM},
		{"dmarc", STORY_FIELD_DMARC}, {"iprev", STORY_FIELD_IPREV}, {"findings", STORY_FIELD_FINDINGS}}},
	{"message.judged", STORY_JUDGED, STORY_SENDER, .own = true, .copies = {{"action", STORY_FIELD_ACTION}}},
	{"delivery.weighed", STORY_WEIGHED, STORY_RECIPIENT, .own = true, .copies = {{"junk", STORY_FIELD_JUNK}, {"hundredths", STORY_FIELD_HUNDREDTHS}, {"findings", STORY_FIELD_FINDINGS}}},
	{"message.set_apart", STORY_SET_APART, STORY_RECIPIENT, .own = true},
	{"quarantine.released", STORY_RELEASED, STORY_RECIPIENT, .own = true},
	{"admin.quarantine_released", STORY_RELEASED, STORY_SENDER | STORY_RECIPIENT},
	{"admin.queue_released", STORY_RELEASED, STORY_SENDER | STORY_RECIPIENT},
	{"delivery.filed", STORY_FILED, STORY_RECIPIENT, .own = true, .copies = {{"mailbox", STORY_FIELD_MAILBOX}, {"duplicate", STORY_FIELD_DUPLICATE}}},
	{"vacation.answered", STORY_ANSWERED, STORY_RECIPIENT, .own = true},
	{"message.waits", STORY_WAITING, STORY_SENDER, .copies = {{"until", STORY_FIELD_UNTIL}}},
	{"message.held", STORY_HELD, STORY_SENDER, .own = true, .copies = {{"reason", STORY_FIELD_REASON}}},
	{"admin.queue_held", STORY_HELD, STORY_SENDER},
	{"delivery.attempt_failed", STORY_ATTEMPT_FAILED, STORY_SENDER, .copies = {{"host", STORY_FIELD_HOST}, {"reply", STORY_FIELD_REPLY}}},
	{"delivery.done", STORY_DELIVERED, STORY_SENDER, .copies = {DELIVERY}},
	{"delivery.deferred", STORY_DEFERRED, STORY_SENDER, .copies = {DELIVERY, {"retry_in", STORY_FIELD_RETRY_IN}}},
	{"delivery.failed", STORY_FAILED, STORY_SENDER, .copies = {DELIVERY, {"expired", STORY_FIELD_EXPIRED}}},
	{"delivery.done", STORY_FILED, STORY_RECIPIENT, .own = true},
	{"report.queued", STORY_REPORTED, STORY_SENDER},
	{"message.withdrawn", STORY_WITHDRAWN, STORY_SENDER, .own = true},
	{"admin.queue_removed", STORY_REMOVED, STORY_SENDER},
	{"admin.quarantine_removed", STORY_REMOVED, STORY_SENDER},
};

const char *const story_event_names[STORY_EVENTS] = {
#define STORY_EVENT(NAME, name) [STORY_##NAME] = name,
#include "story/story.def"
};
const struct story_field_row story_fields[STORY_FIELDS] = {
#define STORY_FIELD(NAME, name, kind) [STORY_FIELD_##NAME] = {name, kind},
#include "story/story.def"
};

static bool is_event(const struct event *event, const char *name) { return slice_equal(event_get(event, "event"), slice_of(name)); }

/* Of a delivery to one mailbox here the courier says "MAILBOX of ACCOUNT" where another server's reply would stand. False: it is none to this account. */
static bool is_filed_for(const struct event *event, struct slice account, struct slice *mailbox)
{
	enum { BETWEEN = sizeof " of " - 1 };
	struct slice reply = event_get(event, "reply");
	size_t tail = BETWEEN + account.len;
	if (!is_event(event, "delivery.done") || event_get(event, "host").len > 0 || account.len == 0 || reply.len <= tail)
		return false;
	*mailbox = slice_sub(reply, 0, reply.len - tail);
	return slice_starts(slice_skip(reply, mailbox->len), SLICE(" of ")) && slice_equal_nocase(slice_skip(reply, reply.len - account.len), account);
}

static bool is_of(const struct event *event, struct slice account)
{
	struct slice mailbox;
	return account.len > 0 && (slice_equal_nocase(event_get(event, "account"), account) || is_filed_for(event, account, &mailbox));
}

unsigned story_sides(const struct event *event, struct slice account)
{
	if (!is_of(event, account))
		return 0;
	if (is_event(event, "message.accepted"))
		return STORY_SENDER;
	return is_event(event, "delivery.filed") || is_event(event, "delivery.done") || is_event(event, "message.set_apart") || is_event(event, "quarantine.released") ? STORY_RECIPIENT : 0;
}

/* ---- Values ---- */

static struct slice cut(struct slice value, struct arena *arena)
{
	value = slice_sub(value, 0, STORY_VALUE_MAX);
	while (value.len > 0 && !slice_is_utf8(value) && ((unsigned char)value.at[value.len - 1] & 0x80))
		value.len--; /* no part of a character */
	return arena_copy(arena, value);
}

/* Why something is held, without how much an account may send. */
static struct slice plain_reason(struct slice reason)
{
	static const struct { const char *part, *plain; } reasons[] = {{"points of spam", "spam"}, {"recipients within", "rate"}, {" are expected", "habit"}};
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (slice_find(reason, slice_of(reasons[i].part)) != SLICE_NONE)
			return slice_of(reasons[i].plain);
	return SLICE("other");
}

/* Was it brought by somebody who had signed in, and is that another than who asks? */
static bool is_anothers(const struct event *event, unsigned side) { return side != STORY_SENDER && event_get(event, "account").len > 0; }

/* What isn't told although the event has it. */
static void adapt(const struct telling *telling, const struct event *event, struct slice account, unsigned side, struct arena *arena, struct story_row *row)
{
	struct slice mailbox;
	if (telling->as == STORY_FILED && is_filed_for(event, account, &mailbox))
		row->values[STORY_FIELD_MAILBOX] = cut(mailbox, arena);
	if (telling->as == STORY_ACCEPTED)
		row->values[STORY_FIELD_DIRECTION] = side == STORY_SENDER ? SLICE("out") : SLICE("in");
	if (telling->as == STORY_ACCEPTED && is_anothers(event, side)) /* where one of us was when he wrote it */
		row->values[STORY_FIELD_HOST] = row->values[STORY_FIELD_TLS] = (struct slice){NULL, 0};
	if (telling->as == STORY_HELD)
		row->values[STORY_FIELD_REASON] = plain_reason(event_get(event, "reason"));
	/* For somebody here: how his mailbox is, and where he has his mail sent, is his affair. */
	if (telling->as >= STORY_DELIVERED && telling->as <= STORY_FAILED && !row->values[STORY_FIELD_HOST].at)
		row->values[STORY_FIELD_REPLY] = (struct slice){NULL, 0};
	/* Weighed for him alone it says whether it is junk for him; for all, what that was is in the points. */
	if (row->values[STORY_FIELD_POINTS].len == 0)
		row->values[STORY_FIELD_POINTS] = (struct slice){NULL, 0};
}

static bool applies(const struct telling *telling, const struct event *event, struct slice account, unsigned sides)
{
	bool fits = is_event(event, telling->event) && (telling->sides & sides) && (!telling->own || is_of(event, account));
	return fits && !(telling->as == STORY_JUDGED && !telling->own && event_get(event, "account").len > 0); /* what one of us sends is weighed for himself */
}

bool story_row_of(const struct event *event, struct slice account, unsigned sides, struct arena *arena, struct story_row *row)
{
	/* What an account sends to itself is told as what it sends. */
	for (size_t i = 0; i < sizeof tellings / sizeof *tellings; i++) {
		const struct telling *telling = &tellings[i];
		if (!applies(telling, event, account, sides))
			continue;
		*row = (struct story_row){.event = telling->as, .time = arena_copy(arena, slice_sub(event_get(event, "time"), 0, 32))};
		for (size_t k = 0; k < COPIES_MAX && telling->copies[k].from; k++) {
			struct slice value = event_get(event, telling->copies[k].from);
			if (value.len > 0)
				row->values[telling->copies[k].to] = cut(value, arena);
		}
		adapt(telling, event, account, telling->sides & sides & STORY_SENDER ? STORY_SENDER : STORY_RECIPIENT, arena, row);
		return true;
	}
	return false;
}
