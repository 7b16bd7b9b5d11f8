/* POP3 (RFC 1939) and its extensions. */
#ifndef POP3_H
#define POP3_H

#include "net/server.h"

struct auth;
struct store;

/** What every POP3 connection needs; handed to server_listen() as its context. */
struct pop3_service {
	struct auth *auth;
	struct store *store;
};
extern const struct net_protocol pop3_protocol;

#endif
