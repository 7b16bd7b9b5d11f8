/* Mailboxes: listing, finding, making, removing, renaming, subscribing. A level below another exists only by its name,
 * so renaming a branch rewrites the names below it. UIDVALIDITYs rise through the whole account: a name that is used again
 * has a new one. What gives a UIDVALIDITY is a durable transaction. */
#include "base/array.h"
#include "base/map.h"
#include "store/mail/internal.h"

#define MAILBOX_COLUMNS \
	"m.id, m.name, m.special_use, m.selectable, m.uidvalidity, m.uidnext, m.modseq, m.messages, m.unseen, m.recent, m.bytes," \
	" m.deleted, s.name IS NOT NULL, m.emails, m.unread_emails, m.threads, m.unread_threads, m.sort_order, m.recent_from"
#define MAILBOX_TABLES " FROM mailbox m LEFT JOIN subscription s ON s.name = m.name "

static void read_mailbox(struct db_statement *s, struct arena *arena, struct mailbox *mailbox)
{
	*mailbox = (struct mailbox){
		.id = db_number(s, 0), .name = arena_copy(arena, db_text(s, 1)), .use = (enum special_use)db_number(s, 2),
		.selectable = db_number(s, 3) != 0, .uidvalidity = (uint32_t)db_number(s, 4), .uidnext = (uint32_t)db_number(s, 5),
		.modseq = db_number(s, 6), .messages = (uint32_t)db_number(s, 7), .unseen = (uint32_t)db_number(s, 8),
		.recent = (uint32_t)db_number(s, 9), .bytes = (uint64_t)db_number(s, 10), .deleted = (uint32_t)db_number(s, 11),
		.subscribed = db_number(s, 12) != 0, .emails = (uint32_t)db_number(s, 13), .unread_emails = (uint32_t)db_number(s, 14),
		.threads = (uint32_t)db_number(s, 15), .unread_threads = (uint32_t)db_number(s, 16), .sort_order = (uint32_t)db_number(s, 17),
		.recent_from = (uint32_t)db_number(s, 18),
	};
}

static bool count_rows(struct db *db, const char *sql, size_t *count, struct error *error)
{
	struct db_statement *s = db_prepare(db, sql);
	enum db_step step = db_step(s, error);
	*count = step == DB_ROW ? (size_t)db_number(s, 0) : 0;
	db_reset(s);
	return step == DB_ROW;
}

/* ---- Finding ---- */

static bool list_rows(struct db *db, struct arena *arena, struct mailbox **list, size_t *count, struct error *error)
{
	size_t room;
	if (!count_rows(db, "SELECT count(*) FROM mailbox", &room, error))
		return false;
	*list = arena_array(arena, room, sizeof **list);
	*count = 0;
	struct db_statement *s = db_prepare(db, "SELECT " MAILBOX_COLUMNS MAILBOX_TABLES
		"ORDER BY CASE WHEN m.name = 'INBOX' THEN 0 ELSE 1 END, m.name");
	enum db_step step;
	while ((step = db_step(s, error)) == DB_ROW && *count < room)
		read_mailbox(s, arena, &(*list)[(*count)++]);
	db_reset(s);
	return step != DB_FAILED;
}

/* The mailbox above is there, with the levels that end before the last '/'. */
static struct slice name_above(struct slice name)
{
	size_t end = slice_find_last_char(name, '/');
	return slice_sub(name, 0, end == SLICE_NONE ? 0 : end);
}

static void find_parents(struct mailbox *list, size_t count)
{
	struct map *by_name = map_new();
	for (size_t i = 0; i < count; i++)
		map_put(by_name, list[i].name, &list[i]);
	for (size_t i = 0; i < count; i++) {
		const struct mailbox *above = map_get(by_name, name_above(list[i].name));
		list[i].parent = above ? above->id : 0;
	}
	map_free(&by_name);
}

static bool read_one(struct db_statement *s, struct arena *arena, struct mailbox *mailbox, struct error *error)
{
	enum db_step step = db_step(s, error);
	if (step == DB_ROW)
		read_mailbox(s, arena, mailbox);
	db_reset(s);
	return step == DB_ROW || (step == DB_DONE && error_set(error, ERROR_NOT_FOUND, "no such mailbox"));
}

