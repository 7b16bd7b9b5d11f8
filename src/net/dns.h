/* DNS through libunbound: answers with their DNSSEC state, bounded waiting. Thread-safe; every call blocks its worker, but for dns_begin(). */
#ifndef NET_DNS_H
#define NET_DNS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/error.h"
#include "lookup/lookup.h"

struct dns;

struct dns_options {
	const char *resolver;              /* "address" or "address@port"; "": the system's, or recursion */
	const char *const *trust_anchors;  /* files */
	size_t trust_anchor_count;
};
struct dns *dns_new(const struct dns_options *options, struct error *error);
/** From now on nobody waits for an answer: look-ups under way, and later ones, that have none at once end with DNS_TEMPORARY and
 * ERROR_INTERRUPTED. */
void dns_stop(struct dns *dns);
void dns_free(struct dns **dns);

/** Does the resolver remove DNSSEC signatures? Then answers are not validated, since all would look forged. Found out when the
 * first is asked for, every ten minutes, and soon after this call: */
void dns_retest(struct dns *dns);
bool dns_is_stripped(struct dns *dns);
#define DNS_STRIPPED_MEND "Use a resolver that passes them on, for example Debian's package unbound with resolver = \"127.0.0.1\"; " \
			  "or set trust_anchors = {\"none\"} if there is none."

enum dns_security { DNS_INSECURE, DNS_SECURE, DNS_BOGUS };
enum dns_status {
	DNS_FOUND,
	DNS_NO_DATA,    /* the name exists, not with this type */
	DNS_NO_NAME,    /* NXDOMAIN */
	DNS_TEMPORARY,  /* SERVFAIL, time-out, bogus */
};

struct dns_mx { uint16_t preference; struct slice host; /* A-labels, without final dot; empty: null MX (RFC 7505) */ };
/** MX records, CNAMEs followed, unsorted, at most DNS_RECORDS_MAX. */
enum { DNS_RECORDS_MAX = 100, DNS_TIMEOUT_SECONDS = 20 };
enum dns_status dns_mx(struct dns *dns, struct slice domain, struct arena *arena, struct dns_mx **list, size_t *count, enum dns_security *security, struct error *error);
/** AAAA and A records of a host, in that order. DNS_TEMPORARY only if neither could be had and one failed. */
enum dns_status dns_addresses(struct dns *dns, struct slice host, struct arena *arena, struct sockaddr_storage **list, size_t *count, enum dns_security *security, struct error *error);
/** The host name of an address, verified forwards (FCrDNS): empty if there is none. */
enum dns_status dns_reverse(struct dns *dns, const struct sockaddr_storage *address, struct arena *arena, struct slice *host);

/** Asks for everything that is wanted of a table, all at once, and puts the answers in; what has none at `deadline` (monotonic milliseconds)
 * has failed. */
void dns_answer(struct dns *dns, struct lookup *table, int64_t deadline);

/** The same without a thread that waits. NULL: everything that is wanted is answered, from what is kept, or can't be asked. Else `done` is called once,
 * in any thread and maybe before this returns, when all answers are there, or after dns_stop(): it calls nothing of this header. */
struct dns_round;
struct dns_round *dns_begin(struct dns *dns, struct lookup *table, void (*done)(void *context), void *context);
/** Puts the answers into the table, which was the same at the beginning; what has none has failed. At any time: `done` isn't called after this has
 * returned. Sets *round to NULL. */
void dns_end(struct dns_round **round, struct lookup *table);

#endif
