/* What an entry of the option `dns_lists` says: a list in the DNS that is asked about clients and domains (RFC 5782), and what its answers are worth.
 * "zen.spamhaus.org 4 kind=address answers=127.0.0.2-127.0.0.11,127.0.0.x&16:1.5 do=reject": zone and points, then settings in any order, each once. */
#ifndef CONFIG_DNS_LIST_H
#define CONFIG_DNS_LIST_H

#include "config/config.h"

enum {
	CONFIG_DNS_LISTS_MAX = 32,         /* of one server */
	CONFIG_DNS_LIST_ZONE_MAX = 150,    /* bytes; so that most names fit before it */
	CONFIG_DNS_LIST_ANSWERS_MAX = 16,
};

/** What a list is asked about. */
enum config_dns_list_kind {
	CONFIG_DNS_LIST_ADDRESS, /* the client's address */
	CONFIG_DNS_LIST_SENDER,  /* the domain of the envelope sender */
	CONFIG_DNS_LIST_HELO,    /* what the client calls itself */
	CONFIG_DNS_LIST_PTR,     /* the name of its address */
	CONFIG_DNS_LIST_LINKS,   /* domains that the text leads to */
	CONFIG_DNS_LIST_KINDS,
};
/** As the setting kind= names it: "address". */
extern const char *const config_dns_list_kinds[CONFIG_DNS_LIST_KINDS];

/** What becomes of a message beside its points. */
enum config_dns_list_deed {
	CONFIG_DNS_LIST_POINTS, /* nothing */
	CONFIG_DNS_LIST_REJECT, /* it is refused, as Postfix's reject_rbl_client does */
	CONFIG_DNS_LIST_PERMIT, /* no list and no check of the client refuses it, as permit_dnswl_client */
};

/** Answers that count: those from `first` to `last`, or, with bits, those of the form `first` of which a bit is set. */
struct config_dns_list_answer {
	uint32_t first, last; /* IPv4 addresses */
	uint32_t bits;        /* 0: a range */
	int points;           /* hundredths */
};

struct config_dns_list {
	struct slice zone;                     /* points into the entry */
	int points;                            /* hundredths; negative: a list of the good */
	unsigned kinds;                        /* bits 1 << kind */
	struct config_dns_list_answer answers[CONFIG_DNS_LIST_ANSWERS_MAX];
	size_t answer_count;                   /* 0: any */
	enum config_dns_list_deed deed;
	struct slice test;                     /* what must be listed for the list to be believed; empty: what RFC 5782 §5 names. Points into the entry */
	bool untested;                         /* nothing must be */
};

/** Parses an entry. False, with what is wrong with it. */
bool config_parse_dns_list(struct slice entry, struct config_dns_list *list, struct error *error);

#endif
