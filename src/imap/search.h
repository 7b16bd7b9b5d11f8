/* SEARCH: IMAP's grammar for what query/query.h answers. */
#ifndef IMAP_SEARCH_H
#define IMAP_SEARCH_H

#include "imap/source.h"
#include "query/query.h"

/** Parses " [CHARSET name] keys" up to the end, for the selected mailbox. False: the parser has the error; *bad_charset if
 * that is what is wrong (for a NO). */
bool imap_search_parse(struct imap_parser *parser, const struct imap_selected *selected, struct query *query, bool *bad_charset);
/** A set of indexes that holds every message that can match. */
struct ranges imap_search_range(const struct query *query, const struct imap_selected *selected, struct arena *arena);

#endif
