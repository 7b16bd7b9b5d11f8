/* Changing identity; see privileges.h. A step back to root that failed would leave a process that is not what it thinks
 * it is: such a failure ends it. */
#include "main/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "main/sandbox.h"

bool identity_of(const char *data, struct identity *owner, struct error *error)
{
	struct stat status;
	if (stat(data, &status) != 0)
		return error_set_errno(error, errno, "%s", data);
	*owner = (struct identity){status.st_uid, status.st_gid};
	return true;
}

bool privileges_become(const struct identity *owner, struct error *error)
{
	if (getuid() != 0 || owner->user == 0)
		return true;
	if (seteuid(0) != 0 || setgroups(1, &owner->group) != 0 || setresgid(owner->group, owner->group, owner->group) != 0 ||
	    setresuid(owner->user, owner->user, owner->user) != 0)
		return error_set_errno(error, errno, "becoming user %d", (int)owner->user);
	if (setuid(0) == 0)
		return error_set(error, ERROR_DENIED, "root could be had back after it was given up");
	return true;
}

/* Gives up every capability but those of `mask`. */
static bool limit_capabilities(uint32_t mask, struct error *error)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct all[2] = {0};
	if (syscall(SYS_capget, &header, all) == 0) {
		all[0] = (struct __user_cap_data_struct){.effective = all[0].permitted & mask, .permitted = all[0].permitted & mask};
		all[1] = (struct __user_cap_data_struct){0};
		if (syscall(SYS_capset, &header, all) == 0)
			return true;
	}
	return error_set_errno(error, errno, "dropping capabilities");
}

bool privileges_become_reader(const struct identity *owner, struct error *error)
{
	if (getuid() != 0 || owner->user == 0)
		return true;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return error_set_errno(error, errno, "keeping the right to read");
	return privileges_become(owner, error) && limit_capabilities(UINT32_C(1) << CAP_DAC_READ_SEARCH, error);
}

static void change_effective(uid_t user, gid_t group)
{
	/* The group first when leaving root, last when coming back: only root may change it. */
	bool done = user == 0 ? seteuid(0) == 0 && setegid(group) == 0 : setegid(group) == 0 && seteuid(user) == 0;
	if (!done) {
		log_error("privileges.failed", log_number("user", user));
		_exit(1);
	}
}

void privileges_borrow(const struct identity *owner)
{
	if (getuid() == 0 && owner->user != 0 && geteuid() == 0)
		change_effective(owner->user, owner->group);
}

void privileges_return(void)
{
	if (getuid() == 0 && geteuid() != 0)
		change_effective(0, getgid());
}

bool privileges_drop_capabilities(struct error *error)
{
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EPERM)
			return error_set_errno(error, errno, "dropping capability %d", capability);
	return limit_capabilities(0, error);
}

void privileges_harden(void)
{
	umask(077);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	/* LeakSanitizer looks at its own process through ptrace. */
	if (!sandbox_sanitizers())
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
