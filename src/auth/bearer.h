/* The messages of OAUTHBEARER (RFC 7628 §3.1) and XOAUTH2: pure, over a slice. */
#ifndef AUTH_BEARER_H
#define AUTH_BEARER_H

#include "base/arena.h"

struct sasl_bearer { struct slice name /* empty: none is said */, token; };

/** "n,a=NAME,^Ahost=…^Aport=…^Aauth=Bearer TOKEN^A^A": a GS2 header without channel binding (RFC 5801 §4), then pairs. The name is in the arena. */
bool sasl_bearer_parse(struct slice message, struct arena *arena, struct sasl_bearer *out);
/** "user=NAME^Aauth=Bearer TOKEN^A^A" */
bool sasl_xoauth2_parse(struct slice message, struct sasl_bearer *out);

#endif
