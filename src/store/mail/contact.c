/* Cards (contact.h): their rows, the address books they are in, their photos, and what all of it takes. */
#include "store/mail/internal.h"

bool mail_contact_number(struct db_statement *row, int64_t *number, struct error *error)
{
	enum db_step step = db_step(row, error);
	*number = step == DB_ROW ? db_number(row, 0) : 0;
	db_reset(row);
	return step != DB_FAILED;
}

/* ---- Reading ---- */

static bool read_books(struct db *db, struct arena *arena, struct contact *contact, struct error *error)
{
	struct db_statement *rows = PREPARE(db, "SELECT book FROM contact_place WHERE card = $1 ORDER BY book", contact->id);
	int64_t *list = NULL;
	size_t room = 0;
	enum db_step step;
	while ((step = db_step(rows, error)) == DB_ROW) {
		ARENA_GROW(arena, list, contact->book_count, room);
		list[contact->book_count++] = db_number(rows, 0);
	}
	contact->books = list;
	return step == DB_DONE;
}

static bool read_one(struct db *db, int64_t id, struct arena *arena, struct contact *contact, struct error *error)
{
	*contact = (struct contact){0};
	struct db_statement *row = PREPARE(db, "SELECT text FROM object WHERE kind = $1 AND id = $2", OBJECT_CARD, id);
	enum db_step step = db_step(row, error);
	if (step == DB_ROW)
		*contact = (struct contact){.id = id, .text = arena_copy(arena, db_text(row, 0))};
	db_reset(row);
	return step != DB_FAILED && (step == DB_DONE || read_books(db, arena, contact, error));
}

static bool get_all(struct db *db, const int64_t *ids, size_t count, struct arena *arena, struct contact *list, struct error *error)
{
	for (size_t i = 0; i < count; i++)
		if (!read_one(db, ids[i], arena, &list[i], error))
			return false;
	return true;
}

bool mail_get_contacts(struct db *db, const int64_t *ids, size_t count, struct arena *arena, struct contact *list, int64_t *state, struct error *error)
{
	bool done = db_begin_read(db, error) && get_all(db, ids, count, arena, list, error) && mail_object_state(db, OBJECT_CARD, state, error);
	db_rollback(db);
	return done;
}

static bool list_texts(struct db *db, int64_t after, size_t bytes, struct arena *arena, struct contact **list, size_t *count, bool *more, struct error *error)
{
	struct db_statement *rows = PREPARE(db, "SELECT id, text FROM object WHERE kind = $1 AND id > $2 ORDER BY id", OBJECT_CARD, after);
	size_t room = 0, used = 0;
	enum db_step step;
	*more = false;
	while ((step = db_step(rows, error)) == DB_ROW) {
		*more = used >= bytes;
		if (*more)
			break;
		ARENA_GROW(arena, *list, *count, room);
		(*list)[(*count)++] = (struct contact){.id = db_number(rows, 0), .text = arena_copy(arena, db_text(rows, 1))};
		used += db_text(rows, 1).len + 1;
	}
	db_reset(rows);
	return step != DB_FAILED;
}

static bool list_some(struct db *db, int64_t after, size_t bytes, struct arena *arena, struct contact **list, size_t *count, bool *more, struct error *error)
{
	*list = NULL;
	*count = 0;
	if (!list_texts(db, after, bytes, arena, list, count, more, error))
		return false;
	for (size_t i = 0; i < *count; i++)
		if (!read_books(db, arena, &(*list)[i], error))
			return false;
	return true;
}

bool mail_list_contacts(struct db *db, int64_t after, size_t bytes, struct arena *arena, struct contact **list, size_t *count, bool *more, int64_t *state,
			struct error *error)
{
	bool done = db_begin_read(db, error) && list_some(db, after, bytes, arena, list, count, more, error) && mail_object_state(db, OBJECT_CARD, state, error);
	db_rollback(db);
	return done;
}

bool mail_find_photo(struct db *db, struct slice hash, struct arena *arena, struct contact_photo *photo, struct error *error)
{
	struct db_statement *row = db_prepare(db, "SELECT type, bytes FROM contact_photo WHERE hash = $1 LIMIT 1");
	db_bind_text(row, 1, hash);
	enum db_step step = db_step(row, error);
	if (step == DB_ROW)
		*photo = (struct contact_photo){arena_copy(arena, hash), arena_copy(arena, db_text(row, 0)), arena_copy(arena, db_blob(row, 1))};
	db_reset(row);
	return step == DB_ROW || (step == DB_DONE && error_set(error, ERROR_NOT_FOUND, "there is no such photo"));
}

/* ---- Room ---- */

bool mail_count_contact_bytes(struct db *db, int64_t *bytes, struct error *error)
{
	return mail_contact_number(db_prepare(db, "SELECT bytes FROM contact_numbers"), bytes, error);
}

static bool has_room(struct change *change, int64_t grown, struct error *error)
{
	int64_t all;
	struct usage usage = change_usage(&change->row);
	if (!mail_count_contact_bytes(change->db, &all, error))
		return false;
	if (grown > 0 && (all + grown > CONTACT_BYTES_MAX || (usage.max_bytes > 0 && usage.bytes + (uint64_t)grown > usage.max_bytes)))
		return error_set(error, ERROR_LIMIT, "there is no room for it");
	return true;
}

