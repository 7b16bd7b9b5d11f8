/* Emails, threads, what has changed of them, and changing them, through the store's door. The last test is a model: whatever is done to an
 * account, emails are what its mailboxes show, and what has changed since any earlier state leads from the picture of then to that of now. */
#include "store/fixture.h"

/* ---- Shorter ways ---- */

static struct placement add(const char *mailbox, unsigned flags, const char *header)
{
	struct placement placement = {.flags = flags};
	ok(try_append(t.alice, box(mailbox).id, arena_printf(t.arena, "From: a@example.test\r\n%s\r\n\r\ntext\r\n", header), &placement));
	return placement;
}

static struct account_states states(void)
{
	struct account_states now;
	ok(account_get_states(t.alice, &now, &t.error));
	return now;
}

static struct email get(int64_t id)
{
	struct email *list;
	ok(email_get(t.alice, &id, 1, MESSAGE_FLAGS, t.arena, &list, NULL, &t.error));
	return list[0];
}

static struct changes since(int64_t state)
{
	struct changes changes;
	ok(email_changes(t.alice, &(struct changes_point){.since = state}, 1000, t.arena, &changes, &t.error));
	assert_true(changes.known && !changes.more);
	assert_int_equal(changes.point.since, states().emails);
	return changes;
}

static void change_one(struct email_change change)
{
	int64_t before, after;
	ok(email_change(t.alice, &change, 1, -1, NULL, &before, &after, &t.error));
	if (!change.done)
		fail_msg("%s", change.error.text);
}

static void store(int64_t mailbox, uint32_t uid, enum flags_change how, unsigned flags, const char *keywords)
{
	ok(message_store_flags(t.alice, mailbox, &uid, 1, how, flags, slice_of(keywords), -1, t.arena, NULL, NULL, &t.error));
}

static uint32_t copy_to(const char *from, uint32_t uid, const char *to, bool move)
{
	uint32_t *source, *target;
	size_t count;
	ok(message_copy(t.alice, box(from).id, &uid, 1, box(to).id, move, t.arena, &source, &target, &count, &t.error));
	assert_int_equal(count, 1);
	return target[0];
}

/* ---- Threads (RFC 8621 §3) ---- */

static void answers_are_in_the_thread_of_what_they_answer(void **state)
{
	(void)state;
	struct placement first = add("INBOX", 0, "Subject: plans\r\nMessage-ID: <1@x>");
	assert_int_equal(first.thread, first.id);
	assert_int_equal(add("Sent", 0, "Subject: Re: plans\r\nMessage-ID: <2@x>\r\nIn-Reply-To: <1@x>").thread, first.id);
	assert_int_equal(add("INBOX", 0, "Subject: AW: [list]  Plans\r\nMessage-ID: <3@x>\r\nReferences: <0@x>\r\n <2@x>").thread, first.id);
	assert_int_equal(add("INBOX", 0, "Subject: Re: plans\r\nMessage-ID: <4@x>\r\nReferences: <0@x>").thread, first.id); /* what another named */
	assert_int_not_equal(add("INBOX", 0, "Subject: other plans\r\nMessage-ID: <5@x>\r\nIn-Reply-To: <1@x>").thread, first.id);
	assert_int_not_equal(add("INBOX", 0, "Subject: plans\r\nMessage-ID: <6@x>").thread, first.id);
	struct placement late = add("INBOX", 0, "Subject: Re: late\r\nMessage-ID: <8@x>\r\nIn-Reply-To: <7@x>");
	assert_int_equal(add("INBOX", 0, "Subject: late\r\nMessage-ID: <7@x>").thread, late.thread); /* the answer came first */
	assert_int_not_equal(add("INBOX", 0, "Subject: nothing").thread, add("INBOX", 0, "Subject: nothing").thread);

	struct thread *list;
	ok(thread_get(t.alice, (int64_t[]){first.thread, 1}, 2, t.arena, &list, NULL, &t.error));
	assert_int_equal(list[0].count, 4);
	assert_int_equal(list[0].emails[0], first.id);
	assert_int_equal(list[1].count, 0);
	assert_int_equal(fsck(false), 0);
}

static void threads_stay_small(void **state)
{
	(void)state;
	enum { MANY = 510 };
	int64_t first = add("INBOX", 0, "Subject: s\r\nMessage-ID: <1@x>").thread, last = 0;
	for (int i = 0; i < MANY; i++)
		last = add("INBOX", FLAG_SEEN, "Subject: s\r\nIn-Reply-To: <1@x>").thread;
	struct thread *list;
	ok(thread_get(t.alice, (int64_t[]){first, last}, 2, t.arena, &list, NULL, &t.error));
	assert_int_equal(list[0].count, 500);
	assert_int_equal(list[1].count, MANY + 1 - 500);
	assert_int_equal(box("INBOX").threads, 2);
}

