/* What the parts of the SMTP server share; nobody outside src/smtp/ includes this.
 *
 *   session.c     one connection: what input is a unit, running it, replies, time-outs
 *   frame.c       where lines, messages and chunks end in a stream of bytes
 *   verbs.c       the table of commands
 *   parse.c       the arguments of commands
 *   cmd_hello.c   EHLO, HELO, LHLO, STARTTLS
 *   cmd_auth.c    AUTH
 *   extensions.c  the table of what EHLO announces
 *   cmd_mail.c    MAIL, RCPT
 *   cmd_data.c    DATA, BDAT: the end of a message, and its way into the queue
 *   cmd_other.c   RSET, NOOP, QUIT, VRFY, HELP and what we don't do
 *   content.c     a message's text while it comes in: its line ends, its header, its size
 *   gate.c        whether the policy role lets a stranger in at RCPT
 *   strangers.c   how much strangers may do, and what they have guessed
 *   judge.c       what it makes of his message
 *   edits.c       what milters want changed, as the policy role tells it
 *   binary.c      parts in the encoding "binary" become base64
 *   author.c      whom a submitted one says it is from
 *   local.c       programs of this machine
 *   trace.c       the fields that we put before it, and what we set right in a submitted one
 */
#ifndef SMTP_SESSION_H
#define SMTP_SESSION_H

#include "auth/dialogue.h"
#include "base/arena.h"
#include "config/config.h"
#include "message/header.h"
#include "net/call.h"
#include "queue/queue.h"
#include "smtp/parse.h"
#include "smtp/smtp.h"
#include "submit/submit.h"

enum {
	LINE_MAX_SIZE = 12 * 1024 + 2,       /* any line: what AUTH may need (RFC 4954 §4) */
	COMMAND_LINE_MAX = 512,              /* RFC 5321 §4.5.3.1.4, CRLF included */
	PATH_LINE_MAX = 512 + 26 + 1500,     /* MAIL and RCPT: SIZE, BODY, SMTPUTF8, DSN, AUTH and HOLDUNTIL parameters add to it */
	SKIPPED_LINE_MAX = 1024 * 1024,      /* a line without an end is given up after so much */
	CONTENT_CHUNK = 32 * 1024,           /* text of a message is taken in pieces of about this size */
	QUICK_TEXT_MAX = 8 * 1024,           /* a whole message of so much is gone through in the loop: that takes less than a thread's turn */
	INPUT_MAX = 2 * CONTENT_CHUNK,
	REPLY_MAX = 512,                     /* RFC 5321 §4.5.3.1.5 */
	USELESS_COMMANDS_MAX = 500,          /* NOOP, RSET, VRFY, … between two messages */
	HELLO_MAX = 255,
	GATE_KNOWN_MAX = 16,                 /* answers that are kept for a transaction's further recipients */
};

/* What the session is in the middle of; a command is allowed in some of these (verbs.c). */
enum {
	STATE_NEW = 1,   /* no greeting yet */
	STATE_READY = 2, /* greeted, no transaction */
	STATE_MAIL = 4,  /* a sender, no recipient */
	STATE_RCPT = 8,  /* at least one recipient */
	STATE_CHUNKS = 16, /* BDAT has begun */
	STATE_ANY = 31,
};

/* What the next bytes of input are. */
enum smtp_input_mode {
	INPUT_GREETING, /* none is due: the client waits for our greeting */
	INPUT_LINE,     /* a command */
	INPUT_SKIP,     /* the rest of a line that is too long */
	INPUT_ANSWER,   /* the client's next line of an AUTH exchange */
	INPUT_DATA,     /* the text of a message, up to the dot */
	INPUT_CHUNK,    /* the bytes of a BDAT chunk */
};

/* The text of a message while it comes in; see content.c. */
struct smtp_content {
	struct queue_draft *draft;
	struct buf header;       /* the header, until it is complete */
	size_t header_seen;      /* so much of it are lines that were looked at */
	bool header_done;
	bool mend;               /* lines may end with LF alone */
	bool after_cr;           /* the last byte was CR: LF must follow */
	bool after_lf;           /* … was an LF that stood alone */
	bool eight_bit;          /* a byte over 127 has come */
	uint64_t size, line;     /* bytes altogether, and of the line that has begun */
	size_t held;             /* bytes in memory, as counted for the limit of all sessions together */
	size_t held_max;         /* so much of its text may be in memory */
	struct slice message_id; /* its Message-ID field, for the log */
	const char *refused;     /* the reply that its end will get; from then on bytes are only counted */
};

