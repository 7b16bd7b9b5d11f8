/* A session with another mail server: connection, greeting, EHLO, TLS, sign-in. transaction.h sends mail over it. */
#ifndef COURIER_SESSION_H
#define COURIER_SESSION_H

#include "courier/reply.h"
#include "courier/lately.h"
#include "net/client.h"

enum { HOST_NAME_MAX_TEXT = 256, ADDRESS_TEXT_MAX = 64 };

/** Where to connect. */
struct courier_peer {
	char host[HOST_NAME_MAX_TEXT]; /* the name from MX or configuration; for address literals the address */
	struct sockaddr_storage address;
	char address_text[ADDRESS_TEXT_MAX];
	int port;
};

/** What went wrong, in the terms of a reply. */
struct courier_trouble {
	bool permanent;
	bool from_peer;   /* `text` is what the peer said */
	bool soon;        /* the fault is on our side: try again soon, whatever the schedule says */
	bool whole_host;  /* it isn't about the recipient: another host may know better even if it is permanent */
	bool interrupted; /* the courier is being stopped: it was no attempt at all */
	char status[REPLY_STATUS_MAX];
	char text[REPLY_TEXT_MAX];
};
__attribute__((format(printf, 4, 5))) void courier_trouble_set(struct courier_trouble *trouble, bool permanent, const char *status, const char *format, ...);
/** From a reply: its code, its enhanced status code or else `subject_detail` ("1.1") under the code's class. */
void courier_trouble_from_reply(struct courier_trouble *trouble, const struct courier_reply *reply, const char *subject_detail);

enum courier_session_tls { SESSION_CLEAR, SESSION_OPPORTUNISTIC, SESSION_STARTTLS, SESSION_IMPLICIT };

/** How to speak with the peer. Texts are borrowed and outlive the call of session_open. */
struct courier_session_policy {
	enum courier_session_tls tls;
	const char *user;          /* "": don't sign in */
	const char *password_path;
	bool unverified_password;  /* it may be said over TLS whose certificate wasn't verified */
	const struct sockaddr_storage *from[2]; /* local addresses to use, by family, or NULL */
	const char *own_name;      /* a peer that greets with it is ourselves; "": any may */
	int64_t end;               /* opening a session lasts no longer (monotonic milliseconds; 0: as long as each step may) */
	struct lately *tls_failed; /* of hosts whose TLS doesn't work; for SESSION_OPPORTUNISTIC */
	bool judged;               /* what is wrong with the certificate is told, although none is demanded */
	/** Is told of each try to have TLS by STARTTLS: what went wrong, as RFC 8460 §4.3 names it; NULL: there is TLS. May be NULL. */
	void (*tls_seen)(void *context, const struct courier_peer *peer, const char *fault);
	void *context;
};

struct courier_session {
	struct client *client;
	struct courier_peer peer;
	struct courier_offers offers;
	struct courier_reply reply;       /* the last one */
	bool broken;              /* only good for closing */
	bool dirty;               /* a transaction was begun and not ended: RSET before the next */
	bool reused;
	int messages;             /* offered so far */
	int64_t opened, idle_since; /* monotonic milliseconds */
	struct courier_session *next, *older, *newer; /* in the pool */
};

/** Connects, greets, begins TLS and signs in as the policy says. NULL with *trouble. */
struct courier_session *courier_session_open(const struct courier_peer *peer, const struct courier_session_policy *policy, struct courier_trouble *trouble);
/** Says QUIT (if the session is sound) without waiting for the answer, and closes. Sets *session to NULL. */
void courier_session_close(struct courier_session **session);
/** Queues bytes for the peer; errors show at the next reply. */
void courier_session_send(struct courier_session *session, struct slice bytes);
__attribute__((format(printf, 2, 3))) void courier_session_printf(struct courier_session *session, const char *format, ...);
/** Reads the next reply into session->reply, within `seconds`. False with *trouble (temporary): no connection, no sense. */
bool courier_session_reply(struct courier_session *session, int64_t seconds, struct courier_trouble *trouble);
/** The same for the reply to the end of a message: a line that is no reply is passed over, since after a reply that wasn't
 * understood the message would be sent once more. False also when the reply's code decides nothing. */
bool courier_session_final_reply(struct courier_session *session, int64_t seconds, struct courier_trouble *trouble);
/** Writes what is queued. False with *trouble: not all of it has gone. */
bool courier_session_flush(struct courier_session *session, struct courier_trouble *trouble);
/** Did the peer, in its last reply, demand TLS that this session lacks (530, RFC 3207 §4)? */
bool courier_session_lacks_tls(const struct courier_session *session);
/** TLS is tried again with this peer. */
void courier_session_forget_tls(const struct courier_peer *peer, struct lately *tls_failed);
/** Is the session fit for another message? Sends RSET where needed. */
bool courier_session_renew(struct courier_session *session);

/** Signs in (RFC 4954) with the best mechanism that both sides have: signin.c. */
bool courier_session_sign_in(struct courier_session *session, const struct courier_session_policy *policy, struct courier_trouble *trouble);

#endif
