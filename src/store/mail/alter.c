/* Changing an email (RFC 8621 §4.6): what is asked of it is checked whole before anything is altered, so that one that can't be done leaves
 * nothing behind, and others of the same change are made. IMAP's clients see what is done as they see any change: flags change, messages
 * leave mailboxes and appear in others under new UIDs. */
#include "base/memory.h"
#include "store/mail/email.h"

enum { EMAIL_FLAGS = STORED_FLAGS & ~FLAG_DELETED };

struct work {
	struct change *change;
	struct email_change *asked;
	struct arena *arena;
	struct mail_place *places; /* with \Deleted, too */
	size_t count, room, leaving; /* leaving: those that go while the email stays */
	int64_t thread, received;
	uint64_t size;
	int64_t *coming;          /* mailboxes that are to show it and don't */
	size_t coming_count;
	unsigned flags;           /* what it has in those */
	struct slice keywords;
};

static bool is_shown(const struct mail_place *place)
{
	return (place->flags & FLAG_DELETED) == 0;
}

static bool refuse(struct work *work, enum error_kind kind, const char *why)
{
	error_set(&work->asked->error, kind, "%s", why);
	return false;
}

/* ---- Reading ---- */

static bool read_places(struct work *work, struct error *error)
{
	enum db_step step;
	struct db_statement *s = PREPARE(work->change->db, "SELECT mailbox, uid, flags, keywords FROM placement WHERE thread = $1 AND message = $2"
		" ORDER BY mailbox, uid", work->thread, work->asked->id);
	while ((step = db_step(s, error)) == DB_ROW) {
		ARENA_GROW(work->arena, work->places, work->count, work->room);
		work->places[work->count++] = (struct mail_place){.mailbox = db_number(s, 0), .uid = (uint32_t)db_number(s, 1),
			.flags = (unsigned)db_number(s, 2), .keywords = arena_copy(work->arena, db_text(s, 3))};
	}
	return step == DB_DONE;
}

/* *there false: there is no such email; its places say so, since message.appeared doesn't say yet what this change has done. */
static bool read_email(struct work *work, bool *there, struct error *error)
{
	struct db_statement *s = PREPARE(work->change->db, "SELECT thread, size, received FROM message WHERE id = $1", work->asked->id);
	enum db_step step = db_step(s, error);
	if (step == DB_ROW) {
		work->thread = db_number(s, 0);
		work->size = (uint64_t)db_number(s, 1);
		work->received = db_number(s, 2);
	}
	db_reset(s);
	if (step == DB_FAILED || (step == DB_ROW && !read_places(work, error)))
		return false;
	*there = false;
	for (size_t i = 0; i < work->count; i++)
		*there |= is_shown(&work->places[i]);
	return true;
}

/* ---- Checking ---- */

static bool is_listed(const int64_t *list, size_t count, int64_t id)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == id)
			return true;
	return false;
}

static bool is_in(const struct work *work, int64_t mailbox)
{
	for (size_t i = 0; i < work->count; i++)
		if (work->places[i].mailbox == mailbox && is_shown(&work->places[i]))
			return true;
	return false;
}

static bool leaves(const struct email_change *asked, int64_t mailbox)
{
	return asked->set_mailboxes ? !is_listed(asked->add, asked->add_count, mailbox) : is_listed(asked->remove, asked->remove_count, mailbox);
}

/* Is there such a mailbox, into which messages can be put? */
static bool is_mailbox(struct db *db, int64_t id, bool *there, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT 1 FROM mailbox WHERE id = $1 AND selectable = 1", id);
	enum db_step step = db_step(s, error);
	*there = step == DB_ROW;
	db_reset(s);
	return step != DB_FAILED;
}

static bool list_coming(struct work *work, bool *missing, struct error *error)
{
	const struct email_change *asked = work->asked;
	work->coming = arena_array(work->arena, asked->add_count + 1, sizeof *work->coming);
	*missing = false;
	for (size_t i = 0; i < asked->add_count && !*missing; i++) {
		bool there;
		if (is_in(work, asked->add[i]) || leaves(asked, asked->add[i]) || is_listed(work->coming, work->coming_count, asked->add[i]))
			continue;
		if (!is_mailbox(work->change->db, asked->add[i], &there, error))
			return false;
		*missing = !there;
		work->coming[work->coming_count++] = asked->add[i];
	}
	return true;
}

static bool has_quota(const struct work *work)
{
	struct usage usage = change_usage(&work->change->row);
	uint64_t more = work->coming_count > work->leaving ? work->coming_count - work->leaving : 0;
	return more == 0 || ((usage.max_bytes == 0 || usage.bytes + more * (QUOTA_COPY_BYTES + work->keywords.len) <= usage.max_bytes) &&
			     (usage.max_messages == 0 || usage.messages + more <= usage.max_messages));
}

/* In how many mailboxes will it be? */
static size_t count_staying(struct work *work)
{
	size_t staying = work->coming_count;
	int64_t last = 0;
	for (size_t i = 0; i < work->count; i++) {
		const struct mail_place *place = &work->places[i];
		if (!is_shown(place))
			continue;
		bool goes = leaves(work->asked, place->mailbox);
		work->leaving += goes;
		staying += !goes && place->mailbox != last;
		last = place->mailbox;
	}
	return staying;
}

