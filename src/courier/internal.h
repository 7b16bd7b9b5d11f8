/* What the courier's files share. The way of a message in here:
 *
 *   courier.c   takes due messages from the queue (struct courier_letter) and gives them to the local threads
 *   local.c     finds out where each recipient's mail goes, delivers into mailboxes, syncs the store once per batch;
 *   junk.c      whether it is junk, for each account anew; personal.c: by what it has taught, and whom it knows; apart.c: or not to be seen by it
 *   wrap.c      junk comes inside of a report, if that is wanted
 *   vacation.c  who doesn't read his mail has it answered
 *   forward.c   an alias that leads to several places, some of them elsewhere, becomes a new message
 *   alias_notice.c  the postmaster hears of targets that lead nowhere
 *   held_notice.c  the owner of an account and the postmaster hear that its mail is held
 *   quarantine.c  what was set apart is removed when its time is over; digest.c: for whom it was is told
 *   remote.c    what goes elsewhere, grouped by destination (struct courier_job), is worked on by a pool of threads;
 *   turns.c     in which order, and how many at a time
 *   delivery.c  a job, from host to host; pool.c: sessions that are kept for the next
 *   route.c     which hosts; session.c, signin.c, transaction.c: speaking with one
 *               (they end in the closing thread, which writes down many at a time)
 *   letter.c    what became of the recipients is written down;
 *   submission.c  and for who sent it over JMAP, in its own account;
 *   feedback.c  apart from all that: reports to other domains, of what they have to do with us; tls_seen.c: of sessions with their servers
 *   report.c    and told to the sender, by a thread of its own; dsn.c: in which form
 *
 * Threads: a letter's addressees belong to one thread each at a time: first to the local thread that has the letter, then
 * to the job they are in. The letter's arena and its count of open addressees are guarded by letter->lock. */
#ifndef COURIER_INTERNAL_H
#define COURIER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "auth/auth.h"
#include "base/map.h"
#include "base/threads.h"
#include "config/config.h"
#include "courier/courier.h"
#include "courier/session.h"
#include "courier/turns.h"
#include "net/dns.h"
#include "queue/queue.h"
#include "store/store.h"

enum {
	TAKE_MAX = 200,                /* messages taken from the queue at a time */
	IN_FLIGHT_MAX = 2000,          /* messages taken that no local thread has finished with */
	LOCAL_BATCH_MAX = 200,         /* messages delivered before one sync */
	LOCAL_BATCH_BYTES = 16 << 20,  /* or so many bytes */
	RECIPIENTS_PER_TRANSACTION = 100, /* RFC 5321 §4.5.3.1.8: every server takes so many */
	TLS_FAILED_SECONDS = 1800,     /* with a host whose TLS didn't work it isn't tried again for so long */
	STS_FAILED_SECONDS = 300, /* so long a policy about TLS isn\'t asked for again that couldn\'t be fetched (RFC 8461 §3.3) */
	STS_DOUBTED_SECONDS = 86400,
	ALIAS_NOTICE_SECONDS = 86400,  /* the postmaster hears so often at most of an alias that leads nowhere in part */
	UNSURE_TRIES_MAX = 3,          /* so often is a message sent whose end was answered with nothing that can be read */
	RETRY_SOON_SECONDS = 30,       /* trouble on our side: this instead of retry_schedule */
};

enum courier_verdict {
	VERDICT_NONE,      /* not yet known */
	VERDICT_DELIVERED,
	VERDICT_RELAYED,   /* delivered to a server that doesn't speak DSN: it won't tell the sender of success */
	VERDICT_EXPANDED,  /* an alias of several targets, each with its own fate (RFC 3461 §5.2.7.3) */
	VERDICT_DEFERRED,
	VERDICT_FAILED,
};

struct courier_letter;

/** Over which connection something was said; all empty: it was us. */
struct courier_via { struct slice host, address, tls; };

/** An account for which the message is set apart. */
struct courier_apart {
	const struct auth_route *route;
	struct slice address;  /* leads to it alone; empty: another addressee of the letter leads to it, too, and sees to it */
};

