/* Putting messages into mailboxes: what appending, copying and undeleting have in common; and copying (RFC 3501 §6.4.7,
 * RFC 6851). */
#include "base/memory.h"
#include "store/mail/internal.h"

bool change_check_quota(struct change *change, uint64_t size, struct error *error)
{
	struct usage usage = change_usage(&change->row);
	if (usage.max_bytes > 0 && usage.bytes + size > usage.max_bytes)
		return error_set(error, ERROR_LIMIT, "over quota: %llu of %llu bytes are used", (unsigned long long)usage.bytes,
				 (unsigned long long)usage.max_bytes);
	if (usage.max_messages > 0 && usage.messages >= usage.max_messages)
		return error_set(error, ERROR_LIMIT, "over quota: %llu of %llu messages are kept", (unsigned long long)usage.messages,
				 (unsigned long long)usage.max_messages);
	return true;
}

static bool next_uid(struct change *change, const struct mail_placement *new, uint32_t *uid, struct error *error)
{
	struct mail_tally tally = {0};
	mail_tally_add(&tally, new->flags, new->size, 1);
	struct db_statement *s = PREPARE(change->db, "UPDATE mailbox SET uidnext = uidnext + 1, messages = messages + 1, recent = recent + 1,"
		" unseen = unseen + $2, deleted = deleted + $3, bytes = bytes + $4, keyword_bytes = keyword_bytes + $6, modseq = $5"
		" WHERE id = $1 AND selectable = 1"
		" RETURNING uidnext - 1", new->mailbox, tally.unseen, tally.deleted, tally.bytes, change_modseq(change), (int64_t)new->keywords.len);
	enum db_step step = db_step(s, error);
	*uid = step == DB_ROW ? (uint32_t)db_number(s, 0) : 0;
	db_reset(s);
	return step == DB_ROW || (step == DB_DONE && error_set(error, ERROR_NOT_FOUND, "no such mailbox"));
}

bool change_place(struct change *change, struct mail_placement *new, struct error *error)
{
	if (!change_touch(change, new->thread, error) || !next_uid(change, new, &new->uid, error))
		return false;
	struct db_statement *s = PREPARE(change->db, "INSERT INTO placement (mailbox, uid, message, flags, modseq, size, received, thread, keywords)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)", new->mailbox, new->uid, new->message, new->flags & STORED_FLAGS,
		change_modseq(change), (int64_t)new->size, new->received, new->thread);
	db_bind_text(s, 9, new->keywords);
	change->row.keyword_bytes += (int64_t)new->keywords.len;
	return db_run(s, error);
}

/* ---- Adding ---- */

bool mail_add_row(struct change *change, struct mail_placement *new, int64_t refs, int64_t expunged, const unsigned char *hash, const struct mail_gist *gist,
		  struct error *error)
{
	if (new->thread == 0 && !change_join_thread(change, new, gist->summary, error))
		return false;
	bool appears = refs > 0 && (new->flags & FLAG_DELETED) == 0;
	struct db_statement *s = PREPARE(change->db, "INSERT INTO message (id, size, received, refs, expunged, thread, appeared, hash, summary)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)", new->message, (int64_t)new->size, new->received, refs, expunged, new->thread,
		appears ? change_modseq(change) : 0);
	db_bind_blob(s, 8, slice_make((const char *)hash, MAIL_HASH_SIZE));
	db_bind_blob(s, 9, gist->summary);
	if (change->row.last_id < new->message)
		change->row.last_id = new->message;
	return db_run(s, error) && (gist->excerpt.len == 0 || mail_put_excerpt(change->db, EXCERPT_SHORT, new->message, gist->excerpt, error));
}

bool mail_add(struct change *change, struct mail_placement *new, const unsigned char *hash, const struct mail_gist *gist, struct error *error)
{
	if (!change_join_thread(change, new, gist->summary, error) || !change_place(change, new, error))
		return false;
	change->row.messages++;
	change->row.bytes += (int64_t)new->size;
	return mail_add_row(change, new, 1, 0, hash, gist, error);
}

