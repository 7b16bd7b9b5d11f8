/* Quarantine for those for whom something was set apart: each has his own recipient's row, and what becomes of that is nobody else's. Whose it is the asker says: he may open
 * mailboxes, and knows to whom an address leads. What he may do is the queue's to decide, so that who has taken him over can't let go more than people may: nothing in which
 * a scanner has found a virus is told, and only what was set apart as spam is let go or removed, where the option quarantine_release lets people do that.
 *
 * A message for several is released for one of them as a message of its own, in the transaction that takes his row from the other. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/memory.h"
#include "config/config.h"
#include "queue/internal.h"

#define IS_APART "m.account = '' AND m.reason = 3 AND r.held = 1" /* REASON_SET_APART, HOLD_BY_ORDER */

/* ---- What was found ---- */

static bool has_finding(struct slice findings, const char *name)
{
	struct slice line, wanted = slice_of(name);
	while (findings.len > 0) {
		slice_cut(findings, '\n', &line, &findings);
		if (slice_starts(line, wanted))
			return true;
	}
	return false;
}

bool queue_apart_is_hidden(const struct queue_message *message) { return has_finding(message->findings, "VIRUS_FOUND "); }

/* What was demanded by somebody else than the sum of the points stays the administrator's. A record that is nearly full may have lost such a line. */
bool queue_apart_may_release(const struct queue_message *message)
{
	enum { LINE_MAX = 400 };
	static const char *const demands[] = {"VIRUS_FOUND ", "ATTACH_", "MILTER_QUARANTINES ", "MILTER_DISCARDS ", NULL};
	bool may = slice_equal(slice_of(config_current()->quarantine_release), SLICE("own")) && message->findings.len > 0 && message->findings.len + LINE_MAX <= QUEUE_FINDINGS_MAX;
	for (size_t i = 0; may && demands[i]; i++)
		may = !has_finding(message->findings, demands[i]);
	return may;
}

/* ---- Listing ---- */

static bool read_rows(struct db_statement *rows, size_t most, struct arena *arena, struct queue_apart **list, size_t *count, struct error *error)
{
	size_t room = 0, bytes = 0;
	enum db_step step = DB_DONE;
	while (*count < most && bytes < QUEUE_APART_BYTES_MAX && (step = db_step(rows, error)) == DB_ROW) {
		struct queue_message message = {.findings = db_text(rows, 3)};
		if (queue_apart_is_hidden(&message))
			continue;
		ARENA_GROW(arena, *list, *count, room);
		(*list)[*count] = (struct queue_apart){db_number(rows, 0), db_number(rows, 1), arena_copy(arena, db_text(rows, 2))};
		bytes += (*list)[(*count)++].address.len;
	}
	db_reset(rows);
	return step != DB_FAILED;
}

bool queue_apart_list_here(struct queue *queue, size_t most, struct arena *arena, struct queue_apart **list, size_t *count, struct error *error)
{
	*list = NULL;
	*count = 0;
	pthread_mutex_lock(&queue->reads.lock);
	struct db_statement *rows = db_prepare(queue->reads.db, "SELECT m.id, r.number, r.address, m.findings FROM message m JOIN recipient r ON r.message = m.id"
		" WHERE " IS_APART " AND m.reason <> 0 ORDER BY m.id DESC, r.number");
	bool done = read_rows(rows, most, arena, list, count, error);
	pthread_mutex_unlock(&queue->reads.lock);
	return done;
}

/* ---- One of them ---- */

/* With all its recipients, and which of them is meant. */
static bool find(struct queue *queue, const struct queue_apart *which, struct arena *arena, struct queue_message **message, const struct queue_recipient **recipient, struct error *error)
{
	struct queue_filter filter = {.id = which->message, .reason = REASON_SET_APART};
	size_t count;
	*recipient = NULL;
	if (!queue_list(queue, &filter, arena, message, &count, error))
		return false;
	for (size_t i = 0; count == 1 && i < (*message)->recipient_count; i++)
		if ((*message)->recipients[i].id == which->recipient)
			*recipient = &(*message)->recipients[i];
	return (*recipient && (*message)->account.len == 0 && !queue_apart_is_hidden(*message)) || error_set(error, ERROR_NOT_FOUND, "it isn't in quarantine any more");
}

static bool read_head(struct queue *queue, const struct queue_message *message, struct arena *arena, struct slice *head, struct error *error)
{
	struct slice bytes;
	int fd;
	if (!queue_body(queue, message->id, arena, &bytes, &fd, error))
		return false;
	if (fd < 0) {
		*head = slice_sub(slice_skip(bytes, message->preface), 0, QUEUE_APART_HEAD_MAX);
		return true;
	}
	char *at = arena_alloc(arena, QUEUE_APART_HEAD_MAX);
	ssize_t got = pread(fd, at, QUEUE_APART_HEAD_MAX, (off_t)message->preface);
	close(fd);
	*head = slice_make(at, got > 0 ? (size_t)got : 0);
	return got >= 0 || error_set(error, ERROR_TEMPORARY, "its file can't be read");
}

