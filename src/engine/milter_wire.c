/* Packets of the milter protocol; see milter_wire.h. */
#include "engine/milter_wire.h"

#include "engine/internal.h"

enum { NUMBER_BYTES = 4 };

static void write_number(char out[NUMBER_BYTES], uint32_t number)
{
	for (size_t i = 0; i < NUMBER_BYTES; i++)
		out[i] = (char)(unsigned char)(number >> 8 * (NUMBER_BYTES - 1 - i));
}

void engine_milter_put_number(struct buf *out, uint32_t number)
{
	char bytes[NUMBER_BYTES];
	write_number(bytes, number);
	buf_append(out, slice_make(bytes, sizeof bytes));
}

size_t engine_milter_begin_packet(struct buf *out, char command)
{
	size_t at = out->len;
	engine_milter_put_number(out, 0);
	buf_append_char(out, command);
	return at;
}

void engine_milter_end_packet(struct buf *out, size_t at)
{
	if (!out->overflow)
		write_number(out->at + at, (uint32_t)(out->len - at - NUMBER_BYTES));
}

void engine_milter_put_text(struct buf *out, struct slice text)
{
	engine_append_line(out, text);
	buf_append_char(out, '\0');
}

bool engine_milter_take_number(struct slice *data, uint32_t *number)
{
	*number = 0;
	if (data->len < NUMBER_BYTES)
		return false;
	for (size_t i = 0; i < NUMBER_BYTES; i++)
		*number = *number << 8 | (unsigned char)data->at[i];
	*data = slice_skip(*data, NUMBER_BYTES);
	return true;
}

bool engine_milter_take_text(struct slice *data, struct slice *text)
{
	return slice_cut(*data, '\0', text, data);
}

enum engine_milter_packet engine_milter_read_packet(struct slice *rest, char *command, struct slice *data)
{
	struct slice packet = *rest;
	uint32_t length;
	if (!engine_milter_take_number(&packet, &length))
		return MILTER_PENDING;
	if (length == 0 || length > MILTER_PACKET_MAX)
		return MILTER_BROKEN;
	if (packet.len < length)
		return MILTER_PENDING;
	*command = packet.at[0];
	*data = slice_sub(packet, 1, length - 1);
	*rest = slice_skip(packet, length);
	return MILTER_READ;
}
