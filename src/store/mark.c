/* Marks: empty files in an account's folder that say "there may be some of that here", so that whoever passes by opens no database of those who have none. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/internal.h"

static bool path_of(const struct account *account, const char *mark, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/%s", account->folder, mark) < PATH_MAX;
}

bool account_make_mark(const struct account *account, const char *mark, struct error *error)
{
	char path[PATH_MAX];
	if (!path_of(account, mark, path))
		return error_set(error, ERROR_INVALID, "path too long");
	int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set_errno(error, errno, "making %s", path);
	close(fd);
	return true;
}

void account_remove_mark(const struct account *account, const char *mark)
{
	char path[PATH_MAX];
	if (path_of(account, mark, path))
		unlink(path);
}

bool store_has_mark(const struct store *store, struct slice account, const char *mark)
{
	struct error error;
	char *path = store_account_file(store, account, mark, &error);
	bool there = path && access(path, F_OK) == 0;
	free(path);
	return there;
}
