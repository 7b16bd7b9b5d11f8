/* Putting messages into the index, and taking them out. */
#include "base/clock.h"
#include "store/search/internal.h"

bool search_has(struct search *search, int64_t message, bool *has, struct error *error)
{
	struct db_statement *s = search_prepare(search, "SELECT 1 FROM document WHERE message = $1", message);
	enum db_step step = db_step(s, error);
	*has = step == DB_ROW;
	db_reset(s);
	return step != DB_FAILED;
}

bool search_wait(struct search *search, int64_t message, struct error *error)
{
	return db_run(search_prepare(search, "INSERT INTO waiting (message) SELECT $1 WHERE NOT EXISTS (SELECT 1 FROM document WHERE message = $1)"
				     " ON CONFLICT DO NOTHING", message), error);
}

/* ---- adding ---- */

static bool take_number(struct search *search, int64_t *doc, struct error *error)
{
	struct db_statement *s = db_prepare(search->db, "UPDATE state SET next = next + 1 RETURNING next - 1");
	enum db_step step = db_step(s, error);
	*doc = step == DB_ROW ? db_number(s, 0) : 0;
	if (step == DB_ROW)
		step = db_step(s, error);
	db_reset(s);
	return step == DB_DONE && *doc > 0;
}

static bool add_words(struct search *search, int64_t doc, const struct slice tokens[QUERY_COLUMNS], struct error *error)
{
	struct db_statement *s = search_prepare(search, "INSERT INTO word (rowid, sender, recipient, copied, hidden, subject, body, name, attached)"
						" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)", doc);
	for (int i = 0; i < QUERY_COLUMNS; i++)
		db_bind_text(s, 2 + i, tokens[i]);
	bool done = db_run(s, error);
	db_reset(s);
	return done;
}

static bool add_grams(struct search *search, int64_t doc, const struct query_grams *grams, struct error *error)
{
	struct buf all = BUF((size_t)QUERY_GRAMS_MAX * (QUERY_GRAM_BYTES + 1));
	char out[QUERY_GRAM_BYTES];
	struct slice gram;
	for (size_t cursor = 0; query_grams_next(grams, &cursor, out, &gram);) {
		buf_append(&all, gram);
		buf_append_char(&all, '\n');
	}
	struct db_statement *s = search_prepare(search, "INSERT INTO gram (rowid, content_grams) VALUES ($1, $2)", doc);
	db_bind_text(s, 2, buf_slice(&all));
	bool done = db_run(s, error);
	db_reset(s);
	buf_free(&all);
	return done;
}

static bool add_keys(struct search *search, const struct search_document *document, struct error *error)
{
	if (!document->keys)
		return true;
	struct db_statement *s = search_prepare(search, "INSERT INTO shown (message, attachment, sent, sender, recipient, subject) VALUES ($1, $2, $3, $4, $5, $6)"
						" ON CONFLICT DO NOTHING", document->message);
	db_bind_number(s, 2, document->keys->attachment);
	db_bind_number(s, 3, document->keys->sent);
	for (int i = 0; i < 3; i++)
		db_bind_text(s, 4 + i, document->keys->texts[i]);
	bool done = db_run(s, error);
	db_reset(s);
	return done;
}

bool search_add(struct search *search, const struct search_document *document, struct error *error)
{
	int64_t doc;
	bool whole = document->grams && !document->grams->overflow;
	if (!take_number(search, &doc, error))
		return false;
	struct db_statement *s = search_prepare(search, "INSERT INTO document (doc, message, whole) VALUES ($1, $2, $3)", doc);
	db_bind_number(s, 2, document->message);
	db_bind_number(s, 3, whole);
	return db_run(s, error) && add_words(search, doc, document->tokens, error) && (!whole || add_grams(search, doc, document->grams, error)) &&
	       add_keys(search, document, error) &&
	       db_run(search_prepare(search, "DELETE FROM waiting WHERE message = $1", document->message), error);
}

static bool note_gone(struct search *search, int64_t message, struct error *error)
{
	struct db_statement *s = search_prepare(search, "INSERT INTO gone (doc, at) SELECT doc, $2 FROM document WHERE message = $1", message);
	db_bind_number(s, 2, clock_now());
	return db_run(s, error);
}

bool search_remove(struct search *search, int64_t message, struct error *error)
{
	if (!db_run(search_prepare(search, "DELETE FROM waiting WHERE message = $1", message), error) ||
	    !db_run(search_prepare(search, "DELETE FROM shown WHERE message = $1", message), error) || !note_gone(search, message, error) ||
	    !db_run(search_prepare(search, "DELETE FROM document WHERE message = $1", message), error))
		return false;
	return db_changes(search->db) == 0 || db_run(search_prepare(search, "UPDATE state SET removed = removed + $1", 1), error);
}
