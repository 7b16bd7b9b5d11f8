/* A record as a line of a zone file. Whatever is in it, the line stays one, and ASCII. */
#include "zone/zone.h"

/* A byte within quotes (RFC 1035 §5.1). */
static void write_byte(struct buf *out, char c)
{
	if (c == '"' || c == '\\')
		buf_printf(out, "\\%c", c);
	else if (c >= ' ' && c < 0x7f)
		buf_append_char(out, c);
	else
		buf_printf(out, "\\%03d", (unsigned char)c);
}

static void write_bytes(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		write_byte(out, text.at[i]);
}

static void write_string(struct buf *out, struct slice text)
{
	buf_append_char(out, '"');
	write_bytes(out, text);
	buf_append_char(out, '"');
}

static void write_name(struct buf *out, struct slice name)
{
	write_bytes(out, name);
	buf_append_char(out, '.');
}

/* A text of no bytes is one string of none. */
static void write_text(struct buf *out, struct slice text)
{
	buf_append_char(out, '(');
	do {
		buf_append_char(out, ' ');
		write_string(out, slice_sub(text, 0, ZONE_STRING_MAX));
		text = slice_skip(text, ZONE_STRING_MAX);
	} while (text.len > 0);
	buf_append(out, SLICE(" )"));
}

/* RFC 6698 §2.2 */
static void write_digest(struct buf *out, struct slice data)
{
	for (size_t i = 0; i < data.len; i++)
		buf_printf(out, i < LOOKUP_TLSA_FIXED ? "%d " : "%02x", (unsigned char)data.at[i]);
}

static void write_value(const struct zone_record *record, struct buf *out)
{
	const struct lookup_record *value = &record->value;
	struct slice tag, rest;
	switch (record->type) {
	case LOOKUP_TXT:
		write_text(out, value->data);
		break;
	case LOOKUP_MX:
		buf_printf(out, "%d ", value->preference);
		write_name(out, value->data);
		break;
	case LOOKUP_SRV:
		buf_printf(out, "%d %d %d ", value->preference, value->weight, value->port);
		write_name(out, value->data);
		break;
	case LOOKUP_TLSA:
		write_digest(out, value->data);
		break;
	case LOOKUP_CAA:
		slice_cut(value->data, ' ', &tag, &rest);
		buf_printf(out, "%d ", value->preference);
		write_bytes(out, tag);
		buf_append_char(out, ' ');
		write_string(out, rest);
		break;
	default:
		write_name(out, value->data);
	}
}

void zone_write(const struct zone_record *record, struct buf *out)
{
	write_name(out, record->name);
	buf_printf(out, " %s ", lookup_type_name(record->type));
	write_value(record, out);
}
