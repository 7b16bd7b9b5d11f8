/* A process measures itself; see measure.h. What can't be had is left out. */
#include "main/measure.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"

int measure_open_memory(void) { return open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC); }

void measure_value(struct buf *out, const char *name, uint64_t value)
{
	buf_printf(out, "value %s %llu\n", name, (unsigned long long)value);
}

static void measure_event(void *context, const char *event, uint64_t count)
{
	buf_printf(context, "event %s %llu\n", event, (unsigned long long)count);
}

/* "Pss:                1234 kB". The proportional set size counts memory that several processes share once for all of them together. */
static void measure_memory(struct buf *out, int memory)
{
	char text[4096];
	ssize_t len = memory < 0 ? -1 : pread(memory, text, sizeof text, 0);
	struct slice line, rest = slice_make(text, len > 0 ? (size_t)len : 0);
	uint64_t kilobytes;
	while (slice_cut(rest, '\n', &line, &rest)) {
		struct slice name, number, unit;
		if (slice_cut(line, ':', &name, &number) && slice_equal(name, SLICE("Pss")) && slice_cut(slice_trim(number), ' ', &number, &unit) &&
		    slice_to_number(number, UINT32_MAX, &kilobytes))
			measure_value(out, "pss_bytes", kilobytes * 1024);
	}
}

void measure_process(struct buf *out, int memory)
{
	struct rusage usage;
	measure_memory(out, memory);
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		measure_value(out, "cpu_milliseconds", (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
							(uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000);
	log_visit_counts(measure_event, out);
}

void measure_server(struct buf *out, struct server *server)
{
	struct server_counts counts;
	server_counts(server, &counts);
	measure_value(out, "connections_accepted", counts.accepted);
	measure_value(out, "connections_open", counts.open);
	measure_value(out, "connections_refused", counts.refused);
	measure_value(out, "workers", counts.workers);
	measure_value(out, "workers_busy", counts.busy_workers);
}