/* Of a mailbox. id 0: there is none. */
struct found { int64_t id; bool selectable; };

static bool look_up(struct db *db, struct slice name, struct found *found, struct error *error)
{
	struct db_statement *s = db_prepare(db, "SELECT id, selectable FROM mailbox WHERE name = $1");
	db_bind_text(s, 1, name);
	enum db_step step = db_step(s, error);
	*found = step == DB_ROW ? (struct found){db_number(s, 0), db_number(s, 1) != 0} : (struct found){0};
	db_reset(s);
	return step != DB_FAILED;
}

bool mail_list_mailboxes(struct db *db, struct arena *arena, struct mailbox **list, size_t *count, struct error *error)
{
	bool done = db_begin_read(db, error) && list_rows(db, arena, list, count, error);
	db_rollback(db);
	if (done)
		find_parents(*list, *count);
	return done;
}

bool mail_find_mailbox(struct db *db, struct slice name, struct arena *arena, struct mailbox *mailbox, struct error *error)
{
	struct db_statement *s = db_prepare(db, "SELECT " MAILBOX_COLUMNS MAILBOX_TABLES "WHERE m.name = $1");
	db_bind_text(s, 1, name);
	return read_one(s, arena, mailbox, error);
}

bool mail_get_mailbox(struct db *db, int64_t id, struct arena *arena, struct mailbox *mailbox, struct error *error)
{
	struct found above;
	if (!read_one(PREPARE(db, "SELECT " MAILBOX_COLUMNS MAILBOX_TABLES "WHERE m.id = $1", id), arena, mailbox, error) ||
	    !look_up(db, name_above(mailbox->name), &above, error))
		return false;
	mailbox->parent = above.id;
	return true;
}

/* The names below `name` are those from "name/" up to, not including, "name0": '0' follows '/'. */
static void bind_below(struct db_statement *s, int index, struct slice name, struct mailbox_name bounds[2])
{
	for (int i = 0; i < 2; i++) {
		memcpy(bounds[i].at, name.at, name.len);
		bounds[i].at[name.len] = (char)('/' + i);
		bounds[i].len = name.len + 1;
		db_bind_text(s, index + i, mailbox_name_slice(&bounds[i]));
	}
}

bool mail_has_children(struct db *db, struct slice name, bool *has, struct error *error)
{
	struct mailbox_name bounds[2];
	struct db_statement *s = db_prepare(db, "SELECT 1 FROM mailbox WHERE name >= $1 AND name < $2 LIMIT 1");
	bind_below(s, 1, name, bounds);
	enum db_step step = db_step(s, error);
	*has = step == DB_ROW;
	db_reset(s);
	return step != DB_FAILED;
}

/* ---- Making ---- */

static bool below_mailbox_limit(struct db *db, struct error *error)
{
	size_t count;
	if (!count_rows(db, "SELECT count(*) FROM mailbox", &count, error))
		return false;
	return count < MAILBOXES_MAX || error_set(error, ERROR_LIMIT, "an account has at most %d mailboxes", MAILBOXES_MAX);
}

static bool add_mailbox(struct change *change, struct slice name, enum special_use use, int64_t *id, struct error *error)
{
	change->mailboxes = true;
	return below_mailbox_limit(change->db, error) &&
	       mail_add_mailbox(change->db, name, use, change_modseq(change), &change->row.uidvalidity, id, error);
}

/* RFC 3501 §6.3.3: the levels above are made, too. */
static bool add_levels_above(struct change *change, struct slice name, struct error *error)
{
	for (size_t i = 1; i < name.len; i++) {
		struct found found;
		int64_t id;
		if (name.at[i] != '/')
			continue;
		if (!look_up(change->db, slice_sub(name, 0, i), &found, error))
			return false;
		if (found.id == 0 && !add_mailbox(change, slice_sub(name, 0, i), USE_NONE, &id, error))
			return false;
	}
	return true;
}

