/* The door to what is said for who doesn't read his mail. A file "vacation" in the account's folder says that there may be something to say: so a
 * delivery to anybody else opens no database for it. It is made in the transaction that makes it necessary, and goes in one that sees that it isn't: a crash
 * leaves one too many at most. */
#include "store/vacation.h"

#include "store/internal.h"

static const char mark[] = "vacation";

static bool keep_in(struct account *account, struct change *change, struct slice text, bool wanted, struct error *error)
{
	struct object_change one = {.id = VACATION_ID, .reference = wanted, .text = text};
	return (!wanted || account_make_mark(account, mark, error)) && mail_change_objects(change, OBJECT_VACATION, &one, 1, error) &&
	       (one.done || error_set(error, one.error.kind, "%s", one.error.text)) && mail_forget_told(change->db, error);
}

/* While nobody can change it: is it still so that nothing is to be said? */
static void remove_mark(struct account *account)
{
	struct change change;
	struct error error;
	struct object object;
	struct arena *arena = arena_new();
	if (account_begin_looking(account, &change, &error)) {
		bool known = mail_get_object(change.db, OBJECT_VACATION, VACATION_ID, arena, &object, &error);
		if (known && object.reference == 0)
			account_remove_mark(account, mark);
		account_end(account, &change, false, &error);
	}
	arena_free(&arena);
}

bool vacation_keep(struct account *account, struct slice text, bool wanted, struct error *error)
{
	struct change change;
	bool done = account_begin(account, NULL, 0, &change, error) && account_end(account, &change, keep_in(account, &change, text, wanted, error), error);
	if (done && !wanted)
		remove_mark(account);
	return done;
}

bool store_has_vacation(const struct store *store, struct slice account)
{
	return store_has_mark(store, account, mark);
}

bool vacation_find(struct account *account, struct arena *arena, struct slice *text, struct error *error)
{
	struct object object;
	if (!object_get(account, OBJECT_VACATION, VACATION_ID, arena, &object, error))
		return false;
	*text = object.text;
	return true;
}

bool vacation_claim(struct account *account, struct slice sender, int64_t message, int64_t since, bool *claimed, struct error *error)
{
	*claimed = false;
	if (!account_enter(account, error))
		return false;
	bool done = mail_claim_told(account->mail.db, sender, message, since, VACATION_TOLD_MAX, claimed, error);
	account_leave(account);
	return done;
}
