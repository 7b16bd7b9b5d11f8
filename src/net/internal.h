/* What the files of this folder share about serving: the connection, its output queue, the workers. Nobody else includes it.
 *
 * Ownership: `busy` is written by the loop alone. While it is false the loop owns the connection; while it is true a worker
 * does, and the loop touches only the fields marked [loop]. */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <uv.h>

#include "base/log.h"
#include "base/map.h"
#include "net/server.h"
#include "net/tls_messages.h"

enum {
	READ_STEP = 64 * 1024,          /* bytes taken from a socket at once */
	READS_PER_TURN = 64,            /* a worker reads on so many times before it lets others have its thread */
	FILTER_REST_MS = 1000,          /* a connection that was silent for so long gives back its filter's memory */
	NEXT_COMMAND_MS = 2,            /* how long a worker waits for a client's next command before it gives the connection back */
	OUTPUT_CHUNK = 4 * 1024,        /* least memory of an output chunk */
	OUTPUT_CHUNK_LARGEST = 16 * 1024, /* a TLS record's worth */
	HANDSHAKE_SECONDS = 30,
	LOOK_MS = 50,                   /* how often a socket is looked at while a unit runs: is the client still there? */
	HALF_CLOSED_MS = 5000,          /* a client that has closed its side and takes nothing for so long is gone */
	HANDSHAKE_THREADS_MAX = 16,     /* as many as there are processors, but no more than this */
	LINGER_SECONDS = 2,             /* how long unread input is drained so that the last reply isn't lost to a reset */
	LINGER_STOPPING_MS = 500,       /* the same while the server stops: who doesn't hang up at the goodbye isn't waited for */
	ACCEPTS_PER_TURN = 64,
	DESCRIPTORS_RESERVED = 1024,    /* not for connections; half of them if there are fewer than twice as many */
	WORKER_STACK = 2 * 1024 * 1024, /* address space; only what is touched is memory */
	WORKER_IDLE_SECONDS = 5,        /* a worker that had nothing to do for so long ends */
	PEER_TEXT_MAX = 48,             /* an address, or "user 4294967295" */
};

/* ---- workers.c ---- */

/** The lines that jobs stand in. */
enum net_lane {
	LANE_PEOPLE,    /* what who has signed in waits for */
	LANE_STRANGERS,
	LANE_LONG,      /* what lasts, and whatever is done for who has used more than his share lately */
	LANE_COUNT,
};
struct net_job {
	struct net_job *next;
	void (*work)(void *argument);
	void *argument;
	uint64_t whose; /* a hash: whose share it is done from */
};
struct workers;
struct workers *workers_new(int most);
/** Queues a job (borrowed until its work begins) and sees that a thread is there for it. */
void workers_submit(struct workers *workers, struct net_job *job, enum net_lane lane);
/** The lane for more of somebody's work: `lane`, if he hasn't used more than his share lately. */
enum net_lane workers_lane(struct workers *workers, uint64_t whose, enum net_lane lane);
/** So much time of a thread was used for somebody. */
void workers_charge(struct workers *workers, uint64_t whose, int64_t milliseconds);
/** May a worker wait for a moment for more from its client? Not while jobs are queued, and never more than half of them. True:
 * workers_end_waiting() must follow. */
bool workers_begin_waiting(struct workers *workers);
void workers_end_waiting(struct workers *workers);
/** Changes how many threads there may be. */
void workers_set_most(struct workers *workers, int most);
/** Does a job wait for a worker? */
bool workers_are_wanted(const struct workers *workers);
void workers_counts(struct workers *workers, uint64_t *threads, uint64_t *busy);
/** Waits for everything submitted, then ends all threads. */
void workers_free(struct workers **workers);

/* ---- output.c ---- */

struct net_output_chunk {
	struct net_output_chunk *next;
	int fd;                    /* -1: memory */
	uint64_t offset;           /* file */
	uint64_t left;             /* bytes still to be sent */
	const char *at;            /* memory: `bytes`, or what lasts */
	size_t sent, used, size;   /* memory; size 0: what lasts */
	char bytes[];
};

struct net_output {
	struct net_output_chunk *first, *last;
	size_t bytes, files;
	bool secret; /* what was sent is wiped */
};

struct net_filtering;

void net_output_free(struct net_output *output);
/** Does something wait to be sent? */
bool conn_has_output(const struct conn *conn);
void net_filtering_free(struct net_filtering **filtering);
/** Writes what the socket takes. False: the connection is broken. */
bool conn_flush(struct conn *conn);

/* ---- conn.c ---- */

/* What other threads want of a connection. */
enum { CALLED_WAKE = 1, CALLED_RESUME = 2 };

enum net_phase { PHASE_PROXY, PHASE_HANDSHAKE, PHASE_OPEN, PHASE_LINGER, PHASE_ENDING };

/* Where there is a filter. */
struct net_filtering {
	const struct conn_filter *filter;
	void *state;
	struct net_output wire;    /* what has gone through it, and what was queued before */
	struct buf held;           /* what has arrived and not gone through it */
	bool full;                 /* it may have more to give without anything further arriving */
	size_t fruitless;          /* so many bytes in a row stood for nothing */
};

