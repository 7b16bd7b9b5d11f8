/* Periods, their files, and which report is due; see feedback.h. Of a period that has ended one domain after the other is told, at a time of its own
 * within some hours, so that not all servers of the world write at midnight. */
#include "policy/feedback_internal.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "policy/sent.h"

enum {
	DAY_SECONDS = 24 * 3600,
	SPREAD_SECONDS = 4 * 3600,         /* after a day within which its reports are sent */
	RETRY_SECONDS = 15 * 60,           /* after the DNS had no answer, */
	PATIENCE_SECONDS = 18 * 3600,      /* and so long after the period that is tried */
	KEPT_SECONDS = 4 * DAY_SECONDS,    /* what is older isn't told any more */
	WRITE_MS = 60 * 1000,              /* between two writings of what was gathered; more, where it is much */
	BYTES_PER_MS = 50,
	DUE_FILES_MAX = 100,
};

struct policy_feedback {
	char *folder;
	pthread_mutex_t lock;        /* guards the next four, and dns with what follows */
	struct policy_tally tally;
	bool changed;
	int64_t written;             /* monotonic milliseconds */
	size_t written_bytes;
	/* For the thread that reports: a period that has ended. */
	struct policy_tally due;
	int64_t due_end;             /* 0: none is loaded */
	struct dns *dns;             /* while there is something to be asked; made and freed by that thread, with the lock */
	bool stopping;               /* … and then none is made */
};

static void path_of(const struct policy_feedback *feedback, char path[PATH_MAX], const char *name) { snprintf(path, PATH_MAX, "%s/%s", feedback->folder, name); }

static void due_path(const struct policy_feedback *feedback, char path[PATH_MAX], int64_t begin, int64_t end)
{
	char name[80];
	snprintf(name, sizeof name, "due-%lld-%lld", (long long)begin, (long long)end);
	path_of(feedback, path, name);
}

static int64_t day_of(int64_t time) { return time - time % DAY_SECONDS; }

static void failed(const char *what, const struct error *error) { log_error("feedback.failed", log_text("what", what), log_text("reason", error->text)); }

/* ---- Gathering ---- */

/* With the lock held. A period begins with its day, or where the one before it has ended. */
static void begin_period(struct policy_feedback *feedback, int64_t now)
{
	if (!feedback->tally.arena)
		policy_tally_begin(&feedback->tally, day_of(now));
	else if (feedback->tally.count == 0 && feedback->tally.begin < day_of(now))
		feedback->tally.begin = day_of(now);
}

/* Between the end of a day and the end of its period a moment may pass: what comes then counts to the former. */
void policy_feedback_count(struct policy_feedback *feedback, const struct report *report, struct slice rua, const struct report_row *row, int64_t now)
{
	pthread_mutex_lock(&feedback->lock);
	begin_period(feedback, now);
	policy_tally_add(&feedback->tally, report, rua, row);
	feedback->changed = true;
	pthread_mutex_unlock(&feedback->lock);
}

static bool write_gathered(struct policy_feedback *feedback, struct error *error)
{
	char path[PATH_MAX];
	struct buf text = BUF(POLICY_TALLY_FILE_MAX);
	path_of(feedback, path, "gathered");
	pthread_mutex_lock(&feedback->lock);
	bool done = !feedback->tally.arena || policy_tally_write(&feedback->tally, &text) || error_set(error, ERROR_LIMIT, "it is too much");
	feedback->changed = false;
	feedback->written = clock_monotonic_ms();
	feedback->written_bytes = text.len;
	pthread_mutex_unlock(&feedback->lock);
	done = done && (text.len == 0 || file_replace(path, buf_slice(&text), 0600, error));
	buf_free(&text);
	return done;
}

static bool is_to_be_written(struct policy_feedback *feedback)
{
	pthread_mutex_lock(&feedback->lock);
	int64_t pause = WRITE_MS + (int64_t)feedback->written_bytes / BYTES_PER_MS;
	bool due = feedback->changed && clock_monotonic_ms() - feedback->written >= pause;
	pthread_mutex_unlock(&feedback->lock);
	return due;
}

