/* Landlock and seccomp; see sandbox.h.
 *
 * System calls are in three classes. Those that the roles use are allowed. Those that only an attacker would use (to run
 * another program, to look into another process, to change what the kernel is) end the process at once, and the master
 * says so. All others fail with EPERM and a log line that names them, so that a library that tries something optional
 * goes on, and a person can see what was refused. */
#include "main/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/log.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define BUILT_WITH_SANITIZERS
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BUILT_WITH_SANITIZERS
#endif

bool sandbox_sanitizers(void)
{
#ifdef BUILT_WITH_SANITIZERS
	return true;
#else
	return false;
#endif
}

/* ---- Landlock ---- */

/* What newer kernels know and the headers of Debian 12 may not. */
#define ACCESS_TRUNCATE (1ULL << 14)  /* ABI 3 */
#define ACCESS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#define ACCESS_BIND_TCP (1ULL << 0)   /* ABI 4 */
#define ACCESS_CONNECT_TCP (1ULL << 1)
#define SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0) /* ABI 6 */
#define SCOPE_SIGNAL (1ULL << 1)
enum { RULE_NET_PORT = 2 };

struct ruleset_attributes {
	uint64_t fs, net, scoped;
};

static const uint64_t access_read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t access_write = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
				     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | ACCESS_TRUNCATE;
static const uint64_t access_all = ((1ULL << 14) - 1) | ACCESS_TRUNCATE | ACCESS_IOCTL_DEV;

/* What the C library, iconv, OpenSSL and libunbound read while the process runs. */
static const char *const system_paths[] = {"/usr/lib", "/usr/share", "/lib", "/lib64", "/etc/ssl", "/etc/ld.so.cache", "/etc/resolv.conf",
					   "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services",
					   "/etc/localtime", "/etc/timezone", "/dev/urandom", "/dev/random", "/sys/devices/system/cpu", NULL};
static const char *const sanitizer_paths[] = {"/proc", "/usr/bin", NULL};

/* The accesses that an ABI knows: asking for more is refused as a whole. */
static uint64_t known_accesses(long abi)
{
	uint64_t known = access_all;
	if (abi < 2)
		known &= ~LANDLOCK_ACCESS_FS_REFER;
	if (abi < 3)
		known &= ~ACCESS_TRUNCATE;
	if (abi < 5)
		known &= ~ACCESS_IOCTL_DEV;
	return known;
}

/* A path that doesn't exist can't be used, and needs no rule. */
static bool allow_path(int ruleset, const char *path, uint64_t access, struct error *error)
{
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == EACCES || errno == ENOTDIR || error_set_errno(error, errno, "%s", path);
	struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
	long result = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	if (result != 0 && errno == EINVAL) { /* a file, to which rights of folders can't be given */
		rule.allowed_access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE;
		result = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	}
	int number = errno;
	close(fd);
	return result == 0 || error_set_errno(error, number, "a Landlock rule for %s", path);
}

static bool allow_paths(int ruleset, const char *const *paths, uint64_t access, struct error *error)
{
	for (; paths && *paths; paths++)
		if (!allow_path(ruleset, *paths, access, error))
			return false;
	return true;
}

static bool allow_port(int ruleset, uint64_t access, uint16_t port, struct error *error)
{
	struct {
		uint64_t access, port;
	} rule = {access, port};
	return syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) == 0 || error_set_errno(error, errno, "a Landlock rule for port %d", port);
}

/* The courier binds a local address to connect from; with port 0, which can't be listened on by anybody's choice. */
static bool allow_ports(int ruleset, const struct sandbox *sandbox, struct error *error)
{
	bool done = allow_port(ruleset, ACCESS_BIND_TCP, 0, error);
	for (const uint16_t *port = sandbox->ports; done && port && *port; port++)
		done = allow_port(ruleset, ACCESS_CONNECT_TCP, *port, error);
	return done;
}

static bool add_rules(int ruleset, const struct sandbox *sandbox, long abi, struct error *error)
{
	uint64_t known = known_accesses(abi), writable = access_read | access_write | (sandbox->moves ? LANDLOCK_ACCESS_FS_REFER : 0);
	if (sandbox->network && abi >= 4 && !allow_ports(ruleset, sandbox, error))
		return false;
	if (sandbox->listable && !allow_path(ruleset, sandbox->listable, LANDLOCK_ACCESS_FS_READ_DIR, error))
		return false;
	return allow_paths(ruleset, sandbox->writable, writable & known, error) &&
	       allow_paths(ruleset, sandbox->readable, access_read, error) && allow_paths(ruleset, system_paths, access_read, error) &&
	       allow_paths(ruleset, sandbox_sanitizers() ? sanitizer_paths : NULL, access_read | LANDLOCK_ACCESS_FS_EXECUTE, error) &&
	       allow_path(ruleset, "/dev/null", (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE) & known, error);
}

