/* What has changed since a client looked (RFC 8620 §5.2).
 *
 * Whether there was an email at a moment is exact for every moment that the log reaches: message.appeared is when the email, if it is there,
 * has come; a row of `vanished` says from when to when there was one. From both ends of the time that is asked for follows what has become
 * of each that may have changed. Where there are more than the client wants to hear of at once, it goes from `since` to `until` by ids, the
 * highest first, in several steps; all of these speak of the same two moments, so that nothing is made after it was removed. What changes
 * meanwhile is told when it has arrived at `until`. What such a client is going to ask for is kept, so that it isn't found anew for every step. */
#include "base/memory.h"
#include "store/mail/email.h"

enum { KEPT_MOST = 50 * 1000 /* changes that a client is going to ask for */ };

/* Something that may have changed: with whether it was there at `since` and at `until`. noted: of an email, that it has come or gone in
 * between, of a mailbox, that not only its counts have changed. */
struct candidate { int64_t id, thread; bool was, is, noted; };
struct candidates { struct candidate *at; size_t count, room; };

/* From when to when there was an email. */
struct life { int64_t id, thread, from, to; };
struct lives { struct life *at; size_t count, room; };

struct question { struct db *db; int64_t since, until; };

static void add_candidate(struct candidates *list, struct candidate candidate)
{
	ARRAY_GROW(list->at, list->count, list->room);
	list->at[list->count++] = candidate;
}

static int highest_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	return (x->id < y->id) - (x->id > y->id);
}

/* Each once. */
static void sort_candidates(struct candidates *list)
{
	size_t out = 0;
	if (list->count == 0)
		return;
	qsort(list->at, list->count, sizeof *list->at, highest_first);
	for (size_t i = 1; i < list->count; i++) {
		if (list->at[i].id != list->at[out].id) {
			list->at[++out] = list->at[i];
			continue;
		}
		list->at[out].was |= list->at[i].was;
		list->at[out].is |= list->at[i].is;
		list->at[out].noted |= list->at[i].noted;
	}
	list->count = out + 1;
}

/* ---- How far back the log reaches ---- */

static bool is_covered(struct db *db, int64_t since, bool *covered, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT 1 FROM account WHERE vanished_floor <= $1 AND removed_floor <= $1 AND modseq >= $1"
		" AND NOT EXISTS (SELECT 1 FROM mailbox WHERE created <= $1 AND log_floor > $1)"
		" AND NOT EXISTS (SELECT 1 FROM vanished WHERE message = 0 AND modseq >= $1 AND appeared < $1)", since);
	enum db_step step = db_step(s, error);
	*covered = step == DB_ROW;
	db_reset(s);
	return step != DB_FAILED;
}

/* ---- Emails ---- */

static int by_id(const void *a, const void *b)
{
	const struct life *x = a, *y = b;
	return x->id != y->id ? (x->id > y->id) - (x->id < y->id) : (x->from > y->from) - (x->from < y->from);
}

static bool read_lives(const struct question *question, struct lives *lives, struct error *error)
{
	enum db_step step;
	struct db_statement *s = PREPARE(question->db, "SELECT message, thread, appeared, modseq FROM vanished WHERE modseq > $1 AND message <> 0", question->since);
	while ((step = db_step(s, error)) == DB_ROW) {
		ARRAY_GROW(lives->at, lives->count, lives->room);
		lives->at[lives->count++] = (struct life){db_number(s, 0), db_number(s, 1), db_number(s, 2), db_number(s, 3)};
	}
	if (lives->count > 1)
		qsort(lives->at, lives->count, sizeof *lives->at, by_id);
	return step == DB_DONE;
}

static bool list_messages(struct db_statement *s, struct candidates *list, struct error *error)
{
	enum db_step step;
	while ((step = db_step(s, error)) == DB_ROW)
		add_candidate(list, (struct candidate){.id = db_number(s, 0)});
	return step == DB_DONE;
}

