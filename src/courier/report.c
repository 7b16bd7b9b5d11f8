/* Reports to senders; see report.h. A thread of their own writes them, so that no other verdict waits for a report. What it tells
 * of is settled in the transaction that queues the report: nothing loses it, and nothing repeats it. If it can't be queued, its
 * recipients stay. Mail from the null reverse-path is never answered (RFC 5321 §4.5.5). */
#include "courier/report.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "courier/body.h"
#include "courier/dsn.h"
#include "courier/own.h"
#include "message/header.h"

enum {
	REPORT_CONTENT_MAX = 100 * 1024, /* a larger message comes back as its header alone */
	REPORT_HEADER_MAX = 32 * 1024,   /* and of that no more than so much */
	REPORT_RECIPIENTS_MAX = 1000,    /* in one report */
	REPORT_RECIPIENT_SIZE = 8 * 1024,
	STRANGER_HEADER_MAX = 4 * 1024,
	REPORT_LETTERS_MAX = 200,        /* told of at a time, */
	REPORT_BYTES_MAX = 8 << 20,      /* or letters of so many bytes together */
};

/* A letter whose notifications are being written. */
struct telling {
	struct courier_letter *letter;
	struct courier_addressee **told;      /* whose fate they tell */
	struct queue_result *results;
	size_t count;
	size_t first, end;            /* its notifications among those of the batch */
	bool failed;                  /* they can't be written */
	struct error error;
};

/* A notification that is to be queued. */
struct report {
	struct queue_message message;
	struct queue_recipient recipient;
	int64_t about; /* the letter's id */
	enum courier_dsn_kind kind;
	size_t count;
};

/* Notifications that are queued together. */
struct batch {
	struct courier *courier;
	struct telling *tellings;
	size_t count;
	struct report *reports;
	struct queue_deposit *deposits; /* of each report */
	size_t report_count, report_room;
};

bool courier_is_strangers(const struct queue_message *message)
{
	struct sockaddr_storage address;
	struct slice client = message->client;
	size_t open = slice_find_last_char(client, '[');
	if (message->account.len > 0 || open == SLICE_NONE || client.at[client.len - 1] != ']')
		return false;
	struct slice numeric = slice_sub(client, open + 1, client.len - open - 2);
	return !config_parse_address(numeric, &address) || !config_networks_hold(&config_current()->relay_networks, &address);
}

/* Who sends junk says that it is from somebody else, as a rule: only who the sender's domain knows is told what became of it. */
static bool is_nobodys(const struct queue_message *message)
{
	static const char known[] = "SPF_PASS ";
	size_t at = slice_find(message->findings, slice_of(known));
	return message->junk && (at == SLICE_NONE || (at > 0 && message->findings.at[at - 1] != '\n'));
}

