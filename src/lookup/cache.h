/* Answers of the DNS that are kept for the next evaluation: what comes from one place asks much the same again, and each question to a resolver
 * costs a dozen system calls even where the resolver knows the answer. An answer is kept as long as it says itself, and a minute at most. */
#ifndef LOOKUP_CACHE_H
#define LOOKUP_CACHE_H

#include "lookup/lookup.h"

enum {
	LOOKUP_CACHE_PLACES = 1024,       /* for one answer each: another of the same hash takes its place */
	LOOKUP_CACHE_ANSWER_MAX = 4096,   /* bytes of an answer's data; a larger one isn't kept */
	LOOKUP_CACHE_RECORDS_MAX = 20,
	LOOKUP_CACHE_SECONDS_MAX = 60,
};

struct lookup_cache;
struct lookup_cache *lookup_cache_new(void);
void lookup_cache_free(struct lookup_cache **cache);

/** Answers a wanted question, if what is kept still holds at `now` (milliseconds of a clock that never goes back). False: nothing is. Any thread. */
bool lookup_cache_get(struct lookup_cache *cache, struct lookup *table, enum lookup_type type, struct slice name, int64_t now);
/** Keeps the answer that the table has to a question: one that is known, and has a time for which it holds. Any thread. */
void lookup_cache_put(struct lookup_cache *cache, struct lookup *table, enum lookup_type type, struct slice name, int64_t now);

#endif