/* Messages of which a place was altered, made or removed. CROSS JOIN: see found.c. */
static bool list_altered(const struct question *question, struct candidates *list, struct error *error)
{
	int64_t since = question->since;
	return list_messages(PREPARE(question->db, "SELECT p.message FROM mailbox m CROSS JOIN placement p WHERE m.modseq > $1 AND p.mailbox = m.id"
			" AND p.modseq > $1", since), list, error) &&
	       list_messages(PREPARE(question->db, "SELECT e.message FROM mailbox m CROSS JOIN expunged e WHERE m.modseq > $1 AND e.mailbox = m.id"
			" AND e.modseq > $1", since), list, error) &&
	       list_messages(PREPARE(question->db, "SELECT e.message FROM removed_mailbox r CROSS JOIN expunged e WHERE r.modseq > $1 AND e.mailbox = r.id"
			" AND e.modseq > $1", since), list, error);
}

static bool lived_at(int64_t from, int64_t to, int64_t at)
{
	return from != 0 && from <= at && at < to;
}

/* What is known of a message now: since when there is an email of it (0: there is none), and its thread. */
static bool read_message(struct db *db, int64_t id, int64_t *appeared, int64_t *thread, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT appeared, thread FROM message WHERE id = $1", id);
	enum db_step step = db_step(s, error);
	*appeared = step == DB_ROW ? db_number(s, 0) : 0;
	*thread = step == DB_ROW ? db_number(s, 1) : 0;
	db_reset(s);
	return step != DB_FAILED;
}

static size_t first_life(const struct lives *lives, int64_t id)
{
	size_t low = 0, high = lives->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		*(lives->at[middle].id < id ? &low : &high) = lives->at[middle].id < id ? middle + 1 : middle;
	}
	return low;
}

static bool judge_email(const struct question *question, const struct lives *lives, struct candidate *candidate, struct error *error)
{
	int64_t appeared;
	if (!read_message(question->db, candidate->id, &appeared, &candidate->thread, error))
		return false;
	candidate->was = lived_at(appeared, INT64_MAX, question->since);
	candidate->is = lived_at(appeared, INT64_MAX, question->until);
	candidate->noted = appeared > question->since;
	for (size_t i = first_life(lives, candidate->id); i < lives->count && lives->at[i].id == candidate->id; i++) {
		candidate->was |= lived_at(lives->at[i].from, lives->at[i].to, question->since);
		candidate->is |= lived_at(lives->at[i].from, lives->at[i].to, question->until);
		candidate->noted = true;
		candidate->thread = lives->at[i].thread;
	}
	return true;
}

static bool list_emails(const struct question *question, struct lives *lives, struct candidates *list, struct error *error)
{
	if (!read_lives(question, lives, error) || !list_altered(question, list, error))
		return false;
	for (size_t i = 0; i < lives->count; i++)
		add_candidate(list, (struct candidate){.id = lives->at[i].id});
	sort_candidates(list);
	for (size_t i = 0; i < list->count; i++)
		if (!judge_email(question, lives, &list->at[i], error))
			return false;
	return true;
}

static bool changed_emails(const struct question *question, struct candidates *list, struct error *error)
{
	struct lives lives = {0};
	bool done = list_emails(question, &lives, list, error);
	free(lives.at);
	return done;
}

/* ---- Threads: there is one while one of its emails is there ---- */

static bool judge_thread(const struct question *question, struct candidate *candidate, struct error *error)
{
	enum db_step step;
	struct db_statement *s = PREPARE(question->db, "SELECT appeared FROM message WHERE id IN (SELECT message FROM placement WHERE thread = $1)", candidate->id);
	while ((step = db_step(s, error)) == DB_ROW) {
		candidate->was |= lived_at(db_number(s, 0), INT64_MAX, question->since);
		candidate->is |= lived_at(db_number(s, 0), INT64_MAX, question->until);
	}
	return step == DB_DONE;
}

