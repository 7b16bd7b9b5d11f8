/* Talks with milters: what they are told and in which order, what their answers mean, and what becomes of the message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "engine/internal.h"
#include "engine/milter_wire.h"

static const char message[] = "Received: from x by us\r\nFrom: Ann <ann@example.org>\r\nX-Two: one\r\nSubject: a long\r\n\tsubject\r\nX-Two: two\r\n\r\nHello.\r\n";
enum { HIDDEN = sizeof "Received: from x by us\r\n" - 1 };

struct conversation {
	struct config_engine engine;
	struct engine_letter letter;
	struct engine_mail mail;
	struct engine_result result;
	struct engine_talk talk;
	struct buf said;  /* the commands, a letter each */
	struct buf sent;  /* all bytes */
	struct buf reply;
};

/* Sends what is due, and notes it. */
static void send_due(struct conversation *conversation)
{
	struct slice out, data;
	char command;
	while ((out = engine_talk_output(&conversation->talk)).len > 0) {
		buf_append(&conversation->sent, out);
		for (struct slice rest = out; engine_milter_read_packet(&rest, &command, &data) == MILTER_READ;) {
			assert_true(data.len <= MILTER_DATA_MAX);
			buf_append_char(&conversation->said, command);
		}
		engine_talk_sent(&conversation->talk, out.len);
	}
}

static void begin_about(struct conversation *conversation, struct slice text)
{
	static const struct slice recipients[] = {{"bob@example.test", 16}, {"eve@example.test", 16}};
	struct error error;
	*conversation = (struct conversation){.said = BUF(1 << 20), .sent = BUF(1 << 20), .reply = BUF(1 << 20)};
	if (!config_parse_engine(SLICE("milter 127.0.0.1:1 max=1M"), &conversation->engine, &error))
		fail_msg("%s", error.text);
	engine_letter_begin(&conversation->letter, text, HIDDEN, SLICE("ann@example.org"), recipients, 2);
	conversation->mail = (struct engine_mail){.client = SLICE("192.0.2.1"), .port = 1025, .helo = SLICE("mx.example.org"), .sender = SLICE("ann@example.org"),
						  .hostname = SLICE("mail.example.test"), .id = SLICE("1AbC"), .length = text.len, .letter = &conversation->letter};
	engine_talk_begin(&conversation->talk, &conversation->engine, &conversation->mail, &conversation->result, false);
	send_due(conversation);
}

static void begin(struct conversation *conversation)
{
	begin_about(conversation, slice_of(message));
}

static void end(struct conversation *conversation)
{
	engine_talk_free(&conversation->talk);
	engine_letter_free(&conversation->letter);
	buf_free(&conversation->said);
	buf_free(&conversation->sent);
	buf_free(&conversation->reply);
}

/* What a milter says: a command with its data; with a number before it where that isn't negative. */
static void answer_with(struct conversation *conversation, char command, int64_t number, struct slice data)
{
	buf_clear(&conversation->reply);
	size_t at = engine_milter_begin_packet(&conversation->reply, command);
	if (number >= 0)
		engine_milter_put_number(&conversation->reply, (uint32_t)number);
	buf_append(&conversation->reply, data);
	engine_milter_end_packet(&conversation->reply, at);
	for (size_t i = 0; i < conversation->reply.len; i++) /* byte by byte */
		engine_talk_input(&conversation->talk, slice_make(conversation->reply.at + i, 1));
	send_due(conversation);
}

static void answer(struct conversation *conversation, char command)
{
	answer_with(conversation, command, -1, SLICE(""));
}

static void negotiate_version(struct conversation *conversation, uint32_t version, uint32_t actions, uint32_t steps, struct slice macros)
{
	struct buf data = BUF(1000);
	engine_milter_put_number(&data, version);
	engine_milter_put_number(&data, actions);
	engine_milter_put_number(&data, steps);
	buf_append(&data, macros);
	answer_with(conversation, MILTER_NEGOTIATE, -1, buf_slice(&data));
	buf_free(&data);
}

static void negotiate(struct conversation *conversation, uint32_t steps)
{
	negotiate_version(conversation, MILTER_VERSION, 0x1ff, steps, SLICE(""));
}

