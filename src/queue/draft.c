/* The body of a message while it is being received.
 *
 * Up to QUEUE_INLINE_MAX bytes stay in memory, and QUEUE_HELD_MAX as long as it may be written anew. What is larger goes to a file in queue/body/ that is called <id>.new until
 * the message is complete and <id> from then on. As long as its process lives, a draft's file is locked (flock), also
 * under its final name until its row is on disk: so queue_sweep() can tell an orphan from a message that is arriving.
 *
 * A remote queue's draft has a file that is given to it by the queue's owner, and has no name.
 *
 * Fails with ERROR_FULL or ERROR_TEMPORARY; a draft that has failed once stays failed. */
#include "queue/handin.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

struct queue_draft {
	struct queue *queue;
	struct buf bytes;     /* all of an inline body; of a larger one, what isn't written yet */
	size_t most;          /* bytes in memory */
	uint64_t preface;     /* bytes of the Return-Path field, at its front */
	uint64_t written;     /* bytes in the file */
	int fd;               /* -1: inline */
	int shown;            /* of a remote queue: the same file, only to read; -1: none */
	struct call_ticket *asked; /* of a remote queue: a file, in advance; NULL: none was asked for */
	int got[2];           /* … to write and to read; -1: none, or it is in use */
	void *view;           /* of the file, view_size bytes; NULL: none */
	size_t view_size;
	char name[BODY_NAME_MAX];
	struct error failed;
};

struct queue_draft *queue_draft_new(struct queue *queue, struct slice from)
{
	struct queue_draft *draft = memory_new(sizeof *draft);
	draft->queue = queue;
	draft->bytes = BUF(QUEUE_HELD_MAX);
	draft->most = QUEUE_INLINE_MAX;
	draft->fd = draft->shown = draft->got[0] = draft->got[1] = -1;
	if (!buf_printf(&draft->bytes, "Return-Path: <%.*s>\r\n", SLICE_ARG(from)))
		error_set(&draft->failed, ERROR_LIMIT, "the sender's address is too long");
	draft->preface = draft->bytes.len;
	return draft;
}

static void end_view(struct queue_draft *draft)
{
	if (draft->view)
		munmap(draft->view, draft->view_size);
	draft->view = NULL;
}

uint64_t queue_draft_size(const struct queue_draft *draft)
{
	return draft->written + draft->bytes.len;
}

uint64_t queue_draft_preface(const struct queue_draft *draft)
{
	return draft->preface;
}

bool queue_draft_in_file(const struct queue_draft *draft)
{
	return draft->fd >= 0;
}

struct slice queue_draft_inline(const struct queue_draft *draft)
{
	return draft->fd >= 0 ? SLICE("") : buf_slice(&draft->bytes);
}

bool queue_draft_is_sound(const struct queue_draft *draft, struct error *error)
{
	return draft->failed.kind == ERROR_NONE || error_set(error, draft->failed.kind, "%s", draft->failed.text);
}

/* ---- A file in advance ---- */

bool queue_draft_get_file(struct queue_draft *draft, void (*done)(void *context), void *context)
{
	if (!draft->queue->owner || draft->got[0] >= 0 || draft->failed.kind != ERROR_NONE)
		return true;
	if (!draft->asked)
		draft->asked = queue_handin_ask_file(draft->queue, done, context);
	if (!caller_is_done(draft->asked))
		return false;
	queue_handin_take_file(&draft->asked, &draft->got[0], &draft->got[1], &draft->failed);
	return true;
}

bool queue_draft_awaits_file(const struct queue_draft *draft)
{
	return draft->asked != NULL;
}

bool queue_draft_needs_file(const struct queue_draft *draft, uint64_t more)
{
	return draft->queue->owner && draft->fd < 0 && draft->got[0] < 0 && draft->failed.kind == ERROR_NONE && more > draft->most - draft->bytes.len;
}

static bool use_got(struct queue_draft *draft)
{
	if (draft->got[0] < 0)
		return false;
	draft->fd = draft->got[0];
	draft->shown = draft->got[1];
	draft->got[0] = draft->got[1] = -1;
	return true;
}

void queue_draft_pass_file(struct queue_draft *from, struct queue_draft *to)
{
	memcpy(to->got, from->got, sizeof to->got);
	from->got[0] = from->got[1] = -1;
}

static void close_got(struct queue_draft *draft)
{
	if (draft->asked)
		queue_handin_forget_file(&draft->asked);
	for (int i = 0; i < 2; i++)
		if (draft->got[i] >= 0)
			close(draft->got[i]);
}

/* ---- Writing ---- */