static void messages_are_found_by_their_ids(void **state)
{
	(void)state;
	int64_t *ids;
	size_t count;
	struct placement one = add("INBOX", 0, "Subject: a\r\nMessage-ID: <one@x>"), again = add("Sent", 0, "Subject: b\r\nMessage-ID:\r\n <one@x>");
	add("INBOX", 0, "Subject: a\r\nIn-Reply-To: <one@x>\r\nMessage-ID: <two@x>");
	ok(email_find(t.alice, SLICE("one@x"), t.arena, &ids, &count, &t.error));
	assert_int_equal(count, 2);
	assert_true((ids[0] == one.id && ids[1] == again.id) || (ids[0] == again.id && ids[1] == one.id));
	ok(email_find(t.alice, SLICE("three@x"), t.arena, &ids, &count, &t.error));
	assert_int_equal(count, 0);
}

/* ---- Emails ---- */

static void an_email_has_all_its_places(void **state)
{
	(void)state;
	struct placement placement = add("INBOX", FLAG_SEEN | FLAG_FLAGGED, "Subject: x");
	store(placement.mailbox, placement.uid, FLAGS_ADD, 0, "Beta alpha");
	uint32_t uid = copy_to("INBOX", placement.uid, "Archive", false);
	struct email email = get(placement.id);
	assert_int_equal(email.mailbox_count, 2);
	assert_int_equal(email.flags, FLAG_SEEN | FLAG_FLAGGED);
	assert_true(slice_equal(email.keywords, SLICE("alpha beta")));

	store(box("Archive").id, uid, FLAGS_SET, FLAG_ANSWERED, "GAMMA"); /* they differ now */
	email = get(placement.id);
	assert_int_equal(email.flags, FLAG_FLAGGED | FLAG_ANSWERED);
	assert_true(slice_equal(email.keywords, SLICE("alpha beta gamma")));
	assert_int_equal(box("INBOX").unread_emails, 1); /* though IMAP has none without \Seen there */
	assert_int_equal(box("INBOX").unseen, 0);

	store(box("Archive").id, uid, FLAGS_ADD, FLAG_DELETED, "");
	email = get(placement.id);
	assert_int_equal(email.mailbox_count, 1);
	assert_int_equal(email.mailboxes[0], box("INBOX").id);
	assert_int_equal(box("Archive").emails, 0);

	int64_t before = states().emails, came = states().deliveries;
	store(box("INBOX").id, placement.uid, FLAGS_ADD, FLAG_DELETED, "");
	assert_int_equal(get(placement.id).id, 0); /* RFC 8621 §4.1.1 */
	assert_int_equal(states().email_count, 0);
	assert_int_equal(states().deliveries, came); /* RFC 8621 §1.5: nothing has come */
	struct changes changes = since(before);
	assert_int_equal(changes.destroyed_count, 1);
	store(box("INBOX").id, placement.uid, FLAGS_REMOVE, FLAG_DELETED, "");
	changes = since(before);
	assert_int_equal(changes.updated_count, 1);
	assert_int_equal(states().email_count, 1);
	assert_true(states().deliveries > came);
	assert_int_equal(fsck(false), 0);
}

static void what_is_unread_in_the_trash_is_unread_there_alone(void **state)
{
	(void)state;
	struct placement read = add("INBOX", FLAG_SEEN, "Subject: s\r\nMessage-ID: <1@x>");
	struct placement unread = add("Trash", 0, "Subject: s\r\nIn-Reply-To: <1@x>");
	assert_int_equal(unread.thread, read.thread);
	assert_int_equal(box("INBOX").unread_threads, 0); /* the example of RFC 8621 §2 */
	assert_int_equal(box("Trash").unread_threads, 1);
	copy_to("Trash", unread.uid, "Archive", false);
	assert_int_equal(box("INBOX").unread_threads, 1); /* it isn't in the trash alone any more */
	assert_int_equal(box("Archive").unread_threads, 1);
	ok(mailbox_set_use(t.alice, SLICE("Trash"), USE_NONE, &t.error));
	ok(mailbox_set_use(t.alice, SLICE("Archive"), USE_TRASH, &t.error));
	ok(mailbox_delete(t.alice, SLICE("Trash"), &t.error));
	assert_int_equal(box("INBOX").unread_threads, 0);
	assert_int_equal(fsck(false), 0);
}

