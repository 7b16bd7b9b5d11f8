/* The filter of COMPRESS against zlib as a client uses it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <malloc.h>
#include <zlib.h>

#include "base/memory.h"
#include "imap/deflate.h"

enum { LARGE = 3000000, PIECE = 16 * 1024, WIRE = 64 * 1024 };

struct client {
	z_stream out, in;
	void *filter;
};

static int set_up(void **state)
{
	struct client *client = memory_new(sizeof *client);
	assert_int_equal(deflateInit2(&client->out, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(inflateInit2(&client->in, -15), Z_OK);
	client->filter = imap_deflate_new();
	*state = client;
	return 0;
}

static int tear_down(void **state)
{
	struct client *client = *state;
	deflateEnd(&client->out);
	inflateEnd(&client->in);
	imap_deflate.free(client->filter);
	free(client);
	return 0;
}

/* What the filter makes of the text is the text for the client, at once. Returns the bytes on the wire. */
static size_t hear(struct client *client, struct slice text)
{
	struct buf wire = BUF(2 * PIECE);
	char *got = memory_resize(NULL, text.len);
	imap_deflate.send(client->filter, text, &wire);
	assert_false(wire.overflow);
	client->in.next_in = (unsigned char *)wire.at;
	client->in.avail_in = (unsigned)wire.len;
	client->in.next_out = (unsigned char *)got;
	client->in.avail_out = (unsigned)text.len;
	assert_int_equal(inflate(&client->in, Z_SYNC_FLUSH), Z_OK);
	assert_int_equal(client->in.avail_in + client->in.avail_out, 0);
	assert_memory_equal(got, text.at, text.len);
	free(got);
	size_t len = wire.len;
	buf_free(&wire);
	return len;
}

/* The client says it, flushed in that way; it comes in pieces of so many bytes, and there is room for so many at a time. */
static void say(struct client *client, struct slice text, int flush, size_t piece, size_t room)
{
	static unsigned char wire[WIRE];
	char at[PIECE];
	size_t heard = 0;
	client->out.next_in = (unsigned char *)(uintptr_t)text.at;
	client->out.avail_in = (unsigned)text.len;
	client->out.next_out = wire;
	client->out.avail_out = sizeof wire;
	assert_int_equal(deflate(&client->out, flush), Z_OK);
	struct slice rest = slice_make((char *)wire, sizeof wire - client->out.avail_out);
	while (rest.len > 0) {
		struct slice arrived = slice_sub(rest, 0, piece);
		rest = slice_skip(rest, arrived.len);
		ssize_t got;
		do {
			got = imap_deflate.receive(client->filter, &arrived, at, room);
			assert_true(got >= 0 && heard + (size_t)got <= text.len);
			assert_memory_equal(at, text.at + heard, (size_t)got);
			heard += (size_t)got;
		} while (got == (ssize_t)room);
		assert_int_equal(arrived.len, 0);
	}
	assert_int_equal(heard, text.len);
}

/* Text that can't be packed. */
static char *noise(size_t len)
{
	char *at = memory_resize(NULL, len);
	uint64_t n = 88172645463325252u;
	for (size_t i = 0; i < len; i++) {
		n ^= n << 13, n ^= n >> 7, n ^= n << 17;
		at[i] = (char)n;
	}
	return at;
}

static void both_sides_understand_each_other(void **state)
{
	struct client *client = *state;
	char *text = noise(LARGE);
	hear(client, SLICE("* OK hello\r\n"));
	size_t first = hear(client, SLICE("* 12345 FETCH (UID 12345 FLAGS (\\Seen \\Answered) RFC822.SIZE 1234567)\r\n"));
	size_t second = hear(client, SLICE("* 12346 FETCH (UID 12346 FLAGS (\\Seen \\Answered) RFC822.SIZE 1234567)\r\n"));
	assert_true(second < first / 2);
	for (size_t i = 0; i < LARGE; i += PIECE) {
		struct slice piece = slice_make(text + i, LARGE - i < PIECE ? LARGE - i : PIECE);
		assert_true(hear(client, piece) < piece.len + 64);
	}
	for (size_t piece = 1; piece < 300; piece += 13)
		say(client, SLICE("a1 UID FETCH 1:* (FLAGS)\r\na2 NOOP\r\n"), piece % 2 ? Z_SYNC_FLUSH : Z_PARTIAL_FLUSH, piece, 1 + piece % 40);
	say(client, slice_make(text, 10000), Z_SYNC_FLUSH, 777, PIECE);
	say(client, slice_make(text, 10000), Z_SYNC_FLUSH, 777, PIECE); /* all of it is known */
	free(text);
}

