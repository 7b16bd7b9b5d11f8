/* What the files of auth.h's client share; nobody else includes it. */
#ifndef AUTH_CLIENT_H
#define AUTH_CLIENT_H

#include "auth/wire.h"

/** Asks. The question that comes back is done, and to be freed; NULL: `wait` will be woken. */
struct auth_question *auth_client_ask(struct auth *auth, struct auth_wait *wait, enum auth_wire_kind kind, const struct buf *fields);
bool auth_client_is_answered(const struct auth_question *question);
/** At the answer's beginning; it lives as long as the question. */
struct wire_reader auth_client_read(const struct auth_question *question);
/** One that isn't done is given up: its wake() isn't running and won't be called when this returns. */
void auth_client_free(struct auth_question *question);

#endif
