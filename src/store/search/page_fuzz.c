/* libFuzzer: any bytes as pages of an index for searches, and as the list of its segments. Nothing beyond them is read; what is read and written again, without some
 * documents, is read as the same without these. */
#include <stdlib.h>
#include <string.h>

#include "store/search/page.h"

enum { DROPPED = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
	if (!so)
		abort();
}

/* What is said, as a sum; with a writer, what it says is written, too. */
struct copy {
	struct search_page_writer *writer;
	struct search_page_reader *again;
	struct buf term;
	uint64_t sum;
	bool waits, dropped;
};

static uint64_t add(uint64_t sum, struct slice bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		sum = (sum ^ (unsigned char)bytes.at[i]) * 0x100000001b3;
	return sum;
}

static bool take_term(void *context, struct slice term)
{
	struct copy *copy = context;
	must(term.len <= PAGE_TERM_MAX);
	buf_clear(&copy->term);
	buf_append(&copy->term, term);
	copy->waits = true;
	return true;
}

static bool take_document(void *context, int64_t doc, uint64_t marks)
{
	struct copy *copy = context;
	copy->dropped = copy->writer && doc % DROPPED == 0;
	if (copy->dropped)
		return true;
	if (copy->waits)
		copy->sum = add(copy->sum, buf_slice(&copy->term));
	bool done = !copy->writer || !copy->waits || search_page_write_term(copy->writer, buf_slice(&copy->term));
	copy->waits = false;
	copy->sum = (copy->sum ^ (uint64_t)doc) * 31 + marks;
	return done && (!copy->writer || search_page_write_document(copy->writer, doc, marks));
}

static bool take_places(void *context, struct slice bytes)
{
	struct copy *copy = context;
	must(bytes.len > 0);
	if (copy->dropped)
		return true;
	copy->sum = add(copy->sum, bytes);
	return !copy->writer || search_page_write_places(copy->writer, bytes);
}

static bool give_page(void *context, int64_t number, struct slice bytes)
{
	struct copy *copy = context;
	(void)number;
	must(search_page_read(copy->again, bytes));
	return true;
}

static bool give_index(void *context, struct slice term, int64_t number, bool documents) { return (void)context, (void)term, (void)number, (void)documents, true; }
static bool give_documents(void *context, int64_t number, struct slice bytes) { return (void)context, (void)number, (void)bytes, true; }

/* In memory of its own size, so that reading beyond is seen. */
static bool read_page(struct search_page_reader *reader, const uint8_t *data, size_t size)
{
	char *page = malloc(size > 0 ? size : 1);
	if (!page)
		return false;
	if (size > 0)
		memcpy(page, data, size);
	bool done = search_page_read(reader, slice_make(page, size));
	free(page);
	return done;
}

static void copy_pages(bool positions, const uint8_t *data, size_t size)
{
	size_t first = data[0] * (size - 1) / 255; /* two pages */
	int64_t pages;
	struct copy second = {.term = BUF(PAGE_TERM_MAX)};
	struct search_page_reader again = SEARCH_PAGE_READER(.positions = positions, .taker = {take_term, take_document, take_places, &second});
	struct search_page_writer writer = SEARCH_PAGE_WRITER(.positions = positions, .giver = {give_page, give_index, give_documents, &second});
	struct copy copy = {.writer = &writer, .term = BUF(PAGE_TERM_MAX)};
	struct search_page_reader reader = SEARCH_PAGE_READER(.positions = positions, .taker = {take_term, take_document, take_places, &copy});
	second.again = &again;
	if (read_page(&reader, data + 1, first) && read_page(&reader, data + 1 + first, size - 1 - first) && search_page_read_end(&reader) && search_page_write_end(&writer, &pages)) {
		must(search_page_read_end(&again));
		must(copy.sum == second.sum);
	}
	search_page_reader_free(&reader);
	search_page_reader_free(&again);
	search_page_writer_free(&writer);
	buf_free(&copy.term);
	buf_free(&second.term);
}

static void copy_record(struct slice record)
{
	static struct search_page_segment list[PAGE_SEGMENTS_MAX], others[PAGE_SEGMENTS_MAX];
	struct buf out = BUF(64 * 1024);
	size_t count, other_count, there = 0;
	if (search_page_segments(record, list, &count) && search_page_segments_write(record, list, &out)) {
		must(search_page_segments(buf_slice(&out), others, &other_count));
		for (size_t i = 0; i < count; i++)
			there += list[i].last > 0;
		must(other_count == there);
	}
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	copy_record(slice_make((const char *)data, size));
	for (int positions = 0; positions < 2 && size > 1; positions++)
		copy_pages(positions, data, size);
	return 0;
}
