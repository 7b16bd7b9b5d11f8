/* Unit tests of base subjects: RFC 5256 §2.1, rule by rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/clock.h"
#include "message/subject.h"

static struct arena *arena;

static void assert_base(const char *subject, const char *base)
{
	struct slice found = subject_base(slice_of(subject), arena);
	if (!slice_equal(found, slice_of(base)))
		fail_msg("\"%s\": \"%.*s\", not \"%s\"", subject, SLICE_ARG(found), base);
}

static void what_programs_add_is_taken_off(void **state)
{
	(void)state;
	static const struct { const char *subject, *base; } cases[] = {
		{"hello", "hello"}, {"", ""}, {"Re: hello", "hello"}, {"RE: re:Fwd: FW: hello", "hello"}, {"Re : hello", "hello"},
		{"Re: [list] hello", "hello"}, {"[list] Re: hello", "hello"}, {"[list] [other] hello", "hello"}, {"[list]", "[list]"},
		{"[a] [b]", "[b]"}, {"Re: [list]", "[list]"}, {"Re[2]: hello", "hello"}, {"Re [a]: hello", "hello"}, {"hello (fwd)", "hello"},
		{"hello (FWD) (fwd) ", "hello"}, {"[Fwd: hello]", "hello"}, {"[Fwd: Re: [fwd: [list] hello (fwd)]]", "hello"}, {"[fwd: hello", "[fwd: hello"},
		{"Re:", ""}, {"Re: Re:", ""}, {"Regarding: hello", "Regarding: hello"}, {"re hello", "re hello"}, {"[a[b] hello", "[a[b] hello"},
		{"hello\r\n\t  there", "hello there"}, {"=?utf-8?q?Re=3A_h=C3=A9llo?=", "héllo"}, {"Re: =?utf-8?b?aMOpbGxv?=", "héllo"},
		{"[ ] Fwd:  [x]y ", "y"}, {"Fwdx: y", "Fwdx: y"}, {"  hello ", "hello"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_base(cases[i].subject, cases[i].base);
}

static void answers_have_the_topic_of_what_they_answer(void **state)
{
	(void)state;
	static const char *const same[] = {"Grüße vom  Meer", "AW: Grüße vom Meer", "Re: AW: grüße VOM meer", "Antw: [list] WG: Grüße vom Meer",
		"=?utf-8?q?Re=3A_Gr=C3=BC=C3=9Fe_vom_Meer?=", "回复：Grüße vom Meer", "Grüße vomMeer (fwd)"};
	struct slice topic = subject_topic(slice_of(same[0]), arena);
	assert_true(topic.len > 0);
	for (size_t i = 1; i < sizeof same / sizeof *same; i++)
		if (!slice_equal(subject_topic(slice_of(same[i]), arena), topic))
			fail_msg("%s", same[i]);
	assert_false(slice_equal(subject_topic(SLICE("Re: Grüße"), arena), topic));
	assert_int_equal(subject_topic(SLICE(" Re: "), arena).len, 0);
}

/* Each doubling of the length may double the time, not more: no rule is tried again and again from the beginning. */
static void long_subjects_take_linear_time(void **state)
{
	(void)state;
	static const char *const units[] = {"[a]", "Re:", "[fwd:", "(fwd)", "[", "[a] re:", "re[", "aw:"};
	enum { LENGTH = 1 << 20, ENOUGH_MS = 4000 };
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		char *text = arena_alloc(arena, LENGTH);
		for (size_t at = 0, len = strlen(units[i]); at + len < LENGTH; at += len)
			memcpy(text + at, units[i], len);
		int64_t before = clock_monotonic_ms();
		subject_topic(slice_make(text, LENGTH - 1), arena);
		assert_true(clock_monotonic_ms() - before < ENOUGH_MS);
	}
}

static int begin(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_programs_add_is_taken_off, begin, end),
		cmocka_unit_test_setup_teardown(answers_have_the_topic_of_what_they_answer, begin, end),
		cmocka_unit_test_setup_teardown(long_subjects_take_linear_time, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
