/* Searching an account: without an index, with one, and with one that is behind. */
#include "store/fixture.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "base/random.h"
#include "query/query.h"

static struct placement add(const char *subject, const char *body)
{
	struct placement placement = {0};
	struct slice letter = arena_printf(t.arena, "From: Ann <ann@example.test>\r\nTo: bob@example.test\r\nSubject: %s\r\nX-Note: green\r\n\r\n%s\r\n", subject, body);
	ok(try_append(t.alice, box("INBOX").id, letter, &placement));
	return placement;
}

static size_t search(enum search_place place, const char *text, int64_t **ids)
{
	size_t count;
	int64_t *found;
	struct search_text wanted = {place, slice_of(text), SLICE("X-Note")};
	ok(account_search(t.alice, &wanted, NULL, NULL, t.arena, &found, &count, &t.error));
	for (size_t i = 1; i < count; i++)
		assert_true(found[i - 1] < found[i]);
	if (ids)
		*ids = found;
	return count;
}

static void places(void **state)
{
	(void)state;
	int64_t *ids;
	add("the first", "hello");
	struct placement second = add("the second", "hello world");
	assert_int_equal(search(SEARCH_TEXT, "hello", NULL), 2);
	assert_int_equal(search(SEARCH_BODY, "hello", NULL), 2);
	assert_int_equal(search(SEARCH_SUBJECT, "hello", NULL), 0);
	assert_int_equal(search(SEARCH_TEXT, "second world", &ids), 1);
	assert_int_equal(ids[0], second.id);
	assert_int_equal(search(SEARCH_FROM, "ann", NULL), 2);
	assert_int_equal(search(SEARCH_TO, "ann", NULL), 0);
	assert_int_equal(search(SEARCH_HEADER, "gree", NULL), 2);
	assert_int_equal(search(SEARCH_HEADER, "", NULL), 2);
	assert_int_equal(search(SEARCH_HEADER, "red", NULL), 0);
	assert_int_equal(search(SEARCH_TEXT, "", NULL), 2);
	assert_int_equal(search(SEARCH_TEXT, "...", NULL), 0);
}

static void shown(void **state)
{
	(void)state;
	struct search_snippet snippet;
	struct placement one = add("<the> hello", "say hello & goodbye");
	ok(message_snippet(t.alice, one.id, &(struct search_text){SEARCH_TEXT, SLICE("hello"), NOTHING}, 1, t.arena, &snippet, &t.error));
	assert_string_equal(snippet.subject.at, "&lt;the&gt; <mark>hello</mark>");
	assert_string_equal(snippet.preview.at, "say <mark>hello</mark> &amp; goodbye ");
	ok(message_snippet(t.alice, one.id, &(struct search_text){SEARCH_BODY, SLICE("hello"), NOTHING}, 1, t.arena, &snippet, &t.error));
	assert_null(snippet.subject.at);
	refused(ERROR_NOT_FOUND, message_snippet(t.alice, 1, NULL, 0, t.arena, &snippet, &t.error));
}

/* ---- with an index ---- */

static void index_all(void)
{
	struct index_options options = {0};
	for (bool more = true; more;)
		ok(account_index(t.alice, &options, &more, &t.error));
}

static size_t behind(void)
{
	struct query_ids waiting, gone;
	assert_true(index_enter(t.alice, t.arena, &waiting, &gone));
	index_leave(t.alice);
	return waiting.count;
}

