/* What the master does with the account's key and those of certificates that it gets by itself, in a process of its own (main/apart.h): the acme role,
 * which speaks with the authority, asks for it in words (acme/work.h), and gets it for names of this server alone. In DIR/certificates/acme/: account.key;
 * of each set NAME.pem, its present key and chain, and NAME.next, the key that is next; state, what the role wants remembered. */
#ifndef MAIN_ACME_KEYS_H
#define MAIN_ACME_KEYS_H

#include "base/buf.h"
#include "base/error.h"
#include "config/config.h"
#include "main/privileges.h"

struct acme_keys_question {
	struct slice verb, arguments, payload;
	const char *data;              /* the data directory, which is the working directory, too */
	const struct identity *owner;
};
enum { ACME_KEYS_ANSWER_MAX = 16 * 1024 * 1024, ACME_KEYS_PAYLOAD_MAX = 1024 * 1024 };
/** A task for apart_run(); the context is the question, the configuration the current one. The answers are those of acme/work.h, but of "prove": for http-01 a line
 * "TOKEN ANSWER", for tls-alpn-01 the certificate as certificates_pack() has them. */
bool acme_keys_answer(void *question, struct buf *out, struct error *error);

#endif
