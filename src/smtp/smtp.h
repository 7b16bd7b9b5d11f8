/* The receiving side of mail: SMTP (RFC 5321), submission (RFC 6409) and LMTP (RFC 2033), one protocol with one verb table. */
#ifndef SMTP_H
#define SMTP_H

#include "net/server.h"

struct auth;
struct queue;
struct caller;

/** What a listener of this protocol is for; handed to server_listen() as its context. */
struct smtp_service {
	enum smtp_kind { SMTP_RELAY, SMTP_SUBMISSION, SMTP_LMTP, SMTP_LOCAL } kind; /* LOCAL: programs of this machine, see local.c */
	struct auth *auth;
	struct queue *queue;
	struct caller *policy; /* whom messages of strangers are shown to; NULL: nobody */
};
extern const struct net_protocol smtp_protocol;

/** The users of this machine, a line "NUMBER NAME" each: whose mail SMTP_LOCAL takes. Any thread. */
void smtp_set_users(struct slice lines);

#endif
