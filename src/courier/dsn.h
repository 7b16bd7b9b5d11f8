/* The text of delivery status notifications (RFC 3464, for internationalised mail RFC 6533). What they say to people stands in
 * words.c. Pure; no I/O. */
#ifndef COURIER_DSN_H
#define COURIER_DSN_H

#include "auth/auth.h"
#include "base/buf.h"
#include "queue/queue.h"

enum courier_dsn_kind { DSN_FAILED, DSN_DELAYED, DSN_SUCCESS };
enum courier_dsn_action { ACTION_FAILED, ACTION_DELAYED, ACTION_DELIVERED, ACTION_RELAYED, ACTION_EXPANDED };

struct courier_dsn_recipient {
	struct slice address, original; /* original: ORCPT as in struct queue_recipient, or empty */
	enum courier_dsn_action action;
	struct slice status;            /* "5.1.1" */
	struct slice text;              /* what was said */
	bool from_peer;                 /* by the other server, as an SMTP reply */
	bool expired;                   /* failed because time was up */
	bool returned;                  /* … because an administrator gives it back; `text` is why */
	bool unsure;                    /* it was sent, and nobody knows whether the other server has taken it */
	struct slice host;              /* the other server, or empty */
	int64_t last_attempt, retry_until; /* 0: not to be told */
};

struct courier_dsn {
	enum courier_dsn_kind kind;
	enum auth_language language;
	const char *hostname;
	struct slice domain;            /* whose MAILER-DAEMON writes, in ASCII */
	const struct queue_message *message;
	const struct courier_dsn_recipient *recipients;
	size_t count;
	int64_t now;
	int64_t id;                     /* of the notification itself, for its Message-ID */
	const char *boundary;           /* must not occur in `original` */
	struct slice original;          /* the message, or its header */
	bool full;                      /* `original` is the whole message */
};

/** Appends the whole message. False: it passed the buffer's maximum. */
bool courier_dsn_write(const struct courier_dsn *dsn, struct buf *out);
#endif
