/* Rewritten senders (SRS, "sender rewriting scheme"). Mail that an alias passes on to another server would come from here with the
 * reverse-path of a domain that doesn't let this server send (SPF). So it gets an address of ours that the original one can be read from,
 *
 *   SRS0=HASH=DAY=DOMAIN=LOCAL@ours           for LOCAL@DOMAIN
 *   SRS1=HASH=FIRST==HASH=DAY=DOMAIN=LOCAL@ours   for what FIRST has rewritten already: it needn't grow with every server on the way
 *
 * and a report that comes back to it is given on. The hash, keyed with a secret of the auth role, shows that it was made here; the day,
 * that it wasn't long ago. Some servers change the case of letters: neither hash nor day tells them apart. Pure: no input or output. */
#ifndef AUTH_SRS_H
#define AUTH_SRS_H

#include "base/arena.h"

enum { AUTH_SRS_KEY_SIZE = 32, AUTH_SRS_HASH_LEN = 8 /* characters of base 32 */ };

/** Does a local part have the form of a rewritten one? */
bool auth_srs_is(struct slice local);
/** Rewrites `from` into an address of `domain`, in the arena. False: it can't be (it is too long for that, or has an address literal). */
bool auth_srs_make(const char key[AUTH_SRS_KEY_SIZE], int64_t now, struct slice from, struct slice domain, struct arena *arena, struct slice *out);
/** The original address, in the arena. `valid`: seconds for which it is. False: it wasn't made with this key, or is too old. */
bool auth_srs_read(const char key[AUTH_SRS_KEY_SIZE], int64_t now, int64_t valid, struct slice local, struct arena *arena, struct slice *original);

#endif
