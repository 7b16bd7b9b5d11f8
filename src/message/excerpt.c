/* Excerpts: a version, the fields it knows all about (eight bytes, the lowest first), then each field that is there: its number, its length as
 * a base-128 number, its bytes. Numbers are places in the table below; when that changes, or what a field is, or where a header ends
 * (message/summary.h), EXCERPT_VERSION goes up, and former ones are made anew when they are asked for. */
#include "message/excerpt.h"

#include <assert.h>

#include "base/buf.h"
#include "message/header.h"

enum { EXCERPT_VERSION = 1, HEAD_BYTES = 1 + 8, VARINT_BYTES_MAX = 10 };

/* What Thunderbird, mutt, Apple's Mail, Evolution, K-9 and Roundcube ask for. */
static const struct {
	struct slice name;
	bool is_large; /* in long excerpts alone */
} table[] = {
#define FIELD(name) {{"" name, sizeof name - 1}, false}
#define LARGE_FIELD(name) {{"" name, sizeof name - 1}, true}
	FIELD("from"), FIELD("to"), FIELD("cc"), FIELD("bcc"), FIELD("subject"), FIELD("date"), FIELD("message-id"), FIELD("references"),
	FIELD("in-reply-to"), FIELD("reply-to"), FIELD("sender"), FIELD("content-type"), FIELD("received"), FIELD("mime-version"),
	FIELD("priority"), FIELD("x-priority"), FIELD("importance"), FIELD("newsgroups"), FIELD("return-path"), FIELD("delivered-to"),
	FIELD("content-description"), FIELD("content-class"), FIELD("lines"), FIELD("list-id"), FIELD("list-post"), FIELD("list-subscribe"),
	FIELD("list-unsubscribe"), FIELD("mailing-list"), FIELD("x-mailing-list"), FIELD("x-list"), FIELD("x-loop"), FIELD("x-beenthere"),
	FIELD("originator"), FIELD("x-label"), FIELD("x-original-to"), FIELD("x-calendar-attachment"), FIELD("x-uniform-type-identifier"),
	FIELD("x-universally-unique-identifier"), FIELD("disposition-notification-to"), FIELD("x-protective-marking"), FIELD("x-k9mail-identity"),
	FIELD("chat-version"), FIELD("user-agent"), FIELD("x-mailer"), FIELD("x-spam-flag"), FIELD("x-spam-status"),
	LARGE_FIELD("authentication-results"), LARGE_FIELD("dkim-signature"), LARGE_FIELD("bimi-indicator"), LARGE_FIELD("bimi-location"),
	LARGE_FIELD("x-bimi-indicator-hash"), LARGE_FIELD("list-unsubscribe-post"),
};
enum { FIELD_COUNT = sizeof table / sizeof *table, NO_FIELD = FIELD_COUNT };
static_assert(FIELD_COUNT <= 64, "each has a bit");

static unsigned number_of(struct slice name)
{
	for (unsigned i = 0; i < FIELD_COUNT; i++)
		if (slice_equal_nocase(table[i].name, name))
			return i;
	return NO_FIELD;
}

static uint64_t fields_of(enum excerpt_kind kind)
{
	uint64_t fields = 0;
	for (unsigned i = 0; i < FIELD_COUNT; i++)
		fields |= (uint64_t)(kind == EXCERPT_LONG || !table[i].is_large) << i;
	return fields;
}

uint64_t excerpt_field(struct slice name)
{
	unsigned number = number_of(name);
	return number == NO_FIELD ? 0 : UINT64_C(1) << number;
}

enum excerpt_kind excerpt_kind_for(uint64_t fields)
{
	return (fields & ~fields_of(EXCERPT_SHORT)) ? EXCERPT_LONG : EXCERPT_SHORT;
}

/* ---- Making ---- */

static struct slice first_line(struct slice s)
{
	size_t end = slice_find_char(s, '\n');
	return slice_sub(s, 0, end == SLICE_NONE ? s.len : end + 1);
}

/* The next field of a header, or what stands in the place of one. False: the header has ended. */
static bool next_field(struct slice *rest, struct slice *whole, unsigned *number)
{
	struct header_field field;
	struct slice line = first_line(*rest), seen = slice_sub(line, 0, EXCERPT_NAME_SEEN);
	if (line.len == 0 || slice_equal(line, SLICE("\n")) || slice_equal(line, SLICE("\r\n")))
		return false;
	*number = header_next(&seen, &field) && field.name.len > 0 ? number_of(field.name) : NO_FIELD;
	size_t len = line.len;
	while (len < rest->len && (rest->at[len] == ' ' || rest->at[len] == '\t'))
		len += first_line(slice_skip(*rest, len)).len;
	*whole = slice_sub(*rest, 0, len);
	*rest = slice_skip(*rest, len);
	return true;
}

