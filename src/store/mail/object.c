/* Objects (object.h): their rows, and what was destroyed, for clients that come back. */
#include "store/mail/internal.h"

enum { GONE_KEPT = 10000 /* destroyed ones that are remembered, of a kind */ };

static void read_row(struct db_statement *row, struct arena *arena, struct object *object)
{
	*object = (struct object){.id = db_number(row, 0), .created = db_number(row, 1), .reference = db_number(row, 2), .text = arena_copy(arena, db_text(row, 3))};
}

static bool read_number(struct db_statement *row, int64_t *number, struct error *error)
{
	enum db_step step = db_step(row, error);
	*number = step == DB_ROW ? db_number(row, 0) : 0;
	db_reset(row);
	return step != DB_FAILED;
}

static bool read_floor(struct db *db, int64_t *floor, struct error *error)
{
	return read_number(db_prepare(db, "SELECT floor FROM object_log"), floor, error);
}

bool mail_object_state(struct db *db, enum object_kind kind, int64_t *state, struct error *error)
{
	int64_t floor, changed, gone;
	if (!read_floor(db, &floor, error) ||
	    !read_number(PREPARE(db, "SELECT COALESCE(MAX(modseq), 0) FROM object WHERE kind = $1", kind), &changed, error) ||
	    !read_number(PREPARE(db, "SELECT COALESCE(MAX(modseq), 0) FROM object_gone WHERE kind = $1", kind), &gone, error))
		return false;
	*state = changed > gone ? changed : gone;
	*state = *state > floor ? *state : floor;
	return true;
}

static bool list_all(struct db *db, enum object_kind kind, struct arena *arena, struct object **list, size_t *count, struct error *error)
{
	struct db_statement *rows = PREPARE(db, "SELECT id, created, reference, text FROM object WHERE kind = $1 ORDER BY id LIMIT $2", kind, OBJECTS_MAX);
	size_t room = 0;
	enum db_step step;
	*list = NULL;
	*count = 0;
	while ((step = db_step(rows, error)) == DB_ROW) {
		ARENA_GROW(arena, *list, *count, room);
		read_row(rows, arena, &(*list)[(*count)++]);
	}
	return step == DB_DONE;
}

bool mail_list_objects(struct db *db, enum object_kind kind, struct arena *arena, struct object **list, size_t *count, int64_t *state, struct error *error)
{
	bool done = db_begin_read(db, error) && list_all(db, kind, arena, list, count, error) && mail_object_state(db, kind, state, error);
	db_rollback(db);
	return done;
}

/* ERROR_NOT_FOUND. */
static bool read_one(struct db_statement *row, struct arena *arena, struct object *object, struct error *error)
{
	enum db_step step = db_step(row, error);
	if (step == DB_ROW)
		read_row(row, arena, object);
	db_reset(row);
	return step == DB_ROW || (step == DB_DONE && error_set(error, ERROR_NOT_FOUND, "there is no such object"));
}

bool mail_get_object(struct db *db, enum object_kind kind, int64_t id, struct arena *arena, struct object *object, struct error *error)
{
	return read_one(PREPARE(db, "SELECT id, created, reference, text FROM object WHERE kind = $1 AND id = $2", kind, id), arena, object, error);
}

bool mail_find_object(struct db *db, enum object_kind kind, int64_t reference, struct arena *arena, struct object *object, struct error *error)
{
	return read_one(PREPARE(db, "SELECT id, created, reference, text FROM object WHERE kind = $1 AND reference = $2 AND reference <> 0", kind, reference), arena, object, error);
}

/* ---- Changing ---- */

static int64_t most_of(enum object_kind kind)
{
	return kind == OBJECT_CARD ? CONTACTS_MAX : kind == OBJECT_ADDRESS_BOOK ? CONTACT_BOOKS_MAX : OBJECTS_MAX;
}