static bool confine_paths(const struct sandbox *sandbox, struct error *error)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1) {
		log_warning("sandbox.partial", log_text("reason", "this kernel has no Landlock: files are protected by permissions only"));
		return true;
	}
	struct ruleset_attributes attributes = {
		.fs = known_accesses(abi),
		.net = abi < 4 ? 0 : sandbox->network && !sandbox->ports ? ACCESS_BIND_TCP : ACCESS_BIND_TCP | ACCESS_CONNECT_TCP,
		.scoped = abi < 6 ? 0 : SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL,
	};
	size_t size = abi < 4 ? sizeof attributes.fs : abi < 6 ? 2 * sizeof attributes.fs : sizeof attributes;
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
	if (ruleset < 0)
		return error_set_errno(error, errno, "making a Landlock ruleset");
	bool done = add_rules(ruleset, sandbox, abi, error);
	if (done && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		done = error_set_errno(error, errno, "entering Landlock");
	close(ruleset);
	return done;
}

/* ---- seccomp ---- */

static const char *const allowed_calls[] = {
	/* bytes in and out */
	"read", "write", "readv", "writev", "pread64", "preadv", "preadv2", "close", "close_range", "lseek",
	"dup", "dup2", "dup3", "pipe", "pipe2", "sendfile", "copy_file_range", "splice",
	/* files */
	"open", "openat", "fstat", "stat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat",
	"getcwd", "getdents", "getdents64", "fsync", "fdatasync", "fadvise64", "flock", "statfs", "fstatfs", "umask",
	/* memory */
	"munmap", "mremap", "madvise", "brk", "membarrier", "msync", "mincore",
	/* threads, signals, time */
	"futex", "futex_waitv", "set_robust_list", "get_robust_list", "rseq", "exit", "exit_group", "sched_yield", "sched_getaffinity",
	"sched_getparam", "sched_getscheduler", "set_tid_address", "arch_prctl", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait",
	"sigaltstack", "restart_syscall", "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times",
	"timerfd_create", "timerfd_settime", "timerfd_gettime", "signalfd4",
	/* waiting */
	"poll", "ppoll", "select", "pselect6", "epoll_create1", "epoll_create", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2",
	/* connections that were handed over or accepted */
	"sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg", "getsockopt", "setsockopt", "getsockname",
	"getpeername", "shutdown",
	/* who and where am I */
	"getpid", "gettid", "getppid", "getpgrp", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups", "uname", "sysinfo",
	"getrandom", "getrlimit", "getrusage", "getcpu", NULL};

static const char *const file_calls[] = {
	"pwrite64", "pwritev", "pwritev2", "creat", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat",
	"syncfs", "sync_file_range", "ftruncate", "truncate", "fallocate", "fchmod", "fchmodat", "chmod", "fchown", "utimensat", NULL};

static const char *const memory_file_calls[] = {"memfd_create", NULL};

static const char *const listener_calls[] = {"accept", "accept4", NULL};

static const char *const network_calls[] = {"connect", "bind", NULL};

static const char *const deadly_calls[] = {
	"execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "mount", "umount2",
	"pivot_root", "chroot", "move_mount", "fsopen", "open_tree", "setns", "unshare", "bpf", "kexec_load", "kexec_file_load", "init_module",
	"finit_module", "delete_module", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key", "reboot", "swapon", "swapoff", "iopl",
	"ioperm", "open_by_handle_at", "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid",
	"capset", "personality", "quotactl", "acct", "settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "sethostname", "syslog", NULL};

/* Optional things that libraries try and do without: refused quietly. */
static const char *const absent_calls[] = {"clone3", "io_uring_setup", "io_uring_enter", "io_uring_register", "landlock_create_ruleset",
					   "set_mempolicy", "mbind", "sched_setaffinity", "sched_setscheduler", "setpriority", "ioprio_set", NULL};

static int add_calls(scmp_filter_ctx filter, uint32_t action, const char *const *names)
{
	int result = 0;
	for (; *names && result == 0; names++) {
		int number = seccomp_syscall_resolve_name(*names);
		if (number != __NR_SCMP_ERROR) /* this libseccomp doesn't know it: then the default holds */
			result = seccomp_rule_add(filter, action, number, 0);
	}
	return result;
}

/* Memory can be written or run, never both, nor first the one and then the other: what a role is sent is no code. */
static int add_memory(scmp_filter_ctx filter)
{
	int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (result == 0)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC));
	return result ? result : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

/* Not F_SETOWN and its like, by which a descriptor sends signals to any process of the same user: the master, too. */
static int add_descriptor_commands(scmp_filter_ctx filter)
{
	static const int commands[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK,
				       F_OFD_SETLK, F_OFD_SETLKW, F_SETLEASE, F_GETLEASE, F_ADD_SEALS, F_GET_SEALS};
	int result = 0;
	for (size_t i = 0; i < sizeof commands / sizeof *commands && result == 0; i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, (uint64_t)commands[i]));
	return result;
}

