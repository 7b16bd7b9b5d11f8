/* What is kept of a message's content beside it. Excerpts can always be made again: who wants one that isn't there makes it of the file. */
#include "message/summary.h"
#include "store/mail/internal.h"

struct mail_gist mail_gist(struct slice content, struct arena *arena)
{
	struct arena *tree = arena_new();
	struct mime_part *root = mime_parse(content, tree);
	root->envelope->preview = message_preview(content, root, tree);
	struct mail_gist gist = {.summary = summary_encode(root, arena),
		.excerpt = excerpt_make(slice_sub(content, 0, (size_t)root->header_size), EXCERPT_SHORT, arena)};
	arena_free(&tree);
	return gist;
}

/* ---- Excerpts ---- */

bool mail_put_excerpt(struct db *db, enum excerpt_kind kind, int64_t message, struct slice excerpt, struct error *error)
{
	bool is_long = kind == EXCERPT_LONG;
	struct db_statement *s = PREPARE(db, is_long ? "INSERT INTO long_excerpt (message, text) SELECT id, $2 FROM message WHERE id = $1"
			" ON CONFLICT (message) DO UPDATE SET text = excluded.text" : "INSERT INTO excerpt (message, text) SELECT id, $2 FROM message WHERE id = $1"
			" ON CONFLICT (message) DO UPDATE SET text = excluded.text", message);
	db_bind_blob(s, 2, excerpt);
	return db_run(s, error);
}

bool mail_put_excerpts(struct db *db, enum excerpt_kind kind, const struct message_excerpt *list, size_t count)
{
	bool done = db_begin(db, NULL);
	for (size_t i = 0; done && i < count; i++)
		done = mail_put_excerpt(db, kind, list[i].message, list[i].text, NULL);
	done = done && db_commit(db, NULL);
	db_rollback(db);
	return done;
}

bool mail_drop_excerpts(struct db *db, int64_t message, struct error *error)
{
	return db_run(PREPARE(db, "DELETE FROM excerpt WHERE message = $1", message), error) &&
	       db_run(PREPARE(db, "DELETE FROM long_excerpt WHERE message = $1", message), error);
}

static bool is_true(struct slice excerpt, struct slice header, enum excerpt_kind kind, struct arena *arena)
{
	return !excerpt_is_current(excerpt) || slice_equal(excerpt, excerpt_make(header, kind, arena));
}

bool mail_check_excerpts(struct db *db, int64_t message, struct slice content, bool *right, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT (SELECT text FROM excerpt e WHERE e.message = m.id), (SELECT text FROM long_excerpt e WHERE e.message = m.id)"
		" FROM message m WHERE id = $1", message);
	enum db_step step = db_step(s, error);
	*right = true;
	if (step == DB_ROW) {
		struct arena *arena = arena_new();
		struct slice header = slice_sub(content, 0, (size_t)mime_parse(content, arena)->header_size);
		*right = is_true(db_blob(s, 0), header, EXCERPT_SHORT, arena) && is_true(db_blob(s, 1), header, EXCERPT_LONG, arena);
		arena_free(&arena);
	}
	db_reset(s);
	return step != DB_FAILED;
}