bool mail_count_objects(struct db *db, enum object_kind kind, int64_t *count, struct error *error)
{
	return read_number(PREPARE(db, "SELECT COUNT(*) FROM object WHERE kind = $1", kind), count, error);
}

static bool has_room(struct db *db, enum object_kind kind, bool *room, struct error *error)
{
	int64_t count;
	if (!mail_count_objects(db, kind, &count, error))
		return false;
	*room = count < most_of(kind);
	return true;
}

static bool insert(struct change *change, enum object_kind kind, struct object_change *one, struct error *error)
{
	bool room;
	if (!has_room(change->db, kind, &room, error))
		return false;
	if (!room) {
		error_set(&one->error, ERROR_LIMIT, "there are too many of its kind");
		return true;
	}
	if (one->id == 0)
		one->id = change_next_id(change);
	int64_t modseq = change_modseq(change);
	struct db_statement *row = PREPARE(change->db, "INSERT INTO object (kind, id, created, made, modseq, reference, text) VALUES ($1, $2, $3, $4, $4, $5, $6)",
		kind, one->id, change->now, modseq, one->reference);
	db_bind_text(row, 6, one->text);
	one->done = db_run(row, error);
	return one->done;
}

static bool destroy(struct change *change, enum object_kind kind, struct object_change *one, struct error *error)
{
	struct db_statement *removal = PREPARE(change->db, "DELETE FROM object WHERE kind = $1 AND id = $2 RETURNING made", kind, one->id);
	int64_t made;
	if (!read_number(removal, &made, error))
		return false;
	one->done = made != 0;
	if (!one->done)
		error_set(&one->error, ERROR_NOT_FOUND, "there is no such object");
	return !one->done || db_run(PREPARE(change->db, "INSERT INTO object_gone (kind, modseq, id, made) VALUES ($1, $2, $3, $4)", kind, change_modseq(change), one->id, made), error);
}

static bool update(struct change *change, enum object_kind kind, struct object_change *one, struct error *error)
{
	struct db_statement *row = PREPARE(change->db, "UPDATE object SET modseq = $3, reference = $4, text = $5 WHERE kind = $1 AND id = $2",
		kind, one->id, change->row.modseq + (change->modseq == 0), one->reference); /* the change's mod-sequence, which it only takes if there is such an object */
	db_bind_text(row, 5, one->text);
	if (!db_run(row, error))
		return false;
	one->done = db_changes(change->db) > 0;
	if (one->done)
		change_modseq(change);
	else if (one->id < OBJECT_ID_CHOSEN)
		return insert(change, kind, one, error);
	else
		error_set(&one->error, ERROR_NOT_FOUND, "there is no such object");
	return true;
}

bool mail_shorten_gone(struct change *change, enum object_kind kind, struct error *error)
{
	int64_t last;
	if (!read_number(PREPARE(change->db, "SELECT modseq FROM object_gone WHERE kind = $1 ORDER BY modseq DESC, id DESC LIMIT 1 OFFSET $2", kind, GONE_KEPT), &last, error))
		return false;
	return last == 0 || (db_run(PREPARE(change->db, "UPDATE object_log SET floor = $1 WHERE floor < $1", last), error) &&
			     db_run(PREPARE(change->db, "DELETE FROM object_gone WHERE kind = $1 AND modseq <= $2", kind, last), error));
}

bool mail_change_objects(struct change *change, enum object_kind kind, struct object_change *list, size_t count, struct error *error)
{
	bool any = false, done = true;
	for (size_t i = 0; done && i < count; i++) {
		struct object_change *one = &list[i];
		one->done = false;
		one->error = (struct error){0};
		any |= one->destroy;
		if (one->text.len > OBJECT_TEXT_MAX)
			error_set(&one->error, ERROR_LIMIT, "it is too large");
		else
			done = one->destroy ? destroy(change, kind, one, error) : one->id == 0 ? insert(change, kind, one, error) : update(change, kind, one, error);
	}
	return done && (!any || mail_shorten_gone(change, kind, error));
}

