/* Serving many connections: events for waiting, straight lines for working (ARCHITECTURE.md, "Threads").
 *
 * One thread, the loop, owns every connection that is waiting: it reads, decrypts, and asks the protocol (peek) whether a
 * complete unit of input has arrived: a command line, a literal, a chunk of a message. A unit that never blocks is run
 * (run) in the loop; any other is handed, with the connection, to a worker thread, where it may block. The worker goes on
 * with further units while there are complete ones, writes the output, and hands the connection back. So at any moment
 * exactly one thread owns a connection and its session, and neither needs a lock.
 *
 * Output is queued by conn_send() and conn_send_file() and written when the owner lets go or when much has gathered; it
 * goes out in order. When a client doesn't read, its connection alone waits: no further unit is run before its output has
 * drained below OUTPUT_LOW. A unit with a long answer (FETCH, LIST) sends a part, returns RUN_AGAIN, and is called
 * again when there is room. So does one that lasts (SEARCH): a worker that others wait for goes to them after each part. A unit that
 * waits for another role asks, returns RUN_WAIT, and is called again when the answer has woken it: that costs its session's memory.
 *
 * Idle connections hold no buffers: memory is taken when bytes arrive and given back when they are used up. */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include <sys/socket.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

struct conn;
struct server;
struct tls_server;

enum {
	OUTPUT_HIGH = 256 * 1024, /* bytes queued in memory: from here on RUN_AGAIN is due, see conn_should_pause */
	OUTPUT_LOW = 64 * 1024,
	OUTPUT_FILES_HIGH = 16,   /* file references queued */
	PIECE_MS = 100,           /* so long a unit may run before RUN_AGAIN is due */
	FRUITLESS_MAX = 64 * 1024, /* bytes, see conn_set_filter() */
};

enum net_unit {
	UNIT_INCOMPLETE, /* wait for more bytes */
	UNIT_QUICK,      /* *length bytes are a unit that never blocks: run it in the loop */
	UNIT_WORK,       /* *length bytes are a unit that may block: hand it to a worker */
	UNIT_ASK,        /* the same, but it asks first (RUN_WAIT): that, its first run, is in the loop */
	UNIT_LONG,       /* as UNIT_WORK, and probably takes long: it comes after what others have to do, and never takes all workers */
};

enum net_run {
	RUN_DONE,
	RUN_AGAIN, /* there is more to do, when others have had their turn or output has drained: run the same unit again */
	RUN_WAIT,  /* something outside is awaited (another role's answer): run the same unit again after conn_resume(), and use no thread
	            * until then. What is awaited must end by itself: meanwhile nothing else happens to the connection, unless the
	            * server stops and its patience ends; then close() comes, and whoever was to wake must be stopped there. */
};

enum net_expiry {
	EXPIRY_IDLE,     /* silent for longer than conn_set_idle() */
	EXPIRY_TOTAL,    /* past conn_set_deadline() */
	EXPIRY_SHUTDOWN, /* the server is being stopped or drained */
	EXPIRY_OVERFLOW, /* more than max_input bytes have gathered without a unit */
	EXPIRY_ENDED,    /* who is signed in here has lost the right to, or an administrator ends it: server_end_sessions() */
};