/* To the last question: it wants to hear of nothing else. */
static void go_to_the_end(struct conversation *conversation)
{
	begin(conversation);
	negotiate(conversation, 0x27f | MILTER_LEADING_SPACE);
}

static void expect_header(const struct conversation *conversation, const char *header)
{
	struct buf out = BUF(100000);
	engine_letter_write_header(&conversation->letter, &out);
	assert_string_equal(out.at, header);
	buf_free(&out);
}

static bool is_said(const struct conversation *conversation, struct slice text)
{
	return slice_find(buf_slice(&conversation->sent), text) != SLICE_NONE;
}

static void each_step_is_waited_for(void **state)
{
	static const char *const expected[] = {"", "ODC", "H", "DM", "DR", "DR", "DT", "L", "L", "L", "L", "DN", "B", "DE"};
	(void)state;
	struct conversation conversation;
	begin(&conversation);
	assert_string_equal(conversation.said.at, "O");
	negotiate(&conversation, 0);
	struct buf all = BUF(100);
	for (size_t i = 1; i < sizeof expected / sizeof *expected; i++) {
		buf_append_text(&all, expected[i]);
		assert_string_equal(conversation.said.at, all.at);
		answer(&conversation, MILTER_CONTINUE);
	}
	buf_free(&all);
	assert_true(conversation.talk.done);
	assert_int_equal(conversation.result.outcome, ENGINE_CLEAN);
	assert_true(is_said(&conversation, slice_make("C[192.0.2.1]\0" "4\4\1" "192.0.2.1", 25)));
	assert_true(is_said(&conversation, slice_make("M<ann@example.org>", 19)));
	assert_true(is_said(&conversation, slice_make("{rcpt_addr}\0eve@example.test\0", 29)));
	assert_true(is_said(&conversation, slice_make("DMi\0" "1AbC\0{mail_addr}\0ann@example.org\0{mail_host}\0example.org", 58)));
	assert_true(is_said(&conversation, slice_make("LSubject\0a long\n\tsubject\0", 25)));
	assert_false(is_said(&conversation, SLICE("Received")));
	end(&conversation);
}

static void what_gets_no_answer_isnt_waited_for(void **state)
{
	(void)state;
	struct conversation conversation;
	begin(&conversation);
	negotiate(&conversation, MILTER_QUIET_CONNECT | MILTER_QUIET_HELO | MILTER_QUIET_MAIL | MILTER_QUIET_RCPT | MILTER_QUIET_DATA | MILTER_QUIET_FIELDS |
					 MILTER_QUIET_END_OF_HEADER | MILTER_QUIET_BODY | MILTER_LEADING_SPACE);
	assert_string_equal(conversation.said.at, "ODCHDMDRDRDTLLLLDNBDE");
	assert_true(is_said(&conversation, slice_make("LSubject\0 a long\n\tsubject\0", 26)));
	answer(&conversation, MILTER_PROGRESS);
	assert_false(conversation.talk.done);
	answer(&conversation, MILTER_CONTINUE);
	assert_true(conversation.talk.done);
	end(&conversation);
}

static void what_it_doesnt_want_is_left_out(void **state)
{
	(void)state;
	struct conversation conversation;
	go_to_the_end(&conversation);
	assert_string_equal(conversation.said.at, "ODE");
	end(&conversation);
	begin(&conversation); /* an old one knows no DATA */
	negotiate_version(&conversation, 2, 0, MILTER_NO_CONNECT | MILTER_NO_HELO | MILTER_NO_MAIL | MILTER_NO_FIELDS | MILTER_NO_END_OF_HEADER, SLICE(""));
	answer(&conversation, MILTER_CONTINUE);
	answer(&conversation, MILTER_CONTINUE);
	assert_string_equal(conversation.said.at, "ODRDRB");
	end(&conversation);
}

static void it_chooses_its_macros(void **state)
{
	(void)state;
	struct conversation conversation;
	begin(&conversation);
	negotiate_version(&conversation, MILTER_VERSION, MILTER_MAY_CHOOSE_MACROS, MILTER_QUIET_CONNECT | MILTER_QUIET_HELO, slice_make("\0\0\0\0\0\0\0\0\2{mail_addr} {unknown} j", 33));
	assert_string_equal(conversation.said.at, "OCHDM");
	assert_true(is_said(&conversation, slice_make("DMj\0mail.example.test\0{mail_addr}\0ann@example.org\0", 50)));
	end(&conversation);
}

