/* What comes of a try to sign in, for the files of the auth role's server that judge one: the places in the throttle's lines, the log, the answer. Every
 * failure gets the same answer. The serving thread's. */
#ifndef AUTH_SERVER_VERDICT_H
#define AUTH_SERVER_VERDICT_H

#include "auth/server_internal.h"

struct auth_verdict {
	enum sign_in_status status;
	uint64_t exchange_id; /* of one that goes on */
	struct slice account, output;
	int64_t identity, credential;
	unsigned scopes;
	int delay_ms;
};

/** The throttle's limits as they are configured now. */
struct auth_throttle_limits auth_verdict_limits(void);
/** The try as the throttle counts it. */
struct auth_throttle_try auth_verdict_try(const struct sign_in_who *who);
/** Who asks, before anything is known of him; borrows. */
struct sign_in_who auth_verdict_who(const struct sign_in_client *client, struct slice name, const char *mechanism);
/** Whether from a network that is known: by now, as far as is known by then. */
void auth_verdict_look_at_network(struct auth_server *server, struct sign_in_who *who);
/** Milliseconds from now until then; 0: it is over. */
int auth_verdict_until(int64_t due_ms);
/** False: the lines are too long, and the try is sent away with *verdict. `take`: the answer gets its place, and is due at *due_ms. */
bool auth_verdict_stand_in_line(struct auth_server *server, const struct sign_in_who *who, bool take, int64_t *due_ms, struct auth_verdict *verdict);
/** He is who he says. An answer, right or wrong, is due when its place in the lines says so. `again`: it was right a moment ago, too. */
struct auth_verdict auth_verdict_done(struct auth_server *server, const struct sign_in_who *who, struct slice output, int64_t due_ms, bool again);
/** The same by an app password or a token, `limited`. */
struct auth_verdict auth_verdict_done_limited(struct auth_server *server, struct sign_in_who *who, const struct auth_credential *limited, int64_t due_ms);
/** He isn't; `reason` is for the log, never for the wire. */
struct auth_verdict auth_verdict_refused(struct auth_server *server, const struct sign_in_who *who, const char *reason, int64_t due_ms);
/** Such a reason: of who can't sign in at all, or has a wrong password. */
const char *auth_verdict_why(const struct sign_in_who *who);
/** Tells the client. */
void auth_verdict_answer(struct auth_channel *channel, uint64_t id, const struct auth_verdict *verdict);

/* server_password.c */
/** In a job: is it an app password of the account's? found->id 0: it is none. False: it can't be told now. Nobody's account has no name. */
bool auth_server_find_app_password(struct auth_backend *backend, struct slice account, struct slice password, struct arena *arena, struct auth_credential *found);
/** Has a password checked that an exchange has come to, and answers. Copies what it is given; of `limited`, its number and scopes count. */
void auth_server_check_known(struct auth_server *server, struct auth_channel *channel, uint64_t id, int64_t begin_by, const struct sign_in_who *who, struct slice password,
			     struct slice raw, const struct auth_credentials *credentials, const struct auth_credential *limited);

/* server_token.c */
/** In a job: whose token is it? `who` is told. found->id 0: it is none. False: it can't be told now. */
bool auth_server_find_token(struct auth_backend *backend, struct slice token, struct arena *arena, struct sign_in_who *who, struct auth_credential *found);
/** What comes of it; `another`: somebody else was named. */
struct auth_verdict auth_server_judge_token(struct auth_server *server, struct sign_in_who *who, const struct auth_credential *found, bool another);

#endif
