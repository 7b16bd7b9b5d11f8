/* Writing the parts of responses (RFC 3501 §9). Pure. */
#ifndef IMAP_WRITE_H
#define IMAP_WRITE_H

#include "base/buf.h"

enum { QUOTED_MAX = 1024 }; /* longer strings go out as literals */

/** A string: quoted where possible, else a literal. NUL bytes, which IMAP can't carry, are left out. */
void imap_write_string(struct buf *out, struct slice s);
/** As write_string, or NIL when `s.at` is NULL. */
void imap_write_nstring(struct buf *out, struct slice s);
/** An astring: an atom where possible. */
void imap_write_astring(struct buf *out, struct slice s);
/** A mailbox name, given in UTF-8. */
void imap_write_mailbox(struct buf *out, struct slice utf8);
/** "(\Seen $Forwarded)"; `flags` with FLAG_RECENT gives \Recent. */
void imap_write_flags(struct buf *out, unsigned flags, struct slice keywords);

#endif
