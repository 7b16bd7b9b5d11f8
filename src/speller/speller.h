/* Whether words are spelt right, by the dictionaries of hunspell that are installed, so that no browser has to load one. libhunspell reads what people write, and is much C++: so it runs in a role that
 * may read the system's files and has nothing else; what it is asked are words, not texts, and whose they are it isn't told. Dictionaries are read when somebody first needs one, and given up when nobody
 * has for a while. */
#ifndef SPELLER_SPELLER_H
#define SPELLER_SPELLER_H

#include "base/arena.h"
#include "net/call.h"

enum {
	SPELLER_WORDS_MAX = 1000,     /* of a question */
	SPELLER_WORD_MAX = 64,        /* characters of a word; */
	SPELLER_WORD_BYTES = 4 * SPELLER_WORD_MAX,
	SPELLER_SUGGESTIONS_MAX = 8,  /* for a word */
	SPELLER_SUGGESTED_MAX = 20,   /* words of a question for which there are any */
	SPELLER_SUGGEST_MS = 1500,    /* so long they are looked for; then the rest of the words have none */
	SPELLER_SECONDS = 20,         /* for an answer, with its waiting for others */
	SPELLER_IDLE_SECONDS = 600,   /* a dictionary that nobody has needed for so long is given up */
};

enum speller_language {
#define SPELLER_LANGUAGE(NAME, tag, file, package) SPELLER_##NAME,
#include "speller/languages.def"
	SPELLER_LANGUAGES
};
extern const struct speller_language_row { const char *tag, *file, *package; } speller_languages[SPELLER_LANGUAGES];

/** The language with that tag (BCP 47, any case); SPELLER_LANGUAGES: there is none such. */
enum speller_language speller_language_of(struct slice tag);
/** Those whose dictionaries are there: bits 1 << language. */
unsigned speller_installed(void);
/** Can that be a word: letters, with apostrophes and hyphens, SPELLER_WORD_MAX at most? UTF-8. What can't be is neither right nor wrong. */
bool speller_is_word(struct slice text);

/** Can that be one of the words that may have been meant? Several are, with blanks. */
bool speller_is_suggestion(struct slice text);

struct speller_question {
	unsigned languages;           /* a word is right if one of them knows it */
	unsigned suggestions;         /* for each wrong word; 0: none */
	struct slice *words;
	size_t count;
};
/** A word that no language knows. */
struct speller_wrong {
	size_t word;                  /* its place in the question */
	bool suggested;               /* suggestions were looked for */
	struct slice suggestions[SPELLER_SUGGESTIONS_MAX];
	size_t count;
};
struct speller_answer { struct speller_wrong *wrong; size_t count; };

/* ---- Asking ---- */

/** Begins a question, which is kept in `arena` until speller_end(); `done` as of caller_begin(). NULL: it is too large. */
struct call_ticket *speller_begin(struct caller *caller, const struct speller_question *question, struct arena *arena, void (*done)(void *context), void *context);
/** The answer to a question of so many words, in `arena`; false: *error. One that isn't there yet is given up. Sets *ticket to NULL. */
bool speller_end(struct call_ticket **ticket, size_t words, struct arena *arena, struct speller_answer *answer, struct error *error);
/** As bytes, and back; strict: either side may have been taken over. */
void speller_question_encode(const struct speller_question *question, struct buf *out);
bool speller_question_decode(struct slice text, struct arena *arena, struct speller_question *question);
void speller_answer_encode(const struct speller_answer *answer, struct buf *out);
bool speller_answer_decode(struct slice text, size_t words, struct arena *arena, struct speller_answer *answer);

/* ---- Answering ---- */

/** Serves the channel, which it takes over, until stop_fd is readable. */
void speller_serve(int channel, int stop_fd);

/* dictionary.c */
struct speller_dictionary;
/** Reads one; NULL: it can't be read, as the log says. */
struct speller_dictionary *speller_dictionary_open(enum speller_language language);
/** Sets *dictionary to NULL. */
void speller_dictionary_close(struct speller_dictionary **dictionary);
/** Does it know the word? What can't be written in its charset it doesn't. */
bool speller_dictionary_knows(struct speller_dictionary *dictionary, struct slice word);
/** At most `most` words that may have been meant, in `arena`. Returns how many. */
size_t speller_dictionary_suggest(struct speller_dictionary *dictionary, struct slice word, size_t most, struct arena *arena, struct slice *list);

#endif
