/* Votes: several accounts that agree teach everybody's words; one alone never does, whatever it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "policy/votes.h"

enum { AGREE = 3, DAY = 24 * 3600 };
static const int64_t now = 1795910400;

struct test {
	char folder[64], tokens[96], votes_path[96];
	struct policy_votes *votes;
};

static int set_up(void **state)
{
	struct test *test = calloc(1, sizeof *test);
	struct error error;
	snprintf(test->folder, sizeof test->folder, "/tmp/votes_test.XXXXXX");
	assert_non_null(mkdtemp(test->folder));
	snprintf(test->tokens, sizeof test->tokens, "%s/tokens", test->folder);
	snprintf(test->votes_path, sizeof test->votes_path, "%s/votes", test->folder);
	test->votes = policy_votes_open(test->folder, &error);
	assert_non_null(test->votes);
	*state = test;
	return 0;
}

static int tear_down(void **state)
{
	struct test *test = *state;
	policy_votes_close(&test->votes);
	unlink(test->tokens);
	unlink(test->votes_path);
	assert_int_equal(rmdir(test->folder), 0);
	free(test);
	return 0;
}

static enum policy_vote_outcome say(struct test *test, const char *account, enum classify_kind kind, const char *eight_bytes, int64_t when)
{
	struct policy_vote vote = {.account = slice_of(account), .kind = kind, .hashes = slice_make(eight_bytes, 8)};
	return policy_votes_count(test->votes, &vote, AGREE, when);
}

static enum policy_vote_outcome say_of_domain(struct test *test, const char *account, enum classify_kind kind, const char *domain, int64_t when)
{
	struct policy_vote vote = {.account = slice_of(account), .kind = kind, .domain = slice_of(domain)};
	return policy_votes_count_domain(test->votes, &vote, AGREE, when);
}

static struct classify_totals learned(const struct test *test)
{
	struct error error;
	struct classify_totals totals = {0};
	struct classify_store *store = classify_store_read(test->tokens, &error);
	if (store)
		classify_store_totals(store, &totals);
	classify_store_close(&store);
	return totals;
}

static void several_who_agree_are_believed(void **state)
{
	struct test *test = *state;
	struct error error;
	assert_int_equal(say(test, "a@x", CLASSIFY_SPAM, "one text", now), POLICY_VOTE_COUNTED);
	assert_int_equal(say(test, "a@x", CLASSIFY_SPAM, "one text", now), POLICY_VOTE_KNOWN);
	assert_int_equal(say(test, "b@x", CLASSIFY_SPAM, "one text", now), POLICY_VOTE_COUNTED);
	assert_int_equal(say(test, "b@x", CLASSIFY_SPAM, "two text", now), POLICY_VOTE_COUNTED);
	policy_votes_close(&test->votes); /* another start of the role */
	test->votes = policy_votes_open(test->folder, &error);
	assert_int_equal(learned(test).spam, 0);
	assert_int_equal(say(test, "c@x", CLASSIFY_SPAM, "one text", now + DAY), POLICY_VOTE_LEARNED);
	assert_true(learned(test).spam == 1 && learned(test).ham == 0 && learned(test).tokens == 1);
}

/* Who contradicts weighs as much; and minds may change. */
static void who_contradicts_counts(void **state)
{
	struct test *test = *state;
	say(test, "a@x", CLASSIFY_SPAM, "one text", now);
	say(test, "b@x", CLASSIFY_SPAM, "one text", now);
	say(test, "c@x", CLASSIFY_HAM, "one text", now);
	assert_int_equal(say(test, "d@x", CLASSIFY_SPAM, "one text", now), POLICY_VOTE_COUNTED);
	assert_int_equal(say(test, "c@x", CLASSIFY_SPAM, "one text", now), POLICY_VOTE_LEARNED);
	for (const char *const *who = (const char *const[]){"a@x", "b@x", "c@x", "d@x", NULL}; *who; who++)
		say(test, *who, CLASSIFY_HAM, "one text", now);
	assert_true(learned(test).spam == 0 && learned(test).ham == 1);
}