struct smtp_known_recipient {
	uint64_t hash;               /* of the address, to pass over a repeated one */
	struct auth_recipient_room room;
	bool fits;                   /* known at the end of the text */
};

/* What the policy role has said at RCPT. */
struct smtp_gate_known {
	struct slice key;  /* policy_gate_key() */
	int reject;        /* the recipient's threshold */
	const char *reply; /* NULL: he is let in */
};
struct smtp_gate {
	struct smtp_gate_known *known; /* GATE_KNOWN_MAX at most, in the transaction's arena */
	size_t count, room;
};

struct smtp_transaction {
	struct arena *arena;
	bool active;
	struct queue_message message;    /* envelope; slices and recipients are in the arena */
	struct smtp_known_recipient *known;   /* beside message.recipients */
	size_t recipient_room, known_room;
	struct config_thresholds thresholds; /* what its recipients agree upon */
	size_t attempts;                 /* RCPT commands */
	size_t replies;                  /* RCPT commands accepted: LMTP owes one reply for each (RFC 2033 §4.2) */
	uint64_t announced;              /* SIZE=; 0: not given */
	bool chunks;                     /* BDAT has begun */
	bool ended;                      /* its text is complete, and its authors are being asked about */
	struct submit_author *authors;
	struct smtp_content content;
	struct smtp_gate gate;
};

/* A question to it, and the RCPT that waits for the answer. */
struct smtp_asked_gate {
	struct call_ticket *call; /* NULL: none is asked */
	struct buf text;          /* what was asked */
	const struct smtp_rcpt_command *command; /* in the transaction's arena */
	struct auth_recipient_facts facts;
	const char *reply;        /* what the recipient gets if he is let in; NULL: he is taken */
};

/* A question to the policy role about a message whose text is complete. */
struct smtp_judgement {
	struct call_ticket *call; /* NULL: none is asked */
	struct buf text;          /* what was asked */
	struct slice added;       /* recipients that milters want added, about whom auth hasn't been asked yet, one a line */
	bool own;                 /* about what one of ours sends: */
	bool weighed, located;    /* its points count; where it comes from does, */
	bool scanned, must;       /* engines are asked; without an answer of theirs it isn't taken */
};

struct smtp_session {
	struct conn *conn;
	const struct smtp_service *service;
	const struct config *config;     /* as it was when the client connected */
	bool may_relay;                  /* from a relay network */
	char *hello;                     /* what the client calls itself, as it said it; NULL before */
	bool extended;                   /* EHLO or LHLO, not HELO */
	char *account;                   /* who has signed in; NULL: nobody */
	struct auth_account entering;    /* who is about to be, if that still stands; its name is malloc'ed, NULL: nobody */
	uid_t user;                      /* SMTP_LOCAL: whose program it is */
	bool trusted;                    /* … and may write as anybody */
	struct auth_rates rates;         /* of the account, */
	bool rates_known;                /* asked at the first MAIL */
	enum smtp_input_mode input;
	bool data_ends;                  /* INPUT_DATA: the unit that peek has found includes the end */
	bool line_start;                 /* INPUT_DATA: the next byte is the first of a line */
	size_t scanned;                  /* INPUT_DATA: so much of the waiting input holds no end */
	uint64_t chunk_left, chunk_size; /* INPUT_CHUNK */
	bool chunk_last, chunk_refused;
	uint64_t skipped;                /* bytes that were thrown away in a row */
	int64_t errors, messages, useless;
	bool closing;
	struct auth_dialogue dialogue;   /* AUTH under way */
	bool again;                      /* AUTH: auth is busy, the unit is to be run again later */
	struct auth_wait wait;           /* what the unit has asked auth, and is to be run again for */
	struct queue_ticket *ticket;     /* the message is on its way into the queue; NULL: none is */
	struct smtp_asked_gate gate;
	struct smtp_judgement judgement;
	struct smtp_transaction transaction;
};

/* ---- session.c ---- */

/** Sends one reply line; CRLF is added. A 5xx reply counts as an error of the client. */
__attribute__((format(printf, 2, 3))) void smtp_reply(struct smtp_session *session, const char *format, ...);
/** By whom lines in the log are counted that can be caused as fast as one likes: the account, or else the client's address. */
struct slice smtp_who(const struct smtp_session *session);
/** Sends 421 and closes. */
void smtp_give_up(struct smtp_session *session, const char *enhanced, const char *why);
/** Sends 554 and closes: the client has sent more without waiting for an answer that decides what it means (RFC 2920 §3.1).
 * `behind`: what it should have waited for. */
