/* Changing what a name server says of our domains, over the network (RFC 2136), signed with a key that it knows (TSIG, RFC 8945).
 *
 * A server is asked for the zone that a name is in and for what stands there, and told what to add and to remove; what it is told of one zone it does
 * whole or not at all. Every call blocks, for DNS_UPDATE_SECONDS at most for each question, and may be made by any thread. What the server says is read
 * strictly, and its answer to a change believed only with its signature. Questions are signed, too, since the server may show other zones to others;
 * but there are servers that don't sign answers to mere questions, so these count without.
 *
 * Names are A-labels without final dot. Errors: ERROR_DENIED, the server doesn't take it from this key; ERROR_TEMPORARY, it doesn't answer or has failed;
 * ERROR_INVALID, its answer or the question makes no sense. */
#ifndef DNSUPDATE_DNSUPDATE_H
#define DNSUPDATE_DNSUPDATE_H

#include "base/arena.h"
#include "config/config_dns_update.h"
#include "lookup/lookup.h"

enum {
	DNS_UPDATE_SECONDS = 20,
	DNS_UPDATE_SECRET_LEAST = 8,   /* bytes of a key */
	DNS_UPDATE_SECRET_MAX = 512,
	DNS_UPDATE_CHANGES_MAX = 1000, /* of one zone at a time; they must also fit into a message of 64 KiB */
	DNS_UPDATE_TXT_TTL = 60,       /* seconds, of what dns_update_txt() writes */
};

struct dns_update_server {
	struct sockaddr_storage address;
	struct slice place;  /* the address as it is written in the configuration, for people */
	struct slice key;    /* the key's name */
	enum config_dns_update_algorithm algorithm;
	struct slice secret; /* the key */
	uint32_t ttl;        /* seconds, for who has no time of his own */
};

/** The server that is configured for a name (option dns_update), with its secret, in `arena`. `data`: the data directory. ERROR_NOT_FOUND: there is none. */
bool dns_update_server_for(const struct config *config, const char *data, struct slice name, struct arena *arena, struct dns_update_server *server, struct error *error);
/** The server of an entry of that option. */
bool dns_update_server_load(const struct config_dns_update *entry, const char *data, struct arena *arena, struct dns_update_server *server, struct error *error);

/* ---- One TXT record set, as ACME's dns-01 wants it (RFC 8555 §8.4) ---- */

/** Puts texts in the place of all TXT records of a name, each a record of its own; none: removes what there is. ERROR_EXISTS: the name is an alias. */
bool dns_update_txt(const struct dns_update_server *server, struct slice name, const struct slice *values, size_t count, struct error *error);

/* ---- Records ---- */

/** Types by their numbers. */
enum dns_update_type {
	DNS_UPDATE_A = 1, DNS_UPDATE_NS = 2, DNS_UPDATE_CNAME = 5, DNS_UPDATE_SOA = 6, DNS_UPDATE_PTR = 12, DNS_UPDATE_MX = 15, DNS_UPDATE_TXT = 16,
	DNS_UPDATE_AAAA = 28, DNS_UPDATE_SRV = 33, DNS_UPDATE_OPT = 41, DNS_UPDATE_TLSA = 52, DNS_UPDATE_TSIG = 250, DNS_UPDATE_ANY = 255, DNS_UPDATE_CAA = 257,
};
unsigned dns_update_type_of(enum lookup_type type);

/** A record as it crosses the network. */
struct dns_update_record {
	struct slice name;  /* bytes that no host name has are question marks */
	unsigned type;
	uint32_t ttl;       /* seconds */
	struct slice data;  /* RDATA; names in it aren't compressed */
};
/** Appends the RDATA of a record that a lookup would have. False: it can't be one. */
bool dns_update_encode(enum lookup_type type, const struct lookup_record *value, struct buf *out);
/** The reverse; *value points into the record or lives in `arena`. False: it isn't of that type, or is damaged. */
bool dns_update_decode(enum lookup_type type, const struct dns_update_record *record, struct arena *arena, struct lookup_record *value);

/* ---- Asking and changing ---- */

/** What stands at a name. */
struct dns_update_standing {
	bool exists;                          /* the name, with whatever types */
	struct slice alias;                   /* where it leads by CNAME; empty: it doesn't */
	struct dns_update_record *records;    /* of the type asked for: the name's own, and those of where it leads as far as the server has them */
	size_t count;
};
/** Asks the server itself, as it is the one that knows first. */
bool dns_update_look(const struct dns_update_server *server, struct slice name, unsigned type, struct arena *arena, struct dns_update_standing *standing,
		     struct error *error);

/** The zone of that server which a name is in: at the name, or above it. */
bool dns_update_zone_of(const struct dns_update_server *server, struct slice name, struct arena *arena, struct slice *zone, struct error *error);

struct dns_update_change {
	enum { DNS_UPDATE_ADD, DNS_UPDATE_REMOVE /* this record */, DNS_UPDATE_REMOVE_ALL /* of the name and type, or with DNS_UPDATE_ANY of the name */ } what;
	struct dns_update_record record;      /* REMOVE: without ttl; REMOVE_ALL: also without data */
};
/** Makes changes in the order in which they stand, all or none. */
bool dns_update_change(const struct dns_update_server *server, struct slice zone, const struct dns_update_change *list, size_t count, struct error *error);

#endif
