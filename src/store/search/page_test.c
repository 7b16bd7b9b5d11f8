/* What is read of FTS5's pages is what FTS5 itself says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "store/search/internal.h"
#include "store/search/page.h"

enum { DOCUMENTS = 3000 /* a multiple of 50 */ };

static char folder[256], path[300];
static struct search *search;
static struct error error;

#define ok(call) do { if (!(call)) fail_msg("%s: %s", #call, error.text); } while (0)

static int begin(void **state)
{
	(void)state;
	const char *base = getenv("TMPDIR");
	snprintf(folder, sizeof folder, "%s/search-page-test-XXXXXX", base ? base : "/tmp");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/search.db", folder);
	error = (struct error){0};
	ok(search = search_open(path, 1, true, &error));
	return 0;
}

static int end(void **state)
{
	(void)state;
	search_close(&search);
	search_unlink(path);
	rmdir(folder);
	return 0;
}

/* ---- an index of every kind of page ---- */

static void add_document(int number)
{
	struct buf columns[QUERY_COLUMNS], grams = BUF(1 << 20);
	struct search_document document = {.message = number};
	for (int i = 0; i < QUERY_COLUMNS; i++)
		columns[i] = BUF(1 << 20);
	buf_printf(&columns[QUERY_IN_ATTACHED], "common\nlast%d\n", number % 7);
	buf_printf(&columns[0], "person%d\n%cperson\n", number % 50, QUERY_STEM_MARK);
	for (int i = 0; i < (number % 500 == 3 ? 9000 : 5); i++) /* some have places that fill pages */
		buf_printf(&columns[5], "common\nword%d\n%ccommon\n", (number * 7 + i) % 1000, QUERY_STEM_MARK);
	if (number % 300 == 1)
		for (int i = 0; i < 20; i++)
			buf_printf(&columns[5], "%0*dlong%d\n", 100 + 17 * i, 7, number);
	for (int i = 0; i < QUERY_COLUMNS; i++)
		document.tokens[i] = buf_slice(&columns[i]);
	ok(search_add(search, &document, &error));
	buf_printf(&grams, "com\nomm\nmon\ng%d\ng%d\n", number % 900, number % 11);
	struct db_statement *s = search_prepare(search, "INSERT INTO gram (rowid, content_grams) VALUES ($1, $2)", number);
	db_bind_text(s, 2, buf_slice(&grams));
	ok(db_run(s, &error));
	db_reset(s);
	buf_free(&grams);
	for (int i = 0; i < QUERY_COLUMNS; i++)
		buf_free(&columns[i]);
}

/* In several transactions, so that there are several segments. */
static void make_index(void)
{
	for (int from = 1; from <= DOCUMENTS;) {
		int to = from + (from < 2000 ? 900 : 60);
		ok(search_begin(search, true, &error));
		for (; from < to && from <= DOCUMENTS; from++)
			add_document(from);
		ok(search_end(search, true, &error));
	}
}

/* ---- what it says ---- */

/* Sums of hashes of (document, column, token), and how many; each token of a document once. */
struct sums { uint64_t sum; size_t count; };

static void add(struct sums *sums, int64_t doc, int column, struct slice token)
{
	uint64_t hash = (uint64_t)doc * 0x9e3779b97f4a7c15 + (uint64_t)column;
	for (size_t i = 0; i < token.len; i++)
		hash = (hash ^ (unsigned char)token.at[i]) * 0x100000001b3;
	sums->sum += hash ^ hash >> 29;
	sums->count++;
}

/* What pages say of documents that are wanted. */
struct seen { struct sums sums; const uint32_t *wanted; struct buf term; int64_t doc; bool cut; };

static bool take_term(void *context, struct slice term)
{
	struct seen *seen = context;
	assert_true(term.len > 1 && term.at[0] == '0');
	buf_clear(&seen->term);
	return buf_append(&seen->term, slice_skip(term, 1));
}

static bool take_document(void *context, int64_t doc, uint64_t marks)
{
	struct seen *seen = context;
	assert_true(doc > 0 && doc <= DOCUMENTS);
	seen->doc = doc;
	if (marks == 0 && seen->wanted[doc] != 0) /* without positions */
		add(&seen->sums, doc, 0, buf_slice(&seen->term));
	return true;
}

