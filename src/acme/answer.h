/* What a certification authority answers (RFC 8555 §7.1, RFC 9773 §4.2): JSON, read within bounds. Everything in it is a stranger's: URLs are
 * followed by net/fetch.h alone, words are shown as printable ASCII. No input or output. */
#ifndef ACME_ANSWER_H
#define ACME_ANSWER_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

enum {
	ACME_ANSWER_MAX = 256 * 1024,
	ACME_URL_MAX = 2048,
	ACME_AUTHORIZATIONS_MAX = 100,
	ACME_CHALLENGES_MAX = 20,
	ACME_WORDS_MAX = 240, /* of a problem, as it is shown */
};

struct acme_directory {
	struct slice new_nonce, new_account, new_order, renewal_info; /* the last may be empty: it has none (RFC 9773) */
	struct slice terms;          /* of service; may be empty */
	bool external;               /* it wants accounts that it knows already (§7.3.4) */
	bool has_profile;            /* the profile that was asked for is one of its (draft-ietf-acme-profiles) */
};
/** `profile` may be empty. */
bool acme_directory_read(struct slice json, struct slice profile, struct arena *arena, struct acme_directory *out, struct error *error);

enum acme_status { ACME_PENDING, ACME_READY, ACME_PROCESSING, ACME_VALID, ACME_INVALID, ACME_ENDED /* deactivated, expired, revoked */ };

/** A problem document (RFC 7807, RFC 8555 §6.7): `type` without "urn:ietf:params:acme:error:", or empty; `words` what it says. */
struct acme_problem {
	struct slice type, words;
	struct slice name; /* that a subproblem is about (§6.7.1); may be empty */
};
bool acme_problem_read(struct slice json, struct arena *arena, struct acme_problem *out);

struct acme_order {
	enum acme_status status;
	struct slice *authorizations;
	size_t authorization_count;
	struct slice finalize, certificate; /* the latter is empty until it is valid */
	struct acme_problem problem;
};
bool acme_order_read(struct slice json, struct arena *arena, struct acme_order *out, struct error *error);

enum acme_kind { ACME_HTTP, ACME_TLS_ALPN, ACME_DNS, ACME_DNS_PERSIST, ACME_KINDS };
/** "http-01" and so on, in that order. */
extern const char *const acme_kind_names[ACME_KINDS];
/** False: none of them. */
bool acme_kind_parse(struct slice name, enum acme_kind *kind);

struct acme_challenge {
	enum acme_kind kind;
	struct slice url, token;       /* the token is one of base64 for URLs; dns-persist-01 has none */
	struct slice issuers[4];       /* of dns-persist-01: the authority's names of which one stands in the record */
	size_t issuer_count;
	bool failed;
	struct acme_problem problem;   /* why */
};
struct acme_authorization {
	enum acme_status status;
	struct slice name;             /* without "*." */
	bool wildcard;
	struct acme_challenge *challenges; /* those of kinds that we know */
	size_t challenge_count;
};
bool acme_authorization_read(struct slice json, struct arena *arena, struct acme_authorization *out, struct error *error);

/** When the authority suggests to renew (RFC 9773 §4.2): seconds since 1970. */
struct acme_renewal {
	int64_t start, end;
	struct slice why; /* a URL that explains it; may be empty */
};
bool acme_renewal_read(struct slice json, struct arena *arena, struct acme_renewal *out, struct error *error);

/** "2026-11-30T02:25:16Z", with a fraction or an offset if wanted (RFC 3339); false: it isn't that. */
bool acme_time_read(struct slice text, int64_t *seconds);

#endif
