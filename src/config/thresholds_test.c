/* Thresholds of points: the nearest says it, and a message for several is asked what all agree upon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "config/thresholds.h"

static const struct config_thresholds nothing;

static struct config *options(const char *text)
{
	struct error error;
	struct config *config = config_parse(slice_of(text), "test", &error);
	assert_non_null(config);
	return config;
}

static void assert_same(struct config_thresholds a, struct config_thresholds b)
{
	if (!config_thresholds_are_same(a, b))
		fail_msg("%d %d %d %d, not %d %d %d %d", a.tag, a.junk, a.quarantine, a.reject, b.tag, b.junk, b.quarantine, b.reject);
}

static void the_nearest_counts_for_each_of_the_four(void **state)
{
	(void)state;
	struct config *config = options("spam_junk = \"-0.5\"\n");
	struct config_thresholds domain = {.junk = 700, .quarantine = 900}, account = {.junk = 800, .reject = THRESHOLD_NEVER};
	assert_same(config_thresholds_of(config), (struct config_thresholds){300, -50, 99900, 1500});
	assert_same(config_thresholds_over(account, config_thresholds_over(domain, config_thresholds_of(config))), (struct config_thresholds){300, 800, 900, THRESHOLD_NEVER});
	config_free(&config);
}

static void one_who_agrees_with_himself_is_asked_what_he_says(void **state)
{
	(void)state;
	struct config *config = options("");
	const struct config_thresholds strict = {.reject = 200};
	assert_same(config_thresholds_join(config, strict, strict), strict);
	assert_same(config_thresholds_join(config, nothing, nothing), nothing);
	config_free(&config);
}

static void a_message_for_several_is_asked_what_all_agree_upon(void **state)
{
	(void)state;
	struct config *config = options("");
	const struct config_thresholds strict = {.reject = 200}, mild = {.tag = 100, .junk = THRESHOLD_NEVER, .reject = THRESHOLD_NEVER}, shy = {.quarantine = 600};
	assert_same(config_thresholds_join(config, strict, nothing), (struct config_thresholds){300, 500, 1500, 1500});
	assert_same(config_thresholds_join(config, nothing, mild), (struct config_thresholds){100, THRESHOLD_NEVER, 99900, THRESHOLD_NEVER});
	assert_same(config_thresholds_join(config, strict, shy), (struct config_thresholds){300, 500, 600, 1500}); /* neither would have seen it from 6 on */
	struct config_thresholds one = config_thresholds_join(config, config_thresholds_join(config, strict, shy), mild);
	assert_same(one, config_thresholds_join(config, strict, config_thresholds_join(config, shy, mild))); /* in any order */
	config_free(&config);
}

static void what_crosses_is_a_threshold(void **state)
{
	(void)state;
	struct buf out = BUF(256);
	const struct config_thresholds sent = {-99999, THRESHOLD_CONFIGURED, THRESHOLD_MOST, THRESHOLD_NEVER};
	config_thresholds_put(&out, sent);
	struct wire_reader reader = {.rest = buf_slice(&out)};
	assert_same(config_thresholds_read(&reader), sent);
	assert_true(wire_end(&reader));
	for (size_t len = 0; len < out.len; len++) {
		reader = (struct wire_reader){.rest = slice_make(out.at, len)};
		config_thresholds_read(&reader);
		assert_false(wire_end(&reader));
	}
	static const int wrong[] = {THRESHOLD_MOST + 1, -THRESHOLD_MOST - 1, THRESHOLD_NEVER - 1};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		buf_clear(&out);
		config_thresholds_put(&out, (struct config_thresholds){.reject = wrong[i]});
		reader = (struct wire_reader){.rest = buf_slice(&out)};
		config_thresholds_read(&reader);
		assert_true(reader.broken);
	}
	buf_free(&out);
}

static void the_log_can_be_read_again(void **state)
{
	(void)state;
	char text[THRESHOLDS_TEXT_MAX];
	const struct config_thresholds written = {-50, THRESHOLD_CONFIGURED, 99999, THRESHOLD_NEVER};
	struct config_thresholds read;
	config_thresholds_format(written, text);
	assert_string_equal(text, "-0.50 - 999.99 off");
	assert_true(config_thresholds_parse(slice_of(text), &read));
	assert_same(read, written);
	static const char *const wrong[] = {"", "1 2 3", "1 2 3 4 5", "1 2 3 never", "1 2  3 4"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(config_thresholds_parse(slice_of(wrong[i]), &read));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_counts_for_each_of_the_four),
		cmocka_unit_test(one_who_agrees_with_himself_is_asked_what_he_says),
		cmocka_unit_test(a_message_for_several_is_asked_what_all_agree_upon),
		cmocka_unit_test(what_crosses_is_a_threshold),
		cmocka_unit_test(the_log_can_be_read_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
