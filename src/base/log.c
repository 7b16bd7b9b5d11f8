/* Writing events; the format stands in log.h. A line is put together on the stack and written with one write(2), which
 * O_APPEND keeps whole among processes, as a pipe does. A value that is too long loses its end, a line its last fields; whatever
 * the values hold, it is a line that reads back. */
#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/random.h"

enum { LOG_VALUE_MAX = 1000 /* bytes as written, with quotes and escapes */ };

static struct {
	pthread_mutex_t lock; /* guards file */
	_Atomic(const char *) role;         /* both may be changed, at a reload, while others log */
	_Atomic(enum log_level) stderr_level;
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

/* Names of events are written in the code, so there are few, and the table never fills; should it, what is
 * beyond isn't counted, and that is said. A place is taken once, by whoever is first, and never given back: so no lock is needed. */
enum { COUNTED_EVENTS_MAX = 512 };

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
	static atomic_flag said = ATOMIC_FLAG_INIT;
	if (!atomic_flag_test_and_set(&said))
		log_error("log.too_many_names", log_text("uncounted", event));
}

/* Each line moves `due` on by LOG_PACE_MS; it may be `ahead` of now. */
static bool is_due(struct log_pace *pace, int64_t ahead, const char *event, uint64_t *unsaid)
{
	int64_t now = clock_monotonic_ms(), due = atomic_load(&pace->due), from = due > now ? due : now;
	if (from > now + ahead || !atomic_compare_exchange_strong(&pace->due, &due, from + LOG_PACE_MS)) {
		atomic_fetch_add(&pace->unsaid, 1);
		count_event(event);
		return false;
	}
	*unsaid = atomic_exchange(&pace->unsaid, 0);
	return true;
}

bool log_is_due(struct log_pace *pace, const char *event, uint64_t *unsaid)
{
	return is_due(pace, 0, event, unsaid);
}

bool log_is_due_of(struct log_paces *paces, struct slice who, const char *event, uint64_t *unsaid)
{
	return is_due(&paces->at[map_hash(who) % LOG_PACES], (LOG_BURST - 1) * LOG_PACE_MS, event, unsaid);
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

/* One character of a quoted value as it is written: escaped, or a whole one of UTF-8. Returns how many bytes of the value it took. */
static size_t quote_one(struct slice rest, bool utf8, char out[5], size_t *len)
{
	unsigned char c = (unsigned char)rest.at[0];
	size_t taken = 1;
	if (c == '"' || c == '\\')
		*len = (size_t)snprintf(out, 5, "\\%c", c);
	else if (c < ' ' || c == 0x7f || (c >= 0x80 && !utf8))
		*len = (size_t)snprintf(out, 5, "\\x%02x", c);
	else {
		while (c >= 0x80 && taken < rest.len && ((unsigned char)rest.at[taken] & 0xc0) == 0x80)
			taken++;
		memcpy(out, rest.at, taken);
		*len = taken;
	}
	return taken;
}

/* What doesn't fit is left out, never half a character, and the quote is closed: whoever reads the line finds all its fields. */
static void put_quoted(struct line *line, struct slice value, size_t room)
{
	bool utf8 = slice_is_utf8(value);
	put(line, SLICE("\""));
	for (size_t used = 2; value.len > 0;) {
		char one[5];
		size_t len, taken = quote_one(value, utf8, one, &len);
		if ((used += len) > room)
			break;
		put(line, slice_make(one, len));
		value = slice_skip(value, taken);
	}
	put(line, SLICE("\""));
}

/* A field for which there is no room isn't begun. */
static void put_field(struct line *line, const struct log_field *field)
{
	char number[24];
	struct slice value = field->text, name = slice_of(field->name);
	size_t room = sizeof line->at - 1 - line->len, frame = name.len + 2;
	if (field->kind == LOG_FIELD_NUMBER)
		value = slice_make(number, (size_t)snprintf(number, sizeof number, "%lld", (long long)field->number));
	else if (field->kind == LOG_FIELD_ID) {
		id_format(field->number, number);
		value = slice_of(number);
	}
	bool quoted = needs_quotes(value) || value.len > LOG_VALUE_MAX;
	if (room < frame + (quoted ? 2 : value.len))
		return;
	put(line, SLICE(" "));
	put(line, name);
	put(line, SLICE("="));
	room -= frame;
	if (quoted)
		put_quoted(line, value, room < LOG_VALUE_MAX ? room : LOG_VALUE_MAX);
	else
		put(line, value);
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
