/* Frames of a WebSocket: the examples of RFC 6455, and what no client may send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/memory.h"
#include "http/frame.h"

static struct buf room = BUF(HTTP_FRAME_MAX);

/* Takes one frame; it must be the whole input, whatever pieces it comes in. */
static int take(struct http_frames *frames, struct slice input, struct http_frame *frame)
{
	char *copy = memory_copy(input.at, input.len);
	size_t length = 0;
	for (size_t come = 0; come <= input.len && length == 0; come++) {
		char *part = come > 0 ? memory_copy(input.at, come) : NULL;
		length = http_frame_length(frames, slice_make(part, come));
		assert_true(length <= come);
		free(part);
	}
	assert_true(length > 0);
	int why = http_frame_take(frames, slice_make(copy, length), &room, frame);
	assert_true(why != 0 || length == input.len);
	free(copy);
	return why;
}

static void refused(struct slice input, int why)
{
	struct http_frames frames = {0};
	struct http_frame frame;
	assert_int_equal(take(&frames, input, &frame), why);
}

#define REFUSED(literal, why) refused(SLICE(literal), why)
#define TAKEN(frames, literal, frame) assert_int_equal(take(frames, SLICE(literal), frame), 0)

static void assert_payload(const struct http_frame *frame, const char *wanted)
{
	assert_true(slice_equal(frame->payload, slice_of(wanted)));
}

/* RFC 6455 §5.7, as clients send them: masked. */
static void examples_are_read(void **state)
{
	(void)state;
	struct http_frames frames = {0};
	struct http_frame frame;
	TAKEN(&frames, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", &frame);
	assert_true(frame.opcode == HTTP_TEXT && frame.last);
	assert_payload(&frame, "Hello");
	TAKEN(&frames, "\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", &frame);
	assert_true(frame.opcode == HTTP_PING);
	TAKEN(&frames, "\x01\x83\x00\x00\x00\x00Hel", &frame);
	assert_true(frame.opcode == HTTP_TEXT && !frame.last && frames.within);
	TAKEN(&frames, "\x8a\x80\x01\x02\x03\x04", &frame); /* between the parts of a message */
	assert_true(frame.opcode == HTTP_PONG && frame.payload.len == 0 && frames.within);
	TAKEN(&frames, "\x80\x82\x00\x00\x00\x00lo", &frame);
	assert_true(frame.opcode == HTTP_CONTINUES && frame.last && !frames.within);
	TAKEN(&frames, "\x82\x80\x00\x00\x00\x00", &frame);
	assert_true(frame.opcode == HTTP_BINARY);
}

static void lengths_have_three_forms(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 125, 126, 127, 255, 256, 65535, 65536};
	struct buf text = BUF(HTTP_FRAME_MAX + 100);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		size_t size = sizes[i];
		struct http_frames frames = {0};
		struct http_frame frame;
		buf_clear(&text);
		buf_append_char(&text, (char)0x81);
		buf_append_char(&text, (char)(0x80 | (size < 126 ? size : size < 65536 ? 126 : 127)));
		for (int bytes = size < 126 ? 0 : size < 65536 ? 2 : 8; bytes-- > 0;)
			buf_append_char(&text, (char)((uint64_t)size >> 8 * bytes));
		buf_append(&text, SLICE("mask"));
		for (size_t at = 0; at < size; at++)
			buf_append_char(&text, (char)('x' ^ "mask"[at % 4]));
		size_t length = http_frame_length(&frames, buf_slice(&text));
		assert_int_equal(length, text.len);
		assert_int_equal(http_frame_length(&frames, slice_sub(buf_slice(&text), 0, text.len - 1)), 0);
		assert_int_equal(http_frame_take(&frames, buf_slice(&text), &room, &frame), 0);
		assert_int_equal(frame.payload.len, size);
		for (size_t at = 0; at < size; at++)
			assert_int_equal(frame.payload.at[at], 'x');
	}
	buf_free(&text);
}

static void what_no_client_may_send_is_refused(void **state)
{
	(void)state;
	REFUSED("\x81\x05Hello", HTTP_CLOSE_PROTOCOL); /* not masked */
	REFUSED("\x81\x7e\x00\x7eHello", HTTP_CLOSE_PROTOCOL);
	for (int bit = 0x10; bit <= 0x40; bit <<= 1) { /* no extension was agreed on */
		char frame[] = {(char)(0x81 | bit), (char)0x80, 0, 0, 0, 0};
		refused(slice_make(frame, sizeof frame), HTTP_CLOSE_PROTOCOL);
	}
	for (int opcode = 3; opcode < 16; opcode++) {
		char frame[] = {(char)(0x80 | opcode), (char)0x80, 0, 0, 0, 0};
		refused(slice_make(frame, sizeof frame), opcode >= HTTP_CLOSES && opcode <= HTTP_PONG ? 0 : HTTP_CLOSE_PROTOCOL);
	}
	REFUSED("\x80\x80\x00\x00\x00\x00", HTTP_CLOSE_PROTOCOL); /* continues nothing */
	REFUSED("\x00\x80\x00\x00\x00\x00", HTTP_CLOSE_PROTOCOL);
	REFUSED("\x09\x80\x00\x00\x00\x00", HTTP_CLOSE_PROTOCOL); /* a ping in parts */
	REFUSED("\x08\x80\x00\x00\x00\x00", HTTP_CLOSE_PROTOCOL);
	REFUSED("\x81\xfe\x00\x05\x00\x00\x00\x00Hello", HTTP_CLOSE_PROTOCOL); /* longer than need be, §5.2 */
	REFUSED("\x81\xff\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00Hello", HTTP_CLOSE_PROTOCOL);
	REFUSED("\x81\xff\x00\x00\x00\x00\x00\x01\x00\x01\x00\x00\x00\x00", HTTP_CLOSE_LARGE);
	REFUSED("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", HTTP_CLOSE_LARGE);
	REFUSED("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", HTTP_CLOSE_LARGE);
	REFUSED("\x88\x81\x00\x00\x00\x00\x03", HTTP_CLOSE_PROTOCOL); /* half a code, §5.5.1 */
	char ping[4 + 4 + 126] = {(char)0x89, (char)0xfe, 0, 126};
	refused(slice_make(ping, sizeof ping), HTTP_CLOSE_PROTOCOL);
	struct http_frames frames = {.within = true};
	struct http_frame frame;
	assert_int_equal(take(&frames, SLICE("\x81\x80\x00\x00\x00\x00"), &frame), HTTP_CLOSE_PROTOCOL); /* a message within another */
	assert_int_equal(take(&frames, SLICE("\x82\x80\x00\x00\x00\x00"), &frame), HTTP_CLOSE_PROTOCOL);
}

