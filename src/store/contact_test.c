/* Tests of contacts in the store: cards in address books, their photos, what they take, and what fsck makes of damage. */
#include "store/contact.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "store/fixture.h"
#include "store/internal.h"

static const int64_t FIRST_BOOK[] = {CONTACT_DEFAULT_BOOK};

static int64_t make_in(const char *text, int64_t reference, const int64_t *books, size_t count)
{
	struct contact_change one = {.text = slice_of(text), .reference = reference, .books = books, .book_count = count};
	ok(contact_put(t.alice, &one, &t.error));
	return one.id;
}

static int64_t make(const char *text, int64_t reference) { return make_in(text, reference, FIRST_BOOK, 1); }

static int64_t make_book(const char *text)
{
	struct contact_book_change one = {.text = slice_of(text)};
	ok(contact_put_book(t.alice, &one, &t.error));
	return one.id;
}

static struct contact get(int64_t id)
{
	struct contact contact;
	int64_t state;
	ok(contact_get(t.alice, &id, 1, t.arena, &contact, &state, &t.error));
	return contact;
}

static int64_t state(void)
{
	int64_t state;
	ok(object_state(t.alice, OBJECT_CARD, &state, &t.error));
	return state;
}

static struct changes changes_since(int64_t since)
{
	struct changes changes;
	ok(object_changes(t.alice, OBJECT_CARD, &(struct changes_point){.since = since}, 100, t.arena, &changes, &t.error));
	return changes;
}

static int64_t default_book(void)
{
	struct object *list;
	size_t count;
	int64_t at, found = 0;
	ok(object_list(t.alice, OBJECT_ADDRESS_BOOK, t.arena, &list, &count, &at, &t.error));
	for (size_t i = 0; i < count; i++)
		if (list[i].reference == 1) {
			assert_int_equal(found, 0);
			found = list[i].id;
		}
	return found;
}

static uint64_t used(void)
{
	struct quota quota;
	ok(account_quota(t.alice, &quota, &t.error));
	return quota.bytes;
}

static void cards_are_kept(void **unused)
{
	(void)unused;
	assert_int_equal(default_book(), CONTACT_DEFAULT_BOOK);
	int64_t id = make("{}", 7), second = make_book("b");
	struct contact card = get(id);
	assert_true(slice_equal(card.text, SLICE("{}")) && card.book_count == 1 && card.books[0] == CONTACT_DEFAULT_BOOK);
	struct contact_change one = {.id = id, .before = &card, .text = SLICE("new"), .reference = 8, .books = (int64_t[]){second}, .book_count = 1};
	ok(contact_put(t.alice, &one, &t.error));
	refused(ERROR_INTERRUPTED, contact_put(t.alice, &one, &t.error));
	one = (struct contact_change){.text = SLICE("x"), .reference = 8, .books = FIRST_BOOK, .book_count = 1};
	refused(ERROR_EXISTS, contact_put(t.alice, &one, &t.error));
	one = (struct contact_change){.text = SLICE("x"), .reference = 9, .books = (int64_t[]){second, second + 5}, .book_count = 2};
	refused(ERROR_INVALID, contact_put(t.alice, &one, &t.error));
	one = (struct contact_change){.id = id + 5, .text = SLICE("x"), .books = FIRST_BOOK, .book_count = 1};
	refused(ERROR_NOT_FOUND, contact_put(t.alice, &one, &t.error));
	fixture_reopen();
	card = get(id);
	assert_true(slice_equal(card.text, SLICE("new")) && card.book_count == 1 && card.books[0] == second);
	assert_int_equal(get(id + 5).id, 0);
	ok(contact_remove(t.alice, id, &t.error));
	refused(ERROR_NOT_FOUND, contact_remove(t.alice, id, &t.error));
	assert_int_equal(fsck(false), 0);
}

static void they_are_listed_in_pieces(void **unused)
{
	(void)unused;
	int64_t ids[3], after = 0, at;
	for (int i = 0; i < 3; i++)
		ids[i] = make("0123456789", i + 1);
	bool more = true;
	for (int i = 0; i < 3; i++) {
		struct contact *list;
		size_t count;
		assert_true(more);
		ok(contact_list(t.alice, after, 1, t.arena, &list, &count, &more, &at, &t.error));
		assert_true(count == 1 && list[0].id == ids[i] && list[0].book_count == 1 && at == state());
		after = list[0].id;
	}
	assert_false(more);
}

static void address_books_go_with_or_without_cards(void **unused)
{
	(void)unused;
	int64_t second = make_book("b"), both = make_in("both", 1, (int64_t[]){CONTACT_DEFAULT_BOOK, second}, 2), alone = make("alone", 2), since = state();
	refused(ERROR_EXISTS, contact_remove_book(t.alice, CONTACT_DEFAULT_BOOK, false, &t.error));
	ok(contact_remove_book(t.alice, CONTACT_DEFAULT_BOOK, true, &t.error));
	refused(ERROR_NOT_FOUND, contact_remove_book(t.alice, CONTACT_DEFAULT_BOOK, true, &t.error));
	struct contact_book_change gone = {.id = CONTACT_DEFAULT_BOOK, .text = SLICE("x")};
	refused(ERROR_NOT_FOUND, contact_put_book(t.alice, &gone, &t.error));
	assert_true(get(both).book_count == 1 && get(both).books[0] == second && get(alone).id == 0);
	struct changes changes = changes_since(since);
	assert_true(changes.updated_count == 1 && changes.updated[0] == both && changes.destroyed_count == 1 && changes.destroyed[0] == alone);
	assert_int_equal(default_book(), second);
	assert_int_equal(fsck(false), 0);
	ok(contact_remove_book(t.alice, second, true, &t.error));
	assert_int_equal(default_book(), 0);
	second = make_book("c");
	assert_int_equal(default_book(), second);
	int64_t third = make_book("d");
	ok(contact_choose_book(t.alice, third, &t.error));
	assert_int_equal(default_book(), third);
	refused(ERROR_NOT_FOUND, contact_choose_book(t.alice, third + 5, &t.error));
	assert_int_equal(used(), 0);
}

