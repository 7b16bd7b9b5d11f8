/* Getting certificates from a certification authority (ACME, RFC 8555; RFC 8737, RFC 8738, RFC 9773): straight-line code that fetches and waits, in a
 * thread of the caller's. Keys are not here: whoever has them signs, makes requests for certificates and answers challenges, when asked through
 * struct acme_keeper. */
#ifndef ACME_CLIENT_H
#define ACME_CLIENT_H

#include "acme/answer.h"
#include "acme/key.h"
#include "net/fetch.h"

/** Who has the keys, and may refuse. Each function is told its context; false with *error. */
struct acme_keeper {
	void *context;
	/** Signs a digest with the account's key; appends the signature, as base64 for URLs. */
	bool (*sign)(void *context, const unsigned char digest[ACME_DIGEST_SIZE], struct buf *signature, struct error *error);
	/** Makes a request for a certificate of the set `id` for these names; appends it, as base64 for URLs. */
	bool (*request)(void *context, struct slice id, const struct slice *names, size_t count, struct buf *out, struct error *error);
	/** Answers a challenge about a name (without "*."). `value` is what a record of the DNS must have, for
	 * those kinds; `token` is empty for dns-persist-01. */
	bool (*prove)(void *context, enum acme_kind kind, struct slice name, struct slice token, struct slice value, struct error *error);
	/** All answers may go. */
	void (*unprove)(void *context);
	/** Takes a chain that has come, in PEM, and puts it into service. */
	bool (*keep)(void *context, struct slice id, const struct slice *names, size_t count, struct slice chain, struct error *error);
	/** All answers have been given: the authority looks when it returns. False: the process is being stopped. */
	bool (*settle)(void *context);
	/** Waits; false: the process is being stopped. */
	bool (*wait)(void *context, int64_t milliseconds);
};

struct acme_client_options {
	struct fetch_rules rules;     /* `most`, `plain` and `redirects` are set here */
	struct slice directory;       /* the authority's URL */
	struct slice contact;         /* a mail address; may be empty */
	struct slice profile;         /* of certificate, as the authority names it; may be empty */
	struct slice jwk, thumbprint; /* of the account's key */
	enum acme_kind kinds[ACME_KINDS]; /* of challenges that can be answered, in this order */
	size_t kind_count;
	const struct acme_keeper *keeper;
};

struct acme_client;
/** The options are the caller's, and must last. */
struct acme_client *acme_client_new(const struct acme_client_options *options);
void acme_client_free(struct acme_client **client);

/** A certificate that is wanted. */
struct acme_wanted {
	struct slice id;              /* for the keeper */
	const struct slice *names;
	size_t count;
	struct slice replaces;        /* the id of the certificate that it replaces (struct acme_certificate); may be empty */
};
/** What became of it. */
struct acme_failed_name {
	struct slice name, why;
};
struct acme_outcome {
	struct acme_failed_name *failed; /* names that couldn't be proved; if there are some, an order without them may succeed */
	size_t failed_count;
	int64_t retry_after;          /* seconds that the authority asks to wait; 0: it doesn't */
};
/** Orders it, proves the names, and has the keeper keep the chain. The outcome lives until the next order. */
bool acme_client_order(struct acme_client *client, const struct acme_wanted *wanted, struct acme_outcome *outcome, struct error *error);

/** When the authority suggests to renew the certificate of that id; *again: in how many seconds to ask anew. False with ERROR_NOT_FOUND: it has no such
 * information. */
bool acme_client_renewal(struct acme_client *client, struct slice id, struct acme_renewal *renewal, int64_t *again, struct error *error);

/** "accounturi" for records of dns-persist-01: known after an order. */
struct slice acme_client_account(const struct acme_client *client);

#endif
