/* The arguments of SMTP commands (RFC 5321 §4.1.1; parameters of RFC 1870, 3030, 3461, 4865, 4954, 6152, 6531). Pure: what is read
 * lives in the arena. A function that fails returns the reply that the client gets, a line without its end; NULL: fine. */
#ifndef SMTP_PARSE_H
#define SMTP_PARSE_H

#include "base/arena.h"
#include "base/buf.h"
#include "queue/queue.h"

enum { ENVID_MAX = 100, ORCPT_MAX = 500 }; /* RFC 3461 §4.4, §4.2 */

struct smtp_mail_command {
	struct slice from;    /* empty: null reverse-path */
	uint64_t size;        /* SIZE=; 0: not given */
	enum queue_body_kind body;
	bool smtputf8;
	enum queue_dsn_return ret;
	struct slice envid;
	uint64_t hold_for;    /* HOLDFOR=, seconds; 0: not given */
	int64_t hold_until;   /* HOLDUNTIL=, seconds since 1970; 0: not given */
};
/** What follows "MAIL". At most one of hold_for and hold_until is given. */
const char *smtp_parse_mail(struct slice argument, struct arena *arena, struct smtp_mail_command *command);

struct smtp_rcpt_command {
	struct slice to;      /* "postmaster" may stand without a domain */
	unsigned notify;
	struct slice original;
};
/** What follows "RCPT". `smtputf8`: MAIL had that parameter. */
const char *smtp_parse_rcpt(struct slice argument, bool smtputf8, struct arena *arena, struct smtp_rcpt_command *command);

struct smtp_bdat_command {
	uint64_t size;
	bool last;
};
/** What follows "BDAT" (RFC 3030 §2). */
const char *smtp_parse_bdat(struct slice argument, struct smtp_bdat_command *command);

/** Decodes xtext (RFC 3461 §4); false if it is none, or holds anything but printable ASCII. */
bool smtp_parse_xtext(struct slice text, struct arena *arena, struct slice *decoded);


#endif
