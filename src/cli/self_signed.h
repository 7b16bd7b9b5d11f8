/* The certificate that `pombal init` begins with: self-signed, ECDSA P-256, for the names given. */
#ifndef CLI_SELF_SIGNED_H
#define CLI_SELF_SIGNED_H

#include "base/buf.h"
#include "base/error.h"

enum { SELF_SIGNED_DAYS = 3650 };

/** Appends certificate and key in PEM. The names: `hostname` (also the subject), `domain`, localhost and its addresses. */
bool cli_self_signed_make(const char *hostname, const char *domain, struct buf *chain, struct buf *key, struct error *error);

#endif
