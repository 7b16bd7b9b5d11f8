/* Who is who on this machine, for roles that can't read the list of users, as smtp: programs that hand in mail are known to it by the
 * number of their user (smtp/local.c). The list is looked at anew when it has changed. */
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "main/master.h"

enum { USERS_MAX = 4 * 1024 * 1024 };

static const char users_path[] = "/etc/passwd";

/* Those of the machine itself: a directory service may be slow, and the master waits for nobody. Others are known by number. */
static void list_users(struct buf *out)
{
	FILE *file = fopen(users_path, "re");
	for (const struct passwd *user; file && (user = fgetpwent(file));)
		buf_printf(out, "%u %s\n", (unsigned)user->pw_uid, user->pw_name);
	if (file)
		fclose(file);
}

static bool has_changed(struct master *master)
{
	struct stat status;
	if (stat(users_path, &status) != 0)
		return false;
	bool same = master->users >= 0 && status.st_ino == master->users_seen.st_ino && status.st_mtim.tv_sec == master->users_seen.st_mtim.tv_sec &&
		    status.st_mtim.tv_nsec == master->users_seen.st_mtim.tv_nsec;
	master->users_seen = status;
	return !same;
}

void master_follow_users(struct master *master)
{
	struct buf text = BUF(USERS_MAX);
	struct error error;
	if (!has_changed(master))
		return;
	list_users(&text);
	int fd = master_seal("users", buf_slice(&text), &error);
	buf_free(&text);
	if (fd < 0) {
		log_error("users.unread", log_text("reason", error.text));
		return;
	}
	if (master->users >= 0)
		close(master->users);
	master->users = fd;
	for (int i = 0; i < ROLE_COUNT; i++)
		if (role_rows[i].users)
			master_tell_child(master, (enum role_name)i, CONTROL_USERS, fd);
}
