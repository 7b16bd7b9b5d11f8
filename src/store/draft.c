/* A message being written. It is in memory up to SMALL_DRAFT bytes, then in a file with a temporary name; or somebody's file is linked to
 * one. What becomes of it then: commit.c. */
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/draft.h"

struct draft *draft_new(struct account *account)
{
	struct draft *draft = memory_new(sizeof *draft);
	draft->account = account;
	draft->buffer = BUF(SMALL_DRAFT);
	draft->fd = -1;
	draft->arena = arena_new();
	return draft;
}

static void close_file(struct draft *draft)
{
	if (draft->fd >= 0)
		close(draft->fd);
	draft->fd = -1;
}

static void give_reserve_back(struct draft *draft)
{
	if (!draft->counted)
		return;
	pthread_mutex_lock(&draft->account->lock);
	draft->account->unfinished.bytes -= draft->reserved;
	draft->account->unfinished.messages--;
	pthread_mutex_unlock(&draft->account->lock);
}

void draft_abort(struct draft **draft)
{
	if (!*draft)
		return;
	give_reserve_back(*draft);
	close_file(*draft);
	if ((*draft)->path && !(*draft)->named)
		unlink((*draft)->path);
	buf_free(&(*draft)->buffer);
	arena_free(&(*draft)->arena);
	free((*draft)->path);
	free(*draft);
	*draft = NULL;
}

/* ---- What is unfinished counts ---- */

static bool fits(const struct mail_row *row, const struct unfinished *unfinished, uint64_t bytes)
{
	struct usage usage = change_usage(row);
	uint64_t used = usage.bytes + unfinished->bytes;
	if (usage.max_bytes > 0 && (used > usage.max_bytes || bytes > usage.max_bytes - used))
		return false;
	return usage.max_messages == 0 || usage.messages + unfinished->messages < usage.max_messages;
}

bool draft_reserve(struct draft *draft, uint64_t bytes, struct error *error)
{
	struct account *account = draft->account;
	struct mail_row row;
	if (!account_enter(account, error))
		return false;
	bool done = change_read_row(account->mail.db, &row, error);
	if (done && !fits(&row, &account->unfinished, bytes))
		done = error_set(error, ERROR_LIMIT, "over quota: with what is unfinished, %llu of %lld bytes are used",
				 (unsigned long long)(change_usage(&row).bytes + account->unfinished.bytes), (long long)row.max_bytes);
	if (done) {
		account->unfinished.bytes += bytes;
		account->unfinished.messages++;
		draft->reserved = bytes;
		draft->counted = true;
	}
	account_leave(account);
	return done;
}

/* ---- Writing ---- */

static bool make_file(struct draft *draft, struct error *error)
{
	char path[PATH_MAX];
	draft->fd = blob_new(draft->account->folder, path, error);
	if (draft->fd < 0)
		return false;
	draft->path = memory_copy(path, strlen(path));
	return true;
}

static bool write_buffer(struct draft *draft, struct error *error)
{
	return (draft->fd >= 0 || make_file(draft, error)) && file_write_all(draft->fd, buf_slice(&draft->buffer), error);
}

static bool flush(struct draft *draft, struct error *error)
{
	if (!write_buffer(draft, error))
		return false;
	buf_clear(&draft->buffer);
	return true;
}

static bool write_bytes(struct draft *draft, struct slice bytes, struct error *error)
{
	uint64_t most = draft->account->store->max_message;
	if (most > 0 && (bytes.len > most || draft->size > most - bytes.len))
		return error_set(error, ERROR_LIMIT, "larger than %llu bytes", (unsigned long long)most);
	draft->size += bytes.len;
	if (draft->buffer.len + bytes.len <= SMALL_DRAFT)
		return buf_append(&draft->buffer, bytes);
	if (!flush(draft, error))
		return false;
	return bytes.len <= SMALL_DRAFT ? buf_append(&draft->buffer, bytes) : file_write_all(draft->fd, bytes, error);
}

/* What isn't as it is kept is mended a step at a time. */
static bool write_mended(struct draft *draft, struct slice bytes, struct error *error)
{
	enum { STEP = 64 * 1024 };
	bool done = true;
	while (done && bytes.len > 0) {
		size_t clean = canonical_skip(&draft->canonical, bytes);
		struct slice step = slice_sub(slice_skip(bytes, clean), 0, STEP);
		struct buf mended = BUF(CANONICAL_FACTOR * (step.len + draft->canonical.crs));
		done = clean == 0 || write_bytes(draft, slice_sub(bytes, 0, clean), error);
		canonical_write(&draft->canonical, step, &mended);
		done = done && (mended.len == 0 || write_bytes(draft, buf_slice(&mended), error));
		buf_free(&mended);
		bytes = slice_skip(bytes, clean + step.len);
	}
	return done;
}

bool draft_write(struct draft *draft, struct slice bytes, struct error *error)
{
	if (!draft->failed && (draft->closed || draft->described || (draft->path && draft->fd < 0)))
		draft->failed = !error_set(&draft->error, ERROR_INVALID, "the draft is whole, or another message's file");
	if (!draft->failed && !write_mended(draft, bytes, &draft->error))
		draft->failed = true;
	if (draft->failed && error)
		*error = draft->error;
	return !draft->failed;
}

