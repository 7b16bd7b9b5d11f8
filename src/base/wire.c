/* Encoding and decoding for wire.h. Nothing here fails but by `overflow` and `broken`. */
#include "base/wire.h"

void wire_put_short(struct buf *datagram, uint64_t number, int bytes)
{
	for (int i = 0; i < bytes; i++)
		buf_append_char(datagram, (char)(number >> (8 * i) & 0xff));
}

void wire_put_number(struct buf *datagram, uint64_t number)
{
	wire_put_short(datagram, number, 8);
}

void wire_put_text(struct buf *datagram, struct slice text)
{
	if (text.len > UINT16_MAX) {
		datagram->overflow = true;
		return;
	}
	wire_put_short(datagram, text.len, 2);
	buf_append(datagram, text);
}

uint64_t wire_short(struct wire_reader *reader, size_t bytes)
{
	uint64_t number = 0;
	if (reader->rest.len < bytes) {
		*reader = (struct wire_reader){.broken = true};
		return 0;
	}
	for (size_t i = 0; i < bytes; i++)
		number |= (uint64_t)(unsigned char)reader->rest.at[i] << (8 * i);
	reader->rest = slice_skip(reader->rest, bytes);
	return number;
}

uint64_t wire_number(struct wire_reader *reader, uint64_t max)
{
	uint64_t number = wire_short(reader, 8);
	if (number <= max)
		return number;
	*reader = (struct wire_reader){.broken = true};
	return 0;
}

bool wire_flag(struct wire_reader *reader)
{
	return wire_number(reader, 1) == 1;
}

struct slice wire_text(struct wire_reader *reader, size_t max)
{
	size_t len = wire_short(reader, 2);
	if (len > max || len > reader->rest.len) {
		*reader = (struct wire_reader){.broken = true};
		return SLICE("");
	}
	struct slice text = slice_sub(reader->rest, 0, len);
	reader->rest = slice_skip(reader->rest, len);
	return text;
}

bool wire_end(const struct wire_reader *reader)
{
	return !reader->broken && reader->rest.len == 0;
}
