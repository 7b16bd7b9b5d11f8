/* What a change means in JMAP's terms (RFC 8621 §2 to 4): which emails have come and gone, which have changed, and how many emails and
 * threads each mailbox has.
 *
 * Before the first placement of a thread is altered, change_touch() keeps a picture of the thread: which mailboxes show which messages of it,
 * with which flags. Before the change ends, change_settle() looks again; all that is to be noted follows from the difference. So who alters
 * placements needs to know nothing of it, and a thread is looked at twice, however many of its messages are altered. A thread has few of
 * them (THREAD_PLACES_MAX). */
#include "base/map.h"
#include "base/memory.h"
#include "store/mail/internal.h"

/* A message in a mailbox, without those that have \Deleted (RFC 8621 §4.1.1). */
struct place { int64_t message, mailbox, flags; }; /* without holes: they are compared as bytes */

struct places { struct place *at; size_t count, room, rows; }; /* rows: what was read */

enum { FEW = 8 }; /* threads, or mailboxes, that are found without a map */

/* Numbers of a mailbox, or what is to be added to them. */
struct counts {
	int64_t mailbox, emails, unread_emails, threads, unread_threads;
	uint64_t stamp;           /* the thread that was counted last */
	struct counts *next;
};

struct tally {
	struct arena *arena;
	struct map *by_mailbox;   /* NULL while they are few */
	struct counts *first, *last; /* last: that was asked for last */
	size_t count;
	uint64_t stamp;
};

struct picture { int64_t thread; struct places places; struct picture *next; };

struct change_threads {
	struct arena *arena;
	struct map *by_id;        /* NULL while they are few */
	struct picture *first;
	size_t count;
	struct places scratch;
	struct tally tally;
};

/* ---- Reading ---- */

unsigned mail_combine_flags(unsigned a, unsigned b)
{
	return ((a | b) & ~(unsigned)FLAG_SEEN) | (a & b & FLAG_SEEN);
}

static void add_place(struct places *places, int64_t message, int64_t mailbox, unsigned flags)
{
	struct place *last = places->count > 0 ? &places->at[places->count - 1] : NULL;
	if (flags & FLAG_DELETED)
		return;
	if (last && last->message == message && last->mailbox == mailbox) {
		last->flags = mail_combine_flags((unsigned)last->flags, flags);
		return;
	}
	ARRAY_GROW(places->at, places->count, places->room);
	places->at[places->count++] = (struct place){message, mailbox, flags};
}

static bool read_places(struct db *db, int64_t thread, struct places *places, struct error *error)
{
	enum db_step step;
	struct db_statement *s = PREPARE(db, "SELECT message, mailbox, flags FROM placement WHERE thread = $1 ORDER BY message, mailbox, uid", thread);
	places->count = places->rows = 0;
	for (; (step = db_step(s, error)) == DB_ROW; places->rows++)
		add_place(places, db_number(s, 0), db_number(s, 1), (unsigned)db_number(s, 2));
	return step == DB_DONE;
}

bool mail_find_trash(struct db *db, int64_t *trash, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT id FROM mailbox WHERE special_use = $1 LIMIT 1", USE_TRASH);
	enum db_step step = db_step(s, error);
	*trash = step == DB_ROW ? db_number(s, 0) : 0;
	db_reset(s);
	return step != DB_FAILED;
}

/* ---- Counting (RFC 8621 §2) ---- */

static struct slice id_key(const int64_t *id)
{
	return slice_make((const char *)id, sizeof *id);
}

static struct counts *find_counts(const struct tally *tally, int64_t mailbox)
{
	if (tally->by_mailbox)
		return map_get(tally->by_mailbox, id_key(&mailbox));
	struct counts *counts = tally->first;
	while (counts && counts->mailbox != mailbox)
		counts = counts->next;
	return counts;
}

static struct counts *add_counts(struct tally *tally, int64_t mailbox)
{
	struct counts *counts = arena_alloc(tally->arena, sizeof *counts);
	*counts = (struct counts){.mailbox = mailbox, .next = tally->first};
	tally->first = counts;
	if (++tally->count == FEW) {
		tally->by_mailbox = map_new();
		for (struct counts *each = counts->next; each; each = each->next)
			map_put(tally->by_mailbox, id_key(&each->mailbox), each);
	}
	if (tally->by_mailbox)
		map_put(tally->by_mailbox, id_key(&mailbox), counts);
	return counts;
}

static struct counts *counts_of(struct tally *tally, int64_t mailbox)
{
	if (tally->last && tally->last->mailbox == mailbox)
		return tally->last;
	tally->last = find_counts(tally, mailbox);
	if (!tally->last)
		tally->last = add_counts(tally, mailbox);
	return tally->last;
}

