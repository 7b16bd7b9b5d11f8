/* The sandbox holds: each role, confined as the server confines it, is refused what is not its own, and does its work. Each
 * case runs in a child of its own, since there is no way out again. What seccomp forbids is tested where it is in force: not
 * in a program built with sanitizers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/descriptors.h"
#include "base/file.h"
#include "base/log.h"
#include "main/control.h"
#include "main/privileges.h"
#include "main/role.h"
#include "main/sandbox.h"

/* What lies in a data directory, whose it is, and what must stay out of everybody's reach. */
#define BIT(role) (1U << (role))
#define STORE (BIT(ROLE_COURIER) | BIT(ROLE_READER) | BIT(ROLE_WEB) | BIT(ROLE_INDEXER))
static const struct place {
	const char *path;
	unsigned owners; /* roles that may write there */
	unsigned readers; /* roles that may read it, and no more */
} places[] = {
	{"accounts/example.test/alice/account.db", STORE, 0},
	{"accounts/.usage", STORE, BIT(ROLE_AUTH)},
	{"accounts/example.test/alice/mail/2026-01/letter.eml", STORE, 0},
	{"queue/queue.db", BIT(ROLE_QUEUE) | BIT(ROLE_COURIER), 0},
	{"queue/body/letter", BIT(ROLE_QUEUE) | BIT(ROLE_COURIER), 0},
	{"directory/directory.db", BIT(ROLE_AUTH), 0},
	{"policy/tokens", BIT(ROLE_POLICY), BIT(ROLE_COURIER)},
	{"pombal.conf", 0, 0},
	{"tls/key.pem", 0, 0},
	{"log/events.log", 0, BIT(ROLE_STORY)},
	{"run/lock", 0, 0},
	{"history/1", 0, 0},
};
enum { PLACES = sizeof places / sizeof *places };

static char folder[64];
static enum role_name own;         /* the role that is played */
static const struct place *target; /* what the acts are about */

static void path_at(const char *path, char out[256]) { snprintf(out, 256, "%s/%s", folder, path); }

