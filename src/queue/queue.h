/* The queue: what has been accepted and is not yet delivered. One database, DIR/queue/queue.db (SQLite, WAL,
 * synchronous=FULL), holds envelope, recipients, schedule and bodies up to QUEUE_INLINE_MAX; a larger body is a file
 * DIR/queue/body/<id>, on disk before the row that names it. A body is kept as mailboxes here keep it, with the Return-Path field
 * (RFC 5321 §4.4) before what was handed in, so that such a file becomes a message file by a link and is written once.
 *
 * queue_commit() returning true is the acknowledgement of a message; nothing else is. One writer thread per process
 * gathers all drafts that are waiting and commits them in one transaction: one fsync for the batch.
 *
 * Used by the queue role, which takes what smtp hands in (commit), by courier (commit of bounces; take, settle), the command line.
 * smtp has the calls for receiving, and no other: its queue is a channel to the queue role. Every function is thread-safe. */
#ifndef QUEUE_H
#define QUEUE_H

#include "base/arena.h"
#include "base/error.h"

struct queue;

enum { QUEUE_INLINE_MAX = 16 * 1024, QUEUE_HELD_MAX = 64 * 1024, QUEUE_FINDINGS_MAX = 2048, QUEUE_POINTS_MAX = 1000000000 };

enum queue_user {
	QUEUE_PERSON,    /* a command of the owner's */
	QUEUE_KEEPER,    /* the process that takes what others hand in */
	QUEUE_DELIVERER, /* the courier, which settles recipients; that is made durable soon after, not before queue_settle() returns */
};
/** Opens (or makes) the queue under the data directory. */
struct queue *queue_open(const char *data, enum queue_user user, struct error *error);
/** The queue of another process, the keeper, over a channel (net/call.h), which it takes over. Of the calls below only those for
 * receiving work, from queue_draft_new() to queue_is_slow(), queue_withdraw(), and those of quarantine. */
struct queue *queue_open_remote(int channel);
/** Who hands in: over which channel, and whether he speaks for accounts that may want something back, or out of quarantine. */
struct queue_client { int channel; bool withdraws; };
enum { QUEUE_CLIENTS_MAX = 4 };
/** Takes what is handed in over channels, which it takes over, until `stop_fd` is readable or nobody is at the other side of any. */
void queue_serve(struct queue *queue, const struct queue_client *clients, size_t count, int stop_fd);
void queue_close(struct queue **queue);

/* DSN parameters of RFC 3461. */
enum { NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 }; /* 0: not given */
enum queue_dsn_return { RET_NONE, RET_FULL, RET_HEADERS };
enum queue_body_kind { BODY_7BIT, BODY_8BITMIME, BODY_BINARYMIME };

struct queue_recipient {
	int64_t id;              /* given by the queue */
	struct slice address;    /* as in RCPT TO, without <> */
	struct slice original;   /* ORCPT as given ("rfc822;a@b", xtext decoded) or empty */
	unsigned notify;
	/* schedule: filled by queue_take and the listing */
	int64_t next_attempt, expires, last_attempt;
	int attempts;
	int unsure;              /* attempts after which nobody knew whether the other server had taken it */
	bool delay_notified;     /* a warning that it is late was sent */
	struct slice last_error; /* the peer's last words, or ours */
	int64_t told;            /* when he was told that it is set apart; 0: he wasn't */
	struct slice apart;      /* what was done of it already: for whom of those to whom the address leads it was set apart, that it was passed on; each with LF behind it */
	struct slice via;        /* "host:port", through which it goes out whatever else is configured; empty: it isn't so */
	struct slice returned;   /* why an administrator gives it back to its sender: it isn't tried any more; empty: it is */
};

/** Why a message is held: that somebody who has signed in has sent, or that was set apart. */
enum queue_reason {
	REASON_NONE, /* it isn't, or somebody holds it who has said `pombal queue hold` */
	REASON_HOUR, /* within an hour its account has written to more recipients than it may */
	REASON_DAY,  /* … within a day */
	REASON_SET_APART, /* for what was found in it: it is in quarantine */
	REASON_SPAM, /* its account has sent it, and it looks like spam; count and most are points */
	REASON_HABIT, /* on a day its account writes to far more than it usually does */
	REASON_HABIT_NETWORK, /* … from a network at which it wasn't before */
	REASON_HABIT_PEOPLE,  /* … and mostly where it never wrote to */
	REASON_HABIT_COUNTRY, /* … from a country in which it never was before */
	REASON_LAST = REASON_HABIT_COUNTRY,
};
struct queue_suspicion {
	enum queue_reason reason;
	int64_t count; /* recipients within that time, with those of this message */
	int64_t most;  /* … and how many there may be */
};
/** In a sentence without its end: "512 recipients within an hour, where 500 are allowed". */
enum { SUSPICION_TEXT_MAX = 160 };
const char *queue_suspicion_text(const struct queue_suspicion *suspicion, char out[SUSPICION_TEXT_MAX]);

