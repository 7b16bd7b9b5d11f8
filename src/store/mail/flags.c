/* Changing flags and keywords (RFC 3501 §6.4.6, RFC 7162 §3.1.3). */
#include "store/internal.h"

struct flags_request {
	int64_t mailbox;
	enum flags_change change;
	unsigned flags;
	struct slice keywords;
	int64_t unchanged_since;
};

struct placement_row { unsigned flags; struct slice keywords; int64_t modseq; };

static enum db_step read_placement(struct db *db, int64_t mailbox, uint32_t uid, struct arena *arena, struct placement_row *row, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT flags, modseq, keywords FROM placement WHERE mailbox = $1 AND uid = $2", mailbox, uid);
	enum db_step step = db_step(s, error);
	if (step == DB_ROW) {
		struct slice keywords = db_text(s, 2);
		*row = (struct placement_row){(unsigned)db_number(s, 0), {NULL, 0}, db_number(s, 1)};
		if (!slice_empty(keywords))
			row->keywords = arena_copy(arena, keywords);
	}
	db_reset(s);
	return step;
}

static unsigned changed_flags(unsigned old, const struct flags_request *request)
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

static void tally_flags(struct tally *tally, unsigned old, unsigned new)
{
	struct tally before = {0};
	tally_add(&before, old, 0, -1);
	tally_add(&before, new, 0, 1);
	tally->unseen += before.unseen;
	tally->deleted += before.deleted;
}

/* One message: *refused if it was changed after unchanged_since. */
static bool change_one(struct change *change, const struct flags_request *request, uint32_t uid, struct arena *arena,
		       struct tally *tally, bool *refused, struct error *error)
{
	struct placement_row row;
	struct slice keywords;
	enum db_step step = read_placement(change->db, request->mailbox, uid, arena, &row, error);
	if (step != DB_ROW)
		return step == DB_DONE; /* it doesn't exist: passed over */
	*refused = request->unchanged_since >= 0 && row.modseq > request->unchanged_since;
	if (*refused)
		return true;
	if (!keywords_change(row.keywords, request->change, request->keywords, arena, &keywords, error))
		return false;
	unsigned flags = changed_flags(row.flags, request);
	if (flags == row.flags && slice_equal(keywords, row.keywords))
		return true;
	struct db_statement *s = PREPARE(change->db, "UPDATE placement SET flags = $3, modseq = $4, keywords = $5 WHERE mailbox = $1 AND uid = $2",
		request->mailbox, uid, flags, change_modseq(change));
	db_bind_text(s, 5, keywords);
	tally_flags(tally, row.flags, flags);
	return db_run(s, error);
}

static bool change_all(struct change *change, const struct flags_request *request, const uint32_t *uids, size_t count,
		       uint32_t *failed, size_t *failed_count, struct error *error)
{
	struct arena *arena = arena_new(); /* of one message */
	struct tally tally = {0};
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

static bool store_flags(struct account *account, const struct flags_request *request, const uint32_t *uids, size_t count, uint32_t *list,
			size_t *refused, struct error *error)
{
	struct change change;
	*refused = 0;
	return change_begin(account, NULL, 0, &change, error) && change_end(&change, change_all(&change, request, uids, count, list, refused, error), error);
}

bool message_store_flags(struct account *account, int64_t mailbox, const uint32_t *uids, size_t count, enum flags_change change,
			 unsigned flags, struct slice keywords, int64_t unchanged_since, struct arena *arena,
			 uint32_t **failed, size_t *failed_count, struct error *error)
{
	struct flags_request request = {mailbox, change, flags, keywords, unchanged_since};
	uint32_t *list = failed && unchanged_since >= 0 ? arena_array(arena, count + 1, sizeof *list) : NULL;
	size_t refused = 0;
	if (failed)
		*failed = list;
	if (failed_count)
		*failed_count = 0;
	if (count == 0)
		return true;
	bool done = store_flags(account, &request, uids, count, list, &refused, error) ||
		    (change_has_room_now(account, error) && store_flags(account, &request, uids, count, list, &refused, error)); /* \Deleted is a flag */
	if (done && failed_count)
		*failed_count = refused;
	return done;
}