static void changes_of_an_email_are_made_or_refused(void **state)
{
	(void)state;
	struct placement placement = add("INBOX", FLAG_SEEN, "Subject: x");
	int64_t inbox = box("INBOX").id, archive = box("Archive").id, trash = box("Trash").id;
	change_one((struct email_change){.id = placement.id, .add = &archive, .add_count = 1, .flags = FLAG_FLAGGED, .keywords = SLICE("$Work"), .without_flags = FLAG_SEEN});
	struct email email = get(placement.id);
	assert_int_equal(email.mailbox_count, 2);
	assert_int_equal(email.flags, FLAG_FLAGGED);
	assert_true(slice_equal(email.keywords, SLICE("$work")));
	change_one((struct email_change){.id = placement.id, .set_mailboxes = true, .add = &trash, .add_count = 1});
	email = get(placement.id);
	assert_int_equal(email.mailbox_count, 1);
	assert_int_equal(email.mailboxes[0], trash);
	assert_int_equal(email.flags, FLAG_FLAGGED);
	assert_int_equal(box("Trash").uidnext, 2);

	int64_t before, after, nowhere = 12345;
	struct email_change list[] = {
		{.id = placement.id, .add = &nowhere, .add_count = 1},
		{.id = placement.id, .remove = &trash, .remove_count = 1},
		{.id = 4711, .destroy = true},
		{.id = placement.id, .keywords = SLICE("no(keyword")},
		{.id = placement.id, .set_keywords = true, .flags = FLAG_DRAFT | FLAG_DELETED},
	};
	bool mismatch;
	ok(email_change(t.alice, list, 5, states().emails, &mismatch, &before, &after, &t.error));
	assert_false(mismatch);
	assert_true(!list[0].done && list[0].missing_mailbox && list[0].error.kind == ERROR_NOT_FOUND);
	assert_true(!list[1].done && list[1].error.kind == ERROR_INVALID);
	assert_true(!list[2].done && list[2].error.kind == ERROR_NOT_FOUND && !list[2].missing_mailbox);
	assert_true(!list[3].done && list[3].error.kind == ERROR_INVALID);
	assert_true(list[4].done && after > before);
	assert_int_equal(get(placement.id).flags, FLAG_DRAFT);
	assert_true(slice_empty(get(placement.id).keywords));

	ok(email_change(t.alice, list, 1, before, &mismatch, &before, &after, &t.error));
	assert_true(mismatch && before == after);
	before = states().emails;
	change_one((struct email_change){.id = placement.id, .destroy = true});
	assert_int_equal(get(placement.id).id, 0);
	assert_int_equal(since(before).destroyed_count, 1);
	uint32_t uid;
	ok(message_undelete(t.alice, placement.id, inbox, &uid, &t.error));
	assert_int_equal(get(placement.id).mailboxes[0], inbox);
	assert_int_equal(fsck(false), 0);
}

static void quotas_hold_for_further_places(void **state)
{
	(void)state;
	struct placement placement = add("INBOX", 0, "Subject: x");
	int64_t archive = box("Archive").id, before, after;
	ok(account_set_quota(t.alice, 0, 1, &t.error));
	struct email_change change = {.id = placement.id, .add = &archive, .add_count = 1};
	ok(email_change(t.alice, &change, 1, -1, NULL, &before, &after, &t.error));
	assert_true(!change.done && change.over_quota && change.error.kind == ERROR_LIMIT);
	change.set_mailboxes = true; /* moving always fits */
	ok(email_change(t.alice, &change, 1, -1, NULL, &before, &after, &t.error));
	assert_true(change.done);
}

static void a_message_can_begin_in_several_mailboxes(void **state)
{
	(void)state;
	int64_t also[] = {box("Archive").id, box("Drafts").id}, nowhere = 99;
	struct placement placement = {.flags = FLAG_DRAFT, .also = also, .also_count = 2};
	ok(try_append(t.alice, box("INBOX").id, LETTER, &placement));
	assert_int_equal(get(placement.id).mailbox_count, 3);
	assert_int_equal(box("Drafts").emails, 1);
	assert_int_equal(box("Drafts").unread_emails, 0);
	placement = (struct placement){.also = &nowhere, .also_count = 1};
	refused(ERROR_NOT_FOUND, try_append(t.alice, box("INBOX").id, LETTER, &placement));
	assert_int_equal(states().email_count, 1);
	assert_int_equal(fsck(false), 0);
}

/* ---- Mailboxes by their ids ---- */