/* ---- The end of a period ---- */

/* What was gathered becomes the file of a period that is due, and the next one begins. On a full disk the file as it was last written does. */
static bool end_period(struct policy_feedback *feedback, int64_t end, struct error *error)
{
	char gathered[PATH_MAX], due[PATH_MAX];
	struct buf text = BUF(POLICY_TALLY_FILE_MAX);
	pthread_mutex_lock(&feedback->lock);
	struct policy_tally ended = feedback->tally;
	policy_tally_begin(&feedback->tally, end + 1);
	pthread_mutex_unlock(&feedback->lock);
	path_of(feedback, gathered, "gathered");
	due_path(feedback, due, ended.begin, end);
	bool done = (policy_tally_write(&ended, &text) || error_set(error, ERROR_LIMIT, "it is too much")) && file_replace(due, buf_slice(&text), 0600, error);
	if (!done)
		rename(gathered, due);
	policy_tally_end(&ended);
	buf_free(&text);
	return done && write_gathered(feedback, error); /* so that nobody goes on with the former */
}

/* Is the command line asking for the end of the period? */
static bool is_asked(struct policy_feedback *feedback)
{
	char path[PATH_MAX];
	path_of(feedback, path, POLICY_SENT_NOW);
	return unlink(path) == 0;
}

/* Where the period ends; 0: it goes on. */
static int64_t end_of_period(struct policy_feedback *feedback, int64_t now)
{
	bool asked = is_asked(feedback);
	pthread_mutex_lock(&feedback->lock);
	int64_t begin = feedback->tally.begin, last = day_of(begin) + DAY_SECONDS - 1;
	bool any = feedback->tally.count > 0;
	pthread_mutex_unlock(&feedback->lock);
	return !any ? 0 : now > last ? last : !asked ? 0 : now > begin ? now : begin; /* begin: the one before has ended in this very second */
}

void policy_feedback_tend(struct policy_feedback *feedback, int64_t now)
{
	struct error error = {0};
	int64_t end = end_of_period(feedback, now);
	if (end > 0 && !end_period(feedback, end, &error) && error.kind != ERROR_NONE)
		failed("ending a period", &error);
	if (end == 0 && is_to_be_written(feedback) && !write_gathered(feedback, &error))
		failed("writing what was gathered", &error);
}

/* ---- Periods that are due ---- */

static int64_t number_of(struct slice text)
{
	uint64_t number = 0;
	slice_to_number(text, (uint64_t)REPORT_TIME_MAX, &number);
	return (int64_t)number;
}

static bool read_name(const char *name, int64_t *begin, int64_t *end)
{
	struct slice first, second;
	if (!slice_starts(slice_of(name), SLICE("due-")))
		return false;
	slice_cut(slice_skip(slice_of(name), 4), '-', &first, &second);
	*begin = number_of(first);
	*end = number_of(second);
	return *begin > 0 && *end > 0;
}

/* The one that has begun first. */
static bool find_due(struct policy_feedback *feedback, int64_t *begin, int64_t *end)
{
	DIR *folder = opendir(feedback->folder);
	bool found = false;
	int64_t one_begin, one_end;
	for (struct dirent *entry; folder && (entry = readdir(folder));)
		if (read_name(entry->d_name, &one_begin, &one_end) && (!found || one_begin < *begin)) {
			found = true;
			*begin = one_begin;
			*end = one_end;
		}
	if (folder)
		closedir(folder);
	return found;
}

static void drop_due(struct policy_feedback *feedback)
{
	char path[PATH_MAX];
	due_path(feedback, path, feedback->due.begin, feedback->due_end);
	unlink(path);
	policy_tally_end(&feedback->due);
	feedback->due_end = 0;
}

/* What stands in the file of what was sent, from before this process. */
static void note_sent(void *context, const struct policy_sent *sent)
{
	struct policy_feedback *feedback = context;
	for (size_t i = 0; sent->begin == feedback->due.begin && i < feedback->due.count; i++) {
		struct policy_told *told = feedback->due.told[i];
		told->done |= told->kind == sent->kind && slice_equal(told->domain, sent->domain);
	}
}

