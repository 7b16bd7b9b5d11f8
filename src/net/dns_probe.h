/* Does the resolver pass DNSSEC signatures on? Some remove them (cheap routers, some providers'), and validating what they say
 * makes every answer look forged. */
#ifndef NET_DNS_PROBE_H
#define NET_DNS_PROBE_H

#include "base/slice.h"

enum dns_probe {
	DNS_PROBE_SIGNED,   /* it does; or there is none, and the root servers are asked */
	DNS_PROBE_STRIPPED, /* it answers about the root zone without signatures */
	DNS_PROBE_UNKNOWN,  /* it doesn't answer, or with an error */
};

enum { DNS_PROBE_SECONDS = 2 /* for each resolver */ };

/** Asks the resolver ("address" or "address@port"; "": those of /etc/resolv.conf) for the SOA record of the root zone with its
 * signature (RFC 4035 §3.2.1, DO bit). Blocks, but no longer when `stop` (a descriptor) has become readable. Of several
 * resolvers the worst answer counts. */
enum dns_probe dns_probe(const char *resolver, int stop);
/** Is it an address, with a zone (RFC 4007 §11) or without, or such with a port behind an "@"? */
bool dns_probe_is_resolver(struct slice text);
/** What a packet of `answer` says to the question with this id. */
enum dns_probe dns_probe_read(struct slice answer, unsigned id);

#endif
