/* libFuzzer: any bytes as what a client says over a WebSocket. Checks that a frame is made of what has arrived, that nothing past it is read, that the
 * rules of RFC 6455 hold of what is taken, and that a frame written anew is read the same. */
#include <assert.h>

#include "base/memory.h"
#include "http/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_frame(const struct http_frames *before, const struct http_frame *frame)
{
	bool control = frame->opcode >= HTTP_CLOSES;
	assert(frame->payload.len <= (control ? HTTP_CONTROL_MAX : HTTP_FRAME_MAX) && frame->opcode <= HTTP_PONG);
	assert(!control || frame->last);
	assert(control || (frame->opcode == HTTP_CONTINUES) == before->within);
}

/* Ours, with the bit for a mask set and a mask of zeros in it, is a client's. */
static void check_again(const struct http_frame *frame)
{
	struct buf ours = BUF(HTTP_FRAME_MAX + HTTP_FRAME_HEAD_MAX), text = BUF(HTTP_FRAME_MAX + HTTP_FRAME_HEAD_MAX), room = BUF(HTTP_FRAME_MAX);
	struct http_frames frames = {.within = frame->opcode == HTTP_CONTINUES};
	struct http_frame again;
	http_frame_put(&ours, frame->opcode, frame->payload);
	size_t head = ours.len - frame->payload.len;
	buf_append(&text, slice_sub(buf_slice(&ours), 0, head));
	text.at[1] = (char)(text.at[1] | 0x80);
	buf_append(&text, SLICE("\0\0\0\0"));
	buf_append(&text, frame->payload);
	assert(http_frame_length(&frames, buf_slice(&text)) == text.len && http_frame_length(&frames, slice_sub(buf_slice(&text), 0, text.len - 1)) == 0);
	assert(http_frame_take(&frames, buf_slice(&text), &room, &again) == 0 && slice_equal(again.payload, frame->payload) && again.opcode == frame->opcode);
	buf_free(&ours);
	buf_free(&text);
	buf_free(&room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_frames frames = {0};
	struct buf room = BUF(HTTP_FRAME_MAX), accept = BUF(HTTP_ACCEPT_SIZE);
	int why = 0;
	for (struct slice rest = slice_make((const char *)data, size); rest.len > 0 && why == 0;) {
		struct http_frames before = frames;
		struct http_frame frame;
		char *copy = memory_copy(rest.at, rest.len);
		size_t length = http_frame_length(&frames, slice_make(copy, rest.len));
		free(copy);
		assert(length <= rest.len);
		if (length == 0)
			break;
		copy = memory_copy(rest.at, length);
		why = http_frame_take(&frames, slice_make(copy, length), &room, &frame);
		assert(why == 0 || why == HTTP_CLOSE_PROTOCOL || why == HTTP_CLOSE_LARGE);
		if (why == 0) {
			check_frame(&before, &frame);
			check_again(&frame);
		}
		free(copy);
		rest = slice_skip(rest, length);
	}
	if (http_frame_accept(slice_make((const char *)data, size), &accept))
		assert(accept.len == HTTP_ACCEPT_SIZE);
	buf_free(&accept);
	buf_free(&room);
	return 0;
}
