/* A SASL exchange as a client leads it, the same over SMTP (RFC 4954), IMAP (RFC 3501 §6.2.2, RFC 4959) and POP3 (RFC 5034): a mechanism
 * with or without an initial response, then challenges and answers, each a line of base64; "*" gives up. The protocols cut lines
 * and put into their words what comes of each. What is refused here, without the auth role's knowing, is written down (auth_refused()). */
#ifndef AUTH_DIALOGUE_H
#define AUTH_DIALOGUE_H

#include "auth/auth.h"

enum {
	AUTH_MESSAGE_MAX = 9 * 1024,   /* bytes of a client's, base64 removed: that of a line of 12288 octets (RFC 4954 §4, RFC 5034 §4) */
	AUTH_CHALLENGE_MAX = 16 * 1024, /* room for a line with a challenge */
};

/** Zeroed: none is under way. */
struct auth_dialogue {
	struct sign_in *exchange; /* NULL: none is */
	bool proved;              /* the server's last words are out, the client's empty answer is due */
	/* What came of the last turn: */
	enum sign_in_status status;
	struct auth_account account; /* of SIGN_IN_DONE; lives until auth_dialogue_end() */
	int delay_ms;                /* how long the answer must be held back (conn_delay) */
};

enum auth_turn {
	AUTH_TURN_CHALLENGE,  /* the challenge goes to the client; its next line is for auth_dialogue_answer() */
	AUTH_TURN_AGAIN,      /* the same again, when auth_wait's wake() says so; a command from its beginning */
	/* Over: auth_dialogue_end() is due when that was told. */
	AUTH_TURN_ENDED,      /* `status` says how */
	AUTH_TURN_CANCELLED,  /* by the client */
	AUTH_TURN_NOT_BASE64, /* or too long */
	AUTH_TURN_NOT_EMPTY,  /* something was said after the last words */
};

/** Is this a mechanism that is taken here? See auth_mechanisms(). */
bool auth_takes(struct slice mechanism, bool encrypted, bool plaintext_allowed, bool binding);

/** Begins one and takes its first turn. `initial` is the initial response as it was sent, "=" for an empty one; initial.at NULL: there
 * is none. A challenge is appended to `challenge`, in base64: the protocol has put its own words before it. */
enum auth_turn auth_dialogue_begin(struct auth_dialogue *dialogue, struct auth *auth, struct auth_wait *wait, struct slice mechanism,
				   const struct sign_in_client *client, struct slice initial, struct buf *challenge);
/** The client's next line, without its end. */
enum auth_turn auth_dialogue_answer(struct auth_dialogue *dialogue, struct auth_wait *wait, struct slice line, struct buf *challenge);
/** Ends it, in whatever state, since the protocol refuses to go on; `reason` is written down. */
void auth_dialogue_refuse(struct auth_dialogue *dialogue, const char *reason);
/** Ends it, in whatever state, and forgets all. */
void auth_dialogue_end(struct auth_dialogue *dialogue);

#endif