/** How much an account may send before it looks as if somebody else had its password. */
struct queue_allowance {
	bool counts;            /* only what somebody sends by signing in does; not what is passed on for him */
	int64_t per_hour, per_day; /* recipients; 0: any number */
};

struct queue_message {
	int64_t id;              /* 0 for a new message: queue_commit gives one */
	struct slice from;       /* reverse-path without <>; empty: null */
	struct queue_recipient *recipients;
	size_t recipient_count;
	enum queue_body_kind body;
	bool smtputf8;
	bool require_tls;        /* reserved for RFC 8689 */
	enum queue_dsn_return ret;
	struct slice envid;      /* xtext decoded */
	struct slice account;    /* who submitted it, or empty */
	struct slice client;     /* "host [address]" of the peer, for trace and Received */
	struct slice country;    /* of a new one of an account: where that is, "PT"; empty: not known */
	int64_t arrived;         /* seconds since 1970 */
	int64_t release;         /* not to be tried before that; 0: at once (RFC 4865) */
	uint64_t size;           /* of the text, without what stands before it: */
	uint64_t preface;        /* bytes at the front of the body that are for mailboxes here alone; the queue's to set */
	bool tracked;            /* its account wants to know what becomes of it: it has an object that says so (store/object.h) */
	bool held;
	bool waiting;            /* for that time: nothing of it was tried */
	bool junk;               /* it was judged to be junk: it goes where an account keeps that, and causes no reports to who may not have sent it */
	bool weighed;            /* … by its points, and each recipient's threshold decides anew: */
	int points;              /* in hundredths, QUEUE_POINTS_MAX at most, either way */
	bool suspect;            /* it is junk whatever it weighs */
	struct slice author;     /* the canonical address that it is shown to be from; empty: nothing shows that */
	struct slice findings;   /* what was found when it was judged: lines "RULE POINTS detail", at most QUEUE_FINDINGS_MAX bytes; empty: it wasn't */
	bool set_apart;          /* of a new one of no account's: it is to be held until a person has looked at it */
	struct queue_allowance allowance;  /* of a new one: the account's; what is more is held (outgoing.c) */
	struct queue_suspicion suspicion;  /* … and why; the queue's to set */
	struct queue_suspicion doubt;      /* of a new one of an account: REASON_SPAM or REASON_SET_APART if it is to be held for that */
};

/** When it begins to be on its way: its time to be delivered, and the sender's to be told, count from then. */
static inline int64_t queue_begins(const struct queue_message *message) { return message->release > message->arrived ? message->release : message->arrived; }

/** A body being received. */
struct queue_draft;
/** `from`: the message's reverse-path, which its Return-Path field is made of. */
struct queue_draft *queue_draft_new(struct queue *queue, struct slice from);
/** Adds bytes (CRLF line ends, dot-stuffing removed). After QUEUE_INLINE_MAX bytes they go to a file; ERROR_FULL and
 * ERROR_TEMPORARY are final for this draft. */
bool queue_draft_write(struct queue_draft *draft, struct slice bytes, struct error *error);
/** From now on up to QUEUE_HELD_MAX bytes stay in memory until it is committed: it will be looked at, and likely be written anew. */
void queue_draft_hold(struct queue_draft *draft);
/** So that nobody waits for another role while he writes what goes to a file: gets one, where it isn't this process that makes it, and keeps
 * it until it is needed. True: there is nothing to wait for (a failure shows when something is written). False: `done` is called once,
 * maybe before this returns, in any thread and under a lock (conn_resume()); then the same call says true. */