static int set_up(void **state)
{
	struct error error;
	char path[256];
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/pombal-sandbox-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	config_set_current(config_parse(SLICE("hostname = \"mail.example.test\"\nresolver = \"127.0.0.1@47153\"\n"), "test", &error));
	for (size_t i = 0; i < PLACES; i++) {
		path_at(places[i].path, path);
		char *name = strrchr(path, '/');
		*name = '\0';
		if (!file_make_folders(path, 0700, &error))
			return -1;
		*name = '/';
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	for (enum role_name role = 0; role < ROLE_COUNT; role++) {
		snprintf(path, sizeof path, "%s/run/%s", folder, role_names[role]);
		if (!file_make_folders(path, 0700, &error))
			return -1;
	}
	return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status, (void)type, (void)where;
	return remove(path);
}

static int tear_down(void **state)
{
	(void)state;
	config_free_all();
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Runs `act` as `role`, confined; gives its result, or 1000 + the signal that ended it. */
static int confined(enum role_name name, int (*act)(void))
{
	pid_t pid = fork();
	if (pid == 0) {
		struct role role = {.name = name, .data = folder, .control = -1};
		struct error error;
		log_set_role("test", LOG_LEVEL_ERROR);
		own = name;
		if (!privileges_drop_capabilities(&error) || !role_confine(&role, &error))
			_exit(250);
		_exit(act());
	}
	int status;
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The errno of what failed, 0 if it worked. */
static int outcome(int result) { return result < 0 ? errno : 0; }

static int open_target(int flags)
{
	char path[256];
	path_at(target->path, path);
	return outcome(open(path, flags | O_CLOEXEC));
}

static int read_it(void) { return open_target(O_RDONLY); }
static int write_it(void) { return open_target(O_WRONLY); }

/* From a folder of its own, up and into the other's. */
static int reach_it_sideways(void)
{
	char path[300];
	snprintf(path, sizeof path, "%s/run/%s/../../%s", folder, role_names[own], target->path);
	return outcome(open(path, O_RDONLY | O_CLOEXEC));
}

static int link_it_over(void)
{
	char from[256], to[256];
	path_at(target->path, from);
	snprintf(to, sizeof to, "%s/run/%s/stolen", folder, role_names[own]);
	return outcome(link(from, to)) == 0 ? 0 : EACCES; /* Landlock says EXDEV, too */
}

static int follow_a_link(void)
{
	char from[256], to[256];
	path_at(target->path, from);
	snprintf(to, sizeof to, "%s/run/%s/way", folder, role_names[own]);
	return symlink(from, to) == 0 && open(to, O_RDONLY | O_CLOEXEC) >= 0 ? 0 : EACCES;
}

static int remove_it(void)
{
	char path[256];
	path_at(target->path, path);
	return outcome(unlink(path));
}

static int list_it(void)
{
	char path[256];
	path_at(target->path, path);
	*strrchr(path, '/') = '\0';
	return outcome(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int read_passwords(void) { return outcome(open("/etc/passwd", O_RDONLY)); }
static int read_shadow(void) { return outcome(open("/etc/shadow", O_RDONLY)); }
static int look_into_parent(void)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/maps", (int)getppid());
	return outcome(open(path, O_RDONLY));
}
static int open_socket(void) { return outcome(socket(AF_INET, SOCK_STREAM, 0)); }
static int open_unix_socket(void) { return outcome(socket(AF_UNIX, SOCK_STREAM, 0)); }
static int open_datagram_pair(void)
{
	int ends[2];
	return outcome(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
}
static int open_stream_pair(void)
{
	int ends[2];
	return outcome(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
}
static int open_raw_socket(void) { return outcome(socket(AF_PACKET, SOCK_RAW, 0)); }
static int listen_on_a_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(47113), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return outcome(bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address));
}
/* Nobody listens there: what is allowed is refused by the other end. */
static int connect_to(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return outcome(connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address));
}
static int connect_to_a_service(void) { return connect_to(47113); }
static int connect_to_the_resolver(void) { return connect_to(47153); }
static int run_shell(void) { return outcome(execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL)); }
static int start_process(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL); /* as fork() does */
	if (pid == 0)
		_exit(0);
	return outcome(pid);
}
static int trace_parent(void) { return outcome((int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL)); }
static int signal_parent(void) { return outcome(kill(getppid(), 0)); }
static int change_user(void) { return outcome(setuid(1)); }
static int make_memory_file(void) { return outcome((int)syscall(SYS_memfd_create, "x", 0)); }
static int handed; /* a descriptor from before the confinement */
static int truncate_handed(void) { return outcome(ftruncate(handed, 0)); }
static int write_over_handed(void) { return outcome((int)pwrite(handed, "x", 1, 0)); }
static int punch_handed(void) { return outcome(fallocate(handed, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1)); }
static int let_parent_be_signalled(void) { return outcome(fcntl(STDERR_FILENO, F_SETOWN, getppid())); }
static int choose_signal(void) { return outcome(fcntl(STDERR_FILENO, F_SETSIG, SIGKILL)); }
static int accept_somebody(void) { return outcome(accept(STDERR_FILENO, NULL, NULL)) == EPERM ? EPERM : 0; }
static int make_code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return outcome(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}
static int map_code(void) { return mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0; }
static int mount_something(void) { return outcome((int)syscall(SYS_mount, "none", folder, "tmpfs", 0, NULL)); }

static int work_as_usual(void)
{
	char path[256], text[4] = "";
	path_at(target->path, path);
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || write(fd, "abc", 3) != 3 || fsync(fd) != 0 || pread(fd, text, 3, 0) != 3 || ftruncate(fd, 1) != 0)
		return 1;
	snprintf(path, sizeof path, "%s/run/%s/temporary", folder, role_names[own]);
	return open(path, O_RDWR | O_CREAT | O_EXCL, 0600) < 0 || unlink(path) != 0;
}

static void *nothing(void *argument) { return argument; }
static int start_thread(void)
{
	pthread_t thread;
	return pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL);
}

