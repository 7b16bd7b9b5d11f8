/* The index of an account's mail for searching: a database of its own beside the account's, which nobody's mail depends on. It may be behind,
 * and says how far it goes; it may be missing or damaged, and is made anew. Who searches reads what it doesn't know.
 *
 *   search.db, -wal, -shm in the account's folder. Nothing of it is ever synced for anybody, and no snapshot has it.
 *   state      one row: of which account (incarnation), which version of what is indexed, up to which of its mod-sequences changes were noted
 *   waiting    messages that came up to then and aren't indexed yet
 *   document   messages that are, by small numbers (an index of large ones would be several times as large)
 *   word       the words of each, by columns (query/search.h), with places
 *   gram       the grams of each (query/narrow.h), without places
 *   shown      what messages are sorted by, in narrow rows: an index for each text
 *   gone       documents of messages that have gone, whose words and grams are still there, with the time
 * The database can't take words out by their document, if it isn't told them, and to copy all others (purge.c) takes as long for many documents as for one. So
 * that is done when some part has gone, or some time ago (search_is_to_be_purged()).
 * When most has gone, the index is made anew (search_is_worn()).
 *
 * The full-text search of the database is meant here, and nowhere else: FTS5 with SQLite. PostgreSQL's counterpart (tsvector, and trigrams of
 * pg_trgm) would be another file behind this header. Text comes in and is asked for as tokens that are ready; so what a word is, is decided
 * in query/ alone. One thread at a time for each struct search. */
#ifndef STORE_SEARCH_H
#define STORE_SEARCH_H

#include "base/error.h"
#include "query/narrow.h"
#include "query/search.h"

enum { SEARCH_VERSION = 4 }; /* to be raised when what is indexed of a message is another: query/words.c, content.c, scan.c, summaries */

struct search;
/** Opens it, or with `create` makes an empty one for that account. NULL: ERROR_NOT_FOUND, ERROR_INVALID (damaged, or of another version), … */
struct search *search_open(const char *path, int64_t incarnation, bool create, struct error *error);
void search_close(struct search **search);
/** Was the file removed or replaced since? */
bool search_moved(const struct search *search);
/** Removes the files; nobody is to have them open in this process. */
void search_unlink(const char *path);

/** A moment of it to look at, or a change; search_end() is due. */
bool search_begin(struct search *search, bool change, struct error *error);
bool search_end(struct search *search, bool done, struct error *error);

struct search_state {
	int64_t incarnation, modseq;   /* changes of the account up to this one are known */
	int64_t documents, removed;    /* messages that are indexed, and that were, and whose words are there */
	int64_t removed_at;            /* the first of these; seconds since 1970 */
	bool waiting;                  /* there are messages that wait to be indexed */
};
bool search_read_state(struct search *search, struct search_state *state, struct error *error);
bool search_set_modseq(struct search *search, int64_t modseq, struct error *error);
/** Is so much of it of messages that have gone that it should be made anew? */
bool search_is_worn(const struct search_state *state);

/** Are the words of what has gone to be taken out now? */
bool search_is_to_be_purged(const struct search_state *state, int64_t now);
/** Takes them out, in a change, so that nothing is left of them in the file. Takes a while in a large index; ends early (*over), with nothing done, when `is_over`
 * (may be NULL) says so. The index is to be closed behind it: the connection knows the tables as they were. ERROR_INVALID: it isn't as it should be. */
bool search_purge(struct search *search, bool (*is_over)(void *context), void *context, bool *over, struct error *error);

/** What was written before leaves the log file, too, unless somebody reads it. */
void search_empty_log(struct search *search);

/** Is it indexed? */
bool search_has(struct search *search, int64_t message, bool *has, struct error *error);
/** It waits to be indexed, unless it is. */
bool search_wait(struct search *search, int64_t message, struct error *error);
/** Those that wait, the lowest ids first, in `arena`; at most `most`. */
bool search_list_waiting(struct search *search, size_t most, struct arena *arena, struct query_ids *ids, struct error *error);
/** All that are indexed, with ids above `after`, at most `most`. */
bool search_list_documents(struct search *search, int64_t after, size_t most, struct arena *arena, struct query_ids *ids, struct error *error);

struct search_keys { struct slice texts[3]; int64_t sent; bool attachment; };
struct search_document {
	int64_t message;
	struct slice tokens[QUERY_COLUMNS]; /* query_write_tokens() */
	const struct query_grams *grams;    /* NULL, or not whole: it may hold any text */
	const struct search_keys *keys;     /* NULL: nobody says */
};
/** Indexes it; it waits no more. */
bool search_add(struct search *search, const struct search_document *document, struct error *error);
/** It has gone. */
bool search_remove(struct search *search, int64_t message, struct error *error);

/** Messages that have all terms, in `arena`. */
bool search_find_words(struct search *search, const struct query_terms *terms, struct arena *arena, struct query_ids *ids, struct error *error);
/** Messages that may have all grams. */
bool search_find_grams(struct search *search, const struct slice *grams, size_t count, struct arena *arena, struct query_ids *ids, struct error *error);

/** One of the texts of all documents, in their order; or, with 3 and 4, when they were sent and whether they have something attached, by messages. */
bool search_list_keys(struct search *search, int key, void (*take)(void *context, int64_t message, int64_t number, struct slice text), void *context, struct error *error);

/** For who checks: is the database sound, are there no words of what is neither indexed nor known to have gone, and what it says of each document that it has, as sums of hashes of tokens by columns and of grams, which
 * search_sums() makes of a document as well. Takes a while. */
struct search_sums { int64_t message; uint64_t words, grams; bool any; };
bool search_list_sums(struct search *search, struct search_sums **list, size_t *count, struct error *error); /* by message; the caller frees */
void search_sums(const struct search_document *document, struct search_sums *sums);

#endif
