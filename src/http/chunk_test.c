/* Bodies in chunks: what is a chunk, and what another program might take for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/memory.h"
#include "http/chunk.h"

/* Feeds it in pieces of `step` bytes; the body goes to `body`. Returns how it ended; *used: how far. */
static enum http_chunk feed(struct slice input, size_t step, struct buf *body, size_t *used)
{
	struct http_chunks chunks = {.part = HTTP_CHUNK_SIZE};
	enum http_chunk result = HTTP_CHUNK_MORE;
	size_t come = 0;
	*used = 0;
	buf_clear(body);
	while (result == HTTP_CHUNK_MORE) {
		struct slice data, waiting = slice_sub(input, *used, come - *used);
		char *copy = waiting.len > 0 ? memory_copy(waiting.at, waiting.len) : NULL;
		size_t length = http_chunk_length(&chunks, slice_make(copy, waiting.len));
		assert_true(length <= waiting.len);
		if (length > 0) {
			result = http_chunk_take(&chunks, slice_make(copy, length), &data);
			buf_append(body, data);
			*used += length;
		}
		free(copy);
		if (length > 0)
			continue;
		if (come == input.len)
			break;
		come = come + step < input.len ? come + step : input.len;
	}
	return result;
}

static void check(struct slice input, enum http_chunk wanted, const char *body, size_t rest)
{
	struct buf got = BUF(100000);
	for (size_t step = 1; step <= input.len; step++) {
		size_t used;
		enum http_chunk result = feed(input, step, &got, &used);
		if (result != wanted)
			fail_msg("%d in the place of %d, in pieces of %zu bytes: %.*s", result, wanted, step, SLICE_ARG(input));
		assert_true(!body || slice_equal(buf_slice(&got), slice_of(body)));
		assert_true(wanted != HTTP_CHUNK_DONE || input.len - used == rest);
	}
	buf_free(&got);
}

#define DONE(literal, body, rest) check(SLICE(literal), HTTP_CHUNK_DONE, body, rest)
#define MORE(literal) check(SLICE(literal), HTTP_CHUNK_MORE, NULL, 0)
#define BROKEN(literal) check(SLICE(literal), HTTP_CHUNK_BROKEN, NULL, 0)

static void bodies_are_read(void **state)
{
	(void)state;
	DONE("0\r\n\r\n", "", 0);
	DONE("4\r\nWiki\r\n7\r\npedia i\r\nB\r\nn \r\nchunks.\r\n0\r\n\r\n", "Wikipedia in \r\nchunks.", 0);
	DONE("0000000a\r\n0123456789\r\n00\r\n\r\nGET / HTTP/1.1\r\n", "0123456789", 16);
	DONE("1;a=b;c=\"d;e\"\r\nx\r\n0;f\r\n\r\n", "x", 0);
	DONE("1\r\nx\r\n0\r\nX: y\r\nExpires: never\r\n\r\nG", "x", 1);
	MORE("1\r\nx\r\n");
	MORE("1\r\nx\r\n0\r\n");
	MORE("5\r\nab");
	MORE("1\r\nx\r");
}

static void sizes_are_hexadecimal(void **state)
{
	(void)state;
	BROKEN("\r\n");
	BROKEN("x\r\n");
	BROKEN("0x1\r\nx\r\n");
	BROKEN("+1\r\nx\r\n");
	BROKEN("-1\r\nx\r\n");
	BROKEN(" 1\r\nx\r\n");
	BROKEN("1 \r\nx\r\n");
	BROKEN("1\t;a\r\nx\r\n");
	BROKEN("1 1\r\nx\r\n");
	BROKEN(";a\r\n");
	BROKEN("1\0\r\nx\r\n");
	BROKEN("000000001\r\nx\r\n");
	BROKEN("FFFFFFFFFFFFFFFFF\r\n");
	BROKEN("100000000\r\n");
	BROKEN("10000000000000001\r\nx\r\n");
	BROKEN("1_0\r\n");
	struct http_chunks chunks = {.part = HTTP_CHUNK_SIZE};
	struct slice data;
	assert_int_equal(http_chunk_take(&chunks, SLICE("FFFFffff\r\n"), &data), HTTP_CHUNK_MORE);
	assert_true(chunks.left == 0xffffffff);
}