/* At a time of its own for each domain and day; at once, if somebody has asked for it. */
static int64_t time_of(const struct policy_told *told, int64_t begin, int64_t end)
{
	uint64_t hash = (uint64_t)begin;
	for (size_t i = 0; i < told->domain.len; i++)
		hash = (hash ^ (unsigned char)told->domain.at[i]) * UINT64_C(1099511628211);
	return (end + 1) % DAY_SECONDS == 0 ? end + 1 + (int64_t)(hash >> 16) % SPREAD_SECONDS : 0;
}

static bool load(struct policy_feedback *feedback, int64_t begin, int64_t end)
{
	char path[PATH_MAX], sent[PATH_MAX];
	struct buf file = BUF(POLICY_TALLY_FILE_MAX);
	struct error error;
	due_path(feedback, path, begin, end);
	path_of(feedback, sent, POLICY_SENT);
	policy_tally_begin(&feedback->due, begin);
	feedback->due_end = end;
	if (file_read(path, &file, &error))
		policy_tally_read(&feedback->due, buf_slice(&file));
	else
		failed("reading what is to be reported", &error);
	feedback->due.begin = begin;
	if (!policy_sent_read(sent, note_sent, feedback, &error))
		failed("reading what was sent", &error);
	for (size_t i = 0; i < feedback->due.count; i++)
		feedback->due.told[i]->not_before = time_of(feedback->due.told[i], begin, end);
	buf_free(&file);
	return true;
}

/* One that is to be told now; *waiting: others are to be later. */
static struct policy_told *choose(struct policy_feedback *feedback, int64_t now, bool *waiting)
{
	*waiting = false;
	for (size_t i = 0; i < feedback->due.count; i++) {
		struct policy_told *told = feedback->due.told[i];
		if (!told->done && told->not_before <= now)
			return told;
		*waiting |= !told->done;
	}
	return NULL;
}

const struct policy_told *policy_feedback_next(struct policy_feedback *feedback, int64_t now, int64_t *begin, int64_t *end)
{
	bool waiting;
	for (int passed = 0; passed < DUE_FILES_MAX; passed++) {
		if (feedback->due_end == 0 && !(find_due(feedback, begin, end) && load(feedback, *begin, *end)))
			return NULL;
		*begin = feedback->due.begin;
		*end = feedback->due_end;
		struct policy_told *told = now - *end < KEPT_SECONDS ? choose(feedback, now, &waiting) : NULL;
		if (told || (now - *end < KEPT_SECONDS && waiting))
			return told;
		drop_due(feedback);
	}
	return NULL;
}

struct slice policy_feedback_id(const struct policy_told *told, int64_t begin, struct arena *arena)
{
	return arena_printf(arena, "%lld.%s.%.*s@%s", (long long)begin, report_kind_name(told->kind), SLICE_ARG(told->domain), config_current()->hostname);
}

static void write_down(const struct policy_feedback *feedback, const struct policy_told *told, const char *outcome, struct slice addresses, uint64_t bytes, int64_t now)
{
	char path[PATH_MAX];
	struct error error;
	struct arena *arena = arena_new();
	struct policy_sent sent = {.when = now, .kind = told->kind, .domain = told->domain, .begin = feedback->due.begin, .end = feedback->due_end,
				   .id = policy_feedback_id(told, feedback->due.begin, arena), .outcome = slice_of(outcome), .messages = policy_tally_sum(told),
				   .rows = map_count(told->rows), .bytes = bytes, .addresses = addresses};
	path_of(feedback, path, POLICY_SENT);
	if (!policy_sent_add(path, &sent, &error))
		failed("noting what was sent", &error);
	log_info("report.sent", log_text("kind", report_kind_name(told->kind)), log_slice("domain", told->domain), log_slice("report", sent.id), log_text("outcome", outcome),
		 log_slice("to", addresses), log_number("rows", (int64_t)sent.rows), log_number("messages", (int64_t)sent.messages));
	arena_free(&arena);
}