static void one_alone_changes_nothing(void **state)
{
	struct test *test = *state;
	char text[16];
	unsigned counted = 0, refused = 0;
	for (int i = 0; i < 10000; i++) {
		snprintf(text, sizeof text, "%08d", i);
		enum policy_vote_outcome outcome = say(test, "evil@x", CLASSIFY_SPAM, text, now);
		counted += outcome == POLICY_VOTE_COUNTED;
		refused += outcome == POLICY_VOTE_TOO_MANY;
	}
	assert_int_equal(counted, POLICY_VOTES_PER_DAY);
	assert_int_equal(refused, 10000 - POLICY_VOTES_PER_DAY);
	assert_int_equal(access(test->tokens, F_OK), -1);
	/* and keeps nobody else from being heard */
	say(test, "a@x", CLASSIFY_HAM, "00000001", now);
	say(test, "b@x", CLASSIFY_HAM, "00000001", now);
	say(test, "c@x", CLASSIFY_HAM, "00000001", now);
	assert_int_equal(say(test, "d@x", CLASSIFY_HAM, "00000001", now), POLICY_VOTE_LEARNED);
	assert_int_equal(say(test, "evil@x", CLASSIFY_SPAM, "tomorrow", now + DAY), POLICY_VOTE_COUNTED);
}

/* However much one account says of a domain, and of however many messages from it, it is one voice. */
static void one_alone_gives_no_domain_a_name(void **state)
{
	struct test *test = *state;
	assert_int_equal(say_of_domain(test, "evil@x", CLASSIFY_SPAM, "good.example", now), POLICY_VOTE_COUNTED);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(say_of_domain(test, "evil@x", CLASSIFY_SPAM, "good.example", now + i * DAY), POLICY_VOTE_KNOWN);
	assert_int_equal(say_of_domain(test, "evil@x", CLASSIFY_SPAM, "", now), POLICY_VOTE_KNOWN);
	assert_int_equal(say_of_domain(test, "a@x", CLASSIFY_SPAM, "good.example", now), POLICY_VOTE_COUNTED);
	assert_int_equal(say_of_domain(test, "b@x", CLASSIFY_HAM, "good.example", now), POLICY_VOTE_COUNTED);
	assert_int_equal(say_of_domain(test, "c@x", CLASSIFY_SPAM, "good.example", now), POLICY_VOTE_COUNTED);
	assert_int_equal(say_of_domain(test, "d@x", CLASSIFY_SPAM, "good.example", now), POLICY_VOTE_LEARNED);
	/* what is said of a text is another matter */
	assert_int_equal(say(test, "evil@x", CLASSIFY_SPAM, "one text", now), POLICY_VOTE_COUNTED);
	assert_int_equal(access(test->tokens, F_OK), -1);
}

static void what_crosses_is_checked(void **state)
{
	struct policy_vote vote = {.account = SLICE("a@x"), .kind = CLASSIFY_SPAM, .domain = SLICE("good.example"), .hashes = SLICE("12345678")}, read;
	struct buf out = BUF(1000);
	(void)state;
	assert_true(policy_vote_encode(&vote, &out) && policy_vote_decode(buf_slice(&out), &read));
	assert_true(slice_equal(read.account, vote.account) && read.kind == CLASSIFY_SPAM && slice_equal(read.hashes, vote.hashes) && slice_equal(read.domain, vote.domain));
	for (size_t i = 0; i < out.len; i++)
		assert_false(policy_vote_decode(slice_sub(buf_slice(&out), 0, i), &read));
	buf_clear(&out);
	vote.hashes.len = 7;
	assert_true(policy_vote_encode(&vote, &out) && !policy_vote_decode(buf_slice(&out), &read));
	buf_free(&out);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {TEST(several_who_agree_are_believed), TEST(who_contradicts_counts), TEST(one_alone_changes_nothing), TEST(one_alone_gives_no_domain_a_name), TEST(what_crosses_is_checked)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
