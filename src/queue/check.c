/* The queue's invariants:
 *
 *   every message has recipients, and every recipient a message;
 *   every message has its body, in a row, in a file or in pieces, of the size that the message says;
 *   every body row and every body file belongs to a message.
 *
 * Only the last one may be violated by a crash, and only for files: nobody misses them, and the sweep removes them. */
#include "queue/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

struct report {
	void (*found)(void *context, struct slice what);
	void *context;
};

__attribute__((format(printf, 2, 3))) static void tell(const struct report *report, const char *format, ...)
{
	char text[400];
	va_list args;
	if (!report->found)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	report->found(report->context, slice_of(text));
}

/* Each query gives the ids of messages for which `what` holds. */
static const struct { const char *sql, *what; } invariants[] = {
	{"SELECT id FROM message WHERE NOT EXISTS (SELECT 1 FROM recipient WHERE message = id)", "message %s has no recipients"},
	{"SELECT DISTINCT message FROM recipient WHERE NOT EXISTS (SELECT 1 FROM message WHERE id = recipient.message)",
	 "recipients of message %s, which doesn't exist"},
	{"SELECT id FROM message WHERE in_file = 0 AND NOT EXISTS (SELECT 1 FROM body WHERE message = id)", "message %s has no body"},
	{"SELECT id FROM message WHERE in_file = 0 AND size + preface <> (SELECT length(bytes) FROM body WHERE message = id)",
	 "the body of message %s is of another size than its envelope says"},
	{"SELECT id FROM message WHERE in_file = 2 AND size + preface <> (SELECT COALESCE(SUM(length(bytes)), 0) FROM piece WHERE message = id)",
	 "the pieces of the body of message %s are together of another size than its envelope says"},
	{"SELECT DISTINCT message FROM piece WHERE NOT EXISTS (SELECT 1 FROM message WHERE id = piece.message AND in_file = 2)",
	 "pieces of a body of message %s, which doesn't exist or has its body elsewhere"},
	{"SELECT message FROM body WHERE NOT EXISTS (SELECT 1 FROM message WHERE id = body.message AND in_file = 0)",
	 "a body of message %s, which doesn't exist or has its body in a file"},
};

static bool check_rows(struct queue *queue, const struct report *report, struct error *error)
{
	for (size_t i = 0; i < sizeof invariants / sizeof *invariants; i++) {
		struct db_statement *rows = db_prepare(queue->reads.db, invariants[i].sql);
		enum db_step step;
		while ((step = db_step(rows, error)) == DB_ROW) {
			char id[ID_TEXT_LEN + 1], text[200];
			id_format(db_number(rows, 0), id);
			size_t at = slice_find(slice_of(invariants[i].what), SLICE("%s"));
			snprintf(text, sizeof text, "%.*s%s%s", (int)at, invariants[i].what, id, invariants[i].what + at + 2);
			tell(report, "%s", text);
		}
		if (step == DB_FAILED)
			return false;
	}
	return true;
}

static bool check_body_files(struct queue *queue, const struct report *report, struct error *error)
{
	struct db_statement *rows = db_prepare(queue->reads.db, "SELECT id, size + preface FROM message WHERE in_file = 1");
	enum db_step step;
	while ((step = db_step(rows, error)) == DB_ROW) {
		char name[BODY_NAME_MAX];
		struct stat status;
		queue_body_name(db_number(rows, 0), name);
		if (fstatat(queue->folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
			tell(report, "the body file of message %s is missing", name);
		else if (!S_ISREG(status.st_mode) || status.st_size != db_number(rows, 1))
			tell(report, "the body file of message %s is no file of the size that its envelope says", name);
	}
	return step == DB_DONE;
}

/* Does a row name this body file? A failed look-up counts as yes. */
static bool row_names(struct queue *queue, int64_t id, struct error *error)
{
	pthread_mutex_lock(&queue->reads.lock);
	struct db_statement *row = db_prepare(queue->reads.db, "SELECT 1 FROM message WHERE id = $1 AND in_file = 1");
	db_bind_number(row, 1, id);
	enum db_step step = db_step(row, error);
	db_reset(row);
	pthread_mutex_unlock(&queue->reads.lock);
	return step != DB_DONE;
}

/* A draft that is being received, or committed, is locked by its process; a row is looked for only under the lock, so
 * a message that has been committed meanwhile is seen. */
static void sweep_file(struct queue *queue, const char *name, bool repair, const struct report *report, struct error *error)
{
	int64_t id = id_parse(slice_of(name));
	int fd = openat(queue->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		if (errno != ENOENT)
			tell(report, "queue/body/%s is no body file", name);
		return;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && (id == 0 || !row_names(queue, id, error))) {
		tell(report, "the file queue/body/%s belongs to no message%s", name, repair ? ": removed" : "");
		if (repair && unlinkat(queue->folder, name, 0) == 0)
			log_info("queue.orphan_removed", log_text("file", name));
	}
	close(fd);
}

/* Makes everything durable that was committed so far: a file must not go before the removal of its row has reached the disk. */
static bool pass_barrier(struct queue *queue, struct error *error)
{
	struct db *db = queue->writes.db;
	pthread_mutex_lock(&queue->writes.lock);
	bool done = db_begin_durable(db, error);
	if (done) {
		done = db_run(db_prepare(db, "UPDATE barrier SET passed = passed + 1 WHERE id = 1"), error) && db_commit(db, error);
		if (!done)
			db_rollback(db);
	}
	pthread_mutex_unlock(&queue->writes.lock);
	return done;
}

bool queue_sweep(struct queue *queue, bool repair, void (*found)(void *context, struct slice what), void *context, struct error *error)
{
	struct report report = {found, context};
	struct error trouble = {0};
	int fd = openat(queue->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	if (!folder)
		return error_set_errno(error, errno, "reading queue/body");
	bool passed = !repair, failed = false;
	for (struct dirent *entry; !failed && (entry = readdir(folder));) {
		if (entry->d_name[0] == '.')
			continue;
		if (!passed)
			failed = !pass_barrier(queue, &trouble);
		passed = true;
		if (!failed)
			sweep_file(queue, entry->d_name, repair, &report, &trouble);
	}
	closedir(folder);
	return trouble.kind == ERROR_NONE || error_set(error, trouble.kind, "%s", trouble.text);
}

bool queue_fsck(struct queue *queue, bool repair, void (*found)(void *context, struct slice what), void *context, struct error *error)
{
	struct report report = {found, context};
	struct error damage = {0};
	pthread_mutex_lock(&queue->reads.lock);
	if (!db_verify(queue->reads.db, &damage))
		tell(&report, queue_is_shared(queue) ? "the queue's database: %s" : "queue.db: %s", damage.text);
	bool done = check_rows(queue, &report, error) && check_body_files(queue, &report, error);
	pthread_mutex_unlock(&queue->reads.lock);
	return done && queue_sweep(queue, repair, found, context, error);
}