/** A recipient that is due. */
struct courier_addressee {
	struct courier_letter *letter;
	const struct queue_recipient *recipient;
	struct slice target;       /* where mail for it goes: the address, or what its alias stands for */
	struct auth_question *asked;    /* auth about it; NULL: not yet, or it has answered */
	struct auth_route *routes;      /* as auth resolved it, until it is decided */
	size_t route_count;
	struct courier_apart *apart; /* of these routes: for whom it is set apart */
	size_t apart_count, apart_room;
	enum courier_verdict verdict;
	bool dsn_passed_on;        /* the next server took over the duty to report success */
	bool expired;              /* failed because time is up; `trouble` is the last temporary one */
	bool unsure;               /* the peer has got all of it, and its answer was lost or made no sense: it may have been delivered */
	bool delay_notice;         /* this deferral is to be told to the sender */
	bool settled;              /* written down; nothing is left to do */
	int64_t next_attempt;
	int64_t put_off;           /* not tried for want of room: comes back in so many seconds; 0: not so */
	/* What was said last, by the other server or by us; texts in the letter's arena. */
	struct slice status, text;
	struct courier_via via;
	uint32_t uid;              /* in the one mailbox that it was put into, for the log; 0: unknown, or several */
	bool from_peer, soon, interrupted, permanent;
	bool noted;                /* something was said in the present transaction; for transaction.c */
};

/** A message on its way. */
struct courier_letter {
	struct courier *courier;
	struct queue_work *work;
	pthread_mutex_t lock;      /* guards open and work->arena */
	size_t open;               /* addressees that are not closed yet: letter_close */
	struct courier_addressee *addressees;
	size_t count;
	int64_t due;               /* the earliest next attempt among the deferred; 0: none */
	struct courier_letter *next;       /* in the intake, or among the untold */
};

/** Recipients of one letter with the same destination. */
struct courier_job {
	struct courier_errand errand;
	struct courier_letter *letter;
	struct courier_addressee **addressees;
	size_t count;
	struct courier_job *next;
};

struct courier_pool;
struct sts_cache;

struct courier {
	struct auth *auth;
	struct dns *dns;
	struct queue *queue;
	struct store *store;
	struct classify_store *learned; /* of everybody's mail; NULL: not opened yet, or there is nothing; guarded by lock */
	struct caller *policy;         /* NULL: nobody is asked for reports */
	struct lately *tls_failed;     /* hosts */
	struct lately *sts_failed;     /* domains whose policy about TLS couldn't be fetched, */
	struct lately *sts_doubted;    /* and those by whose policy nobody could be delivered to */
	struct sts_cache *sts;         /* such policies */
	atomic_bool leaving;           /* nothing is to be fetched any more */
	struct lately *aliases_noticed;
	struct tls_seen *tls_seen;     /* since the policy role was last told */
	int64_t quarantine_at, digest_at; /* when to look into quarantine again, and whether somebody is to be told, seconds since 1970; the scheduler's, */
	int64_t digested;              /* and the time of the day's digests that have been sent */
	char *data;

	pthread_mutex_t lock;      /* guards everything below */
	pthread_cond_t poked;      /* the scheduler: poked, stopping, or in_flight went down */
	pthread_cond_t filled;     /* the local threads: intake or stopping */
	pthread_cond_t work;       /* the remote threads: a job was given out, or stopping */
	pthread_cond_t concluded;  /* the closing thread: jobs to be written down, or all_concluded */
	pthread_cond_t untold_come; /* the reporting thread: letters to be told of, or last_words */
	struct threads local;      /* the scheduler and those that deliver here */
	size_t local_threads;      /* the latter; doesn't change */
	struct threads remote;     /* those that speak with other servers */
	struct threads closing, reporting; /* one each */
	struct threads feedback;   /* one, or none */
	pthread_cond_t feedback_poked; /* it: reports are wanted, an answer has come, or stopping */
	bool feedback_wanted, feedback_answered;
	bool wake, stopping;
	bool all_concluded;        /* no job comes any more: the closing thread is to end */
	bool last_words;           /* no letter to be told of comes any more: the reporting thread is to end */
	int64_t wakes_at;          /* when the scheduler is to look again by itself, milliseconds since 1970 */
	int64_t feedback_day;      /* of that thread alone: since when the mails are counted that it has queued, monotonic milliseconds */
	size_t feedback_mails;
	int quit_fd;               /* eventfd that interrupts waiting for other servers where nothing has begun that would have to be repeated, */
	int stop_fd;               /* and the one that interrupts it anywhere */
	size_t in_flight;
	struct courier_letter *intake, **intake_end;
	size_t intake_count;
	struct courier_letter *untold, **untold_end; /* whose senders are to be told */
	size_t untold_count;       /* those under way included */