static void photos_are_kept_and_counted(void **unused)
{
	(void)unused;
	struct contact_photo photo = {SLICE("hash"), SLICE("image/png"), SLICE("0123456789")}, found;
	ok(account_set_quota(t.alice, 20, 0, &t.error));
	struct contact_change one = {.text = SLICE("text"), .reference = 1, .books = FIRST_BOOK, .book_count = 1, .photos = &photo, .photo_count = 1};
	ok(contact_put(t.alice, &one, &t.error));
	assert_int_equal(used(), 14);
	photo.bytes = (struct slice){0}; /* it has it */
	ok(contact_put(t.alice, &one, &t.error));
	ok(contact_find_photo(t.alice, SLICE("hash"), t.arena, &found, &t.error));
	assert_true(slice_equal(found.bytes, SLICE("0123456789")) && slice_equal(found.type, SLICE("image/png")));
	struct contact_change large = {.text = SLICE("0123456"), .reference = 2, .books = FIRST_BOOK, .book_count = 1};
	refused(ERROR_LIMIT, contact_put(t.alice, &large, &t.error));
	assert_int_equal(used(), 14);
	one.photo_count = 0;
	ok(contact_put(t.alice, &one, &t.error));
	refused(ERROR_NOT_FOUND, contact_find_photo(t.alice, SLICE("hash"), t.arena, &found, &t.error));
	ok(contact_put(t.alice, &large, &t.error));
	assert_int_equal(used(), 11);
	assert_int_equal(fsck(false), 0);
}

static void damage(const char *sql)
{
	ok(account_enter(t.alice, &t.error));
	ok(db_exec(t.alice->mail.db, sql, &t.error));
	account_leave(t.alice);
	assert_true(fsck(false) > 0);
	assert_true(fsck(true) > 0);
	assert_int_equal(fsck(false), 0);
}

static void fsck_mends_them(void **unused)
{
	(void)unused;
	int64_t id = make("card", 1);
	damage("DELETE FROM contact_place");
	assert_int_equal(get(id).book_count, 1);
	damage("DELETE FROM object WHERE kind = 8");
	assert_true(get(id).book_count == 1 && get(id).books[0] == default_book());
	damage("UPDATE contact_numbers SET bytes = 99");
	damage("DELETE FROM contact_size");
	damage("UPDATE object SET reference = 0 WHERE kind = 8");
	damage("INSERT INTO contact_photo (id, card, size, wanted, hash, type, bytes) VALUES (1, 99, 1, 1, 'x', 'y', 'z')");
}

/* A page in the middle of the database's file. */
static void damage_a_page(void)
{
	char path[PATH_MAX];
	struct stat status;
	snprintf(path, sizeof path, "%s", t.alice->database);
	fixture_close();
	int fd = open(path, O_WRONLY);
	assert_true(fd >= 0 && fstat(fd, &status) == 0 && status.st_size > 40 * 4096);
	for (int i = 0; i < 8; i++)
		assert_int_equal(pwrite(fd, "garbage, nothing but garbage, page after page of it", 50, status.st_size / 2 / 4096 * 4096 + i * 500), 50);
	close(fd);
	fixture_open();
}

/* Cards have no files: what can still be read of the damaged database is taken over. */
static void contacts_outlive_a_damaged_database(void **state)
{
	(void)state;
	enum { CARDS = 300 };
	static const int64_t books[] = {CONTACT_DEFAULT_BOOK};
	static char text[1000];
	int64_t ids[CARDS];
	memset(text, 'x', sizeof text - 1);
	memcpy(text, "{\"name\":\"", 9);
	memcpy(text + sizeof text - 3, "\"}", 2);
	for (int i = 0; i < CARDS; i++) {
		struct contact_change one = {.text = slice_of(text), .reference = i + 1, .books = books, .book_count = 1};
		ok(contact_put(t.alice, &one, &t.error));
		ids[i] = one.id;
	}
	damage_a_page();
	fsck(true);
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
	assert_int_equal(fsck(false), 0);
	struct contact found[CARDS];
	int64_t now;
	int kept = 0;
	ok(contact_get(t.alice, ids, CARDS, t.arena, found, &now, &t.error));
	for (int i = 0; i < CARDS; i++) {
		kept += found[i].id != 0;
		assert_true(found[i].id == 0 || (slice_equal(found[i].text, slice_of(text)) && found[i].book_count == 1));
	}
	assert_true(kept >= CARDS - 20);
	struct contact_change one = {.text = slice_of(text), .reference = 1000, .books = books, .book_count = 1};
	ok(contact_put(t.alice, &one, &t.error));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(cards_are_kept), STORE_TEST(they_are_listed_in_pieces), STORE_TEST(address_books_go_with_or_without_cards),
		STORE_TEST(photos_are_kept_and_counted), STORE_TEST(fsck_mends_them),
	};
	const struct CMUnitTest of_files[] = {
		STORE_TEST(contacts_outlive_a_damaged_database),
	};
	return cmocka_run_group_tests(tests, NULL, NULL) + (fixture_storage() ? 0 : cmocka_run_group_tests(of_files, NULL, NULL));
}
