/* pombal metrics history: what the server's numbers were, over a day, a week or a quarter (history.h). They are kept by the process that runs commands for the admin role (main/runner.c),
 * which runs `metrics keep` each minute. */
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/history_take.h"
#include "cli/instance.h"

enum { METRICS_TEXT_MAX = 256 * 1024, STEPS_MAX = 400 };

/* ---- Keeping ---- */

static int run_keep(struct command_line *line)
{
	struct buf answer = BUF(METRICS_TEXT_MAX);
	struct error error;
	if (!instance_become_owner(line))
		return COMMAND_FAILED;
	bool done = instance_ask(line, "metrics", &answer, &error) && cli_history_take(line->data, buf_slice(&answer), clock_now(), line->arena, &error);
	buf_free(&answer);
	return done ? COMMAND_DONE : command_fail_with(line, &error);
}

/* ---- Showing ---- */

static const struct span { const char *name; int64_t seconds, step; enum cli_history_step from; } spans[] = {
	{"day", 86400, 300, CLI_HISTORY_MINUTES}, {"week", 7 * 86400, CLI_HISTORY_HOUR, CLI_HISTORY_HOURS}, {"quarter", 90 * 86400, 6 * CLI_HISTORY_HOUR, CLI_HISTORY_HOURS}};

struct shown {
	const struct span *span;
	int64_t from;       /* the first step's beginning */
	size_t count;       /* steps */
	struct cli_history_sample steps[STEPS_MAX], whole;
	int64_t covered;    /* until when the hours tell */
};

static void add(void *context, const struct cli_history_sample *sample)
{
	struct shown *shown = context;
	size_t place = (size_t)((sample->time - shown->from) / shown->span->step);
	if (sample->time < shown->from || place >= shown->count)
		return;
	cli_history_add(&shown->steps[place], sample);
	cli_history_add(&shown->whole, sample);
	shown->covered = sample->time + CLI_HISTORY_HOUR;
}

/* Of the present hour, and should one not have been summed up, the minutes tell. */
static void read_history(const char *data, struct shown *shown, int64_t now)
{
	shown->count = (size_t)(shown->span->seconds / shown->span->step) + 1;
	shown->from = now - now % shown->span->step - (int64_t)(shown->count - 1) * shown->span->step;
	shown->covered = shown->from;
	cli_history_read(data, shown->span->from, shown->from, now + 1, add, shown);
	if (shown->span->from == CLI_HISTORY_HOURS)
		cli_history_read(data, CLI_HISTORY_MINUTES, shown->covered, now + 1, add, shown);
}

static json_t *json_of_series(const struct shown *shown, enum cli_history_series series)
{
	json_t *list = json_array();
	for (size_t i = 0; i < shown->count; i++)
		json_array_append_new(list, shown->steps[i].count > 0 ? json_integer((json_int_t)shown->steps[i].values[series]) : json_null());
	return list;
}

/* What wasn't taken, at each step. */
static json_t *json_of_troubles(struct shown *shown, const struct cli_history_provider *provider)
{
	json_t *list = json_array();
	for (size_t i = 0; i < shown->count; i++) {
		int64_t troubles = 0;
		for (size_t k = 0; k < shown->steps[i].provider_count; k++) {
			const struct cli_history_provider *one = &shown->steps[i].providers[k];
			if (slice_equal(slice_of(one->name), slice_of(provider->name)))
				troubles = one->deferred + one->failed;
		}
		json_array_append_new(list, shown->steps[i].count > 0 ? json_integer((json_int_t)troubles) : json_null());
	}
	return list;
}

static json_t *json_of(struct shown *shown)
{
	json_t *times = json_array(), *values = json_object(), *providers = json_array();
	for (size_t i = 0; i < shown->count; i++)
		json_array_append_new(times, json_integer((json_int_t)(shown->from + (int64_t)i * shown->span->step)));
	for (size_t i = 0; i < CLI_HISTORY_SERIES; i++)
		json_object_set_new(values, cli_history_rows[i].name, json_of_series(shown, (enum cli_history_series)i));
	for (size_t i = 0; i < shown->whole.provider_count; i++) {
		const struct cli_history_provider *one = &shown->whole.providers[i];
		json_array_append_new(providers, json_pack("{s:s, s:I, s:I, s:I, s:o}", "provider", one->name, "delivered", (json_int_t)one->delivered, "deferred", (json_int_t)one->deferred, "failed",
							   (json_int_t)one->failed, "troubles", json_of_troubles(shown, one)));
	}
	return json_pack("{s:s, s:I, s:o, s:o, s:o}", "over", shown->span->name, "step", (json_int_t)shown->span->step, "times", times, "values", values, "providers", providers);
}

static void print(const struct shown *shown)
{
	static const enum cli_history_series columns[] = {CLI_HISTORY_ACCEPTED, CLI_HISTORY_DELIVERED, CLI_HISTORY_DEFERRED, CLI_HISTORY_FAILED, CLI_HISTORY_SPAM, CLI_HISTORY_QUEUE};
	char when[32];
	printf("%-25s", "");
	for (size_t k = 0; k < sizeof columns / sizeof *columns; k++)
		printf("  %14s", cli_history_rows[columns[k]].name);
	putchar('\n');
	for (size_t i = 0; i < shown->count; i++) {
		if (shown->steps[i].count == 0)
			continue;
		printf("%-25s", cli_time_text(shown->from + (int64_t)i * shown->span->step, when));
		for (size_t k = 0; k < sizeof columns / sizeof *columns; k++)
			printf("  %14lld", (long long)shown->steps[i].values[columns[k]]);
		putchar('\n');
	}
	for (size_t i = 0; i < shown->whole.provider_count; i++)
		printf("%-25s  %lld delivered, %lld deferred, %lld failed\n", shown->whole.providers[i].name, (long long)shown->whole.providers[i].delivered,
		       (long long)shown->whole.providers[i].deferred, (long long)shown->whole.providers[i].failed);
}

static int run_history(struct command_line *line)
{
	const char *over = command_value(line, "over");
	struct shown *shown = arena_alloc(line->arena, sizeof *shown);
	*shown = (struct shown){.span = over ? NULL : &spans[0]};
	for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
		if (over && slice_equal(slice_of(over), slice_of(spans[i].name)))
			shown->span = &spans[i];
	if (!shown->span)
		return command_misuse(line, "--over takes day, week or quarter");
	if (!instance_become_owner(line))
		return COMMAND_FAILED;
	read_history(line->data, shown, clock_now());
	if (line->json)
		return command_print_json(json_of(shown));
	print(shown);
	return COMMAND_DONE;
}

static const struct command_option history_options[] = {{"over", "TIME", "day (by default), week or quarter"}, {0}};

const struct command cli_metrics_history_commands[] = {
	{"metrics keep", "", "Adds the running server's numbers to its history.", run_keep, NULL, 0, 0, COMMAND_HIDDEN},
	{"metrics history", "", "Shows the numbers of the last day, week or quarter: mail, spam, the queue, disk, and what became of mail at each provider.", run_history, history_options, 0, 0, COMMAND_JSON, ADMIN_READS},
	{0},
};
