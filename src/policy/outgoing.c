/* Reports that are due, as they cross a channel (base/wire.h). */
#include "policy/outgoing.h"

#include "base/wire.h"
#include "message/address.h"

enum { SESSION_FIELDS = 7, SESSION_WORD_MAX = 253 };

bool policy_outgoing_encode(const struct policy_outgoing *outgoing, struct buf *out)
{
	wire_put_number(out, outgoing->kind);
	wire_put_text(out, outgoing->id);
	wire_put_text(out, outgoing->domain);
	wire_put_number(out, (uint64_t)outgoing->begin);
	wire_put_number(out, (uint64_t)outgoing->end);
	wire_put_number(out, outgoing->messages);
	wire_put_number(out, outgoing->count);
	for (size_t i = 0; i < outgoing->count; i++)
		wire_put_text(out, outgoing->to[i].address);
	buf_append(out, outgoing->packed); /* what is left of the text */
	return !out->overflow;
}

static bool is_id(struct slice id)
{
	for (size_t i = 0; i < id.len; i++)
		if (!ascii_is_alpha(id.at[i]) && !ascii_is_digit(id.at[i]) && !strchr(".-_@", id.at[i]))
			return false;
	return id.len > 0 && memchr(id.at, '\0', id.len) == NULL;
}

static bool read_address(struct wire_reader *reader, struct arena *arena, struct report_destination *destination)
{
	struct slice text = wire_text(reader, ADDRESS_MAX), local;
	struct error error;
	if (!address_parse(text, false, arena, &destination->address, &error))
		return false;
	address_split(destination->address, &local, &destination->host);
	return !domain_is_literal(destination->host);
}

bool policy_outgoing_decode(struct slice text, struct arena *arena, struct policy_outgoing *outgoing)
{
	struct wire_reader reader = {.rest = text};
	*outgoing = (struct policy_outgoing){.kind = wire_number(&reader, REPORT_TLS) == REPORT_TLS ? REPORT_TLS : REPORT_DMARC};
	outgoing->id = wire_text(&reader, POLICY_OUTGOING_ID_MAX);
	outgoing->domain = wire_text(&reader, ADDRESS_DOMAIN_MAX);
	outgoing->begin = (int64_t)wire_number(&reader, (uint64_t)REPORT_TIME_MAX);
	outgoing->end = (int64_t)wire_number(&reader, (uint64_t)REPORT_TIME_MAX);
	outgoing->messages = wire_number(&reader, UINT64_MAX);
	outgoing->count = wire_number(&reader, REPORT_DESTINATIONS_MAX);
	bool addresses = true;
	for (size_t i = 0; i < outgoing->count; i++)
		addresses = addresses && read_address(&reader, arena, &outgoing->to[i]);
	outgoing->packed = reader.rest;
	return !reader.broken && addresses && outgoing->count > 0 && is_id(outgoing->id) && domain_is_valid(outgoing->domain, false) && outgoing->packed.len > 0
	       && outgoing->packed.len <= POLICY_OUTGOING_PACKED_MAX;
}

/* ---- Sessions ---- */

static void put(struct buf *out, struct slice text)
{
	text = slice_sub(text, 0, SESSION_WORD_MAX);
	for (size_t i = 0; i < text.len; i++)
		buf_append_char(out, text.at[i] < ' ' || text.at[i] >= 0x7f ? '?' : text.at[i]);
	buf_append_char(out, '\t');
}

bool policy_outgoing_session(struct slice domain, const struct report_row *row, struct buf *out)
{
	put(out, domain);
	put(out, row->policy);
	put(out, row->passed ? SLICE("1") : SLICE("0"));
	put(out, row->reason);
	put(out, row->source);
	put(out, row->address);
	buf_append_number(out, row->count);
	buf_append_char(out, '\n');
	return !out->overflow;
}

static bool is_printable(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] <= ' ' || text.at[i] >= 0x7f)
			return false;
	return text.len <= SESSION_WORD_MAX;
}

bool policy_outgoing_next_session(struct slice *text, struct slice *domain, struct report_row *row)
{
	struct slice line, fields[SESSION_FIELDS];
	bool more = text->len > 0, good = true;
	slice_cut(*text, '\n', &line, text);
	for (size_t i = 0; i < SESSION_FIELDS; i++) {
		slice_cut(line, '\t', &fields[i], &line);
		good = good && is_printable(fields[i]);
	}
	*row = (struct report_row){.policy = fields[1], .passed = slice_equal(fields[2], SLICE("1")), .reason = fields[3], .source = fields[4], .address = fields[5]};
	good = good && slice_to_number(fields[6], REPORT_COUNT_MAX, &row->count) && row->count > 0 && domain_is_valid(fields[0], false);
	*domain = good ? fields[0] : slice_of(NULL);
	return more;
}
