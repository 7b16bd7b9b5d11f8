/* The body of a message that is in the queue. A small one is in a row. A larger one is a file in queue/body that has the message's number
 * for its name; in a database that other machines use, too, it is there in pieces, and whoever works on it gets a file of its own
 * made of them.
 *
 * Fails with ERROR_NOT_FOUND: the message, or its body, has gone meanwhile. */
#include "queue/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

enum { PIECE_SIZE = 1024 * 1024, PROC_PATH_MAX = 64 };

void queue_body_name(int64_t id, char out[BODY_NAME_MAX])
{
	id_format(id, out);
}

/* Where the file system can't do without one, it gets a name for a moment. */
int queue_body_make_file(const struct queue *queue)
{
	char name[BODY_NAME_MAX];
	int fd = openat(queue->folder, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
		return fd;
	queue_body_name(id_new(), name);
	fd = openat(queue->folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		unlinkat(queue->folder, name, 0);
	return fd;
}

void queue_body_remove_files(const struct queue *queue, const int64_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char name[BODY_NAME_MAX];
		queue_body_name(ids[i], name);
		if (unlinkat(queue->folder, name, 0) != 0 && errno != ENOENT)
			log_warning("queue.body_not_removed", log_id("id", ids[i]), log_number("errno", errno));
	}
}

bool queue_body_remove_rows(struct db *db, int64_t id, enum queue_body_place place, struct error *error)
{
	bool row = place == BODY_IN_ROW;
	if (place == BODY_IN_FILE)
		return true;
	struct db_statement *removal = db_prepare(db, row ? "DELETE FROM body WHERE message = $1" : "DELETE FROM piece WHERE message = $1");
	db_bind_number(removal, 1, id);
	return db_run(removal, error);
}

/* ---- Files ---- */

static bool open_file(const struct queue *queue, int64_t id, int *fd, struct error *error)
{
	char name[BODY_NAME_MAX];
	queue_body_name(id, name);
	*fd = openat(queue->folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd >= 0)
		return true;
	if (errno == ENOENT)
		return error_set(error, ERROR_NOT_FOUND, "queue/body/%s has gone", name);
	return error_set_errno(error, errno, "opening queue/body/%s", name);
}

/* ---- Pieces ---- */

static bool put_piece(struct db *db, int64_t id, int64_t number, struct slice bytes, struct error *error)
{
	struct db_statement *row = db_prepare(db, "INSERT INTO piece (message, number, bytes) VALUES ($1, $2, $3)");
	db_bind_number(row, 1, id);
	db_bind_number(row, 2, number);
	db_bind_blob(row, 3, bytes);
	bool done = db_run(row, error);
	db_reset(row);
	return done;
}

bool queue_body_put_pieces(const struct queue *queue, struct db *db, const struct queue_message *message, struct error *error)
{
	uint64_t size = message->size + message->preface;
	int fd;
	if (!open_file(queue, message->id, &fd, error))
		return false;
	char *bytes = memory_array(PIECE_SIZE, 1);
	bool done = true;
	int64_t number = 0;
	for (uint64_t at = 0; done && at < size;) {
		ssize_t got = pread(fd, bytes, size - at < PIECE_SIZE ? (size_t)(size - at) : PIECE_SIZE, (off_t)at);
		if (got > 0)
			done = put_piece(db, message->id, number++, slice_make(bytes, (size_t)got), error);
		else if (got == 0 || errno != EINTR)
			done = error_set_errno(error, got == 0 ? EIO : errno, "reading the file of a body");
		at += got > 0 ? (uint64_t)got : 0;
	}
	free(bytes);
	close(fd);
	return done;
}

/* Adds a piece to the file. *whole: with it, it is all there. */
static bool get_piece(struct queue *queue, int64_t id, int64_t number, int fd, int64_t *got, bool *whole, struct error *error)
{
	pthread_mutex_lock(&queue->reads.lock);
	struct db_statement *row = db_prepare(queue->reads.db, "SELECT piece.bytes, message.size + message.preface FROM piece JOIN message ON message.id = piece.message"
		" WHERE piece.message = $1 AND piece.number = $2");
	db_bind_number(row, 1, id);
	db_bind_number(row, 2, number);
	enum db_step step = db_step(row, error);
	bool done = step == DB_ROW && file_write_all(fd, db_blob(row, 0), error);
	if (step == DB_ROW) {
		*got += (int64_t)db_blob(row, 0).len;
		*whole = *got == db_number(row, 1);
	}
	db_reset(row);
	pthread_mutex_unlock(&queue->reads.lock);
	return step == DB_DONE ? error_set(error, ERROR_NOT_FOUND, "a piece of its body has gone") : done;
}

static bool reopen(int written, int *fd, struct error *error)
{
	char path[PROC_PATH_MAX];
	snprintf(path, sizeof path, "/proc/self/fd/%d", written);
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	return *fd >= 0 || error_set_errno(error, errno, "opening the file of a body");
}

static bool gather(struct queue *queue, int64_t id, int *fd, struct error *error)
{
	int written = queue_body_make_file(queue);
	if (written < 0)
		return error_set_errno(error, errno, "making a file in queue/body");
	bool done = true, whole = false;
	int64_t got = 0;
	for (int64_t number = 0; done && !whole; number++)
		done = get_piece(queue, id, number, written, &got, &whole, error);
	done = done && reopen(written, fd, error);
	close(written);
	return done;
}

bool queue_body(struct queue *queue, int64_t id, struct arena *arena, struct slice *bytes, int *fd, struct error *error)
{
	*fd = -1;
	*bytes = SLICE("");
	pthread_mutex_lock(&queue->reads.lock);
	struct db_statement *row = db_prepare(queue->reads.db, "SELECT bytes FROM body WHERE message = $1");
	db_bind_number(row, 1, id);
	enum db_step step = db_step(row, error);
	if (step == DB_ROW) {
		*bytes = arena_copy(arena, db_blob(row, 0));
		db_reset(row);
	}
	pthread_mutex_unlock(&queue->reads.lock);
	if (step == DB_DONE)
		return queue_is_shared(queue) ? gather(queue, id, fd, error) : open_file(queue, id, fd, error);
	return step == DB_ROW;
}
