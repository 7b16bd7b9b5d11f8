/* Whether a message is junk for an account: its own threshold, the server's, and what is junk whatever it weighs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "config/config.h"
#include "courier/junk.h"

static const struct config_thresholds configured, never = {.junk = THRESHOLD_NEVER};

static struct config_thresholds from(int points) { return (struct config_thresholds){.junk = points}; }

static int set_up(void **state)
{
	struct error error;
	(void)state;
	config_set_current(config_parse(SLICE("hostname = \"mail.example.test\"\nspam_junk = \"4.5\"\n"), "test", &error));
	return config_current() ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	config_free_all();
	return 0;
}

static void the_nearest_threshold_decides(void **state)
{
	(void)state;
	const struct queue_message heavy = {.weighed = true, .points = 450, .junk = true}, light = {.weighed = true, .points = 449};
	assert_true(courier_junk_is(&heavy, configured, 0));
	assert_false(courier_junk_is(&light, configured, 0));
	assert_true(courier_junk_is(&light, from(449), 0));
	assert_false(courier_junk_is(&heavy, from(451), 0));
	assert_false(courier_junk_is(&heavy, never, 0));
	assert_false(courier_junk_is(&heavy, configured, -1));
	assert_true(courier_junk_is(&light, configured, 1));
}

static void what_is_suspect_is_junk_whatever_it_weighs(void **state)
{
	(void)state;
	const struct queue_message forged = {.weighed = true, .points = -300, .junk = true, .suspect = true};
	assert_true(courier_junk_is(&forged, configured, 0) && courier_junk_is(&forged, from(9000), -1000));
	assert_false(courier_junk_is(&forged, never, 0));
}

/* What was taken in by an earlier version, and what a person has let go. */
static void what_was_not_weighed_stays_what_it_was_judged_to_be(void **state)
{
	(void)state;
	const struct queue_message junk = {.junk = true, .points = 0}, good = {.points = 9000};
	assert_true(courier_junk_is(&junk, from(9000), 0));
	assert_false(courier_junk_is(&good, from(100), 0));
	assert_false(courier_junk_is(&junk, never, 0));
}

/* What would have been refused or set apart, whichever comes first; the points alone count. */
static void who_would_have_refused_it_shuts_it_out(void **state)
{
	(void)state;
	const struct queue_message message = {.weighed = true, .points = 600, .suspect = true, .junk = true}, unweighed = {.points = 9000, .junk = true};
	assert_false(courier_junk_is_shut_out(&message, configured));
	assert_true(courier_junk_is_shut_out(&message, (struct config_thresholds){.reject = 600}));
	assert_true(courier_junk_is_shut_out(&message, (struct config_thresholds){.quarantine = 600, .reject = THRESHOLD_NEVER}));
	assert_false(courier_junk_is_shut_out(&message, (struct config_thresholds){.quarantine = 601, .reject = 601}));
	assert_false(courier_junk_is_shut_out(&unweighed, (struct config_thresholds){.reject = 1}));
	const struct queue_message heavy = {.weighed = true, .points = 1500};
	assert_true(courier_junk_is_shut_out(&heavy, configured));
	assert_false(courier_junk_is_shut_out(&heavy, (struct config_thresholds){.reject = THRESHOLD_NEVER}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_threshold_decides),
		cmocka_unit_test(what_is_suspect_is_junk_whatever_it_weighs),
		cmocka_unit_test(what_was_not_weighed_stays_what_it_was_judged_to_be),
		cmocka_unit_test(who_would_have_refused_it_shuts_it_out),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