static void a_long_body_comes_in_pieces(void **state)
{
	(void)state;
	struct conversation conversation;
	struct buf long_message = BUF(1 << 20);
	buf_append_text(&long_message, message);
	while (long_message.len < 200000)
		buf_append_text(&long_message, "All work and no play.\r\n");
	begin_about(&conversation, buf_slice(&long_message));
	negotiate(&conversation, (0x27f & ~MILTER_NO_BODY) | MILTER_QUIET_BODY);
	assert_string_equal(conversation.said.at, "OBBBBDE");
	end(&conversation);
	begin_about(&conversation, buf_slice(&long_message));
	negotiate(&conversation, (0x27f & ~MILTER_NO_BODY) | MILTER_MAY_SKIP);
	answer(&conversation, MILTER_CONTINUE);
	answer(&conversation, MILTER_SKIP);
	assert_string_equal(conversation.said.at, "OBBDE");
	end(&conversation);
	buf_free(&long_message);
}

static void answers_have_a_meaning(void **state)
{
	static const struct {
		char command;
		const char *data;
		enum engine_outcome outcome;
		const char *text;
	} rows[] = {
		{MILTER_ACCEPT, "", ENGINE_CLEAN, ""},
		{MILTER_REJECT, "", ENGINE_REFUSED, ""},
		{MILTER_TEMPFAIL, "", ENGINE_DEFERRED, ""},
		{MILTER_SHUTDOWN, "", ENGINE_DEFERRED, ""},
		{MILTER_CONNECTION_FAILS, "", ENGINE_DEFERRED, ""},
		{MILTER_DISCARD, "", ENGINE_DISCARDED, ""},
		{MILTER_REPLY, "550 5.7.1 not today", ENGINE_REFUSED, "not today"},
		{MILTER_REPLY, "451 4.7.1 later", ENGINE_DEFERRED, "later"},
		{MILTER_REPLY, "554-5.7.1 100%% is\r\n554 5.7.1 too\tmuch", ENGINE_REFUSED, "100% is too?much"},
		{MILTER_REPLY, "550 192.0.2.1 is known", ENGINE_REFUSED, "192.0.2.1 is known"},
		{MILTER_REPLY, "250 2.0.0 fine", ENGINE_ERROR, "its reply has no code"},
		{MILTER_REPLY, "", ENGINE_ERROR, "its reply has no code"},
		{'?', "", ENGINE_ERROR, "it doesn't answer like a milter"},
		{MILTER_ADD_FIELD, "X", ENGINE_ERROR, "what it wants changed can't be read"},
		{MILTER_CHANGE_FIELD, "X", ENGINE_ERROR, "what it wants changed can't be read"},
		{MILTER_QUARANTINE, "", ENGINE_ERROR, "what it wants changed can't be read"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct conversation conversation;
		go_to_the_end(&conversation);
		struct slice data = slice_of(rows[i].data);
		answer_with(&conversation, rows[i].command, -1, rows[i].command == MILTER_REPLY ? slice_make(data.at, data.len + 1) : data);
		assert_true(conversation.talk.done);
		assert_int_equal(conversation.result.outcome, rows[i].outcome);
		assert_string_equal(conversation.result.text, rows[i].text);
		end(&conversation);
	}
}

static void what_it_wants_beyond_is_an_error(void **state)
{
	static const struct {
		uint32_t version, actions, steps;
		const char *text;
	} rows[] = {
		{1, 0, 0, "it speaks another version of the protocol"},
		{7, 0, 0, "it speaks another version of the protocol"},
		{6, 0x200, 0, "it wants more than it was offered"},
		{6, 0, 0x200000, "it wants more than it was offered"},
	};
	(void)state;
	struct conversation conversation;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		begin(&conversation);
		negotiate_version(&conversation, rows[i].version, rows[i].actions, rows[i].steps, SLICE(""));
		assert_int_equal(conversation.result.outcome, ENGINE_ERROR);
		assert_string_equal(conversation.result.text, rows[i].text);
		end(&conversation);
	}
	begin(&conversation);
	negotiate_version(&conversation, 6, 0, 0x27f, SLICE(""));
	answer_with(&conversation, MILTER_ADD_FIELD, -1, slice_make("X\0y\0", 4));
	assert_string_equal(conversation.result.text, "it does what it hadn't said that it would");
	end(&conversation);
	begin(&conversation);
	negotiate_version(&conversation, 6, 0x1ff, 0, slice_make("\0\0\0\7j", 6));
	assert_string_equal(conversation.result.text, "the macros that it chooses can't be read");
	end(&conversation);
}

