/* The file of countries (option country_file), which others renew now and then, mostly by putting another one in its place. The policy role, confined to
 * the one that was there at its start, can't open that: so it is started anew, in order, when the file has changed and rests. */
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "main/master.h"

enum { REST_SECONDS = 5 }; /* since it was last written: half of one isn't read */

static bool is_same(const struct stat *one, const struct stat *other)
{
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino && one->st_size == other->st_size && one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
	       one->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

void master_follow_countries(struct master *master)
{
	const char *path = config_current()->country_file;
	struct stat status = {0};
	bool there = *path && stat(path, &status) == 0;
	bool known = strlen(path) < sizeof master->countries && strcmp(path, master->countries) == 0;
	if (!known) { /* the option is another: the role has been started for that */
		snprintf(master->countries, sizeof master->countries, "%s", path);
		master->countries_seen = status;
	}
	int64_t age = clock_now() - status.st_mtim.tv_sec;
	if (!known || !there || is_same(&status, &master->countries_seen) || (age >= 0 && age < REST_SECONDS) || master->children[ROLE_POLICY].stopping)
		return;
	master->countries_seen = status;
	log_info("countries.changed", log_text("file", path));
	master_restart_child(master, ROLE_POLICY);
}
