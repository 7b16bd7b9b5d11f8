/* The code of `pombal setup`: as it is made, and as people type it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/self_signed.h"
#include "cli/setup.h"

static void test_made(void **state)
{
	(void)state;
	char code[CLI_SETUP_CODE_SIZE], other[CLI_SETUP_CODE_SIZE];
	cli_setup_code_make(code);
	cli_setup_code_make(other);
	assert_int_equal(strlen(code), CLI_SETUP_CODE_SIZE - 1);
	assert_int_equal(code[4], '-');
	assert_int_equal(code[9], '-');
	assert_true(cli_setup_code_fits(slice_of(code), slice_of(code)));
	assert_false(cli_setup_code_fits(slice_of(code), slice_of(other)));
}

static void test_typed(void **state)
{
	(void)state;
	static const struct { const char *typed; bool fits; } rows[] = {
		{"K7QF-3MXP-9TWB", true}, {"k7qf-3mxp-9twb", true}, {"k7qf3mxp9twb", true}, {"  K7QF 3MXP 9TWB\n", true}, {"K-7-Q-F-3-M-X-P-9-T-W-B-", true},
		{"", false}, {"-", false}, {"K7QF-3MXP-9TW", false}, {"K7QF-3MXP-9TWBB", false}, {"K7QF-3MXP-9TWC", false}, {"27QF-3MXP-9TWB", false}, {"K7QF_3MXP_9TWB", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(cli_setup_code_fits(SLICE("K7QF-3MXP-9TWB\n"), slice_of(rows[i].typed)), rows[i].fits);
	assert_false(cli_setup_code_fits(SLICE(""), SLICE(""))); /* a file that is empty lets nobody in */
}

/* The digest as the certificate's DER has it. */
static void test_fingerprint(void **state)
{
	(void)state;
	struct buf chain = BUF(16384), key = BUF_SECRET(16384), twice = BUF(32768);
	struct error error;
	char one[CLI_FINGERPRINT_SIZE], other[CLI_FINGERPRINT_SIZE];
	assert_true(cli_self_signed_make("mail.example.org", "example.org", &chain, &key, &error));
	cli_setup_fingerprint(buf_slice(&chain), one);
	assert_int_equal(strlen(one), 32 * 3 - 1);
	buf_append_text(&twice, "12 34 name\n");
	buf_append(&twice, buf_slice(&chain));
	buf_append(&twice, buf_slice(&key));
	cli_setup_fingerprint(buf_slice(&twice), other);
	assert_string_equal(one, other);
	cli_setup_fingerprint(SLICE("nothing"), one);
	assert_string_equal(one, "");
	buf_free(&chain);
	buf_free(&key);
	buf_free(&twice);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_made), cmocka_unit_test(test_typed), cmocka_unit_test(test_fingerprint)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
