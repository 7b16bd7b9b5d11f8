/* Numbers in pages of FTS5, for who reads and who writes them. */
#ifndef STORE_SEARCH_PAGE_INTERNAL_H
#define STORE_SEARCH_PAGE_INTERNAL_H

#include "store/search/page.h"

enum { PAGE_HEADER = 4 };

struct search_page_cursor { const unsigned char *at; size_t from, to; };

/** False: it goes on beyond the end. */
bool search_page_take_number(struct search_page_cursor *cursor, uint64_t *number);
void search_page_put_number(struct buf *out, uint64_t number);

#endif