/* Whatever was said before, and however the client ended it, it goes on where it was. */
static void resting_changes_nothing(void **state)
{
	struct client *client = *state;
	char *text = noise(3 * PIECE);
	for (int i = 0; i < 40; i++) {
		char command[200];
		int len = snprintf(command, sizeof command, "a%d SELECT \"mailbox %d\"\r\n", i, i * i % 7);
		say(client, slice_make(command, (size_t)len), i % 3 == 0 ? Z_PARTIAL_FLUSH : i % 3 == 1 ? Z_SYNC_FLUSH : Z_FULL_FLUSH, 1000, 1000);
		if (i % 4 == 0)
			imap_deflate.rest(client->filter);
		imap_deflate.rest(client->filter);
		hear(client, slice_make(command, (size_t)len));
		if (i == 20) /* then it refers back as far as can be */
			for (size_t at = 0; at < 3 * PIECE; at += PIECE)
				say(client, slice_make(text + at, PIECE), Z_SYNC_FLUSH, 5000, PIECE);
		if (i > 20)
			say(client, slice_make(text + 2 * PIECE - 7000, 300), Z_SYNC_FLUSH, 100, 100);
	}
	free(text);
}

static size_t memory_in_use(void)
{
	return mallinfo2().uordblks + mallinfo2().hblkhd;
}

static void resting_costs_little(void **state)
{
	struct client *client = *state;
	char *text = noise(4 * PIECE);
	hear(client, SLICE("* OK hello\r\n")); /* the client's own memory is there */
	imap_deflate.rest(client->filter);
	size_t before = memory_in_use();
	say(client, SLICE("a1 SELECT INBOX\r\na2 IDLE\r\n"), Z_PARTIAL_FLUSH, 1000, 1000);
	hear(client, SLICE("+ idling\r\n"));
	size_t awake = memory_in_use() - before;
	imap_deflate.rest(client->filter);
	size_t resting = memory_in_use() - before;
	for (size_t at = 0; at < 4 * PIECE; at += PIECE)
		say(client, slice_make(text + at, PIECE), Z_SYNC_FLUSH, 5000, PIECE);
	hear(client, slice_make(text, PIECE));
	size_t most = memory_in_use() - before;
	imap_deflate.rest(client->filter);
	size_t resting_most = memory_in_use() - before;
	print_message("%zu awake, %zu resting; %zu at most, %zu resting\n", awake, resting, most, resting_most);
	assert_true(resting < 200);
	assert_true(most < 120 * 1024);
	assert_true(resting_most < 33 * 1024);
	free(text);
}

static void what_stands_for_nothing_is_refused(void **state)
{
	struct client *client = *state;
	char at[PIECE];
	struct slice wire = SLICE("a1 NOOP\r\n");
	assert_int_equal(imap_deflate.receive(client->filter, &wire, at, sizeof at), -1);
	imap_deflate.rest(client->filter);
	imap_deflate.free(client->filter);
	client->filter = imap_deflate_new();
	wire = SLICE("\3\0x"); /* the end, and something behind it */
	assert_int_equal(imap_deflate.receive(client->filter, &wire, at, sizeof at), -1);
	imap_deflate.free(client->filter);
	client->filter = imap_deflate_new();
	wire = SLICE("\3\0");
	assert_int_equal(imap_deflate.receive(client->filter, &wire, at, sizeof at), 0);
	imap_deflate.rest(client->filter);
	wire = SLICE("\3");
	assert_int_equal(imap_deflate.receive(client->filter, &wire, at, sizeof at), -1);
}

int main(void)
{
#define BETWEEN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		BETWEEN(both_sides_understand_each_other), BETWEEN(resting_changes_nothing), BETWEEN(resting_costs_little),
		BETWEEN(what_stands_for_nothing_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