/* A frame that is larger than what is waited for comes in pieces, each as if it were a frame. */
static void large_frames_come_in_pieces(void **state)
{
	(void)state;
	enum { SIZE = 2 * HTTP_FRAME_MAX + 5 };
	struct http_frames frames = {.most = SIZE};
	struct http_frame frame;
	struct buf text = BUF(SIZE + 100);
	buf_append(&text, slice_make("\x81\xff\0\0\0\0\0\2\0\5mask", 14));
	for (size_t at = 0; at < SIZE; at++)
		buf_append_char(&text, (char)((char)at ^ "mask"[at % 4]));
	size_t done = 0;
	for (size_t at = 0, count = 0; at < text.len; count++) {
		size_t length = http_frame_length(&frames, slice_skip(buf_slice(&text), at));
		assert_true(length > 0 && http_frame_length(&frames, slice_sub(buf_slice(&text), at, length - 1)) == 0);
		assert_int_equal(http_frame_take(&frames, slice_sub(buf_slice(&text), at, length), &room, &frame), 0);
		assert_int_equal(frame.opcode, count == 0 ? HTTP_TEXT : HTTP_CONTINUES);
		for (size_t i = 0; i < frame.payload.len; i++, done++)
			assert_int_equal(frame.payload.at[i], (char)done);
		at += length;
		assert_true(frame.last == (at == text.len) && frames.within == !frame.last);
	}
	assert_int_equal(done, SIZE);
	text.at[9]++; /* one more than is taken */
	assert_int_equal(take(&frames, slice_sub(buf_slice(&text), 0, 14), &frame), HTTP_CLOSE_LARGE);
	text.at[0] = (char)0x89; /* a ping */
	assert_int_equal(take(&frames, slice_sub(buf_slice(&text), 0, 14), &frame), HTTP_CLOSE_LARGE);
	buf_free(&text);
}

static void ours_are_written(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 125, 126, 65535, 65536};
	static const char *const heads[] = {"\x81\x00", "\x81\x7d", "\x81\x7e\x00\x7e", "\x81\x7e\xff\xff", "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"};
	static const size_t head_sizes[] = {2, 2, 4, 4, 10};
	struct buf out = BUF(HTTP_MESSAGE_MAX);
	char *payload = memory_new(65536);
	for (size_t i = 0; i < 5; i++) {
		buf_clear(&out);
		http_frame_put(&out, HTTP_TEXT, slice_make(payload, sizes[i]));
		assert_int_equal(out.len, head_sizes[i] + sizes[i]);
		assert_memory_equal(out.at, heads[i], head_sizes[i]);
	}
	buf_clear(&out);
	http_frame_put(&out, HTTP_TEXT, SLICE("Hello"));
	assert_true(slice_equal(buf_slice(&out), SLICE("\x81\x05Hello")));
	buf_clear(&out);
	http_frame_put(&out, HTTP_PONG, SLICE("Hello"));
	assert_true(slice_equal(buf_slice(&out), SLICE("\x8a\x05Hello")));
	free(payload);
	buf_free(&out);
}

static void keys_are_answered(void **state)
{
	(void)state;
	static const char *const broken[] = {"", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25jZXg=", "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==",
		"????????????????????????"};
	struct buf out = BUF(HTTP_ACCEPT_SIZE);
	assert_true(http_frame_accept(SLICE("dGhlIHNhbXBsZSBub25jZQ=="), &out)); /* RFC 6455 §1.3 */
	assert_true(slice_equal(buf_slice(&out), SLICE("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		buf_free(&out);
		assert_false(http_frame_accept(slice_of(broken[i]), &out));
	}
	buf_free(&out);
}

static int tear_down(void **state)
{
	(void)state;
	buf_free(&room);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_are_read), cmocka_unit_test(lengths_have_three_forms), cmocka_unit_test(what_no_client_may_send_is_refused),
		cmocka_unit_test(large_frames_come_in_pieces), cmocka_unit_test(ours_are_written), cmocka_unit_test(keys_are_answered),
	};
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
