/* HTTP dialogues (tests/transcripts/http/, see testing/transcript.h) against a table of routes of the tests' own (routes_fake.h); the auth client is a
 * stand-in (auth_fake.c). Steps beside the common ones:
 *   A: 200 hello   an answer with that status and body must come ("…" in it stands for anything); with the fields that every answer has, one of each
 *   A!: 200        … without a body, as HEAD has it
 *   F: text        the last answer had that field, as it stands here
 *   F!: Name       it had none of that name */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "http/http.h"
#include "http/routes_fake.h"
#include "testing/transcript.h"

enum { HEAD_LARGEST = 64 * 1024, BODY_LARGEST = 1024 * 1024 };

static const struct http_service service = {.tables = {{fake_routes, sizeof fake_routes / sizeof *fake_routes, NULL}}};
static struct buf fields; /* of the last answer, lines with LF */

static void *start(struct transcript *transcript, const char *data, struct slice text, bool *implicit_tls, bool *offers_tls)
{
	(void)transcript, (void)data, (void)offers_tls;
	*implicit_tls = slice_find(text, SLICE("Over TLS.")) != SLICE_NONE;
	fields = BUF(HEAD_LARGEST);
	return (void *)(uintptr_t)&service;
}

static void stop(void) { buf_free(&fields); }

/* The value of the field; how often it stands there. */
static size_t find_field(struct slice name, struct slice *value)
{
	size_t count = 0;
	for (struct slice line, key, rest = buf_slice(&fields); rest.len > 0;) {
		slice_cut(rest, '\n', &line, &rest);
		struct slice text;
		if (slice_cut(line, ':', &key, &text) && slice_equal_nocase(key, name) && count++ == 0)
			*value = slice_trim(text);
	}
	return count;
}

static void check_common(struct transcript *transcript)
{
	static const char *const common[] = {"Date", "Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy",
		"Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Cache-Control"};
	struct slice value;
	for (size_t i = 0; i < sizeof common / sizeof *common; i++)
		if (find_field(slice_of(common[i]), &value) != 1)
			transcript_give_up(transcript, "not one field of that name", slice_of(common[i]), buf_slice(&fields));
}

static void take_fields(struct transcript *transcript, struct slice wanted)
{
	struct buf line = BUF(HEAD_LARGEST);
	buf_clear(&fields);
	for (;;) {
		transcript_take_line(transcript, wanted, &line);
		if (line.len == 0)
			break;
		buf_append(&fields, buf_slice(&line));
		buf_append_char(&fields, '\n');
	}
	buf_free(&line);
}

static void check_body(struct transcript *transcript, bool plain, struct slice wanted)
{
	struct slice length = SLICE("0");
	struct buf body = BUF(BODY_LARGEST);
	uint64_t bytes;
	if (find_field(SLICE("Content-Length"), &length) > 1 || !slice_to_number(length, BODY_LARGEST, &bytes))
		transcript_give_up(transcript, "no length", wanted, buf_slice(&fields));
	if (plain && bytes > 0)
		transcript_take_bytes(transcript, wanted, (size_t)bytes, &body);
	if (plain && !transcript_matches(wanted, slice_trim(buf_slice(&body))))
		transcript_give_up(transcript, "another body", wanted, buf_slice(&body));
	buf_free(&body);
}

static void check_answer(struct transcript *transcript, bool plain, struct slice text)
{
	struct buf line = BUF(HEAD_LARGEST), start_of_line = BUF(100);
	struct slice status, body;
	slice_cut(text, ' ', &status, &body);
	transcript_take_line(transcript, text, &line);
	buf_printf(&start_of_line, "HTTP/1.1 %.*s ", SLICE_ARG(status));
	if (!slice_starts(buf_slice(&line), buf_slice(&start_of_line)))
		transcript_give_up(transcript, "another status", text, buf_slice(&line));
	take_fields(transcript, text);
	check_common(transcript);
	check_body(transcript, plain, body);
	buf_free(&line);
	buf_free(&start_of_line);
}

static void check_field(struct transcript *transcript, bool plain, struct slice text)
{
	struct slice name, rest, value;
	slice_cut(text, ':', &name, &rest);
	size_t count = find_field(name, &value);
	if (count != plain || (plain && !transcript_matches(slice_trim(rest), value)))
		transcript_give_up(transcript, plain ? "not that field" : "that field", text, buf_slice(&fields));
}

static void step(struct transcript *transcript, char kind, bool plain, struct slice text)
{
	if (kind == 'A')
		check_answer(transcript, plain, text);
	else
		check_field(transcript, plain, text);
}

int main(int argc, char **argv)
{
	static const struct transcript_protocol protocol = {
		.name = "http", .protocol = &http_protocol, .configuration = "http_proxies = 127.0.0.1\nhttps_listen = 127.0.0.1:8443\n", .steps = "AF", .start = start, .step = step, .stop = stop,
	};
	return transcript_main(argc, argv, &protocol);
}
