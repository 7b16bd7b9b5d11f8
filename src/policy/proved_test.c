/* From whom a message is shown to be: only what vouches for the author's domain counts, and only where there is one author. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "policy/proved.h"

static bool is_author(const char *from, const struct policy_verdict *verdict, const char *expected)
{
	struct arena *arena = arena_new();
	struct slice header = arena_printf(arena, "Subject: x\r\n%s\r\n", from), author = policy_proved_author(header, verdict, arena);
	bool same = slice_equal(author, slice_of(expected));
	arena_free(&arena);
	return same;
}

static void a_proved_domain_has_an_author(void **state)
{
	(void)state;
	const struct policy_verdict passed = {.dmarc = {.result = DMARC_PASS, .author = SLICE("example.org")}};
	assert_true(is_author("From: Ann <Ann@Example.ORG>\r\n", &passed, "ann@example.org"));
	assert_true(is_author("From: \"a b\"@example.org\r\n", &passed, ""));
	assert_true(is_author("From: Ann <ann@example.org>, Bob <bob@example.org>\r\n", &passed, ""));
	assert_true(is_author("From: nobody\r\n", &passed, ""));
	assert_true(is_author("From: Ann <ann@other.example>\r\n", &passed, ""));
	assert_true(is_author("", &passed, ""));
}

static void a_from_line_alone_proves_nothing(void **state)
{
	(void)state;
	struct policy_verdict verdict = {.spf = {.result = SPF_PASS, .domain = SLICE("other.example")}, .dmarc = {.result = DMARC_NONE, .author = SLICE("example.org")}};
	assert_true(is_author("From: ann@example.org\r\n", &verdict, ""));
	verdict.spf.domain = SLICE("example.org");
	assert_true(is_author("From: ann@example.org\r\n", &verdict, "ann@example.org"));
	verdict.dmarc.result = DMARC_FAIL;
	assert_true(is_author("From: ann@example.org\r\n", &verdict, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_proved_domain_has_an_author),
		cmocka_unit_test(a_from_line_alone_proves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
