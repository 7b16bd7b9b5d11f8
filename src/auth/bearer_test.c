/* The messages of OAUTHBEARER and XOAUTH2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "auth/bearer.h"
#include "base/memory.h"

struct example { const char *text, *name, *token; };

static void examples(void **state)
{
	static const struct example cases[] = {
		/* RFC 7628 §4.1 */
		{"n,a=user@example.com,\1host=server.example.com\1port=143\1auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1", "user@example.com",
		 "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="},
		{"n,,\1auth=Bearer abc\1\1", "", "abc"},
		{"y,a=a=2Cb=3D,\1auth=bearer a.b\1\1", "a,b=", "a.b"},
	};
	struct arena *arena = arena_new();
	struct sasl_bearer found;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_true(sasl_bearer_parse(slice_of(cases[i].text), arena, &found));
		assert_true(slice_equal(found.name, slice_of(cases[i].name)));
		assert_true(slice_equal(found.token, slice_of(cases[i].token)));
	}
	assert_true(sasl_xoauth2_parse(SLICE("user=anna@example.test\1auth=Bearer abc\1\1"), &found));
	assert_true(slice_equal(found.name, SLICE("anna@example.test")) && slice_equal(found.token, SLICE("abc")));
	arena_free(&arena);
}

static void what_is_none(void **state)
{
	static const char *const cases[] = {
		"", "n", "n,", "n,,", "n,,\1", "n,,\1\1", "n,,\1auth=Bearer abc", "n,,\1auth=Bearer abc\1", "n,,\1auth=Bearer abc\1\1x", "n,,\1auth=Basic abc\1\1", "n,,\1auth=Bearer a b\1\1",
		"n,,\1auth=Bearer \1\1", "n,,\1auth=Bearer a\1auth=Bearer b\1\1", "p=tls-unique,,\1auth=Bearer abc\1\1", "n,b=x,\1auth=Bearer abc\1\1", "n,a=x=,\1auth=Bearer abc\1\1",
		"n,a=x=20,\1auth=Bearer abc\1\1", "n,,auth=Bearer abc\1\1", "n,,\1=x\1auth=Bearer abc\1\1", "n,,\1host\1auth=Bearer abc\1\1",
	};
	struct arena *arena = arena_new();
	struct sasl_bearer found;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *copy = memory_copy(cases[i], strlen(cases[i]));
		assert_false(sasl_bearer_parse(slice_make(copy, strlen(cases[i])), arena, &found));
		assert_false(sasl_xoauth2_parse(slice_make(copy, strlen(cases[i])), &found));
		free(copy);
	}
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(examples), cmocka_unit_test(what_is_none)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
