/* Reading event files (base/log.h writes them). */
#ifndef BASE_EVENT_H
#define BASE_EVENT_H

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
bool event_files_read(const char *data, void (*visit)(void *context, struct slice line), void *context, struct error *error);
/** Calls `visit` with each of those files as a whole, the newest first, until it says false. What is written while one is read isn't in it. */
bool event_files_back(const char *data, bool (*visit)(void *context, struct slice text), void *context, struct error *error);

#endif
