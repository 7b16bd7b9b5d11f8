/* How sessions with other domains' servers went, as far as TLS is concerned: counted, until the policy role is told, which reports it to them
 * (RFC 8460). Thread-safe. */
#ifndef COURIER_TLS_SEEN_H
#define COURIER_TLS_SEEN_H

#include "policy/outgoing.h"

enum { COURIER_TLS_SEEN_MAX = 2000, COURIER_TLS_SEEN_SIZE = COURIER_TLS_SEEN_MAX * 1300 /* bytes of all lines */ };

struct tls_seen;

struct tls_seen *courier_tls_seen_new(void);
/** NULL is fine. */
void courier_tls_seen_free(struct tls_seen **seen);
/** Counts a session with a server that takes mail for `domain` (as A-labels). What would be more than COURIER_TLS_SEEN_MAX different things since
 * they were last taken is let go. */
void courier_tls_seen_note(struct tls_seen *seen, struct slice domain, const struct report_row *row);
/** Appends all as lines (policy/outgoing.h), and begins anew. */
void courier_tls_seen_take(struct tls_seen *seen, struct buf *out);

#endif