bool queue_apart_show_here(struct queue *queue, const struct queue_apart *which, struct arena *arena, struct queue_apart_shown *shown, struct error *error)
{
	struct queue_message *message;
	const struct queue_recipient *recipient;
	if (!find(queue, which, arena, &message, &recipient, error))
		return false;
	*shown = (struct queue_apart_shown){.from = message->from, .address = recipient->address, .findings = message->findings, .arrived = message->arrived, .size = message->size,
		.points = message->points, .weighed = message->weighed, .may_release = queue_apart_may_release(message)};
	return read_head(queue, message, arena, &shown->head, error);
}

/* ---- Letting one go ---- */

static bool copy_file(struct queue_draft *draft, int fd, uint64_t preface, struct error *error)
{
	enum { PIECE = 64 * 1024 };
	char *piece = memory_array(PIECE, 1);
	off_t at = (off_t)preface;
	ssize_t got;
	bool done = true;
	while (done && (got = pread(fd, piece, PIECE, at)) != 0) {
		done = got > 0 ? queue_draft_write(draft, slice_make(piece, (size_t)got), error) : error_set(error, ERROR_TEMPORARY, "its file can't be read");
		at += got;
	}
	free(piece);
	return done;
}

static bool copy_body(struct queue *queue, const struct queue_message *message, struct queue_draft *draft, struct error *error)
{
	struct arena *arena = arena_new();
	struct slice bytes;
	int fd = -1;
	bool done = queue_body(queue, message->id, arena, &bytes, &fd, error);
	if (done)
		done = fd < 0 ? queue_draft_write(draft, slice_skip(bytes, message->preface), error) : copy_file(draft, fd, message->preface, error);
	if (fd >= 0)
		close(fd);
	arena_free(&arena);
	return done;
}

/* A message of its own, which nothing weighs any more: somebody has looked at it. */
static bool split(struct queue *queue, const struct queue_message *message, const struct queue_recipient *recipient, int64_t *as, struct error *error)
{
	struct queue_recipient alone = {.address = recipient->address, .original = recipient->original, .notify = recipient->notify};
	struct queue_message copy = {.id = id_new(), .from = message->from, .recipients = &alone, .recipient_count = 1, .body = message->body, .smtputf8 = message->smtputf8,
		.require_tls = message->require_tls, .ret = message->ret, .envid = message->envid, .client = message->client, .arrived = message->arrived, .author = message->author,
		.findings = message->findings};
	struct queue_result gone = {.message = message->id, .recipient = recipient->id, .outcome = OUTCOME_DELIVERED};
	struct queue_deposit deposit = {.draft = queue_draft_new(queue, copy.from), .message = &copy, .results = &gone, .result_count = 1};
	if (!copy_body(queue, message, deposit.draft, error)) {
		queue_draft_abort(&deposit.draft);
		return false;
	}
	queue_deposit_all(queue, &deposit, 1);
	*as = copy.id;
	if (!deposit.done)
		*error = deposit.error;
	return deposit.done;
}

static void tell_courier(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	void (*committed)(void *context) = queue->committed;
	void *context = queue->committed_context;
	pthread_mutex_unlock(&queue->lock);
	if (committed)
		committed(context);
}

static bool release(struct queue *queue, const struct queue_message *message, const struct queue_recipient *recipient, int64_t *as, struct error *error)
{
	struct queue_filter filter = {.id = message->id, .reason = REASON_SET_APART};
	size_t changed;
	*as = message->id;
	bool done = message->recipient_count > 1 ? split(queue, message, recipient, as, error) : queue_hold(queue, &filter, false, &changed, error);
	if (done)
		tell_courier(queue);
	return done;
}

static bool remove_one(struct queue *queue, const struct queue_message *message, const struct queue_recipient *recipient, struct error *error)
{
	struct queue_filter filter = {.id = message->id, .reason = REASON_SET_APART};
	struct queue_result gone = {.message = message->id, .recipient = recipient->id, .outcome = OUTCOME_DELIVERED};
	size_t changed;
	return message->recipient_count > 1 ? queue_settle(queue, &gone, 1, error) : queue_remove(queue, &filter, &changed, error);
}

bool queue_apart_end_here(struct queue *queue, const struct queue_apart *which, bool let_go, int64_t *as, struct error *error)
{
	struct arena *arena = arena_new();
	struct queue_message *message;
	const struct queue_recipient *recipient;
	*as = which->message;
	bool done = find(queue, which, arena, &message, &recipient, error);
	if (done && !queue_apart_may_release(message))
		done = error_set(error, ERROR_DENIED, "only an administrator may let it go or remove it");
	done = done && (let_go ? release(queue, message, recipient, as, error) : remove_one(queue, message, recipient, error));
	arena_free(&arena);
	return done;
}