/* Which notification an addressee's fate calls for (RFC 3461 §5, §6.1); false: none. */
static bool kind_of(const struct courier_addressee *addressee, enum courier_dsn_kind *kind)
{
	unsigned notify = addressee->recipient->notify;
	const struct queue_message *message = &addressee->letter->work->message;
	if (message->from.len == 0 || is_nobodys(message) || notify & NOTIFY_NEVER || (addressee->verdict == VERDICT_DEFERRED && courier_is_strangers(message)))
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

bool courier_report_is_due(const struct courier_addressee *addressee)
{
	enum courier_dsn_kind kind;
	return kind_of(addressee, &kind);
}

static enum courier_dsn_action action_of(const struct courier_addressee *addressee)
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
static struct slice status_of(const struct courier_addressee *addressee)
{
	if (addressee->unsure && !addressee->expired)
		return SLICE("5.4.2");
	if (!addressee->expired)
		return addressee->status;
	return slice_equal(addressee->status, SLICE("4.2.2")) && !addressee->from_peer ? SLICE("5.2.2") : SLICE("4.4.7");
}

static struct courier_dsn_recipient describe(const struct courier_addressee *addressee, int64_t now)
{
	return (struct courier_dsn_recipient){
		.address = addressee->recipient->address,
		.original = addressee->recipient->original,
		.action = action_of(addressee),
		.status = status_of(addressee),
		.text = addressee->text,
		.from_peer = addressee->from_peer,
		.expired = addressee->expired,
		.returned = addressee->recipient->returned.len > 0 && addressee->verdict == VERDICT_FAILED,
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
static bool read_original(struct courier_letter *letter, enum courier_dsn_kind kind, struct buf *content, bool *full, struct error *error)
{
	const struct queue_message *message = &letter->work->message;
	struct slice piece;
	struct courier_body *body = courier_body_open(letter->courier->queue, message, error);
	if (!body)
		return false;
	*full = kind == DSN_FAILED && !courier_is_strangers(message) && message->ret != RET_HEADERS && message->size <= REPORT_CONTENT_MAX && message->body != BODY_BINARYMIME;
	while (courier_body_next(body, &piece, error) && content->len < content->max)
		buf_append(content, slice_sub(piece, 0, content->max - content->len));
	bool done = !body->failed;
	courier_body_close(&body);
	if (!*full)
		content->len = cut_header(slice_make(content->at, header_length(buf_slice(content))), REPORT_HEADER_MAX).len;
	if (courier_is_strangers(message))
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

/* ---- Writing ---- */

static void batch_add(struct batch *batch, struct queue_draft *draft, const struct report *report)
{
	if (batch->report_count == batch->report_room) {
		batch->report_room = batch->report_room ? 2 * batch->report_room : 64;
		batch->reports = memory_resize(batch->reports, batch->report_room * sizeof *batch->reports);
		batch->deposits = memory_resize(batch->deposits, batch->report_room * sizeof *batch->deposits);
	}
	batch->reports[batch->report_count] = *report;
	batch->deposits[batch->report_count++] = (struct queue_deposit){.draft = draft};
}

/* What couldn't be written whole isn't queued in part. */
static void batch_drop(struct batch *batch, size_t first)
{
	while (batch->report_count > first)
		queue_draft_abort(&batch->deposits[--batch->report_count].draft);
}

static bool write_report(struct batch *batch, const struct courier_dsn *dsn, struct error *error)
{
	struct buf text = BUF(stuffing_room(REPORT_CONTENT_MAX) + 16 * 1024 + dsn->count * REPORT_RECIPIENT_SIZE);
	bool done = courier_dsn_write(dsn, &text) || error_set(error, ERROR_LIMIT, "the notification is too long");
	struct queue_draft *draft = done ? queue_draft_new(batch->courier->queue, SLICE("")) : NULL;
	if (done && !queue_draft_write(draft, buf_slice(&text), error)) {
		queue_draft_abort(&draft);
		done = false;
	}
	buf_free(&text);
	if (done)
		batch_add(batch, draft, &(struct report){
			.message = {.id = dsn->id, .recipient_count = 1, .body = BODY_8BITMIME, .smtputf8 = dsn->message->smtputf8,
				    .client = COURIER_OWN_CLIENT, .arrived = dsn->now},
			.recipient = {.address = dsn->message->from}, .about = dsn->message->id, .kind = dsn->kind, .count = dsn->count});
	return done;
}

static void make_boundary(char out[40])
{
	snprintf(out, 40, "=_%016llx%016llx", (unsigned long long)random_u64(), (unsigned long long)random_u64());
}

/* In whose name: a stranger hears from the domain that he wrote to, who is ours from his own. */
static struct slice domain_of(const struct courier_letter *letter, const struct courier_dsn_recipient *recipient, struct arena *arena)
{
	const struct queue_message *message = &letter->work->message;
	bool strangers = courier_is_strangers(message);
	const struct slice addresses[] = {strangers ? recipient->address : message->from, strangers ? message->from : recipient->address};
	return courier_own_domain(letter->courier->auth, addresses, sizeof addresses / sizeof *addresses, arena);
}

static bool write_kind(struct batch *batch, struct courier_letter *letter, enum courier_dsn_kind kind, const struct courier_dsn_recipient *recipients, size_t count,
		       struct error *error)
{
	char boundary[40];
	bool full = false;
	struct buf content = BUF(REPORT_CONTENT_MAX), original = BUF(stuffing_room(REPORT_CONTENT_MAX));
	bool done = read_original(letter, kind, &content, &full, error);
	put_lines(&original, buf_slice(&content));
	make_boundary(boundary);
	struct arena *arena = arena_new();
	struct courier_dsn dsn = {
		.domain = domain_of(letter, &recipients[0], arena),
		.kind = kind, .language = auth_language(letter->courier->auth, letter->work->message.from), .hostname = config_current()->hostname, .message = &letter->work->message, .recipients = recipients, .count = count,
		.now = clock_now(), .id = id_new(), .boundary = boundary, .original = buf_slice(&original), .full = full,
	};
	done = done && write_report(batch, &dsn, error);
	arena_free(&arena);
	buf_free(&content);
	buf_free(&original);
	return done;
}

/* A notification for every kind among those who are told of. */
static bool write_all(struct batch *batch, struct telling *telling, struct error *error)
{
	struct arena *arena = arena_new();
	size_t room = telling->count < REPORT_RECIPIENTS_MAX ? telling->count : REPORT_RECIPIENTS_MAX;
	struct courier_dsn_recipient *recipients = arena_array(arena, room + 1, sizeof *recipients);
	bool done = true;
	for (enum courier_dsn_kind kind = DSN_FAILED; done && kind <= DSN_SUCCESS; kind++) {
		size_t chosen = 0;
		for (size_t i = 0; done && i < telling->count; i++) {
			enum courier_dsn_kind wanted;
			if (kind_of(telling->told[i], &wanted) && wanted == kind)
				recipients[chosen++] = describe(telling->told[i], clock_now());
			if (chosen == REPORT_RECIPIENTS_MAX || (i + 1 == telling->count && chosen > 0)) {
				done = write_kind(batch, telling->letter, kind, recipients, chosen, error);
				chosen = 0;
			}
		}
	}
	arena_free(&arena);
	return done;
}

static void set_results(struct telling *telling)
{
	for (size_t i = 0; i < telling->count; i++)
		telling->results[i] = courier_addressee_result(telling->told[i]);
}

static void begin_telling(struct batch *batch, struct telling *telling, struct courier_letter *letter)
{
	*telling = (struct telling){.letter = letter, .first = batch->report_count,
		.told = memory_array(letter->count + 1, sizeof(struct courier_addressee *)), .results = memory_array(letter->count + 1, sizeof *telling->results)};
	for (size_t i = 0; i < letter->count; i++)
		if (!letter->addressees[i].settled)
			telling->told[telling->count++] = &letter->addressees[i];
	telling->failed = !write_all(batch, telling, &telling->error);
	if (telling->failed)
		batch_drop(batch, telling->first);
	telling->end = batch->report_count;
	set_results(telling);
}

/* ---- Queueing ---- */

static void log_report(const struct report *report)
{
	static const char *const kinds[] = {[DSN_FAILED] = "failed", [DSN_DELAYED] = "delayed", [DSN_SUCCESS] = "success"};
	log_info("report.queued", log_id("id", report->about), log_id("report", report->message.id), log_slice("to", report->recipient.address),
		 log_text("kind", kinds[report->kind]), log_number("recipients", (int64_t)report->count));
}

/* The last notification about a letter carries its results. */
static void queue_reports(struct batch *batch)
{
	for (size_t i = 0; i < batch->report_count; i++) {
		batch->reports[i].message.recipients = &batch->reports[i].recipient; /* the array moves no more */
		batch->deposits[i].message = &batch->reports[i].message;
	}
	for (size_t i = 0; i < batch->count; i++) {
		struct telling *telling = &batch->tellings[i];
		if (telling->end > telling->first) {
			batch->deposits[telling->end - 1].results = telling->results;
			batch->deposits[telling->end - 1].result_count = telling->count;
		}
	}
	queue_deposit_all(batch->courier->queue, batch->deposits, batch->report_count);
	for (size_t i = 0; i < batch->report_count; i++)
		if (batch->deposits[i].done)
			log_report(&batch->reports[i]);
}

/* Of those who couldn't be told of nobody is given up. */
static void end_telling(struct batch *batch, struct telling *telling)
{
	const struct queue_deposit *last = telling->end > telling->first ? &batch->deposits[telling->end - 1] : NULL;
	if (!telling->failed && last && !last->done) {
		telling->failed = true;
		telling->error = last->error;
	}
	if (telling->failed) {
		log_error("report.unqueued", log_id("id", telling->letter->work->message.id), log_text("cause", telling->error.text));
		for (size_t i = 0; i < telling->count; i++)
			courier_addressee_keep(telling->told[i]);
		set_results(telling);
	}
	if (telling->failed || !last)
		courier_letters_settle(batch->courier, telling->results, telling->count);
	courier_letter_release(telling->letter);
	free(telling->results);
	free(telling->told);
}

static void report_all(struct courier *courier, struct courier_letter **letters, size_t count)
{
	struct batch batch = {.courier = courier, .count = count, .tellings = memory_array(count, sizeof *batch.tellings)};
	for (size_t i = 0; i < count; i++)
		begin_telling(&batch, &batch.tellings[i], letters[i]);
	queue_reports(&batch);
	for (size_t i = 0; i < count; i++)
		end_telling(&batch, &batch.tellings[i]);
	free(batch.reports);
	free(batch.deposits);
	free(batch.tellings);
}

/* ---- The thread ---- */

void courier_report_submit(struct courier_letter *letter)
{
	struct courier *courier = letter->courier;
	pthread_mutex_lock(&courier->lock);
	letter->next = NULL;
	*courier->untold_end = letter;
	courier->untold_end = &letter->next;
	courier->untold_count++;
	pthread_cond_signal(&courier->untold_come);
	pthread_mutex_unlock(&courier->lock);
}

/* With the lock held. */
static size_t take_untold(struct courier *courier, struct courier_letter **letters)
{
	size_t count = 0;
	uint64_t bytes = 0;
	while (courier->untold && count < REPORT_LETTERS_MAX && bytes < REPORT_BYTES_MAX) {
		struct courier_letter *letter = courier->untold;
		courier->untold = letter->next;
		bytes += letter->work->message.size;
		letters[count++] = letter;
	}
	if (!courier->untold)
		courier->untold_end = &courier->untold;
	return count;
}

void *courier_report_thread(void *argument)
{
	struct courier *courier = argument;
	struct courier_letter *letters[REPORT_LETTERS_MAX];
	pthread_mutex_lock(&courier->lock);
	while (courier->untold || !courier->last_words) {
		size_t count = take_untold(courier, letters);
		if (count == 0) {
			pthread_cond_wait(&courier->untold_come, &courier->lock);
			continue;
		}
		pthread_mutex_unlock(&courier->lock);
		report_all(courier, letters, count);
		pthread_mutex_lock(&courier->lock);
		courier_letters_told(courier, count);
	}
	return threads_leave(&courier->reporting, &courier->lock);
}