static void mailboxes_are_made_moved_and_removed_by_their_ids(void **state)
{
	(void)state;
	int64_t top, child, before = states().mailboxes;
	struct mailbox mailbox;
	struct changes changes;
	ok(mailbox_make(t.alice, &(struct mailbox_change){.name = SLICE("Top"), .set_sort_order = true, .sort_order = 7}, &top, &t.error));
	ok(mailbox_make(t.alice, &(struct mailbox_change){.name = SLICE("Ünter"), .set_parent = true, .parent = top}, &child, &t.error));
	ok(mailbox_get(t.alice, child, t.arena, &mailbox, &t.error));
	assert_true(slice_equal(mailbox.name, SLICE("Top/Ünter")) && mailbox.parent == top && mailbox.subscribed);
	assert_int_equal(box("Top").sort_order, 7);
	refused(ERROR_EXISTS, mailbox_make(t.alice, &(struct mailbox_change){.name = SLICE("Top")}, &child, &t.error));
	refused(ERROR_EXISTS, mailbox_make(t.alice, &(struct mailbox_change){.name = SLICE("inbox")}, &child, &t.error));
	refused(ERROR_INVALID, mailbox_make(t.alice, &(struct mailbox_change){.name = SLICE("a/b")}, &child, &t.error));
	refused(ERROR_NOT_FOUND, mailbox_make(t.alice, &(struct mailbox_change){.name = SLICE("a"), .set_parent = true, .parent = 5}, &child, &t.error));
	refused(ERROR_INVALID, mailbox_alter(t.alice, top, &(struct mailbox_change){.set_parent = true, .parent = mailbox.id}, &t.error));
	refused(ERROR_DENIED, mailbox_alter(t.alice, box("INBOX").id, &(struct mailbox_change){.set_name = true, .name = SLICE("In")}, &t.error));
	refused(ERROR_DENIED, mailbox_remove(t.alice, top, true, &t.error));

	ok(mailbox_alter(t.alice, top, &(struct mailbox_change){.set_name = true, .name = SLICE("Öben"), .set_parent = true, .parent = box("Archive").id}, &t.error));
	ok(mailbox_get(t.alice, mailbox.id, t.arena, &mailbox, &t.error));
	assert_true(slice_equal(mailbox.name, SLICE("Archive/Öben/Ünter")) && mailbox.parent == top && mailbox.subscribed);
	ok(mailbox_alter(t.alice, mailbox.id, &(struct mailbox_change){.set_subscribed = true, .set_use = true, .use = USE_TRASH}, &t.error));
	ok(mailbox_get(t.alice, mailbox.id, t.arena, &mailbox, &t.error));
	assert_true(!mailbox.subscribed && mailbox.use == USE_TRASH && box("Trash").use == USE_NONE);

	ok(mailbox_changes(t.alice, &(struct changes_point){.since = before}, 100, t.arena, &changes, &t.error));
	assert_true(changes.known && changes.created_count == 2 && changes.updated_count == 1 && !changes.counts_only);
	before = states().mailboxes;
	add("Archive/Öben/Ünter", 0, "Subject: x");
	ok(mailbox_changes(t.alice, &(struct changes_point){.since = before}, 100, t.arena, &changes, &t.error));
	assert_true(changes.known && changes.updated_count == 1 && changes.counts_only);
	refused(ERROR_EXISTS, mailbox_remove(t.alice, mailbox.id, false, &t.error));
	ok(mailbox_remove(t.alice, mailbox.id, true, &t.error));
	assert_int_equal(states().email_count, 0);
	ok(mailbox_remove(t.alice, top, false, &t.error));
	refused(ERROR_NOT_FOUND, mailbox_remove(t.alice, top, false, &t.error));
	ok(mailbox_changes(t.alice, &(struct changes_point){.since = before}, 100, t.arena, &changes, &t.error));
	assert_true(changes.destroyed_count == 2 && changes.created_count == 0);
	assert_int_equal(fsck(false), 0);
}

/* ---- Points ---- */

static void points_are_read_as_they_are_written(void **state)
{
	(void)state;
	static const struct changes_point points[] = {{0, 0, 0}, {17, 0, 0}, {INT64_MAX, 0, 0}, {1, 2, 3}, {INT64_MAX, INT64_MAX, INT64_MAX}};
	static const char *const none[] = {"", "-", "1-", "1-2", "1-2-", "1-2-3-4", "a", "01", "1-0-3", "99999999999999999999", "-1", "+1", " 1", "1 "};
	char text[CHANGES_POINT_MAX];
	for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
		struct changes_point again;
		assert_true(changes_point_read(changes_point_write(&points[i], text), &again));
		assert_memory_equal(&again, &points[i], sizeof again);
	}
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		struct changes_point again;
		assert_false(changes_point_read(slice_of(none[i]), &again));
	}
}

static void what_the_log_does_not_reach_is_not_told(void **state)
{
	(void)state;
	struct changes changes;
	int64_t before = states().emails;
	append("INBOX", 0);
	static const int64_t beyond[] = {0, INT64_MAX};
	for (size_t i = 0; i < 2; i++) {
		ok(email_changes(t.alice, &(struct changes_point){.since = beyond[i]}, 10, t.arena, &changes, &t.error));
		assert_true(!changes.known && changes.created_count == 0);
	}
	ok(account_enter(t.alice, &t.error));
	ok(db_exec(t.alice->mail.db, "UPDATE account SET vanished_floor = modseq", &t.error));
	account_leave(t.alice);
	ok(email_changes(t.alice, &(struct changes_point){.since = before}, 10, t.arena, &changes, &t.error));
	assert_false(changes.known);
	assert_int_equal(since(states().emails).created_count, 0);
	append("INBOX", 0);
	assert_int_equal(since(states().emails).created_count, 0);
}

/* ---- The model ---- */

enum { MODEL_STEPS = 700, PICTURES = 12, BOXES = 6, MODEL_TEXT = 64 };

struct picture {
	struct arena *arena;
	struct account_states states;
	struct email *emails;
	struct thread *threads;
	struct mailbox *mailboxes;
	size_t email_count, thread_count, mailbox_count;
};

static uint64_t seed = 1;

static unsigned any(unsigned below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % below;
}