/* Which fields an excerpt of at most `max` bytes has: all, or all but the largest. */
static uint64_t choose(struct slice header, uint64_t fields, size_t max)
{
	size_t sizes[FIELD_COUNT + 1] = {0}, total = 0;
	unsigned number;
	for (struct slice whole; next_field(&header, &whole, &number);)
		sizes[number] += whole.len;
	for (unsigned i = 0; i < FIELD_COUNT; i++)
		total += fields >> i & 1 ? sizes[i] : 0;
	while (total > max) {
		unsigned largest = NO_FIELD;
		for (unsigned i = 0; i < FIELD_COUNT; i++)
			if ((fields >> i & 1) && (largest == NO_FIELD || sizes[i] > sizes[largest]))
				largest = i;
		total -= sizes[largest];
		fields &= ~(UINT64_C(1) << largest);
	}
	return fields;
}

static void put_length(struct buf *out, size_t n)
{
	for (; n >= 0x80; n >>= 7)
		buf_append_char(out, (char)(n | 0x80));
	buf_append_char(out, (char)n);
}

struct slice excerpt_make(struct slice header, enum excerpt_kind kind, struct arena *arena)
{
	struct buf out = BUF(HEAD_BYTES + EXCERPT_HEADER_MAX * 3); /* a field has its byte at least, and two bytes before it */
	uint64_t fields = header.len <= EXCERPT_HEADER_MAX ? choose(header, fields_of(kind), kind == EXCERPT_LONG ? EXCERPT_LONG_MAX : EXCERPT_SHORT_MAX) : 0;
	unsigned number;
	buf_append_char(&out, EXCERPT_VERSION);
	for (unsigned i = 0; i < 8; i++)
		buf_append_char(&out, (char)(fields >> 8 * i));
	for (struct slice whole; fields != 0 && next_field(&header, &whole, &number);) {
		if (number == NO_FIELD || !(fields >> number & 1))
			continue;
		buf_append_char(&out, (char)number);
		put_length(&out, whole.len);
		buf_append(&out, whole);
	}
	struct slice excerpt = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return excerpt;
}

/* ---- Reading ---- */

bool excerpt_is_current(struct slice excerpt)
{
	return excerpt.len >= HEAD_BYTES && excerpt.at[0] == EXCERPT_VERSION;
}

bool excerpt_read(struct slice excerpt, uint64_t fields, struct excerpt_reader *reader)
{
	uint64_t known = 0;
	if (!excerpt_is_current(excerpt))
		return false;
	for (unsigned i = 0; i < 8; i++)
		known |= (uint64_t)(unsigned char)excerpt.at[1 + i] << 8 * i;
	*reader = (struct excerpt_reader){.rest = slice_skip(excerpt, HEAD_BYTES), .fields = fields};
	return (fields & ~known) == 0;
}

/* The length of a field, whose bytes then begin the rest; SIZE_MAX: damaged. */
static size_t take_length(struct slice *rest)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < VARINT_BYTES_MAX && i < rest->len; i++) {
		unsigned char byte = (unsigned char)rest->at[i];
		n |= (uint64_t)(byte & 0x7f) << 7 * i;
		if (byte >= 0x80)
			continue;
		*rest = slice_skip(*rest, i + 1);
		return n <= rest->len ? (size_t)n : SIZE_MAX;
	}
	return SIZE_MAX;
}

bool excerpt_next(struct excerpt_reader *reader, struct slice *whole)
{
	while (reader->rest.len > 0) {
		unsigned number = (unsigned char)reader->rest.at[0];
		reader->rest = slice_skip(reader->rest, 1);
		size_t len = number < FIELD_COUNT ? take_length(&reader->rest) : SIZE_MAX;
		if (len == SIZE_MAX || len == 0) {
			reader->damaged = true;
			return false;
		}
		struct slice field = slice_sub(reader->rest, 0, len);
		reader->rest = slice_skip(reader->rest, len);
		if (!(reader->fields >> number & 1))
			continue;
		*whole = field;
		return true;
	}
	return false;
}
