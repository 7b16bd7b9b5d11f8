/* Taking the words of what has gone out of the index: everything is copied but them, segment by segment (page.h), in one transaction. Whoever reads meanwhile sees
 * what was there before. Pages that become free are wiped, always (search_open()), and used for what is copied, so that the file doesn't grow. */
#include <sqlite3.h>

#include "base/memory.h"
#include "store/search/internal.h"
#include "store/search/page.h"

enum {
	PURGE_PART = 20,                        /* of the documents have gone: then, … */
	PURGE_SECONDS = 24 * 3600,              /* … or that long ago */
	SEGMENT_BITS = 37,                      /* where a page's number has its segment's, … */
	LIST_BIT = 36,                          /* … and whether it is a list of pages without terms */
	STRUCTURE_BYTES_MAX = 64 * 1024,
};

bool search_is_to_be_purged(const struct search_state *state, int64_t now)
{
	return state->removed > 0 && (state->removed * PURGE_PART >= state->documents || state->removed_at + PURGE_SECONDS <= now);
}

/* The tables that FTS5 keeps one in. */
struct table {
	bool positions;
	const char *version, *structure, *structure_set, *page, *page_remove, *page_put, *key_put, *rest_remove, *keys_remove;
};

#define TABLE(name, with_positions) \
	{with_positions, "SELECT v FROM " name "_config WHERE k = 'version'", "SELECT block FROM " name "_data WHERE id = 10", "UPDATE " name "_data SET block = $1 WHERE id = 10", \
	 "SELECT block FROM " name "_data WHERE id = $1", "DELETE FROM " name "_data WHERE id = $1", "INSERT INTO " name "_data (id, block) VALUES ($1, $2)", \
	 "INSERT INTO " name "_idx (segid, term, pgno) VALUES ($1, $2, $3)", "DELETE FROM " name "_data WHERE id >= $1 AND id < $2", "DELETE FROM " name "_idx WHERE segid = $1"}

static const struct table tables[] = {TABLE("word", true), TABLE("gram", false)};

struct purge {
	struct search *search;
	bool (*is_over)(void *context);
	void *context;
	struct error *error;         /* of what is written */
	const struct table *table;
	unsigned char *gone;         /* by documents */
	int64_t most, count;         /* documents are below this; and how many have gone */
	bool over;
	/* of the segment: */
	int64_t number;              /* of the new one */
	struct search_page_writer *writer;
	struct buf term;             /* the last, which is written with its first document that is there */
	bool term_waits, dropped;    /* dropped: the document has gone */
};

static bool is_damaged(struct error *error) { return error_set(error, ERROR_INVALID, "the index isn't as FTS5 makes it"); }

/* ---- what has gone ---- */

static bool count_documents(struct purge *purge, struct error *error)
{
	struct db_statement *s = db_prepare(purge->search->db, "SELECT next FROM state");
	enum db_step step = db_step(s, error);
	purge->most = step == DB_ROW ? db_number(s, 0) : 0;
	db_reset(s);
	return step != DB_FAILED && ((purge->most > 0 && purge->most < UINT32_MAX) || error_set(error, ERROR_INVALID, "the index has lost its state"));
}

static bool list_gone(struct purge *purge, struct error *error)
{
	enum db_step step;
	if (!count_documents(purge, error))
		return false;
	purge->gone = memory_array((size_t)purge->most, sizeof *purge->gone);
	struct db_statement *s = db_prepare(purge->search->db, "SELECT doc FROM gone");
	while ((step = db_step(s, error)) == DB_ROW) {
		purge->count++;
		if (db_number(s, 0) > 0 && db_number(s, 0) < purge->most)
			purge->gone[db_number(s, 0)] = 1;
	}
	return step == DB_DONE;
}

/* ---- copying ---- */

static bool take_term(void *context, struct slice term)
{
	struct purge *purge = context;
	buf_clear(&purge->term);
	buf_append(&purge->term, term);
	purge->term_waits = true;
	return true;
}