void smtp_unsynchronised(struct smtp_session *session, const char *behind);
/** Forgets sender, recipients and text (RFC 5321 §4.1.1.5). */
void smtp_reset(struct smtp_session *session);
/** Is it one of ours: who has signed in, a client of relay_networks, a program that speaks LMTP? Else a stranger, whose sender's
 * address may be forged. */
bool smtp_is_trusted(const struct smtp_session *session);
/** Makes the unit of a connection that waits run again: for auth's and the queue's callbacks. */
void smtp_resume(void *conn);
/** How the unit waits for auth: without a thread, or, of SMTP_LOCAL, in its own (NULL). */
struct auth_wait *smtp_wait(struct smtp_session *session);
/** Which of STATE_… */
unsigned smtp_state(const struct smtp_session *session);
static inline const char *smtp_hostname(const struct smtp_session *session) { return session->config->hostname; }

/** Is it mail that begins here, of somebody who is known? */
static inline bool smtp_is_submission(const struct smtp_session *session)
{
	return session->service->kind == SMTP_SUBMISSION || session->service->kind == SMTP_LOCAL;
}

/* ---- local.c ---- */

/** May who has signed in, or whose program it is, send as this address? */
enum auth_sender_right smtp_may_send_as(struct smtp_session *session, struct auth_wait *wait, struct slice address);
/** Before a message of SMTP_LOCAL: who it is becomes session->account. NULL, or the reply that refuses it. */
const char *smtp_local_check(struct smtp_session *session);
/** Of SMTP_LOCAL: is an unknown recipient a user of this machine? Then it is the postmaster. */
bool smtp_local_redirect(struct smtp_session *session, struct slice *to);
void smtp_cmd_whoami(struct smtp_session *session, struct slice argument);

/* ---- verbs.c ---- */

enum {
	VERB_QUICK = 1,   /* never blocks: may be run in the loop */
	VERB_USELESS = 2, /* brings no mail nearer: counted against USELESS_COMMANDS_MAX */
	VERB_LAST = 4,    /* changes what the next bytes are: the client must have our answer before it goes on */
	VERB_ENTERS = 16, /* asks auth, and then signs in: a UNIT_ASK */
	VERB_ASKS = 8,    /* asks auth: without a thread, but where more than one question may be due (SMTP_LOCAL) */
};

struct smtp_verb {
	const char *name;
	unsigned services;    /* bits 1 << enum smtp_kind */
	unsigned states;
	unsigned flags;       /* VERB_… */
	size_t line_max;
	void (*run)(struct smtp_session *session, struct slice argument);
	const char *rfc;
};
extern const struct smtp_verb smtp_verbs[];
extern const size_t smtp_verb_count;
/** The verb of a command line (without its end) in this kind of service; NULL if there is none. *argument: what follows. */
const struct smtp_verb *smtp_find_verb(enum smtp_kind kind, struct slice line, struct slice *argument);
/** The verb that a line is meant for, be it well-formed or not: by its first letters. What follows a DATA or BDAT that we don't
 * understand is text all the same. NULL if there is none. */
const struct smtp_verb *smtp_meant_verb(enum smtp_kind kind, struct slice line);
/** Says why a command line isn't run. Where a chunk was to follow, the next bytes aren't commands: then it closes. */
void smtp_refuse_line(struct smtp_session *session, struct slice line, const char *reply);
/** Runs a command line, or says why not. */
void smtp_run_command(struct smtp_session *session, struct slice line);

/* ---- extensions.c ---- */

/** The reply to EHLO and LHLO: our name, and what is offered on this connection. */
void smtp_send_extensions(struct smtp_session *session);

/** May a message of this session wait for a time (RFC 4865 §2: submission alone)? */
static inline bool smtp_offers_release(const struct smtp_session *session)
{
	return session->service->kind == SMTP_SUBMISSION && session->config->future_release > 0;
}

/* ---- cmd_*.c ---- */

/** The mechanisms that are offered here and now; empty: none. */
const char *smtp_mechanisms(const struct smtp_session *session);

