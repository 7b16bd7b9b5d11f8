/* SMTP replies as a client reads them (RFC 5321 §4.2). The peer is not trusted: lines, their number and their codes are
 * checked, control characters go. Pure; no I/O. */
#ifndef COURIER_REPLY_H
#define COURIER_REPLY_H

#include "base/slice.h"

enum {
	REPLY_LINES_MAX = 100, /* of one reply, with those that are passed over; a longer one is refused */
	REPLY_TEXT_MAX = 600,  /* what is kept of the text for logs and reports */
	REPLY_STATUS_MAX = 12, /* "5.123.123" */
};

struct courier_reply {
	int code;                        /* 200-599 */
	char status[REPLY_STATUS_MAX];   /* enhanced status code (RFC 2034) of the first line, or "" */
	char text[REPLY_TEXT_MAX];       /* "550 5.1.1 no such user", lines joined by a space; printable UTF-8 */
	size_t text_len;
	int lines;
	int passed_over;                 /* lines that are none of a reply */
};

enum courier_reply_state { REPLY_MORE, REPLY_DONE, REPLY_BROKEN };

/** Begins a reply. */
void courier_reply_begin(struct courier_reply *reply);
/** Takes the next line (without line end). Blank lines before a reply, and lines without a code in the midst of one, are
 * passed over, as other clients do. REPLY_BROKEN: the peer doesn't speak SMTP. *content is what follows the code, for EHLO's
 * keywords; valid as long as `line`. */
enum courier_reply_state courier_reply_add_line(struct courier_reply *reply, struct slice line, struct slice *content);

static inline bool reply_is_positive(const struct courier_reply *reply) { return reply->code >= 200 && reply->code < 300; }
static inline bool reply_is_permanent(const struct courier_reply *reply) { return reply->code >= 500; }
static inline struct slice reply_text(const struct courier_reply *reply) { return slice_make(reply->text, reply->text_len); }

/** What EHLO offered (RFC 5321 §4.1.1.1). */
struct courier_offers {
	bool pipelining, eight_bit, smtputf8, dsn, starttls, enhanced_status, chunking, binary;
	bool size;
	uint64_t size_limit;   /* 0: none said */
	bool auth_scram, auth_plain, auth_login;
};
/** Takes one line of the reply to EHLO, but not the first, into account. */
void courier_offers_add(struct courier_offers *offers, struct slice line);

#endif
