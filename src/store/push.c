/* The door to push subscriptions. A file "push" in the account's folder says that there may be some: so whoever serves them knows at its start whose accounts
 * to look into, and opens no other. It is made before the first, and goes while nobody can add one: a crash leaves one too many at most. */
#include "store/push.h"

#include "store/internal.h"

static const char mark[] = "push";

static bool is_added(const struct object_change *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].id == 0)
			return true;
	return false;
}

bool push_change(struct account *account, struct object_change *list, size_t count, struct error *error)
{
	struct change change;
	return account_begin(account, NULL, 0, &change, error) &&
	       account_end(account, &change, (!is_added(list, count) || account_make_mark(account, mark, error)) && mail_change_objects(&change, OBJECT_PUSH, list, count, error), error);
}

bool store_has_push(const struct store *store, struct slice account)
{
	return store_has_mark(store, account, mark);
}

void push_forget(struct account *account)
{
	struct change change;
	struct error error;
	int64_t count;
	if (!account_begin_looking(account, &change, &error))
		return;
	if (mail_count_objects(change.db, OBJECT_PUSH, &count, &error) && count == 0)
		account_remove_mark(account, mark);
	account_end(account, &change, false, &error);
}
