/* The door to push subscriptions. A file "push" in the account's folder says that there may be some: so whoever serves them knows at its start whose accounts
 * to look into, and opens no other. It is made before the first, and goes while nobody can add one: a crash leaves one too many at most. */
#include "store/push.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/internal.h"

static const char mark[] = "push";

static bool make_mark(const struct account *account, struct error *error)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/%s", account->folder, mark) >= (int)sizeof path)
		return error_set(error, ERROR_INVALID, "path too long");
	int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set_errno(error, errno, "making %s", path);
	close(fd);
	return true;
}

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
	       account_end(account, &change, (!is_added(list, count) || make_mark(account, error)) && mail_change_objects(&change, OBJECT_PUSH, list, count, error), error);
}

bool store_has_push(const struct store *store, struct slice account)
{
	struct error error;
	char *path = store_account_file(store, account, mark, &error);
	bool there = path && access(path, F_OK) == 0;
	free(path);
	return there;
}

void push_forget(struct account *account)
{
	struct change change;
	struct error error;
	int64_t count;
	char path[PATH_MAX];
	if (!account_begin_looking(account, &change, &error))
		return;
	if (mail_count_objects(change.db, OBJECT_PUSH, &count, &error) && count == 0 && snprintf(path, sizeof path, "%s/%s", account->folder, mark) < (int)sizeof path)
		unlink(path); /* if it can't be removed, it is looked for in vain */
	account_end(account, &change, false, &error);
}