static void indexed(void **state)
{
	(void)state;
	int64_t *ids;
	struct placement first = add("the first", "hello"), second = add("the second", "hello world");
	index_all();
	assert_int_equal(behind(), 0);
	assert_int_equal(search(SEARCH_TEXT, "hello", NULL), 2);
	assert_int_equal(search(SEARCH_SUBJECT, "hello", NULL), 0);
	assert_int_equal(search(SEARCH_TEXT, "second world", &ids), 1);
	assert_int_equal(ids[0], second.id);
	assert_int_equal(search(SEARCH_TEXT, "wor*", NULL), 1);
	assert_int_equal(search(SEARCH_TEXT, "\"hello world\"", NULL), 1);
	assert_int_equal(search(SEARCH_TEXT, "\"world hello\"", NULL), 0);
	assert_int_equal(search(SEARCH_FROM, "ann@example.test", NULL), 2);
	assert_int_equal(search(SEARCH_HEADER, "gree", NULL), 2);
	assert_int_equal(search(SEARCH_HEADER, "red", NULL), 0);
	assert_int_equal(search(SEARCH_TEXT, "", NULL), 2);
	struct placement third = add("the third", "hello"); /* not indexed yet */
	assert_int_equal(behind(), 1);
	assert_int_equal(search(SEARCH_TEXT, "hello", &ids), 3);
	assert_int_equal(ids[2], third.id);
	uint32_t *removed;
	size_t count;
	ok(message_expunge(t.alice, box("INBOX").id, &first.uid, 1, true, t.arena, &removed, &count, &t.error));
	assert_int_equal(search(SEARCH_TEXT, "hello", NULL), 2); /* nor that one has gone */
	index_all();
	assert_int_equal(behind(), 0);
	assert_int_equal(search(SEARCH_TEXT, "hello", NULL), 2);
	uint32_t uid;
	ok(message_undelete(t.alice, first.id, box("Archive").id, &uid, &t.error));
	assert_int_equal(search(SEARCH_TEXT, "hello", NULL), 3);
	index_all();
	assert_int_equal(behind(), 0);
	assert_int_equal(search(SEARCH_TEXT, "hello", NULL), 3);
	ok(mailbox_delete(t.alice, SLICE("Archive"), &t.error));
	index_all();
	assert_int_equal(search(SEARCH_TEXT, "hello", NULL), 2);
}

static uint64_t fsck_search(bool repair)
{
	struct fsck_report report = {.found = found_problem};
	ok(store_fsck_search(t.store, ALICE, repair, &report, &t.error));
	return report.problems;
}

static void least(void **state)
{
	(void)state;
	bool more;
	add("one", "hello");
	ok(account_index(t.alice, &(struct index_options){.least = 2}, &more, &t.error));
	assert_false(account_drop_index(t.alice));
	add("two", "hello");
	ok(account_index(t.alice, &(struct index_options){.least = 2}, &more, &t.error));
	assert_true(account_drop_index(t.alice));
	assert_int_equal(search(SEARCH_TEXT, "hello", NULL), 2);
}

/* ---- the same with an index as without, on letters at random ---- */

static const char *const vocabulary[] = {
	"the", "and", "of", "house", "houses", "running", "run", "Müller", "naïve", "e-mail", "x@y.test", "und", "der", "não", "que", "informações", "uma", "книга",
	"книги", "и", "не", "что", "столе", "東京都", "会議", "があります", "中文", "한국어", "don't", "3.14", "<b>bold</b>", "a&b", "https://example.test/a_b?c=d", "ﬁne", "straße",
};
enum { VOCABULARY = sizeof vocabulary / sizeof *vocabulary };

static unsigned seed = 17;
static unsigned draw(unsigned below)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % below;
}

static struct slice some_words(unsigned count)
{
	struct buf words = BUF(100000);
	for (unsigned i = 0; i < count; i++)
		buf_printf(&words, "%s%s", vocabulary[draw(VOCABULARY)], draw(8) == 0 ? "\r\n" : draw(9) == 0 ? "" : " ");
	struct slice result = arena_copy(t.arena, buf_slice(&words));
	buf_free(&words);
	return result;
}

