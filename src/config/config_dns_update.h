/* What an entry of the option `dns_update` says: a name server that takes changes of a zone over the network (RFC 2136), and the key that they are signed
 * with (TSIG, RFC 8945). "example.org 192.0.2.53 key=pombal secret=dns.key algorithm=hmac-sha256 ttl=1h": names and server, then settings in any order,
 * each once. */
#ifndef CONFIG_DNS_UPDATE_H
#define CONFIG_DNS_UPDATE_H

#include "config/config.h"

enum {
	CONFIG_DNS_UPDATE_NAME_MAX = 253,   /* bytes of a zone's or key's name */
	CONFIG_DNS_UPDATE_TTL_MAX = 604800, /* seconds */
};

enum config_dns_update_algorithm { CONFIG_HMAC_SHA256, CONFIG_HMAC_SHA384, CONFIG_HMAC_SHA512, CONFIG_HMACS };
/** As the setting algorithm= and RFC 8945 §6 name it: "hmac-sha256". */
extern const char *const config_dns_update_algorithms[CONFIG_HMACS];

struct config_dns_update {
	struct slice zone;               /* for all names at and below it; A-labels, without final dot. This and what follows points into the entry */
	struct sockaddr_storage address; /* with port */
	struct slice place;              /* the same as it was written */
	struct slice key;                /* the key's name, without final dot */
	struct slice secret;             /* path of the file with the key itself, relative to the data directory */
	enum config_dns_update_algorithm algorithm;
	int64_t ttl;                     /* seconds, of records that are written */
};

/** Parses an entry. False, with what is wrong with it. */
bool config_parse_dns_update(struct slice entry, struct config_dns_update *update, struct error *error);
/** The entry for a name (A-labels, without final dot): of those whose zone is the name, or above it, the longest. False: there is none. */
bool config_find_dns_update(const struct config *config, struct slice name, struct config_dns_update *update);

#endif