static void expect(enum role_name role, const char *what, int (*act)(void), int wanted)
{
	int got = confined(role, act);
	if (got != wanted)
		fail_msg("%s: %s %s gives %d instead of %d", role_names[role], what, target ? target->path : "", got, wanted);
}

/* Roles that have no files have no call to change one; for the others Landlock decides. */
static int refusal_of_change(enum role_name role)
{
	const struct role_rights *rights = &role_rows[role].rights;
	return !rights->folder && !rights->store && !sandbox_sanitizers() ? EPERM : EACCES;
}

static void files_of_others_are_out_of_reach(void **state)
{
	(void)state;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1) /* this kernel has none, and the log says so */
		skip();
	for (enum role_name role = 0; role < ROLE_COUNT; role++) {
		for (target = places; target < places + PLACES; target++) {
			if (target->owners & BIT(role))
				continue;
			bool reader = target->readers & BIT(role);
			expect(role, "reading", read_it, reader ? 0 : EACCES);
			expect(role, "writing", write_it, EACCES);
			expect(role, "a path up and down to", reach_it_sideways, reader ? 0 : EACCES);
			expect(role, "linking", link_it_over, EACCES);
			expect(role, "a symbolic link to", follow_a_link, EACCES);
			expect(role, "removing", remove_it, refusal_of_change(role));
			if (!role_rows[role].rights.store) /* who opens the store may list folders, see role_rights.c */
				expect(role, "listing the folder of", list_it, reader && role_rows[role].rights.log ? 0 : EACCES); /* former event files lie there */
		}
		target = NULL;
		expect(role, "the list of users", read_passwords, EACCES);
		expect(role, "the passwords", read_shadow, EACCES);
		if (!sandbox_sanitizers())
			expect(role, "the master's memory map", look_into_parent, EACCES);
	}
	if (abi >= 4) {
		expect(ROLE_COURIER, "listening", listen_on_a_port, EACCES);
		expect(ROLE_POLICY, "connecting to what isn't the DNS", connect_to_a_service, EACCES);
	}
	expect(ROLE_POLICY, "connecting to the DNS", connect_to_the_resolver, ECONNREFUSED);
}

static void its_own_work_goes_on(void **state)
{
	(void)state;
	for (enum role_name role = 0; role < ROLE_COUNT; role++) {
		for (target = places; target < places + PLACES; target++)
			if (target->owners & BIT(role))
				expect(role, "working with", work_as_usual, 0);
		target = NULL;
		expect(role, "a thread", start_thread, 0);
	}
	expect(ROLE_COURIER, "a socket", open_socket, 0);
	expect(ROLE_POLICY, "a socket", open_socket, 0);
}

static void calls_of_attackers_are_deadly(void **state)
{
	(void)state;
	if (sandbox_sanitizers())
		skip();
	for (enum role_name role = 0; role < ROLE_COUNT; role++) {
		const struct role_rights *rights = &role_rows[role].rights;
		expect(role, "a shell", run_shell, 1000 + SIGSYS);
		expect(role, "tracing", trace_parent, 1000 + SIGSYS);
		expect(role, "another user", change_user, 1000 + SIGSYS);
		expect(role, "mounting", mount_something, 1000 + SIGSYS);
		expect(role, "a process", start_process, EPERM);
		expect(role, "a signal", signal_parent, EPERM);
		expect(role, "signals to the master by a descriptor", let_parent_be_signalled, EPERM);
		expect(role, "a signal of its choice", choose_signal, EPERM);
		expect(role, "accepting", accept_somebody, rights->listeners ? 0 : EPERM);
		expect(role, "code of its own", make_code, EPERM);
		expect(role, "code of its own at once", map_code, EPERM);
		expect(role, "a file in memory", make_memory_file, rights->asks || rights->gives_files ? 0 : ENOSYS);
		expect(role, "a local socket", open_unix_socket, EPERM);
		expect(role, "a raw socket", open_raw_socket, EPERM);
		expect(role, "a pair that can send anywhere", open_datagram_pair, EPERM);
		expect(role, "a pair between threads", open_stream_pair, rights->network ? 0 : EPERM);
		if (!rights->network)
			expect(role, "a socket", open_socket, EPERM);
	}
	/* Of what it was handed, the smtp role can change nothing that is there already. */
	handed = open("/dev/null", O_RDWR | O_CLOEXEC);
	expect(ROLE_SMTP, "truncating", truncate_handed, EPERM);
	expect(ROLE_SMTP, "writing over", write_over_handed, EPERM);
	expect(ROLE_SMTP, "punching a hole", punch_handed, EPERM);
	close(handed);
}

