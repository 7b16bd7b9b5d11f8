/* What the parts of the POP3 server share; nobody outside src/pop3/ includes this.
 *
 *   session.c     one connection: what input is a unit, running it, replies, time-outs
 *   verbs.c       the table of commands
 *   maildrop.c    the messages of one session, and that only one session has them
 *   cmd_auth.c    USER, PASS, AUTH, STLS
 *   cmd_capa.c    CAPA, and the table of what it tells
 *   cmd_list.c    STAT, LIST, UIDL, DELE, RSET, NOOP
 *   cmd_retr.c    RETR, TOP
 *   cmd_quit.c    QUIT
 */
#ifndef POP3_SESSION_H
#define POP3_SESSION_H

#include "auth/dialogue.h"
#include "config/config.h"
#include "message/canonical.h"
#include "pop3/maildrop.h"
#include "pop3/pop3.h"

enum {
	LINE_MAX_SIZE = 255,          /* of a command, CRLF included (RFC 2449 §4) */
	ANSWER_LINE_MAX = 12288 + 2,  /* of an answer in a SASL exchange (RFC 5034 §4) */
	SKIPPED_LINE_MAX = 64 * 1024, /* a line without an end is given up after so much */
};

/* RFC 1939 §3; a command is allowed in some of these (verbs.c). UPDATE is what QUIT does. */
enum pop3_state {
	STATE_AUTHORIZATION = 1,
	STATE_TRANSACTION = 2,
	STATE_ANY = 3,
};

/** A message on its way to the client, in pieces. */
struct pop3_transfer {
	int fd;                 /* -1: none */
	uint64_t offset, size;
	struct canonical canonical; /* mends what was stored by other means than ours, so that no lone CR or LF, and no NUL, goes out */
	bool line_start;        /* the next byte begins a line */
	bool in_header;
	bool has_field;         /* in what of the header was seen */
	uint64_t line_bytes;    /* of the current line so far */
	char line_first;        /* its first byte */
	int64_t lines_left;     /* of the body, for TOP; -1: all */
};

struct pop3_session {
	struct conn *conn;
	const struct pop3_service *service;
	const struct config *config;
	enum pop3_state state;
	int errors;
	size_t skipped;         /* bytes of a line that is too long; 0: none is being skipped */
	char *user;             /* of USER; NULL: none */
	struct auth_dialogue dialogue;
	struct maildrop *maildrop;
	unsigned scopes;        /* what he may who has signed in: enum auth_scope */
	size_t listed;          /* LIST and UIDL: messages listed so far */
	bool resumed;           /* the command returned RUN_AGAIN */
	bool again;             /* signing in: auth is busy, the unit is to be run again later */
	struct auth_wait wait;  /* what the unit has asked auth, and is to be run again for */
	struct auth_account entering; /* who is about to be signed in, if that still stands; its name is malloc'ed, NULL: nobody */
	struct pop3_transfer transfer;
	uint64_t retrieved, retrieved_bytes;
	int64_t id;             /* of the connection, for the log when it is gone */
};

struct pop3_verb {
	const char *name;
	unsigned states;
	enum net_unit unit;         /* how it waits for the store or the auth role, or gives a long answer */
	/** `argument` is what follows the verb and one space. Sends its reply. */
	enum net_run (*run)(struct pop3_session *session, struct slice argument);
};
/** The verb that the line (without CRLF) begins with, any case, or NULL; *argument is the rest. */
const struct pop3_verb *pop3_find_verb(struct slice line, struct slice *argument);

/** "+OK …" and "-ERR …"; the latter counts, and closes after too many. */
__attribute__((format(printf, 2, 3))) void pop3_ok(struct pop3_session *session, const char *format, ...);
__attribute__((format(printf, 2, 3))) void pop3_error(struct pop3_session *session, const char *format, ...);
/** "-ERR [SYS/TEMP] …": our trouble, which doesn't count against the client (RFC 3206). Logs the cause. */
void pop3_trouble(struct pop3_session *session, const char *what, const struct error *error);
/** The event that ends a signed-in session: "pop3.quit" or "pop3.lost". */
void pop3_log_end(const struct pop3_session *session, const char *event, size_t removed);
/** What a unit of a sign-in returns: is it to be run again, or when auth has answered? */
enum net_run pop3_goes_on(const struct pop3_session *session);
/** Is signing in with a password allowed on this connection as it is? */
bool pop3_may_sign_in(const struct pop3_session *session);
/** The mechanisms that are offered on this connection, separated by spaces. */
const char *pop3_mechanisms(const struct pop3_session *session);
/** Finds the message that `text` numbers; NULL, having replied, if it isn't one. */
struct maildrop_message *pop3_message(struct pop3_session *session, struct slice text);

enum net_run pop3_cmd_user(struct pop3_session *session, struct slice argument);
enum net_run pop3_cmd_pass(struct pop3_session *session, struct slice argument);
enum net_run pop3_cmd_auth(struct pop3_session *session, struct slice argument);
/** Goes on with a sign-in that waits to hear whether it still stands. */
void pop3_enter(struct pop3_session *session);
/** The client's next line in an exchange. */
void pop3_answer(struct pop3_session *session, struct slice line);
/** Ends an exchange and forgets a USER. */
void pop3_forget_sign_in(struct pop3_session *session);
/** Writes down a sign-in that was refused here, without the auth role's knowing: auth_refused(). */
void pop3_note_refusal(struct pop3_session *session, struct slice mechanism, struct slice name, const char *reason);
enum net_run pop3_cmd_stls(struct pop3_session *session, struct slice argument);
enum net_run pop3_cmd_capa(struct pop3_session *session, struct slice argument);
enum net_run pop3_cmd_stat(struct pop3_session *session, struct slice argument);
enum net_run pop3_cmd_list(struct pop3_session *session, struct slice argument);
enum net_run pop3_cmd_uidl(struct pop3_session *session, struct slice argument);
enum net_run pop3_cmd_dele(struct pop3_session *session, struct slice argument);
enum net_run pop3_cmd_rset(struct pop3_session *session, struct slice argument);
enum net_run pop3_cmd_noop(struct pop3_session *session, struct slice argument);
enum net_run pop3_cmd_retr(struct pop3_session *session, struct slice argument);
enum net_run pop3_cmd_top(struct pop3_session *session, struct slice argument);
enum net_run pop3_cmd_quit(struct pop3_session *session, struct slice argument);

#endif