static void change_all(struct conversation *conversation)
{
	answer_with(conversation, MILTER_ADD_FIELD, -1, slice_make("X-Last\0 at the end\0", 19));
	answer_with(conversation, MILTER_INSERT_FIELD, 0, slice_make("X-First\0 at the front\n of all\0", 30));
	answer_with(conversation, MILTER_CHANGE_FIELD, 2, slice_make("x-two\0 three\0", 13));
	answer_with(conversation, MILTER_CHANGE_FIELD, 1, slice_make("Subject\0\0", 9));
	answer_with(conversation, MILTER_CHANGE_FIELD, 1, slice_make("X-New\0 new\0", 11));
	answer_with(conversation, MILTER_REPLACE_BODY, -1, SLICE("Good\r"));
	answer_with(conversation, MILTER_REPLACE_BODY, -1, SLICE("\nbye.\nAnn"));
	answer_with(conversation, MILTER_CHANGE_SENDER, -1, slice_make("<bounces@example.org>\0", 22));
	answer_with(conversation, MILTER_REMOVE_RECIPIENT, -1, slice_make("<eve@example.test>\0", 19));
	answer_with(conversation, MILTER_ADD_RECIPIENT, -1, slice_make("<archive@example.test>\0", 23));
	answer_with(conversation, MILTER_ADD_RECIPIENT, -1, slice_make("<a b@example.test>\0", 19));
	answer_with(conversation, MILTER_QUARANTINE, -1, slice_make("looks odd\0", 10));
}

static bool take_edit(void *context, const struct engine_edit *edit)
{
	return buf_printf(context, "%d+%d[%.*s]", (int)edit->at, (int)edit->len, SLICE_ARG(edit->text));
}

static void the_message_is_changed(void **state)
{
	(void)state;
	struct conversation conversation;
	struct buf edits = BUF(10000);
	go_to_the_end(&conversation);
	change_all(&conversation);
	assert_false(conversation.talk.done);
	answer(&conversation, MILTER_CONTINUE);
	assert_int_equal(conversation.result.outcome, ENGINE_SET_APART);
	assert_string_equal(conversation.result.text, "looks odd");
	expect_header(&conversation, "Received: from x by us\r\nX-First: at the front\r\n of all\r\nFrom: Ann <ann@example.org>\r\nX-Two: one\r\nX-Two: three\r\nX-Last: at the end\r\nX-New: new\r\n\r\n");
	assert_true(slice_equal(conversation.letter.body, SLICE("Good\r\nbye.\r\nAnn\r\n")));
	assert_true(slice_equal(conversation.letter.sender, SLICE("bounces@example.org")));
	assert_true(conversation.letter.recipients[1].removed && !conversation.letter.recipients[0].removed);
	assert_int_equal(conversation.letter.recipient_count, 3);
	assert_true(slice_equal(conversation.letter.recipients[2].address, SLICE("archive@example.test")));
	assert_true(engine_letter_edits(&conversation.letter, take_edit, &edits));
	assert_string_equal(edits.at, "24+0[X-First: at the front\r\n of all\r\n]65+39[X-Two: three\r\nX-Last: at the end\r\nX-New: new\r\n]");
	buf_free(&edits);
	end(&conversation);
}

static void who_dies_has_changed_nothing(void **state)
{
	(void)state;
	struct conversation conversation;
	go_to_the_end(&conversation);
	change_all(&conversation);
	engine_talk_ended(&conversation.talk);
	assert_int_equal(conversation.result.outcome, ENGINE_ERROR);
	assert_false(engine_letter_is_changed(&conversation.letter));
	assert_false(conversation.letter.sender_changed || conversation.letter.recipients_changed);
	end(&conversation);
}

static bool is_ours_not(void *context, struct slice name, struct slice value)
{
	(void)context, (void)value;
	return !slice_equal_nocase(name, SLICE("Return-Path"));
}

