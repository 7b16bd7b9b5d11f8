/* Reading the files of many messages. Those of a month are in one folder, and a session reads the messages of a mailbox one
 * after the other: while the folder stays open, the way to the next file is short, and no date needs to be worked out. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/random.h"
#include "store/internal.h"

struct message_files {
	char *folder; /* the account's */
	int month;    /* the folder of a month; -1: none is open */
};

struct message_files *message_files_new(struct store *store, struct slice account, struct error *error)
{
	char *folder = path_of_account(store, account, error);
	if (!folder)
		return NULL;
	struct message_files *files = memory_new(sizeof *files);
	*files = (struct message_files){folder, -1};
	return files;
}

static void leave_month(struct message_files *files)
{
	if (files->month >= 0)
		close(files->month);
	files->month = -1;
}

void message_files_free(struct message_files **files)
{
	if (!*files)
		return;
	leave_month(*files);
	free((*files)->folder);
	free(*files);
	*files = NULL;
}

static int open_in_month(const struct message_files *files, int64_t id)
{
	char text[ID_TEXT_LEN + 1], name[ID_TEXT_LEN + sizeof ".eml"];
	if (files->month < 0)
		return -1;
	id_format(id, text);
	snprintf(name, sizeof name, "%s.eml", text);
	return openat(files->month, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

static int open_file(struct message_files *files, int64_t id)
{
	char path[PATH_MAX];
	int fd = open_in_month(files, id);
	if (fd >= 0)
		return fd;
	leave_month(files);
	path_of_month(files->folder, id, path);
	files->month = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return open_in_month(files, id);
}

bool message_files_read(struct message_files *files, int64_t message_id, uint64_t size, char *content)
{
	int fd = open_file(files, message_id);
	ssize_t got;
	if (fd < 0)
		return false;
	do
		got = read(fd, content, (size_t)size + 1); /* a byte more, to see that there is none */
	while (got < 0 && errno == EINTR);
	close(fd);
	return got >= 0 && (uint64_t)got == size;
}
