/* Programs' numbers, redirect URIs, verifiers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "auth/oauth_client.h"

static const char key[OAUTH_KEY_SIZE] = "a key", other_key[OAUTH_KEY_SIZE] = "another key";

static void numbers(void **state)
{
	struct arena *arena = arena_new();
	struct buf id = BUF(AUTH_CLIENT_ID_MAX);
	struct slice name, redirects;
	(void)state;
	assert_true(oauth_client_seal(key, SLICE("Thunderbird"), SLICE("http://127.0.0.1/ org.example:/back"), &id));
	assert_true(oauth_client_open(key, buf_slice(&id), arena, &name, &redirects));
	assert_true(slice_equal(name, SLICE("Thunderbird")) && slice_equal(redirects, SLICE("http://127.0.0.1/ org.example:/back")));
	assert_false(oauth_client_open(other_key, buf_slice(&id), arena, &name, &redirects));
	for (size_t i = 0; i < id.len; i++) {
		char was = id.at[i];
		id.at[i] = was == 'A' ? 'B' : 'A';
		assert_false(oauth_client_open(key, buf_slice(&id), arena, &name, &redirects));
		id.at[i] = was;
		assert_false(oauth_client_open(key, slice_sub(buf_slice(&id), 0, i), arena, &name, &redirects));
	}
	buf_append_char(&id, '=');
	assert_false(oauth_client_open(key, buf_slice(&id), arena, &name, &redirects));
	buf_free(&id);
	arena_free(&arena);
}

static void redirects(void **state)
{
	static const char *const good[] = {"http://127.0.0.1/", "http://127.0.0.1:8080/a?b=c", "http://[::1]/", "http://[::1]:1/x", "org.example.app:/", "com.example:/back?x=1", "a.b-c+d:/"};
	static const char *const bad[] = {
		"", "http://127.0.0.1", "http://127.0.0.1:/", "http://127.0.0.1:0/", "http://127.0.0.1:65536/", "http://127.0.0.1:1x/", "http://127.0.0.1.evil.test/", "http://127.0.0.1@evil.test/",
		"http://127.0.0.1:80@evil.test/", "http://127.0.0.2/", "http://localhost/", "https://127.0.0.1/", "https://evil.test/", "http://evil.test/", "http://[::2]/", "javascript:alert(1)",
		"data:text/html,x", "javascript:/a.b", "file:/a.b", "org.example:", "org.example:x", "1a.b:/", "http://127.0.0.1/#x", "http://127.0.0.1/..", "org.example:/a/../b", "org.example:/ x",
		"org.example:/\"x", "org.example:/\xc3\xa4", "http://127.0.0.1\\@evil.test/", "http:/127.0.0.1/",
	};
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(auth_redirect_is_native(slice_of(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (auth_redirect_is_native(slice_of(bad[i])))
			fail_msg("%s", bad[i]);
}

/* Byte by byte, but for a loopback address's port. */
static void registered(void **state)
{
	struct slice list = SLICE("http://127.0.0.1/back org.example:/back");
	(void)state;
	assert_true(oauth_client_has_redirect(list, SLICE("http://127.0.0.1/back")));
	assert_true(oauth_client_has_redirect(list, SLICE("http://127.0.0.1:49152/back")));
	assert_true(oauth_client_has_redirect(list, SLICE("org.example:/back")));
	static const char *const others[] = {
		"http://127.0.0.1/", "http://127.0.0.1/back/", "http://127.0.0.1/back?x", "http://[::1]/back", "HTTP://127.0.0.1/back", "org.example:/back2", "org.example:/", "org.example:/back ",
		"http://127.0.0.1/back org.example:/back", "http://evil.test/back", "",
	};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_false(oauth_client_has_redirect(list, slice_of(others[i])));
}

static void verifiers(void **state)
{
	(void)state;
	/* RFC 7636, appendix B */
	assert_true(oauth_verifier_fits(SLICE("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), SLICE("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")));
	assert_false(oauth_verifier_fits(SLICE("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK"), SLICE("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")));
	assert_false(oauth_verifier_fits(SLICE("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), SLICE("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"))); /* "plain" */
	assert_false(oauth_verifier_fits(SLICE("short"), SLICE("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")));
	assert_false(oauth_verifier_fits(SLICE(""), SLICE("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(numbers), cmocka_unit_test(redirects), cmocka_unit_test(registered), cmocka_unit_test(verifiers)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
