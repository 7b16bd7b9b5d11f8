/* The datagrams between auth.h's callers and the auth role, over SOCK_SEQPACKET: one request or answer each, so there is
 * nothing to reassemble. Both ends decode strictly: the auth role because a caller may have been taken over by an attacker,
 * the caller because a restarted master may have started an auth role of another version.
 *
 * A datagram is: version (1 byte), kind (1), generation (8), id (8), then the kind's fields. Numbers are 8 bytes, little
 * end first; texts a length of 2 bytes and the bytes. The generation names the run of the auth role that answers. */
#ifndef AUTH_WIRE_H
#define AUTH_WIRE_H

#include "auth/auth.h"
#include "base/wire.h"

enum {
	WIRE_VERSION = 3,
	WIRE_DATAGRAM_MAX = 32 * 1024,
	WIRE_ADDRESS_MAX = 512,     /* of an address or name, in bytes; longer ones exist nowhere */
	WIRE_PASSWORD_MAX = 1024,
	WIRE_SASL_MAX = 8 * 1024,   /* one message of an exchange */
	WIRE_MECHANISM_MAX = 20,    /* RFC 4422 §3.1 */
	WIRE_SERVICE_MAX = 16,
	WIRE_PEER_MAX = 64,
	WIRE_BINDING_MAX = 64,
	WIRE_ROUTES_MAX = 5000,     /* good ones of one address, aliases expanded; and as many that lead nowhere */
};

enum auth_wire_kind {
	WIRE_HELLO = 1,     /* from the auth role: I have just started, or SCRAM can be offered (1), or no more (0) */
	WIRE_ANSWER = 2,    /* the (last part of the) answer */
	WIRE_PART = 3,      /* a part of the answer; more follows */
	WIRE_RECIPIENT = 16,
	WIRE_RESOLVE,
	WIRE_MAY_SEND_AS,
	WIRE_IDENTITY,
	WIRE_LANGUAGE,
	WIRE_CHECK_PASSWORD,
	WIRE_SIGN_IN_STEP,
	WIRE_SIGN_IN_END,   /* has no answer */
};

struct auth_wire_header {
	unsigned kind;
	uint64_t generation, id;
};

/** Begins a datagram in an empty buffer of WIRE_DATAGRAM_MAX. What doesn't fit sets the buffer's overflow. */
void auth_wire_begin(struct buf *datagram, enum auth_wire_kind kind, uint64_t generation, uint64_t id);
void auth_wire_put_client(struct buf *datagram, const struct sign_in_client *client);

/** Takes the header off a datagram; false if it isn't one of ours. */
bool auth_wire_open(struct slice datagram, struct auth_wire_header *header, struct wire_reader *reader);
/** The client's slices point into the datagram; its service is one of ours or "". */
void auth_wire_client(struct wire_reader *reader, struct sign_in_client *client);

#endif