static void what_isnt_allowed_is_left_out(void **state)
{
	(void)state;
	struct conversation conversation;
	go_to_the_end(&conversation);
	conversation.letter.allows = is_ours_not;
	answer_with(&conversation, MILTER_ADD_FIELD, -1, slice_make("Return-Path\0 <x>\0", 17));
	answer_with(&conversation, MILTER_ADD_FIELD, -1, slice_make("A b\0 c\0", 7));
	answer_with(&conversation, MILTER_ADD_FIELD, -1, slice_make("A:\0 c\0", 6));
	answer_with(&conversation, MILTER_ADD_FIELD, -1, slice_make("X-A\0 b\r\n\r\nBody\1: c\0", 20));
	answer_with(&conversation, MILTER_CHANGE_FIELD, 9, slice_make("X-Two\0\0", 7)); /* there is none that could be removed: nothing to do */
	answer(&conversation, MILTER_ACCEPT);
	assert_int_equal(conversation.result.outcome, ENGINE_CHANGED);
	assert_string_equal(conversation.result.text, "2 changes, 3 left out");
	expect_header(&conversation, "Received: from x by us\r\nFrom: Ann <ann@example.org>\r\nX-Two: one\r\nSubject: a long\r\n\tsubject\r\nX-Two: two\r\nX-A: b\r\n\tBody?: c\r\n\r\n");
	end(&conversation);
}

static void too_much_is_an_error(void **state)
{
	(void)state;
	struct conversation conversation;
	char line[60000];
	go_to_the_end(&conversation);
	for (int i = 0; i <= ENGINE_CHANGES_MAX; i++)
		answer_with(&conversation, MILTER_ADD_FIELD, -1, slice_make("X\0 y\0", 5));
	assert_string_equal(conversation.result.text, "it wants too much changed");
	end(&conversation);
	go_to_the_end(&conversation);
	memset(line, 'b', sizeof line);
	for (int i = 0; i < 18; i++)
		answer_with(&conversation, MILTER_REPLACE_BODY, -1, slice_make(line, sizeof line));
	assert_string_equal(conversation.result.text, "the body that it wants is too large");
	end(&conversation);
	go_to_the_end(&conversation);
	engine_talk_input(&conversation.talk, slice_make("\177\0\0\0b", 5));
	assert_string_equal(conversation.result.text, "it doesn't answer like a milter");
	end(&conversation);
	go_to_the_end(&conversation);
	answer_with(&conversation, MILTER_REPLACE_BODY, -1, slice_make("a\0b", 3));
	assert_string_equal(conversation.result.text, "the body that it wants has a NUL in it");
	end(&conversation);
}

static void it_speaks_when_it_is_asked(void **state)
{
	(void)state;
	struct conversation conversation;
	begin(&conversation);
	negotiate(&conversation, MILTER_QUIET_CONNECT); /* the question after that is waited for */
	answer(&conversation, MILTER_ADD_FIELD);
	assert_string_equal(conversation.result.text, "it doesn't answer like a milter");
	end(&conversation);
	begin(&conversation);
	answer(&conversation, MILTER_CONTINUE);
	assert_string_equal(conversation.result.text, "it doesn't answer like a milter");
	end(&conversation);
	struct buf many = BUF(100000);
	for (int i = 0; i <= ENGINE_FIELDS_MAX + HIDDEN; i++)
		buf_append_text(&many, "a:\r\n");
	begin_about(&conversation, buf_slice(&many));
	assert_string_equal(conversation.result.text, "the message has more header fields than a milter is asked about");
	end(&conversation);
	buf_free(&many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step_is_waited_for),
		cmocka_unit_test(what_gets_no_answer_isnt_waited_for),
		cmocka_unit_test(what_it_doesnt_want_is_left_out),
		cmocka_unit_test(it_chooses_its_macros),
		cmocka_unit_test(a_long_body_comes_in_pieces),
		cmocka_unit_test(answers_have_a_meaning),
		cmocka_unit_test(what_it_wants_beyond_is_an_error),
		cmocka_unit_test(the_message_is_changed),
		cmocka_unit_test(who_dies_has_changed_nothing),
		cmocka_unit_test(what_isnt_allowed_is_left_out),
		cmocka_unit_test(too_much_is_an_error),
		cmocka_unit_test(it_speaks_when_it_is_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
