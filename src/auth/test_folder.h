/* A data directory of a test's own, removed at its end with everything in it. */
#ifndef AUTH_TEST_FOLDER_H
#define AUTH_TEST_FOLDER_H

#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/slice.h"

struct test_folder { char path[256]; };

static inline void test_folder_make(struct test_folder *folder)
{
	const char *parent = getenv("TMPDIR");
	snprintf(folder->path, sizeof folder->path, "%s/auth-test-XXXXXX", parent ? parent : "/tmp");
	if (!mkdtemp(folder->path))
		abort();
}

static inline int test_folder_unlink(const char *path, const struct stat *status, int kind, struct FTW *level)
{
	(void)status, (void)kind, (void)level;
	return remove(path);
}

static inline void test_folder_remove(struct test_folder *folder)
{
	nftw(folder->path, test_folder_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
