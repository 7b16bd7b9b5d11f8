/* Events with fields, one line each (logfmt):
 *
 *   time=2026-11-22T23:19:32.123Z level=info role=smtp event=message.accepted id=0kf3… from="alice@example.test" size=4096
 *
 * Every line about a message carries `id` (the queue's id of the message), every line about a connection `session`;
 * so `pombal trace` is a query over these lines. Lines go to standard error (from a configured level on) and to the
 * event file that log_set_file() names. A value is quoted where needed and control bytes are escaped, so no input can
 * forge a line. Passwords and message bodies are never logged. Thread-safe. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/slice.h"

enum { LOG_LINE_MAX = 4000 }; /* bytes, with the newline: fewer than a pipe takes at once (PIPE_BUF) */

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

struct log_field {
	const char *name; /* NULL ends a list */
	enum { LOG_FIELD_TEXT, LOG_FIELD_NUMBER, LOG_FIELD_ID } kind;
	struct slice text;
	int64_t number;
};

static inline struct log_field log_slice(const char *name, struct slice value)
{
	return (struct log_field){name, LOG_FIELD_TEXT, value, 0};
}
static inline struct log_field log_text(const char *name, const char *value)
{
	return log_slice(name, slice_of(value));
}
static inline struct log_field log_number(const char *name, int64_t value)
{
	return (struct log_field){name, LOG_FIELD_NUMBER, {NULL, 0}, value};
}
/** An id of id_new(), written as id_format() does. */
static inline struct log_field log_id(const char *name, int64_t value)
{
	return (struct log_field){name, LOG_FIELD_ID, {NULL, 0}, value};
}

/** Writes one event, e.g. log_info("message.accepted", log_id("id", id), log_slice("from", from)). */
#define log_debug(event, ...) log_write(LOG_LEVEL_DEBUG, event, LOG_FIELDS(__VA_ARGS__))
#define log_info(event, ...) log_write(LOG_LEVEL_INFO, event, LOG_FIELDS(__VA_ARGS__))
#define log_warning(event, ...) log_write(LOG_LEVEL_WARNING, event, LOG_FIELDS(__VA_ARGS__))
#define log_error(event, ...) log_write(LOG_LEVEL_ERROR, event, LOG_FIELDS(__VA_ARGS__))
#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__ __VA_OPT__(,) {0}})

/** `event` is a literal, or lives as long as the process. */
void log_write(enum log_level level, const char *event, const struct log_field *fields);

/** For events that strangers cause as fast as they like: at most one line in LOG_PACE_MS, which says how many before it went unsaid.
 * False: it is counted, and not to be written now. Any thread. */
enum { LOG_PACE_MS = 1000 };
struct log_pace {
	_Atomic int64_t due;
	_Atomic uint64_t unsaid;
};
bool log_is_due(struct log_pace *pace, const char *event, uint64_t *unsaid);
/** The same by whoever causes them, so that what one does too often hides nobody else's: LOG_BURST lines at once, then one in LOG_PACE_MS.
 * Those whose names fall into the same of LOG_PACES places share that. */
enum { LOG_BURST = 60, LOG_PACES = 64 };
struct log_paces { struct log_pace at[LOG_PACES]; };
bool log_is_due_of(struct log_paces *paces, struct slice who, const char *event, uint64_t *unsaid);

/** Every event is counted by its name, whether or not its level is written anywhere: the metrics come from here. `visit`
 * is called once per name, with how often it was written by this process. Any thread. */
void log_visit_counts(void (*visit)(void *context, const char *event, uint64_t count), void *context);

/** Names the role in every later line, and the least level that goes to standard error. */
void log_set_role(const char *role, enum log_level stderr_level);
/** Events of level info and above also go to `fd` (a pipe, or a file opened O_APPEND; this takes it over, and closes the former). -1:
 * none. */
void log_set_file(int fd);
/** "debug", "info", "warning", "error"; false if it is none of them. */
bool log_level_parse(struct slice name, enum log_level *level);

#endif
