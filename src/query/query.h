/* What a search asks, as a tree of keys (tree.c), and whether a message answers it (match.c). Whoever has a language for searches builds
 * the tree: IMAP's SEARCH does. The texts of a message are gone through once for all keys (scan.c). What that needs of the message,
 * and the memory it takes, is asked of whoever searches; so this folder knows no protocol, no store and no connection. Pure but for
 * what is asked there. */
#ifndef QUERY_H
#define QUERY_H

#include "base/arena.h"
#include "base/ranges.h"
#include "message/mime.h"

enum {
	QUERY_DEPTH_MAX = 250,  /* keys inside one another; a list of alternatives is OR a OR b OR c … in IMAP. Whoever parses one counts */
	QUERY_KEYS_MAX = 1000,
	QUERY_TEXTS_MAX = 100,  /* keys that ask for content: HEADER, BODY, TEXT */
	QUERY_PART_MAX = 16 * 1024 * 1024, /* so many bytes of a part are looked at, as they stand in the file, … */
	QUERY_HEADER_MAX = 8 * 1024 * 1024, /* … of a header, … */
	QUERY_WIDE_MAX = 4 * 1024 * 1024,  /* … of a part in UTF-16 and the like, which is converted as a whole */
	QUERY_UNCOUNTED = 1024 * 1024, /* bytes that a message is searched with at any rate; for more, `borrow` is called */
};

/* ---- what is asked ---- */

enum query_key {
	QUERY_ALL, QUERY_AND, QUERY_OR, QUERY_NOT, /* AND, OR, NOT: of `children` */
	QUERY_FLAGS,        /* of those in `flag_mask` the message has just `flags` */
	QUERY_KEYWORD, QUERY_NO_KEYWORD,
	QUERY_NUMBERS, QUERY_UIDS,
	QUERY_BEFORE, QUERY_ON, QUERY_SINCE, QUERY_LARGER, QUERY_SMALLER,
	QUERY_SENT_BEFORE, QUERY_SENT_ON, QUERY_SENT_SINCE,
	QUERY_FROM, QUERY_TO, QUERY_CC, QUERY_BCC, QUERY_SUBJECT, QUERY_MESSAGE_ID, /* in the order of envelope_list() */
	QUERY_HEADER, QUERY_BODY, QUERY_TEXT,
	QUERY_KEYS,
};

/** What a key needs to be answered; cheaper ones are asked first. */
enum query_cost { QUERY_COST_ROW, QUERY_COST_SUMMARY, QUERY_COST_HEADER, QUERY_COST_BODY };

struct query_node {
	enum query_key key;
	enum query_cost cost; /* of the dearest in it; query_put() sets it */
	bool has_text;        /* it, or something in it, asks for a text; likewise */
	struct query_node *children, *next;
	unsigned flag_mask, flags; /* FLAGS */
	struct slice field;   /* HEADER: the field's name; KEYWORD: the keyword */
	struct slice text;    /* what is to be found; folded, see query_text() */
	uint64_t number;      /* LARGER, SMALLER: bytes */
	int64_t day;          /* since 1970 */
	struct ranges set;    /* NUMBERS, UIDS */
	struct query_node *next_text; /* HEADER, BODY, TEXT: all of the query, in a list */
	bool found;           /* those: in the message at hand */
};

struct query {
	struct arena *arena;       /* borrowed; the tree lives in it */
	struct query_node *root;   /* an AND */
	struct query_node *texts;  /* the keys that ask for content */
	size_t key_count, text_count;
	size_t longest;            /* bytes of the longest text among them */
};

/** Begins a query that matches everything. */
void query_begin(struct query *query, struct arena *arena);
/** A new key, to be filled in and put into the tree; NULL: there are QUERY_KEYS_MAX. */
struct query_node *query_node(struct query *query, enum query_key key);
/** Puts a key that is complete, with its children, into `parent` (ROOT, AND, OR: any number; NOT: one). False: there are
 * QUERY_TEXTS_MAX texts. */
bool query_put(struct query *query, struct query_node *parent, struct query_node *node);
/** A text as keys have it, in the query's arena: a substring is looked for that is the same but for case, normal form and white space. */
struct slice query_text(struct query *query, struct slice utf8);

/* ---- who answers ---- */

/** What is asked of whoever searches, in the thread that called query_matches(). */
struct query_asks {
	/** Reads `length` bytes of the message from `offset` on. False: they can't be read; the message is searched without them. */
	bool (*read)(void *context, uint64_t offset, uint64_t length, char *at);
	/** The tree of the message's parts, with its envelope; NULL if there is none. It lives until query_matches() returns. */
	const struct mime_part *(*structure)(void *context);
	/** May the search take so much memory, until it gives it back? Asked for more than QUERY_UNCOUNTED only. */
	bool (*borrow)(void *context, uint64_t bytes);
	void (*repay)(void *context, uint64_t bytes);
	/** Should it end? Asked often; the answer doesn't count then. NULL: it never does. */
	bool (*is_over)(void *context);
};

enum { QUERY_LISTS = QUERY_MESSAGE_ID - QUERY_FROM + 1 };

struct query_grams;

/** One message that is looked at. */
struct query_message {
	const struct query_asks *asks;
	void *context;
	/* what is known without asking */
	uint32_t number, uid;   /* for the keys NUMBERS and UIDS */
	unsigned flags;
	struct slice keywords;  /* separated by spaces */
	uint64_t size;
	int64_t received;       /* seconds since 1970 */
	struct arena *arena;    /* for this message alone; the caller's, who resets it afterwards */
	struct arena *step;     /* for what is needed for a moment; whoever uses it empties it */
	/* result: the memory it takes wasn't to be had, and the answer doesn't count */
	bool refused;
	/* while it is looked at */
	struct query *query;
	struct slice lists[QUERY_LISTS]; /* of the envelope, folded, once they are known */
	bool listed[QUERY_LISTS], header_scanned, parts_scanned;
	struct query_grams *grams; /* not NULL: no key is asked, what keys would see is gathered (query/narrow.h) */
	bool unread;            /* some of it couldn't be read */
};

/** Does the message match? */
bool query_matches(struct query *query, struct query_message *message);

#endif
