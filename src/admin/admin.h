/* Administration over HTTP (docs/admin-api.md): how the web role asks the admin role, and what is asked. The web role hands on what somebody wants done and by
 * what he says who he is, and decides nothing. The admin role asks auth who that is, finds the row of the command line, sees whether he may, and runs it in a
 * process of its own. */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "base/buf.h"
#include "net/call.h"

enum {
	ADMIN_REQUEST_MAX = 4 * 1024 * 1024,    /* bytes */
	ADMIN_OUTPUT_MAX = 3 * 1024 * 1024,     /* bytes that a command may print */
	ADMIN_SECONDS = 60,                     /* for a call, once it is begun */
	ADMIN_WAIT_SECONDS = 10,                /* … until it is */
	ADMIN_PROOF_MAX = 256,                  /* bytes of a key, or a session's token */
	ADMIN_ADDRESS_MAX = 64,
};

/** What is asked: verbs of net/call.h. */
enum admin_verb { ADMIN_WHO = 1 /* who he is, and what he may call */, ADMIN_CALL };

/** By what somebody says who he is, and from where. */
struct admin_asker {
	bool key;               /* else a session's token */
	struct slice proof, address;
};

/** A question as it goes over the channel: who asks, and the request's body. False: it is longer than one may be. */
bool admin_question_write(const struct admin_asker *asker, struct slice body, struct buf *out);
/** The slices point into the text. False: it is none. */
bool admin_question_read(struct slice text, struct admin_asker *asker, struct slice *body);

/** What goes back to the client: a status of HTTP, a body of JSON, and for how long it is to be held back. */
struct admin_answer {
	unsigned status, delay_ms;
	struct slice body;      /* in `call` */
	struct call_answer call;
};
/** As it goes over the channel. */
void admin_answer_write(const struct admin_answer *answer, struct buf *out);
/** The body points into the text. False: it is none. */
bool admin_answer_read(struct slice text, struct admin_answer *answer);

/** Asks; the question must stay until admin_end(). `done` as of caller_begin(). */
struct call_ticket *admin_begin(struct caller *caller, enum admin_verb verb, struct slice question, void (*done)(void *context), void *context);
/** False: there is no answer. One that isn't done yet is given up. call_answer_free() of answer->call is due. */
bool admin_end(struct call_ticket **ticket, struct admin_answer *answer);

#endif