static bool list_threads(const struct question *question, const struct candidates *emails, struct candidates *list, struct error *error)
{
	for (size_t i = 0; i < emails->count; i++)
		if (emails->at[i].noted)
			add_candidate(list, (struct candidate){.id = emails->at[i].thread, .was = emails->at[i].was, .is = emails->at[i].is});
	sort_candidates(list);
	for (size_t i = 0; i < list->count; i++)
		if (!judge_thread(question, &list->at[i], error))
			return false;
	return true;
}

static bool changed_threads(const struct question *question, struct candidates *list, struct error *error)
{
	struct lives lives = {0};
	struct candidates emails = {0};
	bool done = list_emails(question, &lives, &emails, error) && list_threads(question, &emails, list, error);
	free(emails.at);
	free(lives.at);
	return done;
}

/* ---- Mailboxes ---- */

static bool changed_mailboxes(const struct question *question, struct candidates *list, struct error *error)
{
	enum db_step step;
	struct db_statement *s = PREPARE(question->db, "SELECT id, created, noted FROM mailbox WHERE created > $1 OR noted > $1 OR counted > $1", question->since);
	while ((step = db_step(s, error)) == DB_ROW)
		add_candidate(list, (struct candidate){.id = db_number(s, 0), .was = db_number(s, 1) <= question->since,
			.is = db_number(s, 1) <= question->until, .noted = db_number(s, 2) > question->since});
	if (step == DB_FAILED)
		return false;
	s = PREPARE(question->db, "SELECT id, created, modseq FROM removed_mailbox WHERE modseq > $1", question->since);
	while ((step = db_step(s, error)) == DB_ROW)
		add_candidate(list, (struct candidate){.id = db_number(s, 0), .was = lived_at(db_number(s, 1), db_number(s, 2), question->since),
			.is = lived_at(db_number(s, 1), db_number(s, 2), question->until), .noted = true});
	sort_candidates(list);
	return step == DB_DONE;
}

/* ---- Telling ---- */

static void tell(struct changes *changes, const struct candidate *candidate)
{
	if (candidate->was && candidate->is) {
		changes->updated[changes->updated_count++] = candidate->id;
		changes->counts_only &= !candidate->noted;
	} else if (candidate->is) {
		changes->created[changes->created_count++] = candidate->id;
	} else {
		changes->destroyed[changes->destroyed_count++] = candidate->id;
	}
}

static bool is_told(const struct candidate *candidate, const struct changes_point *since)
{
	return (since->until == 0 || candidate->id < since->next) && (candidate->was || candidate->is);
}

/* `ended`: there are no others behind those of the list. */
static void tell_changes(const struct candidates *list, bool ended, const struct changes_point *since, const struct question *question, int64_t now, size_t max,
			 struct arena *arena, struct changes *changes)
{
	size_t told = 0, i = 0, most = list->count < max ? list->count : max;
	changes->created = arena_array(arena, most + 1, sizeof *changes->created);
	changes->updated = arena_array(arena, most + 1, sizeof *changes->updated);
	changes->destroyed = arena_array(arena, most + 1, sizeof *changes->destroyed);
	changes->counts_only = true;
	for (; i < list->count; i++) {
		const struct candidate *candidate = &list->at[i];
		if (!is_told(candidate, since))
			continue;
		if (told++ == max)
			break;
		tell(changes, candidate);
		changes->point.next = candidate->id;
	}
	changes->counts_only &= changes->updated_count > 0;
	bool arrived = ended && i == list->count;
	changes->point = arrived ? (struct changes_point){.since = question->until}
				 : (struct changes_point){question->since, question->until, changes->point.next};
	changes->more = !arrived || question->until < now;
}

/* ---- What is told the next time: what was and is at two moments doesn't change ---- */

struct mail_kept_changes {
	enum mail_kind kind;
	int64_t since, until;
	struct candidates list;      /* the highest first */
	int64_t next;                /* those of lower ids are in it … */
	size_t at;                   /* … and these behind are to be told */
	bool ended;                  /* there are no others */
};

