/* Taking a sample; see history_take.h. Processes count from their start, so DIR/metrics/last has what they had said the last time, and how far the event file was read: a
 * process that has said less since then has begun anew. When the event file is put aside what was written to it since the last time isn't counted: a minute of a day at most. */
#include "cli/history_take.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/event.h"
#include "base/file.h"
#include "score/score.h"

enum { MINUTE = 60, STATE_MAX = 64 * 1024, LOG_READ_MAX = 8 * 1024 * 1024 };

struct taking {
	const char *data;
	struct arena *arena;
	json_t *before, *counters; /* of the last time; of now: "ROLE NAME": number */
	int64_t inode, offset;     /* in the event file */
	int64_t last;              /* the last sample's time; 0: there was none */
	struct cli_history_sample sample;
};

/* ---- What the processes say ---- */

static void count_measure(struct taking *self, struct slice role, enum cli_history_from from, struct slice name, uint64_t number)
{
	for (size_t i = 0; i < CLI_HISTORY_SERIES; i++) {
		const struct cli_history_row *row = &cli_history_rows[i];
		if (row->from != from || !slice_equal(name, slice_of(row->measure)))
			continue;
		if (row->kind == CLI_HISTORY_GAUGE) {
			self->sample.values[i] += (int64_t)number;
			continue;
		}
		const char *key = arena_printf(self->arena, "%.*s %.*s", SLICE_ARG(role), SLICE_ARG(name)).at;
		json_t *former = json_object_get(self->before, key);
		int64_t then = json_integer_value(former), now = (int64_t)number;
		json_object_set_new(self->counters, key, json_integer(now));
		if (self->last > 0)
			self->sample.values[i] += now >= then ? now - then : now;
	}
}

static void read_metrics(struct taking *self, struct slice text)
{
	struct slice line, role, kind, name, digits;
	uint64_t number;
	while (slice_cut(text, '\n', &line, &text))
		if (slice_cut(line, ' ', &role, &line) && slice_cut(line, ' ', &kind, &line) && slice_cut(line, ' ', &name, &digits) && slice_to_number(digits, INT64_MAX, &number))
			count_measure(self, role, slice_equal(kind, SLICE("event")) ? CLI_HISTORY_EVENT : CLI_HISTORY_VALUE, name, number);
}

/* ---- What the event file tells ---- */

static void count_delivery(const struct event *event, struct slice name, struct cli_history_sample *sample)
{
	struct slice host = event_get(event, "host");
	bool named = host.len > 0 && !ascii_is_digit(host.at[host.len - 1]); /* not an address */
	struct cli_history_provider *provider = cli_history_provider(sample, named ? score_registered(host) : host);
	bool done = slice_equal(name, SLICE("delivery.done"));
	uint64_t delay;
	if (done && slice_to_number(event_get(event, "delay"), INT32_MAX, &delay)) {
		sample->values[CLI_HISTORY_DELIVERIES]++;
		sample->values[CLI_HISTORY_DELAY] += (int64_t)delay;
	}
	if (provider && done)
		provider->delivered++;
	else if (provider)
		*(slice_equal(name, SLICE("delivery.failed")) ? &provider->failed : &provider->deferred) += 1;
}

void cli_history_count(struct slice line, struct arena *arena, struct cli_history_sample *sample)
{
	struct event event;
	if (slice_find(line, SLICE("event=delivery.")) == SLICE_NONE && slice_find(line, SLICE("event=message.judged")) == SLICE_NONE)
		return;
	if (!event_parse(line, arena, &event))
		return;
	struct slice name = event_get(&event, "event"), action = event_get(&event, "action");
	if (slice_equal(name, SLICE("delivery.done")) || slice_equal(name, SLICE("delivery.deferred")) || slice_equal(name, SLICE("delivery.failed")))
		count_delivery(&event, name, sample);
	else if (slice_equal(name, SLICE("message.judged"))) {
		sample->values[CLI_HISTORY_JUDGED]++;
		for (enum score_verdict i = SCORE_JUNK; i < SCORE_VERDICTS; i++)
			sample->values[CLI_HISTORY_SPAM] += slice_equal(action, slice_of(score_verdict_name(i)));
	}
}

