/* Spelling: an extension of our own. The dictionaries are another role's (speller/speller.h); the words that a person has taught are an object of the account, so that all his devices have them. */
#ifndef JMAP_SPELLING_H
#define JMAP_SPELLING_H

#include "jmap/internal.h"

enum { JMAP_SPELLING_OWN_MAX = 5000 /* words of an account */, JMAP_SPELLING_LEARNED_MAX = 100 /* at a time */ };

json_t *jmap_spelling_about(const struct jmap_request *request);
bool jmap_spelling_is_offered(const struct jmap_request *request);

enum net_run jmap_spelling_check(struct jmap_call *call);
enum net_run jmap_spelling_words(struct jmap_call *call);
enum net_run jmap_spelling_learn(struct jmap_call *call);

/* spelling_words.c */
/** The account's own words: an array of strings, new. NULL: *error. */
json_t *jmap_spelling_read(struct jmap_call *call, struct error *error);
/** As words are compared: without regard to case. */
struct slice jmap_spelling_fold(struct slice word, struct arena *arena);

#endif