	struct courier_turns *turns;
	struct courier_job *assigned, **assigned_end; /* given out, and for the next idle remote thread */
	size_t assigned_count, remote_idle;
	struct courier_job *concluded_jobs, **concluded_end; /* whose addressees have their verdicts */
	struct courier_pool *pool;
	bool pool_watched;         /* some idle thread sees to kept sessions */
	size_t crowded;            /* recipients put off since it was said, and when it may be said again, */
	int64_t crowded_told;      /* monotonic milliseconds */
};

/* letter.c */
struct courier_letter *courier_letter_new(struct courier *courier, struct queue_work *work);
/** Decides; text and via (NULL: none) are copied. */
void courier_addressee_decide(struct courier_addressee *addressee, enum courier_verdict verdict, const char *status, struct slice text, const struct courier_via *via);
/** Notes what went wrong, without deciding: another host may do better. One host's temporary trouble
 * outweighs another's permanent refusal to speak with us at all. */
void courier_addressee_note(struct courier_addressee *addressee, const struct courier_trouble *trouble, const struct courier_via *via);
/** Decides by what was noted: failed, or deferred. */
void courier_addressee_conclude(struct courier_addressee *addressee);
/** Something that is to be done here can't be now: the log says so (`event`), and it is tried again soon. */
void courier_addressee_put_off(struct courier_addressee *addressee, const char *event, const struct error *error);
/** Writes down what became of these addressees, of any letters, all of which have a verdict; tells senders; gives letters
 * back to the queue whose last addressees these are. Blocks until it is written. */
void courier_letters_close(struct courier *courier, struct courier_addressee **list, size_t count);
/** The row of an addressee who is settled hereby; guards itself by letter->lock. */
struct queue_result courier_addressee_result(struct courier_addressee *addressee);
/** Its report couldn't be queued: nobody may be given up without it, and it comes again. */
void courier_addressee_keep(struct courier_addressee *addressee);
/** Writes results down; while the queue can't be written, waits and tries again until the courier stops. */
void courier_letters_settle(struct courier *courier, const struct queue_result *results, size_t count);
/** All addressees are settled: gives the letter back to the queue. */
void courier_letter_release(struct courier_letter *letter);
/** Seconds of a retry_schedule after so many attempts. */
int64_t courier_retry_delay(const struct config *config, int attempts);

/* local.c: the main function of a local thread. */
void *courier_local_thread(void *courier);
/** A deterministic id, so that a delivery which is repeated after a crash is recognised. */
int64_t courier_local_delivery_id(int64_t message, struct slice account, struct slice detail);

/* wrap.c: writes a message, which is junk, into the draft of an account's mailbox inside of a report (option report_safe). Part of its text may have been
 * written when it fails. `thresholds`: the account's. */
bool courier_wrap_write(struct courier *courier, const struct queue_message *message, struct slice account, struct config_thresholds thresholds, struct draft *draft,
			struct error *error);

/* apart.c: an account behind the addressee shuts the message out: it is to be set apart for it. False: that can't be, and it gets it as junk. */
bool courier_apart_note(struct courier_addressee *addressee, const struct auth_route *route);
/** Sets apart what was noted of these addressees, of any letters. Who can't get it now is put off. */
void courier_apart_queue(struct courier_addressee **list, size_t count);