static void tally_end(struct tally *tally)
{
	if (tally->by_mailbox)
		map_free(&tally->by_mailbox);
}

static size_t email_end(const struct places *places, size_t i)
{
	size_t end = i + 1;
	while (end < places->count && places->at[end].message == places->at[i].message)
		end++;
	return end;
}

static unsigned email_flags(const struct places *places, size_t i, size_t end)
{
	unsigned flags = (unsigned)places->at[i].flags;
	while (++i < end)
		flags = mail_combine_flags(flags, (unsigned)places->at[i].flags);
	return flags;
}

/* Counts a thread, times `sign`. Emails in the trash alone are a thread of their own, as far as unread ones are concerned. */
static void tally_thread(struct tally *tally, const struct places *places, int64_t trash, int sign)
{
	bool unread_in_trash = false, unread_outside = false;
	for (size_t i = 0, end; i < places->count; i = end) {
		end = email_end(places, i);
		bool unread = (email_flags(places, i, end) & (FLAG_SEEN | FLAG_DRAFT)) == 0;
		for (size_t k = i; k < end; k++) {
			struct counts *counts = counts_of(tally, places->at[k].mailbox);
			counts->emails += sign;
			counts->unread_emails += unread ? sign : 0;
			*(places->at[k].mailbox == trash ? &unread_in_trash : &unread_outside) |= unread;
		}
	}
	tally->stamp++;
	for (size_t i = 0; i < places->count; i++) {
		struct counts *counts = counts_of(tally, places->at[i].mailbox);
		if (counts->stamp == tally->stamp)
			continue;
		counts->stamp = tally->stamp;
		counts->threads += sign;
		counts->unread_threads += (counts->mailbox == trash ? unread_in_trash : unread_outside) ? sign : 0;
	}
}

/* Which mailbox is the trash means nothing to a thread in one mailbox. */
static bool tally_of(struct db *db, struct tally *tally, const struct places *places, int sign, struct error *error)
{
	int64_t trash = 0;
	bool several = false;
	for (size_t i = 1; i < places->count && !several; i++)
		several = places->at[i].mailbox != places->at[0].mailbox;
	if (several && !mail_find_trash(db, &trash, error))
		return false;
	tally_thread(tally, places, trash, sign);
	return true;
}

/* ---- Before ---- */

static struct change_threads *threads_of(struct change *change)
{
	if (change->threads)
		return change->threads;
	struct change_threads *threads = memory_new(sizeof *threads);
	*threads = (struct change_threads){.arena = arena_new()};
	threads->tally.arena = threads->arena;
	return change->threads = threads;
}

static const struct picture *find_picture(const struct change_threads *threads, int64_t thread)
{
	if (threads->by_id)
		return map_get(threads->by_id, id_key(&thread));
	const struct picture *picture = threads->first;
	while (picture && picture->thread != thread)
		picture = picture->next;
	return picture;
}

static void keep_picture(struct change_threads *threads, int64_t thread, const struct places *places)
{
	struct picture *picture = arena_alloc(threads->arena, sizeof *picture);
	*picture = (struct picture){.thread = thread, .places = *places, .next = threads->first};
	picture->places.at = arena_array(threads->arena, places->count, sizeof *places->at);
	if (places->count > 0)
		memcpy(picture->places.at, places->at, places->count * sizeof *places->at);
	threads->first = picture;
	if (++threads->count == FEW) {
		threads->by_id = map_new();
		for (struct picture *each = picture->next; each; each = each->next)
			map_put(threads->by_id, id_key(&each->thread), each);
	}
	if (threads->by_id)
		map_put(threads->by_id, id_key(&thread), picture);
}

bool change_touch(struct change *change, int64_t thread, struct error *error)
{
	struct change_threads *threads = threads_of(change);
	if (find_picture(threads, thread))
		return true;
	if (!read_places(change->db, thread, &threads->scratch, error) ||
	    !tally_of(change->db, &threads->tally, &threads->scratch, -1, error))
		return false;
	keep_picture(threads, thread, &threads->scratch);
	return true;
}

void change_touch_new(struct change *change, int64_t thread)
{
	struct change_threads *threads = threads_of(change);
	if (!find_picture(threads, thread))
		keep_picture(threads, thread, &(struct places){0});
}

bool change_touch_counted(struct change *change, int64_t thread, size_t *rows, struct error *error)
{
	if (!change_touch(change, thread, error))
		return false;
	*rows = find_picture(change->threads, thread)->places.rows;
	return true;
}

