/* What sealing needs of a chain that was read. */
#ifndef ARC_INTERNAL_H
#define ARC_INTERNAL_H

#include "arc/arc.h"

/** Are the chain's sets complete and in order, so far as can be said without keys? *count: how many there are, 0 for a message without seals. */
bool arc_verify_is_whole(const struct arc_verify *verify, size_t *count);
/** Adds all sets to a hash, in the order in which the next seal covers them (RFC 8617 §5.1.1). */
void arc_verify_hash_sets(const struct arc_verify *verify, EVP_MD_CTX *hash);

#endif
