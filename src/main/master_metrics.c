/* What the processes say of themselves, for `pombal metrics`: see measure.h and master_ask.c. */
#include <unistd.h>

#include "base/clock.h"
#include "main/master.h"
#include "main/measure.h"

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
		const struct master_child *child = &master->children[i];
		say_process(answer, role_names[i], child->ready || master_child_rests(master, (enum role_name)i), child->restarts, child->pid > 0 ? child->started : 0);
		say_lines(answer, role_names[i], buf_slice(&child->answer));
	}
}
