/* Numbers over time: sums and means, what a crash cuts off, what is kept, and what is counted anew when a process begins anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/history_take.h"

enum { BEGAN = 1700006400 /* an hour's beginning, and a day's */, HOUR = 3600, DAY = 86400 };

static char data[64];
static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new();
	snprintf(data, sizeof data, "/tmp/pombal-history-XXXXXX");
	return mkdtemp(data) ? 0 : 1;
}

static int tear_down(void **state)
{
	(void)state;
	int status = system(arena_printf(arena, "rm -rf '%s'", data).at);
	arena_free(&arena);
	return status;
}

static void add(void *context, const struct cli_history_sample *sample) { cli_history_add(context, sample); }

static struct cli_history_sample sum(enum cli_history_step step, int64_t from, int64_t until)
{
	struct cli_history_sample whole = {0};
	cli_history_read(data, step, from, until, add, &whole);
	return whole;
}

static void write_minute(int64_t time, int64_t accepted, int64_t queue)
{
	struct cli_history_sample sample = {.time = time, .count = 1};
	sample.values[CLI_HISTORY_ACCEPTED] = accepted;
	sample.values[CLI_HISTORY_QUEUE] = queue;
	cli_history_provider(&sample, SLICE("far.test"))->deferred = accepted;
	assert_true(cli_history_write(data, CLI_HISTORY_MINUTES, &sample, NULL));
}

static void hours_are_sums_and_means(void **state)
{
	(void)state;
	for (int i = 0; i < 60; i++)
		write_minute(BEGAN + i * 60, 2, i < 30 ? 100 : 200);
	write_minute(BEGAN + HOUR, 1000, 1000);
	assert_true(cli_history_fold(data, BEGAN, NULL));
	assert_true(cli_history_fold(data, BEGAN - HOUR, NULL)); /* nothing was kept */
	struct cli_history_sample hour = sum(CLI_HISTORY_HOURS, BEGAN - DAY, BEGAN + DAY);
	assert_int_equal(hour.count, 60);
	assert_int_equal(hour.values[CLI_HISTORY_ACCEPTED], 120);
	assert_in_range(hour.values[CLI_HISTORY_QUEUE], 140, 160);
	assert_int_equal(hour.provider_count, 1);
	assert_int_equal(hour.providers[0].deferred, 120);
	assert_int_equal(sum(CLI_HISTORY_MINUTES, BEGAN + 60, BEGAN + 180).count, 2);
}

static void what_was_cut_off_is_passed_over(void **state)
{
	(void)state;
	write_minute(BEGAN, 1, 1);
	char *path = arena_text(arena, arena_printf(arena, "%s/metrics/minutes-20231115", data));
	FILE *file = fopen(path, "a");
	assert_non_null(file);
	fputs("{\"time\": 17000\n[]\n{\"time\": 1700006500, \"count\": -1, \"values\": {}, \"providers\": {}}\n{\"time\": 1700006460, \"count\": 1, \"values\": {\"accepted\": \"x\"}, \"providers\": {\"a\": [1]}}\n", file);
	fclose(file);
	write_minute(BEGAN + 120, 4, 1);
	struct cli_history_sample whole = sum(CLI_HISTORY_MINUTES, 0, INT32_MAX);
	assert_int_equal(whole.values[CLI_HISTORY_ACCEPTED], 5);
	assert_int_equal(whole.count, 3);
}

static void the_newest_files_stay(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		write_minute(BEGAN + i * DAY, 1, 1);
	assert_int_equal(sum(CLI_HISTORY_MINUTES, 0, INT32_MAX).count, CLI_HISTORY_DAYS);
	assert_int_equal(sum(CLI_HISTORY_MINUTES, BEGAN + 7 * DAY, INT32_MAX).count, CLI_HISTORY_DAYS);
}

