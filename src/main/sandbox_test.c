/* The sandbox holds: what a role is not let at is refused, and what it needs works. Each case runs in a child of its own,
 * since there is no way out again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "main/announce.h"
#include "main/control.h"
#include "main/privileges.h"
#include "main/sandbox.h"

static char folder[64], queue[96], mailbox[96], letter[128];

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/pombal-sandbox-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(queue, sizeof queue, "%s/queue", folder);
	snprintf(mailbox, sizeof mailbox, "%s/accounts", folder);
	snprintf(letter, sizeof letter, "%s/letter", mailbox);
	mkdir(queue, 0700);
	mkdir(mailbox, 0700);
	close(open(letter, O_CREAT | O_WRONLY, 0600));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	char path[128];
	snprintf(path, sizeof path, "%s/new", queue);
	unlink(path);
	unlink(letter);
	rmdir(queue);
	rmdir(mailbox);
	rmdir(folder);
	return 0;
}

/* Runs `act` as the smtp role would be confined; its result is the exit status, or 1000 + the signal that ended it. */
static int confined(bool network, int (*act)(void))
{
	pid_t pid = fork();
	if (pid == 0) {
		const char *const writable[] = {queue, NULL};
		struct error error;
		log_set_role("test", LOG_LEVEL_ERROR);
		if (!sandbox_enter(&(struct sandbox){.writable = writable, .network = network}, &error))
			_exit(99);
		_exit(act());
	}
	int status;
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The errno of what failed, 0 if it worked. */
static int outcome(int result) { return result < 0 ? errno : 0; }

static int open_mailbox(void) { return outcome(open(letter, O_RDONLY)); }
static int list_mailbox(void) { return outcome(open(mailbox, O_RDONLY | O_DIRECTORY)); }
static int remove_mailbox(void) { return outcome(unlink(letter)); }
static int read_passwords(void) { return outcome(open("/etc/passwd", O_RDONLY)); }
static int open_socket(void) { return outcome(socket(AF_INET, SOCK_STREAM, 0)); }
static int open_unix_socket(void) { return outcome(socket(AF_UNIX, SOCK_STREAM, 0)); }
static int listen_on_a_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(47113), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return outcome(bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address));
}
static int run_shell(void) { return outcome(execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL)); }
static int trace_parent(void) { return outcome((int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL)); }
static int signal_parent(void) { return outcome(kill(getppid(), 0)); }
static int change_user(void) { return outcome(setuid(1)); }

static int work_as_usual(void)
{
	char path[128], text[4] = "";
	snprintf(path, sizeof path, "%s/new", queue);
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || write(fd, "abc", 3) != 3 || fsync(fd) != 0 || pread(fd, text, 3, 0) != 3 || ftruncate(fd, 1) != 0)
		return 1;
	return 0;
}

static void *nothing(void *argument) { return argument; }
static int start_thread(void)
{
	pthread_t thread;
	return pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL);
}

static void files_of_others_are_out_of_reach(void **state)
{
	(void)state;
	assert_int_equal(confined(false, open_mailbox), EACCES);
	assert_int_equal(confined(false, list_mailbox), EACCES);
	assert_int_equal(confined(false, remove_mailbox), EACCES);
	assert_int_equal(confined(false, read_passwords), EACCES);
	assert_int_equal(confined(true, listen_on_a_port), EACCES);
}

static void its_own_work_goes_on(void **state)
{
	(void)state;
	assert_int_equal(confined(false, work_as_usual), 0);
	assert_int_equal(confined(false, start_thread), 0);
	assert_int_equal(confined(true, open_socket), 0);
}

static void calls_of_attackers_are_deadly(void **state)
{
	(void)state;
	if (sandbox_sanitizers())
		skip();
	assert_int_equal(confined(true, run_shell), 1000 + SIGSYS);
	assert_int_equal(confined(true, trace_parent), 1000 + SIGSYS);
	assert_int_equal(confined(true, change_user), 1000 + SIGSYS);
	assert_int_equal(confined(false, open_socket), EPERM);
	assert_int_equal(confined(true, open_unix_socket), EPERM);
	assert_int_equal(confined(true, signal_parent), EPERM);
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

/* However slow the reader is, every account that changed is named at least once after its last change. */
static void announcements_are_never_lost(void **state)
{
	(void)state;
	enum { ACCOUNTS = 3000 };
	static bool heard[ACCOUNTS];
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	struct announcer *announcer = announcer_new(ends[0]);
	for (int i = 0; i < 3 * ACCOUNTS; i++) {
		char name[32];
		announcer_note(announcer, slice_make(name, (size_t)snprintf(name, sizeof name, "%d", i % ACCOUNTS)));
	}
	bool sent = announcer_send(announcer);
	assert_false(sent); /* more than a socket holds */
	for (int missing = ACCOUNTS; missing > 0;) {
		char name[32] = "";
		uint64_t number;
		if (recv(ends[1], name, sizeof name - 1, MSG_DONTWAIT) > 0) {
			assert_true(slice_to_number(slice_of(name), ACCOUNTS - 1, &number));
			missing -= !heard[number];
			heard[number] = true;
		} else {
			assert_false(sent);
			sent = announcer_send(announcer);
		}
	}
	announcer_free(&announcer);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_of_others_are_out_of_reach, set_up, tear_down),
		cmocka_unit_test_setup_teardown(its_own_work_goes_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(calls_of_attackers_are_deadly, set_up, tear_down),
		cmocka_unit_test(packets_bring_text_and_descriptor),
		cmocka_unit_test(announcements_are_never_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
