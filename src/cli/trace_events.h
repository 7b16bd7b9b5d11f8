/* Reading event files (base/log.h writes them). */
#ifndef CLI_TRACE_EVENTS_H
#define CLI_TRACE_EVENTS_H

#include "base/arena.h"
#include "base/error.h"

enum { EVENT_FIELDS_MAX = 64 };

struct cli_event_field {
	struct slice name, value; /* unescaped */
};

struct cli_event {
	struct cli_event_field fields[EVENT_FIELDS_MAX];
	size_t count;
};

/** Reads one line; slices point into it or into `arena`. False if it isn't an event. */
bool cli_event_parse(struct slice line, struct arena *arena, struct cli_event *event);
/** The first value under that name, or the empty slice. */
struct slice cli_event_get(const struct cli_event *event, const char *name);

/** Calls `visit` with each line of the event files under the data directory, oldest first. */
bool cli_events_read(const char *data, void (*visit)(void *context, struct slice line), void *context, struct error *error);

#endif
