/* The datagrams of call.h, for the two sides of it. */
#ifndef NET_CALL_WIRE_H
#define NET_CALL_WIRE_H

#include "base/wire.h"
#include "net/call.h"

enum {
	CALL_VERSION = 1,
	CALL_HEADER_SIZE = 4 + 3 * 8,
	CALL_DATAGRAM_MAX = CALL_HEADER_SIZE + CALL_INLINE_MAX,
	CALL_TRAVELLERS_MAX = CALL_DESCRIPTORS_MAX + 1, /* with the text's memory file */
};

enum call_kind { CALL_HELLO = 1, CALL_QUESTION, CALL_ANSWER, CALL_PING };
enum { CALL_AGAIN = 1, CALL_IN_MEMORY = 2, CALL_MORE = 4 /* of the answer follows */ };

struct call_datagram {
	unsigned kind, flags, verb;
	uint64_t generation, id;
	int64_t time;
	struct slice text;
	int fds[CALL_TRAVELLERS_MAX];
	size_t fd_count;
};

/** Sends it, without blocking; the descriptors stay the caller's. False with errno: EAGAIN if there is no room now. */
bool call_send(int channel, const struct call_datagram *datagram);
/** Receives one into `bytes` (CALL_DATAGRAM_MAX), with descriptors that are the receiver's. 1: one came; 0: none, or none of
 * ours, which is closed and dropped; -1: the other side has gone. */
int call_receive(int channel, char *bytes, struct call_datagram *datagram);
void call_close(struct call_datagram *datagram);
/** Maps the text of a datagram that has it in a memory file, which is closed and taken out of its descriptors. False if that is
 * no sealed memory file of at most `most` bytes. munmap() is due. */
bool call_map_text(struct call_datagram *datagram, size_t most, struct slice *text);

#endif
