/* Shared by the files of the auth role's server only. Everything here belongs to the serving thread; but threads of jobs answer, too. */
#ifndef AUTH_SERVER_INTERNAL_H
#define AUTH_SERVER_INTERNAL_H

#include <pthread.h>

#include "auth/jobs.h"
#include "auth/known.h"
#include "auth/lines.h"
#include "auth/password.h"
#include "auth/recent.h"
#include "auth/sasl.h"
#include "auth/server.h"
#include "auth/throttle.h"
#include "auth/verified.h"
#include "auth/wire.h"

#include "base/log.h"

enum {
	EXCHANGES_PER_CHANNEL_MAX = 4096,
	EXCHANGE_MS = 3 * 60 * 1000,          /* the life of one that rests */
	CHECKS_MAX = 1024,                    /* passwords in a queue to be hashed: some ten seconds of work */
	QUESTIONS_PER_TURN = 64,
	AUTH_SHOWN_ACCOUNT_SIZE = 32,
	AUTH_SHOWN_MAX = 256,                 /* passwords that were right, of which sessions may be made */
	AUTH_SHOWN_MS = 60 * 1000,            /* … within so long */
};

struct check;

/** Passwords that wait for a thread, in this order: from networks that are known, from those that have done nothing wrong, and others. */
enum auth_check_kind { CHECKS_OF_KNOWN, CHECKS_OF_CLEAN, CHECKS_OF_OTHERS, CHECK_KINDS };

/** Somebody has shown his account's own password over a channel. */
struct auth_shown {
	char account[AUTH_SHOWN_ACCOUNT_SIZE]; /* SHA-256 of the name */
	int64_t identity, at_ms;
};

/** The way to one role. */
struct auth_channel {
	struct answerer *answerer; /* any thread */
	bool ended;                /* nobody has the other end any more */
	struct recent *exchanges;  /* by the id that the client was told; values are struct auth_exchange */
	struct auth_lines checks[CHECK_KINDS]; /* passwords that wait; memory, and nobody's thread */
	bool signs;                /* may ask for signatures */
	bool web;                  /* may ask for sessions of the web */
	bool admin;                /* may ask who administers */
	struct auth_shown *shown;  /* of a web channel, AUTH_SHOWN_MAX places, taken in turn; memory, and the serving thread's */
	size_t next_shown;
	int64_t complained_ms;     /* when malformed questions were last logged */
};

struct auth_exchange {
	struct sasl_exchange *sasl; /* NULL: a job has it, see server_sign_in.c */
	int64_t touched_ms;
};

/** Who signs in, as the log and the throttle know it; slices live as long as the struct's owner says. */
struct sign_in_who {
	struct slice name;         /* as the client said it */
	struct slice account;      /* who is meant: canonical; empty: nobody can be */
	struct slice address;
	const char *service, *mechanism;
	int64_t session, identity; /* see auth.h; 0: nobody can sign in to the account */
	const char *why;           /* … and why not; for the log */
	bool known;                /* from a network that was signed in from before */
	bool repeats;              /* as struct sign_in_client has it */
};

struct auth_server {
	struct auth_backend *backend;   /* for what is asked at once: all until auth_server_run(), and from then on if it is of such a kind */
	char *data;
	struct auth_job_pool *jobs;     /* NULL but in auth_server_run(): then jobs are done at once */
	struct sasl *sasl;
	struct throttle *throttle;
	struct verified *verified;
	int usage;                 /* how full mailboxes are, see store/usage/usage.h; -1: not known */
	struct known *known;
	struct sign_in_log *log;
	struct password_pool *pool;
	bool scram;                /* all accounts have keys for it: it can be offered */
	int64_t change, looked_ms; /* the last change of the directory that was announced; when it was last looked for more */
	bool looking;              /* a job does */
	void (*changed)(void *context, const struct auth_change *change); /* NULL: nobody is told */
	void *changed_context;
	struct auth_channel channels[AUTH_CHANNELS_MAX];
	size_t channel_count, next_channel; /* whose check is next: channels take turns */
	int running_checks;
	struct check *running;     /* the jobs that threads have */
	int stop_fd, done_fd;      /* eventfds */
};

