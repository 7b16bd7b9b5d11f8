/* Pages of FTS5, read and written without it: a segment as it would be if some documents had never been in it. FTS5 has to be told all words of a document that goes,
 * finds them by going through all of its tables row by row, writes notes, and merges everything with these: ten times the work of copying what is to stay. Pure;
 * the format is that of version 4 of its files. Anything else is damage. */
#ifndef STORE_SEARCH_PAGE_H
#define STORE_SEARCH_PAGE_H

#include "base/buf.h"
#include "base/slice.h"

enum {
	PAGE_VERSION = 4,
	PAGE_BYTES = 4050,         /* about which a page has, as FTS5 makes them if nothing else is asked for */
	PAGE_BYTES_MAX = 64 * 1024,
	PAGE_TERM_MAX = 32 * 1024,
	PAGE_SEGMENTS_MAX = 2000,  /* of a table of FTS5 */
};

/* ---- reading ---- */

/** What is told of a segment, in its order. `marks` of a document: with positions, twice their bytes, plus 1 if it is a note that it has gone; without, how many of
 * two notes follow it. Its positions come in one piece or several. False: no more is read. */
struct search_page_taker {
	bool (*term)(void *context, struct slice term);
	bool (*document)(void *context, int64_t doc, uint64_t marks);
	bool (*places)(void *context, struct slice bytes);
	void *context;
};

struct search_page_reader {
	bool positions;          /* detail=full; else detail=none */
	struct search_page_taker taker;
	/* its own: */
	struct buf term;         /* the last of the page */
	uint64_t left;           /* bytes of positions that stand on the next page */
	bool begun;              /* there was a term */
};
#define SEARCH_PAGE_READER(...) ((struct search_page_reader){__VA_ARGS__, .term = BUF(PAGE_TERM_MAX)})

/** Reads the next page of a segment, from its first one on. False: it isn't as it should be, or no more is wanted. */
bool search_page_read(struct search_page_reader *reader, struct slice page);
/** Was that all of it? Ready for the next segment then. */
bool search_page_read_end(struct search_page_reader *reader);
void search_page_reader_free(struct search_page_reader *reader);

/* ---- writing ---- */

/** Where pages go; false: no more is written. */
struct search_page_giver {
	bool (*page)(void *context, int64_t number, struct slice bytes);
	/** The page begins with a term that isn't before this one. `documents`: there is a list of pages without terms behind it, which was given before. */
	bool (*index)(void *context, struct slice term, int64_t number, bool documents);
	bool (*documents)(void *context, int64_t number, struct slice bytes);
	void *context;
};

struct search_page_writer {
	bool positions;
	struct search_page_giver giver;
	/* its own: */
	struct buf page, footer, term, key, list;
	int64_t number, key_page, last;  /* the page; that of the key; the last document, of the list, too: */
	int64_t list_last;
	size_t offset, empty;            /* of the page's last term; pages without terms behind the key's */
	bool has_term, has_document, begins; /* the page has; a list of documents begins */
};
#define SEARCH_PAGE_WRITER(...) ((struct search_page_writer){__VA_ARGS__, .page = BUF(PAGE_BYTES_MAX - 1), .footer = BUF(PAGE_BYTES_MAX), .term = BUF(PAGE_TERM_MAX), \
	.key = BUF(PAGE_TERM_MAX), .list = BUF(PAGE_BYTES), .number = 1, .key_page = 1})

/** In the order in which they are read. */
bool search_page_write_term(struct search_page_writer *writer, struct slice term);
bool search_page_write_document(struct search_page_writer *writer, int64_t doc, uint64_t marks);
bool search_page_write_places(struct search_page_writer *writer, struct slice bytes);
/** *pages: how many there are, from 1 on; 0: nothing was written. */
bool search_page_write_end(struct search_page_writer *writer, int64_t *pages);
void search_page_writer_free(struct search_page_writer *writer);

/* ---- which segments there are ---- */

struct search_page_segment { int64_t number, first, last; };

/** The segments that a structure record names, in its order; at most PAGE_SEGMENTS_MAX. False: it isn't as it should be. */
bool search_page_segments(struct slice record, struct search_page_segment *list, size_t *count);
/** The record with others in their places; those whose last page is 0 have gone. */
bool search_page_segments_write(struct slice record, const struct search_page_segment *list, struct buf *out);

#endif
