/* Whole deliveries, to mailboxes here; what is reported of mail that stays here. */
#include "courier/delivery_fixture.h"

#include "base/random.h"
#include "store/object.h"

static void mail_reaches_mailboxes(void **state)
{
	(void)state;
	size_t count;
	struct error error = {0};
	struct account *bob = store_open_account(t.store, SLICE("bob@here.test"), &error);
	assert_true(mailbox_create(bob, SLICE("Lists"), USE_NONE, &error));
	store_release_account(&bob);
	post_message((struct queue_message){.from = SLICE("carol@far.test")}, hello,
		     TO({"alice@here.test", 0, NULL}, {"bob@here.test", 0, NULL}, {"bob+lists@here.test", 0, NULL}, {"alice+nothing@here.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_true(slice_equal(read_mailbox("bob@here.test", "Lists", &count), SLICE("Return-Path: <carol@far.test>\r\nSubject: hello\r\n\r\nHow are you?\r\n")));
	assert_int_equal(mailbox_count("bob@here.test", "INBOX"), 1);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 2); /* its own and what was for "nothing" */
}

static void a_repeated_delivery_changes_nothing(void **state)
{
	(void)state;
	struct queue_work *work;
	int64_t next;
	post("carol@far.test", "bob@here.test");
	start();
	eventually(waiting() == 0);
	stop();
	/* The same message once more, as after a crash before the queue had forgotten it. */
	assert_int_equal(queue_take(t.queue, clock_now(), 1, &work, &next, NULL), 0);
	int64_t id = post_message((struct queue_message){.from = SLICE("carol@far.test")}, hello, TO({"bob@here.test", 0, NULL}));
	struct error error = {0};
	struct mailbox inbox;
	struct account *bob = store_open_account(t.store, SLICE("bob@here.test"), &error);
	assert_true(mailbox_find(bob, SLICE("INBOX"), t.arena, &inbox, &error));
	struct draft *draft = draft_new(bob);
	struct placement placement = {.mailbox = inbox.id, .delivery_id = courier_local_delivery_id(id, SLICE("bob@here.test"), SLICE(""))};
	assert_true(draft_write(draft, hello, &error) && draft_commit(bob, &draft, &placement, 1, &error));
	store_release_account(&bob);
	start();
	eventually(waiting() == 0);
	assert_int_equal(mailbox_count("bob@here.test", "INBOX"), 2);
}

static void many_messages_to_many(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++)
		post_message((struct queue_message){.from = SLICE("carol@far.test")}, hello, TO({"alice@here.test", 0, NULL}, {"bob@here.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 300);
	assert_int_equal(mailbox_count("bob@here.test", "INBOX"), 300);
}

static void copies_share_one_file(void **state)
{
	(void)state;
	struct error error = {0};
	uint64_t size;
	struct stat status;
	post_message((struct queue_message){.from = SLICE("")}, hello, TO({"alice@here.test", 0, NULL}, {"bob@here.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	struct account *bob = store_open_account(t.store, SLICE("bob@here.test"), &error);
	struct mailbox inbox;
	struct message *list;
	size_t count;
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 1);
	assert_true(store_sync(t.store, &error)); /* what has been taken in has one name */
	assert_true(mailbox_find(bob, SLICE("INBOX"), t.arena, &inbox, &error));
	assert_true(message_list(bob, inbox.id, 1, UINT32_MAX, 0, 0, MESSAGE_FLAGS, t.arena, &list, &count, &error));
	assert_int_equal(count, 1);
	int fd = message_open(bob, list[0].id, &size, &error);
	assert_true(fd >= 0 && fstat(fd, &status) == 0);
	assert_int_equal(status.st_nlink, 2);
	close(fd);
	store_release_account(&bob);
}

enum { LARGE_LINE = 64 };

/* To alice and bob. */
static void post_large(size_t lines)
{
	struct error error = {0};
	size_t len = lines * LARGE_LINE;
	char *body = memset(arena_alloc(t.arena, len), 'x', len);
	for (size_t i = LARGE_LINE - 2; i < len; i += LARGE_LINE)
		memcpy(body + i, "\r\n", 2);
	struct queue_recipient recipients[] = {{.address = SLICE("alice@here.test")}, {.address = SLICE("bob@here.test")}};
	struct queue_message message = {.from = SLICE(""), .recipients = recipients, .recipient_count = 2, .arrived = clock_now()};
	struct queue_draft *draft = queue_draft_new(t.queue, message.from);
	assert_true(queue_draft_write(draft, hello, &error) && queue_draft_write(draft, slice_make(body, len), &error));
	assert_true(queue_commit(t.queue, &draft, &message, &error));
}

/* A body that the queue keeps in a file is that file in the mailbox, also where the account isn't opened for it. */
static void large_letters_arrive(void **state)
{
	(void)state;
	enum { LINES = 1000 };
	size_t count;
	post_large(LINES);
	start();
	eventually(waiting() == 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(read_mailbox(i ? "bob@here.test" : "alice@here.test", "INBOX", &count).len, slice_of("Return-Path: <>\r\n").len + hello.len + LINES * LARGE_LINE);
}

/* Whichever thread it has had. */
static void mail_goes_on_after_letters_that_fill_a_batch(void **state)
{
	(void)state;
	size_t letters = (size_t)config_current()->local_threads + 1;
	start();
	for (size_t i = 0; i < letters; i++) {
		post_large(LOCAL_BATCH_BYTES / LARGE_LINE + 1);
		eventually(waiting() == 0);
	}
}

static void nobody_is_a_report(void **state)
{
	(void)state;
	post_message((struct queue_message){.from = SLICE("alice@here.test")}, hello,
		     TO({"nobody@here.test", 0, NULL}, {"noone@here.test", 0, NULL}, {"quiet@here.test", NOTIFY_NEVER, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 1); /* one report for both */
	assert_report("Return-Path: <>\r\n");
	assert_report("Final-Recipient: rfc822; nobody@here.test\r\nAction: failed\r\nStatus: 5.1.1\r\n");
	assert_report("Final-Recipient: rfc822; noone@here.test\r\n");
	assert_report("Content-Type: message/rfc822\r\n");
	assert_report("How are you?");
}

/* An address that would be delivered to: it isn't tried. */
static void what_is_given_back_is_told(void **state)
{
	(void)state;
	size_t changed;
	int64_t id = post_message((struct queue_message){.from = SLICE("alice@here.test")}, hello, TO({"bob@here.test", 0, NULL}));
	assert_true(queue_return(t.queue, &(struct queue_filter){.id = id}, SLICE("Не туда"), &changed, NULL) && changed == 1);
	start();
	eventually(waiting() == 0);
	assert_int_equal(mailbox_count("bob@here.test", "INBOX"), 0);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 1);
	assert_report("Final-Recipient: rfc822; bob@here.test\r\nAction: failed\r\nStatus: 5.0.0\r\n");
	assert_report("Who runs this mail server has stopped its delivery");
	assert_report("Detail: Не туда\r\n");
	assert_report("How are you?");
}

static void reports_come_in_the_senders_language(void **state)
{
	(void)state;
	size_t count;
	post("bob@here.test", "nobody@here.test");
	start();
	eventually(waiting() == 0 && mailbox_count("bob@here.test", "INBOX") == 1);
	struct slice text = read_mailbox("bob@here.test", "INBOX", &count);
	assert_true(holds(text, "Почтового ящика с таким адресом нет."));
	assert_true(holds(text, "Final-Recipient: rfc822; nobody@here.test\r\nAction: failed\r\nStatus: 5.1.1\r\n"));
}

static void strangers_words_are_not_sent_to_others(void **state)
{
	(void)state;
	static const struct slice spam = {"Received: from a\r\nX-Buy: pills\r\nSubject: hello\r\nMessage-ID: <1@x>\r\n\r\nBuy pills\r\n", 80};
	size_t count;
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .client = SLICE("x [192.0.2.9]")}, spam,
		     TO({"nobody@here.test", 0, NULL}, {"bob@here.test", 0, NULL}));
	start();
	eventually(waiting() == 0 && mailbox_count("alice@here.test", "INBOX") == 1);
	struct slice text = read_mailbox("alice@here.test", "INBOX", &count);
	assert_report("Content-Type: text/rfc822-headers\r\n");
	assert_report("Subject: hello\r\nMessage-ID: <1@x>\r\n");
	assert_false(holds(text, "pills") || holds(text, "Received: from a") || holds(text, "Action: delivered"));
	configure("relay_networks = {\"192.0.2.0/24\"}\n");
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .client = SLICE("x [192.0.2.9]")}, spam, TO({"nobody@here.test", 0, NULL}));
	eventually(mailbox_count("alice@here.test", "INBOX") == 2);
	assert_report("Buy pills");
}

static void reports_are_not_reported(void **state)
{
	(void)state;
	post("", "nobody@here.test");
	post("nobody@here.test", "noone@here.test"); /* the report itself can't be delivered */
	start();
	eventually(waiting() == 0);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 0);
}

static void a_full_mailbox_defers_and_then_fails(void **state)
{
	(void)state;
	struct error error = {0};
	struct account *bob = store_open_account(t.store, SLICE("bob@here.test"), &error);
	assert_true(account_set_quota(bob, 10, 0, &error));
	store_release_account(&bob);
	configure("retry_for = 2\n");
	post("alice@here.test", "bob@here.test");
	start();
	eventually(waiting() == 0);
	assert_report("Status: 5.2.2\r\n");
	assert_report("The mailbox is full.");
}

static void without_auth_mail_waits(void **state)
{
	(void)state;
	people.away = true;
	post("alice@here.test", "bob@here.test");
	start();
	usleep(300000);
	assert_int_equal(waiting(), 1);
	people.away = false;
	eventually(waiting() == 0);
	assert_int_equal(mailbox_count("bob@here.test", "INBOX"), 1);
}

/* In quarantine; the first one's id and recipient, in t.arena. */
static size_t quarantined(int64_t *id, struct slice *recipient)
{
	struct queue_message *list;
	size_t count;
	assert_true(queue_list(t.queue, &(struct queue_filter){.reason = REASON_SET_APART}, t.arena, &list, &count, NULL));
	if (count > 0) {
		assert_true(list[0].held && !list[0].weighed && !list[0].junk && list[0].recipient_count == 1);
		*id = list[0].id;
		*recipient = list[0].recipients[0].address;
	}
	return count;
}

static void set_quota_of_alice(uint64_t bytes)
{
	struct error error = {0};
	struct account *alice = store_open_account(t.store, SLICE("alice@here.test"), &error);
	assert_true(account_set_quota(alice, bytes, 0, &error));
	store_release_account(&alice);
}

static int attempts_of(int64_t id)
{
	struct queue_message *list;
	size_t count;
	assert_true(queue_list(t.queue, &(struct queue_filter){.id = id}, t.arena, &list, &count, NULL));
	return count == 1 ? list[0].recipients[0].attempts : 0;
}

/* What somebody does with all of it that is in quarantine: lets it go, or else removes it. */
static void empty_quarantine(bool let_go, size_t wanted)
{
	const struct queue_filter apart = {.reason = REASON_SET_APART};
	struct error error = {0};
	size_t changed;
	assert_true(let_go ? queue_hold(t.queue, &apart, false, &changed, &error) : queue_remove(t.queue, &apart, &changed, &error));
	assert_int_equal(changed, wanted);
}

static const struct queue_message strangers_spam = {.from = {"x@far.test", 10}, .client = {"far.test [192.0.2.1]", 20}, .weighed = true, .points = 700, .findings = {"LISTED 7.00\n", 12}};

/* Whatever becomes of the others behind an alias, and however often they are tried. */
static void what_one_shuts_out_is_set_apart_for_him_once(void **state)
{
	(void)state;
	struct slice recipient;
	int64_t copy = 0;
	size_t count;
	people.bobs.reject = 200;
	set_quota_of_alice(10);
	int64_t id = post_message(strangers_spam, hello, TO({"both@here.test", 0, ""}));
	start();
	eventually(quarantined(&copy, &recipient) == 1);
	assert_true(slice_equal(recipient, SLICE("bob@here.test")));
	empty_quarantine(false, 1);
	int before = attempts_of(id);
	eventually(attempts_of(id) > before + 1);
	set_quota_of_alice(0);
	eventually(waiting() == 0);
	assert_true(holds(read_mailbox("alice@here.test", "Junk", &count), "How are you?") && count == 1);
	assert_true(mailbox_count("bob@here.test", "INBOX") == 0 && mailbox_count("bob@here.test", "Junk") == 0);
}

/* Two of its recipients lead to him: one copy; what is let go comes into his inbox, and isn't set apart again. */
static void what_is_let_go_comes_into_the_inbox(void **state)
{
	(void)state;
	struct slice recipient;
	int64_t copy = 0;
	size_t count;
	people.bobs.quarantine = 700;
	post_message(strangers_spam, hello, TO({"bob@here.test", 0, ""}, {"both@here.test", 0, ""}, {"team@here.test", NOTIFY_NEVER, ""}, {"bob+x@here.test", 0, ""}));
	start();
	eventually(mailbox_count("alice@here.test", "Junk") == 1 && quarantined(&copy, &recipient) == 2);
	empty_quarantine(true, 2);
	courier_poke(t.courier);
	eventually(mailbox_count("bob@here.test", "INBOX") == 2);
	assert_true(holds(read_mailbox("bob@here.test", "INBOX", &count), "Return-Path: <x@far.test>\r\nSubject: hello"));
}

/* What a crash leaves between the message in quarantine and the end of its recipient. */
static void what_was_set_apart_before_a_crash_isnt_again(void **state)
{
	(void)state;
	struct error error = {0};
	struct slice recipient;
	int64_t copy, id = post_message(strangers_spam, hello, TO({"bob@here.test", 0, ""}));
	people.bobs.reject = 200;
	assert_true(queue_settle(t.queue, &(struct queue_result){.message = id, .recipient = 1, .outcome = OUTCOME_APART, .apart = SLICE("bob@here.test")}, 1, &error));
	start();
	eventually(waiting() == 0);
	assert_true(quarantined(&copy, &recipient) == 0 && mailbox_count("bob@here.test", "INBOX") == 0 && mailbox_count("bob@here.test", "Junk") == 0);
}

static void without_room_in_quarantine_it_is_junk(void **state)
{
	(void)state;
	struct slice recipient;
	int64_t copy;
	people.bobs.reject = 200;
	configure("quarantine_messages = 0\n");
	post_message(strangers_spam, hello, TO({"bob@here.test", 0, ""}));
	start();
	eventually(waiting() == 0);
	assert_true(mailbox_count("bob@here.test", "Junk") == 1 && quarantined(&copy, &recipient) == 0);
}

/* ---- What is told of submissions ---- */

static int64_t make_submission(void)
{
	struct error error = {0};
	struct object_change made = {.reference = id_new(), .text = SLICE("{\"dsnBlobIds\":[],\"mdnBlobIds\":[],\"deliveryStatus\":{"
		"\"bob@far.test\":{\"delivered\":\"unknown\",\"displayed\":\"unknown\"},\"carol@far.test\":{\"delivered\":\"unknown\",\"displayed\":\"unknown\"}}}")};
	struct account *account = store_open_account(t.store, SLICE("alice@here.test"), &error);
	assert_true(object_change(account, OBJECT_SUBMISSION, &made, 1, &error));
	store_release_account(&account);
	return made.reference;
}

static struct slice submission_text(int64_t reference)
{
	struct error error = {0};
	struct object object;
	struct account *account = store_open_account(t.store, SLICE("alice@here.test"), &error);
	assert_true(object_find(account, OBJECT_SUBMISSION, reference, t.arena, &object, &error));
	store_release_account(&account);
	return object.text;
}

/* A report or receipt about bob and that submission; `author`: who is shown to be its own, or none. */
static void tell(int64_t reference, const char *from, const char *author, const char *type, const char *fields)
{
	char id[ID_TEXT_LEN + 1];
	id_format(reference, id);
	struct slice letter = arena_printf(t.arena, "From: %s\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\nContent-Type: message/%s\r\n\r\n"
		"Original-Envelope-Id: %s\r\n%sFinal-Recipient: rfc822; bob@far.test\r\n%s\r\n--b--\r\n", from, type, id, strcmp(type, "delivery-status") == 0 ? "\r\n" : "", fields);
	post_message((struct queue_message){.from = slice_of(from), .author = slice_of(author)}, letter, TO({"alice@here.test", 0, NULL}));
	eventually(waiting() == 0);
}

static void receipts_count_if_it_is_shown_whose_they_are(void **state)
{
	(void)state;
	static const char read_it[] = "Disposition: manual-action/MDN-sent-manually; displayed\r\n", refused[] = "Action: failed\r\nStatus: 5.1.1\r\n";
	int64_t reference = make_submission();
	struct slice before = submission_text(reference);
	start();
	tell(reference, "bob@far.test", "", "disposition-notification", read_it); /* anybody can write so */
	tell(reference, "carol@far.test", "carol@far.test", "disposition-notification", read_it);
	tell(reference, "bob@far.test", "bob@far.test", "delivery-status", refused);
	tell(reference, "postmaster@near.test", "postmaster@near.test", "delivery-status", refused);
	tell(reference + 1, "bob@far.test", "bob@far.test", "disposition-notification", read_it);
	assert_true(slice_equal(submission_text(reference), before));
	tell(reference, "bob@far.test", "bob@far.test", "disposition-notification", read_it);
	struct slice now = submission_text(reference);
	assert_true(holds(now, "\"mdnBlobIds\":[\"b") && holds(now, "\"dsnBlobIds\":[]"));
	assert_true(holds(now, "\"bob@far.test\":{\"delivered\":\"unknown\",\"displayed\":\"yes\"},\"carol@far.test\":{\"delivered\":\"unknown\",\"displayed\":\"unknown\"}"));
	tell(reference, "postmaster@mx.far.test", "postmaster@mx.far.test", "delivery-status", refused);
	now = submission_text(reference);
	assert_true(holds(now, "\"dsnBlobIds\":[\"b") && holds(now, "\"bob@far.test\":{\"delivered\":\"no\""));
}

/* The account isn't open: what tells of a submission doesn't wait for that, and nothing else is kept from it. */
static void receipts_are_seen_before_their_account_is_opened(void **state)
{
	(void)state;
	int64_t reference = make_submission();
	store_close(&t.store);
	struct error error = {0};
	t.store = store_open(&(struct store_options){.data = t.data}, &error);
	start();
	tell(reference, "bob@far.test", "bob@far.test", "disposition-notification", "Disposition: manual-action/MDN-sent-manually; displayed\r\n");
	assert_true(holds(submission_text(reference), "\"displayed\":\"yes\""));
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(mail_reaches_mailboxes),
		CASE(a_repeated_delivery_changes_nothing),
		CASE(many_messages_to_many),
		CASE(copies_share_one_file),
		CASE(large_letters_arrive), CASE(mail_goes_on_after_letters_that_fill_a_batch),
		CASE(nobody_is_a_report), CASE(what_is_given_back_is_told),
		CASE(reports_come_in_the_senders_language),
		CASE(strangers_words_are_not_sent_to_others),
		CASE(reports_are_not_reported),
		CASE(receipts_count_if_it_is_shown_whose_they_are), CASE(receipts_are_seen_before_their_account_is_opened),
		CASE(a_full_mailbox_defers_and_then_fails),
		CASE(without_auth_mail_waits),
		CASE(what_one_shuts_out_is_set_apart_for_him_once), CASE(what_is_let_go_comes_into_the_inbox),
		CASE(what_was_set_apart_before_a_crash_isnt_again), CASE(without_room_in_quarantine_it_is_junk),
	};
	int failed = cmocka_run_group_tests_name("courier", tests, NULL, NULL);
	config_free_all();
	return failed;
}
