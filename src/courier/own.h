/* What we write ourselves: notifications, notices. */
#ifndef COURIER_OWN_H
#define COURIER_OWN_H

#include "courier/internal.h"

/** The client of a message that the courier writes. */
#define COURIER_OWN_CLIENT SLICE("the courier")

/** Is it one that we wrote, also if an alias passes it on? It is signed as what our people send is. */
bool courier_is_own(const struct queue_message *message);

/** The domain that such a message is from: the first of these addresses' domains that is one of ours, in ASCII, so that its keys sign
 * (DMARC wants that to be the domain in the From field); else this server's name. */
struct slice courier_own_domain(struct auth *auth, const struct slice *addresses, size_t count, struct arena *arena);

#endif
