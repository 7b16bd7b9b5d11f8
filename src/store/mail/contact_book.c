/* Address books (contact.h): one of them is the default, and what becomes of the cards in one that is removed. */
#include "store/mail/internal.h"

static bool read_book(struct db *db, int64_t id, struct arena *arena, struct object *book, struct error *error)
{
	return mail_get_object(db, OBJECT_ADDRESS_BOOK, id, arena, book, error);
}

static bool is_first(struct db *db, bool *first, struct error *error)
{
	int64_t count;
	bool done = mail_contact_number(PREPARE(db, "SELECT count(*) FROM object WHERE kind = $1 AND reference = 1", OBJECT_ADDRESS_BOOK), &count, error);
	*first = count == 0;
	return done;
}

static bool change_book(struct change *change, struct contact_book_change *one, int64_t reference, struct error *error)
{
	struct object_change object = {.id = one->id, .reference = reference, .text = one->text};
	if (!mail_change_objects(change, OBJECT_ADDRESS_BOOK, &object, 1, error))
		return false;
	one->id = object.id;
	return object.done || error_set(error, object.error.kind, "%s", object.error.text);
}

static bool alter_book(struct change *change, struct contact_book_change *one, struct error *error)
{
	struct object book;
	struct arena *arena = arena_new();
	bool done = read_book(change->db, one->id, arena, &book, error) &&
		    (slice_equal(book.text, one->before) || error_set(error, ERROR_INTERRUPTED, "it has been changed meanwhile")) &&
		    change_book(change, one, book.reference, error);
	arena_free(&arena);
	return done;
}

bool mail_put_book(struct change *change, struct contact_book_change *one, struct error *error)
{
	bool first;
	if (one->id != 0)
		return alter_book(change, one, error);
	return is_first(change->db, &first, error) && change_book(change, one, first, error);
}

/* ---- The default ---- */

static bool give_reference(struct change *change, int64_t id, int64_t reference, struct error *error)
{
	return db_run(PREPARE(change->db, "UPDATE object SET reference = $3, modseq = $4 WHERE kind = $1 AND id = $2", OBJECT_ADDRESS_BOOK, id, reference,
			      change_modseq(change)), error);
}

bool mail_choose_book(struct change *change, int64_t id, struct error *error)
{
	struct object book;
	struct arena *arena = arena_new();
	int64_t before;
	bool done = read_book(change->db, id, arena, &book, error) &&
		    mail_contact_number(PREPARE(change->db, "SELECT id FROM object WHERE kind = $1 AND reference = 1", OBJECT_ADDRESS_BOOK), &before, error);
	if (done && before != id)
		done = (before == 0 || give_reference(change, before, 0, error)) && give_reference(change, id, 1, error);
	arena_free(&arena);
	return done;
}

static bool choose_another(struct change *change, struct error *error)
{
	bool none;
	int64_t id;
	if (!is_first(change->db, &none, error) ||
	    !mail_contact_number(PREPARE(change->db, "SELECT COALESCE(min(id), 0) FROM object WHERE kind = $1", OBJECT_ADDRESS_BOOK), &id, error))
		return false;
	return !none || id == 0 || give_reference(change, id, 1, error);
}

/* ---- Removing ---- */

/* Cards that are in this address book and in no other. */
#define ALONE "(SELECT p.card FROM contact_place p WHERE p.book = $1 AND NOT EXISTS" \
	" (SELECT 1 FROM contact_place q WHERE q.card = p.card AND q.book <> $1))"

static bool remove_alone(struct change *change, int64_t id, struct error *error)
{
	struct db *db = change->db;
	int64_t bytes;
	if (!mail_contact_number(PREPARE(db, "SELECT COALESCE(sum(bytes), 0) FROM contact_size WHERE card IN " ALONE, id), &bytes, error))
		return false;
	change->row.contact_bytes -= bytes;
	return db_run(PREPARE(db, "UPDATE contact_numbers SET bytes = bytes - $1", bytes), error) &&
	       db_run(PREPARE(db, "INSERT INTO object_gone (kind, modseq, id, made) SELECT kind, $2, id, made FROM object WHERE kind = $3 AND id IN " ALONE, id,
			      change_modseq(change), OBJECT_CARD), error) &&
	       db_run(PREPARE(db, "DELETE FROM contact_size WHERE card IN " ALONE, id), error) &&
	       db_run(PREPARE(db, "DELETE FROM contact_photo WHERE card IN " ALONE, id), error) &&
	       db_run(PREPARE(db, "DELETE FROM object WHERE kind = $2 AND id IN " ALONE, id, OBJECT_CARD), error) && mail_shorten_gone(change, OBJECT_CARD, error);
}

static bool empty_book(struct change *change, int64_t id, struct error *error)
{
	return remove_alone(change, id, error) &&
	       db_run(PREPARE(change->db, "UPDATE object SET modseq = $2 WHERE kind = $3 AND id IN (SELECT card FROM contact_place WHERE book = $1)", id,
			      change_modseq(change), OBJECT_CARD), error) &&
	       db_run(PREPARE(change->db, "DELETE FROM contact_place WHERE book = $1", id), error);
}

bool mail_remove_book(struct change *change, int64_t id, bool contents, struct error *error)
{
	struct object_change object = {.id = id, .destroy = true};
	int64_t cards;
	if (!mail_contact_number(PREPARE(change->db, "SELECT count(*) FROM contact_place WHERE book = $1", id), &cards, error))
		return false;
	if (cards > 0 && !contents)
		return error_set(error, ERROR_EXISTS, "there are cards in it");
	if ((cards > 0 && !empty_book(change, id, error)) || !mail_change_objects(change, OBJECT_ADDRESS_BOOK, &object, 1, error))
		return false;
	if (!object.done)
		return error_set(error, object.error.kind, "%s", object.error.text);
	return choose_another(change, error);
}
