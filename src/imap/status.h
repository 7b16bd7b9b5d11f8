/* What STATUS tells of a mailbox (RFC 3501 §6.3.10), also in LIST (RFC 5819). */
#ifndef IMAP_STATUS_H
#define IMAP_STATUS_H

#include "imap/session.h"

/** "(MESSAGES UNSEEN)", as bits. */
bool imap_status_parse(struct imap_parser *parser, unsigned *items);
/** "* STATUS name (MESSAGES 3 UNSEEN 1)", with its line end. */
void imap_status_write(const struct imap *imap, struct buf *out, const struct mailbox *mailbox, unsigned items);

#endif
