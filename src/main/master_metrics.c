/* Gathering the measures of all processes. The roles are asked at the same time, and the master goes on with its work until
 * the last has answered; one that doesn't in time is left out, so that a role that hangs can't hide the others. */
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "main/master.h"
#include "main/measure.h"

enum { MEASURE_WAIT_MS = 3000 };

static bool under_way(const struct master *master)
{
	for (int i = 0; i < ROLE_COUNT; i++)
		if (master->children[i].measuring)
			return true;
	return false;
}

void master_begin_measuring(struct master *master)
{
	if (under_way(master)) /* who comes later shares the answers */
		return;
	for (int i = 0; i < ROLE_COUNT; i++) {
		struct child *child = &master->children[i];
		struct error error;
		buf_free(&child->measures);
		child->measures = BUF(MEASURES_MAX);
		child->measuring = child->ready && !child->stopping && child->control >= 0 && control_send(child->control, CONTROL_MEASURE, 0, NULL, -1, &error);
	}
	master->measure_deadline = clock_monotonic_ms() + MEASURE_WAIT_MS;
}

void master_hear_measures(struct master *master, enum role_name name, const struct control_message *message)
{
	struct child *child = &master->children[name];
	if (!child->measuring) /* late, or not asked for */
		return;
	buf_append_text(&child->measures, message->text);
	child->measuring = message->value == 0;
}

bool master_has_measured(struct master *master)
{
	bool late = clock_monotonic_ms() >= master->measure_deadline;
	for (int i = 0; late && i < ROLE_COUNT; i++)
		if (master->children[i].measuring) {
			log_warning("role.silent", log_text("name", role_names[i]), log_text("reason", "it doesn't say its measures"));
			master->children[i].measuring = false;
			buf_clear(&master->children[i].measures);
		}
	return !under_way(master);
}

static void say_lines(struct buf *answer, const char *name, struct slice lines)
{
	struct slice line;
	while (slice_cut(lines, '\n', &line, &lines))
		buf_printf(answer, "%s %.*s\n", name, SLICE_ARG(line));
}

static void say_process(struct buf *answer, const char *name, bool up, unsigned restarts, int64_t started)
{
	buf_printf(answer, "%s value up %d\n%s value restarts %u\n", name, up, name, restarts);
	if (started > 0)
		buf_printf(answer, "%s value started %lld\n", name, (long long)(clock_now() - (clock_monotonic_ms() - started) / 1000));
}

void master_say_metrics(struct master *master, struct buf *answer)
{
	struct buf own = BUF(MEASURES_MAX);
	int memory = measure_open_memory();
	measure_process(&own, memory);
	if (memory >= 0)
		close(memory);
	say_process(answer, "master", true, 0, master->started);
	say_lines(answer, "master", buf_slice(&own));
	buf_free(&own);
	for (int i = 0; i < ROLE_COUNT; i++) {
		const struct child *child = &master->children[i];
		say_process(answer, role_names[i], child->ready, child->restarts, child->pid > 0 ? child->started : 0);
		say_lines(answer, role_names[i], buf_slice(&child->measures));
	}
}
