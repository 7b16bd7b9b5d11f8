/* Talks with engines: what each is sent, and what its answers mean, whole and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "engine/internal.h"

struct letter {
	struct slice text;
};

static size_t read_letter(void *context, uint64_t at, char *out, size_t size)
{
	struct slice piece = slice_sub(((struct letter *)context)->text, (size_t)at, size);
	memcpy(out, piece.at ? piece.at : "", piece.len);
	return piece.len;
}

struct conversation {
	struct config_engine engine;
	struct letter letter;
	struct engine_mail mail;
	struct engine_result result;
	struct engine_talk talk;
	struct buf sent;
};

static void send_all(struct conversation *conversation)
{
	struct slice out;
	while ((out = engine_talk_output(&conversation->talk)).len > 0) {
		buf_append(&conversation->sent, out);
		engine_talk_sent(&conversation->talk, out.len);
	}
}

static void begin(struct conversation *conversation, const char *entry, struct slice text, bool again)
{
	struct error error;
	static const struct slice recipients[] = {{"bob@example.test", 16}, {"eve@example.test", 16}};
	if (!config_parse_engine(slice_of(entry), &conversation->engine, &error))
		fail_msg("%s", error.text);
	conversation->letter.text = text;
	conversation->sent = BUF(1 << 20);
	conversation->mail = (struct engine_mail){
		.client = SLICE("192.0.2.1"), .helo = SLICE("mx.example.org"), .sender = SLICE("ann@example.org\r\nFile: /etc/passwd"),
		.recipients = recipients, .recipient_count = 2, .length = text.len, .read = read_letter, .context = &conversation->letter,
	};
	engine_talk_begin(&conversation->talk, &conversation->engine, &conversation->mail, &conversation->result, again);
	send_all(conversation);
}

static void end(struct conversation *conversation)
{
	engine_talk_free(&conversation->talk);
	buf_free(&conversation->sent);
}

/* Says `answer` in pieces, sending what is due between them; at its end the connection closes. */
static void hear(struct conversation *conversation, struct slice answer, size_t piece)
{
	for (; answer.len > 0 && !conversation->talk.done; answer = slice_skip(answer, piece)) {
		engine_talk_input(&conversation->talk, slice_sub(answer, 0, piece));
		send_all(conversation);
	}
	if (!conversation->talk.done)
		engine_talk_ended(&conversation->talk);
}

static const char entries[][60] = {"clamd 127.0.0.1:3310", "spamd 127.0.0.1:783", "rspamd 127.0.0.1:11333", "icap 127.0.0.1:1344 service=avscan"};
#define CLAMD entries[0]
#define SPAMD entries[1]
#define RSPAMD entries[2]
#define ICAP entries[3]
#define JSON(text) "HTTP/1.1 200 OK\r\n\r\n" text

