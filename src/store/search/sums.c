/* What the index says of each document, in sums that a document of the same message has, too. */
#include "base/array.h"
#include "base/memory.h"
#include "store/search/internal.h"

/* No attacker chooses what is compared here: he would compare with himself. */
static uint64_t hash(struct slice token, uint64_t seed)
{
	uint64_t h = 0xcbf29ce484222325 ^ seed;
	for (size_t i = 0; i < token.len; i++)
		h = (h ^ (unsigned char)token.at[i]) * 0x100000001b3;
	h ^= h >> 32;
	return h * 0x9e3779b97f4a7c15;
}

/* Each token as often as it is there; not where. Those of attachments aren't compared: they depend on who gets their text out. */
void search_sums(const struct search_document *document, struct search_sums *sums)
{
	char out[QUERY_GRAM_BYTES];
	struct slice token;
	*sums = (struct search_sums){.message = document->message, .any = !document->grams || document->grams->overflow};
	for (int column = 0; column < QUERY_IN_ATTACHED; column++)
		for (struct slice rest = document->tokens[column]; rest.len > 0;) {
			slice_cut(rest, '\n', &token, &rest);
			sums->words += hash(token, (uint64_t)column + 1);
		}
	for (size_t cursor = 0; !sums->any && query_grams_next(document->grams, &cursor, out, &token);)
		sums->grams += hash(token, 0);
}

/* ---- those of the index ---- */

enum { GONE = -1 };
struct sum_table { struct search_sums *at; size_t count; int64_t *places; int64_t next; uint64_t orphans; }; /* places: by document, 1 + index, or GONE */

static bool read_documents(struct search *search, struct sum_table *table, struct error *error)
{
	struct db_statement *s = db_prepare(search->db, "SELECT next FROM state");
	size_t room = 0;
	enum db_step step = db_step(s, error);
	table->next = step == DB_ROW ? db_number(s, 0) : 0;
	db_reset(s);
	if (step != DB_ROW || table->next < 1)
		return false;
	table->places = memory_array((size_t)table->next, sizeof *table->places);
	s = db_prepare(search->db, "SELECT doc, message, whole FROM document ORDER BY message");
	while ((step = db_step(s, error)) == DB_ROW) {
		int64_t doc = db_number(s, 0);
		ARRAY_GROW(table->at, table->count, room);
		table->at[table->count++] = (struct search_sums){.message = db_number(s, 1), .any = db_number(s, 2) == 0};
		if (doc > 0 && doc < table->next)
			table->places[doc] = (int64_t)table->count;
	}
	return step == DB_DONE;
}

static struct search_sums *sums_of(struct sum_table *table, int64_t doc)
{
	int64_t place = doc > 0 && doc < table->next ? table->places[doc] : 0;
	table->orphans += place == 0;
	return place > 0 ? &table->at[place - 1] : NULL;
}

/* Documents whose words may be there still. */
static bool note_gone(struct search *search, struct sum_table *table, struct error *error)
{
	struct db_statement *s = db_prepare(search->db, "SELECT doc FROM gone");
	enum db_step step;
	while ((step = db_step(s, error)) == DB_ROW)
		if (db_number(s, 0) > 0 && db_number(s, 0) < table->next)
			table->places[db_number(s, 0)] = GONE;
	return step == DB_DONE;
}

/* Tables that tell all words and grams with their documents. */
static bool list_instances(struct search *search, struct error *error)
{
	return db_exec(search->db, "CREATE VIRTUAL TABLE IF NOT EXISTS temp.word_instances USING fts5vocab(main, word, instance);"
		       "CREATE VIRTUAL TABLE IF NOT EXISTS temp.gram_instances USING fts5vocab(main, gram, instance);", error);
}

static int column_of(struct slice name)
{
	for (int i = 0; i < QUERY_COLUMNS; i++)
		if (slice_equal(name, slice_of(search_columns[i])))
			return i;
	return -1;
}

static bool add_all(struct search *search, struct sum_table *table, struct error *error)
{
	enum db_step step;
	struct db_statement *s = db_prepare(search->db, "SELECT doc, term, col FROM temp.word_instances");
	while ((step = db_step(s, error)) == DB_ROW) {
		struct search_sums *sums = sums_of(table, db_number(s, 0));
		int column = column_of(db_text(s, 2));
		if (sums && column >= 0 && column < QUERY_IN_ATTACHED)
			sums->words += hash(db_text(s, 1), (uint64_t)column + 1);
	}
	s = step == DB_DONE ? db_prepare(search->db, "SELECT doc, term FROM temp.gram_instances") : NULL;
	while (s && (step = db_step(s, error)) == DB_ROW) {
		struct search_sums *sums = sums_of(table, db_number(s, 0));
		if (sums)
			sums->grams += hash(db_text(s, 1), 0);
	}
	return step == DB_DONE;
}

bool search_list_sums(struct search *search, struct search_sums **list, size_t *count, struct error *error)
{
	struct sum_table table = {0};
	bool done = db_verify(search->db, error) &&
		    list_instances(search, error) && read_documents(search, &table, error) && note_gone(search, &table, error) && add_all(search, &table, error) &&
		    (table.orphans == 0 || error_set(error, ERROR_INVALID, "the index has words of what isn't indexed"));
	free(table.places);
	if (!done) {
		free(table.at);
		table = (struct sum_table){0};
	}
	*list = table.at;
	*count = table.count;
	return done;
}
