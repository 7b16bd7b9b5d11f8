/* DEFLATE between a session and its connection (RFC 1951, RFC 4978 §4): a filter for conn_set_filter().
 *
 * What it costs: about 70 KiB while something is sent and 40 KiB while something is received. A second after that (rest()) only what the
 * client may still refer to is left, the last 32 KiB at most that it has said; of one that waits in IDLE that is a few hundred bytes. */
#ifndef IMAP_DEFLATE_H
#define IMAP_DEFLATE_H

#include "net/server.h"

extern const struct conn_filter imap_deflate;
/** A filter's state at the beginning of both streams. */
void *imap_deflate_new(void);

#endif
