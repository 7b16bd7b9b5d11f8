/* SCM_RIGHTS, see unix(7) and cmsg(3). */
#include "base/descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/slice.h"

union space { /* aligned as cmsg(3) asks for */
	struct cmsghdr header;
	char bytes[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
};

bool descriptors_send(int socket, const struct iovec *parts, size_t count, const int *fds, size_t fd_count)
{
	union space space = {0};
	struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = count};
	if (fd_count > 0) {
		message.msg_control = &space;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof *fds);
		space.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(fd_count * sizeof *fds)};
		memcpy(CMSG_DATA(&space.header), fds, fd_count * sizeof *fds);
	}
	ssize_t sent;
	do
		sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent >= 0;
}

static void take(struct msghdr *message, int *fds, size_t *fd_count)
{
	*fd_count = 0;
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return;
	*fd_count = (header->cmsg_len - CMSG_LEN(0)) / sizeof *fds;
	memcpy(fds, CMSG_DATA(header), *fd_count * sizeof *fds);
}

ssize_t descriptors_receive(int socket, bool wait, void *bytes, size_t size, int *fds, size_t most, size_t *fd_count, bool *lost)
{
	union space space = {0};
	struct iovec part = {bytes, size};
	/* The room is CMSG_LEN of what is expected: in that of CMSG_SPACE, which is rounded up, the kernel may put one more. */
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = most ? &space : NULL, .msg_controllen = most ? CMSG_LEN(most * sizeof *fds) : 0};
	ssize_t got;
	do
		got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_TRUNC | (wait ? 0 : MSG_DONTWAIT));
	while (got < 0 && errno == EINTR);
	*fd_count = 0;
	*lost = false;
	if (got < 0)
		return got;
	take(&message, fds, fd_count);
	*lost = (message.msg_flags & MSG_CTRUNC) != 0;
	while (*lost && *fd_count > 0)
		close(fds[--*fd_count]);
	return got;
}
