/* Doing what engines want changed; see edits.h. */
#include "submit/edits.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "message/header.h"

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

bool submit_map_body(int fd, int64_t max, struct slice *body)
{
	struct stat status;
	int seals = fd >= 0 ? fcntl(fd, F_GET_SEALS) : -1;
	*body = slice_make(NULL, 0);
	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &status) != 0 || status.st_size > max)
		return false;
	if (status.st_size == 0)
		return true;
	void *at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return false;
	*body = slice_make(at, (size_t)status.st_size);
	return true;
}

void submit_unmap_body(struct slice *body)
{
	if (body->at)
		munmap((void *)(uintptr_t)body->at, body->len);
	*body = slice_make(NULL, 0);
}

struct writing {
	struct slice message;
	uint64_t done;
	void (*put)(void *context, struct slice text);
	void *context;
};

/* Up to `at` as it was, then the text, in the place of `len` bytes. */
static void put_instead(struct writing *writing, uint64_t at, uint64_t len, struct slice text)
{
	writing->put(writing->context, slice_sub(writing->message, (size_t)writing->done, (size_t)(at - writing->done)));
	writing->put(writing->context, text);
	writing->done = at + len;
}

void submit_write_changed(struct slice message, const struct policy_answer *answer, struct slice body, void (*put)(void *context, struct slice text), void *context)
{
	struct writing writing = {message, 0, put, context};
	for (size_t i = 0; i < answer->edits.count; i++)
		put_instead(&writing, answer->edits.list[i].at, answer->edits.list[i].len, answer->edits.list[i].text);
	for (size_t i = 0; i < answer->cut_count && answer->cuts[i].at >= writing.done && answer->cuts[i].at <= message.len; i++)
		put_instead(&writing, answer->cuts[i].at, answer->cuts[i].len, answer->cuts[i].text);
	if (answer->edits.body)
		put_instead(&writing, header_length(message), UINT32_MAX, body);
	put(context, writing.done < message.len ? slice_skip(message, (size_t)writing.done) : SLICE(""));
}
