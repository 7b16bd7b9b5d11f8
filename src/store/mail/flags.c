/* Changing flags and keywords (RFC 3501 §6.4.6, RFC 7162 §3.1.3). */
#include "store/mail/internal.h"

struct placement_row { unsigned flags; struct slice keywords; int64_t modseq, thread; };

static enum db_step read_placement(struct db *db, int64_t mailbox, uint32_t uid, struct arena *arena, struct placement_row *row, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT flags, modseq, keywords, thread FROM placement WHERE mailbox = $1 AND uid = $2", mailbox, uid);
	enum db_step step = db_step(s, error);
	if (step == DB_ROW) {
		struct slice keywords = db_text(s, 2);
		*row = (struct placement_row){(unsigned)db_number(s, 0), {NULL, 0}, db_number(s, 1), db_number(s, 3)};
		if (!slice_empty(keywords))
			row->keywords = arena_copy(arena, keywords);
	}
	db_reset(s);
	return step;
}

static unsigned changed_flags(unsigned old, const struct mail_flags *request)
{
	unsigned given = request->flags & STORED_FLAGS;
	switch (request->change) {
	case FLAGS_ADD:
		return old | given;
	case FLAGS_REMOVE:
		return old & ~given;
	default:
		return given;
	}
}

static void tally_flags(struct mail_tally *tally, unsigned old, unsigned new)
{
	struct mail_tally before = {0};
	mail_tally_add(&before, old, 0, -1);
	mail_tally_add(&before, new, 0, 1);
	tally->unseen += before.unseen;
	tally->deleted += before.deleted;
}

/* One message: *refused if it was changed after unchanged_since. */
static bool change_one(struct change *change, const struct mail_flags *request, uint32_t uid, struct arena *arena,
		       struct mail_tally *tally, bool *refused, struct error *error)
{
	struct placement_row row;
	struct slice keywords;
	enum db_step step = read_placement(change->db, request->mailbox, uid, arena, &row, error);
	if (step != DB_ROW)
		return step == DB_DONE; /* it doesn't exist: passed over */
	*refused = request->unchanged_since >= 0 && row.modseq > request->unchanged_since;
	if (*refused)
		return true;
	if (!mail_change_keywords(row.keywords, request->change, request->keywords, arena, &keywords, error))
		return false;
	unsigned flags = changed_flags(row.flags, request);
	if (flags == row.flags && slice_equal(keywords, row.keywords))
		return true;
	change->emails |= (flags & FLAG_DELETED) == 0;
	if (((flags ^ row.flags) & COUNTED_FLAGS) && !change_touch(change, row.thread, error))
		return false;
	struct db_statement *s = PREPARE(change->db, "UPDATE placement SET flags = $3, modseq = $4, keywords = $5 WHERE mailbox = $1 AND uid = $2",
		request->mailbox, uid, flags, change_modseq(change));
	db_bind_text(s, 5, keywords);
	tally_flags(tally, row.flags, flags);
	tally->keywords += (int64_t)keywords.len - (int64_t)row.keywords.len;
	return db_run(s, error);
}

bool mail_store_flags(struct change *change, const struct mail_flags *request, const uint32_t *uids, size_t count,
		       uint32_t *failed, size_t *failed_count, struct error *error)
{
	struct arena *arena = arena_new(); /* of one message */
	struct mail_tally tally = {0};
	bool done = true;
	for (size_t i = 0; done && i < count; i++) {
		bool refused = false;
		arena_reset(arena);
		done = change_one(change, request, uids[i], arena, &tally, &refused, error);
		if (refused && failed)
			failed[*failed_count] = uids[i];
		*failed_count += refused;
	}
	arena_free(&arena);
	return done && (change->modseq == 0 || change_tally(change, request->mailbox, &tally, error));
}

