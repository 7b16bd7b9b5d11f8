/* What notifications say to people, in the languages that the project has (RFC 6533 leaves it free). One table for each, so that who
 * adds a language writes one table; texts are UTF-8, their line ends CRLF. */
#ifndef COURIER_WORDS_H
#define COURIER_WORDS_H

#include "auth/auth.h"
#include "courier/dsn.h"

enum { WORDS_KINDS = DSN_SUCCESS + 1 };

struct courier_words {
	const char *sender;                /* the name in From */
	const char *subject[WORDS_KINDS];  /* by enum courier_dsn_kind */
	const char *greeting;              /* before the name of the server */
	const char *opening[WORDS_KINDS];
	const char *delivered, *relayed, *expanded;
	const char *refused, *not_taken;   /* a failure or a delay of which nothing else is known */
	const char *expired, *unsure, *returned;
	const char *retry_until;           /* before a time */
	const char *said;                  /* between a server's name and its words */
	const char *detail;                /* before words of ours */
	const char *full, *header;         /* what is attached */
};

/** What the owner of an account and the postmaster hear when its mail is held. */
enum courier_held_reader { HELD_OWNER, HELD_POSTMASTER, HELD_READERS };
struct courier_held_words {
	const char *subject[HELD_READERS], *opening[HELD_READERS], *advice[HELD_READERS];
	const char *account, *why, *reasons[REASON_LAST + 1], *allowed, *messages, *recipients, *first, *from, *clients, *others;
	const char *look, *release, *remove, *password, *closing; /* before commands */
};
const struct courier_held_words *courier_words_held(enum auth_language language);

/** What somebody hears of mail for him that was set apart. */
struct courier_digest_words {
	const char *subject;               /* before their number */
	const char *opening;
	const char *from, *about, *arrived, *points, *why;
	const char *more;                  /* after a number */
	const char *own;                   /* how who may lets one go himself */
	const char *others;                /* before an address, after that: the rest */
	const char *not_own;               /* at one of the rest */
	const char *ask, *release, *expires, *days; /* before an address, before a command, around a number of days */
};
const struct courier_digest_words *courier_words_digest(enum auth_language language);

/** What somebody reads above junk that comes to him inside of a report. */
struct courier_wrap_words {
	const char *opening, *attached, *attached_text;
};
const struct courier_wrap_words *courier_words_wrap(enum auth_language language);

/** What is answered for somebody who has said nothing else. */
struct courier_vacation_words {
	const char *prefix;                /* before a subject and a colon */
	const char *text;
};
const struct courier_vacation_words *courier_words_vacation(enum auth_language language);

const struct courier_words *courier_words_in(enum auth_language language);
/** Why, for an enhanced status code (RFC 3463): "There is no mailbox with this address." for 5.1.1; never NULL. */
const char *courier_words_reason(enum auth_language language, struct slice status);

#endif