/* That there was one, and until when, is remembered, as what was expunged from it is. */
static bool forget_mailbox(struct change *change, int64_t id, struct error *error)
{
	change->mailboxes = true;
	return db_run(PREPARE(change->db, "INSERT INTO removed_mailbox (id, modseq, created) SELECT id, CAST($2 AS BIGINT), created FROM mailbox WHERE id = $1",
			id, change_modseq(change)), error) &&
	       db_run(PREPARE(change->db, "DELETE FROM mailbox WHERE id = $1", id), error);
}

/* What is said of the mailboxes below changes, too. */
static bool note_below(struct change *change, struct slice name, struct error *error)
{
	struct mailbox_name bounds[2];
	struct db_statement *s = db_prepare(change->db, "UPDATE mailbox SET noted = $3 WHERE name >= $1 AND name < $2");
	bind_below(s, 1, name, bounds);
	db_bind_number(s, 3, change_modseq(change));
	return db_run(s, error);
}

static bool create_in(struct change *change, struct slice name, enum special_use use, int64_t *id, struct error *error)
{
	struct found found;
	if (!look_up(change->db, name, &found, error))
		return false;
	if (found.selectable)
		return error_set(error, ERROR_EXISTS, "the mailbox exists");
	/* a name that was left for its children becomes another mailbox than the one it was, and they are below another */
	if (found.id != 0 && (!forget_mailbox(change, found.id, error) || !note_below(change, name, error)))
		return false;
	return add_levels_above(change, name, error) && add_mailbox(change, name, USE_NONE, id, error) &&
	       (use == USE_NONE || mail_give_use(change, *id, use, error));
}

bool mail_create_mailbox(struct change *change, struct slice name, enum special_use use, int64_t *id, struct error *error)
{
	return create_in(change, name, use, id, error);
}

bool mail_give_use(struct change *change, int64_t id, enum special_use use, struct error *error)
{
	int64_t trash, before, snoozed = change->row.snoozed;
	change->mailboxes = true;
	bool done = change_settle(change, error) && mail_find_trash(change->db, &before, error) &&
	       db_run(PREPARE(change->db, "UPDATE mailbox SET special_use = CASE WHEN id = $1 THEN $2 ELSE $3 END, modseq = $4, noted = $4"
		      " WHERE id = $1 OR (special_use = $2 AND special_use <> $3)", id, use, USE_NONE, change_modseq(change)), error) &&
	       mail_find_trash(change->db, &trash, error) &&
	       (trash == before || mail_recount(change, true, NULL, error)); /* what is in the trash counts otherwise */
	return done && ((use != USE_SNOOZED && id != snoozed) || change_sleeping_place(change, error));
}

bool mail_set_use(struct change *change, struct slice name, enum special_use use, struct error *error)
{
	struct found found;
	return look_up(change->db, name, &found, error) &&
	       (found.selectable || error_set(error, ERROR_NOT_FOUND, "no such mailbox")) && mail_give_use(change, found.id, use, error);
}

/* ---- Removing ---- */

struct shown { int64_t message, times; };

/* The messages of a mailbox, each with how often it shows it. */
static bool shown_messages(struct db *db, int64_t mailbox, struct arena *arena, struct shown **list, size_t *count, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT message, count(*) FROM placement WHERE mailbox = $1 GROUP BY message", mailbox);
	size_t room = 0;
	enum db_step step;
	*count = 0;
	*list = NULL;
	while ((step = db_step(s, error)) == DB_ROW) {
		ARENA_GROW(arena, *list, *count, room);
		(*list)[(*count)++] = (struct shown){db_number(s, 0), db_number(s, 1)};
	}
	return step == DB_DONE;
}

/* All that the mailbox shows. */
static bool log_expunged(struct change *change, int64_t mailbox, struct error *error)
{
	return db_run(PREPARE(change->db, "INSERT INTO expunged (mailbox, modseq, uid, message) SELECT mailbox, $2, uid, message FROM placement"
			" WHERE mailbox = $1", mailbox, change_modseq(change)), error);
}

static bool empty_mailbox(struct change *change, int64_t mailbox, struct error *error)
{
	struct arena *arena = arena_new();
	struct shown *list;
	size_t count;
	bool done = change_touch_mailbox(change, mailbox, error) && shown_messages(change->db, mailbox, arena, &list, &count, error);
	for (size_t i = 0; done && i < count; i++)
		done = change_drop_refs(change, list[i].message, list[i].times, error);
	arena_free(&arena);
	return done && log_expunged(change, mailbox, error) &&
	       db_run(PREPARE(change->db, "DELETE FROM placement WHERE mailbox = $1", mailbox), error);
}