static void answers_are_understood(void **state)
{
	(void)state;
	static const struct {
		const char *entry;
		struct slice answer;
		enum engine_outcome outcome;
		const char *text;
		int points;
	} cases[] = {
		{CLAMD, SLICE("1: stream: OK\0"), ENGINE_CLEAN, "", 0},
		{CLAMD, SLICE("stream: OK\0"), ENGINE_CLEAN, "", 0},
		{CLAMD, SLICE("1: stream: Eicar-Signature FOUND\0"), ENGINE_FOUND, "Eicar-Signature", 0},
		{CLAMD, SLICE("1: stream: \xff\r\nX: y FOUND\0"), ENGINE_FOUND, "???X: y", 0},
		{CLAMD, SLICE("INSTREAM size limit exceeded. ERROR\0"), ENGINE_SKIPPED, "the message is larger than it takes", 0},
		{CLAMD, SLICE("1: stream: Can't open file or directory ERROR\0"), ENGINE_ERROR, "Can't open file or directory", 0},
		{CLAMD, SLICE("1: stream: OK"), ENGINE_ERROR, "its answer is cut off", 0},
		{CLAMD, SLICE("HTTP/1.1 400 Bad Request\r\n\r\n\0"), ENGINE_ERROR, "it doesn't answer like clamd", 0},
		{CLAMD, SLICE("1: stream:  FOUND\0"), ENGINE_ERROR, "it doesn't answer like clamd", 0},
		{CLAMD, SLICE(""), ENGINE_ERROR, "it closed the connection without an answer", 0},
		{SPAMD, SLICE("SPAMD/1.1 0 EX_OK\r\nContent-length: 5\r\nSpam: True ; 15.25 / 5.0\r\n\r\nA,B\r\n"), ENGINE_POINTS, "", 1525},
		{SPAMD, SLICE("SPAMD/1.1 0 EX_OK\r\nSpam: False ; -1.5 / 5.0\r\n\r\nA,B\r\n"), ENGINE_POINTS, "", -150},
		{SPAMD, SLICE("SPAMD/1.1 0 EX_OK\r\nSpam: True ; 99999999999999999999.9 / 5.0\r\n\r\nA,B\r\n"), ENGINE_POINTS, "", ENGINE_POINTS_MAX},
		{SPAMD, SLICE("SPAMD/1.0 76 Bad header line\r\n"), ENGINE_ERROR, "Bad header line", 0},
		{SPAMD, SLICE("SPAMD/1.1 0 EX_OK\r\nContent-length: 9\r\nSpam: True ; 15.0 / 5.0\r\n\r\nA,"), ENGINE_ERROR, "its answer is cut off", 0},
		{SPAMD, SLICE("SPAMD/1.1 0 EX_OK\r\nSpam: True ; nan / 5.0\r\n\r\nA"), ENGINE_ERROR, "its answer has no points", 0},
		{RSPAMD, SLICE(JSON("{\"score\":4.5,\"symbols\":{\"A\":{\"score\":5},\"B\":{\"score\":-0.5}}}")), ENGINE_POINTS, "", 450},
		{RSPAMD, SLICE(JSON("{\"score\":1e300,\"symbols\":{\"A\":{},\"B\":7}}")), ENGINE_POINTS, "", ENGINE_POINTS_MAX},
		{RSPAMD, SLICE(JSON("{\"score\":-1e300,\"symbols\":{\"A\":{},\"B\":7}}")), ENGINE_POINTS, "", -ENGINE_POINTS_MAX},
		{RSPAMD, SLICE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n2A;x\r\nscore\":1,\"symbols\":{\"A\":0,\"B\":0}}         \r\n0\r\n\r\n"), ENGINE_POINTS, "", 100},
		{RSPAMD, SLICE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n"), ENGINE_ERROR, "its answer is in broken chunks", 0},
		{RSPAMD, SLICE(JSON("{\"error\":\"invalid message\"}")), ENGINE_ERROR, "invalid message", 0},
		{RSPAMD, SLICE(JSON("{\"score\":\"4\"}")), ENGINE_ERROR, "its answer has no score", 0},
		{RSPAMD, SLICE(JSON("{\"score\":4")), ENGINE_ERROR, "its answer isn't JSON", 0},
		{RSPAMD, SLICE(JSON("")), ENGINE_ERROR, "its answer isn't JSON", 0},
		{RSPAMD, SLICE("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"), ENGINE_ERROR, "HTTP 500 ", 0},
		{RSPAMD, SLICE("HTTP/1.1 413 Big\r\nContent-Length: 0\r\n\r\n"), ENGINE_SKIPPED, "the message is larger than it takes", 0},
		{RSPAMD, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n{"), ENGINE_ERROR, "its answer is too long", 0},
		{RSPAMD, SLICE("SSH-2.0-OpenSSH_9.2\r\n\r\n"), ENGINE_ERROR, "it doesn't answer like rspamd", 0},
		{ICAP, SLICE("ICAP/1.0 204 No Content\r\n\r\n"), ENGINE_CLEAN, "", 0},
		{ICAP, SLICE("ICAP/1.0 100 Continue\r\n\r\nICAP/1.0 204 No Content\r\n\r\n"), ENGINE_CLEAN, "", 0},
		{ICAP, SLICE("ICAP/1.0 100 Continue\r\n\r\nICAP/1.0 100 Continue\r\n\r\n"), ENGINE_ERROR, "it wants more when there is nothing more", 0},
		{ICAP, SLICE("ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), ENGINE_CLEAN, "", 0},
		{ICAP, SLICE("ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=26\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\n"), ENGINE_FOUND, "HTTP 403", 0},
		{ICAP, SLICE("ICAP/1.0 200 OK\r\nX-Infection-Found: Type=0; Resolution=2; Threat=Eicar;\r\n\r\n"), ENGINE_FOUND, "Eicar", 0},
		{ICAP, SLICE("ICAP/1.0 200 OK\r\nX-Virus-ID: Eicar-2\r\n\r\n"), ENGINE_FOUND, "Eicar-2", 0},
		{ICAP, SLICE("ICAP/1.0 200 OK\r\nX-Violations-Found: 1\r\n\tfile\r\n\r\n"), ENGINE_FOUND, "X-Violations-Found", 0},
		{ICAP, SLICE("ICAP/1.0 404 Service not found\r\n\r\n"), ENGINE_ERROR, "ICAP 404 Service not found", 0},
		{ICAP, SLICE("ICAP/1.0 200 OK\r\nEncapsulated: null-body=0\r\n\r\n"), ENGINE_ERROR, "its answer is not a response", 0},
		{ICAP, SLICE("ICAP/1.0 2000 OK\r\n\r\n"), ENGINE_ERROR, "it doesn't answer like an ICAP server", 0},
	};
	char text[3000];
	memset(text, 'x', sizeof text);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t piece = 1; piece <= 4096; piece += 4095) {
			struct conversation conversation;
			begin(&conversation, cases[i].entry, slice_make(text, sizeof text), false);
			hear(&conversation, cases[i].answer, piece);
			if (conversation.result.outcome != cases[i].outcome || strcmp(conversation.result.text, cases[i].text) || conversation.result.points != cases[i].points)
				fail_msg("case %zu: %s \"%s\" %d", i, engine_outcome_name(conversation.result.outcome), conversation.result.text, conversation.result.points);
			if (cases[i].outcome == ENGINE_POINTS) {
				assert_int_equal(conversation.result.symbol_count, 2);
				assert_string_equal(conversation.result.symbols[1].name, "B");
			}
			end(&conversation);
		}
}

static void endless_answers_end(void **state)
{
	(void)state;
	static const char *const beginnings[] = {"", "SPAMD/1.1 0 EX_OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", ""};
	for (size_t kind = 0; kind < 4; kind++) {
		struct conversation conversation;
		begin(&conversation, entries[kind], SLICE("hello"), false);
		engine_talk_input(&conversation.talk, slice_of(beginnings[kind]));
		for (size_t i = 0; i < ENGINE_ANSWER_MAX && !conversation.talk.done; i += 1024) {
			char more[1024];
			memset(more, 'a', sizeof more);
			engine_talk_input(&conversation.talk, slice_make(more, sizeof more));
		}
		assert_true(conversation.talk.done);
		assert_int_equal(conversation.result.outcome, ENGINE_ERROR);
		assert_false(conversation.talk.reusable);
		end(&conversation);
	}
}

static void clamd_gets_pieces_with_lengths(void **state)
{
	(void)state;
	struct conversation conversation;
	begin(&conversation, CLAMD, SLICE("hello"), false);
	assert_true(slice_equal(buf_slice(&conversation.sent), slice_make("zIDSESSION\0zINSTREAM\0\0\0\0\5hello\0\0\0\0", 34)));
	hear(&conversation, SLICE("1: stream: OK\0"), 100);
	assert_true(conversation.talk.reusable);
	end(&conversation);
	begin(&conversation, CLAMD, SLICE("hello"), true);
	assert_true(slice_equal(buf_slice(&conversation.sent), slice_make("zINSTREAM\0\0\0\0\5hello\0\0\0\0", 23)));
	hear(&conversation, SLICE("2: stream: OK\0and more"), 100);
	assert_false(conversation.talk.reusable);
	end(&conversation);
}

static void a_long_message_goes_in_pieces(void **state)
{
	(void)state;
	size_t length = 3 * ENGINE_PIECE + 5;
	char *text = memset(malloc(length), 'x', length);
	for (size_t kind = 0; kind < 3; kind++) {
		struct conversation conversation;
		begin(&conversation, entries[kind], slice_make(text, length), false);
		size_t most = conversation.sent.len;
		assert_true(most > length && most < length + 1000);
		assert_true(conversation.talk.said_all);
		end(&conversation);
	}
	free(text);
}

/* What a sender says ends no line of a protocol. */
static void nobody_adds_fields(void **state)
{
	(void)state;
	struct conversation conversation;
	begin(&conversation, RSPAMD, SLICE("hello"), false);
	struct slice sent = buf_slice(&conversation.sent);
	assert_true(slice_starts(sent, SLICE("POST /checkv2 HTTP/1.1\r\n")));
	assert_int_not_equal(slice_find(sent, SLICE("\r\nFrom: ann@example.orgFile: /etc/passwd\r\n")), SLICE_NONE);
	assert_int_equal(slice_find(sent, SLICE("\r\nFile:")), SLICE_NONE);
	assert_int_not_equal(slice_find(sent, SLICE("\r\nRcpt: eve@example.test\r\n")), SLICE_NONE);
	assert_true(slice_ends_nocase(sent, SLICE("\r\nContent-Length: 5\r\nhello")) || slice_ends_nocase(sent, SLICE("\r\n\r\nhello")));
	end(&conversation);
	begin(&conversation, SPAMD, SLICE("hello"), false);
	assert_true(slice_ends_nocase(buf_slice(&conversation.sent), SLICE("Content-length: 54\r\n\r\nReturn-Path: <ann@example.orgFile: /etc/passwd>\r\nhello")));
	end(&conversation);
}

static void icap_shows_a_preview_first(void **state)
{
	(void)state;
	struct conversation conversation;
	char text[2000];
	memset(text, 'x', sizeof text);
	begin(&conversation, ICAP, slice_make(text, sizeof text), false);
	struct slice sent = buf_slice(&conversation.sent);
	assert_true(slice_starts(sent, SLICE("RESPMOD icap://127.0.0.1:1344/avscan ICAP/1.0\r\nHost: 127.0.0.1:1344\r\n")));
	assert_true(slice_ends_nocase(sent, SLICE("x\r\n0\r\n\r\n")));
	size_t before = sent.len;
	engine_talk_input(&conversation.talk, SLICE("ICAP/1.0 100 Continue\r\n\r\n"));
	send_all(&conversation);
	assert_int_equal(conversation.sent.len, before + 10 + 976 + 2 + 5);
	engine_talk_input(&conversation.talk, SLICE("ICAP/1.0 204 No Content\r\n\r\n"));
	assert_true(conversation.talk.reusable);
	end(&conversation);
	begin(&conversation, ICAP, SLICE("short"), true);
	assert_true(slice_ends_nocase(buf_slice(&conversation.sent), SLICE("00000005\r\nshort\r\n0; ieof\r\n\r\n")));
	end(&conversation);
	begin(&conversation, ICAP, SLICE(""), true);
	assert_true(slice_ends_nocase(buf_slice(&conversation.sent), SLICE("\r\n\r\n0; ieof\r\n\r\n")));
	assert_true(conversation.talk.said_all);
	end(&conversation);
}

static size_t read_nothing(void *context, uint64_t at, char *out, size_t size)
{
	(void)context, (void)at, (void)out, (void)size;
	return 0;
}

static void a_message_that_cant_be_read_ends_the_talk(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < 4; kind++) {
		struct conversation conversation;
		begin(&conversation, entries[kind], SLICE(""), false);
		engine_talk_free(&conversation.talk);
		conversation.mail.length = 10;
		conversation.mail.read = read_nothing;
		engine_talk_begin(&conversation.talk, &conversation.engine, &conversation.mail, &conversation.result, false);
		send_all(&conversation);
		assert_true(conversation.talk.done);
		assert_string_equal(conversation.result.text, "the message can't be read");
		end(&conversation);
	}
}

static void many_symbols_are_counted(void **state)
{
	(void)state;
	struct conversation conversation;
	begin(&conversation, SPAMD, SLICE("hello"), false);
	engine_talk_input(&conversation.talk, SLICE("SPAMD/1.1 0 EX_OK\r\nSpam: True ; 15.25 / 5.0\r\n\r\n"));
	for (int i = 0; i < 1000; i++)
		engine_talk_input(&conversation.talk, SLICE("A,"));
	engine_talk_ended(&conversation.talk);
	assert_int_equal(conversation.result.symbol_count, ENGINE_SYMBOLS_MAX);
	assert_int_equal(conversation.result.symbols_left_out, 1000 - ENGINE_SYMBOLS_MAX);
	end(&conversation);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_understood),
		cmocka_unit_test(endless_answers_end),
		cmocka_unit_test(clamd_gets_pieces_with_lengths),
		cmocka_unit_test(a_long_message_goes_in_pieces),
		cmocka_unit_test(nobody_adds_fields),
		cmocka_unit_test(icap_shows_a_preview_first),
		cmocka_unit_test(a_message_that_cant_be_read_ends_the_talk),
		cmocka_unit_test(many_symbols_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
