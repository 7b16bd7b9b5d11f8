/* The questions of auth.h's callers to the auth role and its answers, over net/call.h. Both ends decode strictly: the auth role because a
 * caller may have been taken over by an attacker, the caller because a restarted master may have started an auth role of another version.
 *
 * A question's text is the fields of its kind: numbers are 8 bytes, little end first; texts a length of 2 bytes and the bytes. The auth
 * role's news (answerer_tell()) are a number: whether SCRAM can be offered. */
#ifndef AUTH_WIRE_H
#define AUTH_WIRE_H

#include "auth/auth.h"
#include "base/wire.h"
#include "net/call.h"

enum {
	WIRE_QUESTION_MAX = CALL_INLINE_MAX,
	WIRE_ADDRESS_MAX = 512,     /* of an address or name, in bytes; longer ones exist nowhere */
	WIRE_PASSWORD_MAX = 1024,
	WIRE_TOKEN_MAX = 1024,
	WIRE_SASL_MAX = 8 * 1024,   /* one message of an exchange */
	WIRE_MECHANISM_MAX = 20,    /* RFC 4422 §3.1 */
	WIRE_SERVICE_MAX = 16,
	WIRE_PEER_MAX = 64,
	WIRE_BINDING_MAX = 64,
	WIRE_ROUTES_MAX = 5000,     /* good ones of one address, aliases expanded; and as many that lead nowhere */
};

/** The verbs. */
enum auth_wire_kind {
	WIRE_RECIPIENT = 1,
	WIRE_RESOLVE,
	WIRE_MAY_SEND_AS,
	WIRE_IDENTITY,
	WIRE_LANGUAGE,
	WIRE_CHECK_PASSWORD,
	WIRE_SIGN_IN_STEP,
	WIRE_SIGN_IN_END,   /* has no answer */
	WIRE_SIGNING_KEYS,
	WIRE_SIGN,
	WIRE_RATES,
	WIRE_FORWARD_SENDER,
	WIRE_ROTATION,
	WIRE_ROTATION_SHOWN,
	WIRE_WEB_BEGIN,
	WIRE_WEB_FIND,
	WIRE_WEB_LIST,
	WIRE_WEB_END,
	WIRE_CREDENTIAL_STANDS,
	WIRE_APP_PASSWORD_MAKE,
	WIRE_CREDENTIAL_LIST,
	WIRE_CREDENTIAL_END,
	WIRE_CHECK_TOKEN,
	WIRE_OAUTH_REGISTER,
	WIRE_OAUTH_CLIENT,
	WIRE_OAUTH_ALLOW,
	WIRE_OAUTH_EXCHANGE,
	WIRE_OAUTH_REFRESH,
	WIRE_OAUTH_REVOKE,
	WIRE_PUSH_TOKEN,
	WIRE_ADMINISTRATOR,
};

/** What doesn't fit sets the buffer's overflow. */
void auth_wire_put_client(struct buf *question, const struct sign_in_client *client);
/** The client's slices point into the question; its service is one of ours or "". */
void auth_wire_client(struct wire_reader *reader, struct sign_in_client *client);

#endif
