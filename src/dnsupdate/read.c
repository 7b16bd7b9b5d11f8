/* Reading what a name server says (RFC 1035 §4.1); see internal.h. All of it is foreign: each length is checked against what is there, pointers of names
 * lead back only, so that none goes round in circles, and a message that isn't understood to its last byte is none. */
#include "dnsupdate/internal.h"

enum {
	RECORD_HEAD = 10,         /* type, class, TTL, length */
	FLAG_ANSWER = 0x8000, FLAG_TRUNCATED = 0x0200,
	POINTER = 0xc0,
	SOA_NUMBERS = 20,         /* bytes behind its two names */
};

struct reader {
	struct slice message;
	size_t at;
	struct arena *arena;
	bool broken;
};

static unsigned byte_at(struct slice message, size_t at)
{
	return (unsigned char)message.at[at];
}

static uint64_t take_number(struct reader *reader, unsigned bytes)
{
	uint64_t number = 0;
	if (reader->broken || reader->message.len - reader->at < bytes) {
		reader->broken = true;
		return 0;
	}
	for (; bytes > 0; bytes--)
		number = number << 8 | byte_at(reader->message, reader->at++);
	return number;
}

static struct slice take_bytes(struct reader *reader, size_t len)
{
	if (reader->broken || reader->message.len - reader->at < len) {
		reader->broken = true;
		return slice_make(NULL, 0);
	}
	reader->at += len;
	return slice_make(reader->message.at + reader->at - len, len);
}

/* ---- Names ---- */

/* Copies the labels of the name at `at` to `wire`, with the root's. *end: where it ends where it stands. False: it is none. */
static bool expand_name(struct slice message, size_t at, struct buf *wire, size_t *end)
{
	size_t before = at; /* pointers lead before this */
	*end = SLICE_NONE;
	while (at < message.len) {
		unsigned len = byte_at(message, at);
		if ((len & POINTER) == POINTER) {
			size_t to = at + 1 < message.len ? (size_t)(len & ~(unsigned)POINTER) << 8 | byte_at(message, at + 1) : SLICE_NONE;
			if (to >= before)
				return false;
			*end = *end == SLICE_NONE ? at + 2 : *end;
			before = at = to;
			continue;
		}
		if (len > LOOKUP_LABEL_MAX || message.len - at < 1 + len || !buf_append(wire, slice_sub(message, at, 1 + len)))
			return false;
		at += 1 + len;
		if (len == 0) {
			*end = *end == SLICE_NONE ? at : *end;
			return true;
		}
	}
	return false;
}

static bool is_of_hosts(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_' || c == '*';
}

/* What a label may hold and a name as text can't say becomes a question mark. */
static struct slice text_of(struct slice wire, struct arena *arena)
{
	char *text = arena_alloc(arena, wire.len + 1);
	size_t len = 0;
	for (size_t at = 0; at < wire.len && wire.at[at] != '\0'; at += 1 + byte_at(wire, at)) {
		if (len > 0)
			text[len++] = '.';
		for (size_t i = 1; i <= byte_at(wire, at); i++)
			text[len++] = is_of_hosts(wire.at[at + i]) ? wire.at[at + i] : '?';
	}
	return slice_make(text, len);
}

bool dns_update_read_name(struct slice message, size_t *at, struct arena *arena, struct slice *name)
{
	struct buf wire = BUF(NAME_MAX_WIRE);
	bool good = expand_name(message, *at, &wire, at);
	if (good)
		*name = text_of(buf_slice(&wire), arena);
	buf_free(&wire);
	return good;
}

static struct slice take_name(struct reader *reader)
{
	struct slice name = {NULL, 0};
	reader->broken = reader->broken || !dns_update_read_name(reader->message, &reader->at, reader->arena, &name);
	return name;
}

/* ---- Records ---- */

/* How many bytes stand before the names of an RDATA that may be compressed (RFC 3597 §4), and how many names there are. */
static unsigned names_of(unsigned type, size_t *before)
{
	*before = type == DNS_UPDATE_MX ? 2 : type == DNS_UPDATE_SRV ? 6 : 0;
	switch (type) {
	case DNS_UPDATE_MX:
	case DNS_UPDATE_SRV:
	case DNS_UPDATE_NS:
	case DNS_UPDATE_CNAME:
	case DNS_UPDATE_PTR:
		return 1;
	case DNS_UPDATE_SOA:
		return 2;
	default:
		return 0;
	}
}

