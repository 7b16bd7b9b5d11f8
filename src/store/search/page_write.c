/* Writing pages of FTS5, as it does: where pages end, what stands in the index of pages, and, of documents of one term that fill several pages, the list of
 * their first documents. Such a list that would need pages above it (of a term in millions of documents) is left out: it is for speed alone. */
#include "store/search/page_internal.h"

enum { LISTED_FROM = 4 /* pages without terms */ };

static size_t size_of(const struct search_page_writer *writer) { return writer->page.len + writer->footer.len; }

static void begin_page(struct search_page_writer *writer)
{
	buf_clear(&writer->page);
	buf_clear(&writer->footer);
	buf_append(&writer->page, slice_make("\0\0\0\0", PAGE_HEADER));
	writer->offset = 0;
	writer->has_term = writer->has_document = false;
}

static void put_offset(struct search_page_writer *writer, size_t at, size_t offset)
{
	writer->page.at[at] = (char)(offset >> 8);
	writer->page.at[at + 1] = (char)(offset & 0xff);
}

static bool end_page(struct search_page_writer *writer)
{
	if (writer->page.overflow || writer->footer.overflow)
		return false;
	put_offset(writer, 2, writer->page.len);
	if (!writer->has_term) {
		if (!writer->has_document && writer->list.len > 0)
			search_page_put_number(&writer->list, 0);
		writer->empty++;
	} else {
		buf_append(&writer->page, buf_slice(&writer->footer));
	}
	bool done = !writer->page.overflow && writer->giver.page(writer->giver.context, writer->number, buf_slice(&writer->page));
	writer->number++;
	begin_page(writer);
	return done;
}

/* ---- the index of pages ---- */

static bool put_key(struct search_page_writer *writer)
{
	bool listed = writer->empty >= LISTED_FROM && !writer->list.overflow;
	bool done = (!listed || writer->giver.documents(writer->giver.context, writer->key_page, buf_slice(&writer->list))) &&
		    writer->giver.index(writer->giver.context, buf_slice(&writer->key), writer->key_page, listed);
	buf_free(&writer->list);
	writer->list = BUF(PAGE_BYTES);
	writer->empty = 0;
	return done;
}

static size_t common_bytes(struct slice a, struct slice b)
{
	size_t count = 0;
	while (count < a.len && count < b.len && a.at[count] == b.at[count])
		count++;
	return count;
}

/* The shortest that isn't before the last of the page before. */
static bool begin_key(struct search_page_writer *writer, struct slice term)
{
	if (!put_key(writer))
		return false;
	size_t length = writer->term.len > 0 ? common_bytes(buf_slice(&writer->term), term) + 1 : term.len;
	buf_clear(&writer->key);
	buf_append(&writer->key, slice_sub(term, 0, length));
	writer->key_page = writer->number;
	return true;
}

/* A page that begins with a document. */
static void list_document(struct search_page_writer *writer, int64_t doc)
{
	if (writer->list.len == 0) {
		search_page_put_number(&writer->list, 0); /* nothing is above it */
		search_page_put_number(&writer->list, (uint64_t)writer->number);
		search_page_put_number(&writer->list, (uint64_t)doc);
	} else {
		search_page_put_number(&writer->list, (uint64_t)(doc - writer->list_last));
	}
	writer->list_last = doc;
}

/* ---- what stands on them ---- */

bool search_page_write_term(struct search_page_writer *writer, struct slice term)
{
	if (writer->page.len == 0)
		begin_page(writer);
	if (size_of(writer) + term.len + 2 >= PAGE_BYTES && writer->page.len > PAGE_HEADER && !end_page(writer))
		return false;
	size_t common = 0, offset = writer->page.len;
	search_page_put_number(&writer->footer, offset - writer->offset);
	writer->offset = offset;
	if (writer->has_term) {
		common = common_bytes(buf_slice(&writer->term), term);
		search_page_put_number(&writer->page, common);
	} else if (writer->number != 1 && !begin_key(writer, term)) {
		return false;
	}
	search_page_put_number(&writer->page, term.len - common);
	buf_append(&writer->page, slice_skip(term, common));
	buf_clear(&writer->term);
	buf_append(&writer->term, term);
	writer->has_term = writer->has_document = writer->begins = true;
	return !writer->page.overflow && !writer->term.overflow;
}

bool search_page_write_document(struct search_page_writer *writer, int64_t doc, uint64_t marks)
{
	if (size_of(writer) >= PAGE_BYTES && !end_page(writer))
		return false;
	bool whole = writer->begins || !writer->has_document;
	if (!writer->has_document) {
		put_offset(writer, 0, writer->page.len);
		list_document(writer, doc);
	}
	search_page_put_number(&writer->page, (uint64_t)(whole ? doc : doc - writer->last));
	if (writer->positions)
		search_page_put_number(&writer->page, marks);
	else
		buf_append(&writer->page, slice_make("\0\0", (size_t)marks));
	writer->last = doc;
	writer->has_document = true;
	writer->begins = false;
	return !writer->page.overflow;
}

/* Positions are cut between two numbers. */
bool search_page_write_places(struct search_page_writer *writer, struct slice bytes)
{
	while (size_of(writer) + bytes.len >= PAGE_BYTES) {
		size_t room = size_of(writer) < PAGE_BYTES ? PAGE_BYTES - size_of(writer) : 0, here = 0;
		while (here < room && here < bytes.len)
			while (here < bytes.len && ((unsigned char)bytes.at[here++] & 0x80) != 0)
				;
		buf_append(&writer->page, slice_sub(bytes, 0, here));
		bytes = slice_skip(bytes, here);
		if (!end_page(writer))
			return false;
	}
	return buf_append(&writer->page, bytes);
}

bool search_page_write_end(struct search_page_writer *writer, int64_t *pages)
{
	*pages = 0;
	if (writer->page.len == 0)
		return true;
	if (writer->page.len > PAGE_HEADER && !end_page(writer))
		return false;
	*pages = writer->number - 1;
	return put_key(writer);
}

void search_page_writer_free(struct search_page_writer *writer)
{
	buf_free(&writer->page);
	buf_free(&writer->footer);
	buf_free(&writer->term);
	buf_free(&writer->key);
	buf_free(&writer->list);
}