bool mail_add_also(struct change *change, struct mail_placement *new, const int64_t *mailboxes, size_t count, struct error *error)
{
	bool done = true;
	for (size_t i = 0; done && i < count; i++) {
		new->mailbox = mailboxes[i];
		done = change_check_quota(change, QUOTA_COPY_BYTES + new->keywords.len, error) && change_place(change, new, error) &&
		       db_run(PREPARE(change->db, "UPDATE message SET refs = refs + 1 WHERE id = $1", new->message), error);
		change->row.copies++;
	}
	return done;
}

bool mail_skip_uids(struct db *db, int64_t mailbox, uint32_t uidnext, struct error *error)
{
	return db_run(PREPARE(db, "UPDATE mailbox SET uidnext = $2 WHERE id = $1 AND uidnext < $2", mailbox, uidnext), error);
}

bool mail_is_known(struct db *db, int64_t message, bool *known, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT 1 FROM message WHERE id = $1", message);
	enum db_step step = db_step(s, error);
	*known = step == DB_ROW;
	db_reset(s);
	return step != DB_FAILED;
}

/* ---- Copying ---- */

/* Reads one placement as it is to be in the target; the keywords go to `arena`. */
static enum db_step read_source(struct db *db, int64_t from, uint32_t uid, struct arena *arena, struct mail_placement *new, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT message, flags, size, received, keywords, thread FROM placement WHERE mailbox = $1 AND uid = $2", from, uid);
	enum db_step step = db_step(s, error);
	if (step == DB_ROW) {
		struct slice keywords = db_text(s, 4);
		new->message = db_number(s, 0);
		new->flags = (unsigned)db_number(s, 1);
		new->size = (uint64_t)db_number(s, 2);
		new->received = db_number(s, 3);
		new->thread = db_number(s, 5);
		new->keywords = slice_empty(keywords) ? slice_make(NULL, 0) : arena_copy(arena, keywords);
	}
	db_reset(s);
	return step;
}

/* With `free` nothing is asked of the quota: the messages leave where they are. */
static bool copy_all(struct change *change, int64_t from, const uint32_t *uids, size_t count, int64_t to, bool free, uint32_t *source,
		     uint32_t *target, size_t *copied, struct error *error)
{
	struct arena *arena = arena_new(); /* of one message */
	bool done = true;
	for (size_t i = 0; done && i < count; i++) {
		struct mail_placement new = {.mailbox = to};
		arena_reset(arena);
		enum db_step step = read_source(change->db, from, uids[i], arena, &new, error);
		done = step != DB_FAILED;
		if (step != DB_ROW)
			continue;
		done = (free || change_check_quota(change, QUOTA_COPY_BYTES + new.keywords.len, error)) && change_place(change, &new, error) &&
		       db_run(PREPARE(change->db, "UPDATE message SET refs = refs + 1 WHERE id = $1", new.message), error);
		change->row.copies++;
		source[*copied] = uids[i];
		target[(*copied)++] = new.uid;
	}
	arena_free(&arena);
	return done;
}

static bool check_mailbox(struct db *db, int64_t id, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT 1 FROM mailbox WHERE id = $1 AND selectable = 1", id);
	enum db_step step = db_step(s, error);
	db_reset(s);
	return step == DB_ROW || (step == DB_DONE && error_set(error, ERROR_NOT_FOUND, "no such mailbox"));
}

bool mail_copy(struct change *change, int64_t from, const uint32_t *uids, size_t count, int64_t to, bool move, uint32_t *source,
	       uint32_t *target, size_t *copied, struct error *error)
{
	*copied = 0;
	if (!check_mailbox(change->db, to, error) || !copy_all(change, from, uids, count, to, move, source, target, copied, error))
		return false;
	if (!move)
		return true;
	uint32_t *removed = memory_array(*copied + 1, sizeof *removed);
	size_t removed_count;
	bool done = change_take_out(change, from, source, *copied, removed, &removed_count, error);
	free(removed);
	return done;
}