bool queue_draft_get_file(struct queue_draft *draft, void (*done)(void *context), void *context);
/** Was one asked for, and not taken yet? */
bool queue_draft_awaits_file(const struct queue_draft *draft);
/** Would so many bytes more go to a file that has yet to be got? */
bool queue_draft_needs_file(const struct queue_draft *draft, uint64_t more);
/** What `from` got and hasn't used is `to`'s. */
void queue_draft_pass_file(struct queue_draft *from, struct queue_draft *to);
/** What was written to it, to be looked at as a whole: valid until the next call for this draft. A large one is mapped into memory. */
bool queue_draft_view(struct queue_draft *draft, struct slice *content, struct error *error);
/** For another process that is to read it: a small one's text; of a large one *shown is a descriptor of its file, which stays the draft's, and
 * *skip says how many bytes stand before the text (-1 and 0 for a small one). Valid until the next call for this draft. */
bool queue_draft_show(struct queue_draft *draft, struct slice *content, int *shown, uint64_t *skip, struct error *error);
/** Frees it and its file; sets *draft to NULL. */
void queue_draft_abort(struct queue_draft **draft);

/** Puts the message durably into the queue and sets message->id and the recipients' ids. Blocks until it is on disk.
 * Frees the draft, also on failure. False: nothing of it remains, answer 4xx; ERROR_DENIED: since so much of its account's mail is held
 * already; ERROR_LIMIT: since so much of it waits for its time. If message->id is not 0 the caller has chosen it with id_new() (for the Received field). */
bool queue_commit(struct queue *queue, struct queue_draft **draft, struct queue_message *message, struct error *error);

struct queue_result;
struct queue_episode;
/** A message, and what became of recipients that it tells of: both are written down together, or neither. */
struct queue_deposit {
	struct queue_draft *draft;
	struct queue_message *message;
	const struct queue_result *results; /* as for queue_settle() */
	size_t result_count;
	const struct queue_episode *tells;  /* … and of this, so that nobody is told again; NULL: of none */
	bool done;
	struct error error;                 /* if it isn't */
};
/** Commits several messages as queue_commit() does, in as few groups as it can, and says of each whether it is `done`; blocks until
 * that is known of all. Not for a remote queue. */
void queue_deposit_all(struct queue *queue, struct queue_deposit *list, size_t count);

/** The same without a thread that waits, if it is another process's queue; this one's own blocks here. When the outcome is there `done` is
 * called, once, maybe before this returns, in any thread and under a lock: it may only wake somebody (conn_resume()). */
struct queue_ticket;
struct queue_ticket *queue_commit_begin(struct queue *queue, struct queue_draft **draft, struct queue_message *message,
					void (*done)(void *context), void *context);
bool queue_commit_is_done(const struct queue_ticket *ticket);
/** The outcome, as queue_commit() returns it; sets *ticket to NULL. Of what isn't done nobody will know: it may be there, and `done`
 * isn't called when this has returned. */
bool queue_commit_end(struct queue_ticket **ticket, struct error *error);

/** Has the disk kept a commit waiting for QUEUE_SLOW_SECONDS? Then no more should be begun. Never blocks. */
enum { QUEUE_SLOW_SECONDS = 5 };
bool queue_is_slow(const struct queue *queue);

/** What became of a sender's wish to have a message back. */
enum queue_withdrawal {
	WITHDRAWN,        /* it has gone from the queue, and nobody gets it */
	WITHDRAWN_TOO_LATE, /* it was tried, or is about to be; or it isn't there (any more), or another account's */
};
/** Takes back what an account has submitted, all or nothing: while it waits for its time, or is held and nobody was tried. The queue's transaction decides
 * between this and the courier. True: *outcome is so, and durable. */
bool queue_withdraw(struct queue *queue, struct slice account, int64_t id, enum queue_withdrawal *outcome, struct error *error);

/** Of a message with an id that its account has chosen, and of which it doesn't know whether it was committed: *there: it is in the queue. If it isn't it won't be
 * any more, whoever may still be about to hand it in: its commit fails from now on. What was delivered meanwhile isn't there either. True: it is so, and durable. */
bool queue_resolve(struct queue *queue, struct slice account, int64_t id, bool *there, struct error *error);

/* ---- Quarantine, for those for whom something was set apart (apart.c) ---- */