static void lines_end_with_cr_lf(void **state)
{
	(void)state;
	BROKEN("1\nx\r\n0\r\n\r\n");
	BROKEN("1\rx\r\n");
	BROKEN("1;a\nb\r\nx\r\n0\r\n\r\n"); /* a line feed within an extension */
	BROKEN("1;a\rb\r\nx\r\n0\r\n\r\n");
	BROKEN("1;a\0\r\nx\r\n");
	BROKEN("1;a\x0b\r\nx\r\n");
	BROKEN("1\r\nx\n0\r\n\r\n");
	BROKEN("1\r\nx\rY");
	BROKEN("1\r\nxy\r\n0\r\n\r\n");
	BROKEN("1\r\nxy0\r\n\r\n");
	BROKEN("1\r\nx\n\r0\r\n\r\n");
	BROKEN("0\n\n");
	BROKEN("0\r\n\n");
	BROKEN("0\r\nX: y\n\r\n");
}

/* What stands behind the last chunk is thrown away, so it must be nothing that somebody else takes for a request, or for what frames one. */
static void trailers_are_fields(void **state)
{
	(void)state;
	BROKEN("0\r\nGET / HTTP/1.1\r\n\r\n");
	BROKEN("0\r\n X: y\r\n\r\n");
	BROKEN("0\r\nX : y\r\n\r\n");
	BROKEN("0\r\n: y\r\n\r\n");
	BROKEN("0\r\nX: y\r\n z\r\n\r\n");
	BROKEN("0\r\nX: y\0\r\n\r\n");
	BROKEN("0\r\nX: y\rz\r\n\r\n");
	BROKEN("0\r\nTransfer-Encoding: chunked\r\n\r\n");
	BROKEN("0\r\ncontent-LENGTH: 5\r\n\r\n");
	BROKEN("0\r\nHost: a.test\r\n\r\n");
	DONE("0\r\nX: \xc3\xa4\t\xff\r\n\r\n", "", 0);
}

static void lines_and_trailers_have_largest_sizes(void **state)
{
	(void)state;
	struct buf text = BUF(20000), body = BUF(10);
	size_t used;
	for (size_t size = HTTP_CHUNK_LINE_MAX - 1; size <= HTTP_CHUNK_LINE_MAX + 1; size++) {
		buf_clear(&text);
		buf_append_text(&text, "0;");
		while (text.len < size - 2)
			buf_append_char(&text, 'a');
		buf_append_text(&text, "\r\n\r\n");
		assert_int_equal(feed(buf_slice(&text), 1, &body, &used), size > HTTP_CHUNK_LINE_MAX ? HTTP_CHUNK_BROKEN : HTTP_CHUNK_DONE);
		assert_int_equal(feed(buf_slice(&text), text.len, &body, &used), size > HTTP_CHUNK_LINE_MAX ? HTTP_CHUNK_BROKEN : HTTP_CHUNK_DONE);
	}
	for (size_t size = HTTP_TRAILER_MAX - 1; size <= HTTP_TRAILER_MAX + 1; size++) {
		buf_clear(&text);
		buf_append_text(&text, "0\r\n");
		while (text.len + 100 < size)
			buf_append_text(&text, "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n");
		buf_append_text(&text, "X: ");
		while (text.len < size + 3 - 4)
			buf_append_char(&text, 'y');
		buf_append_text(&text, "\r\n\r\n");
		assert_int_equal(text.len, size + 3);
		assert_int_equal(feed(buf_slice(&text), 1, &body, &used), size > HTTP_TRAILER_MAX ? HTTP_CHUNK_BROKEN : HTTP_CHUNK_DONE);
		assert_int_equal(feed(buf_slice(&text), text.len, &body, &used), size > HTTP_TRAILER_MAX ? HTTP_CHUNK_BROKEN : HTTP_CHUNK_DONE);
	}
	buf_clear(&text);
	buf_append_text(&text, "0\r\n");
	while (text.len < 19000)
		buf_append_char(&text, 'X');
	assert_int_equal(feed(buf_slice(&text), 1000, &body, &used), HTTP_CHUNK_BROKEN);
	buf_free(&text);
	buf_free(&body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_are_read), cmocka_unit_test(sizes_are_hexadecimal), cmocka_unit_test(lines_end_with_cr_lf),
		cmocka_unit_test(trailers_are_fields), cmocka_unit_test(lines_and_trailers_have_largest_sizes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