/** One protocol. The callbacks of one connection are never run at the same time. */
struct net_protocol {
	const char *name;
	const char *alpn; /* what it is called in ALPN (RFC 7301), most wanted first, separated by spaces; NULL: clients may call it anything */
	size_t max_input; /* the most bytes that may gather before a unit is complete */
	bool secret;      /* what is sent may hold secrets (a cookie, a token): its memory is wiped before it is given back */
	/** May that peer be a proxy, which says in the PROXY protocol whose the connection is? It then needn't say so. Of a protocol whose client speaks
	 * first; NULL: nobody may. In the loop. */
	bool (*is_proxy)(const struct sockaddr_storage *peer);
	/** A client has connected (with implicit TLS: has finished its handshake). Returns the session, having sent the greeting;
	 * NULL to close after what was sent. In the loop. */
	void *(*open)(struct conn *conn, void *context);
	/** Looks at all bytes that have arrived and names the next unit. Must be quick and must not send. `length` may be 0 for
	 * a unit without input of its own, when the session has work to do by itself. Whoever owns the connection runs it. */
	enum net_unit (*peek)(void *session, struct slice input, size_t *length);
	/** Runs one unit; `unit` is valid until it returns. RUN_AGAIN, RUN_WAIT: call it again with the same unit. */
	enum net_run (*run)(void *session, struct slice unit);
	/** After conn_wake(): something outside has changed. In a worker. NULL if the protocol never waits for anything. */
	void (*wake)(void *session);
	/** So many seconds as conn_set_pulse() says have gone by: may tell the client that the connection lives. In the loop; must not block. NULL if it
	 * is never asked for. */
	void (*pulse)(void *session);
	/** Says goodbye ("421 …", "* BYE …"); the connection is closed after the output. In the loop; must not block. */
	void (*expire)(void *session, enum net_expiry why);
	/** What a client is told that can't be served because there are too many connections ("421 …\r\n"); NULL: nothing. */
	const char *busy;
	/** The connection is gone: free the session. In a worker, may block, unless it has nothing that takes time to give back.
	 * conn_* functions must not be called any more. */
	void (*close)(void *session);
	/** Has it nothing such? Then close() is called in the loop. NULL: it may have. */
	bool (*has_nothing_to_end)(const void *session);
};

/* ---- What a session does with its connection; only from within the callbacks ---- */

/** Queues a copy of the bytes. */
void conn_send(struct conn *conn, struct slice bytes);
void conn_send_text(struct conn *conn, const char *text);
/** Queues bytes that last as long as the process, and aren't copied. */
void conn_send_constant(struct conn *conn, struct slice bytes);
/** The same for text of any length. */
__attribute__((format(printf, 2, 3), nonnull(2))) void conn_printf(struct conn *conn, const char *format, ...);
__attribute__((format(printf, 2, 0), nonnull(2))) void conn_vprintf(struct conn *conn, const char *format, va_list args);
/** The same for what was gathered in a buffer. If something didn't fit into it, an answer with a hole would go out: nothing more
 * does, the connection is broken off, and the log says so. */
void conn_send_buf(struct conn *conn, const struct buf *buf);
/** Queues `length` bytes of the file from `offset` on; takes `fd` over and closes it when they are sent. If the file turns
 * out to be shorter, the connection is closed (what was announced can't be sent). */
void conn_send_file(struct conn *conn, int fd, uint64_t offset, uint64_t length);
/** Should the unit return RUN_AGAIN: has so much output gathered, has it run for PIECE_MS, or is the connection broken? Others get
 * their turn then. */
bool conn_should_pause(const struct conn *conn);
/** Has the client sent more than the first `length` bytes of what has arrived (those of the unit that is being run; in open(): 0)? Looks
 * into the socket, too. */
bool conn_has_more(const struct conn *conn, size_t length);
/** Bytes of output in memory that wait to be sent. */
size_t conn_queued(const struct conn *conn);
/** Has the client gone? For work that lasts, between its pieces; looks at the socket now and then, so it may be asked often. A
 * client that has only closed its side of the connection still gets answers, but isn't waited for when none come. What is gone is
 * closed; the unit returns. */
bool conn_is_gone(struct conn *conn);
/** Closes after the queued output has been written; no further unit is run. */
void conn_close(struct conn *conn);
/** After the queued output: begins TLS as the server. Every byte that came in clear text and was not yet run is thrown
 * away. When the handshake is done, units are run again and conn_tls() tells. A failed one closes. */
void conn_start_tls(struct conn *conn);
/** Closes when nothing was heard from the client for so long (0: never) while it is the client's turn. */
void conn_set_idle(struct conn *conn, int64_t seconds);
/** Closes at that time from now, whatever happens (0: never). */
void conn_set_deadline(struct conn *conn, int64_t seconds);
/** Calls the protocol's pulse() again and again after so many seconds (0: never). */
void conn_set_pulse(struct conn *conn, int64_t seconds);
/** Holds the output queued so far, and every further unit, back for that long: for failed sign-ins. */
void conn_delay(struct conn *conn, int milliseconds);

