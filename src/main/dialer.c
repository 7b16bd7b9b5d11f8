/* Connecting for the policy role; see dialer.h. A question is the number of an engine, the answer an errno and, if that is 0, a socket that is
 * connected or about to be: nothing here waits for an engine. */
#include "main/dialer.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/descriptors.h"
#include "base/log.h"
#include "base/memory.h"
#include "main/sandbox.h"

enum { ANSWER_MS = 5000 };

struct dialer {
	int channel, lost_fd;
	pthread_mutex_t lock; /* one question at a time */
};

/* ---- The process ---- */

static uint16_t port_of(const struct config_engine *engine)
{
	switch (engine->address.ss_family) {
	case AF_INET:
		return ntohs(((const struct sockaddr_in *)&engine->address)->sin_port);
	case AF_INET6:
		return ntohs(((const struct sockaddr_in6 *)&engine->address)->sin6_port);
	default:
		return 0;
	}
}

static bool confine(const struct engine_pool *pool, struct error *error)
{
	uint16_t ports[CONFIG_ENGINES_MAX + 1] = {0};
	size_t count = 0;
	bool local = false;
	for (size_t i = 0; i < engine_pool_count(pool); i++) {
		uint16_t port = port_of(engine_pool_at(pool, i));
		local = local || port == 0;
		if (port != 0)
			ports[count++] = port;
	}
	struct sandbox sandbox = {.network = count > 0, .ports = ports, .local_sockets = local};
	return sandbox_enter(&sandbox, error);
}

static void answer(int channel, const struct engine_pool *pool, size_t index)
{
	int fd = index < engine_pool_count(pool) ? engine_dial_directly(NULL, index, engine_pool_at(pool, index)) : -1;
	int number = fd >= 0 ? 0 : index < engine_pool_count(pool) ? errno : EINVAL;
	struct iovec part = {&number, sizeof number};
	descriptors_send(channel, &part, 1, &fd, fd >= 0);
	if (fd >= 0)
		close(fd);
}

_Noreturn static void run(int channel, const struct config_string_list *engines)
{
	struct engine_pool *pool = engine_pool_new(engines, engine_dial_directly, NULL);
	struct error error;
	uint32_t index;
	prctl(PR_SET_NAME, "dialer");
	log_set_file(-1);
	signal(SIGTERM, SIG_IGN); /* it ends with the role, which may still want to ask */
	if (!confine(pool, &error)) {
		log_error("dialer.failed", log_text("reason", error.text));
		_exit(1);
	}
	while (recv(channel, &index, sizeof index, 0) == sizeof index)
		answer(channel, pool, index);
	_exit(0);
}

/* ---- The role's side ---- */

/* Whatever the role has open isn't this process's affair: all but the channel and where it logs. */
static void close_others(int channel)
{
	if (channel > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)channel - 1, 0);
	close_range((unsigned)channel + 1, ~0U, 0);
}

struct dialer *dialer_new(const struct config_string_list *engines, int lost_fd, struct error *error)
{
	int ends[2];
	pid_t pid = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 ? fork() : -1;
	if (pid == 0) {
		close_others(ends[1]);
		run(ends[1], engines);
	}
	if (pid < 0) {
		error_set_errno(error, errno, "starting a process that connects to engines");
		return NULL;
	}
	close(ends[1]);
	struct dialer *dialer = memory_new(sizeof *dialer);
	*dialer = (struct dialer){.channel = ends[0], .lost_fd = lost_fd};
	pthread_mutex_init(&dialer->lock, NULL);
	return dialer;
}

/* Its answer: a descriptor, or -1 with errno. ENOTCONN: there is none. */
static int ask(struct dialer *dialer, uint32_t index)
{
	struct pollfd polled = {.fd = dialer->channel, .events = POLLIN};
	int number = 0, fd = -1;
	size_t count = 0;
	bool lost;
	errno = ENOTCONN;
	if (send(dialer->channel, &index, sizeof index, MSG_NOSIGNAL) != sizeof index || poll(&polled, 1, ANSWER_MS) != 1 ||
	    descriptors_receive(dialer->channel, false, &number, sizeof number, &fd, 1, &count, &lost) != sizeof number) {
		errno = ENOTCONN;
		return -1;
	}
	errno = number != 0 ? number : EMFILE;
	return count == 1 ? fd : -1;
}

int dialer_dial(void *context, size_t index, const struct config_engine *engine)
{
	struct dialer *dialer = context;
	(void)engine;
	pthread_mutex_lock(&dialer->lock);
	int fd = ask(dialer, (uint32_t)index);
	int number = errno;
	if (fd < 0 && number == ENOTCONN)
		eventfd_write(dialer->lost_fd, 1);
	pthread_mutex_unlock(&dialer->lock);
	errno = number;
	return fd;
}

void dialer_free(struct dialer **dialer)
{
	if (!*dialer)
		return;
	close((*dialer)->channel); /* then the process ends; who has confined itself may not wait for it */
	pthread_mutex_destroy(&(*dialer)->lock);
	free(*dialer);
	*dialer = NULL;
}
