/* From which domain a message was shown to be: only our own field says that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "training/origin.h"

static bool is_origin(const char *header, const char *expected)
{
	struct arena *arena = arena_new();
	bool same = slice_equal(training_origin(slice_of(header), arena), slice_of(expected));
	arena_free(&arena);
	return same;
}

#define OURS "Return-Path: <a@good.example>\r\nAuthentication-Results: mx.example; spf=pass smtp.mailfrom=a@good.example; dmarc=pass header.from=Good.example policy.dmarc=none\r\n"
#define WAY "Received: from a by b; Sat, 28 Nov 2026 10:00:00 +0000\r\n"

static void only_our_field_counts(void **state)
{
	(void)state;
	assert_true(is_origin(OURS WAY "From: a@good.example\r\n\r\n", "good.example"));
	assert_true(is_origin(WAY OURS "From: a@good.example\r\n\r\n", ""));
	assert_true(is_origin("Authentication-Results: mx.example; dmarc=fail header.from=good.example\r\n" OURS WAY "\r\n", ""));
	assert_true(is_origin("Authentication-Results: mx.example; none\r\n" WAY "\r\n", ""));
	assert_true(is_origin("Authentication-Results: mx.example; dmarc=pass header.from=\"a b\"\r\n\r\n", ""));
	assert_true(is_origin("Authentication-Results: \"\r\n\r\n", "") && is_origin("", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(only_our_field_counts)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