static int by_email_id(const void *a, const void *b)
{
	const struct email *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

static struct email *email_of(const struct picture *picture, int64_t id)
{
	return picture->email_count == 0 ? NULL : bsearch(&(struct email){.id = id}, picture->emails, picture->email_count, sizeof *picture->emails, by_email_id);
}

static bool is_same_email(const struct email *a, const struct email *b)
{
	return a->id == b->id && a->thread == b->thread && a->flags == b->flags && a->size == b->size && a->received == b->received &&
	       slice_equal(a->keywords, b->keywords) && a->mailbox_count == b->mailbox_count &&
	       memcmp(a->mailboxes, b->mailboxes, a->mailbox_count * sizeof *a->mailboxes) == 0;
}

/* What the mailboxes show, message by message, as IMAP reads them. */
static void check_places(const struct picture *picture)
{
	size_t places = 0, shown = 0;
	for (size_t i = 0; i < picture->email_count; i++)
		places += picture->emails[i].mailbox_count;
	for (size_t b = 0; b < picture->mailbox_count; b++) {
		struct message *list;
		size_t count;
		ok(message_list(t.alice, picture->mailboxes[b].id, 1, UINT32_MAX, 0, 0, MESSAGE_FLAGS, picture->arena, &list, &count, &t.error));
		int64_t *ids = arena_array(picture->arena, count + 1, sizeof *ids);
		size_t distinct = 0;
		for (size_t i = 0; i < count; i++) {
			if (list[i].flags & FLAG_DELETED)
				continue;
			const struct email *email = email_of(picture, list[i].id);
			assert_non_null(email);
			assert_true((email->flags & FLAG_SEEN) == 0 || (list[i].flags & FLAG_SEEN));
			assert_true((list[i].flags & ~email->flags & ~(unsigned)FLAG_SEEN) == 0);
			struct slice word, rest = list[i].keywords;
			while (slice_cut(rest, ' ', &word, &rest) || !slice_empty(word))
				assert_true(slice_has_word_nocase(email->keywords, word));
			bool known = false;
			for (size_t k = 0; k < distinct; k++)
				known |= ids[k] == list[i].id;
			if (!known)
				ids[distinct++] = list[i].id;
		}
		assert_int_equal(picture->mailboxes[b].emails, distinct);
		shown += distinct;
	}
	assert_int_equal(places, shown);
}

static bool is_in(const struct email *email, int64_t mailbox)
{
	for (uint32_t i = 0; i < email->mailbox_count; i++)
		if (email->mailboxes[i] == mailbox)
			return true;
	return false;
}

/* RFC 8621 §2, as it is written. */
static void check_counts(const struct picture *picture)
{
	int64_t trash = 0;
	for (size_t b = 0; b < picture->mailbox_count; b++)
		trash = picture->mailboxes[b].use == USE_TRASH ? picture->mailboxes[b].id : trash;
	for (size_t b = 0; b < picture->mailbox_count; b++) {
		int64_t id = picture->mailboxes[b].id;
		uint32_t unread_emails = 0, threads = 0, unread_threads = 0;
		for (size_t i = 0; i < picture->email_count; i++)
			unread_emails += is_in(&picture->emails[i], id) && email_is_unread(&picture->emails[i]);
		for (size_t k = 0; k < picture->thread_count; k++) {
			bool here = false, unread = false;
			for (size_t i = 0; i < picture->threads[k].count; i++) {
				const struct email *email = email_of(picture, picture->threads[k].emails[i]);
				assert_non_null(email);
				here |= is_in(email, id);
				bool counts = id == trash ? is_in(email, trash) : !(email->mailbox_count == 1 && is_in(email, trash));
				unread |= counts && email_is_unread(email);
			}
			threads += here;
			unread_threads += here && unread;
		}
		assert_int_equal(picture->mailboxes[b].unread_emails, unread_emails);
		assert_int_equal(picture->mailboxes[b].threads, threads);
		assert_int_equal(picture->mailboxes[b].unread_threads, unread_threads);
	}
}

struct walked { const struct picture *picture; size_t count; int64_t received, id; bool ascending; };

static bool walk_on(void *context, const struct email *email)
{
	struct walked *walked = context;
	const struct email *known = email_of(walked->picture, email->id);
	assert_true(known && is_same_email(known, email));
	if (walked->count++ > 0) {
		bool later = email->received > walked->received || (email->received == walked->received && email->id > walked->id);
		assert_true(later == walked->ascending && email->id != walked->id);
	}
	walked->received = email->received;
	walked->id = email->id;
	return true;
}

static void check_walks(const struct picture *picture)
{
	for (int up = 0; up < 2; up++) {
		struct walked walked = {.picture = picture, .ascending = up};
		ok(email_walk(t.alice, 0, up, walk_on, &walked, NULL, &t.error));
		assert_int_equal(walked.count, picture->email_count);
		const struct mailbox *mailbox = &picture->mailboxes[any((unsigned)picture->mailbox_count)];
		walked = (struct walked){.picture = picture, .ascending = up};
		ok(email_walk(t.alice, mailbox->id, up, walk_on, &walked, NULL, &t.error));
		assert_int_equal(walked.count, mailbox->emails);
		struct email *list;
		size_t count;
		ok(email_list(t.alice, mailbox->id, picture->arena, &list, &count, NULL, &t.error));
		assert_int_equal(count, mailbox->emails);
		for (size_t i = 0; i < count; i++)
			assert_true(is_same_email(&list[i], email_of(picture, list[i].id)));
	}
}

static void draw(struct picture *picture)
{
	picture->arena = arena_new();
	ok(email_list(t.alice, 0, picture->arena, &picture->emails, &picture->email_count, &picture->states, &t.error));
	ok(mailbox_list(t.alice, picture->arena, &picture->mailboxes, &picture->mailbox_count, &t.error));
	int64_t *ids = arena_array(picture->arena, picture->email_count + 1, sizeof *ids);
	size_t count = 0;
	for (size_t i = 0; i < picture->email_count; i++) {
		bool known = false;
		for (size_t k = 0; k < count; k++)
			known |= ids[k] == picture->emails[i].thread;
		if (!known)
			ids[count++] = picture->emails[i].thread;
	}
	ok(thread_get(t.alice, ids, count, picture->arena, &picture->threads, NULL, &t.error));
	picture->thread_count = count;
	assert_int_equal(picture->states.email_count, picture->email_count);
	assert_int_equal(picture->states.thread_count, count);
}

static void check(const struct picture *picture)
{
	check_places(picture);
	check_counts(picture);
	check_walks(picture);
}

/* ---- What is done ---- */

static void model_name(char out[MODEL_TEXT])
{
	static const char *const names[BOXES] = {"INBOX", "Archive", "Trash", "A", "A/B", "A/B/C"};
	snprintf(out, MODEL_TEXT, "%s", names[any(BOXES)]);
}

/* A message of a mailbox; false if it has none. */
static bool pick(struct mailbox *mailbox, struct message *message)
{
	char name[MODEL_TEXT];
	struct message *list;
	size_t count;
	model_name(name);
	if (!mailbox_find(t.alice, slice_of(name), t.arena, mailbox, NULL))
		return false;
	ok(message_list(t.alice, mailbox->id, 1, UINT32_MAX, 0, 0, MESSAGE_FLAGS, t.arena, &list, &count, &t.error));
	if (count > 0)
		*message = list[any((unsigned)count)];
	return count > 0;
}

static void do_append(void)
{
	char name[MODEL_TEXT];
	struct mailbox mailbox;
	static unsigned number;
	static const unsigned flags[] = {0, FLAG_SEEN, FLAG_DRAFT, FLAG_DELETED, 0};
	model_name(name);
	if (!mailbox_find(t.alice, slice_of(name), t.arena, &mailbox, NULL) || !mailbox.selectable)
		return;
	unsigned answered = number > 0 ? any(number) : 0;
	struct placement placement = {.flags = flags[any(5)], .received = 1000 + any(20), .keywords = any(3) ? NOTHING : SLICE("Word")};
	int64_t also = box("Archive").id;
	placement.also = &also;
	placement.also_count = also != mailbox.id && any(4) == 0;
	ok(try_append(t.alice, mailbox.id, arena_printf(t.arena, "Subject: %s\r\nMessage-ID: <%u@x>\r\nIn-Reply-To: <%u@x>\r\n\r\n", any(5) ? "Re: s" : "other",
		number++, answered), &placement));
}

static void do_flags(void)
{
	struct mailbox mailbox;
	struct message message;
	static const unsigned flags[] = {FLAG_SEEN, FLAG_SEEN, FLAG_DRAFT, FLAG_DELETED, FLAG_FLAGGED, FLAG_ANSWERED, 0};
	if (pick(&mailbox, &message))
		store(mailbox.id, message.uid, (enum flags_change)any(3), flags[any(7)], any(3) ? "" : "Other word");
}

static void do_copy(void)
{
	struct mailbox from, to;
	struct message message;
	char name[MODEL_TEXT];
	uint32_t *source, *target;
	size_t count;
	model_name(name);
	if (pick(&from, &message) && mailbox_find(t.alice, slice_of(name), t.arena, &to, NULL) && to.selectable)
		ok(message_copy(t.alice, from.id, &message.uid, 1, to.id, any(2), t.arena, &source, &target, &count, &t.error));
}

static void do_expunge(void)
{
	struct mailbox mailbox;
	struct message message;
	uint32_t *removed;
	size_t count;
	if (pick(&mailbox, &message))
		ok(message_expunge(t.alice, mailbox.id, &message.uid, 1, any(2), t.arena, &removed, &count, &t.error));
}

static void do_undelete(void)
{
	struct expunged_message *list;
	size_t count;
	uint32_t uid;
	ok(account_list_expunged(t.alice, 0, t.arena, &list, &count, &t.error));
	if (count > 0)
		ok(message_undelete(t.alice, list[any((unsigned)count)].id, box("INBOX").id, &uid, &t.error));
}

static void do_mailbox(void)
{
	char name[MODEL_TEXT], other[MODEL_TEXT];
	struct error error;
	model_name(name);
	model_name(other);
	switch (any(7)) {
	case 0:
		mailbox_delete(t.alice, slice_of(name), &error);
		break;
	case 1:
		mailbox_rename(t.alice, slice_of(name), slice_of(other), &error);
		break;
	case 2:
		mailbox_subscribe(t.alice, slice_of(name), any(2), &error);
		break;
	case 3:
		mailbox_set_use(t.alice, slice_of(name), any(2) ? USE_TRASH : USE_NONE, &error);
		break;
	default:
		mailbox_create(t.alice, slice_of(name), any(4) ? USE_NONE : USE_TRASH, &error);
	}
	mailbox_create(t.alice, SLICE("Archive"), USE_NONE, &error);
}

static void do_change(void)
{
	struct mailbox mailbox, *list;
	struct message messages[3];
	struct email_change changes[3];
	int64_t ids[3][2], before, after;
	size_t count;
	ok(mailbox_list(t.alice, t.arena, &list, &count, &t.error));
	for (int i = 0; i < 3; i++) {
		if (!pick(&mailbox, &messages[i]))
			return;
		ids[i][0] = list[any((unsigned)count)].id;
		ids[i][1] = list[any((unsigned)count)].id;
		changes[i] = (struct email_change){.id = messages[i].id, .destroy = any(5) == 0, .set_mailboxes = any(2), .add = ids[i], .add_count = 1 + any(2),
			.set_keywords = any(5) == 0, .flags = any(3) ? 0 : FLAG_SEEN, .without_flags = any(3) ? 0 : FLAG_DRAFT | FLAG_SEEN,
			.keywords = any(3) ? NOTHING : SLICE("third"), .without_keywords = any(3) ? NOTHING : SLICE("word"), .remove = &ids[(i + 1) % 3][0], .remove_count = i > 0};
	}
	ok(email_change(t.alice, changes, 3, -1, NULL, &before, &after, &t.error));
	assert_true(before == after || after == states().emails);
}

static void do_something(void)
{
	static void (*const things[])(void) = {do_append, do_append, do_append, do_flags, do_flags, do_flags, do_copy, do_expunge, do_undelete, do_mailbox, do_change};
	things[any(sizeof things / sizeof *things)]();
}

/* ---- From then to now ---- */

struct ids { int64_t at[4000]; size_t count; };

static bool has(const struct ids *ids, int64_t id)
{
	for (size_t i = 0; i < ids->count; i++)
		if (ids->at[i] == id)
			return true;
	return false;
}

static void put(struct ids *ids, int64_t id)
{
	assert_true(ids->count < sizeof ids->at / sizeof *ids->at);
	ids->at[ids->count++] = id;
}

static void take(struct ids *ids, int64_t id)
{
	for (size_t i = 0; i < ids->count; i++)
		if (ids->at[i] == id) {
			ids->at[i] = ids->at[--ids->count];
			return;
		}
	fail_msg("removed, but it was never there");
}

typedef bool ask_changes(struct account *account, const struct changes_point *since, size_t max, struct arena *arena, struct changes *changes, struct error *error);

/* Follows all changes since `point`; `known` becomes what there is, and `heard` what has been said to be new or other. While it is on its way,
 * other things happen. */
static void follow(ask_changes *ask, int64_t from, size_t max, bool meanwhile, struct ids *known, struct ids *heard, bool *counts_only)
{
	struct changes changes = {.more = true, .point = {.since = from}};
	*counts_only = true;
	for (int rounds = 0; changes.more; rounds++) {
		char text[CHANGES_POINT_MAX];
		struct changes_point point;
		assert_true(changes_point_read(changes_point_write(&changes.point, text), &point) && rounds < 10000);
		ok(ask(t.alice, &point, max, t.arena, &changes, &t.error));
		assert_true(changes.known);
		assert_true(changes.created_count + changes.updated_count + changes.destroyed_count <= max);
		for (size_t i = 0; i < changes.created_count; i++) {
			assert_false(has(known, changes.created[i]));
			put(known, changes.created[i]);
			put(heard, changes.created[i]);
		}
		for (size_t i = 0; i < changes.updated_count; i++) {
			assert_true(has(known, changes.updated[i]));
			put(heard, changes.updated[i]);
		}
		for (size_t i = 0; i < changes.destroyed_count; i++)
			take(known, changes.destroyed[i]);
		if (changes.updated_count > 0)
			*counts_only &= changes.counts_only;
		if (meanwhile && changes.more && rounds < 20)
			do_something();
	}
}

static struct ids known, heard;

static void lead_emails(const struct picture *then, size_t max, bool meanwhile)
{
	bool counts_only;
	known.count = heard.count = 0;
	for (size_t i = 0; i < then->email_count; i++)
		put(&known, then->emails[i].id);
	follow(email_changes, then->states.emails, max, meanwhile, &known, &heard, &counts_only);
	struct picture now;
	draw(&now);
	assert_int_equal(known.count, now.email_count);
	for (size_t i = 0; i < now.email_count; i++) {
		assert_true(has(&known, now.emails[i].id));
		const struct email *old = email_of(then, now.emails[i].id);
		assert_true(has(&heard, now.emails[i].id) || (old && is_same_email(old, &now.emails[i])));
	}
	arena_free(&now.arena);
}

static const struct thread *thread_of(const struct picture *picture, int64_t id)
{
	for (size_t i = 0; i < picture->thread_count; i++)
		if (picture->threads[i].id == id)
			return &picture->threads[i];
	return NULL;
}

static void lead_threads(const struct picture *then, size_t max, bool meanwhile)
{
	bool counts_only;
	known.count = heard.count = 0;
	for (size_t i = 0; i < then->thread_count; i++)
		put(&known, then->threads[i].id);
	follow(thread_changes, then->states.threads, max, meanwhile, &known, &heard, &counts_only);
	struct picture now;
	draw(&now);
	assert_int_equal(known.count, now.thread_count);
	for (size_t i = 0; i < now.thread_count; i++) {
		const struct thread *new = &now.threads[i], *old = thread_of(then, new->id);
		assert_true(has(&known, new->id));
		assert_true(has(&heard, new->id) ||
			    (old && old->count == new->count && memcmp(old->emails, new->emails, new->count * sizeof *new->emails) == 0));
	}
	arena_free(&now.arena);
}

static bool is_same_mailbox(const struct mailbox *a, const struct mailbox *b)
{
	return slice_equal(a->name, b->name) && a->parent == b->parent && a->use == b->use && a->subscribed == b->subscribed &&
	       a->selectable == b->selectable && a->sort_order == b->sort_order;
}

static bool has_same_counts(const struct mailbox *a, const struct mailbox *b)
{
	return a->emails == b->emails && a->unread_emails == b->unread_emails && a->threads == b->threads && a->unread_threads == b->unread_threads;
}

static const struct mailbox *mailbox_of(const struct picture *picture, int64_t id)
{
	for (size_t i = 0; i < picture->mailbox_count; i++)
		if (picture->mailboxes[i].id == id)
			return &picture->mailboxes[i];
	return NULL;
}

static void lead_mailboxes(const struct picture *then, size_t max, bool meanwhile)
{
	bool counts_only;
	known.count = heard.count = 0;
	for (size_t i = 0; i < then->mailbox_count; i++)
		put(&known, then->mailboxes[i].id);
	follow(mailbox_changes, then->states.mailboxes, max, meanwhile, &known, &heard, &counts_only);
	struct picture now;
	draw(&now);
	assert_int_equal(known.count, now.mailbox_count);
	for (size_t i = 0; i < now.mailbox_count; i++) {
		const struct mailbox *new = &now.mailboxes[i], *old = mailbox_of(then, new->id);
		assert_true(has(&known, new->id));
		assert_true(has(&heard, new->id) || (old && is_same_mailbox(old, new) && has_same_counts(old, new)));
		assert_true(!old || !counts_only || is_same_mailbox(old, new));
	}
	arena_free(&now.arena);
}

static void what_has_changed_leads_from_then_to_now(void **state)
{
	(void)state;
	struct picture pictures[PICTURES] = {0};
	uint64_t steps = MODEL_STEPS;
	if (getenv("MODEL_SEED")) /* by hand: "SEED", and how many "STEPS" */
		slice_to_number(slice_of(getenv("MODEL_SEED")), UINT64_MAX, &seed);
	if (getenv("MODEL_STEPS"))
		slice_to_number(slice_of(getenv("MODEL_STEPS")), UINT64_MAX, &steps);
	for (uint64_t step = 0; step < steps; step++) {
		static void (*const leads[])(const struct picture *then, size_t max, bool meanwhile) = {lead_emails, lead_threads, lead_mailboxes};
		struct picture *picture = &pictures[step % PICTURES], *then = &pictures[any(PICTURES)];
		do_something();
		if (any(3) == 0) {
			arena_free(&picture->arena);
			draw(picture);
			check(picture);
		}
		if (then->arena)
			leads[any(3)](then, any(2) ? 1000 : 1 + any(5), any(3) == 0);
		if (step % 50 == 0 && fsck(false) != 0)
			fail_msg("step %llu", (unsigned long long)step);
		arena_reset(t.arena);
	}
	for (int i = 0; i < PICTURES; i++)
		arena_free(&pictures[i].arena);
	assert_int_equal(fsck(false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(answers_are_in_the_thread_of_what_they_answer),
		STORE_TEST(threads_stay_small),
		STORE_TEST(messages_are_found_by_their_ids),
		STORE_TEST(an_email_has_all_its_places),
		STORE_TEST(what_is_unread_in_the_trash_is_unread_there_alone),
		STORE_TEST(changes_of_an_email_are_made_or_refused),
		STORE_TEST(quotas_hold_for_further_places),
		STORE_TEST(a_message_can_begin_in_several_mailboxes),
		STORE_TEST(mailboxes_are_made_moved_and_removed_by_their_ids),
		STORE_TEST(points_are_read_as_they_are_written),
		STORE_TEST(what_the_log_does_not_reach_is_not_told),
		STORE_TEST(what_has_changed_leads_from_then_to_now),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
