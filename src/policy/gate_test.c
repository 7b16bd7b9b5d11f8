/* What is asked of the policy role at RCPT, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "policy/gate.h"

static void test_a_question_arrives_as_it_was_asked(void **state)
{
	(void)state;
	struct buf out = BUF(POLICY_GATE_QUESTION_MAX);
	struct policy_gate_question asked = {SLICE("\1\2\3\4"), SLICE("h.example"), SLICE("a@b.example"), SLICE("mx.example"), SLICE("anna@x.example"), THRESHOLD_NEVER}, heard;
	assert_true(policy_gate_question_encode(&asked, &out));
	assert_true(policy_gate_question_decode(buf_slice(&out), &heard));
	assert_true(slice_equal(heard.client, asked.client) && slice_equal(heard.helo, asked.helo) && slice_equal(heard.sender, asked.sender));
	assert_true(slice_equal(heard.receiver, asked.receiver) && slice_equal(heard.recipient, asked.recipient) && heard.reject == asked.reject);
	for (size_t len = 0; len < out.len; len++)
		assert_false(policy_gate_question_decode(slice_make(out.at, len), &heard));
	buf_free(&out);
}

static bool gets_through(enum policy_action action, struct slice reply)
{
	struct buf out = BUF(POLICY_GATE_ANSWER_MAX);
	struct policy_gate_answer given = {action, reply}, heard;
	assert_true(policy_gate_answer_encode(&given, &out));
	bool through = policy_gate_answer_decode(buf_slice(&out), &heard);
	assert_true(!through || (heard.action == action && slice_equal(heard.reply, reply)));
	buf_free(&out);
	return through;
}

static void test_an_answer_adds_no_line_to_a_reply(void **state)
{
	(void)state;
	assert_true(gets_through(POLICY_ACCEPT, SLICE("")));
	assert_true(gets_through(POLICY_REJECT, SLICE("go away")));
	assert_true(gets_through(POLICY_DEFER, SLICE("come again")));
	assert_false(gets_through(POLICY_REJECT, SLICE("")));
	assert_false(gets_through(POLICY_ACCEPT, SLICE("come in")));
	assert_false(gets_through(POLICY_JUNK, SLICE("")));
	static const char *const replies[] = {"a\r\n250 b", "a\nb", "a\tb", "\xc3\xa9"};
	for (size_t i = 0; i < sizeof replies / sizeof *replies; i++)
		assert_false(gets_through(POLICY_REJECT, slice_of(replies[i])));
}

static bool is_wanted(const char *text)
{
	struct error error;
	struct config *config = config_parse(slice_of(text), "test", &error);
	assert_non_null(config);
	bool wanted = policy_gate_is_wanted(config);
	config_free(&config);
	return wanted;
}

static void test_it_is_asked_only_for_what_can_refuse(void **state)
{
	(void)state;
	assert_false(is_wanted(""));
	assert_false(is_wanted("unknown_helo = \"warn\"\nclient_without_name = \"3\"\ndns_lists = {\"a.list 4\", \"b.list 20 kind=links do=reject\", \"c.list -2 do=permit\"}\n"));
	assert_true(is_wanted("unknown_helo = \"reject\"\n"));
	assert_false(is_wanted("unknown_helo = \"reject\"\nsender_checks = false\n"));
	assert_true(is_wanted("dns_lists = {\"a.list 4\", \"b.list 2 do=reject\"}\n"));
	assert_true(is_wanted("dns_lists = {\"a.list 15\"}\n"));
	assert_false(is_wanted("dns_lists = {\"a.list 15\"}\nspam_checks = false\n"));
	assert_true(is_wanted("access_deny = {\"192.0.2.0/24\"}\nsender_checks = false\n"));
	assert_true(is_wanted("access_for = {\"a.example allow=b.example deny=country=XX\"}\n"));
	assert_false(is_wanted("access_for = {\"a.example allow=b.example\"}\naccess_allow = {\"c.example\"}\n"));
	assert_true(is_wanted("greylist = \"suspicious\"\n"));
	assert_true(is_wanted("dns_lists = {\"a.list 4 answers=127.0.0.x&2:8,127.0.0.x&4:8\"}\n"));
}

static void test_who_must_hear_everybody(void **state)
{
	(void)state;
	assert_true(policy_gate_is_open(SLICE("Postmaster")) && policy_gate_is_open(SLICE("POSTMASTER@a.example")) && policy_gate_is_open(SLICE("abuse@a.example")));
	assert_false(policy_gate_is_open(SLICE("anna@postmaster")) || policy_gate_is_open(SLICE("postmaster+x@a.example")) || policy_gate_is_open(SLICE("")));
	assert_true(policy_gate_is_open_to_all(SLICE("abuse@a.example\npostmaster@b.example\n")));
	assert_false(policy_gate_is_open_to_all(SLICE("abuse@a.example\nanna@b.example\n")) || policy_gate_is_open_to_all(SLICE("")));
}

static void test_one_answer_is_for_a_domain(void **state)
{
	(void)state;
	assert_true(slice_equal(policy_gate_key(config_current(), SLICE("\"a@b\"@c.example")), SLICE("c.example")));
	assert_true(slice_equal(policy_gate_key(config_current(), SLICE("abuse")), SLICE("abuse")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_question_arrives_as_it_was_asked),
		cmocka_unit_test(test_an_answer_adds_no_line_to_a_reply),
		cmocka_unit_test(test_it_is_asked_only_for_what_can_refuse),
		cmocka_unit_test(test_who_must_hear_everybody),
		cmocka_unit_test(test_one_answer_is_for_a_domain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