/* The RDATA from reader->at to `end`, with its names written out. */
static struct slice take_data(struct reader *reader, unsigned type, size_t end)
{
	size_t before;
	unsigned names = names_of(type, &before);
	struct buf data = BUF(UINT16_MAX);
	if (names == 0)
		return take_bytes(reader, end - reader->at);
	buf_append(&data, take_bytes(reader, before <= end - reader->at ? before : SLICE_NONE));
	for (; names > 0 && !reader->broken; names--) {
		struct buf wire = BUF(NAME_MAX_WIRE);
		reader->broken = !expand_name(reader->message, reader->at, &wire, &reader->at) || reader->at > end;
		buf_append(&data, buf_slice(&wire));
		buf_free(&wire);
	}
	reader->broken = reader->broken || end - reader->at != (type == DNS_UPDATE_SOA ? SOA_NUMBERS : 0);
	if (!reader->broken)
		buf_append(&data, take_bytes(reader, end - reader->at));
	struct slice copy = arena_copy(reader->arena, buf_slice(&data));
	buf_free(&data);
	return copy;
}

static void take_tsig(struct reader *reader, struct dns_update_tsig *tsig, size_t end)
{
	tsig->there = true;
	tsig->algorithm = take_name(reader);
	tsig->time = take_number(reader, 6);
	tsig->fudge = (unsigned)take_number(reader, 2);
	tsig->mac = take_bytes(reader, (size_t)take_number(reader, 2));
	tsig->original_id = (unsigned)take_number(reader, 2);
	tsig->error = (unsigned)take_number(reader, 2);
	tsig->other = take_bytes(reader, (size_t)take_number(reader, 2));
	reader->broken |= reader->at != end;
}

/* One record; a signature goes to *tsig, which is NULL where none may be. False: it isn't in `list`. */
static bool take_record(struct reader *reader, struct dns_update_record *record, struct dns_update_tsig *tsig)
{
	size_t at = reader->at;
	*record = (struct dns_update_record){.name = take_name(reader)};
	record->type = (unsigned)take_number(reader, 2);
	unsigned class = (unsigned)take_number(reader, 2);
	record->ttl = (uint32_t)take_number(reader, 4);
	size_t len = (size_t)take_number(reader, 2), end = reader->at + len;
	reader->broken |= reader->message.len - reader->at < len;
	if (reader->broken)
		return false;
	if (record->type == DNS_UPDATE_TSIG) {
		reader->broken = !tsig || class != CLASS_ANY || record->ttl != 0;
		if (!reader->broken) {
			*tsig = (struct dns_update_tsig){.at = at, .key = record->name};
			take_tsig(reader, tsig, end);
		}
		return false;
	}
	if (len > 0 || class == CLASS_IN) /* what is to be removed whole has none (RFC 2136 §2.5.2) */
		record->data = take_data(reader, record->type, end);
	return !reader->broken && class == CLASS_IN && record->type != DNS_UPDATE_OPT;
}

static struct dns_update_record *take_records(struct reader *reader, size_t count, size_t *kept)
{
	*kept = 0;
	reader->broken |= count > RECORDS_MAX;
	struct dns_update_record *list = arena_array(reader->arena, reader->broken ? 1 : count + 1, sizeof *list);
	for (size_t i = 0; i < count && !reader->broken; i++)
		*kept += take_record(reader, &list[*kept], NULL);
	return list;
}

/* Of the last section only a signature counts, which is its last record (RFC 8945 §5.1). */
static void take_additional(struct reader *reader, size_t count, struct dns_update_tsig *tsig)
{
	struct dns_update_record passed_over;
	reader->broken |= count > RECORDS_MAX;
	for (size_t i = 0; i < count && !reader->broken; i++)
		take_record(reader, &passed_over, i + 1 == count ? tsig : NULL);
}

static void take_question(struct reader *reader, struct dns_update_reading *reading)
{
	reading->has_question = true;
	reading->name = take_name(reader);
	reading->type = (unsigned)take_number(reader, 2);
	reader->broken |= take_number(reader, 2) != CLASS_IN;
}

bool dns_update_read(struct slice message, struct arena *arena, struct dns_update_reading *reading)
{
	struct reader reader = {message, 0, arena, false};
	*reading = (struct dns_update_reading){.id = (unsigned)take_number(&reader, 2)};
	unsigned flags = (unsigned)take_number(&reader, 2);
	reading->is_answer = flags & FLAG_ANSWER;
	reading->truncated = flags & FLAG_TRUNCATED;
	reading->opcode = flags >> 11 & 15;
	reading->code = flags & 15;
	size_t questions = (size_t)take_number(&reader, 2), answers = (size_t)take_number(&reader, 2);
	size_t authority = (size_t)take_number(&reader, 2), additional = (size_t)take_number(&reader, 2);
	reader.broken |= questions > 1;
	if (questions == 1)
		take_question(&reader, reading);
	if (reading->truncated)
		return !reader.broken;
	reading->answers = take_records(&reader, answers, &reading->answer_count);
	reading->authority = take_records(&reader, authority, &reading->authority_count);
	take_additional(&reader, additional, &reading->tsig);
	return !reader.broken && reader.at == message.len;
}