/* ---- The channels of the master, which need no confinement ---- */

static void packets_bring_text_and_descriptor(void **state)
{
	(void)state;
	int ends[2];
	struct error error;
	struct control_message message;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	assert_int_equal(control_receive(ends[1], false, &message), CONTROL_NONE);
	assert_true(control_send(ends[0], CONTROL_LISTENER, 7, "127.0.0.1:25", STDIN_FILENO, &error));
	assert_true(control_send(ends[0], CONTROL_STOP, 3, NULL, -1, &error));
	assert_int_equal(control_receive(ends[1], true, &message), CONTROL_MESSAGE);
	assert_int_equal(message.type, CONTROL_LISTENER);
	assert_int_equal(message.value, 7);
	assert_string_equal(message.text, "127.0.0.1:25");
	assert_true(message.fd > 2);
	close(message.fd);
	assert_int_equal(control_receive(ends[1], true, &message), CONTROL_MESSAGE);
	assert_true(message.type == CONTROL_STOP && message.fd == -1);
	assert_int_equal(send(ends[0], "x", 1, 0), 1);
	assert_int_equal(control_receive(ends[1], true, &message), CONTROL_CLOSED);
	close(ends[0]);
	assert_int_equal(control_receive(ends[1], true, &message), CONTROL_CLOSED);
	close(ends[1]);
}

/* ---- What a taken-over role tries with the channels that it was given ---- */

static size_t count_descriptors(void)
{
	size_t count = 0;
	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Two at once, where one is the most; in the room of one, rounded up for alignment, the kernel may put both. */
static void packets_with_more_descriptors_leave_nothing_open(void **state)
{
	(void)state;
	int ends[2], many[2] = {STDIN_FILENO, STDERR_FILENO};
	uint32_t packet[2] = {CONTROL_READY, 0};
	struct iovec part = {packet, sizeof packet};
	struct control_message message;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	size_t before = count_descriptors();
	for (int i = 0; i < 50; i++) {
		assert_true(descriptors_send(ends[0], &part, 1, many, 2));
		assert_int_equal(control_receive(ends[1], true, &message), CONTROL_CLOSED);
	}
	assert_int_equal(count_descriptors(), before);
	close(ends[0]);
	close(ends[1]);
}

static int foreign_channel;

static int send_elsewhere(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s/foreign", folder);
	return outcome((int)sendto(foreign_channel, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&address, sizeof address));
}

/* A channel of ours ends where the master has put its other end, whatever address a packet bears. */
static void channels_reach_no_other_socket(void **state)
{
	(void)state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char heard;
	int ends[2], foreign = socket(AF_UNIX, SOCK_DGRAM, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s/foreign", folder);
	assert_int_equal(bind(foreign, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	foreign_channel = ends[0];
	for (enum role_name role = 0; role < ROLE_COUNT; role++)
		confined(role, send_elsewhere);
	assert_int_equal(recv(foreign, &heard, 1, MSG_DONTWAIT), -1);
	close(foreign);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_of_others_are_out_of_reach, set_up, tear_down),
		cmocka_unit_test_setup_teardown(its_own_work_goes_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(calls_of_attackers_are_deadly, set_up, tear_down),
		cmocka_unit_test(packets_bring_text_and_descriptor),
		cmocka_unit_test(packets_with_more_descriptors_leave_nothing_open),
		cmocka_unit_test_setup_teardown(channels_reach_no_other_socket, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