/* The smallest give way. */
static void there_are_not_too_many_providers(void **state)
{
	(void)state;
	struct cli_history_sample whole = {0};
	for (int i = 0; i < 40; i++) {
		struct cli_history_sample one = {.count = 1};
		cli_history_provider(&one, arena_printf(arena, "p%d.test", i))->delivered = i;
		cli_history_add(&whole, &one);
	}
	assert_int_equal(whole.provider_count, CLI_HISTORY_PROVIDERS_MAX);
	for (size_t i = 0; i < whole.provider_count; i++)
		assert_true(whole.providers[i].delivered >= 20);
}

static void take(const char *metrics, int64_t now)
{
	struct error error = {0};
	if (!cli_history_take(data, slice_of(metrics), now, arena, &error))
		fail_msg("%s", error.text);
}

static void log_lines(const char *text)
{
	char *path = arena_text(arena, arena_printf(arena, "%s/log", data));
	mkdir(path, 0700);
	FILE *file = fopen(arena_printf(arena, "%s/events.log", path).at, "a");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void what_was_added_since_counts(void **state)
{
	(void)state;
	log_lines("time=x level=info event=delivery.done id=a host=mx.old.test delay=9\n");
	take("smtp event message.accepted 10\nqueue value queue_messages 3\nsmtp value connections_open 1\nreader value connections_open 2\n", BEGAN + 5);
	assert_int_equal(sum(CLI_HISTORY_MINUTES, 0, INT32_MAX).count, 0); /* there is nothing to compare with */
	log_lines("time=x level=info event=delivery.done id=a host=mx1.mail.far.test delay=9\ntime=x level=info event=delivery.deferred id=b host=mx2.far.test reply=\"451 later\"\n"
		  "time=x level=info event=delivery.failed id=c host=192.0.2.1\ntime=x level=info event=delivery.done id=d delay=1\ntime=x level=info event=message.judged id=e action=quarantine\n"
		  "time=x level=info event=message.judged id=f action=inbox\ntime=x level=info event=delivery.do");
	take("smtp event message.accepted 15\nqueue value queue_messages 7\nsmtp value connections_open 1\nreader value connections_open 2\nnonsense\na b c d\n", BEGAN + 65);
	struct cli_history_sample got = sum(CLI_HISTORY_MINUTES, 0, INT32_MAX);
	assert_int_equal(got.count, 1);
	assert_int_equal(got.values[CLI_HISTORY_ACCEPTED], 5);
	assert_int_equal(got.values[CLI_HISTORY_QUEUE], 7);
	assert_int_equal(got.values[CLI_HISTORY_CONNECTIONS], 3);
	assert_int_equal(got.values[CLI_HISTORY_DELIVERIES], 2);
	assert_int_equal(got.values[CLI_HISTORY_DELAY], 10);
	assert_int_equal(got.values[CLI_HISTORY_JUDGED], 2);
	assert_int_equal(got.values[CLI_HISTORY_SPAM], 1);
	assert_true(got.values[CLI_HISTORY_DISK_SIZE] > 0);
	assert_int_equal(got.provider_count, 2);
	struct cli_history_provider *far = cli_history_provider(&got, SLICE("far.test"));
	assert_true(far && far->delivered == 1 && far->deferred == 1 && far->failed == 0);
	assert_int_equal(cli_history_provider(&got, SLICE("192.0.2.1"))->failed, 1);
	take("smtp event message.accepted 16\n", BEGAN + 70); /* within the same minute nothing */
	log_lines("ne id=g host=mx.far.test delay=2\n");
	take("smtp event message.accepted 4\n", BEGAN + 125); /* it has begun anew; and the line is whole now */
	got = sum(CLI_HISTORY_MINUTES, BEGAN + 120, INT32_MAX);
	assert_int_equal(got.values[CLI_HISTORY_ACCEPTED], 4);
	assert_int_equal(got.values[CLI_HISTORY_DELAY], 2);
	take("smtp event message.accepted 9\n", BEGAN + HOUR + 5); /* the hour is over */
	assert_int_equal(sum(CLI_HISTORY_HOURS, 0, INT32_MAX).values[CLI_HISTORY_ACCEPTED], 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hours_are_sums_and_means, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_cut_off_is_passed_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_newest_files_stay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(there_are_not_too_many_providers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_added_since_counts, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