static void add_random(void)
{
	static const char *const types[] = {"text/plain; charset=utf-8", "text/html; charset=utf-8", "application/octet-stream; name=\"house.bin\"", "message/rfc822"};
	struct buf letter = BUF(1 << 20);
	buf_printf(&letter, "From: %s <x@y.test>\r\nTo: bob@example.test\r\nSubject: %s\r\nX-Note: %s\r\n", draw(2) ? "Ann" : "Bob", vocabulary[draw(VOCABULARY)],
		   vocabulary[draw(VOCABULARY)]);
	if (draw(2)) {
		struct slice words = some_words(draw(200));
		buf_printf(&letter, "Content-Type: text/plain; charset=utf-8\r\n\r\n%.*s", SLICE_ARG(words));
	} else {
		buf_append_text(&letter, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
		for (unsigned i = draw(4); i > 0; i--) {
			struct slice words = some_words(draw(100));
			buf_printf(&letter, "--b\r\nContent-Type: %s\r\n\r\n%.*s\r\n", types[draw(4)], SLICE_ARG(words));
		}
		buf_append_text(&letter, "--b--\r\n");
	}
	struct placement placement = {0};
	ok(try_append(t.alice, box("INBOX").id, buf_slice(&letter), &placement));
	buf_free(&letter);
}

/* What a search for a substring finds by the messages alone, without narrowing. */
static bool holds(int64_t id, struct query *query)
{
	struct slice content;
	struct arena *arena = arena_new(), *step = arena_new();
	ok(blob_map(t.alice->folder, id, &content, NULL, &t.error));
	struct index_message read = {content, mime_parse(content, arena)};
	struct query_message message = {.asks = &index_asks, .context = &read, .size = content.len, .arena = arena, .step = step};
	bool found = query_matches(query, &message);
	blob_unmap(content);
	arena_free(&arena);
	arena_free(&step);
	return found;
}

static bool is_among(const uint32_t *uids, size_t count, uint32_t uid)
{
	for (size_t i = 0; i < count; i++)
		if (uids[i] == uid)
			return true;
	return false;
}

/* Part of some text: so that it begins and ends within words. */
static struct slice some_part(void)
{
	struct slice words = some_words(1 + draw(4));
	size_t from = draw((unsigned)words.len), len = 1 + draw(12);
	while (from > 0 && ((unsigned char)words.at[from] & 0xc0) == 0x80)
		from--;
	struct slice part = slice_sub(words, from, len);
	while (from + part.len < words.len && ((unsigned char)words.at[from + part.len] & 0xc0) == 0x80)
		part.len++;
	return part;
}

static size_t check_narrowing(const struct message *list, size_t count)
{
	static const enum query_key keys[] = {QUERY_BODY, QUERY_TEXT, QUERY_SUBJECT, QUERY_FROM, QUERY_HEADER};
	struct query query;
	query_begin(&query, t.arena);
	struct query_node *either = query_node(&query, QUERY_OR);
	for (unsigned i = 1 + draw(2); i > 0; i--) {
		struct query_node *node = query_node(&query, keys[draw(5)]);
		node->field = SLICE("X-Note");
		node->text = query_text(&query, some_part());
		assert_true(query_put(&query, either, node));
	}
	query_put(&query, query.root, either);
	uint32_t *uids;
	size_t found;
	bool narrowed;
	ok(mailbox_narrow(t.alice, box("INBOX").id, &query, t.arena, &uids, &found, &narrowed, &t.error));
	for (size_t i = 0; narrowed && i < count; i++)
		if (!is_among(uids, found, list[i].uid))
			assert_false(holds(list[i].id, &query));
	return narrowed ? count - found : 0;
}

static void as_without(void **state)
{
	(void)state;
	enum { LETTERS = 120, SEARCHES = 60 };
	int64_t *found[SEARCHES], *again;
	size_t counts[SEARCHES], spared = 0;
	const char *texts[SEARCHES];
	enum search_place places_asked[SEARCHES];
	struct message *list;
	for (int i = 0; i < LETTERS; i++)
		add_random();
	for (int i = 0; i < SEARCHES; i++) {
		struct slice words = some_words(1 + draw(3));
		texts[i] = draw(4) ? words.at : arena_printf(t.arena, "\"%.*s\"", SLICE_ARG(words)).at;
		places_asked[i] = (enum search_place)draw(SEARCH_HEADER);
		counts[i] = search(places_asked[i], texts[i], &found[i]);
	}
	index_all();
	assert_int_equal(behind(), 0);
	for (int i = 0; i < SEARCHES; i++) {
		assert_int_equal(search(places_asked[i], texts[i], &again), counts[i]);
		assert_memory_equal(found[i], again, counts[i] * sizeof *again);
	}
	size_t count = list_all("INBOX", &list);
	for (int i = 0; i < 2 * SEARCHES; i++)
		spared += check_narrowing(list, count);
	assert_true(spared > 0);
	assert_int_equal(fsck_search(false), 0);
}

/* ---- damage ---- */

static void damage(const char *ending, off_t at)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/search.db%s", t.alice->folder, ending);
	int fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	char junk[4096];
	memset(junk, 0x5a, sizeof junk);
	for (int i = 0; i < 8; i++)
		assert_int_equal(pwrite(fd, junk, sizeof junk, at + i * 16384), sizeof junk);
	close(fd);
}

