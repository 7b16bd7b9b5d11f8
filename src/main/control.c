/* Packets with a descriptor; see control.h. */
#include "main/control.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct packet {
	uint32_t type, value;
	char text[CONTROL_TEXT_MAX];
};

union descriptor_space { /* aligned as cmsg(3) asks for */
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

bool control_send(int channel, enum control_type type, uint32_t value, const char *text, int fd, struct error *error)
{
	struct packet packet = {.type = type, .value = value};
	snprintf(packet.text, sizeof packet.text, "%s", text ? text : "");
	struct iovec part = {&packet, offsetof(struct packet, text) + strlen(packet.text)};
	union descriptor_space space = {0};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	if (fd >= 0) {
		message.msg_control = &space;
		message.msg_controllen = sizeof space;
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		*header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
		memcpy(CMSG_DATA(header), &fd, sizeof fd);
	}
	ssize_t sent;
	do
		sent = sendmsg(channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent >= 0 || error_set_errno(error, errno, "control channel");
}

static int take_descriptor(struct msghdr *message)
{
	int fd = -1;
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header))
		if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof fd))
			memcpy(&fd, CMSG_DATA(header), sizeof fd);
	return fd;
}

enum control_result control_receive(int channel, bool wait, struct control_message *message)
{
	struct packet packet = {0};
	struct iovec part = {&packet, sizeof packet - 1};
	union descriptor_space space = {0};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &space, .msg_controllen = sizeof space};
	ssize_t got;
	do
		got = recvmsg(channel, &header, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
	while (got < 0 && errno == EINTR);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return CONTROL_NONE;
	int fd = got < 0 ? -1 : take_descriptor(&header);
	if (got < (ssize_t)offsetof(struct packet, text)) {
		if (fd >= 0)
			close(fd);
		return CONTROL_CLOSED;
	}
	*message = (struct control_message){.type = packet.type, .value = packet.value, .fd = fd};
	memcpy(message->text, packet.text, sizeof message->text);
	return CONTROL_MESSAGE;
}
