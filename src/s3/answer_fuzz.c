/* Fuzzing of what a server says: faults, lists, the id of an upload, two fields. What is read is within its bounds. */
#include <stdlib.h>

#include "s3/internal.h"

static void must(bool held)
{
	if (!held)
		abort();
}

static void check_page(const struct s3_page *page, bool uploads)
{
	must(page->count <= S3_PAGE_MAX && page->next.len <= S3_TOKEN_MAX && page->next_upload.len <= S3_TOKEN_MAX && (!page->more || page->next.len > 0));
	for (size_t i = 0; i < page->count; i++) {
		must(page->at[i].key.len > 0 && page->at[i].key.len <= S3_KEY_MAX && page->at[i].size <= INT64_MAX);
		must(!uploads || (page->at[i].upload.len > 0 && page->at[i].upload.len <= S3_TOKEN_MAX));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_make((const char *)data, size), upload;
	struct arena *arena = arena_new();
	struct s3_page page;
	struct s3_fault fault;
	uint64_t from, to;
	if (s3_read_objects(input, arena, &page, NULL))
		check_page(&page, false);
	if (s3_read_uploads(input, arena, &page, NULL))
		check_page(&page, true);
	if (s3_read_upload(input, arena, &upload, NULL))
		must(upload.len > 0 && upload.len <= S3_TOKEN_MAX);
	s3_read_fault(input, &fault);
	must(strlen(fault.code) <= S3_CODE_MAX && slice_is_printable(slice_of(fault.code)) && slice_is_printable(slice_of(fault.words)));
	must(s3_kind(size > 0 ? 100 + 3 * data[0] : 0, &fault) != ERROR_NONE);
	must(s3_read_retry(input, 0) >= -1);
	must(!s3_read_range(input, &from, &to) || from <= to);
	arena_free(&arena);
	return 0;
}
