/* What the DNS must say of a domain whose mail this server takes: the records, as lines of a zone file, and whether what the DNS says
 * instead will do. Pure: no input or output. What the DNS says is hostile, and only compared. */
#ifndef ZONE_ZONE_H
#define ZONE_ZONE_H

#include "base/buf.h"
#include "lookup/lookup.h"

enum {
	ZONE_STRING_MAX = 255,      /* bytes of a string in a TXT record, which has many (RFC 1035 §3.3) */
	ZONE_LINE_MAX = 16 * 1024,  /* bytes of a record as a line */
	ZONE_THERE_MAX = 1024,      /* bytes that are shown of what stands in the DNS */
};

/** What a record is for. */
enum zone_purpose {
	ZONE_MX,        /* where its mail is brought */
	ZONE_SPF,       /* who sends for it (RFC 7208) */
	ZONE_DKIM,      /* a key of its signatures (RFC 6376) */
	ZONE_DMARC,     /* what becomes of what only pretends to be from it (RFC 9989) */
	ZONE_STS,       /* it has a policy about TLS (RFC 8461) */
	ZONE_TLSRPT,    /* where reports about TLS go (RFC 8460) */
	ZONE_SERVICE,   /* where mail clients find a service (RFC 6186, RFC 8314) */
	ZONE_ALIAS,     /* a name under which mail clients, or servers, look for a file with settings */
	ZONE_AGENTS,    /* the digest of a document for mail clients (draft-ietf-mailmaint-pacc-03) */
	ZONE_AUTHORITY, /* who may make certificates (RFC 8659) */
	ZONE_KEY,       /* the key of this server's certificate (DANE, RFC 7672) */
	ZONE_NEXT_KEY,  /* the one that its next certificate may have */
};

struct zone_record {
	enum zone_purpose purpose;
	enum lookup_type type;
	struct slice name;           /* A-labels, without final dot */
	struct lookup_record value;  /* as an answer of the DNS would have it */
	bool needed;                 /* else mail goes without it, less well */
};

/** A key and a service, as they are published. */
struct zone_key { struct slice selector, record; };
struct zone_service {
	struct slice label;  /* "_imaps" */
	uint16_t port;       /* 0: it isn't offered */
	uint16_t preference; /* which clients shall take first: lower */
};
enum { ZONE_DIGEST_SIZE = 32 }; /* SHA-256 */
/** What the policy about TLS says beside the name of this server. */
struct zone_sts {
	const char *mode;              /* "enforce", "testing", "none"; NULL: testing */
	int64_t max_age;               /* seconds; 0: a week */
	const char *const *hosts;      /* further MX hosts, or "*." and a domain */
	size_t host_count;
};
struct zone_plan {
	struct slice domain, hostname; /* A-labels */
	const struct zone_key *keys;
	size_t key_count;
	const struct zone_service *services;
	size_t service_count;
	struct slice authority;        /* "letsencrypt.org"; empty: certificates are nobody's in particular */
	uint16_t web_port;             /* where this server gives mail clients their settings, over TLS; 0: it doesn't */
	struct slice agents;           /* the record of the document for all clients; empty: there is no such document */
	struct zone_sts sts;
	const unsigned char (*digests)[ZONE_DIGEST_SIZE]; /* of the public key that the server, whose name is within the domain, shows on port 25, and of the one that is next */
	size_t digest_count;
};

/** The records of a domain, in the arena, which must outlive them as the plan must. */
void zone_make(const struct zone_plan *plan, struct arena *arena, struct zone_record **list, size_t *count);
/** The policy that https://mta-sts.DOMAIN/.well-known/mta-sts.txt must give (RFC 8461 §3.2). */
struct slice zone_policy(const struct zone_plan *plan, struct arena *arena);
/** Appends a record as a line of a zone file (RFC 1035 §5.1), without line end; names are absolute. */
void zone_write(const struct zone_record *record, struct buf *out);

enum zone_state {
	ZONE_RIGHT,
	ZONE_MISSING,
	ZONE_DIFFERENT,
	ZONE_SEVERAL,  /* where one alone is allowed: all are void */
	ZONE_UNKNOWN,  /* the DNS doesn't answer */
};
struct zone_finding {
	enum zone_state state;
	struct slice there; /* what stands in the DNS instead or beside, one record after the other; may be cut; printable ASCII */
	const char *advice; /* what is to be done, a sentence; NULL: nothing */
};
const char *zone_state_name(enum zone_state state);
/** Compares a record with the answer to the question for its name and type. What an administrator may have chosen otherwise is right:
 * further MX hosts, another order, an SPF record with more senders, any policy of DMARC. */
struct zone_finding zone_compare(const struct zone_record *record, const struct lookup_answer *answer, struct arena *arena);
/** Is a record that stands at the same name, with the same type, there for the same purpose? Texts of other uses may stand beside ours. */
bool zone_is_of_purpose(const struct zone_record *record, struct slice data);

#endif
