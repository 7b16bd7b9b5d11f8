/* The questions of handin.h as bytes. */
#include "queue/handin.h"

enum {
	HANDIN_RECIPIENTS_MAX = HANDIN_ENVELOPE_MAX / 8,
	ENVELOPE_USUAL = 1024, /* bytes */
	HANDIN_COUNTRY_MAX = 2,
};
#define HANDIN_TIME_MAX (INT64_MAX / 4) /* something may be added to it */

bool queue_handin_encode(const struct queue_handin *handin, struct buf *out)
{
	const struct queue_message *message = &handin->message;
	const struct slice texts[] = {message->from, message->envid, message->account, message->client, message->country};
	size_t usual = ENVELOPE_USUAL + handin->body.len;
	if (usual <= out->max)
		buf_reserve(out, usual); /* the body is copied once, not at each growth */
	wire_put_number(out, (uint64_t)message->id);
	wire_put_number(out, (uint64_t)message->arrived);
	wire_put_number(out, message->size);
	wire_put_number(out, message->preface);
	wire_put_short(out, message->body, 1);
	wire_put_short(out, message->ret, 1);
	unsigned flags = (unsigned)message->smtputf8 | (unsigned)message->require_tls << 1 | (unsigned)handin->in_file << 2;
	flags |= (unsigned)message->allowance.counts << 3 | (unsigned)message->set_apart << 4 | (unsigned)message->junk << 5;
	wire_put_short(out, flags | (unsigned)message->weighed << 6 | (unsigned)message->suspect << 7, 1);
	wire_put_short(out, message->doubt.reason, 1);
	wire_put_number(out, (uint64_t)message->doubt.count);
	wire_put_number(out, (uint64_t)message->doubt.most);
	wire_put_number(out, (uint64_t)message->allowance.per_hour);
	wire_put_number(out, (uint64_t)message->allowance.per_day);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		wire_put_text(out, texts[i]);
	wire_put_text(out, message->findings);
	wire_put_number(out, (uint64_t)((int64_t)message->points + QUEUE_POINTS_MAX));
	wire_put_text(out, message->author);
	wire_put_number(out, (uint64_t)message->release);
	wire_put_short(out, message->tracked, 1);
	wire_put_short(out, message->recipient_count, 4);
	for (size_t i = 0; i < message->recipient_count; i++) {
		wire_put_text(out, message->recipients[i].address);
		wire_put_text(out, message->recipients[i].original);
		wire_put_short(out, message->recipients[i].notify, 1);
	}
	bool fits = out->len <= HANDIN_ENVELOPE_MAX;
	buf_append(out, handin->body);
	return fits && !out->overflow;
}

/* `also`: a control character that may be in it. */
static struct slice read_printable(struct wire_reader *reader, size_t max, char also)
{
	struct slice text = wire_text(reader, max);
	for (size_t i = 0; i < text.len; i++)
		if (((unsigned char)text.at[i] < ' ' && text.at[i] != also) || text.at[i] == 0x7f)
			*reader = (struct wire_reader){.broken = true};
	return text;
}

/* A text of an envelope is one line's part, everywhere. */
static struct slice read_text(struct wire_reader *reader)
{
	return read_printable(reader, HANDIN_TEXT_MAX, ' ');
}

static unsigned read_up_to(struct wire_reader *reader, unsigned most)
{
	unsigned number = (unsigned)wire_short(reader, 1);
	if (number > most)
		*reader = (struct wire_reader){.broken = true};
	return number;
}

static void read_recipients(struct wire_reader *reader, struct arena *arena, struct queue_message *message)
{
	enum { LEAST = 2 + 2 + 1 }; /* bytes of a recipient: the count can't ask for more memory than was sent */
	size_t count = wire_short(reader, 4);
	if (count == 0 || count > HANDIN_RECIPIENTS_MAX || count > reader->rest.len / LEAST)
		*reader = (struct wire_reader){.broken = true};
	if (reader->broken)
		return;
	message->recipients = arena_array(arena, count, sizeof *message->recipients);
	message->recipient_count = count;
	for (size_t i = 0; i < count && !reader->broken; i++) {
		struct queue_recipient *recipient = &message->recipients[i];
		recipient->address = read_text(reader);
		recipient->original = read_text(reader);
		recipient->notify = read_up_to(reader, NOTIFY_NEVER | NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY);
	}
}

bool queue_handin_decode(struct slice text, struct arena *arena, struct queue_handin *handin)
{
	struct wire_reader reader = {.rest = text};
	struct queue_message *message = &handin->message;
	*handin = (struct queue_handin){0};
	message->id = (int64_t)wire_number(&reader, INT64_MAX);
	message->arrived = (int64_t)wire_number(&reader, INT64_MAX);
	message->size = wire_number(&reader, HANDIN_SIZE_MAX);
	message->preface = wire_number(&reader, HANDIN_PREFACE_MAX);
	message->body = (enum queue_body_kind)read_up_to(&reader, BODY_BINARYMIME);
	message->ret = (enum queue_dsn_return)read_up_to(&reader, RET_HEADERS);
	unsigned flags = read_up_to(&reader, 255);
	message->smtputf8 = flags & 1;
	message->require_tls = flags & 2;
	handin->in_file = flags & 4;
	message->allowance.counts = flags & 8;
	message->set_apart = flags & 16;
	message->junk = flags & 32;
	message->weighed = flags & 64;
	message->suspect = flags & 128;
	message->doubt.reason = (enum queue_reason)read_up_to(&reader, REASON_SPAM);
	message->doubt.count = (int64_t)wire_number(&reader, INT64_MAX);
	message->doubt.most = (int64_t)wire_number(&reader, INT64_MAX);
	message->allowance.per_hour = (int64_t)wire_number(&reader, INT64_MAX);
	message->allowance.per_day = (int64_t)wire_number(&reader, INT64_MAX);
	message->from = read_text(&reader);
	message->envid = read_text(&reader);
	message->account = read_text(&reader);
	message->client = read_text(&reader);
	message->country = read_printable(&reader, HANDIN_COUNTRY_MAX, ' ');
	message->findings = read_printable(&reader, QUEUE_FINDINGS_MAX, '\n');
	message->points = (int)((int64_t)wire_number(&reader, 2 * (uint64_t)QUEUE_POINTS_MAX) - QUEUE_POINTS_MAX);
	message->author = read_text(&reader);
	message->release = (int64_t)wire_number(&reader, HANDIN_TIME_MAX);
	message->tracked = read_up_to(&reader, 1);
	read_recipients(&reader, arena, message);
	handin->body = reader.rest;
	bool apart = message->set_apart && message->account.len > 0; /* an account's is doubted */
	bool doubtful = message->doubt.reason == REASON_SPAM || message->doubt.reason == REASON_SET_APART;
	bool strange = message->doubt.reason != REASON_NONE && (!doubtful || message->account.len == 0);
	return !reader.broken && message->id > 0 && !apart && !strange && (handin->in_file ? handin->body.len == 0 : handin->body.len == message->preface + message->size);
}