/** Was that done for the addressee at an attempt before: set apart for a name, or COURIER_FORWARDED? */
bool courier_apart_was_done(const struct courier_addressee *addressee, struct slice name);
#define COURIER_FORWARDED SLICE(">")

/* forward.c: queues a message for the remote routes of an addressee whose alias leads to several places, once, whatever happens. */
bool courier_forward_letter(struct courier_addressee *addressee, struct error *error);
/** What such a message keeps of the original, and a recipient of it what it keeps of the alias. */
struct queue_message courier_forward_message(const struct queue_message *original);
struct queue_recipient courier_forward_recipient(const struct queue_recipient *recipient, struct slice address, struct arena *arena);

/* submission.c: writes down for their accounts what became of these addressees, who have their verdicts. */
void courier_submissions_note(struct courier *courier, struct courier_addressee **list, size_t count);

/** May a letter tell of what became of another one, and is it shown from whom it is? Cheap. */
bool courier_submissions_may_be_told(const struct queue_message *message);
/** … as this header, of one that isn't from the null reverse-path, has it? */
bool courier_submissions_tells(const struct queue_message *message, struct slice header);
/** A letter that may has come into the account as this message: if it does, that is written down with the account's submission. */
void courier_submissions_tell(struct account *account, const struct queue_message *message, int64_t id);

/* vacation.c: an account that a letter was delivered to, not as junk, and that may have to answer it. */
struct courier_vacation_case { struct courier_addressee *addressee; struct slice account; };
/** Might it? Cheap. */
bool courier_vacation_may_answer(struct courier *courier, const struct courier_addressee *addressee, struct slice account);
/** Answers where that is due; each letter and account once. Whoever can't be told now is put off: the letter comes again, and its delivery changes nothing. */
void courier_vacation_answer(struct courier *courier, const struct courier_vacation_case *cases, size_t count);

/* alias_notice.c: of the targets behind this addressee these lead nowhere: says so in the log, and the postmaster of the alias's
 * domain gets a letter, once in ALIAS_NOTICE_SECONDS for each alias. */
void courier_alias_notice(const struct courier_addressee *addressee, const struct auth_route *wrong, size_t count);

/* held_notice.c: queues the letters that tell of mail which is held since its account sends more than it may. In the scheduler's thread.
 * Returns when it is to be called again, in milliseconds since 1970; INT64_MAX: when something has come. */
int64_t courier_held_notices(struct courier *courier);

/* quarantine.c: removes what has lain there for quarantine_days. In the scheduler's thread. Returns when it is to be called again, as above. */
int64_t courier_quarantine(struct courier *courier);

/* digest.c: tells, of what is set apart, those who weren't told yet, nor of other mail since `since`: some of them; *more: there are others. */
bool courier_digests(struct courier *courier, int64_t since, bool *more, struct error *error);

/* remote.c */
/** The main function of the thread that writes down what became of remote jobs, as many at a time as have gathered. */
void *courier_closing_thread(void *courier);
/** Hands over the remote addressees of a letter (VERDICT_NONE), any destinations. */
void courier_remote_submit(struct courier *courier, struct courier_letter *letter, struct courier_addressee **list, size_t count);
void courier_remote_start(struct courier *courier);
/** Gives threads the jobs whose turn it is. With courier->lock held. */
void courier_remote_pump(struct courier *courier);
/** Ends: closes kept sessions, concludes the jobs that wait. All remote threads have ended. */
void courier_remote_end(struct courier *courier);

/* courier.c */
/** A local thread has finished with so many letters: what is left of them waits for other servers. With courier->lock held. */
void courier_letters_handed_on(struct courier *courier, size_t count);
/** The senders of so many letters have been told. With courier->lock held. */
void courier_letters_told(struct courier *courier, size_t count);
/** A letter is through (given back or dropped): frees it. */
void courier_letter_done(struct courier_letter **letter);

#endif