static void damaged(void **state)
{
	(void)state;
	for (off_t at = 0; at < 8192; at += 4096) {
		for (int i = 0; i < 20; i++)
			add("one", "hello");
		index_all();
		fixture_close();
		char path[PATH_MAX];
		fixture_open();
		ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
		snprintf(path, sizeof path, "%s/search.db-wal", t.alice->folder);
		unlink(path); /* so that what is in the file counts */
		damage("", at);
		size_t count = list_all("INBOX", &(struct message *){0});
		assert_int_equal(search(SEARCH_TEXT, "hello", NULL), count);
		index_all();
		assert_int_equal(search(SEARCH_TEXT, "hello", NULL), count);
		assert_int_equal(behind(), 0);
		fsck_search(true);
		index_all();
		assert_int_equal(fsck_search(false), 0);
	}
}

static void found_and_mended(void **state)
{
	(void)state;
	struct placement first = add("the first", "hello"), second = add("the second", "world");
	index_all();
	assert_int_equal(fsck_search(false), 0);
	ok(search_begin(t.alice->search, true, &t.error));
	ok(search_remove(t.alice->search, first.id, &t.error)); /* as if it had never come */
	ok(search_remove(t.alice->search, second.id, &t.error));
	struct search_document wrong = {.message = second.id};
	wrong.tokens[QUERY_IN_BODY] = SLICE("something\nelse\n");
	ok(search_add(t.alice->search, &wrong, &t.error));
	ok(search_end(t.alice->search, true, &t.error));
	assert_int_equal(search(SEARCH_TEXT, "hello", NULL), 0);
	assert_int_equal(fsck_search(false), 2);
	assert_int_equal(fsck_search(true), 2);
	assert_int_equal(search(SEARCH_TEXT, "hello", NULL), 1); /* they wait */
	index_all();
	assert_int_equal(fsck_search(false), 0);
	assert_int_equal(search(SEARCH_TEXT, "hello", NULL), 1);
	assert_int_equal(search(SEARCH_TEXT, "something", NULL), 0);
}

/* Killed at any moment: what is indexed is whole, and what isn't is read. */
static void killed(void **state)
{
	(void)state;
	for (int i = 0; i < 60; i++)
		add_random();
	size_t count = search(SEARCH_TEXT, "house", NULL);
	for (int i = 0; i < 8; i++) {
		fixture_close();
		pid_t pid = fork();
		if (pid == 0) {
			fixture_open();
			ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
			index_all();
			_exit(0);
		}
		usleep((useconds_t)(5000 + i * 9000));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		fixture_open();
		ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
		assert_int_equal(search(SEARCH_TEXT, "house", NULL), count);
		assert_int_equal(fsck_search(false), 0);
	}
	index_all();
	assert_int_equal(search(SEARCH_TEXT, "house", NULL), count);
	assert_int_equal(fsck(false), 0);
}

static struct search_state state_now(void)
{
	struct search_state state;
	ok(search_begin(t.alice->search, false, &t.error));
	ok(search_read_state(t.alice->search, &state, &t.error));
	search_end(t.alice->search, true, &t.error);
	return state;
}

/* Do the index's files hold these bytes? */
static bool files_hold(const char *bytes)
{
	static const char *const endings[] = {"", "-wal"};
	bool found = false;
	for (int i = 0; i < 2; i++) {
		char path[PATH_MAX];
		struct buf content = BUF(64 * 1024 * 1024);
		snprintf(path, sizeof path, "%s/search.db%s", t.alice->folder, endings[i]);
		FILE *file = fopen(path, "rb");
		for (int c; file && (c = fgetc(file)) != EOF;)
			buf_append_char(&content, (char)c);
		if (file)
			fclose(file);
		found |= slice_find(buf_slice(&content), slice_of(bytes)) != SLICE_NONE;
		buf_free(&content);
	}
	return found;
}

