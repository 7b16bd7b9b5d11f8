/* Frames of a WebSocket: see frame.h. */
#include "http/frame.h"

#include <openssl/evp.h>

#include "base/base64.h"

enum { FIN = 0x80, RESERVED = 0x70, MASKED = 0x80, LENGTH_SHORT = 126, LENGTH_LONG = 127, MASK_SIZE = 4, KEY_SIZE = 16 };

static unsigned byte_at(struct slice s, size_t i) { return (unsigned char)s.at[i]; }

/* The size of the head, and of the payload; 0: more must come. */
static size_t measure(struct slice input, uint64_t *payload)
{
	if (input.len < 2)
		return 0;
	unsigned length = byte_at(input, 1) & 0x7f;
	size_t extra = length == LENGTH_SHORT ? 2 : length == LENGTH_LONG ? 8 : 0, head = 2 + extra + (byte_at(input, 1) & MASKED ? MASK_SIZE : 0);
	if (input.len < head)
		return 0;
	*payload = extra ? 0 : length;
	for (size_t i = 0; i < extra; i++)
		*payload = *payload << 8 | byte_at(input, 2 + i);
	return head;
}

static bool is_control(enum http_opcode opcode) { return opcode >= HTTP_CLOSES; }

/* Does it come in pieces? */
static bool is_large(const struct http_frames *frames, struct slice input, uint64_t payload)
{
	return payload > HTTP_FRAME_MAX && payload <= frames->most && !is_control(byte_at(input, 0) & 0x0f);
}

size_t http_frame_length(const struct http_frames *frames, struct slice input)
{
	uint64_t payload;
	if (frames->left > 0) {
		size_t piece = frames->left < HTTP_FRAME_MAX ? (size_t)frames->left : HTTP_FRAME_MAX;
		return input.len >= piece ? piece : 0;
	}
	size_t head = measure(input, &payload);
	if (head == 0)
		return 0;
	if (is_large(frames, input, payload) && byte_at(input, 1) & MASKED)
		payload = HTTP_FRAME_MAX;
	if (payload > HTTP_FRAME_MAX || !(byte_at(input, 1) & MASKED))
		return head;
	return input.len - head >= payload ? head + (size_t)payload : 0;
}

/* The length is written in the shortest form there is (§5.2). */
static bool is_shortest(struct slice unit, uint64_t payload)
{
	unsigned length = byte_at(unit, 1) & 0x7f;
	return length < LENGTH_SHORT || (length == LENGTH_SHORT ? payload >= LENGTH_SHORT : payload > UINT16_MAX);
}

/* §5.4, §5.5: what may follow what. A close says nothing, or a code of two bytes at least. */
static int check(const struct http_frames *frames, const struct http_frame *frame, unsigned first, uint64_t payload)
{
	enum http_opcode opcode = frame->opcode;
	if (first & RESERVED || (opcode > HTTP_BINARY && !is_control(opcode)) || opcode > HTTP_PONG)
		return HTTP_CLOSE_PROTOCOL;
	if (is_control(opcode))
		return !frame->last || payload > HTTP_CONTROL_MAX || (opcode == HTTP_CLOSES && payload == 1) ? HTTP_CLOSE_PROTOCOL : 0;
	return (opcode == HTTP_CONTINUES) != frames->within ? HTTP_CLOSE_PROTOCOL : 0;
}

/* Without the mask, to `room`. The pieces of a frame are a multiple of the mask's size, so each begins with its first byte. */
static int unmask(struct slice bytes, const char mask[MASK_SIZE], struct buf *room, struct http_frame *frame)
{
	char *at = bytes.len > 0 ? buf_reserve(room, bytes.len) : NULL;
	for (size_t i = 0; at && i < bytes.len; i++)
		at[i] = (char)(bytes.at[i] ^ mask[i % MASK_SIZE]);
	if (at)
		buf_claim(room, bytes.len);
	frame->payload = buf_slice(room);
	return bytes.len > 0 && !at ? HTTP_CLOSE_LARGE : 0;
}

static int take_piece(struct http_frames *frames, struct slice piece, struct buf *room, struct http_frame *frame)
{
	frames->left -= piece.len;
	*frame = (struct http_frame){.opcode = HTTP_CONTINUES, .last = frames->last && frames->left == 0};
	frames->within = !frame->last;
	return unmask(piece, frames->mask, room, frame);
}

int http_frame_take(struct http_frames *frames, struct slice unit, struct buf *room, struct http_frame *frame)
{
	uint64_t payload;
	buf_clear(room);
	if (frames->left > 0)
		return take_piece(frames, unit, room, frame);
	size_t head = measure(unit, &payload);
	if (head == 0 || !(byte_at(unit, 1) & MASKED))
		return HTTP_CLOSE_PROTOCOL;
	bool large = is_large(frames, unit, payload);
	if (payload > HTTP_FRAME_MAX && !large)
		return HTTP_CLOSE_LARGE;
	if (unit.len - head != (large ? HTTP_FRAME_MAX : payload) || !is_shortest(unit, payload))
		return HTTP_CLOSE_PROTOCOL;
	*frame = (struct http_frame){.opcode = byte_at(unit, 0) & 0x0f, .last = byte_at(unit, 0) & FIN};
	int why = check(frames, frame, byte_at(unit, 0), payload);
	if (why != 0)
		return why;
	for (size_t i = 0; i < MASK_SIZE; i++)
		frames->mask[i] = unit.at[head - MASK_SIZE + i];
	frames->left = large ? payload - HTTP_FRAME_MAX : 0;
	frames->last = frame->last;
	frame->last &= !large;
	if (!is_control(frame->opcode))
		frames->within = !frame->last;
	return unmask(slice_skip(unit, head), frames->mask, room, frame);
}

void http_frame_put_head(struct buf *out, enum http_opcode opcode, size_t length)
{
	buf_append_char(out, (char)(FIN | opcode));
	int bytes = length < LENGTH_SHORT ? 0 : length <= UINT16_MAX ? 2 : 8;
	buf_append_char(out, (char)(bytes == 0 ? (int)length : bytes == 2 ? LENGTH_SHORT : LENGTH_LONG));
	while (bytes-- > 0)
		buf_append_char(out, (char)(length >> 8 * bytes));
}

void http_frame_put(struct buf *out, enum http_opcode opcode, struct slice payload)
{
	http_frame_put_head(out, opcode, payload.len);
	buf_append(out, payload);
}

bool http_frame_accept(struct slice key, struct buf *out)
{
	static const char suffix[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* §1.3 */
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	struct buf decoded = BUF(KEY_SIZE + 2), text = BUF(128);
	bool done = base64_decode(key, &decoded) && decoded.len == KEY_SIZE && buf_append(&text, key) && buf_append_text(&text, suffix) &&
		    EVP_Digest(text.at, text.len, digest, &size, EVP_sha1(), NULL) == 1 && base64_encode(slice_make((const char *)digest, size), out);
	buf_free(&decoded);
	buf_free(&text);
	return done;
}