static bool take_document(void *context, int64_t doc, uint64_t marks)
{
	struct purge *purge = context;
	purge->dropped = doc < purge->most && purge->gone[doc] != 0;
	if (purge->dropped)
		return true;
	if (purge->term_waits && !search_page_write_term(purge->writer, buf_slice(&purge->term)))
		return false;
	purge->term_waits = false;
	return search_page_write_document(purge->writer, doc, marks);
}

static bool take_places(void *context, struct slice bytes)
{
	struct purge *purge = context;
	return purge->dropped || search_page_write_places(purge->writer, bytes);
}

static bool put(struct purge *purge, int64_t id, struct slice bytes)
{
	struct db_statement *s = search_prepare(purge->search, purge->table->page_put, id);
	db_bind_blob(s, 2, bytes);
	bool done = db_run(s, purge->error);
	db_reset(s);
	return done;
}

static bool give_page(void *context, int64_t number, struct slice bytes)
{
	struct purge *purge = context;
	return put(purge, (purge->number << SEGMENT_BITS) + number, bytes);
}

static bool give_documents(void *context, int64_t number, struct slice bytes)
{
	struct purge *purge = context;
	return put(purge, (purge->number << SEGMENT_BITS) + ((int64_t)1 << LIST_BIT) + number, bytes);
}

static bool give_index(void *context, struct slice term, int64_t number, bool documents)
{
	struct purge *purge = context;
	struct db_statement *s = search_prepare(purge->search, purge->table->key_put, purge->number);
	db_bind_blob(s, 2, term.len > 0 ? term : SLICE(""));
	db_bind_number(s, 3, number * 2 + documents);
	bool done = db_run(s, purge->error);
	db_reset(s);
	return done;
}

/* ---- segments ---- */

/* Takes a page out of the table. */
static bool take_page(struct purge *purge, int64_t id, struct buf *page, struct error *error)
{
	struct db_statement *s = search_prepare(purge->search, purge->table->page, id);
	enum db_step step = db_step(s, error);
	buf_clear(page);
	bool whole = step == DB_ROW && buf_append(page, db_blob(s, 0));
	db_reset(s);
	if (!whole)
		return step != DB_FAILED && is_damaged(error);
	return db_run(search_prepare(purge->search, purge->table->page_remove, id), error);
}

static bool copy_pages(struct purge *purge, const struct search_page_segment *segment, struct search_page_reader *reader, struct error *error)
{
	struct buf page = BUF(PAGE_BYTES_MAX);
	bool done = true;
	for (int64_t number = segment->first; done && !purge->over && number <= segment->last; number++) {
		done = take_page(purge, (segment->number << SEGMENT_BITS) + number, &page, error) &&
		       (search_page_read(reader, buf_slice(&page)) || (error->kind == ERROR_NONE && is_damaged(error)));
		purge->over = purge->is_over && purge->is_over(purge->context);
	}
	buf_free(&page);
	return done && (purge->over || search_page_read_end(reader) || is_damaged(error));
}

static bool remove_rest(struct purge *purge, int64_t number, struct error *error)
{
	struct db_statement *s = search_prepare(purge->search, purge->table->rest_remove, number << SEGMENT_BITS);
	db_bind_number(s, 2, (number + 1) << SEGMENT_BITS);
	return db_run(s, error) && db_run(search_prepare(purge->search, purge->table->keys_remove, number), error);
}

static bool copy_segment(struct purge *purge, struct search_page_segment *segment, struct error *error)
{
	struct search_page_reader reader = SEARCH_PAGE_READER(.positions = purge->table->positions, .taker = {take_term, take_document, take_places, purge});
	struct search_page_writer writer = SEARCH_PAGE_WRITER(.positions = purge->table->positions, .giver = {give_page, give_index, give_documents, purge});
	int64_t pages = 0;
	purge->writer = &writer;
	purge->term_waits = purge->dropped = false;
	bool done = copy_pages(purge, segment, &reader, error) && (purge->over || search_page_write_end(&writer, &pages) || (error->kind == ERROR_NONE && is_damaged(error))) &&
		    remove_rest(purge, segment->number, error);
	*segment = (struct search_page_segment){purge->number, pages > 0, pages};
	search_page_reader_free(&reader);
	search_page_writer_free(&writer);
	return done;
}