static void reopen(void)
{
	fixture_close();
	fixture_open();
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
}

/* Words of what has gone leave the index, and its file. */
static void purged(void **state)
{
	(void)state;
	uint32_t uids[40], *removed, count = 0;
	size_t found;
	for (int i = 0; i < 120; i++) {
		char body[200];
		snprintf(body, sizeof body, "%s number%d and the connections of the running that was in the house and for the people xylo%dphone", i % 3 ? "ordinary" : "unforgettable", i, i);
		struct placement added = add(i % 3 ? "usual" : "secretive", body);
		if (i % 3 == 0)
			uids[count++] = added.uid;
	}
	index_all();
	reopen();
	assert_true(files_hold("forgettable"));
	assert_int_equal(search(SEARCH_TEXT, "unforgettable", NULL), 40);
	ok(message_expunge(t.alice, box("INBOX").id, uids, count, true, t.arena, &removed, &found, &t.error));
	index_all();
	assert_int_equal(state_now().removed, 0);
	assert_int_equal(state_now().documents, 80);
	assert_int_equal(fsck_search(false), 0);
	assert_int_equal(search(SEARCH_TEXT, "unforgettable", NULL), 0);
	assert_int_equal(search(SEARCH_TEXT, "ordinary", NULL), 80);
	assert_int_equal(search(SEARCH_TEXT, "connect", NULL), 80);
	assert_int_equal(search(SEARCH_TEXT, "xylo4phone", NULL), 1);
	assert_int_equal(search(SEARCH_TEXT, "xylo3phone", NULL), 0);
	reopen();
	index_all();
	assert_false(files_hold("forgettable"));
	assert_false(files_hold("ecretive"));
	assert_int_equal(fsck_search(false), 0);
}

static void when_it_is_purged(void **state)
{
	(void)state;
	struct search_state few = {.documents = 1000, .removed = 10, .removed_at = 100000}, some = {.documents = 1000, .removed = 50, .removed_at = 100000}, none = {.documents = 10};
	assert_false(search_is_to_be_purged(&few, 100000 + 3600));
	assert_true(search_is_to_be_purged(&few, 100000 + 24 * 3600));
	assert_true(search_is_to_be_purged(&some, 100000));
	assert_false(search_is_to_be_purged(&none, 1000000000));
}

/* What is neither indexed nor known to have gone has no words there. */
static void orphans(void **state)
{
	(void)state;
	struct placement first = add("the first", "hello");
	add("the second", "hello");
	index_all();
	ok(search_begin(t.alice->search, true, &t.error));
	ok(search_remove(t.alice->search, first.id, &t.error));
	ok(search_wait(t.alice->search, first.id, &t.error));
	ok(search_end(t.alice->search, true, &t.error));
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/search.db", t.alice->folder);
	struct db *db = db_open(path, &(struct db_options){0}, &t.error);
	ok(db && db_exec(db, "DELETE FROM gone", &t.error));
	db_close(&db);
	assert_int_equal(fsck_search(false), 1);
	assert_int_equal(fsck_search(true), 1);
	index_all();
	assert_int_equal(fsck_search(false), 0);
	assert_int_equal(search(SEARCH_TEXT, "hello", NULL), 2);
}

/* When most of it has gone it is made anew. */
static void worn(void **state)
{
	(void)state;
	struct search_state worn_out = {.documents = 100, .removed = 1000}, fine = {.documents = 2000, .removed = 1000};
	assert_true(search_is_worn(&worn_out));
	assert_false(search_is_worn(&fine));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(places), STORE_TEST(shown), STORE_TEST(indexed), STORE_TEST(least), STORE_TEST(as_without), STORE_TEST(damaged),
		STORE_TEST(found_and_mended), STORE_TEST(killed), STORE_TEST(worn), STORE_TEST(purged), STORE_TEST(when_it_is_purged), STORE_TEST(orphans),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