enum { QUEUE_APART_LISTED_MAX = 20000, QUEUE_APART_BYTES_MAX = 2 * 1024 * 1024, QUEUE_APART_HEAD_MAX = 16 * 1024 };
/** A recipient of a message that is set apart. */
struct queue_apart {
	int64_t message, recipient;
	struct slice address;    /* as it was written to */
};
/** What may be told of one to him for whom it came: nothing of other recipients. */
struct queue_apart_shown {
	struct slice from, address, findings;
	int64_t arrived;
	uint64_t size;
	int points;              /* in hundredths; of what wasn't weighed those of the findings count */
	bool weighed;
	bool may_release;        /* by its recipient */
	struct slice head;       /* how its text begins, QUEUE_APART_HEAD_MAX bytes at most */
};
/** All of them, the newest first, in `arena`: at most `most` (QUEUE_APART_LISTED_MAX), and QUEUE_APART_BYTES_MAX bytes of addresses. What a scanner has found a virus in isn't told. */
bool queue_apart_list(struct queue *queue, size_t most, struct arena *arena, struct queue_apart **list, size_t *count, struct error *error);
/** May its recipient let it go or remove it, if nobody else is behind his address (quarantine_release)? */
bool queue_apart_may_release(const struct queue_message *message);
/** One, by message and recipient; in `arena`. ERROR_NOT_FOUND. */
bool queue_apart_show(struct queue *queue, const struct queue_apart *which, struct arena *arena, struct queue_apart_shown *shown, struct error *error);
/** Lets it go on to this recipient alone, as the message *as, or removes it for him; durable. ERROR_NOT_FOUND; ERROR_DENIED: that isn't his to decide. */
bool queue_apart_end(struct queue *queue, const struct queue_apart *which, bool let_go, int64_t *as, struct error *error);

/** Called in this process when new messages have been committed, for all of a group once, before their acknowledgement: to poke the
 * courier. */
void queue_on_commit(struct queue *queue, void (*committed)(void *context), void *context);

/* ---- For the courier ---- */

/** A message and those of its recipients that are due; owns its arena. */
struct queue_work {
	struct arena *arena;
	struct queue_message message;  /* recipients: only the due ones */
};

/** Takes up to `max` messages with recipients due at `now` that aren't being worked on, oldest due first; if there are more
 * than that, a part of them are the newest. They are leased (lease.c): nobody gets them until queue_release(), nor, in another process, as long
 * as this one lives. Returns how many;
 * *next_due is when the next recipient not taken becomes due (0: none). Held messages are passed over. */
size_t queue_take(struct queue *queue, int64_t now, size_t max, struct queue_work **work, int64_t *next_due, struct error *error);
/** In so many seconds it is to be looked at again, whatever queue_take() said: clocks jump, pokes get lost, and where other machines take from it, too, one
 * of them may have gone. */
int queue_poll_seconds(const struct queue *queue);

/** Makes due at `now` whoever isn't due before `latest`, and lets nobody wait beyond `expires`: such times come from a clock that was
 * ahead and has been set back. Recipients that are held stay as they are. *changed: how many. */
bool queue_pull_back(struct queue *queue, int64_t now, int64_t latest, int64_t expires, size_t *changed, struct error *error);

/** The body with its preface: an inline one is read into `arena` (*bytes), a large one is opened (*fd, the caller's). One of the two
 * is set: *fd is -1 with *bytes, or *bytes is empty. Nobody writes to that file any more. */
bool queue_body(struct queue *queue, int64_t id, struct arena *arena, struct slice *bytes, int *fd, struct error *error);

/** Is there room in quarantine for one more message of so many bytes (quarantine_messages, quarantine_size)? */
bool queue_has_room_apart(struct queue *queue, uint64_t size, bool *room, struct error *error);

enum { EPISODE_CLIENTS_MAX = 5 };
/** What is held of an account since it sends more than it may; see outgoing.c. */
struct queue_episode {
	struct slice account;
	int64_t began;
	uint64_t messages, recipients;
	/* Of the first message: */
	struct queue_suspicion suspicion;
	struct slice from, to;           /* to: its first recipient */
	struct slice clients[EPISODE_CLIENTS_MAX]; /* from where it was sent, as struct queue_message has it */
	size_t client_count;
	bool more_clients;               /* from others, too */
};
/** The next episode of which nobody has been told and that began at `until` or before: *episode, in `arena`. False without an error:
 * there is none; *next_due is then when one that has begun later began (0: none has). */
bool queue_next_episode(struct queue *queue, int64_t until, struct arena *arena, struct queue_episode *episode, int64_t *next_due, struct error *error);

