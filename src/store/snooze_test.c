/* Messages that sleep: whoever puts them to sleep, they come back once, at their time, as new ones. */
#include "store/snooze.h"

#include <time.h>

#include "base/clock.h"
#include "store/fixture.h"

static int64_t inbox, snoozed, work;
static bool never(void *context) { return context != NULL; }

static int64_t mailbox_id(const char *name)
{
	struct mailbox mailbox;
	ok(mailbox_find(t.alice, slice_of(name), t.arena, &mailbox, &t.error));
	return mailbox.id;
}

static int set_up(void **state)
{
	if (fixture_setup(state) != 0)
		return -1;
	inbox = mailbox_id("INBOX");
	ok(mailbox_create(t.alice, SLICE("Work"), USE_NONE, &t.error));
	work = mailbox_id("Work");
	ok(snooze_mailbox(t.alice, SLICE("Snoozed"), &snoozed, &t.error));
	return 0;
}

static int64_t add(int64_t mailbox, unsigned flags)
{
	struct draft *draft = draft_new(t.alice);
	struct placement placement = {.mailbox = mailbox, .flags = flags, .keywords = SLICE("")};
	ok(draft_write(draft, SLICE("Subject: a\r\n\r\ntext\r\n"), &t.error) && draft_commit(t.alice, &draft, &placement, 1, &t.error));
	return placement.id;
}

static struct email *email_of(int64_t id)
{
	struct email *email;
	ok(email_get(t.alice, &id, 1, MESSAGE_FLAGS, t.arena, &email, NULL, &t.error));
	return email;
}

static void is_in(int64_t id, int64_t mailbox)
{
	const struct email *email = email_of(id);
	assert_int_equal(email->mailbox_count, 1);
	assert_int_equal(email->mailboxes[0], mailbox);
}

static struct snooze sleeps(int64_t id)
{
	struct snooze *list;
	size_t count;
	ok(snooze_list(t.alice, t.arena, &list, &count, &t.error));
	const struct snooze *found = snooze_find(list, count, id);
	return found ? *found : (struct snooze){0};
}

static size_t sleeping(void)
{
	struct snooze *list;
	size_t count;
	ok(snooze_list(t.alice, t.arena, &list, &count, &t.error));
	return count;
}

static int64_t wake(int64_t now)
{
	int64_t next;
	store_wake(t.store, now, never, NULL, &next);
	return next;
}

static void change(struct email_change *one)
{
	int64_t before, after;
	ok(email_change(t.alice, one, 1, -1, NULL, &before, &after, &t.error));
	assert_true(one->done);
}

static void put_to_sleep(int64_t id, int64_t from, const struct snooze *snooze)
{
	change(&(struct email_change){.id = id, .add = &snoozed, .add_count = 1, .remove = &from, .remove_count = 1, .snooze = snooze});
}

static void move(int64_t from, uint32_t uid, int64_t to)
{
	uint32_t *source, *target;
	size_t count;
	ok(message_copy(t.alice, from, &uid, 1, to, true, t.arena, &source, &target, &count, &t.error));
	assert_int_equal(count, 1);
}

static uint32_t uid_in(int64_t mailbox)
{
	struct message *list;
	size_t count;
	ok(message_list(t.alice, mailbox, 1, UINT32_MAX, 0, 0, MESSAGE_FLAGS, t.arena, &list, &count, &t.error));
	assert_true(count > 0);
	return list[count - 1].uid;
}

static void is_sound(void)
{
	struct fsck_report report = {0};
	ok(store_fsck(t.store, ALICE, false, &report, &t.error));
	assert_int_equal(report.problems, 0);
}

static void comes_back_at_its_time(void **state)
{
	(void)state;
	int64_t id = add(inbox, FLAG_SEEN), other = add(inbox, 0);
	struct snooze snooze = {.until = 5000, .mailbox = work, .without_flags = FLAG_SEEN, .flags = FLAG_FLAGGED, .keywords = SLICE("later"), .without_keywords = SLICE("")};
	put_to_sleep(id, inbox, &snooze);
	is_in(id, snoozed);
	assert_int_equal(sleeps(id).until, 5000);
	assert_int_equal(wake(4999), 5000);
	is_in(id, snoozed);
	is_sound();
	assert_int_equal(wake(5000), INT64_MAX);
	is_in(id, work);
	assert_int_equal(email_of(id)->flags, FLAG_FLAGGED);
	assert_true(slice_equal(email_of(id)->keywords, SLICE("later")));
	assert_int_equal(sleeping(), 0);
	assert_int_equal(wake(6000), INT64_MAX);
	is_in(id, work);
	is_in(other, inbox);
	is_sound();
}

