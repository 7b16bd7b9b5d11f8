/* Going out for somebody who has signed in: a picture that a letter shows, a word to a mailing list that one wants no more of it. The role that does so has no
 * file, no key and no mail; who asks it names the address, and it keeps the rules of net/fetch.h: public addresses alone, and nothing is said of who wants it. */
#ifndef FETCHER_FETCHER_H
#define FETCHER_FETCHER_H

#include "base/slice.h"
#include "net/call.h"

enum {
	FETCHER_URL_MAX = 4096,
	FETCHER_PICTURE_MAX = CALL_ANSWER_MAX - 64, /* bytes */
	FETCHER_SECONDS = 20,                       /* for one errand, with its redirects */
	FETCHER_WAIT_SECONDS = 60,                  /* … and with its waiting for others */
	FETCHER_REDIRECTS_MAX = 5,
};

enum fetcher_errand {
	FETCHER_PICTURE = 1, /* GET; over https or http */
	FETCHER_UNSUBSCRIBE, /* POST "List-Unsubscribe=One-Click" (RFC 8058 §3.2); over https alone, and no redirect is followed */
};

enum fetcher_outcome {
	FETCHER_DONE,
	FETCHER_FORBIDDEN,   /* the rules don't allow that address */
	FETCHER_MISTAKEN,    /* it is no address at all */
	FETCHER_LARGE,       /* more than FETCHER_PICTURE_MAX */
	FETCHER_NOT_GIVEN,   /* its server says no */
	FETCHER_UNREACHABLE, /* its server doesn't answer, or not so that it could be believed */
	FETCHER_BUSY,        /* others have asked for too much */
	FETCHER_OUTCOMES
};

struct fetcher_answer {
	enum fetcher_outcome outcome;
	struct slice bytes; /* of FETCHER_DONE: the picture, whatever it is; in `call` */
	struct call_answer call;
};

/* ---- Asking ---- */

/** Begins an errand; the URL must stay until fetcher_end(). `done` as of caller_begin(). */
struct call_ticket *fetcher_begin(struct caller *caller, enum fetcher_errand errand, struct slice url, void (*done)(void *context), void *context);
/** What became of it; FETCHER_UNREACHABLE also if nobody has answered. One that isn't done yet is given up. fetcher_answer_free() is due. */
void fetcher_end(struct call_ticket **ticket, struct fetcher_answer *answer);
void fetcher_answer_free(struct fetcher_answer *answer);
/** An answer as it came over the channel; false: it is none. */
bool fetcher_answer_read(struct slice text, enum fetcher_outcome *outcome, struct slice *bytes);

/* ---- What it is ---- */

/** The type of a picture that a browser shows, by its bytes: image/png, image/jpeg, image/gif, image/webp or image/avif. NULL: it is none of these; what
 * calls itself a picture and is a document (SVG) isn't one either. */
const char *fetcher_picture_type(struct slice bytes);

/* ---- Doing it ---- */

/** Serves the channel, which it takes over, until stop_fd is readable. */
void fetcher_serve(int channel, int stop_fd);

#endif
