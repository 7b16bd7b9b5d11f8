/* Fuzzing of the file of correspondents: whatever stands in the place of an entry, and in its row, nobody is known by chance, and who is noted is known. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "training/correspondents.h"

static const int64_t now = 1795910400;

static void must(bool held)
{
	if (!held)
		abort();
}

/* Puts the input where something stands, and at the file's start. */
static void damage(const char *path, const uint8_t *data, size_t size)
{
	char block[4096];
	int fd = open(path, O_RDWR);
	off_t at = lseek(fd, 0, SEEK_DATA);
	ssize_t got = at >= 0 ? pread(fd, block, sizeof block, at) : 0;
	for (ssize_t i = 0; i + 16 <= got; i += 16)
		if (block[i + 8] != 0 || block[i + 9] != 0) {
			must(pwrite(fd, data, size, at + i) == (ssize_t)size && pwrite(fd, data, size, at + i / 128 * 128) == (ssize_t)size);
			break;
		}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	struct stat status;
	struct slice ann = SLICE("ann@example.org");
	snprintf(path, sizeof path, "/tmp/correspondents_fuzz.%d", (int)getpid());
	unlink(path);
	training_correspondents_note(path, TRAINING_WRITTEN_TO, &ann, 1, now);
	damage(path, data, size < 256 ? size : 256);
	training_correspondents_has(path, TRAINING_WRITTEN_TO, ann, now);
	must(!training_correspondents_has(path, TRAINING_WRITTEN_TO, SLICE("bob@example.org"), now));
	training_correspondents_note(path, TRAINING_WRITTEN_TO, &ann, 1, now);
	must(training_correspondents_has(path, TRAINING_WRITTEN_TO, ann, now));
	must(stat(path, &status) == 0 && status.st_size <= 128 * 1024);
	return 0;
}
