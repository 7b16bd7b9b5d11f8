/* Asking the index. */
#include "base/array.h"
#include "base/memory.h"
#include "store/search/internal.h"

enum { EXPRESSION_MAX = 64 * 1024 };

/* ---- lists of messages ---- */

/* Grows outside of the arena, then moves there once. */
static bool read_ids(struct db_statement *s, struct arena *arena, struct query_ids *ids, struct error *error)
{
	int64_t *found = NULL;
	size_t room = 0, count = 0;
	enum db_step step;
	while ((step = db_step(s, error)) == DB_ROW) {
		ARRAY_GROW(found, count, room);
		found[count++] = db_number(s, 0);
	}
	db_reset(s);
	*ids = (struct query_ids){.at = arena_array(arena, count + 1, sizeof *ids->at), .count = count};
	if (count > 0)
		memcpy(ids->at, found, count * sizeof *found);
	free(found);
	query_ids_sort(ids);
	return step == DB_DONE;
}

bool search_list_waiting(struct search *search, size_t most, struct arena *arena, struct query_ids *ids, struct error *error)
{
	return read_ids(search_prepare(search, "SELECT message FROM waiting ORDER BY message LIMIT $1", (int64_t)most), arena, ids, error);
}

bool search_list_documents(struct search *search, int64_t after, size_t most, struct arena *arena, struct query_ids *ids, struct error *error)
{
	struct db_statement *s = search_prepare(search, "SELECT message FROM document WHERE message > $1 ORDER BY message LIMIT $2", after);
	db_bind_number(s, 2, (int64_t)most);
	return read_ids(s, arena, ids, error);
}

/* ---- words ---- */

static void write_string(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '"')
			buf_append_char(out, '"');
		buf_append_char(out, text.at[i]);
	}
}

/* "one two" OR "other": the words as one string, which the tokenizer takes apart. */
static void write_term(struct buf *out, const struct query_term *term)
{
	buf_append_text(out, "(\"");
	for (size_t i = 0; i < term->count; i++) {
		if (i > 0)
			buf_append_char(out, '\n');
		write_string(out, term->words[i]);
	}
	buf_append_text(out, term->prefix ? "\" *" : "\"");
	for (size_t i = 0; i < term->other_count; i++) {
		buf_append_text(out, " OR \"");
		write_string(out, term->others[i]);
		buf_append_char(out, '"');
	}
	buf_append_char(out, ')');
}

static void write_terms(struct buf *out, const struct query_terms *terms)
{
	if (terms->columns != QUERY_IN_ALL) {
		buf_append_char(out, '{');
		for (int i = 0; i < QUERY_COLUMNS; i++)
			if (terms->columns >> i & 1)
				buf_printf(out, "%s ", search_columns[i]);
		buf_append_text(out, "} : ");
	}
	buf_append_char(out, '(');
	for (size_t i = 0; i < terms->count; i++) {
		buf_append_text(out, i > 0 ? " AND " : "");
		write_term(out, &terms->at[i]);
	}
	buf_append_char(out, ')');
}

bool search_find_words(struct search *search, const struct query_terms *terms, struct arena *arena, struct query_ids *ids, struct error *error)
{
	struct buf expression = BUF(EXPRESSION_MAX);
	write_terms(&expression, terms);
	struct db_statement *s = db_prepare(search->db, "SELECT d.message FROM word JOIN document d ON d.doc = word.rowid WHERE word MATCH $1");
	db_bind_text(s, 1, buf_slice(&expression));
	bool done = read_ids(s, arena, ids, error);
	db_reset(s);
	buf_free(&expression);
	return done;
}

/* ---- grams ---- */

bool search_find_grams(struct search *search, const struct slice *grams, size_t count, struct arena *arena, struct query_ids *ids, struct error *error)
{
	struct buf expression = BUF(EXPRESSION_MAX);
	for (size_t i = 0; i < count; i++) {
		buf_append_text(&expression, i > 0 ? " AND \"" : "\"");
		write_string(&expression, grams[i]);
		buf_append_char(&expression, '"');
	}
	struct db_statement *s = db_prepare(search->db, "SELECT d.message FROM gram JOIN document d ON d.doc = gram.rowid WHERE gram MATCH $1"
					    " UNION ALL SELECT message FROM document WHERE whole = 0");
	db_bind_text(s, 1, buf_slice(&expression));
	bool done = read_ids(s, arena, ids, error);
	db_reset(s);
	buf_free(&expression);
	return done;
}

/* ---- what messages are sorted by ---- */

bool search_list_keys(struct search *search, int key, void (*take)(void *context, int64_t message, int64_t number, struct slice text), void *context, struct error *error)
{
	static const char *const lists[] = {
		"SELECT message, sender FROM shown ORDER BY sender, message", "SELECT message, recipient FROM shown ORDER BY recipient, message",
		"SELECT message, subject FROM shown ORDER BY subject, message", "SELECT message, sent FROM shown ORDER BY message",
		"SELECT message, attachment FROM shown ORDER BY message",
	};
	bool text = key < 3;
	struct db_statement *s = db_prepare(search->db, lists[key]);
	enum db_step step;
	while ((step = db_step(s, error)) == DB_ROW)
		take(context, db_number(s, 0), text ? 0 : db_number(s, 1), text ? db_text(s, 1) : slice_make(NULL, 0));
	return step == DB_DONE;
}
