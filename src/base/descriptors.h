/* Datagrams over local sockets, with descriptors that travel along. Who receives says how many it expects: what is more is
 * closed, so that no sender can fill another process with descriptors. */
#ifndef BASE_DESCRIPTORS_H
#define BASE_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

enum { DESCRIPTORS_MAX = 4 };

/** Sends the parts as one datagram with `fd_count` (at most DESCRIPTORS_MAX) descriptors, which stay the caller's. Never
 * blocks. False with errno. */
bool descriptors_send(int socket, const struct iovec *parts, size_t count, const int *fds, size_t fd_count);
/** Receives one datagram with at most `most` (of DESCRIPTORS_MAX) descriptors into fds; *fd_count of them came, and are the
 * caller's to close. *lost: more came than `most`, or than this process may open; then none of them is left open, and *fd_count is 0.
 * Returns the datagram's true length, which may be more than `size` (then the rest is lost); 0 at the end of the channel; -1 with
 * errno: EAGAIN if there is none and `wait` isn't set. */
ssize_t descriptors_receive(int socket, bool wait, void *bytes, size_t size, int *fds, size_t most, size_t *fd_count, bool *lost);

#endif
