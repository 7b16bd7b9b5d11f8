/* Messages and records as bytes (RFC 1035 §4, RFC 2136 §2); see internal.h. Nothing is compressed: it needn't be, and a signature is over what is sent. */
#include "dnsupdate/internal.h"

enum { FLAGS_QUERY = 0, FLAGS_UPDATE = OPCODE_UPDATE << 11, STRING_MAX = 255 };

void dns_update_put_number(struct buf *out, uint64_t number, unsigned bytes)
{
	while (bytes > 0)
		buf_append_char(out, (char)(number >> 8 * --bytes));
}

bool dns_update_put_name(struct buf *out, struct slice name)
{
	struct slice label, rest = name;
	if (name.len > LOOKUP_NAME_MAX)
		return false;
	for (bool more = name.len > 0; more;) {
		more = slice_cut(rest, '.', &label, &rest);
		if (label.len == 0 || label.len > LOOKUP_LABEL_MAX)
			return false;
		buf_append_char(out, (char)label.len);
		buf_append(out, label);
	}
	return buf_append_char(out, '\0');
}

static void put_header(struct buf *out, unsigned id, unsigned flags, size_t questions, size_t updates)
{
	dns_update_put_number(out, id, 2);
	dns_update_put_number(out, flags, 2);
	dns_update_put_number(out, questions, 2);
	dns_update_put_number(out, 0, 2);
	dns_update_put_number(out, updates, 2);
	dns_update_put_number(out, 0, 2);
}

static bool put_question(struct buf *out, struct slice name, unsigned type)
{
	bool good = dns_update_put_name(out, name);
	dns_update_put_number(out, type, 2);
	dns_update_put_number(out, CLASS_IN, 2);
	return good && !out->overflow;
}

bool dns_update_write_question(struct slice name, unsigned type, unsigned id, struct buf *out)
{
	put_header(out, id, FLAGS_QUERY, 1, 0);
	return put_question(out, name, type);
}

/* RFC 2136 §2.5: the class says what is to be done with the record. */
static bool put_change(struct buf *out, const struct dns_update_change *change)
{
	static const unsigned classes[] = {[DNS_UPDATE_ADD] = CLASS_IN, [DNS_UPDATE_REMOVE] = CLASS_NONE, [DNS_UPDATE_REMOVE_ALL] = CLASS_ANY};
	const struct dns_update_record *record = &change->record;
	struct slice data = change->what == DNS_UPDATE_REMOVE_ALL ? slice_make(NULL, 0) : record->data;
	bool good = dns_update_put_name(out, record->name) && data.len <= UINT16_MAX && (change->what == DNS_UPDATE_REMOVE_ALL || data.len > 0);
	dns_update_put_number(out, record->type, 2);
	dns_update_put_number(out, classes[change->what], 2);
	dns_update_put_number(out, change->what == DNS_UPDATE_ADD ? record->ttl : 0, 4);
	dns_update_put_number(out, data.len, 2);
	buf_append(out, data);
	return good && !out->overflow;
}

bool dns_update_write_changes(struct slice zone, const struct dns_update_change *list, size_t count, unsigned id, struct buf *out)
{
	bool good = count > 0 && count <= DNS_UPDATE_CHANGES_MAX && zone.len > 0;
	put_header(out, id, FLAGS_UPDATE, 1, count);
	good = good && put_question(out, zone, DNS_UPDATE_SOA);
	for (size_t i = 0; i < count && good; i++)
		good = put_change(out, &list[i]);
	return good;
}

/* ---- Records ---- */

unsigned dns_update_type_of(enum lookup_type type)
{
	static const unsigned types[LOOKUP_TYPES] = {
		[LOOKUP_A] = DNS_UPDATE_A, [LOOKUP_AAAA] = DNS_UPDATE_AAAA, [LOOKUP_MX] = DNS_UPDATE_MX, [LOOKUP_TXT] = DNS_UPDATE_TXT, [LOOKUP_PTR] = DNS_UPDATE_PTR,
		[LOOKUP_SRV] = DNS_UPDATE_SRV, [LOOKUP_CNAME] = DNS_UPDATE_CNAME, [LOOKUP_CAA] = DNS_UPDATE_CAA,
		[LOOKUP_TLSA] = DNS_UPDATE_TLSA,
	};
	return types[type];
}

/* Strings of 255 bytes at most, one at least (RFC 1035 §3.3.14). */
static void put_text(struct buf *out, struct slice text)
{
	do {
		struct slice string = slice_sub(text, 0, STRING_MAX);
		buf_append_char(out, (char)string.len);
		buf_append(out, string);
		text = slice_skip(text, STRING_MAX);
	} while (text.len > 0);
}

