/* See config_history.h. A change's file is lines of a name and a value, an empty line, and the two texts. What waits is written down before pombal.conf is changed,
 * so whatever ends in between leaves a change that is taken back. */
#include "config/config_history.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"

enum { FILE_MAX = 4 * 1024 * 1024, TEXT_MAX = 1024 * 1024 };

static const char *const states[] = {[CHANGE_KEPT] = "kept", [CHANGE_WAITING] = "waiting", [CHANGE_TAKEN_BACK] = "taken-back"};

static bool path_of(const char *data, const char *name, char path[PATH_MAX], struct error *error)
{
	return snprintf(path, PATH_MAX, "%s/%s", data, name) < PATH_MAX || error_set(error, ERROR_INVALID, "path too long: %s", data);
}

static bool path_of_change(const char *data, uint64_t number, char path[PATH_MAX], struct error *error)
{
	char name[64];
	snprintf(name, sizeof name, "history/%llu", (unsigned long long)number);
	return path_of(data, name, path, error);
}

int config_history_lock(const char *data, struct error *error)
{
	char path[PATH_MAX];
	if (!path_of(data, "history", path, error) || !file_make_folders(path, 0700, error) || !path_of(data, "history/lock", path, error))
		return -1;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX) == 0)
		return fd;
	error_set_errno(error, errno, "%s", path);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* A number in a file of its own; 0: there is no such file. */
static bool read_number(const char *data, const char *name, uint64_t *number, struct error *error)
{
	char path[PATH_MAX];
	struct buf text = BUF(64);
	*number = 0;
	if (!path_of(data, name, path, error))
		return false;
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return true;
	bool done = file_read(path, &text, error) && (slice_to_number(slice_trim(buf_slice(&text)), INT64_MAX, number) || error_set(error, ERROR_INVALID, "%s is damaged", path));
	buf_free(&text);
	return done;
}

static bool write_number(const char *data, const char *name, uint64_t number, struct error *error)
{
	char path[PATH_MAX], text[32];
	int len = snprintf(text, sizeof text, "%llu\n", (unsigned long long)number);
	return path_of(data, name, path, error) && file_replace(path, slice_make(text, (size_t)len), 0600, error);
}

bool config_history_last(const char *data, uint64_t *number, struct error *error) { return read_number(data, "history/last", number, error); }

/* ---- A change's file ---- */

static void write_head(const struct config_change *change, struct buf *out)
{
	buf_printf(out, "number %llu\ntime %lld\nconfirm_by %lld\nstate %s\nby %.*s\npeer %.*s\nbefore %zu\nafter %zu\n\n", (unsigned long long)change->number, (long long)change->time,
		   (long long)change->confirm_by, states[change->state], SLICE_ARG(change->by), SLICE_ARG(change->peer), change->before.len, change->after.len);
}

static bool read_state(struct slice word, enum config_change_state *state)
{
	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		if (slice_equal(word, slice_of(states[i]))) {
			*state = (enum config_change_state)i;
			return true;
		}
	return false;
}

static bool read_line(struct slice line, struct config_change *change, uint64_t *before, uint64_t *after)
{
	struct slice name, value;
	uint64_t number;
	slice_cut(line, ' ', &name, &value);
	if (slice_equal(name, SLICE("number")))
		return slice_to_number(value, INT64_MAX, &change->number);
	if (slice_equal(name, SLICE("time")) && slice_to_number(value, INT64_MAX, &number))
		change->time = (int64_t)number;
	else if (slice_equal(name, SLICE("confirm_by")) && slice_to_number(value, INT64_MAX, &number))
		change->confirm_by = (int64_t)number;
	else if (slice_equal(name, SLICE("state")))
		return read_state(value, &change->state);
	else if (slice_equal(name, SLICE("by")))
		change->by = value;
	else if (slice_equal(name, SLICE("peer")))
		change->peer = value;
	else if (slice_equal(name, SLICE("before")))
		return slice_to_number(value, TEXT_MAX, before);
	else if (slice_equal(name, SLICE("after")))
		return slice_to_number(value, TEXT_MAX, after);
	else
		return false;
	return true;
}