bool change_touch_mailbox(struct change *change, int64_t mailbox, struct error *error)
{
	struct mail_ids ids = {0};
	enum db_step step;
	struct db_statement *s = PREPARE(change->db, "SELECT DISTINCT thread FROM placement WHERE mailbox = $1", mailbox);
	while ((step = db_step(s, error)) == DB_ROW)
		mail_ids_add(&ids, db_number(s, 0));
	bool done = step == DB_DONE;
	for (size_t i = 0; done && i < ids.count; i++)
		done = change_touch(change, ids.at[i], error);
	mail_ids_free(&ids);
	return done;
}

/* ---- After ---- */

static bool note_vanished(struct change *change, int64_t message, struct error *error)
{
	change->row.emails--;
	return db_run(PREPARE(change->db, "INSERT INTO vanished (modseq, message, thread, appeared) SELECT CAST($1 AS BIGINT), id, thread, appeared"
			" FROM message WHERE id = $2 AND appeared <> 0 ON CONFLICT DO NOTHING", change_modseq(change), message), error) &&
	       db_run(PREPARE(change->db, "UPDATE message SET appeared = 0 WHERE id = $1", message), error);
}

/* What is new had it said when its row was made. */
static bool note_appeared(struct change *change, int64_t message, struct error *error)
{
	change->row.emails++;
	change->row.delivery_modseq = change_modseq(change);
	return message > change->last_id ||
	       db_run(PREPARE(change->db, "UPDATE message SET appeared = $2 WHERE id = $1", message, change_modseq(change)), error);
}

static bool compare(struct change *change, const struct places *before, const struct places *after, struct error *error)
{
	size_t i = 0, k = 0;
	bool done = true;
	while (done && (i < before->count || k < after->count)) {
		int64_t old = i < before->count ? before->at[i].message : INT64_MAX, new = k < after->count ? after->at[k].message : INT64_MAX;
		change->come_or_gone |= old != new;
		if (old < new)
			done = note_vanished(change, old, error);
		else if (new < old)
			done = note_appeared(change, new, error);
		i = old <= new ? email_end(before, i) : i;
		k = new <= old ? email_end(after, k) : k;
	}
	return done;
}

static bool has_place(const struct places *places, int64_t message, int64_t mailbox)
{
	for (size_t i = 0; i < places->count; i++)
		if (places->at[i].message == message && places->at[i].mailbox == mailbox)
			return true;
	return false;
}

/* Where the message was and isn't any more, or else where it was; 0: nowhere. */
static int64_t left_mailbox(const struct places *before, const struct places *after, int64_t message)
{
	int64_t somewhere = 0;
	for (size_t i = 0; i < before->count; i++) {
		const struct place *place = &before->at[i];
		if (place->message != message)
			continue;
		if (!has_place(after, message, place->mailbox))
			return place->mailbox;
		somewhere = somewhere != 0 ? somewhere : place->mailbox;
	}
	return somewhere;
}

/* Whatever came into the mailbox for messages that sleep sleeps, and what has left it doesn't any more, whoever did it. */
static bool settle_snoozes(struct change *change, const struct places *before, const struct places *after, struct error *error)
{
	int64_t snoozed = change->row.snoozed;
	bool done = true;
	for (size_t i = 0; done && snoozed != 0 && i < after->count; i++)
		if (after->at[i].mailbox == snoozed && !has_place(before, after->at[i].message, snoozed))
			done = change_fall_asleep(change, after->at[i].message, left_mailbox(before, after, after->at[i].message), error);
	for (size_t i = 0; done && snoozed != 0 && i < before->count; i++)
		if (before->at[i].mailbox == snoozed && !has_place(after, before->at[i].message, snoozed))
			done = change_sleep_no_more(change, before->at[i].message, error);
	return done;
}

static bool settle_thread(struct change *change, const struct picture *before, struct error *error)
{
	struct change_threads *threads = change->threads;
	struct places *after = &threads->scratch;
	if (!read_places(change->db, before->thread, after, error) || !tally_of(change->db, &threads->tally, after, 1, error))
		return false;
	if (after->count == before->places.count &&
	    (after->count == 0 || memcmp(after->at, before->places.at, after->count * sizeof *after->at) == 0))
		return true;
	change->emails = true;
	change->row.threads += (after->count > 0) - (before->places.count > 0);
	return compare(change, &before->places, after, error) && settle_snoozes(change, &before->places, after, error);
}

