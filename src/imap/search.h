/* SEARCH: the keys as a tree (search_parse.c), and whether a message matches (search_match.c). */
#ifndef IMAP_SEARCH_H
#define IMAP_SEARCH_H

#include "imap/source.h"

enum {
	SEARCH_DEPTH_MAX = 250,  /* parentheses, NOT and OR inside one another; a list of alternatives is OR a OR b OR c … */
	SEARCH_KEYS_MAX = 1000,
	SEARCH_PART_MAX = 16 * 1024 * 1024, /* so many bytes of a part, or of the header, are looked at, as they stand in the file */
};

enum search_key {
	SEARCH_ALL, SEARCH_AND, SEARCH_OR, SEARCH_NOT, /* AND, OR, NOT: of `children` */
	SEARCH_FLAG, SEARCH_NO_FLAG, SEARCH_KEYWORD, SEARCH_NO_KEYWORD, SEARCH_NEW,
	SEARCH_NUMBERS, SEARCH_UIDS,
	SEARCH_BEFORE, SEARCH_ON, SEARCH_SINCE, SEARCH_LARGER, SEARCH_SMALLER,
	SEARCH_SENT_BEFORE, SEARCH_SENT_ON, SEARCH_SENT_SINCE,
	SEARCH_FROM, SEARCH_TO, SEARCH_CC, SEARCH_BCC, SEARCH_SUBJECT, SEARCH_MESSAGE_ID,
	SEARCH_HEADER, SEARCH_BODY, SEARCH_TEXT,
};

/** What a key needs to be answered; cheaper ones are asked first. */
enum search_cost { SEARCH_COST_ROW, SEARCH_COST_SUMMARY, SEARCH_COST_HEADER, SEARCH_COST_BODY };

struct search_node {
	enum search_key key;
	enum search_cost cost;
	struct search_node *children, *next;
	unsigned flag;
	struct slice field; /* HEADER: the field's name; KEYWORD: the keyword */
	struct slice text;  /* folded (text_fold) */
	uint64_t number;
	int64_t day;        /* since 1970 */
	struct set set;     /* NUMBERS: indexes; UIDS: UIDs */
};

/** Parses " [CHARSET name] keys" up to the end, for the selected mailbox. NULL: the parser has the error; *bad_charset if
 * that is what is wrong (for a NO). */
struct search_node *search_parse(struct parser *parser, const struct selected *selected, bool *bad_charset);
/** A set of indexes that holds every message that can match. */
struct set search_range(const struct search_node *root, const struct selected *selected, struct arena *arena);

/** One message that is looked at; `arena` is for it alone. */
struct candidate {
	struct source source;
	uint32_t index;
	bool recent;
	struct arena *arena;
	struct buf header; /* as read from the file */
	bool header_read;
};
bool search_match(const struct search_node *node, struct candidate *candidate);

#endif
