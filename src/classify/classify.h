/* A Bayes classifier: what has been learned of the words of good and bad mail says how likely a message is spam (Robinson's estimate for each
 * token, Fisher's method to combine them). A message becomes a set of tokens (tokenize.c); how many good and bad messages had each is kept in
 * a store (store.c), a file of fixed size in which old, rare tokens make room for new ones; judge.c combines what a shared store and a
 * person's own say. Pure but for that file.
 *
 * A store may have several writers, who take turns message by message under a lock, and any number of readers, who need none. */
#ifndef CLASSIFY_H
#define CLASSIFY_H

#include "base/arena.h"
#include "base/error.h"
#include "message/shown.h"

enum {
	CLASSIFY_TOKENS_MAX = 6000, /* of one message; what comes later is passed over */
	CLASSIFY_WORD_MAX = 40,     /* bytes; a longer word counts by its length alone */
	CLASSIFY_CLUES_MAX = 150,   /* so many tokens, those that say most, decide */
	CLASSIFY_SHOWN_MAX = 10,    /* of these are told */
	CLASSIFY_LEARNED_LEAST = 50, /* messages of each kind; before that a verdict says "unsure" */
};

enum classify_kind { CLASSIFY_HAM, CLASSIFY_SPAM };

/* ---- tokens ---- */

struct classify_token {
	uint64_t hash;
	struct slice text; /* for people: "subject:free", "cheap pills" */
};

struct classify_tokens {
	struct classify_token *at;
	size_t count;
	size_t text_at;  /* the first of what isn't in the header */
	uint64_t digest; /* of the message, for learning it once: of all tokens and its Message-ID, not of what its way added */
};

/** The tokens of a message, each once. What its way to us has added (Received, results of others' filters) makes none. `shown`: as
 * shown_read() has it. The result lives in `arena`. */
void classify_tokenize(struct slice header, const struct mime_part *root, const struct shown *shown, struct arena *arena,
		       struct classify_tokens *tokens);

/* ---- the store ---- */

struct classify_store;

/** How large a store is made: 192 bytes for 16 tokens, or 16 messages that are remembered as learned. */
struct classify_size {
	unsigned token_bits;   /* 2 to this power groups of 16 */
	unsigned message_bits;
};
/** The shared store: a million tokens fill it by half, in 26 MB. An account's own: half a megabyte. */
#define CLASSIFY_SHARED_SIZE ((struct classify_size){17, 12})
#define CLASSIFY_ACCOUNT_SIZE ((struct classify_size){11, 7})
enum { CLASSIFY_BITS_MAX = 18 };

/** Opens a store to read and to learn, and makes it with that size if it isn't there. What is no store, or damaged where
 * it can't be used, is put aside as PATH.damaged, and a new one made. NULL with *error. */
struct classify_store *classify_store_open(const char *path, struct classify_size size, struct error *error);
/** Opens a store to read. NULL with *error, ERROR_NOT_FOUND where there is none. */
struct classify_store *classify_store_read(const char *path, struct error *error);
/** The same for a file that another role may write, which need not be trusted: whatever becomes of the file, nothing but its tokens is lost. A look
 * at a token takes a system call. */
struct classify_store *classify_store_read_foreign(const char *path, struct error *error);
/** Sets *store to NULL; NULL is fine. */
void classify_store_close(struct classify_store **store);
/** Waits until all that was learned is on disk. */
bool classify_store_sync(struct classify_store *store, struct error *error);

struct classify_totals {
	uint32_t spam, ham; /* messages that were learned */
	uint32_t tokens;    /* counted anew at each call */
	uint32_t room;      /* for so many tokens in all */
	uint64_t bytes;     /* of the file */
};
void classify_store_totals(const struct classify_store *store, struct classify_totals *totals);

enum classify_outcome {
	CLASSIFY_LEARNED,
	CLASSIFY_KNOWN,   /* it was learned as that before: nothing is changed */
	CLASSIFY_CHANGED, /* it had been learned as the other kind: that is undone */
	CLASSIFY_FORGOTTEN, /* of classify_unlearn(): it was learned, and no longer is */
	CLASSIFY_UNKNOWN, /* of classify_unlearn(): it wasn't learned, or so long ago that that isn't remembered: nothing is changed */
};
/** Learns a message. `now`: seconds since 1970. */
enum classify_outcome classify_learn(struct classify_store *store, const struct classify_tokens *tokens, enum classify_kind kind, int64_t now);
enum classify_outcome classify_unlearn(struct classify_store *store, const struct classify_tokens *tokens, int64_t now);
/** Removes tokens that were seen in one message and no more for half a year, or in three for two years. Returns how many. */
size_t classify_store_age(struct classify_store *store, int64_t now);

/* ---- the verdict ---- */

struct classify_clue {
	struct slice text;
	double probability; /* that a message with it is spam */
};

struct classify_verdict {
	double probability; /* that the message is spam: 0 to 1; 0.5 where nothing is known */
	bool unsure;        /* too little was learned, or of the message */
	uint32_t spam, ham; /* messages that were learned, both stores together */
	struct classify_clue clues[CLASSIFY_SHOWN_MAX]; /* what says most, first */
	size_t clue_count, used;                        /* `used`: so many tokens decided */
};

/** Judges by a shared store and a person's own; each may be NULL. The clues point into the tokens. */
void classify_judge(const struct classify_store *shared, const struct classify_store *own, const struct classify_tokens *tokens,
		    struct classify_verdict *verdict);

#endif
