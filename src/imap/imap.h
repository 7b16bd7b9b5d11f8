/* IMAP4rev1 (RFC 3501) and its extensions. */
#ifndef IMAP_H
#define IMAP_H

#include "net/server.h"

struct auth;
struct store;
struct training;

/** What every IMAP connection needs; handed to server_listen() as its context. */
struct imap_service {
	struct auth *auth;
	struct store *store;
	struct training *training; /* what is learned of what people do with mail; NULL: nothing is */
};
extern const struct net_protocol imap_protocol;

#endif