static bool remove_mailbox(struct change *change, const struct found *found, bool keep_name, struct error *error)
{
	if (!empty_mailbox(change, found->id, error))
		return false;
	if (!keep_name)
		return forget_mailbox(change, found->id, error);
	change->mailboxes = true;
	return db_run(PREPARE(change->db, "UPDATE mailbox SET selectable = 0, special_use = 0, messages = 0, unseen = 0, deleted = 0,"
		" recent = 0, bytes = 0, keyword_bytes = 0, modseq = $2, noted = $2 WHERE id = $1", found->id, change_modseq(change)), error);
}

/* RFC 3501 §6.3.4. */
bool mail_delete_mailbox(struct change *change, struct slice name, struct error *error)
{
	struct found found;
	bool children;
	if (slice_equal(name, SLICE("INBOX")))
		return error_set(error, ERROR_DENIED, "INBOX cannot be removed");
	if (!look_up(change->db, name, &found, error) || !mail_has_children(change->db, name, &children, error))
		return false;
	if (found.id == 0)
		return error_set(error, ERROR_NOT_FOUND, "no such mailbox");
	if (!found.selectable && children)
		return error_set(error, ERROR_DENIED, "there are mailboxes below it");
	return remove_mailbox(change, &found, children, error) && change_count_copies(change->db, &change->row, error);
}

/* ---- Renaming ---- */

static bool rename_row(struct change *change, int64_t id, struct slice name, struct error *error)
{
	change->mailboxes = true;
	struct db_statement *s = PREPARE(change->db, "UPDATE mailbox SET modseq = $2, noted = $2, name = $3 WHERE id = $1", id, change_modseq(change));
	db_bind_text(s, 3, name);
	return db_run(s, error);
}

struct branch { int64_t *ids; struct slice *names; size_t count; };

static bool read_branch(struct db *db, struct slice from, struct arena *arena, struct branch *branch, struct error *error)
{
	struct mailbox_name bounds[2];
	size_t room;
	if (!count_rows(db, "SELECT count(*) FROM mailbox", &room, error))
		return false;
	branch->ids = arena_array(arena, room, sizeof *branch->ids);
	branch->names = arena_array(arena, room, sizeof *branch->names);
	branch->count = 0;
	struct db_statement *s = db_prepare(db, "SELECT id, name FROM mailbox WHERE name >= $1 AND name < $2");
	bind_below(s, 1, from, bounds);
	enum db_step step;
	while ((step = db_step(s, error)) == DB_ROW && branch->count < room) {
		branch->ids[branch->count] = db_number(s, 0);
		branch->names[branch->count++] = arena_copy(arena, db_text(s, 1));
	}
	db_reset(s);
	return step != DB_FAILED;
}

static bool rename_branch(struct change *change, struct slice from, struct slice to, struct arena *arena, struct error *error)
{
	struct branch branch;
	struct mailbox_name checked;
	if (!read_branch(change->db, from, arena, &branch, error))
		return false;
	for (size_t i = 0; i < branch.count; i++) {
		struct slice name = arena_printf(arena, "%.*s%.*s", SLICE_ARG(to), SLICE_ARG(slice_skip(branch.names[i], from.len)));
		if (!mailbox_name_check(name, &checked, error) || !rename_row(change, branch.ids[i], name, error))
			return false;
	}
	return true;
}

static bool rename_in(struct change *change, struct slice from, struct slice to, struct arena *arena, struct error *error)
{
	struct found source, target;
	if (!look_up(change->db, from, &source, error) || !look_up(change->db, to, &target, error))
		return false;
	if (source.id == 0)
		return error_set(error, ERROR_NOT_FOUND, "no such mailbox");
	if (target.id != 0)
		return error_set(error, ERROR_EXISTS, "a mailbox has that name");
	if (to.len > from.len && slice_starts(to, from) && to.at[from.len] == '/')
		return error_set(error, ERROR_INVALID, "a mailbox cannot move below itself");
	return add_levels_above(change, to, error) && rename_row(change, source.id, to, error) &&
	       rename_branch(change, from, to, arena, error);
}