static bool check_mailboxes(struct work *work, bool *fine, struct error *error)
{
	bool missing;
	*fine = false;
	if (!list_coming(work, &missing, error))
		return false;
	size_t staying = count_staying(work);
	work->asked->missing_mailbox = missing;
	work->asked->too_many_mailboxes = work->coming_count > 0 && staying > EMAIL_MAILBOXES_MAX;
	work->asked->over_quota = !has_quota(work);
	if (missing)
		refuse(work, ERROR_NOT_FOUND, "no such mailbox");
	else if (staying == 0)
		refuse(work, ERROR_INVALID, "an email is in one mailbox at least");
	else if (work->asked->too_many_mailboxes)
		refuse(work, ERROR_LIMIT, "too many mailboxes");
	else if (work->asked->over_quota)
		refuse(work, ERROR_LIMIT, "over quota");
	else
		*fine = true;
	return true;
}

/* The keywords that a place with `old` is to have. */
static bool change_words(struct work *work, struct slice old, struct slice *new)
{
	const struct email_change *asked = work->asked;
	struct error *error = &work->asked->error;
	bool done = asked->set_keywords ? mail_change_keywords(old, FLAGS_SET, asked->keywords, work->arena, new, error)
					: mail_change_keywords(old, FLAGS_REMOVE, asked->without_keywords, work->arena, new, error) &&
						  mail_change_keywords(*new, FLAGS_ADD, asked->keywords, work->arena, new, error);
	work->asked->too_many_keywords |= !done && error->kind == ERROR_LIMIT;
	return done;
}

static unsigned change_flags(const struct email_change *asked, unsigned old)
{
	return (asked->set_keywords ? asked->flags : (old & ~asked->without_flags) | asked->flags) & EMAIL_FLAGS;
}

/* What each place is to have, and with it those that are to come. */
static bool check_keywords(struct work *work)
{
	bool first = true;
	for (size_t i = 0; i < work->count; i++) {
		struct mail_place *place = &work->places[i];
		struct slice words;
		unsigned flags = change_flags(work->asked, place->flags);
		if (!is_shown(place))
			continue;
		if (!change_words(work, place->keywords, &words) ||
		    !mail_change_keywords(work->keywords, FLAGS_ADD, words, work->arena, &work->keywords, &work->asked->error))
			return false;
		work->flags = first ? flags : mail_combine_flags(work->flags, flags);
		first = false;
	}
	return true;
}

/* ---- Doing ---- */

static bool set_place(struct work *work, const struct mail_place *place, struct error *error)
{
	struct slice words;
	size_t refused = 0;
	if (!change_words(work, place->keywords, &words))
		return false;
	if (slice_equal(words, place->keywords) && change_flags(work->asked, place->flags) == place->flags)
		return true;
	struct mail_flags request = {place->mailbox, FLAGS_SET, change_flags(work->asked, place->flags), words, -1};
	return mail_store_flags(work->change, &request, &place->uid, 1, NULL, &refused, error);
}

static bool place_in(struct work *work, int64_t mailbox, struct error *error)
{
	struct mail_placement new = {.mailbox = mailbox, .message = work->asked->id, .thread = work->thread, .flags = work->flags,
		.keywords = work->keywords, .size = work->size, .received = work->received};
	work->change->row.copies++;
	return change_place(work->change, &new, error) &&
	       db_run(PREPARE(work->change->db, "UPDATE message SET refs = refs + 1 WHERE id = $1", new.message), error);
}

static bool take_from(struct work *work, const struct mail_place *place, struct error *error)
{
	uint32_t removed;
	size_t count;
	return change_take_out(work->change, place->mailbox, &place->uid, 1, &removed, &count, error);
}

/* It comes before it leaves: so it is never gone. */
static bool alter(struct work *work, struct error *error)
{
	bool done = true;
	for (size_t i = 0; done && i < work->coming_count; i++)
		done = place_in(work, work->coming[i], error);
	for (size_t i = 0; done && i < work->count; i++) {
		const struct mail_place *place = &work->places[i];
		if (is_shown(place))
			done = leaves(work->asked, place->mailbox) ? take_from(work, place, error) : set_place(work, place, error);
	}
	return done && (!work->asked->snooze || change_set_snooze(work->change, work->asked->id, work->asked->snooze, error));
}

static bool destroy(struct work *work, struct error *error)
{
	bool done = true;
	for (size_t i = 0; done && i < work->count; i++)
		done = take_from(work, &work->places[i], error);
	return done;
}

static bool do_work(struct work *work, struct error *error)
{
	bool there, fine;
	if (!read_email(work, &there, error))
		return false;
	if (!there) {
		refuse(work, ERROR_NOT_FOUND, "no such email");
		return true;
	}
	if (work->asked->destroy)
		return work->asked->done = destroy(work, error);
	if (!check_keywords(work))
		return true;
	if (!check_mailboxes(work, &fine, error))
		return false;
	return !fine || (work->asked->done = alter(work, error));
}

bool mail_alter_email(struct change *change, struct email_change *asked, struct error *error)
{
	struct work work = {.change = change, .asked = asked, .arena = arena_new()};
	asked->done = asked->missing_mailbox = asked->over_quota = asked->too_many_mailboxes = asked->too_many_keywords = false;
	asked->error = (struct error){0};
	bool done = do_work(&work, error);
	arena_free(&work.arena);
	return done;
}
