/* Packets with a descriptor; see control.h. */
#include "main/control.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "base/descriptors.h"

struct packet {
	uint32_t type, value;
	char text[CONTROL_TEXT_MAX];
};

bool control_send(int channel, enum control_type type, uint32_t value, const char *text, int fd, struct error *error)
{
	struct packet packet = {.type = type, .value = value};
	snprintf(packet.text, sizeof packet.text, "%s", text ? text : "");
	struct iovec part = {&packet, offsetof(struct packet, text) + strlen(packet.text)};
	return descriptors_send(channel, &part, 1, &fd, fd >= 0) || error_set_errno(error, errno, "control channel");
}

enum control_result control_receive(int channel, bool wait, struct control_message *message)
{
	struct packet packet = {0};
	int fd = -1;
	size_t fds;
	bool lost;
	ssize_t got = descriptors_receive(channel, wait, &packet, sizeof packet - 1, &fd, 1, &fds, &lost);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return CONTROL_NONE;
	if (lost || got < (ssize_t)offsetof(struct packet, text) || got >= (ssize_t)sizeof packet) {
		if (fds > 0)
			close(fd);
		return CONTROL_CLOSED;
	}
	*message = (struct control_message){.type = packet.type, .value = packet.value, .fd = fds > 0 ? fd : -1};
	memcpy(message->text, packet.text, sizeof message->text);
	return CONTROL_MESSAGE;
}
