/* Reading emails: messages with all their places (struct email in terms.h), by ids, of a mailbox, in order. */
#include "base/map.h"
#include "message/summary.h"
#include "store/mail/email.h"

enum { FOUND_MOST = 100 }; /* threads that are looked through for a message id */

/* ---- Putting an email together from its places ---- */

void email_maker_begin(struct email_maker *maker, struct arena *arena)
{
	*maker = (struct email_maker){arena, map_new(), map_new()};
}

void email_maker_end(struct email_maker *maker)
{
	map_free(&maker->keywords);
	map_free(&maker->mailboxes);
}

struct slice email_maker_keywords(struct email_maker *maker, struct slice text)
{
	if (slice_empty(text))
		return slice_make(NULL, 0);
	struct slice *known = map_get(maker->keywords, text);
	if (!known) {
		known = arena_alloc(maker->arena, sizeof *known);
		char *lower = arena_text(maker->arena, text);
		for (size_t i = 0; i < text.len; i++)
			lower[i] = ascii_lower(lower[i]);
		*known = slice_make(lower, text.len);
		map_put(maker->keywords, text, known);
	}
	return *known;
}

static const int64_t *shared_mailbox(struct email_maker *maker, int64_t mailbox)
{
	struct slice key = slice_make((const char *)&mailbox, sizeof mailbox);
	if (maker->last_mailbox && *maker->last_mailbox == mailbox)
		return maker->last_mailbox;
	int64_t *known = map_get(maker->mailboxes, key);
	if (!known) {
		known = arena_alloc(maker->arena, sizeof *known);
		*known = mailbox;
		map_put(maker->mailboxes, key, known);
	}
	return maker->last_mailbox = known;
}

/* The place is another of the email's; mailboxes stay in order. */
static bool add_mailbox(struct email_maker *maker, struct email *email, int64_t mailbox)
{
	uint32_t at = 0;
	while (at < email->mailbox_count && email->mailboxes[at] < mailbox)
		at++;
	if (at < email->mailbox_count && email->mailboxes[at] == mailbox)
		return false;
	int64_t *list = arena_array(maker->arena, email->mailbox_count + 1u, sizeof *list);
	memcpy(list, email->mailboxes, at * sizeof *list);
	list[at] = mailbox;
	memcpy(list + at + 1, email->mailboxes + at, (email->mailbox_count - at) * sizeof *list);
	email->mailboxes = list;
	email->mailbox_count++;
	return true;
}

static void add_keywords(struct email_maker *maker, struct email *email, struct slice more)
{
	struct slice together;
	if (slice_empty(more) || slice_equal(more, email->keywords))
		return;
	if (mail_change_keywords(email->keywords, FLAGS_ADD, more, maker->arena, &together, NULL)) /* together there may be too many */
		email->keywords = together;
}

void email_maker_add(struct email_maker *maker, struct email *email, const struct mail_place *place)
{
	if (email->mailbox_count == 0) {
		email->flags = place->flags;
		email->keywords = email_maker_keywords(maker, place->keywords);
		email->mailboxes = shared_mailbox(maker, place->mailbox);
		email->mailbox_count = 1;
		return;
	}
	add_mailbox(maker, email, place->mailbox);
	email->flags = mail_combine_flags(email->flags, place->flags);
	add_keywords(maker, email, email_maker_keywords(maker, place->keywords));
}

/* ---- By ids ---- */

/* All places of a message; those with \Deleted aren't places of an email. */
static bool read_places(struct db *db, struct email_maker *maker, struct email *email, struct error *error)
{
	enum db_step step;
	struct db_statement *s = PREPARE(db, "SELECT mailbox, flags, keywords FROM placement WHERE thread = $1 AND message = $2 ORDER BY mailbox, uid",
		email->thread, email->id);
	while ((step = db_step(s, error)) == DB_ROW) {
		struct mail_place place = {.mailbox = db_number(s, 0), .flags = (unsigned)db_number(s, 1), .keywords = db_text(s, 2)};
		if ((place.flags & FLAG_DELETED) == 0)
			email_maker_add(maker, email, &place);
	}
	return step == DB_DONE;
}

static bool read_email(struct db *db, struct email_maker *maker, int64_t id, bool summary, struct email *email, struct error *error)
{
	struct db_statement *s = PREPARE(db, summary ? "SELECT thread, received, size, summary FROM message WHERE id = $1 AND appeared <> 0"
						     : "SELECT thread, received, size FROM message WHERE id = $1 AND appeared <> 0", id);
	enum db_step step = db_step(s, error);
	*email = (struct email){0};
	if (step == DB_ROW) {
		*email = (struct email){.id = id, .thread = db_number(s, 0), .received = db_number(s, 1), .size = (uint64_t)db_number(s, 2)};
		if (summary)
			email->summary = arena_copy(maker->arena, db_blob(s, 3));
	}
	db_reset(s);
	if (step == DB_FAILED || (email->id != 0 && !read_places(db, maker, email, error)))
		return false;
	if (email->mailbox_count == 0)
		email->id = 0;
	return true;
}

