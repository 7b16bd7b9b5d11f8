/* Reading pages of FTS5; see page.h.
 *
 *   page     [offset of the first document, if it is before the first term, else 0: 2 bytes] [offset of the footer: 2 bytes] … [footer]
 *   footer   offsets of the terms, each less the one before
 *   term     [bytes in common with the one before, but for the first of a page] [other bytes] …, then its documents, which may go on on the next page
 *   document [number, less that of the one before, but for the first of a term or page], then with positions [2 × their bytes + 1 if it has gone] …, which may
 *            go on on the next page; without: [0 if it has gone] [0 if it is there again]
 *
 * Numbers are SQLite's: seven bits in a byte, the highest first, the ninth byte whole. */
#include "store/search/page_internal.h"

enum { LEVELS_MAX = 64, NUMBER_BYTES = 9 };

bool search_page_take_number(struct search_page_cursor *cursor, uint64_t *number)
{
	*number = 0;
	for (int i = 1; i <= NUMBER_BYTES; i++) {
		if (cursor->from >= cursor->to)
			return false;
		unsigned char byte = cursor->at[cursor->from++];
		*number = i == NUMBER_BYTES ? *number << 8 | byte : *number << 7 | (byte & 0x7f);
		if ((byte & 0x80) == 0)
			return true;
	}
	return true;
}

void search_page_put_number(struct buf *out, uint64_t number)
{
	char bytes[NUMBER_BYTES];
	int at = NUMBER_BYTES;
	if (number >> 56 != 0) {
		bytes[--at] = (char)(number & 0xff);
		number >>= 8;
		while (at > 0) {
			bytes[--at] = (char)((number & 0x7f) | 0x80);
			number >>= 7;
		}
	} else {
		bytes[--at] = (char)(number & 0x7f);
		while ((number >>= 7) != 0)
			bytes[--at] = (char)((number & 0x7f) | 0x80);
	}
	buf_append(out, slice_make(bytes + at, (size_t)(NUMBER_BYTES - at)));
}

/* ---- documents ---- */

static bool take_places(struct search_page_reader *reader, struct search_page_cursor *page)
{
	size_t here = page->to - page->from;
	here = reader->left < here ? (size_t)reader->left : here;
	struct slice bytes = slice_make((const char *)page->at + page->from, here);
	page->from += here;
	reader->left -= here;
	return here == 0 || reader->taker.places(reader->taker.context, bytes);
}

static uint64_t read_notes(struct search_page_cursor *page)
{
	uint64_t count = 0;
	for (; count < 2 && page->from < page->to && page->at[page->from] == 0; count++)
		page->from++;
	return count;
}

static bool read_documents(struct search_page_reader *reader, struct search_page_cursor page)
{
	uint64_t doc = 0, more, marks;
	bool first = true;
	while (page.from < page.to) {
		if (!search_page_take_number(&page, &more) || (!first && more == 0) || more > (uint64_t)INT64_MAX - doc)
			return false;
		doc += more;
		first = false;
		if (!reader->positions)
			marks = read_notes(&page);
		else if (!search_page_take_number(&page, &marks) || marks > INT32_MAX)
			return false;
		reader->left = reader->positions ? marks / 2 : 0;
		if (!reader->taker.document(reader->taker.context, (int64_t)doc, marks) || !take_places(reader, &page))
			return false;
	}
	return true;
}

/* ---- pages ---- */

static bool read_term(struct search_page_reader *reader, struct search_page_cursor *page, bool first)
{
	uint64_t common = 0, size;
	if ((!first && !search_page_take_number(page, &common)) || !search_page_take_number(page, &size) || common > reader->term.len || size > page->to - page->from || reader->left > 0)
		return false;
	reader->term.len = (size_t)common;
	buf_append(&reader->term, slice_make((const char *)page->at + page->from, (size_t)size));
	page->from += (size_t)size;
	reader->begun = true;
	return !reader->term.overflow && reader->taker.term(reader->taker.context, buf_slice(&reader->term));
}

/* What belongs to the term of the page before, up to the first of this one: the rest of its positions, and further documents. */
static bool read_rest(struct search_page_reader *reader, struct search_page_cursor page, size_t first)
{
	page.from = PAGE_HEADER;
	if (!take_places(reader, &page))
		return false;
	if (first == 0)
		return page.from == page.to;
	return reader->begun && first == page.from && first < page.to && read_documents(reader, page);
}