/* From where it was read to the last time, whole lines; the first time there is nothing to compare with. */
static void read_log(struct taking *self)
{
	struct stat status;
	int fd = open(arena_printf(self->arena, "%s/log/events.log", self->data).at, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &status) != 0) {
		if (fd >= 0)
			close(fd);
		return;
	}
	int64_t from = self->last == 0 ? status.st_size : (int64_t)status.st_ino == self->inode && self->offset <= status.st_size ? self->offset : 0;
	if (status.st_size - from > LOG_READ_MAX)
		from = status.st_size - LOG_READ_MAX;
	size_t room = (size_t)(status.st_size - from);
	char *bytes = arena_alloc(self->arena, room + 1);
	ssize_t got = room > 0 ? pread(fd, bytes, room, from) : 0;
	close(fd);
	struct slice line, rest = slice_make(bytes, got > 0 ? (size_t)got : 0);
	struct arena *scratch = arena_new();
	self->inode = (int64_t)status.st_ino;
	for (self->offset = from; slice_find_char(rest, '\n') != SLICE_NONE && slice_cut(rest, '\n', &line, &rest); arena_reset(scratch)) {
		cli_history_count(line, scratch, &self->sample);
		self->offset += (int64_t)line.len + 1;
	}
	arena_free(&scratch);
}

static void look_at_disk(struct taking *self)
{
	struct statvfs disk;
	if (statvfs(self->data, &disk) != 0)
		return;
	self->sample.values[CLI_HISTORY_DISK_SIZE] = (int64_t)(disk.f_blocks * disk.f_frsize);
	self->sample.values[CLI_HISTORY_DISK_USED] = (int64_t)((disk.f_blocks - disk.f_bfree) * disk.f_frsize);
}

/* ---- From one time to the next ---- */

static const char *state_path(const struct taking *self) { return arena_printf(self->arena, "%s/metrics/last", self->data).at; }

/* One that can't be read is as none. */
static json_t *read_state(struct taking *self)
{
	struct buf text = BUF(STATE_MAX);
	json_int_t last, inode, offset;
	json_t *state = file_read(state_path(self), &text, NULL) ? json_loadb(text.at ? text.at : "", text.len, 0, NULL) : NULL;
	if (state && json_unpack(state, "{s:I, s:I, s:I, s:o}", "time", &last, "inode", &inode, "offset", &offset, "counters", &self->before) == 0) {
		self->last = last;
		self->inode = inode;
		self->offset = offset;
	}
	if (self->last > self->sample.time + CLI_HISTORY_HOUR) /* of a clock that was ahead */
		self->last = 0;
	buf_free(&text);
	return state;
}

static bool write_state(struct taking *self, struct error *error)
{
	json_t *state = json_pack("{s:I, s:I, s:I, s:O}", "time", (json_int_t)self->sample.time, "inode", (json_int_t)self->inode, "offset", (json_int_t)self->offset, "counters", self->counters);
	char *text = json_dumps(state, JSON_COMPACT);
	bool done = file_replace(state_path(self), slice_of(text), 0600, error);
	free(text);
	json_decref(state);
	return done;
}

static bool take(struct taking *self, struct slice metrics, struct error *error)
{
	int64_t hour = self->last - self->last % CLI_HISTORY_HOUR, now = self->sample.time;
	read_metrics(self, metrics);
	read_log(self);
	look_at_disk(self);
	bool folds = self->last > 0 && now - now % CLI_HISTORY_HOUR > hour;
	return (self->last == 0 || cli_history_write(self->data, CLI_HISTORY_MINUTES, &self->sample, error)) && (!folds || cli_history_fold(self->data, hour, error)) && write_state(self, error);
}

bool cli_history_take(const char *data, struct slice metrics, int64_t now, struct arena *arena, struct error *error)
{
	struct taking *self = arena_alloc(arena, sizeof *self);
	*self = (struct taking){.data = data, .arena = arena, .counters = json_object(), .sample = {.time = now - now % MINUTE, .count = 1}};
	if (!file_make_folders(arena_printf(arena, "%s/metrics", data).at, 0700, error)) {
		json_decref(self->counters);
		return false;
	}
	int lock = open(arena_printf(arena, "%s/metrics/lock", data).at, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	json_t *state = lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0 ? read_state(self) : NULL;
	bool done = true;
	if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0 && self->sample.time > self->last)
		done = take(self, metrics, error);
	if (lock >= 0)
		close(lock);
	json_decref(state);
	json_decref(self->counters);
	return done;
}