void policy_feedback_told(struct policy_feedback *feedback, const struct policy_told *told, const char *outcome, struct slice addresses, uint64_t bytes, int64_t now)
{
	if (outcome)
		write_down(feedback, told, outcome, addresses, bytes, now);
	for (size_t i = 0; i < feedback->due.count; i++)
		feedback->due.told[i]->done |= feedback->due.told[i] == told;
}

bool policy_feedback_put_off(struct policy_feedback *feedback, const struct policy_told *told, int64_t now)
{
	for (size_t i = 0; i < feedback->due.count; i++)
		if (feedback->due.told[i] == told)
			feedback->due.told[i]->not_before = now + RETRY_SECONDS;
	return now - feedback->due_end < PATIENCE_SECONDS;
}

/* ---- The DNS ---- */

struct dns *policy_feedback_dns(struct policy_feedback *feedback)
{
	const struct config *config = config_current();
	struct error error;
	pthread_mutex_lock(&feedback->lock);
	if (!feedback->dns && !feedback->stopping) {
		feedback->dns = dns_new(&(struct dns_options){config->resolver, config->trust_anchors.at, config->trust_anchors.count}, &error);
		if (!feedback->dns)
			failed("asking the DNS", &error);
	}
	struct dns *dns = feedback->dns;
	pthread_mutex_unlock(&feedback->lock);
	return dns;
}

void policy_feedback_rest(struct policy_feedback *feedback)
{
	pthread_mutex_lock(&feedback->lock);
	if (feedback->dns)
		dns_free(&feedback->dns);
	pthread_mutex_unlock(&feedback->lock);
}

void policy_feedback_stop(struct policy_feedback *feedback)
{
	pthread_mutex_lock(&feedback->lock);
	feedback->stopping = true;
	if (feedback->dns)
		dns_stop(feedback->dns);
	pthread_mutex_unlock(&feedback->lock);
}

/* ---- Opening ---- */

/* Is there a file of a period that has begun then? */
static bool is_ended(const struct policy_feedback *feedback, int64_t begin)
{
	DIR *folder = opendir(feedback->folder);
	bool found = false;
	int64_t one_begin, one_end;
	for (struct dirent *entry; folder && !found && (entry = readdir(folder));)
		found = read_name(entry->d_name, &one_begin, &one_end) && one_begin == begin;
	if (folder)
		closedir(folder);
	return found;
}

struct policy_feedback *policy_feedback_open(const char *folder)
{
	char path[PATH_MAX];
	struct policy_feedback *feedback = memory_new(sizeof *feedback);
	struct buf file = BUF(POLICY_TALLY_FILE_MAX);
	struct error error;
	feedback->folder = memory_copy(folder, strlen(folder));
	pthread_mutex_init(&feedback->lock, NULL);
	feedback->written = clock_monotonic_ms();
	path_of(feedback, path, "gathered");
	if (file_read(path, &file, &error)) {
		policy_tally_begin(&feedback->tally, 0);
		policy_tally_read(&feedback->tally, buf_slice(&file));
		if (feedback->tally.begin == 0 || is_ended(feedback, feedback->tally.begin)) { /* the end of its period was cut short */
			policy_tally_end(&feedback->tally);
			policy_tally_begin(&feedback->tally, day_of(clock_now()));
		}
	} else if (access(path, F_OK) == 0) {
		failed("reading what was gathered", &error);
	}
	buf_free(&file);
	return feedback;
}

void policy_feedback_close(struct policy_feedback **feedback)
{
	struct error error;
	if ((*feedback)->changed && !write_gathered(*feedback, &error))
		failed("writing what was gathered", &error);
	policy_feedback_rest(*feedback);
	policy_tally_end(&(*feedback)->tally);
	policy_tally_end(&(*feedback)->due);
	pthread_mutex_destroy(&(*feedback)->lock);
	free((*feedback)->folder);
	free(*feedback);
	*feedback = NULL;
}
