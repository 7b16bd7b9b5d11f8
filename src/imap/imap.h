/* IMAP4rev1 (RFC 3501) and its extensions. */
#ifndef IMAP_H
#define IMAP_H

#include "net/server.h"

struct auth;
struct store;

/** What every IMAP connection needs; handed to server_listen() as its context. */
struct imap_service {
	struct auth *auth;
	struct store *store;
};
extern const struct net_protocol imap_protocol;

#endif