/* The column is at the front; a page may end within. */
static bool take_places(void *context, struct slice bytes)
{
	struct seen *seen = context;
	bool waits = seen->doc != 0 && !seen->cut && bytes.len == 1 && bytes.at[0] == 1;
	if (seen->doc != 0 && !waits && seen->wanted[seen->doc] != 0)
		add(&seen->sums, seen->doc, seen->cut ? bytes.at[0] : bytes.at[0] == 1 ? bytes.at[1] : 0, buf_slice(&seen->term));
	seen->doc = waits ? seen->doc : 0;
	seen->cut = waits;
	return true;
}

static size_t segments_of(const char *table, struct search_page_segment *list)
{
	char sql[100];
	size_t count = 0;
	sqlite3_stmt *s = NULL;
	snprintf(sql, sizeof sql, "SELECT block FROM %s_data WHERE id = 10", table);
	assert_int_equal(sqlite3_prepare_v2(db_driver(search->db), sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_true(search_page_segments(slice_make(sqlite3_column_blob(s, 0), (size_t)sqlite3_column_bytes(s, 0)), list, &count));
	sqlite3_finalize(s);
	return count;
}

static struct sums by_pages(const char *table, bool positions, const uint32_t *wanted)
{
	struct seen seen = {.wanted = wanted, .term = BUF(PAGE_TERM_MAX)};
	struct search_page_segment *segments = memory_array(PAGE_SEGMENTS_MAX, sizeof *segments);
	char sql[200];
	struct search_page_reader reader = SEARCH_PAGE_READER(.positions = positions, .taker = {take_term, take_document, take_places, &seen});
	size_t count = segments_of(table, segments);
	for (size_t i = 0; i < count; i++) {
		sqlite3_stmt *s = NULL;
		snprintf(sql, sizeof sql, "SELECT block FROM %s_data WHERE id >= %lld AND id < %lld ORDER BY id", table, (long long)segments[i].number << 37,
			 ((long long)segments[i].number << 37) + (1LL << 31));
		assert_int_equal(sqlite3_prepare_v2(db_driver(search->db), sql, -1, &s, NULL), SQLITE_OK);
		while (sqlite3_step(s) == SQLITE_ROW)
			assert_true(search_page_read(&reader, slice_make(sqlite3_column_blob(s, 0), (size_t)sqlite3_column_bytes(s, 0))));
		assert_true(search_page_read_end(&reader));
		sqlite3_finalize(s);
	}
	search_page_reader_free(&reader);
	buf_free(&seen.term);
	free(segments);
	return seen.sums;
}

static int number_of(const char *column)
{
	for (int i = 0; i < QUERY_COLUMNS; i++)
		if (strcmp(column, search_columns[i]) == 0)
			return i;
	return 0;
}

/* FTS5 tells instances of a document and token in the order of columns: the first of each counts. */
static struct sums by_tables(const char *table, const uint32_t *wanted)
{
	struct sums sums = {0};
	char sql[300], last[1000] = "";
	int64_t last_doc = 0;
	sqlite3_stmt *s = NULL;
	snprintf(sql, sizeof sql, "CREATE VIRTUAL TABLE IF NOT EXISTS temp.%s_all USING fts5vocab(main, %s, instance)", table, table);
	assert_int_equal(sqlite3_exec(db_driver(search->db), sql, NULL, NULL, NULL), SQLITE_OK);
	snprintf(sql, sizeof sql, "SELECT doc, term, col FROM temp.%s_all", table);
	assert_int_equal(sqlite3_prepare_v2(db_driver(search->db), sql, -1, &s, NULL), SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW) {
		int64_t doc = sqlite3_column_int64(s, 0);
		const char *term = (const char *)sqlite3_column_text(s, 1), *column = (const char *)sqlite3_column_text(s, 2);
		if (wanted[doc] != 0 && (doc != last_doc || strcmp(term, last) != 0))
			add(&sums, doc, column ? number_of(column) : 0, slice_of(term));
		last_doc = doc;
		snprintf(last, sizeof last, "%s", term);
	}
	sqlite3_finalize(s);
	return sums;
}

static void same(const uint32_t *wanted)
{
	static const char *const tables[] = {"word", "gram"};
	for (int i = 0; i < 2; i++) {
		struct sums pages = by_pages(tables[i], i == 0, wanted), instances = by_tables(tables[i], wanted);
		assert_true(instances.count > 0);
		assert_int_equal(pages.count, instances.count);
		assert_true(pages.sum == instances.sum);
	}
}

static void pages_say_what_fts5_says(void **state)
{
	(void)state;
	uint32_t *wanted = memory_array(DOCUMENTS + 1, sizeof *wanted);
	make_index();
	for (int i = 1; i <= DOCUMENTS; i++)
		wanted[i] = 1;
	same(wanted);
	for (int i = 1; i <= DOCUMENTS; i++)
		wanted[i] = i % 13 == 3;
	same(wanted);
	free(wanted);
}

static void assert_sound(void)
{
	assert_int_equal(sqlite3_exec(db_driver(search->db), "INSERT INTO word (word) VALUES ('integrity-check'); INSERT INTO gram (gram) VALUES ('integrity-check');", NULL, NULL, NULL), SQLITE_OK);
}

static void purge(void)
{
	bool over = true;
	ok(search_begin(search, true, &error) && search_purge(search, NULL, NULL, &over, &error) && search_end(search, true, &error));
	assert_false(over);
	search_close(&search);
	ok(search = search_open(path, 1, false, &error));
}

static size_t find(const char *word)
{
	struct arena *arena = arena_new();
	struct query_ids ids;
	struct slice words[] = {slice_of(word)};
	struct query_term term = {.words = words, .count = 1};
	struct query_terms terms = {.columns = QUERY_IN_ALL, .at = &term, .count = 1};
	ok(search_begin(search, false, &error) && search_find_words(search, &terms, arena, &ids, &error));
	search_end(search, false, NULL);
	size_t count = ids.count;
	arena_free(&arena);
	return count;
}

/* Whoever has gone is found by nothing, the others by all; FTS5 takes the pages for its own, adds to them, and merges them. */
static void what_is_taken_out_is_gone(void **state)
{
	(void)state;
	uint32_t *wanted = memory_array(DOCUMENTS + 1, sizeof *wanted);
	make_index();
	for (int round = 2; round <= 4; round++) {
		for (int i = 1; i <= DOCUMENTS; i++)
			wanted[i] = i % 5 >= round;
		struct sums before = by_pages("word", true, wanted), grams = by_pages("gram", false, wanted);
		ok(search_begin(search, true, &error));
		for (int i = 1; i <= DOCUMENTS; i++)
			if (wanted[i] == 0)
				ok(search_remove(search, i, &error));
		ok(search_end(search, true, &error));
		purge();
		assert_sound();
		same(wanted);
		struct sums after = by_pages("word", true, wanted), grams_after = by_pages("gram", false, wanted);
		assert_true(after.sum == before.sum && after.count == before.count && grams_after.sum == grams.sum && grams_after.count == grams.count);
		assert_int_equal(find("common"), DOCUMENTS / 5 * (5 - (size_t)round));
		for (int i = 1; i <= DOCUMENTS; i++)
			wanted[i] = wanted[i] == 0;
		assert_int_equal(by_pages("word", true, wanted).count, 0);
		assert_int_equal(by_pages("gram", false, wanted).count, 0);
	}
	free(wanted);
	assert_int_equal(sqlite3_exec(db_driver(search->db), "INSERT INTO word (word) VALUES ('optimize'); INSERT INTO gram (gram) VALUES ('optimize');", NULL, NULL, NULL), SQLITE_OK);
	assert_sound();
	assert_int_equal(find("common"), DOCUMENTS / 5);
}

static void nothing_at_all_is_left(void **state)
{
	(void)state;
	make_index();
	ok(search_begin(search, true, &error));
	for (int i = 1; i <= DOCUMENTS; i++)
		ok(search_remove(search, i, &error));
	ok(search_end(search, true, &error));
	purge();
	assert_sound();
	assert_int_equal(find("common"), 0);
	ok(search_begin(search, true, &error));
	add_document(DOCUMENTS + 1);
	ok(search_end(search, true, &error));
	assert_sound();
	assert_int_equal(find("common"), 1);
}

/* ---- what isn't so ---- */

static bool any_term(void *context, struct slice term) { return (void)context, (void)term, true; }
static bool any_document(void *context, int64_t doc, uint64_t marks) { return (void)context, (void)doc, (void)marks, true; }
static bool any_places(void *context, struct slice bytes) { return (void)context, (void)bytes, true; }

static bool reads(const char *bytes, size_t len)
{
	struct search_page_reader reader = SEARCH_PAGE_READER(.positions = true, .taker = {any_term, any_document, any_places, NULL});
	bool done = search_page_read(&reader, slice_make(bytes, len)) && search_page_read_end(&reader);
	search_page_reader_free(&reader);
	return done;
}

#define READS(bytes) reads(bytes, sizeof bytes - 1)

static void damage_is_seen(void **state)
{
	(void)state;
	assert_true(READS("\0\0\0\4"));
	assert_true(READS("\0\0\0\12\2" "0a\1\2\2\4")); /* the term "a", document 1, a place */
	assert_false(READS(""));
	assert_false(READS("\0\0\0"));
	assert_false(READS("\0\0\0\3"));
	assert_false(READS("\0\0\0\5"));
	assert_false(READS("\0\4\0\6\1\0"));                      /* a document before any term */
	assert_false(READS("\0\0\0\12\x7f" "0a\1\2\2\4"));      /* a term that is too long */
	assert_false(READS("\0\0\0\12\2" "0a\1\2\2\12"));
	assert_false(READS("\0\0\0\12\2" "0a\1\2\2\3"));
	assert_false(READS("\0\0\0\11\2" "0a\1\x80\4"));         /* a number without end */
	assert_false(READS("\0\0\0\12\2" "0a\1\4\2\4"));        /* places without end */
	assert_false(READS("\0\0\0\12\2" "0a\1\2\2\4\0"));
	assert_false(READS("\0\0\0\14\2" "0a\1\2\2\0\0\4"));    /* the same document again */
	struct search_page_segment *list = memory_array(PAGE_SEGMENTS_MAX, sizeof *list);
	size_t count;
	struct buf out = BUF(1000);
	struct slice good = SLICE("\0\0\0\7\2\3\5\1\2\3\1\5\4\0\0\0\1\6\2\3");
	assert_true(search_page_segments(good, list, &count));
	assert_int_equal(count, 3);
	assert_true(list[0].number == 3 && list[0].first == 1 && list[0].last == 5 && list[1].last == 0 && list[2].number == 6 && list[2].first == 2 && list[2].last == 3);
	list[0] = (struct search_page_segment){9, 1, 300};
	assert_true(search_page_segments_write(good, list, &out));
	assert_true(slice_equal(buf_slice(&out), SLICE("\0\0\0\7\2\2\5\0\1\11\1\x82\x2c\0\1\6\2\3")));
	buf_free(&out);
	assert_false(search_page_segments(SLICE("\0\0\0"), list, &count));
	assert_false(search_page_segments(slice_sub(good, 0, good.len - 1), list, &count));
	assert_false(search_page_segments(SLICE("\0\0\0\0\1\2\0\0\1\3\1\5"), list, &count));
	assert_false(search_page_segments(SLICE("\0\0\0\0\1\1\0\0\1\0\1\5"), list, &count));
	assert_false(search_page_segments(SLICE("\0\0\0\0\1\1\0\0\1\3\6\5"), list, &count));
	assert_false(search_page_segments(SLICE("\0\0\0\0\xff\0\0\1\1\1\0\0\1\3\1\5"), list, &count));
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pages_say_what_fts5_says, begin, end),
		cmocka_unit_test_setup_teardown(what_is_taken_out_is_gone, begin, end),
		cmocka_unit_test_setup_teardown(nothing_at_all_is_left, begin, end),
		cmocka_unit_test(damage_is_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