/* Notes how much a card takes now, its photos included. */
static bool note_size(struct change *change, int64_t id, int64_t text, struct error *error)
{
	int64_t before, now;
	if (!mail_contact_number(PREPARE(change->db, "SELECT bytes FROM contact_size WHERE card = $1", id), &before, error) ||
	    !mail_contact_number(PREPARE(change->db, "SELECT COALESCE(sum(size), 0) FROM contact_photo WHERE card = $1", id), &now, error))
		return false;
	now += text;
	if (!has_room(change, now - before, error))
		return false;
	change->row.contact_bytes += now - before;
	return db_run(PREPARE(change->db, "INSERT INTO contact_size (card, bytes) VALUES ($1, $2) ON CONFLICT (card) DO UPDATE SET bytes = $2", id, now), error) &&
	       db_run(PREPARE(change->db, "UPDATE contact_numbers SET bytes = bytes + $1", now - before), error);
}

/* ---- Changing ---- */

static bool keep_photos(struct change *change, const struct contact_change *one, struct error *error)
{
	struct db *db = change->db;
	if (!db_run(PREPARE(db, "UPDATE contact_photo SET wanted = 0 WHERE card = $1", one->id), error))
		return false;
	for (size_t i = 0; i < one->photo_count; i++) {
		const struct contact_photo *photo = &one->photos[i];
		struct db_statement *keep = PREPARE(db, "UPDATE contact_photo SET wanted = 1 WHERE card = $1 AND hash = $2", one->id);
		db_bind_text(keep, 2, photo->hash);
		if (!db_run(keep, error))
			return false;
		if (db_changes(db) > 0 || !photo->bytes.at)
			continue;
		struct db_statement *add = PREPARE(db, "INSERT INTO contact_photo (id, card, size, wanted, hash, type, bytes) VALUES ($1, $2, $3, 1, $4, $5, $6)",
			change_next_id(change), one->id, (int64_t)photo->bytes.len);
		db_bind_text(add, 4, photo->hash);
		db_bind_text(add, 5, photo->type);
		db_bind_blob(add, 6, photo->bytes);
		if (!db_run(add, error))
			return false;
	}
	return db_run(PREPARE(db, "DELETE FROM contact_photo WHERE card = $1 AND wanted = 0", one->id), error);
}

static bool keep_books(struct change *change, const struct contact_change *one, struct error *error)
{
	if (!db_run(PREPARE(change->db, "DELETE FROM contact_place WHERE card = $1", one->id), error))
		return false;
	for (size_t i = 0; i < one->book_count; i++) {
		int64_t there;
		if (!mail_contact_number(PREPARE(change->db, "SELECT count(*) FROM object WHERE kind = $1 AND id = $2", OBJECT_ADDRESS_BOOK, one->books[i]), &there, error))
			return false;
		if (there == 0)
			return error_set(error, ERROR_INVALID, "there is no such address book");
		if (!db_run(PREPARE(change->db, "INSERT INTO contact_place (card, book) VALUES ($1, $2)", one->id, one->books[i]), error))
			return false;
	}
	return true;
}

static bool is_free(struct change *change, const struct contact_change *one, struct error *error)
{
	int64_t others;
	if (!mail_contact_number(PREPARE(change->db, "SELECT count(*) FROM object WHERE kind = $1 AND reference = $2 AND reference <> 0 AND id <> $3", OBJECT_CARD,
					 one->reference, one->id), &others, error))
		return false;
	return others == 0 || error_set(error, ERROR_EXISTS, "another card has this uid");
}

/* Is it still what it was? */
static bool is_as_before(struct change *change, const struct contact_change *one, struct error *error)
{
	struct contact now;
	struct arena *arena = arena_new();
	const struct contact *before = one->before;
	bool done = one->id == 0 || read_one(change->db, one->id, arena, &now, error);
	if (done && one->id != 0 && now.id == 0)
		done = error_set(error, ERROR_NOT_FOUND, "there is no such card");
	else if (done && one->id != 0 && before)
		done = (slice_equal(now.text, before->text) && now.book_count == before->book_count &&
			memcmp(now.books, before->books, now.book_count * sizeof *now.books) == 0) ||
		       error_set(error, ERROR_INTERRUPTED, "it has been changed meanwhile");
	arena_free(&arena);
	return done;
}

bool mail_put_contact(struct change *change, struct contact_change *one, struct error *error)
{
	struct object_change object = {.id = one->id, .reference = one->reference, .text = one->text};
	if (!is_as_before(change, one, error) || !is_free(change, one, error) || !mail_change_objects(change, OBJECT_CARD, &object, 1, error))
		return false;
	if (!object.done)
		return error_set(error, object.error.kind, "%s", object.error.text);
	bool new = one->id == 0;
	one->id = object.id;
	bool done = keep_books(change, one, error) && keep_photos(change, one, error) && note_size(change, one->id, (int64_t)one->text.len, error);
	if (!done && new)
		one->id = 0;
	return done;
}

bool mail_remove_contact(struct change *change, int64_t id, struct error *error)
{
	struct object_change object = {.id = id, .destroy = true};
	if (!mail_change_objects(change, OBJECT_CARD, &object, 1, error))
		return false;
	if (!object.done)
		return error_set(error, object.error.kind, "%s", object.error.text);
	return db_run(PREPARE(change->db, "DELETE FROM contact_place WHERE card = $1", id), error) &&
	       db_run(PREPARE(change->db, "DELETE FROM contact_photo WHERE card = $1", id), error) && note_size(change, id, 0, error) &&
	       db_run(PREPARE(change->db, "DELETE FROM contact_size WHERE card = $1", id), error);
}