static int64_t free_number(const struct search_page_segment *list, size_t count)
{
	int64_t number = 0;
	bool taken = true;
	while (taken) {
		number++;
		taken = false;
		for (size_t i = 0; i < count; i++)
			taken |= list[i].number == number;
	}
	return number;
}

/* ---- tables ---- */

static bool check_version(struct purge *purge, struct error *error)
{
	struct db_statement *s = db_prepare(purge->search->db, purge->table->version);
	enum db_step step = db_step(s, error);
	bool known = step == DB_ROW && db_number(s, 0) == PAGE_VERSION;
	db_reset(s);
	return known || (step != DB_FAILED && is_damaged(error));
}

static bool read_structure(struct purge *purge, struct buf *record, struct search_page_segment *list, size_t *count, struct error *error)
{
	struct db_statement *s = db_prepare(purge->search->db, purge->table->structure);
	enum db_step step = db_step(s, error);
	bool known = step == DB_ROW && buf_append(record, db_blob(s, 0)) && search_page_segments(buf_slice(record), list, count);
	db_reset(s);
	return known || (step != DB_FAILED && is_damaged(error));
}

static bool write_structure(struct purge *purge, struct slice record, const struct search_page_segment *list, struct error *error)
{
	struct buf out = BUF(STRUCTURE_BYTES_MAX);
	struct db_statement *s = db_prepare(purge->search->db, purge->table->structure_set);
	bool done = search_page_segments_write(record, list, &out) || is_damaged(error);
	db_bind_blob(s, 1, buf_slice(&out));
	done = done && db_run(s, error);
	db_reset(s);
	buf_free(&out);
	return done;
}

static bool copy_table(struct purge *purge, struct error *error)
{
	struct search_page_segment *list = memory_array(PAGE_SEGMENTS_MAX, sizeof *list);
	struct buf record = BUF(STRUCTURE_BYTES_MAX);
	size_t count = 0;
	bool done = check_version(purge, error) && read_structure(purge, &record, list, &count, error);
	for (size_t i = 0; done && !purge->over && i < count; i++) {
		purge->number = free_number(list, count);
		done = list[i].last == 0 || copy_segment(purge, &list[i], error);
	}
	done = done && (purge->over || write_structure(purge, buf_slice(&record), list, error));
	buf_free(&record);
	free(list);
	return done;
}

/* SQLite guards the tables that FTS5 keeps its own in. */
static void set_guard(struct search *search, bool on) { sqlite3_db_config(db_driver(search->db), SQLITE_DBCONFIG_DEFENSIVE, (int)on, NULL); }

bool search_purge(struct search *search, bool (*is_over)(void *context), void *context, bool *over, struct error *error)
{
	struct purge purge = {.search = search, .is_over = is_over, .context = context, .error = error, .term = BUF(PAGE_TERM_MAX)};
	*error = (struct error){0};
	bool done = list_gone(&purge, error);
	set_guard(search, false);
	for (size_t i = 0; done && !purge.over && i < sizeof tables / sizeof *tables; i++) {
		purge.table = &tables[i];
		done = copy_table(&purge, error);
	}
	done = done && (purge.over || (db_run(db_prepare(search->db, "DELETE FROM gone"), error) &&
				       db_run(search_prepare(search, "UPDATE state SET removed = removed - $1, purged = purged + $1", purge.count), error)));
	set_guard(search, true);
	*over = purge.over;
	buf_free(&purge.term);
	free(purge.gone);
	return done;
}

void search_empty_log(struct search *search)
{
	struct error unsaid;
	db_exec(search->db, "PRAGMA wal_checkpoint(TRUNCATE)", &unsaid);
}