/* RFC 8659 §4.1 */
static bool put_authority(struct buf *out, const struct lookup_record *value)
{
	struct slice tag, rest;
	if (!slice_cut(value->data, ' ', &tag, &rest) || tag.len == 0 || tag.len > STRING_MAX || value->preference > UINT8_MAX)
		return false;
	dns_update_put_number(out, value->preference, 1);
	dns_update_put_number(out, tag.len, 1);
	buf_append(out, tag);
	return buf_append(out, rest);
}

bool dns_update_encode(enum lookup_type type, const struct lookup_record *value, struct buf *out)
{
	bool good = true;
	switch (type) {
	case LOOKUP_A:
	case LOOKUP_AAAA:
		good = value->data.len == (type == LOOKUP_A ? 4 : 16) && buf_append(out, value->data);
		break;
	case LOOKUP_TLSA:
		good = value->data.len > LOOKUP_TLSA_FIXED && buf_append(out, value->data);
		break;
	case LOOKUP_TXT:
		put_text(out, value->data);
		break;
	case LOOKUP_CAA:
		good = put_authority(out, value);
		break;
	case LOOKUP_SRV: /* RFC 2782 */
		dns_update_put_number(out, value->preference, 2);
		dns_update_put_number(out, value->weight, 2);
		dns_update_put_number(out, value->port, 2);
		good = dns_update_put_name(out, value->data);
		break;
	case LOOKUP_MX:
		dns_update_put_number(out, value->preference, 2);
		good = dns_update_put_name(out, value->data);
		break;
	default:
		good = dns_update_put_name(out, value->data);
	}
	return good && !out->overflow;
}

/* ---- The reverse ---- */

static unsigned number_at(struct slice data, size_t at)
{
	return (unsigned)(unsigned char)data.at[at] << 8 | (unsigned char)data.at[at + 1];
}

/* Without pointers: what is here was written out. */
static bool take_name(struct slice data, size_t at, struct arena *arena, struct lookup_record *value)
{
	size_t len = data.len - at;
	return dns_update_read_name(data, &at, arena, &value->data) && at == data.len && len == (value->data.len > 0 ? value->data.len + 2 : 1);
}

static bool take_text(struct slice data, struct arena *arena, struct lookup_record *value)
{
	struct buf text = BUF(UINT16_MAX);
	bool good = data.len > 0;
	while (good && data.len > 0) {
		size_t len = (unsigned char)data.at[0];
		good = len < data.len;
		buf_append(&text, slice_sub(data, 1, len));
		data = slice_skip(data, 1 + len);
	}
	value->data = arena_copy(arena, buf_slice(&text));
	buf_free(&text);
	return good;
}

static bool take_authority(struct slice data, struct arena *arena, struct lookup_record *value)
{
	size_t len = data.len >= 2 ? (unsigned char)data.at[1] : 0;
	if (len == 0 || data.len < 2 + len)
		return false;
	struct slice tag = slice_sub(data, 2, len);
	struct buf text = BUF(UINT16_MAX);
	value->preference = (unsigned char)data.at[0];
	buf_append(&text, tag);
	buf_append_char(&text, ' ');
	buf_append(&text, slice_skip(data, 2 + len));
	value->data = arena_copy(arena, buf_slice(&text));
	buf_free(&text);
	return slice_is_printable(tag);
}

bool dns_update_decode(enum lookup_type type, const struct dns_update_record *record, struct arena *arena, struct lookup_record *value)
{
	struct slice data = record->data;
	*value = (struct lookup_record){.data = data};
	if (record->type != dns_update_type_of(type))
		return false;
	switch (type) {
	case LOOKUP_A:
		return data.len == 4;
	case LOOKUP_AAAA:
		return data.len == 16;
	case LOOKUP_TLSA:
		return data.len > LOOKUP_TLSA_FIXED;
	case LOOKUP_TXT:
		return take_text(data, arena, value);
	case LOOKUP_CAA:
		return take_authority(data, arena, value);
	case LOOKUP_MX:
		value->preference = data.len > 2 ? (uint16_t)number_at(data, 0) : 0;
		return data.len > 2 && take_name(data, 2, arena, value);
	case LOOKUP_SRV:
		if (data.len <= 6)
			return false;
		value->preference = (uint16_t)number_at(data, 0);
		value->weight = (uint16_t)number_at(data, 2);
		value->port = (uint16_t)number_at(data, 4);
		return take_name(data, 6, arena, value);
	default:
		return take_name(data, 0, arena, value);
	}
}
