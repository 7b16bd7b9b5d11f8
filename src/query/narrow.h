/* Narrowing a search for substrings (query/query.h): an index of grams says which messages may hold a text, so that the others needn't be
 * read. A gram is three characters that stand side by side in a text as keys see it, or two of a script that has a character for a word; a
 * text that holds another holds all grams of that. Whether it does hold it the message decides. Pure. */
#ifndef QUERY_NARROW_H
#define QUERY_NARROW_H

#include "query/query.h"

enum {
	QUERY_GRAMS_MAX = 1 << 16,  /* different ones of a message; one that has more isn't narrowed */
	QUERY_GRAMS_ASKED = 16,     /* of a text that is looked for, so many are asked for, evenly */
	QUERY_NARROWING_MAX = 8,    /* so many texts of a query are asked for: each answer may name every message */
	QUERY_GRAM_BYTES = 12,
};

/** A set of grams. Begin with {0}; query_grams_free() when done. */
struct query_grams {
	uint64_t *slots;      /* a table of 2 * room; 0: free */
	size_t count, room;
	bool overflow;        /* there are more than QUERY_GRAMS_MAX */
};
void query_grams_free(struct query_grams *grams);
/** Adds those of a text that is folded as keys are (query_text()). */
void query_grams_add(struct query_grams *grams, struct slice folded);
/** The next gram as text; false at the end. Begin with *cursor 0. */
bool query_grams_next(const struct query_grams *grams, size_t *cursor, char out[QUERY_GRAM_BYTES], struct slice *gram);
/** Adds those of all that keys with text see of the message: envelope, headers, texts. False: some of it couldn't be read, so the set isn't whole. */
bool query_grams_of(struct query_message *message, struct query_grams *grams);

/** A set of messages by their ids, ascending; or all there are. */
struct query_ids { int64_t *at; size_t count; bool all; };

/** Which messages have all these grams? `ids` in `arena`. False: the search ends. */
typedef bool query_ask_index(void *context, const struct slice *grams, size_t count, struct arena *arena, struct query_ids *ids);
/** Which messages may match? Others don't. False: `ask` said so. */
bool query_narrow(const struct query *query, query_ask_index *ask, void *context, struct arena *arena, struct query_ids *ids);

/** Sorts, and drops what is there twice. */
void query_ids_sort(struct query_ids *ids);
bool query_ids_have(const struct query_ids *ids, int64_t id);

#endif
