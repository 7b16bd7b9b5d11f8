/* SEARCH: the keys as a tree (search_parse.c), whether a message matches (search_match.c), and the texts of a message, which are
 * gone through once for all keys (search_scan.c). */
#ifndef IMAP_SEARCH_H
#define IMAP_SEARCH_H

#include "imap/source.h"

enum {
	SEARCH_DEPTH_MAX = 250,  /* parentheses, NOT and OR inside one another; a list of alternatives is OR a OR b OR c … */
	SEARCH_KEYS_MAX = 1000,
	SEARCH_TEXTS_MAX = 100,  /* keys that ask for content: HEADER, BODY, TEXT */
	SEARCH_PART_MAX = 16 * 1024 * 1024, /* so many bytes of a part are looked at, as they stand in the file, … */
	SEARCH_HEADER_MAX = 8 * 1024 * 1024, /* … of a header, … */
	SEARCH_WIDE_MAX = 4 * 1024 * 1024,  /* … of a part in UTF-16 and the like, which is converted as a whole */
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
	struct slice text;  /* folded (text_fold_blanks) */
	uint64_t number;
	int64_t day;        /* since 1970 */
	struct ranges set;     /* NUMBERS: indexes; UIDS: UIDs */
	struct search_node *next_text; /* HEADER, BODY, TEXT: all of the command, in a list */
	bool found;         /* those: in the message at hand */
};

/** What a command searches for. */
struct search {
	struct search_node *root;
	struct search_node *texts; /* the keys that ask for content */
	size_t longest;            /* bytes of the longest text among them */
};

/** Parses " [CHARSET name] keys" up to the end, for the selected mailbox. False: the parser has the error; *bad_charset if
 * that is what is wrong (for a NO). */
bool search_parse(struct parser *parser, const struct selected *selected, struct search *search, bool *bad_charset);
/** A set of indexes that holds every message that can match. */
struct ranges search_range(const struct search_node *root, const struct selected *selected, struct arena *arena);

enum search_list { LIST_FROM, LIST_TO, LIST_CC, LIST_BCC, LIST_SUBJECT, LIST_MESSAGE_ID, SEARCH_LISTS };

/** One message that is looked at. */
struct candidate {
	struct source source;
	struct search *search;
	uint32_t index;
	bool recent;
	struct arena *arena; /* for this message alone */
	struct arena *step;  /* for what is needed for a moment; whoever uses it empties it */
	struct slice lists[SEARCH_LISTS]; /* of the envelope, folded, once they are known */
	bool listed[SEARCH_LISTS];
	bool header_scanned, parts_scanned;
};
bool search_match(const struct search_node *node, struct candidate *candidate);

/** Looks through the header for the keys HEADER and TEXT, and marks those that are found. */
void search_scan_header(struct candidate *candidate);
/** Looks through the parts for BODY and TEXT. */
void search_scan_parts(struct candidate *candidate);

#endif
