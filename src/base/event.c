/* Reading event files; see event.h. A line that was cut off by a crash is passed over. */
#include "base/event.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads a quoted value at the start of *rest, after its first quote, and takes it off. */
static bool take_quoted(struct slice *rest, struct arena *arena, struct slice *value)
{
	size_t end = 0;
	bool escaped = false;
	while (end < rest->len && rest->at[end] != '"') {
		escaped |= rest->at[end] == '\\';
		end += rest->at[end] == '\\' ? 2 : 1;
	}
	if (end >= rest->len)
		return false;
	struct slice raw = slice_sub(*rest, 0, end);
	*rest = slice_skip(*rest, end + 1);
	*value = raw;
	if (!escaped)
		return true;
	char *out = arena_alloc(arena, raw.len);
	size_t len = 0;
	for (size_t i = 0; i < raw.len; i++) {
		if (raw.at[i] != '\\')
			out[len++] = raw.at[i];
		else if (i + 3 < raw.len && raw.at[i + 1] == 'x' && ascii_hex_value(raw.at[i + 2]) >= 0 && ascii_hex_value(raw.at[i + 3]) >= 0) {
			out[len++] = (char)(ascii_hex_value(raw.at[i + 2]) * 16 + ascii_hex_value(raw.at[i + 3]));
			i += 3;
		} else if (i + 1 < raw.len)
			out[len++] = raw.at[++i];
	}
	*value = slice_make(out, len);
	return true;
}

bool event_parse(struct slice line, struct arena *arena, struct event *event)
{
	event->count = 0;
	while (line.len > 0 && event->count < EVENT_FIELDS_MAX) {
		struct event_field *field = &event->fields[event->count];
		if (!slice_cut(line, '=', &field->name, &line) || field->name.len == 0)
			return false;
		if (line.len > 0 && line.at[0] == '"') {
			line = slice_skip(line, 1);
			if (!take_quoted(&line, arena, &field->value))
				return false;
			line = slice_skip(line, 1); /* the space */
		} else
			slice_cut(line, ' ', &field->value, &line);
		event->count++;
	}
	return event->count > 0 && slice_equal(event->fields[0].name, SLICE("time"));
}

struct slice event_get(const struct event *event, const char *name)
{
	for (size_t i = 0; i < event->count; i++)
		if (slice_equal(event->fields[i].name, slice_of(name)))
			return event->fields[i].value;
	return (struct slice){NULL, 0};
}

/* ---- Files ---- */

struct reading {
	void (*line)(void *context, struct slice line);  /* for each line; or */
	bool (*whole)(void *context, struct slice text); /* … for a file; false: enough */
	void *context;
	bool enough;
};

static void visit_text(struct reading *reading, struct slice text)
{
	struct slice line;
	if (reading->whole)
		reading->enough = !reading->whole(reading->context, text);
	else
		while (slice_cut(text, '\n', &line, &text))
			reading->line(reading->context, line);
}

/* Files may still grow: what is there when it is opened is read. */
static bool read_one(const char *path, struct reading *reading, struct error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat status;
	if (fd < 0)
		return errno == ENOENT || error_set_errno(error, errno, "%s", path);
	bool done = fstat(fd, &status) == 0 || error_set_errno(error, errno, "%s", path);
	if (done && status.st_size > 0) {
		void *at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		done = at != MAP_FAILED || error_set_errno(error, errno, "%s", path);
		if (done) {
			visit_text(reading, slice_make(at, (size_t)status.st_size));
			munmap(at, (size_t)status.st_size);
		}
	}
	close(fd);
	return done;
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }
static int former_only(const struct dirent *entry)
{
	struct slice name = slice_of(entry->d_name);
	return slice_starts(name, SLICE("events-")) && slice_ends_nocase(name, SLICE(".log"));
}

static bool read_present(const char *data, struct reading *reading, struct error *error)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/log/events.log", data);
	return read_one(path, reading, error);
}

/* Their names hold the time. */
static bool read_former(const char *data, bool back, struct reading *reading, struct error *error)
{
	char path[PATH_MAX];
	struct dirent **list;
	bool done = true;
	snprintf(path, sizeof path, "%s/log", data);
	int count = scandir(path, &list, former_only, by_name);
	for (int i = 0; i < count; i++) {
		if (done && !reading->enough && snprintf(path, sizeof path, "%s/log/%s", data, list[back ? count - 1 - i : i]->d_name) < (int)sizeof path)
			done = read_one(path, reading, error);
	}
	for (int i = 0; i < count; i++)
		free(list[i]);
	if (count >= 0)
		free(list);
	return done;
}

bool event_files_read(const char *data, void (*visit)(void *context, struct slice line), void *context, struct error *error)
{
	struct reading reading = {.line = visit, .context = context};
	return read_former(data, false, &reading, error) && read_present(data, &reading, error);
}

bool event_files_back(const char *data, bool (*visit)(void *context, struct slice text), void *context, struct error *error)
{
	struct reading reading = {.whole = visit, .context = context};
	return read_present(data, &reading, error) && read_former(data, true, &reading, error);
}