/** Has it done in a thread, or, when there are none, at once. */
void auth_server_submit(struct auth_server *server, struct auth_job *job);

/** Answers, and frees what it was given. Any thread. */
void auth_server_send(struct auth_channel *channel, uint64_t id, struct buf *answer);

/** Whether all accounts have keys for SCRAM: tells the roles if that is another than it was. */
void auth_server_set_scram(struct auth_server *server, bool scram);

/** Answers one question (server_request.c); malformed ones are dropped and logged. */
void auth_server_handle(struct auth_server *server, struct auth_channel *channel, const struct call_received *question);

/* server_answer.c: answers to the web role */
/** Begins one with the status; to be given to auth_server_send(). */
struct buf auth_server_begin_answer(enum auth_web status);
/** What became of something, as the web role is told it; `invalid`: what ERROR_INVALID means. What can't be told now is logged, with `what` it was about. */
enum auth_web auth_server_status(bool done, const struct error *error, enum auth_web invalid, const char *what);

/* server_log.c: what is written about sign-ins, bounded under attack */
struct sign_in_log *sign_in_log_new(void);
void sign_in_log_free(struct sign_in_log **log);
/** Writes the event, or, when there are too many from this network or altogether, only counts it. `reason`: NULL if it is no failure. */
void auth_server_log(struct auth_server *server, enum log_level level, const char *event, const struct sign_in_who *who, const char *reason);
/** Says how many weren't written, now and then. */
void auth_server_log_unsaid(struct auth_server *server);

/* server_web.c */
/** Answers a question about sessions of the web. False: it is malformed, or another kind, or from who may not ask. */
bool auth_server_handle_web(struct auth_server *server, struct auth_channel *channel, const struct call_received *received);

/* server_admin.c */
/** Answers who administers. False: it is malformed, or from who may not ask. */
bool auth_server_handle_admin(struct auth_server *server, struct auth_channel *channel, const struct call_received *received);
/** Notes that the account's own password was shown over the channel, if sessions of the web are made over it. */
void auth_server_note_shown(struct auth_channel *channel, struct slice account, int64_t identity);
/** Was it, a moment ago? Once for each time. */
bool auth_server_take_shown(struct auth_channel *channel, struct slice account, int64_t identity);

/* server_credential.c */
/** Answers a question about app passwords, and programs that were let in. False: it is malformed, or another kind, or from who may not ask. */
bool auth_server_handle_credential(struct auth_server *server, struct auth_channel *channel, const struct call_received *received);
/** Writes down that a credential was used, if that is news: false, if it was used a moment ago, too. */
bool auth_server_note_use(struct auth_server *server, const struct auth_credential *credential);
/** Removes what is over; a job does. */
void auth_server_sweep(struct auth_server *server);

/* server_oauth.c */
/** Answers a question about OAuth. False: it is another kind, or from who may not ask. */
bool auth_server_handle_oauth(struct auth_server *server, struct auth_channel *channel, const struct call_received *received);

/* server_push.c */
/** Answers a question about push keys. False: it is malformed, or from who may not ask. */
bool auth_server_handle_push(struct auth_server *server, struct auth_channel *channel, const struct call_received *received);

/* server_sign_in.c */
/** The token says itself whose it is. */
void auth_server_check_token(struct auth_server *server, struct auth_channel *channel, const struct call_received *received, const struct sign_in_client *client, struct slice token);
void auth_server_check_password(struct auth_server *server, struct auth_channel *channel, const struct call_received *received, const struct sign_in_client *client,
			   struct slice name, struct slice password);
/** exchange_id 0: a new one. */
void auth_server_step(struct auth_server *server, struct auth_channel *channel, const struct call_received *received, uint64_t exchange_id, struct slice mechanism,
		 const struct sign_in_client *client, bool has_input, struct slice input);
void auth_server_end_exchange(struct auth_channel *channel, uint64_t exchange_id);
/** Gives waiting checks to idle threads, and answers those that are done. */
void auth_server_run_checks(struct auth_server *server);
/** Ends exchanges that have rested too long. */
void auth_server_expire_exchanges(struct auth_channel *channel);
void auth_server_drop_exchange(void *exchange);
/** Frees checks that were never answered. */
void auth_server_drop_checks(struct auth_server *server);

#endif
