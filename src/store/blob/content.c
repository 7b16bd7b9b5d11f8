/* The content of a message: its hash, its summary, its file. The hash is there to find out, after a power cut or a disk's
 * fault, whether a file still is what was written; nothing trusts it against an attacker. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "message/summary.h"
#include "store/internal.h"

static EVP_MD *sha256;

static void fetch_sha256(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!sha256)
		abort();
}

void content_hash(struct slice content, unsigned char out[CONTENT_HASH_SIZE])
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, fetch_sha256);
	if (EVP_Digest(content.at, content.len, out, NULL, sha256, NULL) != 1)
		memory_exhausted(content.len);
}

struct slice content_summary(struct slice content, struct arena *arena)
{
	struct arena *tree = arena_new();
	struct slice summary = summary_encode(mime_parse(content, tree), arena);
	arena_free(&tree);
	return summary;
}

bool content_map_open(int fd, struct slice *content, struct error *error)
{
	struct stat status;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		return error_set(error, ERROR_INVALID, "not a regular file");
	*content = slice_make(NULL, (size_t)status.st_size);
	if (content->len == 0)
		return true;
	void *at = mmap(NULL, content->len, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return error_set_errno(error, errno, "mapping a message");
	madvise(at, content->len, MADV_SEQUENTIAL);
	content->at = at;
	return true;
}

bool content_map(const char *path, struct slice *content, struct error *error)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return error_set(error, ERROR_NOT_FOUND, "%s is missing", path);
	if (fd < 0)
		return error_set_errno(error, errno, "opening %s", path);
	bool done = content_map_open(fd, content, error);
	close(fd);
	return done;
}

void content_unmap(struct slice content)
{
	if (content.len > 0)
		munmap((void *)content.at, content.len);
}

/* Reads instead of mapping: a disk that can't read must be an error here, not a signal. */
static enum content_state compare(int fd, uint64_t size, struct slice hash, struct error *error)
{
	enum { STEP = 64 * 1024 };
	unsigned char digest[CONTENT_HASH_SIZE];
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
		return CONTENT_UNREADABLE;
	bool same = hashed && total == size && slice_equal(slice_make((char *)digest, sizeof digest), hash);
	return same ? CONTENT_FINE : CONTENT_DIFFERENT;
}

enum content_state content_check(const char *path, uint64_t size, struct slice hash, struct error *error)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return CONTENT_MISSING;
	if (fd < 0) {
		error_set_errno(error, errno, "opening %s", path);
		return CONTENT_UNREADABLE;
	}
	struct stat status;
	enum content_state state = CONTENT_DIFFERENT;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (uint64_t)status.st_size == size)
		state = compare(fd, size, hash, error);
	close(fd);
	return state;
}