void mail_drop_changes(struct mail_kept_changes **kept)
{
	if (*kept)
		free((*kept)->list.at);
	free(*kept);
	*kept = NULL;
}

/* Of those that haven't been told as many as are kept. */
static void keep_changes(struct mail_kept_changes **kept, enum mail_kind kind, const struct candidates *list, const struct changes *changes)
{
	struct changes_point point = changes->point;
	mail_drop_changes(kept);
	if (point.until == 0)
		return;
	struct mail_kept_changes *new = memory_new(sizeof *new);
	*new = (struct mail_kept_changes){.kind = kind, .since = point.since, .until = point.until, .next = point.next, .ended = true};
	for (size_t i = 0; i < list->count && new->ended; i++) {
		if (!is_told(&list->at[i], &point))
			continue;
		new->ended = new->list.count < KEPT_MOST;
		if (new->ended)
			add_candidate(&new->list, list->at[i]);
	}
	*kept = new;
}

/* False: they aren't kept. */
static bool tell_kept(struct mail_kept_changes **kept, enum mail_kind kind, const struct changes_point *since, const struct question *question, int64_t now, size_t max,
		      struct arena *arena, struct changes *changes)
{
	struct mail_kept_changes *known = *kept;
	if (!known || since->until == 0 || known->kind != kind || known->since != since->since || known->until != since->until)
		return false;
	size_t first = since->next <= known->next ? known->at : SIZE_MAX; /* as a client goes on */
	if (first == SIZE_MAX || (first > 0 && known->list.at[first - 1].id < since->next))
		return false;
	while (first < known->list.count && known->list.at[first].id >= since->next)
		first++;
	struct candidates rest = {.at = known->list.at + first, .count = known->list.count - first};
	if (!known->ended && rest.count <= max)
		return false;
	known->at = first;
	tell_changes(&rest, known->ended, since, question, now, max, arena, changes);
	if (changes->point.until == 0)
		mail_drop_changes(kept);
	return true;
}

typedef bool find_changed(const struct question *question, struct candidates *list, struct error *error);

static bool changes_in(struct db *db, enum mail_kind kind, int64_t now, const struct changes_point *since, size_t max, struct mail_kept_changes **kept, struct arena *arena,
		       struct changes *changes, struct error *error)
{
	static find_changed *const finders[] = {changed_emails, changed_threads, changed_mailboxes};
	struct question question = {db, since->since, since->until != 0 ? since->until : now};
	struct candidates list = {0};
	if (!is_covered(db, since->since, &changes->known, error))
		return false;
	if (since->until != 0 && (since->until <= since->since || since->until > now))
		changes->known = false;
	if (!changes->known)
		return true;
	if (tell_kept(kept, kind, since, &question, now, max, arena, changes))
		return true;
	bool done = question.until <= question.since || finders[kind](&question, &list, error);
	if (done) {
		if (question.until < question.since) /* nothing of this kind has happened since */
			question.until = question.since;
		tell_changes(&list, true, since, &question, now, max, arena, changes);
		keep_changes(kept, kind, &list, changes);
	}
	free(list.at);
	return done;
}

static bool find_changes(struct db *db, enum mail_kind kind, const struct changes_point *since, size_t max, struct mail_kept_changes **kept, struct arena *arena,
			 struct changes *changes, struct error *error)
{
	struct account_states states;
	*changes = (struct changes){0};
	if (!mail_read_states(db, &states, error))
		return false;
	const int64_t now[] = {states.emails, states.threads, states.mailboxes};
	return changes_in(db, kind, now[kind], since, max > 0 ? max : 1, kept, arena, changes, error);
}

bool mail_changes(struct db *db, enum mail_kind kind, const struct changes_point *since, size_t max, struct mail_kept_changes **kept, struct arena *arena,
		  struct changes *changes, struct error *error)
{
	bool done = db_begin_read(db, error) && find_changes(db, kind, since, max, kept, arena, changes, error);
	db_rollback(db);
	return done;
}
