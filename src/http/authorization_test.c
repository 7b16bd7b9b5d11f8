/* The field Authorization. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/memory.h"
#include "http/authorization.h"

/* Of a copy of its own size, so that reading past its end is seen. */
static bool parse(const char *text, struct arena *arena, struct http_authorization *out)
{
	size_t length = strlen(text);
	char *copy = length > 0 ? memory_copy(text, length) : NULL;
	bool done = http_authorization_parse(slice_make(copy, length), arena, out);
	out->token = arena_copy(arena, out->token);
	free(copy);
	return done;
}

static void names_and_passwords(void **state)
{
	static const struct { const char *text, *name, *password; } cases[] = {
		{"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"}, /* RFC 7617 §2 */
		{"Basic dGVzdDoxMjPCow==", "test", "123\xc2\xa3"},                /* RFC 7617 §2.1 */
		{"bAsIc   YTpiOmM=", "a", "b:c"},
		{"Basic YTo=", "a", ""},
	};
	struct arena *arena = arena_new();
	struct http_authorization found;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_true(parse(cases[i].text, arena, &found));
		assert_int_equal(found.scheme, HTTP_BASIC);
		assert_true(slice_equal(found.name, slice_of(cases[i].name)));
		assert_true(slice_equal(found.password, slice_of(cases[i].password)));
	}
	arena_free(&arena);
}

static void tokens(void **state)
{
	struct arena *arena = arena_new();
	struct http_authorization found;
	(void)state;
	assert_true(parse("Bearer mF_9.B5f-4.1JqM", arena, &found)); /* RFC 6750 §2.1 */
	assert_int_equal(found.scheme, HTTP_BEARER);
	assert_true(slice_equal(found.token, SLICE("mF_9.B5f-4.1JqM")));
	assert_true(parse("bearer a==", arena, &found));
	arena_free(&arena);
}

static void what_is_none(void **state)
{
	static const char *const cases[] = {
		"", "Basic", "Basic ", "Basic !", "Basic YQ", "Basic OmI=" /* no name */, "Basic YQ==" /* no colon */, "Basic YTr/", "Basic YToA", "Bearer", "Bearer ", "Bearer a b",
		"Bearer =", "Bearer a=b", "Bearer a,", "Digest username=\"a\"", "Basic,", "BasicYTpi",
	};
	struct arena *arena = arena_new();
	struct http_authorization found;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_false(parse(cases[i], arena, &found));
	char *long_one = memory_new(HTTP_CREDENTIALS_MAX + 2);
	memcpy(long_one, "Bearer ", 7);
	memset(long_one + 7, 'a', HTTP_CREDENTIALS_MAX - 7);
	assert_true(parse(long_one, arena, &found));
	long_one[HTTP_CREDENTIALS_MAX] = 'a';
	assert_false(parse(long_one, arena, &found));
	free(long_one);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(names_and_passwords), cmocka_unit_test(tokens), cmocka_unit_test(what_is_none)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