/* Calls that are harmless with some arguments only. */
static int add_conditional(scmp_filter_ctx filter, bool network, bool local_sockets)
{
	static const int names[] = {PR_SET_NAME, PR_GET_NAME, PR_SET_VMA};
	static const unsigned ioctls[] = {FIONBIO, FIOCLEX, FIONCLEX, FIONREAD, TIOCGWINSZ, 0x5401 /* TCGETS: isatty */};
	static const int families[] = {AF_INET, AF_INET6};
	int result = 0;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		result = result ? result : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, (uint64_t)names[i]));
	for (size_t i = 0; i < sizeof ioctls / sizeof *ioctls; i++)
		result = result ? result : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, ioctls[i]));
	for (size_t i = 0; network && i < sizeof families / sizeof *families; i++)
		result = result ? result : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, (uint64_t)families[i]));
	if (local_sockets && result == 0)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	/* libunbound's, between its threads. Never datagrams: an end of such a pair can send to any local socket of the machine. */
	if (network && result == 0)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 2, SCMP_A0(SCMP_CMP_EQ, AF_UNIX),
					  SCMP_A1(SCMP_CMP_EQ, SOCK_STREAM));
	/* Threads, not processes; signals to itself only (abort); limits may be read. */
	enum { OWN_THREAD = 0x00010000 /* CLONE_THREAD */ };
	result = result ? result : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, OWN_THREAD, OWN_THREAD));
	result = result ? result : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (uint64_t)getpid()));
	result = result ? result : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0));
	return result;
}

/* A refused call: says which, and lets it fail with EPERM. Runs in the thread that made the call, which holds no lock of
 * the log, since writing is allowed. */
static void refused(int signal_number, siginfo_t *info, void *context)
{
	(void)signal_number;
	int former = errno;
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, info->si_syscall);
	log_warning("sandbox.refused", log_number("call", info->si_syscall), log_text("name", name ? name : "?"));
	free(name);
	ucontext_t *state = context;
#if defined(__x86_64__)
	state->uc_mcontext.gregs[REG_RAX] = -EPERM;
#elif defined(__aarch64__)
	state->uc_mcontext.regs[0] = (uint64_t)-EPERM;
#else
	(void)state;
#endif
	errno = former;
}

static uint32_t default_action(void)
{
#if defined(__x86_64__) || defined(__aarch64__)
	struct sigaction action = {.sa_sigaction = refused, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART};
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGSYS, &action, NULL) == 0)
		return SCMP_ACT_TRAP;
#endif
	return SCMP_ACT_ERRNO(EPERM);
}

static bool confine_calls(const struct sandbox *sandbox, struct error *error)
{
	if (sandbox_sanitizers()) {
		log_warning("sandbox.partial", log_text("reason", "built with sanitizers, which need more system calls: seccomp is off"));
		return true;
	}
	scmp_filter_ctx filter = seccomp_init(default_action());
	if (!filter)
		return error_set(error, ERROR_TEMPORARY, "making a seccomp filter");
	int result = add_calls(filter, SCMP_ACT_ALLOW, allowed_calls);
	if (result == 0 && (sandbox->network || sandbox->local_sockets))
		result = add_calls(filter, SCMP_ACT_ALLOW, network_calls);
	if (result == 0 && sandbox->listeners)
		result = add_calls(filter, SCMP_ACT_ALLOW, listener_calls);
	if (result == 0 && sandbox->files)
		result = add_calls(filter, SCMP_ACT_ALLOW, file_calls);
	if (result == 0)
		result = add_calls(filter, sandbox->memory_files ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(ENOSYS), memory_file_calls);
	if (result == 0)
		result = add_calls(filter, SCMP_ACT_KILL_PROCESS, deadly_calls);
	if (result == 0)
		result = add_calls(filter, SCMP_ACT_ERRNO(ENOSYS), absent_calls);
	if (result == 0)
		result = add_conditional(filter, sandbox->network, sandbox->local_sockets);
	if (result == 0)
		result = add_memory(filter);
	if (result == 0)
		result = add_descriptor_commands(filter);
	int loaded = result == 0 ? seccomp_load(filter) : 0;
	seccomp_release(filter);
	if (loaded != 0)
		log_warning("sandbox.partial", log_text("reason", "this kernel takes no seccomp filter"), log_number("error", -loaded));
	return result == 0 || error_set_errno(error, -result, "a rule for seccomp");
}

bool sandbox_enter(const struct sandbox *sandbox, struct error *error)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_set_errno(error, errno, "no_new_privs");
	return confine_paths(sandbox, error) && confine_calls(sandbox, error);
}
