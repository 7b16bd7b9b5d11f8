/* Reports to senders; see report.h. A report is committed before the recipient it tells of is settled: a crash in
 * between repeats it, nothing loses it. Mail from the null reverse-path is never answered (RFC 5321 §4.5.5). */
#include "courier/report.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "courier/body.h"
#include "courier/dsn.h"
#include "message/header.h"

enum {
	REPORT_CONTENT_MAX = 100 * 1024, /* a larger message comes back as its header alone */
	REPORT_HEADER_MAX = 32 * 1024,   /* and of that no more than so much */
	REPORT_RECIPIENTS_MAX = 1000,    /* in one report */
	REPORT_RECIPIENT_SIZE = 8 * 1024,
	STRANGER_HEADER_MAX = 4 * 1024,
};

/* Did the message come from somebody who neither signed in nor may relay? His sender's address may be another's, who must not get
 * from us what a stranger wrote (backscatter): he hears of no delay, and gets only the fields that he knows his message by. That no
 * success is reported to him is seen to where the message comes in. */
static bool is_strangers(const struct queue_message *message)
{
	struct sockaddr_storage address;
	struct slice client = message->client;
	size_t open = slice_find_last_char(client, '[');
	if (message->account.len > 0 || open == SLICE_NONE || client.at[client.len - 1] != ']')
		return false;
	struct slice numeric = slice_sub(client, open + 1, client.len - open - 2);
	return !config_parse_address(numeric, &address) || !config_networks_hold(&config_current()->relay_networks, &address);
}

/* Which notification an addressee's fate calls for (RFC 3461 §5, §6.1); false: none. */
static bool kind_of(const struct addressee *addressee, enum dsn_kind *kind)
{
	unsigned notify = addressee->recipient->notify;
	const struct queue_message *message = &addressee->letter->work->message;
	if (message->from.len == 0 || notify & NOTIFY_NEVER || (addressee->verdict == VERDICT_DEFERRED && is_strangers(message)))
		return false;
	switch (addressee->verdict) {
	case VERDICT_FAILED:
		*kind = DSN_FAILED;
		return notify == 0 || notify & NOTIFY_FAILURE;
	case VERDICT_DEFERRED:
		*kind = DSN_DELAYED;
		return addressee->delay_notice && (notify == 0 || notify & NOTIFY_DELAY);
	case VERDICT_DELIVERED:
	case VERDICT_RELAYED:
	case VERDICT_EXPANDED:
		*kind = DSN_SUCCESS;
		return notify & NOTIFY_SUCCESS && !addressee->dsn_passed_on;
	default:
		return false;
	}
}

bool report_is_due(const struct addressee *addressee)
{
	enum dsn_kind kind;
	return kind_of(addressee, &kind);
}

static enum dsn_action action_of(const struct addressee *addressee)
{
	switch (addressee->verdict) {
	case VERDICT_DELIVERED: return ACTION_DELIVERED;
	case VERDICT_RELAYED: return ACTION_RELAYED;
	case VERDICT_EXPANDED: return ACTION_EXPANDED;
	case VERDICT_DEFERRED: return ACTION_DELAYED;
	default: return ACTION_FAILED;
	}
}

/* Of an expired recipient the report says that time ran out, but for a full mailbox, which says more. */
static struct slice status_of(const struct addressee *addressee)
{
	if (addressee->unsure && !addressee->expired)
		return SLICE("5.4.2");
	if (!addressee->expired)
		return addressee->status;
	return slice_equal(addressee->status, SLICE("4.2.2")) && !addressee->from_peer ? SLICE("5.2.2") : SLICE("4.4.7");
}

static struct dsn_recipient describe(const struct addressee *addressee, int64_t now)
{
	return (struct dsn_recipient){
		.address = addressee->recipient->address,
		.original = addressee->recipient->original,
		.action = action_of(addressee),
		.status = status_of(addressee),
		.text = addressee->text,
		.from_peer = addressee->from_peer,
		.expired = addressee->expired,
		.unsure = addressee->unsure || addressee->recipient->unsure > 0,
		.host = addressee->via.host,
		.last_attempt = now,
		.retry_until = addressee->recipient->expires,
	};
}

/* Cuts a header block at a line's end so that it has at most `max` bytes. */
static struct slice cut_header(struct slice header, size_t max)
{
	if (header.len <= max)
		return header;
	header.len = max;
	size_t end = slice_find_last_char(header, '\n');
	return end == SLICE_NONE ? slice_sub(header, 0, 0) : slice_sub(header, 0, end + 1);
}

/* Of a header only what tells which message it was. */
static void keep_known_fields(struct buf *content)
{
	static const char *const names[] = {"Date", "From", "To", "Cc", "Subject", "Message-ID", "In-Reply-To", "References"};
	struct buf kept = BUF(STRANGER_HEADER_MAX);
	struct slice header = buf_slice(content);
	struct header_field field;
	while (header_next(&header, &field))
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			if (slice_equal_nocase(field.name, slice_of(names[i])) && field.whole.len <= kept.max - kept.len)
				buf_append(&kept, field.whole);
	buf_clear(content);
	buf_append(content, buf_slice(&kept));
	buf_free(&kept);
}

