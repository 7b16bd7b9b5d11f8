/* Seals on what strangers send and an alias passes on (ARC, arc/arc.h; option arc_seal). */
#ifndef COURIER_SEAL_H
#define COURIER_SEAL_H

#include "arc/arc.h"

struct auth;

struct courier_seal {
	struct auth *auth;
	struct arena *arena;
	struct slice holder;  /* the address that passes it on: its domain seals */
	bool failed;          /* the auth role didn't answer */
	struct arc_sealer sealer;
	struct arc_sealing *seal; /* NULL: it isn't sealed */
};

/** The header is whole. */
void courier_seal_begin(struct courier_seal *seal, struct slice header);
void courier_seal_body(struct courier_seal *seal, struct slice piece);
/** The message has ended: appends the fields, if it is sealed, and frees what is its own. */
void courier_seal_end(struct courier_seal *seal, struct buf *out);

#endif
