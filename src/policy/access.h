/* Who may come in and who may not, as the administrator says: lists by address, network, domain, sender and country, for the server (options
 * access_allow, access_deny), and for a domain or an address of ours (access_for). Pure: no input or output. */
#ifndef POLICY_ACCESS_H
#define POLICY_ACCESS_H

#include "base/arena.h"
#include "config/config.h"

struct policy_access_facts {
	struct slice client;  /* its address, 4 or 16 bytes; empty: nobody knows */
	struct slice name;    /* the client's name, if it leads back to its address; else empty */
	struct slice country; /* "DE"; empty: not known */
	struct slice sender;  /* the envelope's; empty: none */
	bool proved;          /* SPF or DMARC has shown that it is from the sender's domain: else no name of a sender is believed that is allowed */
};

enum policy_access { POLICY_ACCESS_OPEN /* nothing is said of him */, POLICY_ACCESS_ALLOWED, POLICY_ACCESS_DENIED };

struct policy_access_verdict {
	enum policy_access access;
	bool by_sender;     /* what counts is the sender's name */
	struct slice entry; /* that counts; lives as long as the configuration */
	struct slice whose; /* the address or domain of ours that says so; empty: the server */
};

/** What an address's owner says goes before what its domain does, and that before what the server does; of one of these, who is allowed before who is
 * denied. `recipient`: an address of ours. */
void policy_access_find(const struct config *config, struct slice recipient, const struct policy_access_facts *facts, struct arena *arena,
			struct policy_access_verdict *verdict);

/** Is anybody denied anywhere? */
bool policy_access_denies(const struct config *config);
/** Does an entry name a country, or a domain (for which the client's name is asked for)? */
bool policy_access_has_country(const struct config *config);
bool policy_access_has_domain(const struct config *config);
/** Does an entry of access_for name this address? */
bool policy_access_is_own(const struct config *config, struct slice recipient);

#endif
