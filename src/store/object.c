/* The door to objects: an account is entered, its rows are asked or changed (mail/object.c), and it is left. */
#include "store/object.h"

#include "store/internal.h"

bool object_list(struct account *account, enum object_kind kind, struct arena *arena, struct object **list, size_t *count, int64_t *state, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_list_objects(account->mail.db, kind, arena, list, count, state, error);
	account_leave(account);
	return done;
}

bool object_get(struct account *account, enum object_kind kind, int64_t id, struct arena *arena, struct object *object, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_get_object(account->mail.db, kind, id, arena, object, error);
	account_leave(account);
	return done;
}

bool object_find(struct account *account, enum object_kind kind, int64_t reference, struct arena *arena, struct object *object, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_find_object(account->mail.db, kind, reference, arena, object, error);
	account_leave(account);
	return done;
}

bool object_state(struct account *account, enum object_kind kind, int64_t *state, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_object_state(account->mail.db, kind, state, error);
	account_leave(account);
	return done;
}

bool object_change(struct account *account, enum object_kind kind, struct object_change *list, size_t count, struct error *error)
{
	struct change change;
	return account_begin(account, NULL, 0, &change, error) && account_end(account, &change, mail_change_objects(&change, kind, list, count, error), error);
}

static bool edit_in(struct change *change, enum object_kind kind, int64_t reference,
		    bool (*edit)(void *context, const struct object *object, struct arena *arena, struct slice *text), void *context, struct error *error)
{
	struct arena *arena = arena_new();
	struct object object;
	struct slice text;
	bool done = mail_find_object(change->db, kind, reference, arena, &object, error);
	if (done && edit(context, &object, arena, &text)) {
		struct object_change one = {.id = object.id, .reference = object.reference, .text = text};
		done = mail_change_objects(change, kind, &one, 1, error) && (one.done || error_set(error, one.error.kind, "%s", one.error.text));
	}
	arena_free(&arena);
	return done;
}

bool object_edit(struct account *account, enum object_kind kind, int64_t reference,
		 bool (*edit)(void *context, const struct object *object, struct arena *arena, struct slice *text), void *context, struct error *error)
{
	return object_edit_either(account, kind, kind, reference, edit, context, error);
}

bool object_edit_either(struct account *account, enum object_kind first, enum object_kind second, int64_t reference,
			bool (*edit)(void *context, const struct object *object, struct arena *arena, struct slice *text), void *context, struct error *error)
{
	struct change change;
	struct error missed = {0};
	if (!account_begin(account, NULL, 0, &change, error))
		return false;
	bool done = edit_in(&change, first, reference, edit, context, &missed);
	if (!done && missed.kind == ERROR_NOT_FOUND && second != first)
		done = edit_in(&change, second, reference, edit, context, &missed);
	if (!done)
		error_set(error, missed.kind, "%s", missed.text);
	return account_end(account, &change, done, error);
}

static bool move_in(struct change *change, enum object_kind from, enum object_kind to, int64_t reference, int64_t *id, struct error *error)
{
	struct arena *arena = arena_new();
	struct object object;
	struct error missed = {0};
	bool done = mail_find_object(change->db, from, reference, arena, &object, &missed);
	if (done) {
		struct object_change made = {.reference = reference, .text = object.text}, gone = {.id = object.id, .destroy = true};
		done = mail_change_objects(change, to, &made, 1, error) && (made.done || error_set(error, made.error.kind, "%s", made.error.text)) &&
		       mail_change_objects(change, from, &gone, 1, error);
		*id = made.id;
	} else {
		done = missed.kind == ERROR_NOT_FOUND ? mail_find_object(change->db, to, reference, arena, &object, error) : error_set(error, missed.kind, "%s", missed.text);
		*id = done ? object.id : 0;
	}
	arena_free(&arena);
	return done;
}

bool object_move(struct account *account, enum object_kind from, enum object_kind to, int64_t reference, int64_t *id, struct error *error)
{
	struct change change;
	return account_begin(account, NULL, 0, &change, error) && account_end(account, &change, move_in(&change, from, to, reference, id, error), error);
}

bool object_changes(struct account *account, enum object_kind kind, const struct changes_point *since, size_t max, struct arena *arena, struct changes *changes,
		    struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_object_changes(account->mail.db, kind, since, max, arena, changes, error);
	account_leave(account);
	return done;
}
