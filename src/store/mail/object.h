/* What an account keeps beside mail, and clients see by JMAP: an object is a text of its owner's making, which the store doesn't read, with an id and
 * what is needed to tell what has changed since a client looked. */
#ifndef STORE_MAIL_OBJECT_H
#define STORE_MAIL_OBJECT_H

#include "base/arena.h"
#include "store/mail/terms.h"

enum object_kind { OBJECT_IDENTITY = 1, OBJECT_SUBMISSION, OBJECT_VACATION, OBJECT_ADDRESS_BOOK = 8, OBJECT_CARD, OBJECT_PUSH, OBJECT_SPELLING, OBJECT_SENDING = 16 /* a submission on its way into the queue, which nobody sees yet */ };
enum { OBJECT_TEXT_MAX = 1024 * 1024, OBJECTS_MAX = 5000 /* of a kind, but of contacts: see contact.h */ };

struct object {
	int64_t id;             /* given by the store, rising; those below OBJECT_ID_CHOSEN are chosen by who makes them */
	int64_t created;        /* seconds since 1970 */
	int64_t reference;      /* by what else it is found, one object of a kind at a time; 0: by nothing */
	struct slice text;
};
enum { OBJECT_ID_CHOSEN = 1000 };

/** What is to become of an object. */
struct object_change {
	int64_t id;             /* 0: it is new; one below OBJECT_ID_CHOSEN is made if it isn't there. Set for a new one */
	bool destroy;           /* else it gets this: */
	int64_t reference;
	struct slice text;
	/* results */
	bool done;              /* if not, `error` says why: ERROR_NOT_FOUND, ERROR_LIMIT */
	struct error error;
};

#endif
