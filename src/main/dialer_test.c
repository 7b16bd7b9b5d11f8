/* The process that connects for the policy role: to the engines of the configuration, and to nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "main/dialer.h"

struct listening {
	char folder[64], path[100], entries[3][160];
	int local, tcp, lost_fd;
};

static int set_up(void **state)
{
	static struct listening listening;
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	struct sockaddr_in tcp = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof tcp;
	snprintf(listening.folder, sizeof listening.folder, "/tmp/pombal-dialer-XXXXXX");
	if (!mkdtemp(listening.folder))
		return -1;
	snprintf(listening.path, sizeof listening.path, "%s/socket", listening.folder);
	snprintf(local.sun_path, sizeof local.sun_path, "%s", listening.path);
	listening.local = socket(AF_UNIX, SOCK_STREAM, 0);
	listening.tcp = socket(AF_INET, SOCK_STREAM, 0);
	listening.lost_fd = eventfd(0, EFD_NONBLOCK);
	if (bind(listening.local, (struct sockaddr *)&local, sizeof local) != 0 || listen(listening.local, 5) != 0 ||
	    bind(listening.tcp, (struct sockaddr *)&tcp, sizeof tcp) != 0 || listen(listening.tcp, 5) != 0 || getsockname(listening.tcp, (struct sockaddr *)&tcp, &size) != 0)
		return -1;
	snprintf(listening.entries[0], sizeof listening.entries[0], "clamd %s", listening.path);
	snprintf(listening.entries[1], sizeof listening.entries[1], "rspamd 127.0.0.1:%d", ntohs(tcp.sin_port));
	snprintf(listening.entries[2], sizeof listening.entries[2], "clamd %s/nobody", listening.folder);
	*state = &listening;
	return 0;
}

static int tear_down(void **state)
{
	struct listening *listening = *state;
	close(listening->local);
	close(listening->tcp);
	close(listening->lost_fd);
	unlink(listening->path);
	return rmdir(listening->folder);
}

/* Does what is dialled reach who listens at `socket`? */
static void assert_reaches(struct dialer *dialer, size_t index, int socket)
{
	int fd = dialer_dial(dialer, index, NULL);
	assert_true(fd >= 0);
	struct pollfd polled = {.fd = fd, .events = POLLOUT};
	assert_int_equal(poll(&polled, 1, 20000), 1);
	int peer = accept(socket, NULL, NULL);
	char byte = 0;
	assert_true(peer >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read(peer, &byte, 1), 1);
	assert_int_equal(byte, 'x');
	close(peer);
	close(fd);
}

static void engines_are_reached_and_nothing_else(void **state)
{
	struct listening *listening = *state;
	const char *entries[] = {listening->entries[0], listening->entries[1], listening->entries[2]};
	struct error error;
	struct dialer *dialer = dialer_new(&(struct config_string_list){entries, 3}, listening->lost_fd, &error);
	assert_non_null(dialer);
	for (int i = 0; i < 3; i++) {
		assert_reaches(dialer, 0, listening->local);
		assert_reaches(dialer, 1, listening->tcp);
	}
	assert_int_equal(dialer_dial(dialer, 2, NULL), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(dialer_dial(dialer, 3, NULL), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(dialer_dial(dialer, (size_t)-1, NULL), -1);
	assert_int_equal(errno, EINVAL);
	eventfd_t lost;
	assert_int_equal(eventfd_read(listening->lost_fd, &lost), -1);
	dialer_free(&dialer);
	assert_null(dialer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(engines_are_reached_and_nothing_else, set_up, tear_down)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
