/* Answers for tables of questions (lookup/lookup.h). What one table has asked is kept for the next for a while (lookup/cache.h). */
#include <netinet/in.h>

#include "base/buf.h"
#include "base/clock.h"
#include "net/dns_internal.h"

static const int lookup_types[LOOKUP_TYPES] = {
	[LOOKUP_A] = DNS_TYPE_A, [LOOKUP_AAAA] = DNS_TYPE_AAAA, [LOOKUP_MX] = DNS_TYPE_MX, [LOOKUP_TXT] = DNS_TYPE_TXT, [LOOKUP_PTR] = DNS_TYPE_PTR,
	[LOOKUP_SRV] = DNS_TYPE_SRV, [LOOKUP_CNAME] = DNS_TYPE_CNAME, [LOOKUP_CAA] = DNS_TYPE_CAA, [LOOKUP_TLSA] = DNS_TYPE_TLSA,
};
static const enum lookup_status lookup_statuses[] = {
	[DNS_FOUND] = LOOKUP_FOUND, [DNS_NO_DATA] = LOOKUP_NO_DATA, [DNS_NO_NAME] = LOOKUP_NO_NAME, [DNS_TEMPORARY] = LOOKUP_FAILED,
};

/* The strings of a TXT record (RFC 1035 §3.3.14), joined. False: one is longer than the record. */
static bool read_strings(struct slice wire, struct arena *arena, struct slice *joined)
{
	char *text = arena_alloc(arena, wire.len + 1);
	size_t used = 0;
	while (wire.len > 0) {
		struct slice string = slice_sub(wire, 1, (unsigned char)wire.at[0]);
		if (string.len != (unsigned char)wire.at[0])
			return false;
		if (string.len > 0)
			memcpy(text + used, string.at, string.len);
		used += string.len;
		wire = slice_skip(wire, 1 + string.len);
	}
	*joined = slice_make(text, used);
	return true;
}

/* A name of a table as zone files have it (RFC 1035 §5.1): policies have names with any byte in them. */
static const char *escape_name(struct slice name, struct arena *arena)
{
	struct buf text = BUF(4 * LOOKUP_NAME_MAX);
	for (size_t i = 0; i < name.len; i++)
		if (dns_is_host_char(name.at[i]) || name.at[i] == '.')
			buf_append_char(&text, name.at[i]);
		else
			buf_printf(&text, "\\%03d", (unsigned char)name.at[i]);
	const char *copy = arena_text(arena, buf_slice(&text));
	buf_free(&text);
	return copy;
}

static uint16_t read_number(struct slice wire, size_t at)
{
	struct slice two = slice_sub(wire, at, 2);
	return two.len < 2 ? 0 : (uint16_t)((unsigned char)two.at[0] << 8 | (unsigned char)two.at[1]);
}

/* RFC 2782: priority, weight, port, target. */
static bool read_service(struct slice wire, struct arena *arena, struct lookup_record *record)
{
	record->preference = read_number(wire, 0);
	record->weight = read_number(wire, 2);
	record->port = read_number(wire, 4);
	return wire.len >= 7 && dns_read_name(slice_skip(wire, 6), arena, &record->data);
}

/* RFC 8659 §4.1: flags, a tag of letters and digits with its length, a value. */
static bool read_authority(struct slice wire, struct arena *arena, struct lookup_record *record)
{
	size_t length = wire.len < 2 ? 0 : (unsigned char)wire.at[1];
	struct slice tag = slice_sub(wire, 2, length), value = slice_skip(wire, 2 + length);
	bool good = length > 0 && tag.len == length;
	for (size_t i = 0; good && i < tag.len; i++)
		good = ascii_is_alpha(tag.at[i]) || ascii_is_digit(tag.at[i]);
	if (!good)
		return false;
	struct buf text = BUF(tag.len + 1 + value.len);
	buf_append(&text, tag);
	buf_append_char(&text, ' ');
	buf_append(&text, value);
	record->preference = (unsigned char)wire.at[0];
	record->data = arena_copy(arena, buf_slice(&text));
	buf_free(&text);
	return true;
}

