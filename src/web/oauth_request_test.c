/* What programs ask for with OAuth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/memory.h"
#include "web/oauth_request.h"

#define CHALLENGE "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
#define GOOD "response_type=code&client_id=a%20b&state=x%26y&" CHALLENGE

static const char *wrong(const char *form, struct arena *arena, struct web_oauth_request *request)
{
	char *copy = memory_copy(form, strlen(form));
	web_oauth_request_read(slice_make(copy, strlen(form)), arena, request);
	free(copy);
	const char *error = web_oauth_request_check(request, SLICE("mail.example.test"), SLICE("other.example.test"));
	return error ? error : "";
}

static void what_is_right(void **state)
{
	struct arena *arena = arena_new();
	struct web_oauth_request request;
	(void)state;
	assert_string_equal(wrong(GOOD "&unknown=x&resource=https://mail.example.test:8443/jmap&resource=imaps://OTHER.example.test", arena, &request), "");
	assert_true(slice_equal(request.client_id, SLICE("a b")) && slice_equal(request.state, SLICE("x&y")));
	assert_true(slice_equal(request.resource, SLICE("https://mail.example.test:8443/jmap imaps://OTHER.example.test")));
	assert_int_equal(request.scopes, AUTH_MAY_READ | AUTH_MAY_CHANGE | AUTH_MAY_SEND);
	assert_string_equal(wrong(GOOD "&scope=offline_access+urn%3Aietf%3Aparams%3Aoauth%3Ascope%3Amail", arena, &request), "");
	arena_free(&arena);
}

static void what_is_wrong(void **state)
{
	static const struct { const char *form, *error; } cases[] = {
		{"", "invalid_request"}, {CHALLENGE, "invalid_request"}, {"response_type=token&" CHALLENGE, "unsupported_response_type"}, {"response_type=code", "invalid_request"},
		{GOOD "&state=twice", "invalid_request"}, {GOOD "&scope=openid", "invalid_scope"}, {GOOD "&scope=%ff", "invalid_request"}, {GOOD "&scope=%00", "invalid_request"},
		{GOOD "&resource=https://evil.test/", "invalid_target"}, {GOOD "&resource=https://mail.example.test@evil.test/", "invalid_target"},
		{GOOD "&resource=https://evil.test?mail.example.test", "invalid_target"}, {GOOD "&resource=mail.example.test", "invalid_target"}, {GOOD "&resource=", ""},
		{GOOD "&resource=https://mail.example.test/%23x", "invalid_target"}, {GOOD "&resource=https://evil.test%5c@mail.example.test/", "invalid_target"},
		{"response_type=code&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "invalid_request"},
		{"response_type=code&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM&code_challenge_method=S256", "invalid_request"},
		{"response_type=code&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=plain", "invalid_request"},
	};
	struct arena *arena = arena_new();
	struct web_oauth_request request;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (strcmp(wrong(cases[i].form, arena, &request), cases[i].error) != 0)
			fail_msg("%s: %s", cases[i].form, wrong(cases[i].form, arena, &request));
	arena_free(&arena);
}

static void where_a_form_may_lead(void **state)
{
	static const struct { const char *redirect, *sources; } cases[] = {
		{"http://127.0.0.1:49152/back", "'self' http://127.0.0.1:*"}, {"http://[::1]:1/", "'self' http:"}, {"org.example.app:/back", "'self' org.example.app:"}, {"", "'self'"}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = BUF(200);
		web_oauth_put_form_action(&out, slice_of(cases[i].redirect));
		assert_true(slice_equal(buf_slice(&out), slice_of(cases[i].sources)));
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_right), cmocka_unit_test(what_is_wrong), cmocka_unit_test(where_a_form_may_lead)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