/** From now on this is a session of `account`, which server_end_sessions() finds. Identity and credential are the sign-in's (struct auth_account). */
void conn_sign_in(struct conn *conn, struct slice account, int64_t identity, int64_t credential);
/** It is nobody's session any more. */
void conn_sign_out(struct conn *conn);
/** What the client calls itself, for lists of sessions: at most SESSION_CLIENT_MAX bytes are kept. */
void conn_set_client(struct conn *conn, struct slice name);
/** Writes down that what came isn't what the protocol allows (a line longer than any may be), unless the client has had his lines in the log. */
void conn_note_violation(struct conn *conn, const char *what);
/** What the session does, or did last: a literal, such as the name of a command. */
void conn_set_doing(struct conn *conn, const char *doing);

/** What stands between a session and its connection, above TLS, such as compression. Whoever owns the connection calls it. */
struct conn_filter {
	/** Appends to `out` what goes over the wire for `bytes`, at once: the client must be able to read all of them. */
	void (*send)(void *state, struct slice bytes, struct buf *out);
	/** Takes bytes of the client off the front of `wire`, and writes at most `room` bytes of what they stand for to `at`. Returns how many;
	 * if fewer than `room`, it has taken all and needs more. -1: they stand for nothing, the connection is broken off. */
	ssize_t (*receive)(void *state, struct slice *wire, char *at, size_t room);
	/** Nothing was said for a while: gives back what memory it can. Called again and again while that lasts. */
	void (*rest)(void *state);
	void (*free)(void *state);
};
/** From now on everything goes through it: what is sent (but what is queued already), and what hasn't arrived yet. Once only; takes
 * `state` over. Of what is sent much goes through it in workers alone, in turns; a client of whose bytes FRUITLESS_MAX in a row stand for
 * nothing is broken off. */
void conn_set_filter(struct conn *conn, const struct conn_filter *filter, void *state);
bool conn_is_filtered(const struct conn *conn);

struct conn_tls {
	bool active;
	const char *version, *cipher;     /* "TLSv1.3", "TLS_AES_256_GCM_SHA384" */
	char server_name[256];            /* SNI, or empty */
	unsigned char exporter[32];       /* RFC 9266; exporter_size 0: none */
	size_t exporter_size;
	unsigned char unique[64];         /* RFC 5929, TLS 1.2 and below; unique_size 0: none */
	size_t unique_size;
};
/** What TLS the connection has; *tls is zeroed when it has none. */
void conn_tls(struct conn *conn, struct conn_tls *tls);
bool conn_is_tls(const struct conn *conn);
/** The certificate's chain and its key, in PEM, that a client sees who asks for that name; without TLS: false. */
bool conn_certificate(const struct conn *conn, struct slice name, struct buf *chain, struct buf *key);
/** Is TLS configured, so that STARTTLS may be offered? */
bool conn_can_tls(const struct conn *conn);

/** Whose program the peer is, of a connection on this machine (SO_PEERCRED, unix(7)); elsewhere (uid_t)-1. */
uid_t conn_peer_user(const struct conn *conn);
/** The peer: its numeric address ("192.0.2.1", "2001:db8::1"); lives as long as the connection. */
struct slice conn_peer(const struct conn *conn);
/** The same as an address without a name; of a connection on this machine its family is AF_UNIX, and the rest says nothing. */
void conn_peer_address(const struct conn *conn, struct sockaddr_storage *address);
/** An id of id_new() for the log. */
int64_t conn_id(const struct conn *conn);
/** What server_listen() was given. */
void *conn_context(const struct conn *conn);

/** Makes the protocol's wake() run soon; calls that come before it has run are one. From any thread, while the session
 * lives: who calls it must have been stopped (store_unsubscribe) before close() returns. */
