/* Reading event files (base/log.h writes them). */
#ifndef CLI_TRACE_EVENTS_H
#define CLI_TRACE_EVENTS_H

#include "base/arena.h"
#include "base/error.h"

enum { EVENT_FIELDS_MAX = 64 };

struct event_field {
	struct slice name, value; /* unescaped */
};

struct event {
	struct event_field fields[EVENT_FIELDS_MAX];
	size_t count;
};

/** Reads one line; slices point into it or into `arena`. False if it isn't an event. */
bool event_parse(struct slice line, struct arena *arena, struct event *event);
/** The first value under that name, or the empty slice. */
struct slice event_get(const struct event *event, const char *name);

/** Calls `visit` with each line of the event files under the data directory, oldest first. */
bool events_read(const char *data, void (*visit)(void *context, struct slice line), void *context, struct error *error);

#endif