static void is_new_where_it_came_from(void **state)
{
	(void)state;
	int64_t id = add(inbox, FLAG_SEEN);
	uint32_t uid = uid_in(inbox), from, next;
	ok(mailbox_claim_recent(t.alice, inbox, &from, &next, &t.error));
	move(inbox, uid, snoozed);
	struct snooze snooze = sleeps(id);
	assert_int_equal(snooze.mailbox, inbox);
	assert_true(snooze.until > clock_now() && snooze.until <= clock_now() + 49 * 3600);
	wake(snooze.until);
	is_in(id, inbox);
	assert_true(uid_in(inbox) > uid);
	assert_int_equal(email_of(id)->flags, 0);
	ok(mailbox_claim_recent(t.alice, inbox, &from, &next, &t.error));
	assert_true(uid_in(inbox) >= from && uid_in(inbox) < next);
	is_sound();
}

/* The next day at the time of the option, on the server's clock. */
static void sleeps_until_the_morning(void **state)
{
	(void)state;
	struct tm parts;
	store_set_snooze(t.store, 8 * 60 + 15);
	int64_t id = add(inbox, 0);
	move(inbox, uid_in(inbox), snoozed);
	time_t until = (time_t)sleeps(id).until;
	assert_non_null(localtime_r(&until, &parts));
	assert_int_equal(parts.tm_hour * 60 + parts.tm_min, 8 * 60 + 15);
	store_set_snooze(t.store, -1);
	int64_t other = add(inbox, 0);
	move(inbox, uid_in(inbox), snoozed);
	is_in(other, snoozed);
	assert_int_equal(sleeps(other).until, 0);
	assert_int_equal(sleeping(), 1);
	is_sound();
}

static void what_is_moved_out_or_removed_sleeps_no_more(void **state)
{
	(void)state;
	struct snooze snooze = {.until = 100, .without_flags = FLAG_SEEN, .keywords = SLICE(""), .without_keywords = SLICE("")};
	int64_t moved = add(inbox, FLAG_SEEN), deleted = add(inbox, 0), destroyed = add(inbox, 0);
	put_to_sleep(moved, inbox, &snooze);
	move(snoozed, uid_in(snoozed), work);
	put_to_sleep(deleted, inbox, &snooze);
	uint32_t uid = uid_in(snoozed), *failed;
	size_t failed_count;
	ok(message_store_flags(t.alice, snoozed, &uid, 1, FLAGS_ADD, FLAG_DELETED, SLICE(""), -1, t.arena, &failed, &failed_count, &t.error));
	put_to_sleep(destroyed, inbox, &snooze);
	change(&(struct email_change){.id = destroyed, .destroy = true});
	assert_int_equal(sleeping(), 0);
	assert_int_equal(wake(1000), INT64_MAX);
	is_in(moved, work);
	assert_int_equal(email_of(moved)->flags, FLAG_SEEN);
	assert_int_equal(email_of(destroyed)->id, 0);
	is_sound();
}

static void comes_to_the_inbox_if_its_mailbox_has_gone(void **state)
{
	(void)state;
	struct snooze snooze = {.until = 100, .mailbox = work, .without_flags = FLAG_SEEN, .keywords = SLICE(""), .without_keywords = SLICE("")};
	int64_t id = add(work, FLAG_SEEN);
	put_to_sleep(id, work, &snooze);
	ok(mailbox_delete(t.alice, SLICE("Work"), &t.error));
	wake(100);
	is_in(id, inbox);
	is_sound();
}

static void another_time_is_a_change(void **state)
{
	(void)state;
	struct snooze snooze = {.until = 100, .mailbox = inbox, .without_flags = FLAG_SEEN, .keywords = SLICE(""), .without_keywords = SLICE("")};
	int64_t id = add(inbox, 0);
	put_to_sleep(id, inbox, &snooze);
	struct account_states states;
	struct changes changes;
	ok(account_get_states(t.alice, &states, &t.error));
	snooze.until = 200;
	change(&(struct email_change){.id = id, .snooze = &snooze});
	ok(email_changes(t.alice, &(struct changes_point){.since = states.emails}, 10, t.arena, &changes, &t.error));
	assert_int_equal(changes.updated_count, 1);
	assert_int_equal(changes.updated[0], id);
	assert_int_equal(wake(150), 200);
	is_in(id, snoozed);
	assert_int_equal(wake(200), INT64_MAX);
	is_in(id, inbox);
	is_sound();
}

