/* Fuzzing of the file of correspondents: whatever it holds nobody is known by chance, and who is noted is known. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "training/correspondents.h"

static void must(bool held)
{
	if (!held)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int64_t now = 1795910400;
	char path[64];
	struct error error;
	struct stat status;
	struct slice ann = SLICE("ann@example.org");
	snprintf(path, sizeof path, "/tmp/correspondents_fuzz.%d", (int)getpid());
	unlink(path);
	if (!file_replace(path, slice_make((const char *)data, size), 0600, &error))
		return 0;
	training_correspondents_has(path, TRAINING_WRITTEN_TO, ann, now);
	training_correspondents_note(path, TRAINING_WRITTEN_TO, &ann, 1, now);
	must(training_correspondents_has(path, TRAINING_WRITTEN_TO, ann, now));
	must(stat(path, &status) == 0 && (status.st_size <= 128 * 1024 || (size_t)status.st_size == size));
	unlink(path);
	return 0;
}
