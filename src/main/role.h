/* A role is one process of `pombal serve`. The master starts each by executing this same program again (fresh address
 * space) with its descriptors in place; the role's main function sets it up, confines it, and runs it to its end. */
#ifndef MAIN_ROLE_H
#define MAIN_ROLE_H

#include "base/error.h"
#include "config/config.h"
#include "net/server.h"

enum role_name { ROLE_AUTH, ROLE_SMTP, ROLE_COURIER, ROLE_READER, ROLE_COUNT };

/** What a role has when its main function starts. */
struct role {
	enum role_name name;
	const char *data;            /* the data directory; the process's working directory, too */
	int control;                 /* SOCK_SEQPACKET to the master: reload, stop, ready */
	/* Channels between roles (SOCK_SEQPACKET, -1 where the role has none); the master keeps both ends open, so that they
	 * outlive a crash of either side. */
	int auth[ROLE_COUNT];        /* in the auth role: one per asking role; elsewhere only [0] counts: the channel to auth */
	int to_courier;              /* smtp, reader: "message committed"; courier: see from_* */
	int courier_in;              /* courier: what smtp, reader and the command line send */
	int changes_out;             /* courier: announces changed accounts */
	int changes_in;              /* reader: hears of them */
	/* Listening sockets with what they are for. */
	struct role_listener { int fd; enum service { SERVICE_SMTP, SERVICE_LMTP, SERVICE_SUBMISSION, SERVICE_SUBMISSIONS,
		SERVICE_IMAP, SERVICE_IMAPS, SERVICE_POP3, SERVICE_POP3S } service; } *listeners;
	size_t listener_count;
	struct tls_server *tls;      /* made from the certificates that the master handed over; NULL without any */
};

int role_auth_main(struct role *role);
int role_smtp_main(struct role *role);
int role_courier_main(struct role *role);
int role_reader_main(struct role *role);

#endif
