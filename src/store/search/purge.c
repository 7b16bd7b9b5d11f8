/* Taking the words of what has gone out of the index. FTS5 wants to be told them, and keeps no list by documents: so all words are gone through once for
 * many documents. What it writes then are notes that they are gone; these and the words meet when all is merged, and neither is left. Pages that
 * become free are wiped, always (search_open()). */
#include <sqlite3.h>

#include "base/buf.h"
#include "base/memory.h"
#include "store/search/internal.h"

enum {
	PURGE_PART = 20,                        /* of the documents have gone: then, … */
	PURGE_SECONDS = 24 * 3600,              /* … or that long ago */
	PURGED_AT_A_TIME = 1000,                /* documents */
	PURGED_BYTES = 64 * 1024 * 1024,        /* of their words */
	ASKED_EVERY = 10000,                    /* words that are gone through between two questions whether that is to end */
	MERGED_PAGES = 500,                     /* in a step */
	DOCUMENT_BYTES_MAX = 32 * 1024 * 1024,
	COLUMNS = QUERY_COLUMNS + 1,            /* and one for grams */
};

bool search_is_to_be_purged(const struct search_state *state, int64_t now)
{
	return state->removed > 0 && (state->tidying == SEARCH_PURGING || state->removed * PURGE_PART >= state->documents || state->removed_at + PURGE_SECONDS <= now);
}

/* A document that has gone: its tokens, of a column the words and, behind them, the stems, which are no words of their own. */
struct remains { int64_t doc; struct buf words[COLUMNS], stems[COLUMNS]; bool left_out; };

struct purge {
	struct search *search;
	bool (*is_over)(void *context);
	void *context;
	struct remains *list;        /* by documents */
	size_t count;
	uint64_t bytes, seen;
	bool over;
};

static void free_tokens(struct purge *purge, struct remains *remains)
{
	for (int i = 0; i < COLUMNS; i++) {
		purge->bytes -= remains->words[i].len + remains->stems[i].len;
		buf_free(&remains->words[i]);
		buf_free(&remains->stems[i]);
	}
}

static bool list_gone(struct purge *purge, struct error *error)
{
	struct db_statement *s = search_prepare(purge->search, "SELECT doc FROM gone ORDER BY doc LIMIT $1", PURGED_AT_A_TIME);
	enum db_step step;
	purge->list = memory_array(PURGED_AT_A_TIME, sizeof *purge->list);
	while ((step = db_step(s, error)) == DB_ROW && purge->count < PURGED_AT_A_TIME) {
		struct remains *remains = &purge->list[purge->count++];
		remains->doc = db_number(s, 0);
		for (int i = 0; i < COLUMNS; i++)
			remains->words[i] = remains->stems[i] = BUF(DOCUMENT_BYTES_MAX);
	}
	db_reset(s);
	return step != DB_FAILED;
}