static bool write_counts(struct change *change, const struct counts *c, struct error *error)
{
	if (c->emails == 0 && c->unread_emails == 0 && c->threads == 0 && c->unread_threads == 0)
		return true;
	change->mailboxes = true;
	return db_run(PREPARE(change->db, "UPDATE mailbox SET emails = emails + $2, unread_emails = unread_emails + $3, threads = threads + $4,"
		" unread_threads = unread_threads + $5, counted = $6 WHERE id = $1", c->mailbox, c->emails, c->unread_emails, c->threads,
		c->unread_threads, change_modseq(change)), error);
}

static void note_states(struct change *change)
{
	if (change->emails)
		change->row.email_modseq = change_modseq(change);
	if (change->come_or_gone)
		change->row.thread_modseq = change_modseq(change);
	if (change->mailboxes)
		change->row.mailbox_modseq = change_modseq(change);
}

void change_forget_touched(struct change *change)
{
	struct change_threads *threads = change->threads;
	if (!threads)
		return;
	if (threads->by_id)
		map_free(&threads->by_id);
	tally_end(&threads->tally);
	free(threads->scratch.at);
	arena_free(&threads->arena);
	free(threads);
	change->threads = NULL;
}

bool change_settle(struct change *change, struct error *error)
{
	struct change_threads *threads = change->threads;
	bool done = true;
	for (const struct picture *picture = threads ? threads->first : NULL; done && picture; picture = picture->next)
		done = settle_thread(change, picture, error);
	for (const struct counts *counts = threads ? threads->tally.first : NULL; done && counts; counts = counts->next)
		done = write_counts(change, counts, error);
	change_forget_touched(change);
	note_states(change);
	return done;
}

/* ---- All of them ---- */

static bool tally_all(struct db *db, struct tally *tally, int64_t *emails, int64_t *threads, struct error *error)
{
	struct places places = {0};
	int64_t trash, thread = 0;
	enum db_step step = DB_FAILED;
	if (!mail_find_trash(db, &trash, error))
		return false;
	struct db_statement *s = db_prepare(db, "SELECT thread, message, mailbox, flags FROM placement ORDER BY thread, message, mailbox, uid");
	do {
		step = db_step(s, error);
		if (step != DB_ROW || db_number(s, 0) != thread) {
			tally_thread(tally, &places, trash, 1);
			*threads += places.count > 0;
			for (size_t i = 0; i < places.count; i = email_end(&places, i))
				(*emails)++;
			places.count = 0;
		}
		if (step == DB_ROW) {
			thread = db_number(s, 0);
			add_place(&places, db_number(s, 1), db_number(s, 2), (unsigned)db_number(s, 3));
		}
	} while (step == DB_ROW);
	free(places.at);
	return step == DB_DONE;
}

/* *wrong: some mailbox said something else. */
static bool set_counts(struct change *change, struct tally *tally, bool repair, bool *wrong, struct error *error)
{
	struct mail_ids ids = {0};
	enum db_step step;
	struct db_statement *s = db_prepare(change->db, "SELECT id, emails, unread_emails, threads, unread_threads FROM mailbox");
	while ((step = db_step(s, error)) == DB_ROW) {
		struct counts *right = counts_of(tally, db_number(s, 0));
		if (right->emails == db_number(s, 1) && right->unread_emails == db_number(s, 2) && right->threads == db_number(s, 3) &&
		    right->unread_threads == db_number(s, 4))
			continue;
		*wrong = true;
		mail_ids_add(&ids, right->mailbox);
	}
	bool done = step == DB_DONE;
	for (size_t i = 0; done && repair && i < ids.count; i++) {
		const struct counts *right = counts_of(tally, ids.at[i]);
		change->mailboxes = true;
		done = db_run(PREPARE(change->db, "UPDATE mailbox SET emails = $2, unread_emails = $3, threads = $4, unread_threads = $5, counted = $6"
			" WHERE id = $1", right->mailbox, right->emails, right->unread_emails, right->threads, right->unread_threads, change_modseq(change)), error);
	}
	mail_ids_free(&ids);
	return done;
}

bool mail_recount(struct change *change, bool repair, bool *wrong, struct error *error)
{
	struct arena *arena = arena_new();
	struct tally tally = {.arena = arena};
	int64_t emails = 0, threads = 0;
	bool other = false;
	bool done = change_settle(change, error) && tally_all(change->db, &tally, &emails, &threads, error) &&
		    set_counts(change, &tally, repair, &other, error);
	other |= emails != change->row.emails || threads != change->row.threads;
	tally_end(&tally);
	arena_free(&arena);
	if (repair && other) {
		change_modseq(change);
		change->row.emails = emails;
		change->row.threads = threads;
	}
	if (wrong)
		*wrong = other;
	note_states(change);
	return done;
}