void conn_wake(struct conn *conn);
/** The same for the unit that has returned, or is about to return, RUN_WAIT. One call too many does no harm: it waits on. */
void conn_resume(struct conn *conn);

/* ---- For a role's main ---- */

struct server_options {
	int workers;               /* most threads */
	int connections, connections_per_address; /* 0: no limit per address */
	struct tls_server *tls;    /* may be NULL; borrowed */
};
struct server *server_new(const struct server_options *options);
/** Puts other numbers in the place of those it was made with; `tls` stays. Connections that are open stay, threads beyond
 * what is now the most end when they are done. Any thread. */
void server_set_limits(struct server *server, const struct server_options *options);
/** Serves `protocol` on a listening socket (taken over). `context` is handed to open(). */
void server_listen(struct server *server, int fd, const struct net_protocol *protocol, bool implicit_tls, void *context);
/** Calls `ready` in the loop whenever the descriptor (borrowed; one for each server) is readable: it must not block. Before server_run(). */
void server_watch(struct server *server, int fd, void (*ready)(void *context), void *context);
/** Runs until server_stop(). */
void server_run(struct server *server);
/** Stops accepting, lets sessions finish their current unit, says goodbye (expire SHUTDOWN), and makes server_run() return when
 * all are gone or after `seconds`. Any thread. */
void server_stop(struct server *server, int seconds);
void server_free(struct server **server);
/** Numbers of the running server, for metrics. */
struct server_counts { uint64_t accepted, open, refused, workers, busy_workers; };
void server_counts(struct server *server, struct server_counts *counts);

enum { SESSION_CLIENT_MAX = 128 };

/** A connection whose client has signed in. */
struct conn_session {
	int64_t id;                 /* conn_id() */
	struct slice account;
	int64_t identity, credential;
	const char *protocol;
	struct slice address;       /* of the client */
	int64_t since;              /* when it connected, seconds since 1970 */
	const char *tls;            /* its version, or NULL */
	struct slice client, doing; /* conn_set_client(), conn_set_doing(); may be empty */
	bool busy;                  /* it is doing that now */
};
/** Calls `visit` for every session, the longest first, under a lock of the server: it must be quick and call nothing of this header.
 * Any thread. */
void server_visit_sessions(struct server *server, void (*visit)(void *context, const struct conn_session *session), void *context);
/** Ends those for which `which` is true, and logs each with the reason. What is under way isn't waited for: a client that waits hears
 * EXPIRY_ENDED and is closed; one that is being answered gets no further byte, at once between two pieces of the answer,
 * and within SESSION_END_MS in any case. Returns how many. Any thread. */
size_t server_end_sessions(struct server *server, bool (*which)(void *context, const struct conn_session *session), void *context, struct slice reason);
enum { SESSION_END_MS = 300 };

/** Runs `work` in one of the server's workers. Any thread. */
void server_work(struct server *server, void (*work)(void *argument), void *argument);

/* ---- TLS contexts ---- */

/** A certificate chain and key in PEM; both borrowed only during the call. */
struct tls_certificate { struct slice chain, key; const char *name; /* for messages */ };
/** Makes the contexts of all certificates; the names in each (subjectAltName) choose it by SNI, the first is the default. */
struct tls_server *tls_server_new(const struct tls_certificate *certificates, size_t count, const char *minimum_version, struct error *error);
/** Puts other certificates in the place of the old ones; connections that exist keep theirs. Any thread. */
bool tls_server_replace(struct tls_server *tls, const struct tls_certificate *certificates, size_t count, const char *minimum_version, struct error *error);
void tls_server_free(struct tls_server **tls);
/** Certificates that answer challenges of certification authorities (tls-alpn-01, RFC 8737), in the place of the former: each for who asks for the server of
 * that name, and for ALPN's "acme-tls/1" alone. Such a connection is closed after its handshake; one for a name without a challenge has none. */
bool tls_server_set_challenges(struct tls_server *tls, const struct tls_certificate *certificates, size_t count, struct error *error);

#endif
