/* The auth role's work: answers auth.h's questions for the other roles, over one channel each. For src/main only.
 *
 * One thread, the one in auth_server_run(), owns the directory, the exchanges and the tables of failures; two more hash
 * passwords, so that look-ups are answered meanwhile. They are started by auth_server_run(): confine the process between
 * auth_server_new(), which opens the directory, and auth_server_run(). */
#ifndef AUTH_SERVER_H
#define AUTH_SERVER_H

#include "auth/auth.h"

struct auth_server;

enum { AUTH_CHANNELS_MAX = 16 };

/** Opens the directory under the data directory; NULL with *error. The configuration (config_current) must have been set;
 * a later one is seen by the next sign-in. */
struct auth_server *auth_server_new(const char *data, struct error *error);
/** The same, with answers from another kind of backend than the directory of `data` (backend.h). */
struct auth_backend_kind;
struct auth_server *auth_server_new_for(const struct auth_backend_kind *kind, const char *data, struct error *error);
/** Serves the clients at the other end of `fd` (SOCK_SEQPACKET; taken over) and says hello to them, so that requests that
 * a former auth process has left unanswered fail at once. Before auth_server_run(); at most AUTH_CHANNELS_MAX. */
void auth_server_add_channel(struct auth_server *server, int fd);
/** Who speaks over the channel that was added last may have digests signed: the courier. */
void auth_server_let_sign(struct auth_server *server);
/** The channel added last may ask for sessions of the web. */
void auth_server_let_web(struct auth_server *server);
/** The channel added last may ask who administers. */
void auth_server_let_admin(struct auth_server *server);
/** What has changed in an account. */
struct auth_change {
	struct auth_account account; /* the name, and the identity that counts now; 0: nobody can be signed in */
	struct slice reason;         /* in words, why the former identities don't count */
	bool any;                    /* instead: any account may have changed */
};
/** Calls `changed` for every change, in the thread of auth_server_run(), which must not be kept waiting. Before that. */
void auth_server_on_change(struct auth_server *server, void (*changed)(void *context, const struct auth_change *change), void *context);
/** Serves until auth_server_stop(). */
void auth_server_run(struct auth_server *server);
/** Makes auth_server_run() return soon. Any thread, and signal handlers. */
void auth_server_stop(struct auth_server *server);
/** Closes channels and directory; sets *server to NULL. */
void auth_server_free(struct auth_server **server);

#endif
