/* SMTP dialogues (tests/transcripts/smtp/, see testing/transcript.h) against a real queue; only the auth client is a stand-in
 * (auth_fake.c, which says who lives there). Steps of its own:
 *   L: kind      the kind of listener: relay (without any), submission, submissions (TLS from the start) or lmtp
 *   Q: number    so many messages must be in the queue
 *   E: text      the envelope of the newest of them must be this; see describe()
 *   M: text      its text must have this line; M!: must not
 *   Z: text      its text must be this, with "|" for each line end
 *   B: number    … must have so many bytes */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <unistd.h>

#include "base/file.h"
#include "testing/transcript.h"
#include "queue/queue.h"
#include "smtp/smtp.h"

enum { TEXT_LARGEST = 64 * 1024 * 1024 };

static struct smtp_service service;

static void append_flag(struct buf *out, bool set, const char *text)
{
	if (set)
		buf_append_text(out, text);
}

/* "<sender> for <recipient> notify=6 orcpt=rfc822;a@b, <recipient> body=8BITMIME smtputf8 ret=HDRS envid=x account=y": only what isn't
 * as it is without any parameter. */
static void describe(const struct queue_message *message, struct buf *out)
{
	static const char *const bodies[] = {"", " body=8BITMIME", " body=BINARYMIME"}, *const returns[] = {"", " ret=FULL", " ret=HDRS"};
	buf_printf(out, "<%.*s> for", SLICE_ARG(message->from));
	for (size_t i = 0; i < message->recipient_count; i++) {
		const struct queue_recipient *recipient = &message->recipients[i];
		buf_printf(out, "%s <%.*s>", i ? "," : "", SLICE_ARG(recipient->address));
		if (recipient->notify)
			buf_printf(out, " notify=%u", recipient->notify);
		if (recipient->original.len > 0)
			buf_printf(out, " orcpt=%.*s", SLICE_ARG(recipient->original));
	}
	buf_append_text(out, bodies[message->body]);
	append_flag(out, message->smtputf8, " smtputf8");
	buf_append_text(out, returns[message->ret]);
	if (message->envid.len > 0)
		buf_printf(out, " envid=%.*s", SLICE_ARG(message->envid));
	if (message->account.len > 0)
		buf_printf(out, " account=%.*s", SLICE_ARG(message->account));
}

/* The text as it came, and with what we add; without the Return-Path field. */
static void read_text(struct transcript *transcript, const struct queue_message *message, struct arena *arena, struct buf *body)
{
	struct error error;
	struct slice bytes;
	int fd;
	if (!queue_body(service.queue, message->id, arena, &bytes, &fd, &error))
		transcript_give_up(transcript, error.text, SLICE("a body"), SLICE(""));
	if (fd < 0)
		buf_append(body, bytes);
	else {
		assert_true(file_read_fd(fd, body, &error));
		close(fd);
	}
	buf_consume(body, message->preface);
}

static bool has_line(struct slice body, struct slice pattern)
{
	while (body.len > 0) {
		size_t end = slice_find(body, SLICE("\r\n"));
		if (transcript_matches(pattern, slice_sub(body, 0, end)))
			return true;
		body = slice_skip(body, end == SLICE_NONE ? body.len : end + 2);
	}
	return false;
}

/* "|" for each CRLF. */
static bool is_text(struct slice body, struct slice pattern, struct arena *arena)
{
	struct slice text = arena_copy(arena, body), line, rest = body;
	char *out = (char *)text.at;
	text.len = 0;
	for (bool more = true; more;) {
		more = slice_cut(rest, '\n', &line, &rest);
		bool ended = more && line.len > 0 && line.at[line.len - 1] == '\r';
		memcpy(out + text.len, line.at, line.len);
		text.len += line.len;
		if (ended)
			out[text.len - 1] = '|';
		else if (more)
			out[text.len++] = '\n';
	}
	return transcript_matches(pattern, text);
}

/* Looks whether the queue is as it must be. */
static void step(struct transcript *transcript, char kind, bool wanted, struct slice text)
{
	struct arena *arena = arena_new();
	struct buf found = BUF(TEXT_LARGEST);
	struct queue_message *list;
	struct error error;
	size_t count;
	uint64_t number = 0;
	bool right = true;
	assert_true(queue_list(service.queue, &(struct queue_filter){0}, arena, &list, &count, &error));
	if (kind != 'Q' && count == 0)
		transcript_give_up(transcript, "the queue is empty", text, SLICE(""));
	if (kind == 'Q' || kind == 'B')
		assert_true(slice_to_number(text, UINT64_MAX, &number));
	if (kind == 'Q') {
		buf_append_number(&found, count);
		right = count == number;
	} else if (kind == 'E') {
		describe(&list[count - 1], &found);
		right = transcript_matches(text, buf_slice(&found));
	} else {
		read_text(transcript, &list[count - 1], arena, &found);
		right = kind == 'Z'	? is_text(buf_slice(&found), text, arena)
			: kind == 'M' ? has_line(buf_slice(&found), text) == wanted : found.len == number && list[count - 1].size == number;
	}
	if (!right)
		transcript_give_up(transcript, "the queue holds something else", text, slice_sub(buf_slice(&found), 0, 2000));
	buf_free(&found);
	arena_free(&arena);
}

/* ---- The server ---- */

/* What the line "L:" says. */
static void choose_listener(struct slice text, bool *implicit_tls)
{
	service.kind = SMTP_RELAY;
	while (text.len > 0) {
		struct slice line;
		slice_cut(text, '\n', &line, &text);
		if (!slice_starts(line, SLICE("L: ")))
			continue;
		struct slice kind = slice_skip(line, 3);
		*implicit_tls = slice_equal(kind, SLICE("submissions"));
		service.kind = slice_equal(kind, SLICE("lmtp")) ? SMTP_LMTP : slice_equal(kind, SLICE("relay")) ? SMTP_RELAY : SMTP_SUBMISSION;
	}
}

static void *start(struct transcript *transcript, const char *data, struct slice text, bool *implicit_tls, bool *offers_tls)
{
	(void)transcript, (void)offers_tls;
	struct error error;
	choose_listener(text, implicit_tls);
	service.queue = queue_open(data, QUEUE_PERSON, &error);
	assert_non_null(service.queue);
	return &service;
}

static void stop(void)
{
	queue_close(&service.queue);
}

int main(int argc, char **argv)
{
	static const struct transcript_protocol protocol = {
		.name = "smtp", .protocol = &smtp_protocol, .configuration = "hostname = \"mail.example.test\"\n", .steps = "QEMZB",
		.start = start, .step = step, .stop = stop,
	};
	return transcript_main(argc, argv, &protocol);
}