static void what_is_in_a_mailbox_that_is_given_the_use_sleeps(void **state)
{
	(void)state;
	int64_t id = add(work, 0), before = add(inbox, 0);
	move(inbox, uid_in(inbox), snoozed);
	assert_true(sleeps(before).until > 0);
	ok(mailbox_set_use(t.alice, SLICE("Work"), USE_SNOOZED, &t.error));
	assert_int_equal(sleeping(), 1);
	wake(sleeps(id).until);
	is_in(id, inbox);
	is_in(before, snoozed);
	int64_t same;
	ok(snooze_mailbox(t.alice, SLICE("Snoozed"), &same, &t.error));
	assert_int_equal(same, work);
	ok(mailbox_delete(t.alice, SLICE("Work"), &t.error));
	ok(snooze_mailbox(t.alice, SLICE("Snoozed"), &same, &t.error)); /* the name is another's */
	assert_int_equal(same, mailbox_id("Snoozed 2"));
	is_sound();
}

/* Many, in several transactions, also when the process that wakes is another one than that which puts to sleep. */
static void many_wake_once(void **state)
{
	(void)state;
	enum { MANY = 250 };
	struct snooze snooze = {.mailbox = inbox, .without_flags = FLAG_SEEN, .keywords = SLICE(""), .without_keywords = SLICE("")};
	for (int i = 0; i < MANY; i++) {
		snooze.until = 100 + i % 3;
		put_to_sleep(add(inbox, 0), inbox, &snooze);
	}
	fixture_close();
	fixture_open();
	assert_int_equal(wake(101), 102);
	assert_int_equal(wake(102), INT64_MAX);
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
	struct mailbox mailbox;
	ok(mailbox_get(t.alice, inbox, t.arena, &mailbox, &t.error));
	assert_int_equal(mailbox.messages, MANY);
	assert_int_equal(sleeping(), 0);
	is_sound();
}

/* Entries of the agenda that were lost are made again by the care that all accounts get. */
static void care_renews_the_agenda(void **state)
{
	(void)state;
	struct snooze snooze = {.until = 100, .mailbox = inbox, .without_flags = FLAG_SEEN, .keywords = SLICE(""), .without_keywords = SLICE("")};
	struct agenda_entry *list;
	size_t count;
	int64_t next, id = add(inbox, 0);
	put_to_sleep(id, inbox, &snooze);
	ok(agenda_list_due(t.store->agenda, 100, t.arena, &list, &count, &next, &t.error));
	assert_int_equal(count, 1);
	agenda_remove(t.store->agenda, &list[0]);
	assert_int_equal(wake(100), INT64_MAX);
	is_in(id, snoozed);
	ok(store_care(t.store, 0, never, NULL, &t.error));
	wake(100);
	is_in(id, inbox);
}

/* An entry of an account that isn't there any more goes; one that is early is kept by its account. */
static void entries_that_lead_nowhere_go(void **state)
{
	(void)state;
	ok(agenda_mark(t.store->agenda, SLICE("nobody@example.test"), 50, &t.error) && agenda_mark(t.store->agenda, ALICE, 60, &t.error));
	assert_int_equal(wake(100), INT64_MAX);
}

static void what_sleeps_elsewhere_is_mended(void **state)
{
	(void)state;
	struct fsck_report report = {0};
	int64_t id = add(inbox, 0);
	ok(account_enter(t.alice, &t.error));
	ok(db_run(PREPARE(t.alice->mail.db, "INSERT INTO snooze (message, until, mailbox, flags, without_flags, keywords, without_keywords) VALUES ($1, 5, 0, 0, 0, '', '')", id), &t.error));
	account_leave(t.alice);
	ok(store_fsck(t.store, ALICE, true, &report, &t.error));
	assert_true(report.problems == 1 && report.repaired == 1);
	assert_int_equal(sleeping(), 0);
	is_sound();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(comes_back_at_its_time, set_up, fixture_teardown),
		cmocka_unit_test_setup_teardown(is_new_where_it_came_from, set_up, fixture_teardown),
		cmocka_unit_test_setup_teardown(sleeps_until_the_morning, set_up, fixture_teardown),
		cmocka_unit_test_setup_teardown(what_is_moved_out_or_removed_sleeps_no_more, set_up, fixture_teardown),
		cmocka_unit_test_setup_teardown(comes_to_the_inbox_if_its_mailbox_has_gone, set_up, fixture_teardown),
		cmocka_unit_test_setup_teardown(another_time_is_a_change, set_up, fixture_teardown),
		cmocka_unit_test_setup_teardown(what_is_in_a_mailbox_that_is_given_the_use_sleeps, set_up, fixture_teardown),
		cmocka_unit_test_setup_teardown(many_wake_once, set_up, fixture_teardown),
		cmocka_unit_test_setup_teardown(care_renews_the_agenda, set_up, fixture_teardown),
		cmocka_unit_test_setup_teardown(entries_that_lead_nowhere_go, set_up, fixture_teardown),
		cmocka_unit_test_setup_teardown(what_sleeps_elsewhere_is_mended, set_up, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
