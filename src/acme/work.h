/* The work of the acme role: which certificates are wanted, when each is due, and getting it; see client.h for how. It has no key and no file: what
 * needs them it asks the master, in words (below), who does it for names of this server alone.
 *
 * Questions to the master, with what may follow as payload, and their answers:
 *   sets              what may be asked for: lines "set ID", then "name NAME" for each; "certificate BEGINS ENDS ID-OF-AUTHORITY" if there is one, and
 *                     "has NAME" for each of its names. Times are seconds since 1970, the id may be "-"
 *   account           the account's public key as JSON, and its thumbprint: a line each
 *   sign DIGEST       a signature with the account's key: both as base64 for URLs
 *   request ID NEW    a request for a certificate for the names of the payload, a line each; NEW 1: with the next key
 *   prove KIND NAME TOKEN   puts the answer to a challenge into service (KIND: http-01 or tls-alpn-01)
 *   secret NAME       the key by which the DNS of that name can be changed (option dns_update), in base64
 *   unprove           takes all answers out of service
 *   keep ID           payload: names, a line each, an empty line, the chain in PEM: into service with it
 *   note, noted       what is to be remembered until the next start: written, read */
#ifndef ACME_WORK_H
#define ACME_WORK_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/error.h"

struct dns;
struct acme_work;

enum {
	ACME_SETS_MAX = 10000,
	ACME_SETS_TEXT_MAX = 16 * 1024 * 1024,
	ACME_NOTE_MAX = 1024 * 1024,
};

struct acme_work_options {
	/** Asks the master, and waits; appends what it answers. */
	bool (*ask)(void *context, const char *question, struct slice payload, struct buf *answer, struct error *error);
	/** Who asks the DNS; made when it is first needed. NULL with *error: there can't be one. */
	struct dns *(*dns)(void *context, struct error *error);
	void *context;
};
struct acme_work *acme_work_new(const struct acme_work_options *options);
void acme_work_free(struct acme_work **work);
/** Works until acme_work_stop(). */
void acme_work_run(struct acme_work *work);
/* What follows may be called by any thread, and waits for nothing. */
void acme_work_stop(struct acme_work *work);
/** Looks at everything anew, since the configuration is another. */
void acme_work_wake(struct acme_work *work);
/** Renews the certificate of that id, or all ("") at once; `anew`: with the next key. False: there is none such. */
bool acme_work_renew(struct acme_work *work, struct slice id, bool anew);
/** Appends a line for each set: "certificate\tID\tSTATE\tNEXT\tFAILURES\tWHY": STATE is waiting, working, failed or left; NEXT a time, 0: none. */
void acme_work_say(struct acme_work *work, struct buf *out);

#endif