void smtp_cmd_ehlo(struct smtp_session *session, struct slice argument);
void smtp_cmd_helo(struct smtp_session *session, struct slice argument);
void smtp_cmd_starttls(struct smtp_session *session, struct slice argument);
void smtp_cmd_auth(struct smtp_session *session, struct slice argument);
void smtp_cmd_mail(struct smtp_session *session, struct slice argument);
void smtp_cmd_rcpt(struct smtp_session *session, struct slice argument);
/** Answers a RCPT, and takes the recipient if `reply` is NULL. */
void smtp_rcpt_end(struct smtp_session *session, const struct smtp_rcpt_command *command, const struct auth_recipient_facts *facts, const char *reply);
extern const char smtp_nobodys_address[], smtp_mailbox_full[]; /* replies */
/** Adds a recipient, unless it is there already. */
void smtp_add_recipient(struct smtp_session *session, const struct queue_recipient *recipient, const struct auth_recipient_facts *facts);
/** Has the mailbox room for a message of `size` bytes? NULL, or the reply. */
const char *smtp_mail_fits(const struct auth_recipient_room *room, uint64_t size);
void smtp_cmd_data(struct smtp_session *session, struct slice argument);
void smtp_cmd_bdat(struct smtp_session *session, struct slice argument);
void smtp_cmd_rset(struct smtp_session *session, struct slice argument);
void smtp_cmd_noop(struct smtp_session *session, struct slice argument);
void smtp_cmd_quit(struct smtp_session *session, struct slice argument);
void smtp_cmd_vrfy(struct smtp_session *session, struct slice argument);
void smtp_cmd_help(struct smtp_session *session, struct slice argument);
void smtp_cmd_unavailable(struct smtp_session *session, struct slice argument);
void smtp_cmd_foreign(struct smtp_session *session, struct slice argument);

/** The client's next line in an AUTH exchange; or one that was longer than LINE_MAX_SIZE, which ends it. */
void smtp_auth_answer(struct smtp_session *session, struct slice line);
void smtp_auth_answer_too_long(struct smtp_session *session);
/** Goes on with a sign-in that waits to hear whether it still stands. */
void smtp_auth_conclude(struct smtp_session *session);
/** Ends an exchange that has begun, if any. */
void smtp_auth_cancel(struct smtp_session *session);
/** A piece of a message's text, dots still stuffed; `ends`: with its end. */
void smtp_data_received(struct smtp_session *session, struct slice bytes, bool ends);
/** Answers for a message whose text is complete, if the queue has. */
void smtp_message_conclude(struct smtp_session *session);
/** Nobody will hear whether it got into the queue. */
void smtp_message_abandon(struct smtp_session *session);
/** A piece of a chunk. */
void smtp_chunk_received(struct smtp_session *session, struct slice bytes);

/* ---- content.c ---- */

void smtp_content_begin(struct smtp_session *session);
/** Adds bytes of the message. `stuffed`: they came by DATA. */
void smtp_content_add(struct smtp_session *session, struct slice bytes, bool stuffed);
/** The message is complete: its last line is ended, its header looked at, if that wasn't possible before. */
void smtp_content_finish(struct smtp_session *session);
/** The message won't be taken: `reply` is what its end will get. The first reason counts. */
void smtp_content_refuse(struct smtp_session *session, const char *reply);
void smtp_content_free(struct smtp_content *content);
/** Will so many bytes more need a file, which the queue role makes? */
bool smtp_content_needs_file(const struct smtp_session *session, size_t more);
/** Before they are added: gets it. False: it is awaited, and the unit runs again. */
bool smtp_content_get_file(struct smtp_session *session, size_t more);
/** The same before the message, which is complete, is written anew. */
bool smtp_content_get_second_file(struct smtp_session *session);
bool smtp_content_awaits_file(const struct smtp_session *session);
/** Puts bytes into the draft; a failure refuses the message. */
void smtp_content_store(struct smtp_session *session, struct slice bytes);
/** What the policy role wants changed of a message (policy/judge.h). */
struct policy_answer;
struct policy_edits;
struct smtp_rewriting {
	struct slice fields;                /* go before it */
	const struct policy_answer *answer; /* whose cuts and edits are done; NULL: there are none */
	struct slice body;                  /* in the place of its own, if the edits say so */
};
/** Does that to the message, which is complete; what doesn't fit it refuses it. Blocks if the message is in a file: it is written anew. */
void smtp_content_rewrite(struct smtp_session *session, const struct smtp_rewriting *rewriting);
/** Begins to put the message into the queue: sets session->ticket, unless it is refused. */
void smtp_content_commit(struct smtp_session *session);
/** The outcome, when the ticket is done. False: it is refused, the reason is in content.refused. */
bool smtp_content_is_committed(struct smtp_session *session);