static struct remains *find_remains(const struct purge *purge, int64_t doc)
{
	size_t low = 0, high = purge->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (purge->list[middle].doc == doc)
			return purge->list[middle].left_out ? NULL : &purge->list[middle];
		if (purge->list[middle].doc < doc)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Where there are too many words, the last documents wait for the next time; one alone is always done. */
static void leave_out(struct purge *purge)
{
	for (size_t i = purge->count; purge->bytes > PURGED_BYTES && i-- > 1;)
		if (!purge->list[i].left_out) {
			purge->list[i].left_out = true;
			free_tokens(purge, &purge->list[i]);
		}
}

static void add_token(struct purge *purge, int64_t doc, int column, struct slice token)
{
	struct remains *remains = find_remains(purge, doc);
	if (!remains || column < 0 || token.len == 0)
		return;
	struct buf *to = token.at[0] == QUERY_STEM_MARK ? &remains->stems[column] : &remains->words[column];
	buf_append(to, token);
	buf_append_char(to, '\n');
	purge->bytes += token.len + 1;
	leave_out(purge);
}

static bool gather(struct purge *purge, const char *sql, bool grams, struct error *error)
{
	struct db_statement *s = db_prepare(purge->search->db, sql);
	enum db_step step;
	while ((step = db_step(s, error)) == DB_ROW) {
		if (++purge->seen % ASKED_EVERY == 0 && purge->is_over && purge->is_over(purge->context)) {
			purge->over = true;
			db_reset(s);
			return true;
		}
		add_token(purge, db_number(s, 0), grams ? QUERY_COLUMNS : search_column_of(db_text(s, 2)), db_text(s, 1));
	}
	return step == DB_DONE;
}

static struct slice tokens_of(struct remains *remains, int column)
{
	buf_append(&remains->words[column], buf_slice(&remains->stems[column]));
	return buf_slice(&remains->words[column]);
}

static bool take_out(struct purge *purge, struct remains *remains, struct error *error)
{
	struct db_statement *s = search_prepare(purge->search, "INSERT INTO word (word, rowid, sender, recipient, copied, hidden, subject, body, name, attached)"
						" VALUES ('delete', $1, $2, $3, $4, $5, $6, $7, $8, $9)", remains->doc);
	for (int i = 0; i < QUERY_COLUMNS; i++)
		db_bind_text(s, 2 + i, tokens_of(remains, i));
	bool done = db_run(s, error);
	db_reset(s);
	struct slice grams = tokens_of(remains, QUERY_COLUMNS);
	if (!done || grams.len == 0)
		return done && db_run(search_prepare(purge->search, "DELETE FROM gone WHERE doc = $1", remains->doc), error);
	s = search_prepare(purge->search, "INSERT INTO gram (gram, rowid, content_grams) VALUES ('delete', $1, $2)", remains->doc);
	db_bind_text(s, 2, grams);
	done = db_run(s, error);
	db_reset(s);
	return done && db_run(search_prepare(purge->search, "DELETE FROM gone WHERE doc = $1", remains->doc), error);
}

static bool take_all_out(struct purge *purge, struct error *error)
{
	int64_t count = 0;
	for (size_t i = 0; i < purge->count; i++) {
		if (purge->list[i].left_out)
			continue;
		if (!take_out(purge, &purge->list[i], error))
			return false;
		count++;
	}
	return db_run(search_prepare(purge->search, "UPDATE state SET removed = removed - $1, purged = purged + $1,"
				     " tidying = CASE WHEN EXISTS (SELECT 1 FROM gone) THEN 1 ELSE 2 END", count), error); /* SEARCH_PURGING, SEARCH_MERGING */
}

bool search_purge(struct search *search, bool (*is_over)(void *context), void *context, struct error *error)
{
	struct purge purge = {.search = search, .is_over = is_over, .context = context};
	bool done = search_list_instances(search, error) && list_gone(&purge, error) &&
		    gather(&purge, "SELECT doc, term, col FROM temp.word_instances", false, error) &&
		    (purge.over || gather(&purge, "SELECT doc, term FROM temp.gram_instances", true, error)) && (purge.over || take_all_out(&purge, error));
	for (size_t i = 0; i < purge.count; i++)
		free_tokens(&purge, &purge.list[i]);
	free(purge.list);
	return done;
}

/* A step that does nothing changes less than two rows, as FTS5's documentation has it. */
static bool merge(struct search *search, const char *sql, int64_t pages, bool *idle, struct error *error)
{
	sqlite3 *handle = db_driver(search->db);
	int before = sqlite3_total_changes(handle);
	bool done = db_run(search_prepare(search, sql, pages), error);
	*idle = sqlite3_total_changes(handle) - before < 2;
	return done;
}

/* The first step, of a negative number, makes all one; the others go on with it. */
bool search_merge(struct search *search, bool *done, struct error *error)
{
	struct db_statement *s = db_prepare(search->db, "SELECT tidying FROM state");
	int64_t pages = db_step(s, error) == DB_ROW && db_number(s, 0) == SEARCH_MERGING ? -MERGED_PAGES : MERGED_PAGES;
	bool words, grams;
	db_reset(s);
	*done = false;
	if (!merge(search, "INSERT INTO word (word, rank) VALUES ('merge', $1)", pages, &words, error) ||
	    !merge(search, "INSERT INTO gram (gram, rank) VALUES ('merge', $1)", pages, &grams, error))
		return false;
	*done = words && grams;
	return db_run(search_prepare(search, "UPDATE state SET tidying = $1", *done ? SEARCH_TIDY : SEARCH_MERGING_ON), error);
}

void search_empty_log(struct search *search)
{
	struct error unsaid;
	db_exec(search->db, "PRAGMA wal_checkpoint(TRUNCATE)", &unsaid);
}
