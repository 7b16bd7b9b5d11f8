/* Who is signed in to a role that serves people: their sessions end when the auth role announces that their account has changed
 * (auth_on_change()), and the command line may list and end them. Lines of answers to its questions (master_ask.c), fields
 * separated by tabs, without control bytes:
 *
 *   sessions   session ID ACCOUNT PROTOCOL ADDRESS SINCE TLS CLIENT DOING busy|idle
 *   end WHOM   ended COUNT     WHOM: an account's canonical address, or the id of a session
 */
#ifndef MAIN_SESSIONS_H
#define MAIN_SESSIONS_H

#include "auth/auth.h"
#include "base/buf.h"
#include "net/server.h"

struct sessions {
	struct server *server;
	struct auth *auth;
};

/** Begins to listen to auth, and has role->answer() answer; `sessions` must live until sessions_leave(). */
void sessions_watch(struct sessions *sessions);
/** Before the server is freed. */
void sessions_leave(struct sessions *sessions);
void sessions_answer(struct sessions *sessions, struct slice question, struct buf *out);

#endif