/** Checks the line ends of text that is to be stored; what isn't lines refuses the message. */
void smtp_content_check_lines(struct smtp_session *session, struct slice bytes);

/* ---- gate.c ---- */

/** True: the RCPT waits for the policy role's answer, and the unit runs again. False: there is nothing to ask, or it is known, and *reply (NULL:
 * the recipient is taken) is set to the refusal, if it is one. */
bool smtp_gate_begin(struct smtp_session *session, const struct smtp_rcpt_command *command, const struct auth_recipient_facts *facts, const char **reply);
bool smtp_gate_is_pending(const struct smtp_session *session);
/** Ends the RCPT that waits, if there is an answer. */
void smtp_gate_conclude(struct smtp_session *session);
/** Nobody waits for the answer any more, if one is due. */
void smtp_gate_abandon(struct smtp_session *session);

/* ---- strangers.c ---- */

/** Counts a message that begins, or a recipient that is taken: NULL, or the reply that refuses it. */
const char *smtp_strangers_mail(struct smtp_session *session, struct slice sender);
const char *smtp_strangers_rcpt(struct smtp_session *session, struct slice recipient);
/** Its network has tried an address that nobody has (after the reply, which may be held back, or become the last one), or one that somebody has. */
void smtp_strangers_missed(struct smtp_session *session);
void smtp_strangers_found(struct smtp_session *session);
/** Before the greeting: is its network refused? It has said something already. How long does it wait? */
bool smtp_strangers_are_shut_out(struct smtp_session *session);
void smtp_strangers_early(struct smtp_session *session);
int smtp_strangers_greeting_ms(const struct smtp_session *session);

/* ---- judge.c ---- */

/** The address's 4 or 16 bytes; empty: it has none. */
struct slice smtp_client_bytes(const struct sockaddr_storage *peer);

/** Is a message that comes in now to be judged, as a stranger's? */
bool smtp_judge_is_due(const struct smtp_session *session);
/** Shows the message to the policy role, if it is to be judged. True: the unit waits for the answer, and runs again. */
bool smtp_judge_begin(struct smtp_session *session);
bool smtp_judge_is_pending(const struct smtp_session *session);
bool smtp_judge_is_done(const struct smtp_session *session);
/** The message is to be held until a person has looked at it. */
void smtp_judge_set_apart(struct smtp_session *session);
/** May the answer have it written anew? */
bool smtp_judge_rewrites(const struct smtp_session *session);
/** Obeys the answer: may refuse the message. */
void smtp_judge_conclude(struct smtp_session *session);
/** Nobody waits for the answer any more, if one is due. */
void smtp_judge_abandon(struct smtp_session *session);

/* ---- edits.c ---- */

/** Does to the envelope what milters want. False: what they want can't be. */
bool smtp_edits_envelope(struct smtp_session *session, const struct policy_edits *edits);
/** Adds the recipients that they want: addresses to which the client could have written itself; others are passed over, and logged. False: auth
 * is asked, and this is to be called again. */
bool smtp_edits_add_recipients(struct smtp_session *session);
/** Looks at the new body that came with an answer: *body is mapped, and given back with submit_unmap_body(). False: it is none. */
bool smtp_edits_map(const struct smtp_session *session, int fd, struct slice *body);

/* ---- binary.c ---- */

/** Stores `message`, its binary parts as base64. Blocks. */
void smtp_binary_convert(struct smtp_session *session, struct slice message);

/* ---- author.c ---- */

/** When the text is complete: asks about those whom its header names, one after the other; whose address isn't its sender's is refused. False: an
 * answer is awaited, and the same is due again. */
bool smtp_authors_check(struct smtp_session *session);

/* ---- trace.c ---- */

/** Puts the header as it is to be stored into the draft: our Received field, what was missing, and what stays of the
 * client's. May refuse the message. Blocks. */
void smtp_trace_store_header(struct smtp_session *session, struct slice header);
/** "name [address]" of the client, for the log and the queue; in `arena`. */
struct slice smtp_trace_client(const struct smtp_session *session, struct arena *arena);

#endif
