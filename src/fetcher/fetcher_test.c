/* What is taken for a picture, and errands between two ends in one process: what they may reach is tested in net/ and, with the role, in tests/e2e/test_pictures.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/config.h"
#include "fetcher/fetcher.h"

#define BYTES(text) {text, sizeof text - 1}

static void pictures_are_told_by_their_bytes(void **state)
{
	static const struct { struct slice bytes; const char *type; } cases[] = {
		{BYTES("\x89PNG\r\n\x1a\n...."), "image/png"}, {BYTES("\xff\xd8\xff\xdb"), "image/jpeg"}, {BYTES("GIF89a\1"), "image/gif"}, {BYTES("GIF87a\1"), "image/gif"},
		{BYTES("RIFF\1\2\3\4WEBPVP8X"), "image/webp"}, {BYTES("\0\0\0\x14" "ftypavif\0\0\0\0mif1"), "image/avif"}, {BYTES("\0\0\0\x1c" "ftypmif1\0\0\0\0mif1avifmiaf"), "image/avif"},
		{BYTES("\0\0\0\x10" "ftypmif1\0\0\0\0avif"), NULL}, {BYTES("\0\0\0\x10" "ftypmif1avif"), NULL}, {BYTES("\0\0\0\x18" "ftypmp42\0\0\0\0isommp42"), NULL},
		{BYTES("RIFF\1\2\3\4WAVEfmt "), NULL}, {BYTES("RIFF"), NULL}, {BYTES("<svg xmlns='http://www.w3.org/2000/svg'>"), NULL}, {BYTES("<?xml version='1.0'?><svg/>"), NULL},
		{BYTES("<i\0\x1c" "ftypavis\xffvis"), NULL}, {BYTES("<html>GIF89a"), NULL}, {BYTES(" GIF89a"), NULL}, {BYTES("BM\1\2\3\4"), NULL}, {BYTES("%PDF-1.7"), NULL}, {BYTES("\xff\xd8"), NULL}, {BYTES(""), NULL}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *type = fetcher_picture_type(cases[i].bytes);
		assert_int_equal(type == NULL, cases[i].type == NULL);
		if (type)
			assert_string_equal(type, cases[i].type);
	}
}

static void answers_are_read(void **state)
{
	enum fetcher_outcome outcome;
	struct slice bytes;
	(void)state;
	assert_true(fetcher_answer_read(slice_make("\0abc", 4), &outcome, &bytes) && outcome == FETCHER_DONE && slice_equal(bytes, SLICE("abc")));
	assert_true(fetcher_answer_read(slice_make("\1", 1), &outcome, &bytes) && outcome == FETCHER_FORBIDDEN);
	assert_false(fetcher_answer_read(slice_make("\1x", 2), &outcome, &bytes));
	assert_false(fetcher_answer_read(slice_make("\x7f", 1), &outcome, &bytes));
	assert_false(fetcher_answer_read(slice_make("\xff", 1), &outcome, &bytes));
	assert_false(fetcher_answer_read(SLICE(""), &outcome, &bytes));
}

/* ---- The role's work ---- */

static int ends[2], stop_fd;

static void *serve(void *argument)
{
	fetcher_serve(ends[1], stop_fd);
	return argument;
}

static void done(void *context) { eventfd_write(*(int *)context, 1); }

static enum fetcher_outcome outcome_of(struct caller *caller, enum fetcher_errand errand, const char *url)
{
	struct fetcher_answer answer;
	int woken = eventfd(0, EFD_CLOEXEC);
	struct pollfd waiting = {.fd = woken, .events = POLLIN};
	struct call_ticket *ticket = fetcher_begin(caller, errand, slice_of(url), done, &woken);
	assert_int_equal(poll(&waiting, 1, 60000), 1);
	fetcher_end(&ticket, &answer);
	assert_null(ticket);
	enum fetcher_outcome outcome = answer.outcome;
	fetcher_answer_free(&answer);
	close(woken);
	return outcome;
}

static void nothing_that_is_not_public_is_reached(void **state)
{
	static const char *const forbidden[] = {
		"http://127.0.0.1:47113/a.png", "http://[::1]/", "http://10.1.2.3/x", "http://169.254.169.254/latest/meta-data/", "http://[::ffff:192.168.1.1]/", "http://0.0.0.0/",
		"http://2130706433/", "http://0x7f.1/", "file:///etc/passwd", "ftp://198.41.0.4/a", "gopher://198.41.0.4/", "https://192.168.0.1/"};
	static const char *const mistaken[] = {"", "x", "http://", "http://user:word@example.test/a", "http://example.test/a b", "javascript:alert(1)//x"};
	struct error error;
	pthread_t thread;
	(void)state;
	config_set_current(config_parse(SLICE("hostname = \"mail.example.test\"\nresolver = \"127.0.0.1@47153\"\ntrust_anchors = {\"none\"}\n"), "test", &error));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	stop_fd = eventfd(0, EFD_CLOEXEC);
	struct caller *caller = caller_new(ends[0]);
	pthread_create(&thread, NULL, serve, NULL);
	for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
		enum fetcher_outcome outcome = outcome_of(caller, FETCHER_PICTURE, forbidden[i]);
		if (outcome != FETCHER_FORBIDDEN)
			fail_msg("%s: %d", forbidden[i], outcome);
	}
	for (size_t i = 0; i < sizeof mistaken / sizeof *mistaken; i++) {
		enum fetcher_outcome outcome = outcome_of(caller, FETCHER_PICTURE, mistaken[i]);
		if (outcome != FETCHER_MISTAKEN && outcome != FETCHER_FORBIDDEN)
			fail_msg("%s: %d", mistaken[i], outcome);
	}
	/* A mailing list is told over https alone. */
	assert_int_equal(outcome_of(caller, FETCHER_UNSUBSCRIBE, "http://198.41.0.4/"), FETCHER_FORBIDDEN);
	assert_int_equal(outcome_of(caller, (enum fetcher_errand)9, "https://198.41.0.4/"), FETCHER_MISTAKEN);
	eventfd_write(stop_fd, 1);
	pthread_join(thread, NULL);
	caller_free(&caller);
	close(stop_fd);
	config_free_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pictures_are_told_by_their_bytes),
		cmocka_unit_test(answers_are_read),
		cmocka_unit_test(nothing_that_is_not_public_is_reached),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