static bool read_emails(struct db *db, const int64_t *ids, size_t count, bool summary, struct arena *arena, struct email *list, struct error *error)
{
	struct email_maker maker;
	bool done = true;
	email_maker_begin(&maker, arena);
	for (size_t i = 0; done && i < count; i++)
		done = read_email(db, &maker, ids[i], summary, &list[i], error);
	email_maker_end(&maker);
	return done;
}

bool mail_read_states(struct db *db, struct account_states *states, struct error *error)
{
	struct mail_row row;
	if (!states)
		return true;
	if (!change_read_row(db, &row, error))
		return false;
	*states = (struct account_states){row.email_modseq, row.thread_modseq, row.mailbox_modseq, (uint64_t)row.emails, (uint64_t)row.threads, row.delivery_modseq};
	return true;
}

bool mail_get_emails(struct db *db, const int64_t *ids, size_t count, enum message_wanted wanted, struct arena *arena, struct email **list,
		     struct account_states *states, struct error *error)
{
	*list = arena_array(arena, count + 1, sizeof **list);
	bool done = db_begin_read(db, error) && mail_read_states(db, states, error) &&
		    read_emails(db, ids, count, wanted & MESSAGE_SUMMARY, arena, *list, error);
	db_rollback(db);
	return done;
}

/* ---- All of a mailbox, or of the account ---- */

/* Rows as they come; those of a message follow each other once they are sorted. */
struct gathered { struct email *at; size_t count, room; };