/* Between making the file and locking it, a sweep may have taken it for an orphan and removed it: then begin again. */
static bool create_file(struct queue_draft *draft, struct error *error)
{
	if (draft->queue->owner)
		return use_got(draft) || queue_handin_open_file(draft->queue, &draft->fd, &draft->shown, error);
	for (;;) {
		char id[ID_TEXT_LEN + 1];
		id_format(id_new(), id);
		snprintf(draft->name, sizeof draft->name, "%s.new", id);
		int fd = openat(draft->queue->folder, draft->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return error_set_errno(error, errno, "making queue/body/%s", draft->name);
		struct stat status;
		if (flock(fd, LOCK_EX) == 0 && fstat(fd, &status) == 0 && status.st_nlink == 1) {
			draft->fd = fd;
			return true;
		}
		close(fd);
	}
}

static bool flush(struct queue_draft *draft, struct error *error)
{
	if (draft->fd < 0 && !create_file(draft, error))
		return false;
	if (!file_write_all(draft->fd, buf_slice(&draft->bytes), error))
		return false;
	draft->written += draft->bytes.len;
	buf_clear(&draft->bytes);
	return true;
}

void queue_draft_hold(struct queue_draft *draft)
{
	draft->most = QUEUE_HELD_MAX;
}

void queue_draft_settle(struct queue_draft *draft)
{
	draft->most = QUEUE_INLINE_MAX;
	if (draft->failed.kind == ERROR_NONE && draft->bytes.len > QUEUE_INLINE_MAX)
		flush(draft, &draft->failed);
}

bool queue_draft_write(struct queue_draft *draft, struct slice bytes, struct error *error)
{
	end_view(draft);
	if (draft->failed.kind == ERROR_NONE && bytes.len > draft->most - draft->bytes.len)
		flush(draft, &draft->failed);
	if (draft->failed.kind == ERROR_NONE && bytes.len > draft->most) {
		if (file_write_all(draft->fd, bytes, &draft->failed))
			draft->written += bytes.len;
	} else if (draft->failed.kind == ERROR_NONE)
		buf_append(&draft->bytes, bytes);
	return queue_draft_is_sound(draft, error);
}

bool queue_draft_view(struct queue_draft *draft, struct slice *content, struct error *error)
{
	end_view(draft);
	*content = slice_skip(buf_slice(&draft->bytes), draft->preface);
	if (!queue_draft_is_sound(draft, error) || draft->fd < 0)
		return draft->failed.kind == ERROR_NONE;
	if (!flush(draft, &draft->failed))
		return queue_draft_is_sound(draft, error);
	draft->view = mmap(NULL, draft->written, PROT_READ, MAP_PRIVATE, draft->fd, 0);
	if (draft->view == MAP_FAILED) {
		draft->view = NULL;
		return error_set_errno(error, errno, "mapping queue/body/%s", draft->name);
	}
	draft->view_size = draft->written;
	*content = slice_skip(slice_make(draft->view, draft->view_size), draft->preface);
	return true;
}

bool queue_draft_show(struct queue_draft *draft, struct slice *content, int *shown, uint64_t *skip, struct error *error)
{
	*content = draft->fd < 0 ? slice_skip(buf_slice(&draft->bytes), draft->preface) : SLICE("");
	*shown = -1;
	*skip = 0;
	if (!queue_draft_is_sound(draft, error) || draft->fd < 0)
		return draft->failed.kind == ERROR_NONE;
	if (!flush(draft, &draft->failed))
		return queue_draft_is_sound(draft, error);
	*shown = draft->shown >= 0 ? draft->shown : draft->fd;
	*skip = draft->preface;
	return true;
}

bool queue_draft_finish_file(struct queue_draft *draft, int64_t id, struct error *error)
{
	char name[BODY_NAME_MAX];
	queue_body_name(id, name);
	if (!flush(draft, error))
		return false;
	if (renameat2(draft->queue->folder, draft->name, draft->queue->folder, name, RENAME_NOREPLACE) != 0)
		return error_set_errno(error, errno, "naming queue/body/%s", name);
	memcpy(draft->name, name, sizeof name);
	return true;
}

bool queue_draft_finish_remote(struct queue_draft *draft, int *shown, struct error *error)
{
	if (!flush(draft, error))
		return false;
	end_view(draft);
	close(draft->fd);
	draft->fd = -1;
	*shown = draft->shown;
	return true;
}

void queue_draft_free(struct queue_draft **draft)
{
	struct queue_draft *old = *draft;
	*draft = NULL;
	if (!old)
		return;
	end_view(old);
	close_got(old);
	if (old->fd >= 0)
		close(old->fd);
	if (old->shown >= 0)
		close(old->shown);
	buf_free(&old->bytes);
	free(old);
}

void queue_draft_abort(struct queue_draft **draft)
{
	if (*draft && (*draft)->fd >= 0 && (*draft)->shown < 0)
		unlinkat((*draft)->queue->folder, (*draft)->name, 0);
	queue_draft_free(draft);
}