/* ---- Linking ---- */

/* What is known of a message of another account. */
static bool read_known(struct draft *draft, struct account *other, int64_t id, struct error *error)
{
	struct mail_content known;
	bool there = false;
	if (!account_enter(other, error))
		return false;
	bool done = mail_read_content(other->mail.db, id, &known, &draft->gist, draft->arena, &there, error);
	account_leave(other);
	if (done && (!there || known.refs == 0))
		return error_set(error, ERROR_NOT_FOUND, "the message is no longer there");
	draft->size = done ? known.size : 0;
	draft->described = done && known.hash_len == sizeof draft->hash;
	if (draft->described)
		memcpy(draft->hash, known.hash, sizeof draft->hash);
	return done;
}

static bool link_file(struct draft *draft, struct account *other, int64_t id, struct error *error)
{
	char path[PATH_MAX];
	if (!blob_new_linked(draft->account->folder, other->folder, id, draft->size, path, error))
		return false;
	draft->path = memory_copy(path, strlen(path));
	return true;
}

bool draft_link(struct draft *draft, struct account *other, int64_t id, struct error *error)
{
	if (draft->size > 0 || draft->path)
		return error_set(error, ERROR_INVALID, "the draft has content already");
	draft->failed = !read_known(draft, other, id, &draft->error) || !link_file(draft, other, id, &draft->error);
	if (draft->failed && error)
		*error = draft->error;
	return !draft->failed;
}

/* ---- Taking over a file ---- */

static void describe(struct draft *draft, struct slice content)
{
	blob_hash(content, draft->hash);
	draft->gist = mail_gist(content, draft->arena);
	draft->described = true;
}

/* False: it can't be linked. The descriptor is kept until the message is dated. */
static bool link_open_file(struct draft *draft, int fd, uint64_t size)
{
	char path[PATH_MAX];
	uint64_t most = draft->account->store->max_message;
	if ((most > 0 && size > most) || !blob_new_from(draft->account->folder, fd, path))
		return false;
	draft->path = memory_copy(path, strlen(path));
	draft->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	draft->size = size;
	return true;
}

bool draft_take_file(struct draft *draft, int fd, struct error *error)
{
	struct slice content;
	if (draft->size > 0 || draft->path)
		return error_set(error, ERROR_INVALID, "the draft has content already");
	if (!blob_map_open(fd, &content, NULL, error))
		return false;
	bool done = true;
	if (canonical_is_right(content) && link_open_file(draft, fd, content.len))
		describe(draft, content);
	else
		done = draft_write(draft, content, error);
	blob_unmap(content);
	return done;
}

/* ---- Preparing: no lock is held ---- */

static bool describe_file(struct draft *draft, struct error *error)
{
	struct slice content;
	if (!blob_map_draft(draft->path, &content, error))
		return false;
	describe(draft, content);
	blob_unmap(content);
	return true;
}

bool draft_end_content(struct draft *draft, struct error *error)
{
	struct buf rest = BUF(CANONICAL_MORE * (draft->canonical.crs + 1));
	canonical_end(&draft->canonical, &rest);
	bool done = rest.len == 0 || write_bytes(draft, buf_slice(&rest), error);
	buf_free(&rest);
	if (draft->canonical.nuls > 0)
		log_info("message.nul_replaced", log_slice("account", draft->account->name), log_number("bytes", (int64_t)draft->canonical.nuls));
	return done;
}

bool draft_prepare(struct account *account, struct draft *draft, int64_t received, struct error *error)
{
	if (draft->account != account)
		return error_set(error, ERROR_INVALID, "the draft belongs to another account");
	if (draft->failed) {
		if (error)
			*error = draft->error;
		return false;
	}
	if (draft->closed)
		return true;
	if (!draft_end_content(draft, error))
		return false;
	draft->closed = true;
	bool small = !draft->path;
	if (small && !draft->described)
		describe(draft, buf_slice(&draft->buffer));
	if ((small || draft->fd >= 0) && !write_buffer(draft, error))
		return false;
	/* The file's time is the message's date: for people who look, and for a rebuild. A linked file has it already. */
	if (draft->fd >= 0 && !blob_date(draft->fd, received, error))
		return false;
	close_file(draft);
	return draft->described || describe_file(draft, error);
}

bool draft_close(struct draft *draft, int64_t received, struct error *error)
{
	if (!draft_prepare(draft->account, draft, received, error))
		return false;
	buf_free(&draft->buffer);
	return true;
}

size_t draft_memory(const struct draft *draft)
{
	enum { ALLOCATED = 1200 }; /* the arena's first chunk, and what the C library adds to each allocation */
	return sizeof *draft + ALLOCATED + arena_used(draft->arena) + draft->buffer.capacity + (draft->path ? strlen(draft->path) : 0);
}

uint64_t draft_header(const struct draft *draft)
{
	return draft->canonical.header;
}