static int compare_emails(const void *a, const void *b)
{
	const struct email *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

static void gather(struct gathered *list, struct email_maker *maker, struct db_statement *s)
{
	struct mail_place place = {.mailbox = db_number(s, 4), .flags = (unsigned)db_number(s, 5), .keywords = db_text(s, 6)};
	struct email *last = list->count > 0 ? &list->at[list->count - 1] : NULL;
	if (place.flags & FLAG_DELETED)
		return;
	if (last && last->id == db_number(s, 0)) {
		email_maker_add(maker, last, &place);
		return;
	}
	ARRAY_GROW(list->at, list->count, list->room);
	struct email *email = &list->at[list->count++];
	*email = (struct email){.id = db_number(s, 0), .thread = db_number(s, 1), .received = db_number(s, 2), .size = (uint64_t)db_number(s, 3)};
	email_maker_add(maker, email, &place);
}

static void merge_email(struct email_maker *maker, struct email *email, const struct email *other)
{
	for (uint32_t i = 0; i < other->mailbox_count; i++)
		add_mailbox(maker, email, other->mailboxes[i]);
	email->flags = mail_combine_flags(email->flags, other->flags);
	add_keywords(maker, email, other->keywords);
}

/* Sorts by id, and makes one email of those that are the same. */
static void merge_gathered(struct gathered *list, struct email_maker *maker)
{
	size_t out = 0;
	bool sorted = true;
	for (size_t i = 1; i < list->count && sorted; i++)
		sorted = list->at[i - 1].id < list->at[i].id;
	if (sorted)
		return;
	qsort(list->at, list->count, sizeof *list->at, compare_emails);
	for (size_t i = 1; i < list->count; i++)
		if (list->at[i].id == list->at[out].id)
			merge_email(maker, &list->at[out], &list->at[i]);
		else
			list->at[++out] = list->at[i];
	list->count = out + 1;
}

static bool gather_rows(struct db *db, int64_t mailbox, struct email_maker *maker, struct gathered *list, struct error *error)
{
	enum db_step step;
	struct db_statement *s = mailbox == 0
		? db_prepare(db, "SELECT message, thread, received, size, mailbox, flags, keywords FROM placement")
		: PREPARE(db, "SELECT message, thread, received, size, mailbox, flags, keywords FROM placement WHERE mailbox = $1 ORDER BY uid", mailbox);
	while ((step = db_step(s, error)) == DB_ROW)
		gather(list, maker, s);
	merge_gathered(list, maker);
	return step == DB_DONE;
}

/* Messages that have several places, ascending: few, and found by their index. */
bool mail_list_copied(struct db *db, struct mail_ids *ids, struct error *error)
{
	enum db_step step;
	struct db_statement *s = db_prepare(db, "SELECT id FROM message WHERE refs > 1 ORDER BY id");
	while ((step = db_step(s, error)) == DB_ROW)
		mail_ids_add(ids, db_number(s, 0));
	return step == DB_DONE;
}

bool email_maker_complete(struct db *db, struct email_maker *maker, struct email *email, struct error *error)
{
	email->mailbox_count = 0;
	return read_places(db, maker, email, error);
}

/* Those of a mailbox that are in others, too, are read whole. */
static bool complete_copied(struct db *db, struct email_maker *maker, struct gathered *list, struct error *error)
{
	struct mail_ids copied = {0};
	bool done = mail_list_copied(db, &copied, error);
	for (size_t i = 0, k = 0; done && i < copied.count && k < list->count;) {
		if (copied.at[i] == list->at[k].id)
			done = email_maker_complete(db, maker, &list->at[k], error);
		int64_t id = list->at[k].id;
		k += id <= copied.at[i];
		i += copied.at[i] <= id;
	}
	mail_ids_free(&copied);
	return done;
}

static bool list_emails(struct db *db, int64_t mailbox, struct arena *arena, struct email **list, size_t *count, struct error *error)
{
	struct email_maker maker;
	struct gathered gathered = {0};
	email_maker_begin(&maker, arena);
	bool done = gather_rows(db, mailbox, &maker, &gathered, error) && (mailbox == 0 || complete_copied(db, &maker, &gathered, error));
	*count = done ? gathered.count : 0;
	*list = arena_array(arena, *count + 1, sizeof **list);
	if (*count > 0)
		memcpy(*list, gathered.at, *count * sizeof **list);
	free(gathered.at);
	email_maker_end(&maker);
	return done;
}

bool mail_list_emails(struct db *db, int64_t mailbox, struct arena *arena, struct email **list, size_t *count, struct account_states *states,
		      struct error *error)
{
	bool done = db_begin_read(db, error) && mail_read_states(db, states, error) && list_emails(db, mailbox, arena, list, count, error);
	db_rollback(db);
	return done;
}

/* ---- Threads ---- */

struct member { int64_t received, id; };

static int compare_members(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	return x->received != y->received ? (x->received > y->received) - (x->received < y->received) : (x->id > y->id) - (x->id < y->id);
}

static bool read_members(struct db *db, int64_t thread, struct member **members, size_t *count, size_t *room, struct error *error)
{
	enum db_step step;
	struct db_statement *s = PREPARE(db, "SELECT DISTINCT message, received FROM placement WHERE thread = $1 AND (flags & 8) = 0", thread);
	*count = 0;
	while ((step = db_step(s, error)) == DB_ROW) {
		ARRAY_GROW(*members, *count, *room);
		(*members)[(*count)++] = (struct member){db_number(s, 1), db_number(s, 0)};
	}
	if (*count > 1)
		qsort(*members, *count, sizeof **members, compare_members);
	return step == DB_DONE;
}

static bool read_threads(struct db *db, const int64_t *ids, size_t count, struct arena *arena, struct thread *list, struct error *error)
{
	struct member *members = NULL;
	size_t found, room = 0;
	bool done = true;
	for (size_t i = 0; done && i < count; i++) {
		done = read_members(db, ids[i], &members, &found, &room, error);
		int64_t *emails = arena_array(arena, found + 1, sizeof *emails);
		for (size_t k = 0; k < found; k++)
			emails[k] = members[k].id;
		list[i] = (struct thread){ids[i], emails, found};
	}
	free(members);
	return done;
}

bool mail_get_threads(struct db *db, const int64_t *ids, size_t count, struct arena *arena, struct thread **list, struct account_states *states,
		      struct error *error)
{
	*list = arena_array(arena, count + 1, sizeof **list);
	bool done = db_begin_read(db, error) && mail_read_states(db, states, error) && read_threads(db, ids, count, arena, *list, error);
	db_rollback(db);
	return done;
}

/* ---- By Message-ID ---- */

static bool threads_of(struct db *db, struct slice message_id, struct mail_ids *threads, struct error *error)
{
	enum db_step step;
	struct db_statement *s = PREPARE(db, "SELECT DISTINCT thread FROM thread_key WHERE id = $1 LIMIT $2", mail_message_id_key(message_id), FOUND_MOST);
	while ((step = db_step(s, error)) == DB_ROW)
		mail_ids_add(threads, db_number(s, 0));
	return step == DB_DONE;
}

static bool has_message_id(struct slice summary, struct slice message_id, struct arena *arena)
{
	const struct mime_part *root = summary_decode(summary, arena);
	return root && slice_equal(mail_message_id(root->envelope), slice_trim(message_id));
}

static bool find_in_thread(struct db *db, int64_t thread, struct slice message_id, struct mail_ids *found, struct error *error)
{
	enum db_step step;
	struct arena *arena = arena_new();
	struct db_statement *s = PREPARE(db, "SELECT id, summary FROM message WHERE appeared <> 0 AND id IN (SELECT message FROM placement WHERE thread = $1)"
		" ORDER BY id", thread);
	while ((step = db_step(s, error)) == DB_ROW) {
		if (has_message_id(db_blob(s, 1), message_id, arena))
			mail_ids_add(found, db_number(s, 0));
		arena_reset(arena);
	}
	arena_free(&arena);
	return step == DB_DONE;
}

bool mail_find_email(struct db *db, struct slice message_id, struct arena *arena, int64_t **ids, size_t *count, struct error *error)
{
	struct mail_ids threads = {0}, found = {0};
	bool done = db_begin_read(db, error) && threads_of(db, message_id, &threads, error);
	for (size_t i = 0; done && i < threads.count; i++)
		done = find_in_thread(db, threads.at[i], message_id, &found, error);
	db_rollback(db);
	*count = done ? found.count : 0;
	*ids = arena_array(arena, *count + 1, sizeof **ids);
	if (*count > 0)
		memcpy(*ids, found.at, *count * sizeof **ids);
	mail_ids_free(&threads);
	mail_ids_free(&found);
	return done;
}