/* Ten thousand of them wait at a time: what few need is a pointer here. */
struct conn {
	struct server *server;
	const struct net_protocol *protocol;
	void *context, *session;
	int fd;
	SSL *ssl;
	struct buf input;
	size_t input_used;         /* bytes at the front of `input` that were consumed */
	struct net_output output;
	struct net_filtering *filtering; /* NULL: there is no filter */
	bool filter_due;           /* it has more to do for what is sent than the loop, or a worker in one turn, does */
	enum net_unit again_unit;      /* with `again`: the unit to be run once more */
	size_t again_length;
	bool drained;              /* the last read left the socket empty, and no poll has found it readable since */
	int handshake;             /* what its last step came to: an SSL_ERROR_… */
	bool again, closing, failed, eof, overflow, start_tls, wake_due, want_write, want_read;
	bool waiting, resumed;     /* with `again`: the unit returned RUN_WAIT; … and conn_resume() was called since */
	bool turn_over;            /* a worker gave it back with work left */
	bool implicit_tls;         /* TLS begins when it is known whose it is */
	bool lasts;                /* what it is handed over for is a UNIT_LONG, or one that is run again */
	int delay_ms;              /* asked for by the session, not yet begun */
	int64_t idle_ms, heard_ms, deadline_ms, handshake_until_ms; /* monotonic; 0: none */
	int64_t pulse_ms, pulsed_ms; /* how often, and when it was last */
	int64_t turn_ms, piece_ms; /* when the worker has taken it, when the unit (or its part) has begun */
	int64_t looked_ms;         /* when conn_is_gone() has last looked */

	/* [loop] */
	_Atomic bool busy;         /* written by the loop, for lists of sessions read by anybody */
	bool delayed, poll_stopped;
	unsigned woken_later;      /* CALLED_… while a worker had it */
	int poll_events;
	enum net_phase phase;
	uv_poll_t poll;
	uv_timer_t *delay;
	struct conn *previous, *next;
	struct net_job job;

	/* under server->lock */
	struct conn *next_done, *next_wake;
	unsigned called;           /* CALLED_…; 0: it isn't in the list */
	struct conn *previous_session, *next_session; /* while somebody is signed in: `account` is set */
	char *account;
	size_t account_len;
	int64_t identity, credential;
	const char *tls_version;   /* as it was at sign-in */
	char *client;              /* malloc'ed; NULL: it hasn't said */
	size_t client_len;

	_Atomic(const char *) doing;
	_Atomic bool ended;        /* server_end_sessions() has found it: nothing more is run or sent */

	int64_t id, since;
	struct sockaddr_in6 peer;  /* as conn_peer_address() gives it: the first bytes, which are all that are used */
	char peer_text[PEER_TEXT_MAX];
};

/** Takes a new socket over. [loop] */
void conn_begin(struct server *server, int fd, const struct sockaddr_storage *peer, const struct net_protocol *protocol,
		bool implicit_tls, void *context);
/** After a worker has given it back. [loop] */
void conn_returned(struct conn *conn);
/** conn_wake() or conn_resume() was called: CALLED_…. [loop] */
void conn_woken(struct conn *conn, unsigned called);
/** Once a second. [loop] */
void conn_tick(struct conn *conn, int64_t now_ms);
/** Says goodbye because the server stops; `at_once`: doesn't even flush. [loop] */
void conn_shut_down(struct conn *conn, bool at_once);
/** The session was ended: closes it. While a worker has it nothing happens, unless `late`: then the client hears nothing more, and
 * the rest follows when the worker gives it back. [loop] */
void conn_dismiss(struct conn *conn, bool late);

/* ---- server.c ---- */

struct server {
	uv_loop_t loop;
	uv_async_t posted;
	uv_timer_t tick, dismissal;
	uv_poll_t watched;              /* server_watch() */
	void (*ready)(void *context);   /* NULL: there is none */
	void *ready_context;
	struct tls_server *tls;
	_Atomic uint64_t most_connections, most_per_address;
	struct workers *workers;
	struct workers *handshakes;     /* threads of their own: whoever is signed in doesn't wait for strangers' keys */
	struct conn *connections;       /* [loop] */
	struct map *addresses;          /* [loop] connections per client address, as counts cast to pointers */
	struct listener *listeners;     /* [loop] */
	int64_t stop_at_ms;             /* [loop] 0: not stopping */
	bool accepting_paused;          /* [loop] */
	_Atomic int most_descriptors;   /* a connection whose descriptor isn't below is refused */
	char scratch[READ_STEP];        /* [loop] */
	struct log_pace refusals, failed_handshakes;
	_Atomic uint64_t accepted, open, refused;
	_Atomic bool stopping;          /* as stop_at_ms, for workers */

	pthread_mutex_t lock;           /* guards what follows */
	struct conn *done, *woken;
	struct conn *first_session, *last_session; /* connections with an account, in the order of signing in */
	bool sessions_ended;            /* some of them are to be dismissed */
	int stop_seconds;               /* -1: not asked */
};

/** Hands a connection back to the loop. From a worker. */
void server_post_done(struct conn *conn);
/** It is another's than it seemed: counts it as his, whose address is brought into the form that all have here. False: he has too many. [loop] */
bool server_recount(struct conn *conn, struct sockaddr_storage *peer);
/** Takes a connection that has ended out of the server's lists and frees it. [loop] */
void server_forget(struct conn *conn);

/* ---- sessions.c ---- */

/** Takes the connection out of the list of sessions. */
void net_session_forget(struct conn *conn);
/** Dismisses those that were ended, if there are any new ones. [loop] */
void net_sessions_dismiss(struct server *server);

/* ---- tls.c ---- */

/** A server-side TLS object for a socket; NULL if none can be made. `alpn` as in struct net_protocol; must outlive it. */
SSL *tls_server_accept(struct tls_server *tls, int fd, const char *alpn);
/** Was it asked for by a certification authority that looks whether a name leads here (RFC 8737)? Then nothing is served. */
bool tls_was_challenge(const SSL *ssl);
void tls_describe(SSL *ssl, struct conn_tls *out);
/** The newest OpenSSL error of this thread as text, and the queue emptied. */
void tls_error_text(char *out, size_t size);

#endif
