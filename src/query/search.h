/* Full-text search: the words of a message, what a person asks for, whether the one answers the other, and what of a message is shown for
 * it. The same words stand in an index, if there is one; so what is found doesn't depend on it. Pure: no store, no protocol.
 *
 * A word is a run of letters and digits, in lower case and without accents, of which the first QUERY_WORD_MAX bytes count. Scripts
 * that put no blanks between words (Chinese, Japanese, Korean, Thai …) are cut into pairs of characters that overlap. Beside a word its
 * stem counts, in the language that the message is written in (English, Russian, Portuguese): "connections" is found by "connect", and by "connected". */
#ifndef QUERY_SEARCH_H
#define QUERY_SEARCH_H

#include "message/mime.h"

enum {
	QUERY_WORD_MAX = 64,             /* bytes of a word */
	QUERY_TERMS_MAX = 32,            /* words and phrases in one search */
	QUERY_PHRASE_MAX = 32,           /* words in a phrase; further ones aren't looked at */
	QUERY_CONTENT_MAX = 4 * 1024 * 1024, /* bytes of a message's text, decoded, whose words count */
	QUERY_SNIPPET_MAX = 255,         /* RFC 8621 §5: octets of a preview */
	QUERY_SNIPPET_SUBJECT_MAX = 2000,
};

/* ---- Words ---- */

struct query_word {
	struct slice folded;  /* as it is compared */
	struct slice lower;   /* with its accents, which stems need; good until the next one, as is `folded` */
	size_t from, to;      /* where it stands in the text, in bytes */
	bool part;            /* a character of a script without blanks: `folded` has the one behind it, too, … */
	bool last;            /* … but for the last of a run */
};

struct query_reader {
	struct slice text;    /* UTF-8; what isn't divides words */
	size_t at;
	char folded[QUERY_WORD_MAX + 16], lower[QUERY_WORD_MAX + 16];
};

/** Takes the next word off the text; begin with {.text = …}. */
bool query_next_word(struct query_reader *reader, struct query_word *word);

enum query_language { LANGUAGE_OTHER, LANGUAGE_ENGLISH, LANGUAGE_RUSSIAN, LANGUAGE_PORTUGUESE, QUERY_LANGUAGES };
/** The language of a text, told by its commonest words: OTHER, where it is none of these or too short to say. */
enum query_language query_language(struct slice text);

/** What makes stems. One thread at a time. */
struct query_stemmer;
struct query_stemmer *query_stemmer_new(void);
/** Sets *stemmer to NULL. */
void query_stemmer_free(struct query_stemmer **stemmer);
/** The word's stem in that language, folded; empty: there is none, or it is the word itself. Good until the next call. */
struct slice query_stem(struct query_stemmer *stemmer, enum query_language language, const struct query_word *word);

/* ---- What a message says ---- */

enum query_column {
	QUERY_IN_FROM, QUERY_IN_TO, QUERY_IN_CC, QUERY_IN_BCC, QUERY_IN_SUBJECT,
	QUERY_IN_BODY,      /* its text parts, HTML without markup */
	QUERY_IN_NAME,      /* names of attachments */
	QUERY_IN_ATTACHED,  /* their text, as far as somebody gets it out of them */
	QUERY_COLUMNS,
};
enum { QUERY_IN_ALL = (1 << QUERY_COLUMNS) - 1 };

struct query_content {
	struct query_piece { enum query_column column; struct slice text; } *pieces;
	size_t count, room;
	uint64_t bytes;               /* of them all */
	enum query_language language; /* most of it is in */
};

/** Gets the text out of an attachment that is none; false: it has none. `text` in the arena. */
typedef bool query_extract(void *context, const struct mime_part *part, struct slice name, struct slice content, struct arena *arena, struct slice *text);

/** Reads what is to be found of a message. `extract` may be NULL. All lives in `arena`. */
void query_read_content(struct slice message, const struct mime_part *root, query_extract *extract, void *context, struct arena *arena,
			struct query_content *content);
/** Appends the tokens of a column, each ended by '\n': words in their order, and behind a word its stem, which begins with
 * QUERY_STEM_MARK and stands at the same place. */
void query_write_tokens(const struct query_content *content, enum query_column column, struct query_stemmer *stemmer, struct buf *out);
enum { QUERY_STEM_MARK = 1, QUERY_TOKENS_MAX = 16 * 1024 * 1024 };

/* ---- What is asked for ---- */

/** Words, all of which must be there: as one (RFC 8621 §4.4.1). */
struct query_term {
	struct slice *words;      /* as they follow one another */
	size_t count;
	bool prefix;              /* the last one is the beginning of a word */
	struct slice *others;     /* of a single word: tokens that do as well */
	size_t other_count;
};

struct query_terms {
	struct query_term *at;
	size_t count;
	unsigned columns;         /* bits 1 << QUERY_IN_…: where all of them are looked for */
	bool nothing;             /* what was asked for has no word: no message has it */
};

/** Reads what a person asks for: words, which may end in * for any ending, and phrases in quotes. Without anything but blanks, every message
 * answers it. In `arena`. */
void query_read_terms(struct slice text, unsigned columns, struct query_stemmer *stemmer, struct arena *arena, struct query_terms *terms);
/** Do these tokens, of query_write_tokens() for each column, answer it? */
bool query_terms_match(const struct query_terms *terms, const struct slice tokens[QUERY_COLUMNS]);

/* ---- What is shown for it (RFC 8621 §5) ---- */

/** The text with <mark> around what was asked for, escaped for HTML, from where the most of it stands, at most `most` bytes. Empty (at NULL): none
 * of it is there. Several terms count together. In `arena`. */
struct slice query_snippet(struct slice text, const struct query_terms *terms, size_t count, enum query_language language,
			   struct query_stemmer *stemmer, size_t most, struct arena *arena);

#endif
