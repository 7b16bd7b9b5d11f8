/* The content of a message: its hash and its file. The hash is there to find out, after a power cut or a disk's
 * fault, whether a file still is what was written; nothing trusts it against an attacker. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "store/blob/internal.h"

static EVP_MD *sha256;

static void fetch_sha256(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!sha256)
		abort();
}

void blob_hash(struct slice content, unsigned char out[BLOB_HASH_SIZE])
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, fetch_sha256);
	if (EVP_Digest(content.at, content.len, out, NULL, sha256, NULL) != 1)
		memory_exhausted(content.len);
}

bool blob_map_open(int fd, struct slice *content, int64_t *dated, struct error *error)
{
	struct stat status;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		return error_set(error, ERROR_INVALID, "not a regular file");
	*content = slice_make(NULL, (size_t)status.st_size);
	if (dated)
		*dated = status.st_mtime;
	if (content->len == 0)
		return true;
	void *at = mmap(NULL, content->len, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return error_set_errno(error, errno, "mapping a message");
	madvise(at, content->len, MADV_SEQUENTIAL);
	content->at = at;
	return true;
}

static bool map_path(const char *path, struct slice *content, int64_t *dated, struct error *error)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return error_set(error, ERROR_NOT_FOUND, "%s is missing", path);
	if (fd < 0)
		return error_set_errno(error, errno, "opening %s", path);
	bool done = blob_map_open(fd, content, dated, error);
	close(fd);
	return done;
}

bool blob_map(const char *folder, int64_t id, struct slice *content, int64_t *dated, struct error *error)
{
	char path[PATH_MAX];
	blob_path_of_message(folder, id, path);
	return map_path(path, content, dated, error);
}

bool blob_map_draft(const char *path, struct slice *content, struct error *error)
{
	return map_path(path, content, NULL, error);
}

bool blob_map_arrival(const char *folder, struct arrival *arrival, struct slice *content, struct error *error)
{
	char path[PATH_MAX];
	blob_arrival_path(folder, arrival, path);
	return map_path(path, content, &arrival->received, error);
}

void blob_unmap(struct slice content)
{
	if (content.len > 0)
		munmap((void *)content.at, content.len);
}

/* Reads instead of mapping: a disk that can't read must be an error here, not a signal. */
static enum blob_state compare(int fd, uint64_t size, struct slice hash, struct error *error)
{
	enum { STEP = 64 * 1024 };
	unsigned char digest[BLOB_HASH_SIZE];
	char *step = memory_new(STEP);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint64_t total = 0;
	ssize_t got = 0;
	bool hashed = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
	while (hashed && total <= size && ((got = read(fd, step, STEP)) > 0 || (got < 0 && errno == EINTR)))
		if (got > 0) {
			total += (uint64_t)got;
			hashed = EVP_DigestUpdate(context, step, (size_t)got) == 1;
		}
	if (got < 0)
		error_set_errno(error, errno, "reading a message");
	hashed = hashed && EVP_DigestFinal_ex(context, digest, NULL) == 1;
	EVP_MD_CTX_free(context);
	free(step);
	if (got < 0)
		return BLOB_UNREADABLE;
	bool same = hashed && total == size && slice_equal(slice_make((char *)digest, sizeof digest), hash);
	return same ? BLOB_FINE : BLOB_DIFFERENT;
}

enum blob_state blob_check(const char *folder, int64_t id, uint64_t size, struct slice hash, struct error *error)
{
	char path[PATH_MAX];
	blob_path_of_message(folder, id, path);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return BLOB_MISSING;
	if (fd < 0) {
		error_set_errno(error, errno, "opening %s", path);
		return BLOB_UNREADABLE;
	}
	struct stat status;
	enum blob_state state = BLOB_DIFFERENT;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (uint64_t)status.st_size == size)
		state = compare(fd, size, hash, error);
	close(fd);
	return state;
}
