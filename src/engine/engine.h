/* Asking other people's scanners about a message: clamd, spamd, rspamd, and what speaks ICAP. Several are asked at the same time by one
 * thread, each with a time-out of its own. What an engine answers is as hostile as the message: it is bounded, every text of it is made
 * printable ASCII, and whatever it says or doesn't say is a result with a name. It is never told to read a file. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "config/config_engine.h"
#include "engine/milter.h"

enum {
	ENGINE_TEXT_MAX = 256,     /* of a name or reason, with its NUL */
	ENGINE_SYMBOL_MAX = 64,    /* of a symbol, with its NUL */
	ENGINE_SYMBOLS_MAX = 64,   /* more are counted, and not kept */
	ENGINE_POINTS_MAX = 10000, /* hundredths, either way: an engine that says more means that */
};

/* ---- What is asked ---- */

struct engine_mail {
	struct slice client;           /* its address as text; empty: there is none */
	struct slice helo, sender;     /* what it said; the sender without brackets */
	const struct slice *recipients;
	size_t recipient_count;
	struct slice user;             /* who has signed in; empty: nobody */
	unsigned whose;                /* CONFIG_ENGINE_STRANGERS or _OURS: only engines that are for such mail are asked; 0: all */
	struct slice hostname, id;     /* our name, and the message's in our logs */
	unsigned port;                 /* the client's; 0: nobody knows */
	struct engine_letter *letter;  /* the same message, for milters, which change it */
	struct slice prelude;          /* fields that the engine shall see before the message; each with its line end */
	uint64_t length;               /* bytes of the message */
	/** Reads up to `size` bytes of the message from byte `at` on; 0: it can't be read. Called by the thread that asks. */
	size_t (*read)(void *context, uint64_t at, char *out, size_t size);
	void *context;
};

/* ---- What is answered ---- */

enum engine_outcome {
	ENGINE_CLEAN,
	ENGINE_FOUND,   /* something that is not to be delivered: `text` is its name */
	ENGINE_POINTS,  /* `points` and `symbols` */
	ENGINE_ERROR,   /* `text` is why */
	ENGINE_TIMEOUT,
	ENGINE_SKIPPED, /* it wasn't asked: `text` is why */
	ENGINE_UNASKED, /* nor is it ever about such mail */
	/* Milters alone: */
	ENGINE_CHANGED,   /* the message: `text` says how much of it */
	ENGINE_SET_APART, /* it is to be held: `text` is why; it may have been changed, too */
	ENGINE_DISCARDED, /* it is to be taken and thrown away */
	ENGINE_DEFERRED, ENGINE_REFUSED, /* `text`: the words for the sender, or empty */
	ENGINE_OUTCOMES,
};
/** "clean", "found", … */
const char *engine_outcome_name(enum engine_outcome outcome);

struct engine_result {
	enum engine_outcome outcome;
	char text[ENGINE_TEXT_MAX];
	int points, threshold;      /* hundredths; threshold: from where on the engine itself would call it spam */
	char action[ENGINE_SYMBOL_MAX]; /* what rspamd would do: "add header" */
	size_t symbol_count, symbols_left_out;
	struct engine_symbol {
		char name[ENGINE_SYMBOL_MAX];
		int points;         /* 0 where the engine doesn't say */
	} symbols[ENGINE_SYMBOLS_MAX];
	int64_t milliseconds;       /* that it took */
};

/* ---- Asking ---- */

struct engine_pool;
/** Connects without waiting for it: a non-blocking socket that is connected or about to be; -1 with errno. Any thread. */
typedef int engine_dial(void *context, size_t index, const struct config_engine *engine);
/** By sockets of this process. */
int engine_dial_directly(void *context, size_t index, const struct config_engine *engine);

/** The engines of a configuration's list, whose entries were checked; `dial` may be engine_dial_directly. Copies what it needs. */
struct engine_pool *engine_pool_new(const struct config_string_list *entries, engine_dial *dial, void *context);
/** When nobody asks any more. Sets *pool to NULL; NULL is fine. */
void engine_pool_free(struct engine_pool **pool);
/** Ends all waiting, now and from now on. Any thread. */
void engine_pool_stop(struct engine_pool *pool);
size_t engine_pool_count(const struct engine_pool *pool);
const struct config_engine *engine_pool_at(const struct engine_pool *pool, size_t index);

/** Is one of them for such mail (engine_mail.whose)? A milter? */
bool engine_pool_is_for(const struct engine_pool *pool, unsigned whose, bool milters);
/** Asks all engines but milters, and waits until each has answered, or its time is over, or clock_monotonic_ms() is `until`.
 * results: engine_pool_count() of them. Any thread, several at a time. */
void engine_ask(struct engine_pool *pool, const struct engine_mail *mail, int64_t until, struct engine_result *results);

/** Asks the milters, in their order, about mail->letter, which becomes what they make of it, until one wants the message refused, deferred or
 * discarded. Sets their results alone. Any thread. */
void engine_ask_milters(struct engine_pool *pool, const struct engine_mail *mail, int64_t until, struct engine_result *results);

#endif