static bool read_change(struct slice text, struct config_change *change)
{
	struct slice line, rest = text;
	uint64_t before = 0, after = 0;
	*change = (struct config_change){0};
	while (slice_cut(rest, '\n', &line, &rest) && line.len > 0)
		if (!read_line(line, change, &before, &after))
			return false;
	change->before = slice_sub(rest, 0, before);
	change->after = slice_skip(rest, before);
	return change->number > 0 && rest.len == before + after;
}

bool config_history_read(const char *data, uint64_t number, struct arena *arena, struct config_change *change, struct error *error)
{
	char path[PATH_MAX];
	struct buf text = BUF(FILE_MAX);
	if (!path_of_change(data, number, path, error))
		return false;
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return error_set(error, ERROR_NOT_FOUND, "there is no change %llu any more", (unsigned long long)number);
	bool done = file_read(path, &text, error) && (read_change(arena_copy(arena, buf_slice(&text)), change) || error_set(error, ERROR_INVALID, "%s is damaged", path));
	buf_free(&text);
	return done;
}

static bool write_change(const char *data, const struct config_change *change, struct error *error)
{
	char path[PATH_MAX];
	struct buf text = BUF(FILE_MAX);
	write_head(change, &text);
	buf_append(&text, change->before);
	buf_append(&text, change->after);
	bool done = (!text.overflow || error_set(error, ERROR_LIMIT, "pombal.conf is too large")) && path_of_change(data, change->number, path, error) &&
		    file_replace(path, buf_slice(&text), 0600, error);
	buf_free(&text);
	return done;
}

/* ---- What waits ---- */

/* The file that says so has the time, too, so that to look at it is cheap. */
static bool note_waiting(const char *data, const struct config_change *change, struct error *error)
{
	return write_number(data, "history/waiting", change->number, error) && write_number(data, "history/due", (uint64_t)change->confirm_by, error);
}

static bool forget_waiting(const char *data, struct error *error)
{
	static const char *const names[] = {"history/due", "history/waiting"};
	char path[PATH_MAX];
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!path_of(data, names[i], path, error) || (unlink(path) != 0 && errno != ENOENT && !error_set_errno(error, errno, "%s", path)))
			return false;
	return true;
}

bool config_history_write(const char *data, const struct config_change *change, struct error *error)
{
	char path[PATH_MAX];
	if (!write_change(data, change, error) || !write_number(data, "history/last", change->number, error) ||
	    (change->state == CHANGE_WAITING && !note_waiting(data, change, error)))
		return false;
	if (change->number > CONFIG_HISTORY_KEPT && path_of_change(data, change->number - CONFIG_HISTORY_KEPT, path, error))
		unlink(path);
	return true;
}

bool config_history_waiting(const char *data, struct arena *arena, struct config_change *change, struct error *error)
{
	uint64_t number;
	*change = (struct config_change){0};
	return read_number(data, "history/waiting", &number, error) && (number == 0 || config_history_read(data, number, arena, change, error));
}

bool config_history_confirm(const char *data, struct config_change *change, struct error *error)
{
	change->state = CHANGE_KEPT;
	return write_change(data, change, error) && forget_waiting(data, error);
}

bool config_history_take_back(const char *data, struct config_change *change, bool *done, struct error *error)
{
	char path[PATH_MAX];
	struct buf now = BUF(TEXT_MAX);
	bool readable = path_of(data, "pombal.conf", path, error) && file_read(path, &now, error);
	*done = readable && slice_equal(buf_slice(&now), change->after); /* else somebody has changed it since, who meant what he wrote */
	change->state = *done ? CHANGE_TAKEN_BACK : CHANGE_KEPT;
	bool taken = readable && (!*done || file_replace(path, change->before, 0600, error)) && write_change(data, change, error) && forget_waiting(data, error);
	buf_free(&now);
	return taken;
}

bool config_history_is_due(const char *data, int64_t now)
{
	uint64_t due = 0, waiting = 0;
	struct error ignored;
	return read_number(data, "history/waiting", &waiting, &ignored) && waiting > 0 && read_number(data, "history/due", &due, &ignored) && now >= (int64_t)due;
}
