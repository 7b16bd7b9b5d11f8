/* Who is signed in to a role that serves people: their sessions end when the bus tells that their account has changed
 * (bus.h), and the command line may list and end them. Lines of answers to its questions (master_ask.c), fields
 * separated by tabs, without control bytes:
 *
 *   sessions   session ID ACCOUNT PROTOCOL ADDRESS SINCE TLS CLIENT DOING busy|idle
 *   end WHOM   ended COUNT     WHOM: an account's canonical address, or the id of a session
 */
#ifndef MAIN_SESSIONS_H
#define MAIN_SESSIONS_H

#include "auth/auth.h"
#include "base/buf.h"
#include "main/bus.h"
#include "net/server.h"

struct sessions {
	struct server *server;
	struct auth *auth;
};

/** Hears of a change of BUS_SIGN_IN; for role->hear. */
void sessions_hear(struct sessions *sessions, const struct bus_change *change);
void sessions_answer(struct sessions *sessions, struct slice question, struct buf *out);

#endif
