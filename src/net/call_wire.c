/* Datagrams with a header, and texts that are too long for one. */
#include "net/call_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptors.h"
#include "base/file.h"

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

/* A memory file that nobody can change any more: what its receiver has checked stays so. */
static int seal_text(struct slice text)
{
	struct error error;
	int fd = memfd_create("question", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd >= 0 && (!file_write_all(fd, text, &error) || fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) != 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void put_header(struct buf *out, const struct call_datagram *datagram, unsigned flags)
{
	wire_put_short(out, CALL_VERSION, 1);
	wire_put_short(out, datagram->kind, 1);
	wire_put_short(out, datagram->flags | flags, 1);
	wire_put_short(out, datagram->verb, 1);
	wire_put_number(out, datagram->generation);
	wire_put_number(out, datagram->id);
	wire_put_number(out, (uint64_t)datagram->time);
}

bool call_send(int channel, const struct call_datagram *datagram)
{
	struct buf header = BUF(CALL_HEADER_SIZE);
	int fds[CALL_TRAVELLERS_MAX], memory = -1;
	size_t count = 0;
	bool large = datagram->text.len > CALL_INLINE_MAX;
	if (large && (memory = seal_text(datagram->text)) < 0)
		return false;
	if (large)
		fds[count++] = memory;
	for (size_t i = 0; i < datagram->fd_count; i++)
		fds[count++] = datagram->fds[i];
	put_header(&header, datagram, large ? CALL_IN_MEMORY : 0);
	struct iovec parts[2] = {{header.at, header.len}, {(char *)(uintptr_t)datagram->text.at, large ? 0 : datagram->text.len}};
	bool sent = descriptors_send(channel, parts, 2, fds, count);
	int number = errno;
	if (memory >= 0)
		close(memory);
	buf_free(&header);
	errno = number;
	return sent;
}

void call_close(struct call_datagram *datagram)
{
	while (datagram->fd_count > 0)
		close(datagram->fds[--datagram->fd_count]);
}

/* `lost`: descriptors that came with it can't be had here. A text that was in one is empty then. */
static bool parse(struct slice bytes, bool lost, struct call_datagram *datagram)
{
	struct wire_reader reader = {.rest = bytes};
	bool ours = wire_short(&reader, 1) == CALL_VERSION;
	datagram->kind = (unsigned)wire_short(&reader, 1);
	datagram->flags = (unsigned)wire_short(&reader, 1);
	datagram->verb = (unsigned)wire_short(&reader, 1);
	datagram->generation = wire_short(&reader, 8);
	datagram->id = wire_short(&reader, 8);
	datagram->time = (int64_t)wire_number(&reader, INT64_MAX);
	datagram->text = reader.rest;
	if (lost)
		datagram->flags &= ~(unsigned)CALL_IN_MEMORY;
	size_t needed = datagram->flags & CALL_IN_MEMORY ? 1 : 0;
	return ours && !reader.broken && datagram->fd_count >= needed && datagram->fd_count - needed <= CALL_DESCRIPTORS_MAX;
}

/* Tells the end of a channel from an empty datagram. */
static bool peer_is_gone(int channel)
{
	struct pollfd polled = {.fd = channel, .events = POLLRDHUP};
	return poll(&polled, 1, 0) > 0 && polled.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL);
}

int call_receive(int channel, char *bytes, struct call_datagram *datagram)
{
	*datagram = (struct call_datagram){0};
	bool lost; /* the datagram counts all the same: who waits for it must hear that what belongs to it isn't there */
	ssize_t got = descriptors_receive(channel, false, bytes, CALL_DATAGRAM_MAX, datagram->fds, CALL_TRAVELLERS_MAX, &datagram->fd_count, &lost);
	if (got < 0)
		return errno == EAGAIN ? 0 : -1;
	if (got > 0 && got <= CALL_DATAGRAM_MAX && parse(slice_make(bytes, (size_t)got), lost, datagram))
		return 1;
	call_close(datagram);
	return got == 0 && peer_is_gone(channel) ? -1 : 0;
}

bool call_map_text(struct call_datagram *datagram, size_t most, struct slice *text)
{
	struct stat status;
	int fd = datagram->fds[0], seals = fcntl(fd, F_GET_SEALS);
	datagram->fd_count--;
	memmove(datagram->fds, datagram->fds + 1, datagram->fd_count * sizeof *datagram->fds);
	void *at = MAP_FAILED;
	if (seals >= 0 && (seals & SEALS) == SEALS && fstat(fd, &status) == 0 && status.st_size > 0 && (uint64_t)status.st_size <= most)
		at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (at == MAP_FAILED)
		return false;
	*text = slice_make(at, (size_t)status.st_size);
	return true;
}