static bool read_record(enum lookup_type type, struct slice wire, struct arena *arena, struct lookup_record *record)
{
	record->data = wire;
	switch (type) {
	case LOOKUP_A:
		return wire.len == sizeof(struct in_addr);
	case LOOKUP_AAAA:
		return wire.len == sizeof(struct in6_addr);
	case LOOKUP_TXT:
		return read_strings(wire, arena, &record->data);
	case LOOKUP_MX:
		record->preference = read_number(wire, 0);
		return wire.len >= 3 && dns_read_name(slice_skip(wire, 2), arena, &record->data);
	case LOOKUP_SRV:
		return read_service(wire, arena, record);
	case LOOKUP_TLSA:
		return wire.len > LOOKUP_TLSA_FIXED;
	case LOOKUP_CAA:
		return read_authority(wire, arena, record);
	default:
		return dns_read_name(wire, arena, &record->data);
	}
}

/* What can't be read is left out; if that is all, nothing is known. */
static void put_answer(struct lookup *table, enum lookup_type type, struct slice name, enum dns_status status, const struct ub_result *result)
{
	struct arena *arena = arena_new();
	size_t there = status == DNS_FOUND ? dns_record_count(result) : 0, count = 0;
	struct lookup_record *records = arena_array(arena, there + 1, sizeof *records);
	for (size_t i = 0; i < there; i++)
		count += read_record(type, dns_record(result, i), arena, &records[count]);
	enum lookup_status found = status == DNS_FOUND && count == 0 ? LOOKUP_FAILED : lookup_statuses[status];
	struct lookup_answer answer = {.status = found, .records = records, .count = count, .ttl = result && result->ttl > 0 ? (uint32_t)result->ttl : 0};
	lookup_put(table, type, name, &answer);
	arena_free(&arena);
}

/* ---- Rounds ---- */

struct wanted {
	enum lookup_type type;
	struct slice name;
};

struct dns_round {
	struct dns *dns;
	struct arena *arena;
	struct dns_batch *batch;
	struct wanted *list; /* in the order of the batch */
	size_t count;
};

static size_t count_wanted(const struct lookup *table)
{
	enum lookup_type type;
	struct slice name;
	size_t cursor = 0, count = 0;
	while (lookup_next_wanted(table, &cursor, &type, &name))
		count++;
	return count;
}

/* What is kept is put into the table at once. Names live as long as the table. */
static void read_wanted(struct dns_round *round, struct lookup *table)
{
	struct wanted wanted;
	size_t cursor = 0;
	int64_t now = clock_monotonic_ms();
	round->list = arena_array(round->arena, count_wanted(table), sizeof *round->list);
	while (lookup_next_wanted(table, &cursor, &wanted.type, &wanted.name))
		if (!lookup_cache_get(round->dns->kept, table, wanted.type, wanted.name, now))
			round->list[round->count++] = wanted;
}

/* True: some have no answer yet. */
static bool ask_all(struct dns_round *round, void (*done)(void *context), void *context)
{
	if (round->count == 0)
		return false;
	round->batch = dns_batch_new(round->dns, round->count, done, context);
	for (size_t i = 0; i < round->count; i++)
		dns_batch_ask(round->batch, escape_name(round->list[i].name, round->arena), lookup_types[round->list[i].type]);
	return dns_batch_begin(round->batch);
}

void dns_end(struct dns_round **ended, struct lookup *table)
{
	struct dns_round *round = *ended;
	struct arena *arena = round->arena; /* the round is in it */
	*ended = NULL;
	int64_t now = clock_monotonic_ms();
	for (size_t i = 0; i < round->count; i++) {
		const struct wanted *wanted = &round->list[i];
		const struct ub_result *result = dns_batch_result(round->batch, i);
		put_answer(table, wanted->type, wanted->name, dns_status_of(round->dns, result, "", NULL), result);
		lookup_cache_put(round->dns->kept, table, wanted->type, wanted->name, now);
	}
	if (round->batch)
		dns_batch_end(&round->batch);
	arena_free(&arena);
}

struct dns_round *dns_begin(struct dns *dns, struct lookup *table, void (*done)(void *context), void *context)
{
	struct arena *arena = arena_new();
	struct dns_round *round = arena_alloc(arena, sizeof *round);
	round->dns = dns;
	round->arena = arena;
	read_wanted(round, table);
	if (!ask_all(round, done, context))
		dns_end(&round, table);
	return round;
}

void dns_answer(struct dns *dns, struct lookup *table, int64_t deadline)
{
	struct dns_round *round = dns_begin(dns, table, NULL, NULL);
	if (!round)
		return;
	dns_batch_wait(round->batch, deadline);
	dns_end(&round, table);
}