/* RFC 3501 §6.3.5: INBOX stays, empty; its messages appear in the new mailbox. They keep their UIDs there: that mailbox
 * never had others, and INBOX keeps counting where it stands. */
static bool rename_inbox(struct change *change, struct slice to, struct error *error)
{
	struct found inbox, target;
	int64_t id;
	if (!look_up(change->db, SLICE("INBOX"), &inbox, error) || !look_up(change->db, to, &target, error))
		return false;
	if (target.id != 0)
		return error_set(error, ERROR_EXISTS, "a mailbox has that name");
	int64_t modseq = change_modseq(change);
	return create_in(change, to, USE_NONE, &id, error) &&
	       change_touch_mailbox(change, inbox.id, error) && log_expunged(change, inbox.id, error) &&
	       db_run(PREPARE(change->db, "UPDATE placement SET mailbox = $2, modseq = $3 WHERE mailbox = $1", inbox.id, id, modseq), error) &&
	       db_run(PREPARE(change->db, "UPDATE mailbox SET (uidnext, uid_ceiling, messages, unseen, deleted, bytes, recent, recent_from, keyword_bytes) ="
			" (SELECT uidnext, uid_ceiling, messages, unseen, deleted, bytes, recent, recent_from, keyword_bytes FROM mailbox WHERE id = $1)"
			" WHERE id = $2", inbox.id, id), error) &&
	       db_run(PREPARE(change->db, "UPDATE mailbox SET messages = 0, unseen = 0, deleted = 0, bytes = 0, recent = 0, keyword_bytes = 0, modseq = $2"
			" WHERE id = $1", inbox.id, modseq), error);
}

bool mail_rename_mailbox(struct change *change, struct slice from, struct slice to, struct error *error)
{
	struct arena *arena = arena_new();
	bool done = slice_equal(from, SLICE("INBOX")) ? rename_inbox(change, to, error) : rename_in(change, from, to, arena, error);
	arena_free(&arena);
	return done;
}

/* ---- Subscribing ---- */

static bool subscription_limit(struct db *db, struct error *error)
{
	size_t count;
	if (!count_rows(db, "SELECT count(*) FROM subscription", &count, error))
		return false;
	return count < MAILBOXES_MAX || error_set(error, ERROR_LIMIT, "at most %d subscriptions", MAILBOXES_MAX);
}

static bool note_subscription(struct change *change, struct slice name, struct error *error)
{
	struct db_statement *s = PREPARE(change->db, "UPDATE mailbox SET noted = $1 WHERE name = $2", change_modseq(change));
	db_bind_text(s, 2, name);
	change->mailboxes = true;
	return db_run(s, error);
}

bool mail_subscribe(struct change *change, struct slice name, bool subscribed, struct error *error)
{
	struct db_statement *s = db_prepare(change->db, subscribed ? "INSERT INTO subscription (name) VALUES ($1) ON CONFLICT DO NOTHING"
								   : "DELETE FROM subscription WHERE name = $1");
	db_bind_text(s, 1, name);
	bool done = (!subscribed || subscription_limit(change->db, error)) && db_run(s, error);
	if (done && db_changes(change->db) > 0)
		done = note_subscription(change, name, error);
	return done;
}

bool mail_list_subscriptions_in(struct db *db, struct arena *arena, struct slice **names, size_t *count, struct error *error)
{
	size_t room;
	*count = 0;
	if (!count_rows(db, "SELECT count(*) FROM subscription", &room, error))
		return false;
	*names = arena_array(arena, room, sizeof **names);
	struct db_statement *s = db_prepare(db, "SELECT name FROM subscription ORDER BY name");
	enum db_step step;
	while ((step = db_step(s, error)) == DB_ROW && *count < room)
		(*names)[(*count)++] = arena_copy(arena, db_text(s, 0));
	db_reset(s);
	return step != DB_FAILED;
}

bool mail_list_subscriptions(struct db *db, struct arena *arena, struct slice **names, size_t *count, struct error *error)
{
	bool done = db_begin_read(db, error) && mail_list_subscriptions_in(db, arena, names, count, error);
	db_rollback(db);
	return done;
}