/* Reads what is to be returned: the whole message if it is wanted, short and plain enough; else its header. */
static bool read_original(struct letter *letter, enum dsn_kind kind, struct buf *content, bool *full, struct error *error)
{
	const struct queue_message *message = &letter->work->message;
	struct slice piece;
	struct body *body = body_open(letter->courier->queue, message->id, error);
	if (!body)
		return false;
	*full = kind == DSN_FAILED && !is_strangers(message) && message->ret != RET_HEADERS && message->size <= REPORT_CONTENT_MAX && message->body != BODY_BINARYMIME;
	while (body_next(body, &piece, error) && content->len < content->max)
		buf_append(content, slice_sub(piece, 0, content->max - content->len));
	bool done = !body->failed;
	body_close(&body);
	if (!*full)
		content->len = cut_header(slice_make(content->at, header_length(buf_slice(content))), REPORT_HEADER_MAX).len;
	if (is_strangers(message))
		keep_known_fields(content);
	return done;
}

/* Line ends of what is returned are CRLF, as those of every message in the queue; in the place of NUL stands 0x80, as in mailboxes. */
static void put_lines(struct buf *out, struct slice bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		char c = bytes.at[i];
		bool lone = (c == '\n' && (i == 0 || bytes.at[i - 1] != '\r')) || (c == '\r' && (i + 1 == bytes.len || bytes.at[i + 1] != '\n'));
		buf_append(out, lone ? SLICE("\r\n") : c == '\0' ? SLICE("\x80") : slice_make(bytes.at + i, 1));
	}
}

static bool queue_report(struct letter *letter, const struct dsn *dsn, struct error *error)
{
	struct queue *queue = letter->courier->queue;
	struct buf text = BUF(stuffing_room(REPORT_CONTENT_MAX) + 16 * 1024 + dsn->count * REPORT_RECIPIENT_SIZE);
	struct queue_recipient recipient = {.address = dsn->message->from};
	struct queue_message message = {
		.id = dsn->id, .recipients = &recipient, .recipient_count = 1, .body = BODY_8BITMIME,
		.smtputf8 = dsn->message->smtputf8, .client = SLICE("the courier"), .arrived = dsn->now,
	};
	bool done = dsn_write(dsn, &text) || error_set(error, ERROR_LIMIT, "the notification is too long");
	struct queue_draft *draft = done ? queue_draft_new(queue) : NULL;
	if (done && !queue_draft_write(draft, buf_slice(&text), error)) {
		queue_draft_abort(&draft);
		done = false;
	}
	done = done && queue_commit(queue, &draft, SLICE(""), &message, error);
	buf_free(&text);
	if (done)
		log_info("report.queued", log_id("id", dsn->message->id), log_id("report", message.id), log_slice("to", dsn->message->from),
			 log_text("kind", dsn->kind == DSN_FAILED ? "failed" : dsn->kind == DSN_DELAYED ? "delayed" : "success"),
			 log_number("recipients", (int64_t)dsn->count));
	return done;
}

static void make_boundary(char out[40])
{
	snprintf(out, 40, "=_%016llx%016llx", (unsigned long long)random_u64(), (unsigned long long)random_u64());
}

static bool send_kind(struct letter *letter, enum dsn_kind kind, const struct dsn_recipient *recipients, size_t count, struct error *error)
{
	char boundary[40];
	bool full = false;
	struct buf content = BUF(REPORT_CONTENT_MAX), original = BUF(stuffing_room(REPORT_CONTENT_MAX));
	bool done = read_original(letter, kind, &content, &full, error);
	put_lines(&original, buf_slice(&content));
	make_boundary(boundary);
	struct dsn dsn = {
		.kind = kind, .language = auth_language(letter->courier->auth, letter->work->message.from), .hostname = config_current()->hostname, .message = &letter->work->message, .recipients = recipients, .count = count,
		.now = clock_now(), .id = id_new(), .boundary = boundary, .original = buf_slice(&original), .full = full,
	};
	done = done && queue_report(letter, &dsn, error);
	buf_free(&content);
	buf_free(&original);
	return done;
}

bool report_send(struct letter *letter, struct addressee **list, size_t count, struct error *error)
{
	struct arena *arena = arena_new();
	struct dsn_recipient *recipients = arena_array(arena, REPORT_RECIPIENTS_MAX, sizeof *recipients);
	bool done = true;
	for (enum dsn_kind kind = DSN_FAILED; done && kind <= DSN_SUCCESS; kind++) {
		size_t chosen = 0;
		for (size_t i = 0; done && i < count; i++) {
			enum dsn_kind wanted;
			if (kind_of(list[i], &wanted) && wanted == kind)
				recipients[chosen++] = describe(list[i], clock_now());
			if (chosen == REPORT_RECIPIENTS_MAX || (i + 1 == count && chosen > 0)) {
				done = send_kind(letter, kind, recipients, chosen, error);
				chosen = 0;
			}
		}
	}
	arena_free(&arena);
	return done;
}
