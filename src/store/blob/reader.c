/* Reading the files of many messages. Those of a month are in one folder, and a session reads the messages of a mailbox one
 * after the other: while the folder stays open, the way to the next file is short, and no date needs to be worked out. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/random.h"
#include "store/blob/internal.h"

static void leave_month(struct blob_reader *reader)
{
	if (reader->month >= 0)
		close(reader->month);
	reader->month = -1;
}

void blob_reader_end(struct blob_reader *reader)
{
	leave_month(reader);
	free(reader->folder);
}

static int open_in_month(const struct blob_reader *reader, int64_t id)
{
	char text[ID_TEXT_LEN + 1], name[ID_TEXT_LEN + sizeof ".eml"];
	if (reader->month < 0)
		return -1;
	id_format(id, text);
	snprintf(name, sizeof name, "%s.eml", text);
	return openat(reader->month, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

static int open_file(struct blob_reader *reader, int64_t id)
{
	char path[PATH_MAX];
	int fd = open_in_month(reader, id);
	if (fd >= 0)
		return fd;
	leave_month(reader);
	blob_path_of_month(reader->folder, id, path);
	reader->month = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return open_in_month(reader, id);
}

bool blob_reader_read(struct blob_reader *reader, int64_t id, uint64_t size, char *content)
{
	int fd = open_file(reader, id);
	ssize_t got;
	if (fd < 0)
		return false;
	do
		got = read(fd, content, (size_t)size + 1); /* a byte more, to see that there is none */
	while (got < 0 && errno == EINTR);
	close(fd);
	return got >= 0 && (uint64_t)got == size;
}
