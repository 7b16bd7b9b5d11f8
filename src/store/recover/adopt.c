/* Files that no message has: making them messages again. And messages that the journal has. */
#include "base/clock.h"
#include "base/log.h"
#include "store/internal.h"

/* ---- Adopting ---- */

enum { ADOPT_AT_A_TIME = 100 };

struct foundling {
	int64_t id, received;
	uint64_t size;
	bool readable;
	unsigned char hash[BLOB_HASH_SIZE];
	struct slice summary;
};

/* Without a lock. One that can't be read is passed over, and found again by the next check. */
static void describe(const char *folder, struct foundling *one, struct arena *arena)
{
	struct slice content;
	one->readable = blob_map(folder, one->id, &content, &one->received, NULL);
	if (!one->readable)
		return;
	one->size = content.len;
	blob_hash(content, one->hash);
	one->summary = content_summary(content, arena);
	blob_unmap(content);
}

static bool is_known(struct db *db, int64_t id, bool *known, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT 1 FROM message WHERE id = $1", id);
	enum db_step step = db_step(s, error);
	*known = step == DB_ROW;
	db_reset(s);
	return step != DB_FAILED;
}

static bool add_row(struct change *change, const struct foundling *one, int64_t refs, int64_t expunged, struct error *error)
{
	struct db_statement *s = PREPARE(change->db, "INSERT INTO message (id, size, received, refs, expunged, hash, summary)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7)", one->id, (int64_t)one->size, one->received, refs, expunged);
	db_bind_blob(s, 6, slice_make((const char *)one->hash, sizeof one->hash));
	db_bind_blob(s, 7, one->summary);
	if (change->row.last_id < one->id)
		change->row.last_id = one->id;
	return db_run(s, error);
}

/* Adds it to new->mailbox, with the flags and keywords of `new`. */
static bool show(struct change *change, const struct foundling *one, struct new_placement *new, struct error *error)
{
	new->message = one->id;
	new->size = one->size;
	new->received = one->received;
	if (!change_place(change, new, error))
		return false;
	change->row.messages++;
	change->row.bytes += (int64_t)one->size;
	return add_row(change, one, 1, 0, error);
}

bool adopt_content(struct change *change, struct new_placement *new, struct slice content, const unsigned char hash[BLOB_HASH_SIZE],
		   struct error *error)
{
	struct arena *arena = arena_new();
	struct foundling one = {.id = new->message, .received = new->received, .size = content.len, .summary = content_summary(content, arena)};
	memcpy(one.hash, hash, sizeof one.hash);
	bool done = show(change, &one, new, error);
	arena_free(&arena);
	return done;
}

static bool adopt_one(struct change *change, const struct foundling *one, int64_t mailbox, bool expunged, struct error *error)
{
	bool known;
	if (!is_known(change->db, one->id, &known, error))
		return false;
	if (known || !one->readable)
		return true;
	if (!expunged)
		return show(change, one, &(struct new_placement){.mailbox = mailbox}, error);
	change_modseq(change);
	return add_row(change, one, 0, change->now, error);
}

bool adopt_shown(struct change *change, int64_t id, int64_t received, bool *added, struct error *error)
{
	struct arena *arena = arena_new();
	struct foundling one = {.id = id};
	describe(change->account->folder, &one, arena);
	one.received = received;
	change_modseq(change);
	*added = one.readable;
	bool done = !one.readable || add_row(change, &one, 0, 0, error);
	arena_free(&arena);
	return done;
}

static bool adopt_some(struct account *account, int64_t inbox, const int64_t *ids, size_t count, bool expunged, struct error *error)
{
	struct foundling *list = memory_array(count, sizeof *list);
	struct arena *arena = arena_new();
	struct change change;
	for (size_t i = 0; i < count; i++) {
		list[i].id = ids[i];
		describe(account->folder, &list[i], arena);
	}
	bool done = change_begin(account, &(struct uid_need){inbox, (uint32_t)count}, 1, &change, error);
	if (done) {
		for (size_t i = 0; done && i < count; i++)
			done = adopt_one(&change, &list[i], inbox, expunged, error);
		done = change_end(&change, done, error);
	}
	arena_free(&arena);
	free(list);
	return done;
}

bool adopt_files(struct account *account, const struct ids *ids, bool expunged, struct error *error)
{
	struct arena *arena = arena_new();
	struct mailbox inbox;
	bool done = ids->count == 0 || mailbox_find(account, SLICE("INBOX"), arena, &inbox, error);
	for (size_t i = 0; done && i < ids->count; i += ADOPT_AT_A_TIME) {
		size_t count = ids->count - i < ADOPT_AT_A_TIME ? ids->count - i : ADOPT_AT_A_TIME;
		done = adopt_some(account, inbox.id, ids->at + i, count, expunged, error);
	}
	arena_free(&arena);
	return done;
}

/* ---- From the journal ---- */

bool adopt_kept_file(const char *folder, const struct durable_kept *kept, struct error *error)
{
	return blob_restore(folder, kept->id, kept->content, kept->hash, kept->received, error);
}

/* With the UID and mod-sequence that it had: nobody else can have been given them. *shown false: its mailbox isn't here. Then the
 * account was made anew, or has an older database, and it is not for us to bring somebody's mail into it. */
static bool show_again(struct change *change, const struct durable_kept *kept, bool *shown, struct error *error)
{
	struct arena *arena = arena_new();
	struct error cause = {0};
	struct foundling one = {.id = kept->id, .received = kept->received, .size = kept->content.len, .summary = content_summary(kept->content, arena)};
	struct new_placement new = {.mailbox = kept->mailbox, .flags = kept->flags, .keywords = kept->keywords};
	memcpy(one.hash, kept->hash, sizeof one.hash);
	change->modseq = kept->modseq;
	if (change->row.modseq < kept->modseq)
		change->row.modseq = kept->modseq;
	*shown = db_run(PREPARE(change->db, "UPDATE mailbox SET uidnext = $2 WHERE id = $1 AND uidnext < $2", kept->mailbox, kept->uid), &cause) &&
		 show(change, &one, &new, &cause);
	arena_free(&arena);
	return *shown || cause.kind == ERROR_NOT_FOUND || error_set(error, cause.kind, "%s", cause.text);
}

bool adopt_kept(struct change *change, const struct durable_kept *kept, struct error *error)
{
	bool known, shown = false;
	if (!is_known(change->db, kept->id, &known, error))
		return false;
	if (known)
		return adopt_kept_file(change->account->folder, kept, error);
	if (kept->id <= change->row.last_id) /* its commit is here: the message was removed since */
		return true;
	if (!show_again(change, kept, &shown, error) || (shown && !adopt_kept_file(change->account->folder, kept, error)))
		return false;
	log_info(shown ? "message.restored" : "message.not_restored", log_slice("account", change->account->name), log_id("message", kept->id),
		 log_number("uid", kept->uid));
	return true;
}
