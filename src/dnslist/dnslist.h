/* Lists in the DNS of who sends spam, or none (RFC 5782): of addresses (DNSBL, DNSWL), and of domains, those of senders and clients (RHSBL) and those
 * that a text leads to (URIBL). A pure function of the DNS's answers, which it asks through a table (lookup/lookup.h).
 *
 * A list can lie: its operator has gone and its domain answers for everything, or it doesn't want to be asked through this resolver and says so with
 * answers that look like listings. Whoever asks tests each list now and then (dnslist_test), and believes none that fails. */
#ifndef DNSLIST_DNSLIST_H
#define DNSLIST_DNSLIST_H

#include "config/config_dns_list.h"
#include "lookup/lookup.h"

enum {
	DNSLIST_LINKS_MAX = 10,       /* domains of a text that are asked about */
	DNSLIST_QUESTIONS_MAX = 150,  /* of all lists about one message; so that half of a table is left to others */
	DNSLIST_HITS_MAX = 64,
};

enum dnslist_state {
	DNSLIST_PENDING,    /* the table has questions that are wanted */
	DNSLIST_GOOD,
	DNSLIST_SILENT,     /* it didn't answer */
	DNSLIST_EMPTY,      /* what must be listed isn't: it has gone, or the entry is wrong */
	DNSLIST_EVERYTHING, /* what mustn't be listed is */
	DNSLIST_OUTSIDE,    /* it answers with what is no answer of a list (outside of 127.0.0.0/8) */
	DNSLIST_REFUSES,    /* it says that it may not be asked through this resolver, or not so often (127.255.255.0/24) */
};
/** A clause for people: "it lists what no list may list". */
const char *dnslist_state_text(enum dnslist_state state);

/** Does the list answer as RFC 5782 §5 wants it? *six: does it know IPv6, too (of address lists)? */
enum dnslist_state dnslist_test(const struct config_dns_list *list, struct lookup *table, struct arena *arena, bool *six);

/** What lists are asked about; empty: not known, not asked. */
struct dnslist_facts {
	struct slice client; /* its address, 4 or 16 bytes */
	struct slice sender, helo, ptr; /* domains */
	const struct slice *links;
	size_t link_count;
};

struct dnslist_hit {
	enum config_dns_list_kind kind;
	struct slice subject; /* what is listed: an address as text, or a domain */
	struct slice name;    /* the name that was asked for, under which the reason is (TXT) */
	struct slice answer;  /* "127.0.0.2" */
	int points;           /* hundredths: the sum over the list's answers that count */
};
struct dnslist_hits {
	struct dnslist_hit list[DNSLIST_HITS_MAX];
	size_t count;
	size_t asked; /* questions; bounded over all lists by DNSLIST_QUESTIONS_MAX */
};

/** Asks the list about everything that it is for, and adds what it says to *hits. PENDING: some isn't known yet, call again with hits as before.
 * GOOD, or by what its answers show that it isn't to be believed; SILENT: some question had no answer, the hits stand. `six`: ask about IPv6. */
enum dnslist_state dnslist_ask(const struct config_dns_list *list, const struct dnslist_facts *facts, bool six, struct lookup *table, struct arena *arena,
			       struct dnslist_hits *hits);

/** The part of a host's name that somebody has registered, near enough: its last two labels, three under "co.uk" and the like. Empty for an address
 * and for a name without a dot. */
struct slice dnslist_registered(struct slice host);

#endif
