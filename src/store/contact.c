/* The door to contacts: an account is entered, its rows are asked or changed (mail/contact.c), and it is left. */
#include "store/contact.h"

#include "store/internal.h"

bool contact_get(struct account *account, const int64_t *ids, size_t count, struct arena *arena, struct contact *list, int64_t *state, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_get_contacts(account->mail.db, ids, count, arena, list, state, error);
	account_leave(account);
	return done;
}

bool contact_list(struct account *account, int64_t after, size_t bytes, struct arena *arena, struct contact **list, size_t *count, bool *more, int64_t *state,
		  struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_list_contacts(account->mail.db, after, bytes, arena, list, count, more, state, error);
	account_leave(account);
	return done;
}

bool contact_put(struct account *account, struct contact_change *one, struct error *error)
{
	struct change change;
	return account_begin(account, NULL, 0, &change, error) && account_end(account, &change, mail_put_contact(&change, one, error), error);
}

bool contact_remove(struct account *account, int64_t id, struct error *error)
{
	struct change change;
	return account_begin(account, NULL, 0, &change, error) && account_end(account, &change, mail_remove_contact(&change, id, error), error);
}

bool contact_find_photo(struct account *account, struct slice hash, struct arena *arena, struct contact_photo *photo, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_find_photo(account->mail.db, hash, arena, photo, error);
	account_leave(account);
	return done;
}

bool contact_put_book(struct account *account, struct contact_book_change *one, struct error *error)
{
	struct change change;
	return account_begin(account, NULL, 0, &change, error) && account_end(account, &change, mail_put_book(&change, one, error), error);
}

bool contact_remove_book(struct account *account, int64_t id, bool contents, struct error *error)
{
	struct change change;
	return account_begin(account, NULL, 0, &change, error) && account_end(account, &change, mail_remove_book(&change, id, contents, error), error);
}

bool contact_choose_book(struct account *account, int64_t id, struct error *error)
{
	struct change change;
	return account_begin(account, NULL, 0, &change, error) && account_end(account, &change, mail_choose_book(&change, id, error), error);
}
