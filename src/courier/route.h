/* Which hosts take mail for a destination (RFC 5321 §5). */
#ifndef COURIER_ROUTE_H
#define COURIER_ROUTE_H

#include "courier/session.h"
#include "net/dns.h"

struct config;

/** The hosts to try for a domain (as A-labels, or an address literal), best first, at most `max`, in `arena`. Equal
 * preferences are shuffled; hosts from our own preference on are left out. 0 with *trouble: there is none, or DNS has
 * trouble. */
size_t courier_route_domain(struct dns *dns, const struct config *config, struct slice domain, size_t max, struct arena *arena, struct courier_peer **peers, struct courier_trouble *trouble);
/** The same for one server that is named, "host:port": the smarthost, or that of struct queue_recipient. */
size_t courier_route_host(struct dns *dns, struct slice named, size_t max, struct arena *arena, struct courier_peer **peers, struct courier_trouble *trouble);
/** Puts MX records in the order in which they are to be tried, and cuts the list where `self` stands. *cut: it stood first
 * or made the list empty. Returns how many are left. */
size_t courier_route_order(struct dns_mx *list, size_t count, struct slice self, bool *cut);

#endif
