/* Client addresses as the networks they count by: an IPv4 address and its /24; of IPv6 the /64 that one customer's device sees, and the
 * /56, /48 and /32 that providers give away, since who has one of these has all addresses in it. */
#ifndef AUTH_NETWORK_H
#define AUTH_NETWORK_H

#include "base/slice.h"

enum { NETWORK_BYTES = 17, NETWORKS_MAX = 4, NETWORK_TEXT_MAX = 64 };

/** One of the networks that an address is in: a kind and the leading bytes of the address. */
struct auth_network {
	char bytes[NETWORK_BYTES];
	int64_t allowance; /* so many failures of it count for one; a single one of the next smaller networks gives it fewer */
};

/** The networks of a numeric address, the smallest first; what is no address counts as one of its own. Returns
 * how many. */
size_t auth_network_list(struct slice address, struct auth_network out[NETWORKS_MAX]);
/** The smallest as text: "192.0.2.1", "2001:db8:1:2::/64". */
struct slice auth_network_text(struct slice address, char out[NETWORK_TEXT_MAX]);

#endif