enum queue_outcome {
	OUTCOME_DELIVERED, /* done: the row goes */
	OUTCOME_FAILED,    /* for good, a DSN was queued where one is due: the row goes */
	OUTCOME_DEFERRED,  /* again at next_attempt */
	OUTCOME_TOLD,      /* he was told that it is set apart; nothing else changes */
	OUTCOME_APART,     /* for `apart` it was set apart, or passed on: that is remembered, and nothing else changes */
};
struct queue_result {
	int64_t message, recipient;
	enum queue_outcome outcome;
	int64_t next_attempt;       /* when deferred */
	bool untried;               /* … without having been tried: its attempts stay as many */
	bool unsure;                /* … and the other server may have taken it */
	bool delay_notified;
	struct slice last_error;
	struct slice apart;         /* a name without line ends */
};
/** Writes down what became of recipients, in one transaction; a message without recipients left goes, with its body. */
bool queue_settle(struct queue *queue, const struct queue_result *results, size_t count, struct error *error);
/** Gives a taken message back and frees it; sets *work to NULL. */
void queue_release(struct queue *queue, struct queue_work **work);

/* ---- For people: pombal queue ---- */

struct queue_filter {
	int64_t id;              /* 0: any */
	struct slice address;    /* sender or recipient, or "@domain"; empty: any */
	struct slice account;    /* who has submitted it; empty: anybody */
	bool held;               /* only what is held */
	enum queue_reason reason; /* only what is held for it; REASON_NONE: for any, or none */
	int64_t before;          /* only what arrived before this; 0: at any time */
	struct slice recipient;  /* as `address`, of recipients alone */
	int64_t after;           /* only ids greater than this: how a long queue is gone through in steps */
	size_t limit;            /* 0: no limit */
	/** Called for each message that has been changed, when that is on disk; may be NULL. Of the message, all but its recipients is set. */
	void (*changed)(void *context, const struct queue_message *message);
	void *context;
};
/** Messages in order of arrival, with all their recipients. */
bool queue_list(struct queue *queue, const struct queue_filter *filter, struct arena *arena, struct queue_message **list, size_t *count, struct error *error);
/** Makes recipients due now / holds / releases / removes (without a bounce) what the filter names. *changed: messages. What waits for its time is released
 * only if the filter gives its id: then it goes at once; and what was held while it did, waits again. */
bool queue_flush(struct queue *queue, const struct queue_filter *filter, size_t *changed, struct error *error);
bool queue_hold(struct queue *queue, const struct queue_filter *filter, bool held, size_t *changed, struct error *error);
bool queue_remove(struct queue *queue, const struct queue_filter *filter, size_t *changed, struct error *error);
/** Has what the filter names given back to its sender, also what is held or waits for its time: the courier tells him so, with this reason (UTF-8, no control
 * characters, QUEUE_REASON_MAX bytes at most; empty: a general one), as of any other failure (RFC 3464). Passed over is what nobody could be told of, or a stranger who
 * wouldn't know of it: mail from the null reverse-path, and junk and what is in quarantine from other servers, whose senders are forged as a rule. */
enum { QUEUE_REASON_MAX = 400 };
bool queue_return(struct queue *queue, const struct queue_filter *filter, struct slice reason, size_t *changed, struct error *error);

/** What is changed of a message's recipients; never of its text. */
struct queue_edit {
	struct slice address;    /* whose; empty: of all */
	struct slice to;         /* its new address (canonical); empty: it stays. Who reads a report of it is told the former, too (RFC 3461 §5.2.7) */
	const struct slice *via; /* as in struct queue_recipient; NULL: it stays */
};
/** Who isn't held is due now. *before: the message as it was, in `arena`. ERROR_NOT_FOUND: there is no such message or recipient; ERROR_TEMPORARY: it is being tried;
 * ERROR_INVALID: it is given back, or the new address needs SMTPUTF8 and the message doesn't have it (RFC 6531 §3.4). */
bool queue_edit(struct queue *queue, int64_t id, const struct queue_edit *edit, struct arena *arena, struct queue_message *before, struct error *error);
/** Messages and recipients waiting. */
bool queue_count(struct queue *queue, uint64_t *messages, uint64_t *recipients, struct error *error);
/** Checks every invariant between rows and body files; with `repair`, removes body files that no row names. One call of
 * `found` per problem. */
bool queue_fsck(struct queue *queue, bool repair, void (*found)(void *context, struct slice what), void *context, struct error *error);

#endif
