/* One SASL exchange in the auth role (RFC 4422): PLAIN (RFC 4616), LOGIN, SCRAM-SHA-256 and -PLUS (RFC 5802, 7677), OAUTHBEARER (RFC 7628) and XOAUTH2. libgsasl speaks SCRAM; whether a name and password belong together is decided elsewhere, so that hashing can
 * happen in a thread of its own. An exchange belongs to one thread at a time. */
#ifndef AUTH_SASL_H
#define AUTH_SASL_H

#include "auth/backend.h"

struct sasl;          /* the library */
struct sasl_exchange;

enum { SASL_STEPS_MAX = 8 };

struct sasl *sasl_new(void);
void sasl_free(struct sasl **sasl);

/** Starts one; `client` gives the channel binding and is borrowed during the call. NULL: no such mechanism, or -PLUS without
 * channel binding. */
struct sasl_exchange *sasl_begin(struct sasl *sasl, struct slice mechanism, const struct sign_in_client *client);
void sasl_end(struct sasl_exchange **exchange);
const char *sasl_mechanism(const struct sasl_exchange *exchange);

enum sasl_step {
	SASL_CONTINUE,  /* `output` is the next challenge */
	SASL_PASSWORD,  /* the exchange has ended; sasl_password() says what is to be checked */
	SASL_TOKEN,     /* … likewise; sasl_raw_password() is the token */
	SASL_TOKEN_REFUSED, /* the client has heard why (sasl_refuse_token()) */
	SASL_DONE,      /* the client has proved to know the password; `output` is the server's last message */
	SASL_REFUSED,   /* it hasn't */
	SASL_MALFORMED,
	SASL_TEMPORARY, /* the directory can't be read */
};
/** One message of the client (has_input false: none was given with the mechanism's name). `backend` is asked who is meant; NULL: it
 * can't be asked now. */
enum sasl_step sasl_step(struct sasl_exchange *exchange, struct auth_backend *backend, bool has_input, struct slice input, struct buf *output);
/** The account that is being signed in to (directory_sign_in_name); empty before it is known. */
struct slice sasl_account(const struct sasl_exchange *exchange);
/** The name that the client gave, whoever is meant; and whether it has come to give one. */
struct slice sasl_name(const struct sasl_exchange *exchange);
bool sasl_has_name(const struct sasl_exchange *exchange);
/** After SASL_PASSWORD: what the account's password is checked against. */
const struct auth_credentials *sasl_credentials(const struct sasl_exchange *exchange);
/** Its identity when the exchange read it (auth.h); 0 if it isn't known. */
int64_t sasl_identity(const struct sasl_exchange *exchange);
/** After SASL_PASSWORD: the prepared password, or empty if it can be nobody's. */
struct slice sasl_password(const struct sasl_exchange *exchange);
/** Then, too: the password as it came, which an imported hash may be of. */
struct slice sasl_raw_password(const struct sasl_exchange *exchange);
/** The token was refused: what is to be told, as JSON (RFC 7628 §3.2.2), after which the exchange takes one more step. `for_else`: it is good for something else. */
void sasl_refuse_token(struct sasl_exchange *exchange, bool for_else, struct buf *output);
bool sasl_token_was_for_else(const struct sasl_exchange *exchange);
/** Did the client ask to act as somebody else (authzid)? Then it is refused, whatever it proved. */
bool sasl_acts_for_another(const struct sasl_exchange *exchange);

#endif