/* ---- What has changed ---- */

struct found { int64_t id, made, modseq; bool gone; };

static bool find_changed(struct db *db, enum object_kind kind, int64_t since, struct arena *arena, struct found **list, size_t *count, struct error *error)
{
	struct db_statement *rows = PREPARE(db, "SELECT id, made, modseq, 0 FROM object WHERE kind = $1 AND modseq > $2"
		" UNION ALL SELECT id, made, modseq, 1 FROM object_gone WHERE kind = $1 AND modseq > $2 ORDER BY 1 DESC", kind, since);
	size_t room = 0;
	enum db_step step;
	while ((step = db_step(rows, error)) == DB_ROW) {
		ARENA_GROW(arena, *list, *count, room);
		(*list)[(*count)++] = (struct found){db_number(rows, 0), db_number(rows, 1), db_number(rows, 2), db_number(rows, 3) != 0};
	}
	return step == DB_DONE;
}

/* Which of the lists it belongs to for a client that knows `since` and is on its way to `until`; NULL: none. What was changed after `until` comes later. */
static int64_t *list_of(struct changes *changes, const struct found *found, int64_t since, int64_t until, size_t **count)
{
	bool known = found->made <= since, in_time = found->modseq <= until;
	if (found->gone) {
		*count = &changes->destroyed_count;
		return known && in_time ? changes->destroyed : NULL;
	}
	*count = known ? &changes->updated_count : &changes->created_count;
	return known ? (in_time ? changes->updated : NULL) : found->made <= until ? changes->created : NULL;
}

static void share_out(struct changes *changes, const struct found *list, size_t count, const struct changes_point *point, int64_t until, size_t max)
{
	size_t told = 0;
	int64_t last = 0;
	for (size_t i = 0; i < count && !changes->more; i++) {
		size_t *number;
		int64_t *into = list_of(changes, &list[i], point->since, until, &number);
		if (!into || (point->until != 0 && list[i].id >= point->next))
			continue;
		changes->more = told == max;
		if (changes->more)
			break;
		into[(*number)++] = last = list[i].id;
		told++;
	}
	changes->point = changes->more ? (struct changes_point){point->since, until, last} : (struct changes_point){until, 0, 0};
}

static bool changes_since(struct db *db, enum object_kind kind, const struct changes_point *since, size_t max, struct arena *arena, struct changes *changes,
			 struct error *error)
{
	struct found *list = NULL;
	size_t count = 0;
	int64_t floor, state;
	*changes = (struct changes){0};
	if (!read_floor(db, &floor, error) || !mail_object_state(db, kind, &state, error))
		return false;
	int64_t until = since->until != 0 ? since->until : state;
	changes->known = since->since >= floor && since->since <= until && until <= state;
	if (!changes->known)
		return true;
	if (!find_changed(db, kind, since->since, arena, &list, &count, error))
		return false;
	changes->created = arena_array(arena, count + 1, sizeof(int64_t));
	changes->updated = arena_array(arena, count + 1, sizeof(int64_t));
	changes->destroyed = arena_array(arena, count + 1, sizeof(int64_t));
	share_out(changes, list, count, since, until, max);
	if (until < state) /* of what has changed meanwhile it hears next */
		changes->more = true;
	return true;
}

bool mail_object_changes(struct db *db, enum object_kind kind, const struct changes_point *since, size_t max, struct arena *arena, struct changes *changes,
			 struct error *error)
{
	bool done = db_begin_read(db, error) && changes_since(db, kind, since, max, arena, changes, error);
	db_rollback(db);
	return done;
}

/* A database that goes on with other numbers doesn't know what was told before. */
bool mail_renew_objects(struct db *db, int64_t modseq, struct error *error)
{
	return db_run(PREPARE(db, "UPDATE object_log SET floor = $1", modseq), error) && db_run(db_prepare(db, "DELETE FROM object_gone"), error);
}