bool search_page_read(struct search_page_reader *reader, struct slice page)
{
	const unsigned char *at = (const unsigned char *)page.at;
	if (page.len < PAGE_HEADER || page.len > PAGE_BYTES_MAX)
		return false;
	size_t first = (size_t)at[0] << 8 | at[1], end = (size_t)at[2] << 8 | at[3];
	struct search_page_cursor footer = {at, end, page.len};
	uint64_t offset = end;
	if (end < PAGE_HEADER || end > page.len || (end < page.len && (!search_page_take_number(&footer, &offset) || offset < PAGE_HEADER || offset >= end)))
		return false;
	if (!read_rest(reader, (struct search_page_cursor){at, 0, (size_t)offset}, first))
		return false;
	for (bool beginning = true; (size_t)offset < end; beginning = false) {
		size_t term = (size_t)offset, next = end;
		if (footer.from < footer.to) {
			if (!search_page_take_number(&footer, &offset) || offset == 0 || offset >= end - term)
				return false;
			next = term + (size_t)offset;
		}
		struct search_page_cursor part = {at, term, next};
		if (!read_term(reader, &part, beginning) || !read_documents(reader, part))
			return false;
		offset = next;
	}
	return true;
}

bool search_page_read_end(struct search_page_reader *reader)
{
	bool whole = reader->left == 0;
	buf_clear(&reader->term);
	reader->left = 0;
	reader->begun = false;
	return whole;
}

void search_page_reader_free(struct search_page_reader *reader) { buf_free(&reader->term); }

/* ---- which segments there are ---- */

/* [cookie: 4 bytes] [levels] [segments] [counter], of each level [those being merged] [segments], of each of these [number] [first page] [last page]. */
struct record { struct search_page_cursor cursor; uint64_t levels, all, counter; };

static bool begin_record(struct slice bytes, struct record *record)
{
	*record = (struct record){.cursor = {(const unsigned char *)bytes.at, 4, bytes.len}};
	return bytes.len >= 4 && search_page_take_number(&record->cursor, &record->levels) && search_page_take_number(&record->cursor, &record->all) &&
	       search_page_take_number(&record->cursor, &record->counter) && record->levels <= LEVELS_MAX && record->all <= PAGE_SEGMENTS_MAX;
}

static bool take_segment(struct search_page_cursor *cursor, struct search_page_segment *segment)
{
	uint64_t number, first, last;
	if (!search_page_take_number(cursor, &number) || !search_page_take_number(cursor, &first) || !search_page_take_number(cursor, &last) || number == 0 || number > UINT16_MAX || last < first ||
	    last > INT32_MAX || (first == 0) != (last == 0)) /* 0: all of it went into another one that is being made */
		return false;
	*segment = (struct search_page_segment){(int64_t)number, (int64_t)first, (int64_t)last};
	return true;
}

bool search_page_segments(struct slice bytes, struct search_page_segment *list, size_t *count)
{
	struct record record;
	uint64_t merging, segments;
	*count = 0;
	if (!begin_record(bytes, &record))
		return false;
	for (uint64_t level = 0; level < record.levels; level++) {
		if (!search_page_take_number(&record.cursor, &merging) || !search_page_take_number(&record.cursor, &segments) || merging > segments || segments > record.all - *count)
			return false;
		for (uint64_t i = 0; i < segments; i++)
			if (!take_segment(&record.cursor, &list[(*count)++]))
				return false;
	}
	return *count == record.all;
}

/* What was being merged is left as far as it is: each is whole by itself. */
static void put_level(const struct search_page_segment *list, uint64_t count, struct buf *out)
{
	uint64_t there = 0;
	for (uint64_t i = 0; i < count; i++)
		there += list[i].last > 0;
	search_page_put_number(out, 0);
	search_page_put_number(out, there);
	for (uint64_t i = 0; i < count; i++)
		if (list[i].last > 0) {
			search_page_put_number(out, (uint64_t)list[i].number);
			search_page_put_number(out, (uint64_t)list[i].first);
			search_page_put_number(out, (uint64_t)list[i].last);
		}
}

bool search_page_segments_write(struct slice bytes, const struct search_page_segment *list, struct buf *out)
{
	struct record record;
	struct search_page_segment former;
	uint64_t merging, segments, all = 0;
	if (!begin_record(bytes, &record))
		return false;
	for (uint64_t i = 0; i < record.all; i++)
		all += list[i].last > 0;
	buf_append(out, slice_sub(bytes, 0, 4));
	search_page_put_number(out, record.levels);
	search_page_put_number(out, all);
	search_page_put_number(out, record.counter);
	for (uint64_t level = 0; level < record.levels; level++) {
		if (!search_page_take_number(&record.cursor, &merging) || !search_page_take_number(&record.cursor, &segments))
			return false;
		for (uint64_t i = 0; i < segments; i++)
			if (!take_segment(&record.cursor, &former))
				return false;
		put_level(list, segments, out);
		list += segments;
	}
	return !out->overflow;
}
