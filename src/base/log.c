/* Writing events; the format stands in log.h. A line is put together on the stack and written with one write(2), which
 * O_APPEND keeps whole among processes, as a pipe does; a line that would be longer than LOG_LINE_MAX loses its last fields' ends. */
#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"

enum { LOG_VALUE_MAX = 1000 };

static struct {
	pthread_mutex_t lock; /* guards file */
	const char *role;
	enum log_level stderr_level;
	int file;
} logger = {PTHREAD_MUTEX_INITIALIZER, "pombal", LOG_LEVEL_INFO, -1};

static const char *const level_names[] = {"debug", "info", "warning", "error"};

bool log_level_parse(struct slice name, enum log_level *level)
{
	for (int i = 0; i < 4; i++)
		if (slice_equal(name, slice_of(level_names[i]))) {
			*level = (enum log_level)i;
			return true;
		}
	return false;
}

void log_set_role(const char *role, enum log_level stderr_level)
{
	logger.role = role;
	logger.stderr_level = stderr_level;
}

void log_set_file(int fd)
{
	pthread_mutex_lock(&logger.lock);
	int former = logger.file;
	logger.file = fd;
	pthread_mutex_unlock(&logger.lock);
	if (former >= 0)
		close(former);
}

/* ---- Counting ---- */

/* Names of events are written in the code, so there are few, and the table never fills; should it, what is beyond isn't
 * counted. A place is taken once, by whoever is first, and never given back: so no lock is needed. */
enum { COUNTED_EVENTS_MAX = 256 };

static struct {
	_Atomic(const char *) event;
	_Atomic uint64_t count;
} counters[COUNTED_EVENTS_MAX];

static void count_event(const char *event)
{
	uint32_t hash = 2166136261; /* FNV-1a */
	for (const char *at = event; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619;
	for (size_t tried = 0; tried < COUNTED_EVENTS_MAX; tried++) {
		size_t place = (hash + tried) % COUNTED_EVENTS_MAX;
		const char *there = NULL;
		if (atomic_compare_exchange_strong(&counters[place].event, &there, event) || there == event || strcmp(there, event) == 0) {
			atomic_fetch_add_explicit(&counters[place].count, 1, memory_order_relaxed);
			return;
		}
	}
}

void log_visit_counts(void (*visit)(void *context, const char *event, uint64_t count), void *context)
{
	for (size_t i = 0; i < COUNTED_EVENTS_MAX; i++) {
		const char *event = atomic_load(&counters[i].event);
		if (event)
			visit(context, event, atomic_load_explicit(&counters[i].count, memory_order_relaxed));
	}
}

/* ---- Lines ---- */

struct line {
	char at[LOG_LINE_MAX];
	size_t len;
};

static void put(struct line *line, struct slice s)
{
	size_t room = sizeof line->at - 1 - line->len; /* one byte stays for the newline */
	size_t len = s.len < room ? s.len : room;
	if (len > 0)
		memcpy(line->at + line->len, s.at, len);
	line->len += len;
}

static bool needs_quotes(struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.at[i];
		if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
			return true;
	}
	return value.len == 0;
}

static void put_quoted(struct line *line, struct slice value)
{
	bool utf8 = slice_is_utf8(value);
	put(line, SLICE("\""));
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.at[i];
		char escape[5];
		if (c == '"' || c == '\\')
			put(line, slice_make((char[]){'\\', (char)c}, 2));
		else if (c < ' ' || c == 0x7f || (c >= 0x80 && !utf8)) {
			snprintf(escape, sizeof escape, "\\x%02x", c);
			put(line, slice_make(escape, 4));
		} else
			put(line, slice_make(value.at + i, 1));
	}
	put(line, SLICE("\""));
}

static void put_field(struct line *line, const struct log_field *field)
{
	char number[24];
	put(line, SLICE(" "));
	put(line, slice_of(field->name));
	put(line, SLICE("="));
	if (field->kind == LOG_FIELD_NUMBER) {
		snprintf(number, sizeof number, "%lld", (long long)field->number);
		put(line, slice_of(number));
	} else if (field->kind == LOG_FIELD_ID) {
		id_format(field->number, number);
		put(line, slice_of(number));
	} else {
		struct slice value = slice_sub(field->text, 0, LOG_VALUE_MAX);
		if (needs_quotes(value))
			put_quoted(line, value);
		else
			put(line, value);
	}
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
	bool to_stderr = level >= logger.stderr_level, to_file = level >= LOG_LEVEL_INFO;
	count_event(event);
	if (!to_stderr && !to_file)
		return;
	struct line line = {.len = 0};
	char stamp[CLOCK_STAMP_MAX];
	clock_stamp(clock_now_ms(), stamp);
	put(&line, SLICE("time="));
	put(&line, slice_of(stamp));
	put(&line, SLICE(" level="));
	put(&line, slice_of(level_names[level]));
	put(&line, SLICE(" role="));
	put(&line, slice_of(logger.role));
	put(&line, SLICE(" event="));
	put(&line, slice_of(event));
	for (; fields->name; fields++)
		put_field(&line, fields);
	line.at[line.len++] = '\n';

	/* A log that can't be written must not stop the mail: there is nobody left to tell. */
	ssize_t ignored;
	if (to_stderr)
		ignored = write(STDERR_FILENO, line.at, line.len);
	if (to_file) {
		pthread_mutex_lock(&logger.lock);
		if (logger.file >= 0)
			ignored = write(logger.file, line.at, line.len);
		pthread_mutex_unlock(&logger.lock);
	}
	(void)ignored;
}
