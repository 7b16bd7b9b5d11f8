/* What the parts of the queue share; nobody outside src/queue/ includes this.
 *
 *   queue.c     opening, the schema, the connections
 *   draft.c     a body while it is being received
 *   body.c      a body that is there: in a row, in a file, or in pieces
 *   commit.c    the writer thread: group commit
 *   outgoing.c  how much an account sends, and what is held of it
 *   habit.c     whether that is as usual
 *   handin*.c   receiving in a process that may add to the queue and do nothing else with it; see handin.h
 *   schedule.c  what the courier does: take, body, settle, release
 *   lease.c     who is at a message
 *   later.c     what waits for its time, and what its sender wants back
 *   apart.c     quarantine, for those for whom something was set apart; apart_call.c: over a channel
 *   people.c    what `pombal queue` does: list, flush, hold, return, remove, count; edit.c: where recipients' mail goes instead
 *   check.c     invariants, and files that nobody owns any more
 *
 * Threads: each database connection has a lock of its own. `reads` never writes, so a reader waits for no writer (WAL);
 * `writes` settles and serves the command line; the writer thread has a third one, which is opened when it starts. */
#ifndef QUEUE_INTERNAL_H
#define QUEUE_INTERNAL_H

#include <pthread.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/random.h"
#include "queue/queue.h"
#include "store/db/db.h"

enum {
	QUEUE_PATH_MAX = 4096,
	QUEUE_HANDED_MAX = 16 * 1024, /* bytes of ids that are remembered when the keeper is restarted */
	QUEUE_CHUNK = 1000, /* rows that one transaction of the command line changes: acceptance waits no longer than that */
};

struct queue_connection {
	pthread_mutex_t lock; /* guards db and all statements of it */
	struct db *db;
};

/* What the writer thread is asked for; whose it is says who put it there. */
struct queue_commit {
	struct queue_message *message;
	struct slice body;          /* inline, with its preface; empty with a body file */
	bool in_file, chosen_here;  /* chosen_here: the id is ours, another one may be tried */
	bool handed_in;             /* by another process */
	const struct queue_result *results; /* settled in the same transaction */
	size_t result_count;
	const struct queue_episode *tells;  /* is told of by it */
	bool file_unsynced;         /* the body file and its name aren't on disk yet */
	int64_t begin_by;           /* monotonic ms: not to be written later; 0: at any time */
	bool refused;               /* it isn't to be written: `error` says why */
	bool done;
	struct error error;
	void (*end)(struct queue *queue, struct queue_commit *commit); /* in the writer thread, when it is done or has failed; may free it */
	struct queue_commit *next;
};

struct caller;

struct queue {
	char database[QUEUE_PATH_MAX];
	enum queue_user user;
	struct caller *owner;      /* of a remote queue, which has nothing of what follows; NULL: this process */
	int folder;                /* DIR/queue/body, where the body files are */
	struct queue_connection reads, writes;

	int64_t node;              /* of what each node has for itself: see queue_open() */
	int64_t deliverer;         /* our number in leases, see lease.c */
	int lease_seconds;         /* for so long its row is good */
	int64_t renewed_ms;        /* … and when it was renewed, monotonic, under writes.lock; 0: it has none yet */
	pthread_mutex_t taken_lock; /* guards the next three */
	struct map *taken;         /* ids of messages on which we have a lease and that are being worked on, and of the others' */
	struct id_list { int64_t *at; size_t count, room; } released; /* ids whose leases are to be given back */
	struct others { struct another { int64_t id, until_ms; } *at; size_t count, room; } others; /* what another has, and until when that isn't looked at again */
	struct beat { pthread_mutex_t lock; pthread_cond_t wake; pthread_t thread; bool started, ends; } beat; /* what renews it; the lock guards `ends` */

	_Atomic int64_t writing_since; /* monotonic milliseconds: when the writer took its batch; 0: it has none */

	pthread_mutex_t lock;      /* guards all below */
	pthread_cond_t work;
	bool started, stopping;
	pthread_t writer;
	struct queue_commit *first, **last;  /* waiting to be committed, in order of arrival */
	int64_t *doomed;               /* body files to be removed once the removal of their rows is on disk */
	size_t doomed_count, doomed_room;
	bool settled;                  /* something was, without waiting for the disk */
	/* Written before the writer starts: */
	struct buf handed;             /* ids that were handed in shortly before this process began; see commit.c */
	int64_t handed_until;          /* … which are kept until then, monotonic ms */
	void (*committed)(void *context);
	void *committed_context;

	int64_t forgotten;             /* the writer's: until when what accounts have sent is forgotten (outgoing.c), */
	int64_t habits_forgotten;      /* and their habits (habit.c) */
};

/* queue.c */
struct queue *queue_new(void);
/** As queue_open(), in the database that `storage` names (db_place()). */
struct queue *queue_open_in(const char *data, const char *storage, enum queue_user user, struct error *error);
/** Is it in a database that other machines use, too? Then large bodies are there as well, in pieces, and queue/body is for what is on its way. */
bool queue_is_shared(const struct queue *queue);
struct db *queue_connect(const struct queue *queue, enum db_durability durability, struct error *error);
/** The message columns of MESSAGE_COLUMNS in the statement's current row; slices are copied into `arena`. */
#define MESSAGE_COLUMNS "id, sender, body_kind, smtputf8, require_tls, ret, envid, account, client, arrived, size, preface, reason, sent, allowed, junk, findings, weighed, points, suspect, author, release, tracked"
void queue_read_message(struct db_statement *row, struct arena *arena, struct queue_message *message);
#define RECIPIENT_COLUMNS "number, address, original, notify, next_attempt, expires, last_attempt, attempts, delay_notified, last_error, held, unsure, told, apart, via, returned"
enum { RECIPIENT_COLUMN_HELD = 10, RECIPIENT_COLUMN_UNSURE = 11, RECIPIENT_COLUMN_TOLD = 12, RECIPIENT_COLUMN_APART = 13, RECIPIENT_COLUMN_VIA = 14, RECIPIENT_COLUMN_RETURNED = 15 };
void queue_read_recipient(struct db_statement *row, struct arena *arena, struct queue_recipient *recipient);
/** Steps through a statement of RECIPIENT_COLUMNS and fills message's recipients and held. */
bool queue_read_recipients(struct db_statement *rows, struct arena *arena, struct queue_message *message, struct error *error);

/* body.c: where a body is */
enum queue_body_place { BODY_IN_ROW, BODY_IN_FILE, BODY_IN_PIECES };
enum { BODY_NAME_MAX = ID_TEXT_LEN + 8 };
void queue_body_name(int64_t id, char out[BODY_NAME_MAX]);
/** A new file in queue/body, without a name, so that nothing is left of it; -1 with errno. */
int queue_body_make_file(const struct queue *queue);
/** In the writer's transaction: writes a body whose file has the message's name to the database, in pieces. */
bool queue_body_put_pieces(const struct queue *queue, struct db *db, const struct queue_message *message, struct error *error);
/** Removes files of bodies that belong to no row any more. */
void queue_body_remove_files(const struct queue *queue, const int64_t *ids, size_t count);
/** In the caller's transaction: removes what is in rows of a body that was there. */
bool queue_body_remove_rows(struct db *db, int64_t id, enum queue_body_place place, struct error *error);

/* draft.c */
/** Bytes of it, and how many of them are the preface. */
uint64_t queue_draft_size(const struct queue_draft *draft);
uint64_t queue_draft_preface(const struct queue_draft *draft);
/** Writes what is still in memory and gives the file the name of message `id`; syncs nothing. */
bool queue_draft_finish_file(struct queue_draft *draft, int64_t id, struct error *error);
/** What was held is in its place, be it memory or a file; a failure is the draft's. */
void queue_draft_settle(struct queue_draft *draft);
bool queue_draft_in_file(const struct queue_draft *draft);
struct slice queue_draft_inline(const struct queue_draft *draft);
/** False with the error that an earlier write ended with. */
bool queue_draft_is_sound(const struct queue_draft *draft, struct error *error);
/** Writes what is still in memory to the file of a remote queue's draft, and closes all that can write to it. *shown: to read it;
 * the draft's. */
bool queue_draft_finish_remote(struct queue_draft *draft, int *shown, struct error *error);
/** Frees it and leaves the finished file where it is: its row is on disk. */
void queue_draft_free(struct queue_draft **draft);

/* commit.c */
/** Sets what is still to be said of a message. False: it can't be committed. */
bool queue_commit_complete(struct queue_draft *draft, struct queue_message *message, struct error *error);
/** Gives the writer thread what it is to write, one or a list of them; the end() of each is called in any case. */
void queue_submit(struct queue *queue, struct queue_commit *commit);
bool queue_load_handed(struct queue *queue, struct error *error);
/** Was the message with this id handed in, though its answer may be lost? */
bool queue_was_handed_in(struct queue *queue, int64_t id, bool *known, struct error *error);
/** Has the body file of `id` removed once everything that is committed now is on disk. */
void queue_doom_body(struct queue *queue, int64_t id);
/** Has what this process settled without waiting for the disk made durable soon. */
void queue_note_settled(struct queue *queue);
/** Ends the writer thread after it has done all that was asked of it. */
void queue_stop_writer(struct queue *queue);

/* outgoing.c */
/** In the writer's transaction: counts what the message's account sends by it; may hold the message, or refuse it (commit->refused, with
 * commit->error). False: it can't be told now. */
bool queue_outgoing_admit(struct queue *queue, struct db *db, struct queue_commit *commit, struct error *error);
/** Writes down that it is held, once it is committed. */
void queue_outgoing_log(const struct queue_commit *commit);
/** In the caller's transaction: its people are told of it. */
bool queue_outgoing_note_told(struct db *db, const struct queue_episode *episode, struct error *error);
/** In the caller's transaction, when held messages have been released or removed: ends the episodes of which nothing is held any more. */
bool queue_outgoing_settle(struct db *db, struct error *error);

/* habit.c */
/** How a message fits what its account usually does. */
struct queue_habit {
	int64_t day;
	int64_t strangers;     /* its recipients at domains to which the account hasn't written before today */
	bool network_noted, country_noted; /* there is nothing to be noted of where it comes from */
	struct queue_suspicion suspicion; /* REASON_NONE: it fits */
};
/** In the writer's transaction: looks. False: it can't be told now. */
bool queue_habit_judge(struct queue *queue, struct db *db, const struct queue_message *message, struct queue_habit *habit, struct error *error);
/** In the same: counts the message, when it is known whether it is held. */
bool queue_habit_note(struct db *db, const struct queue_message *message, const struct queue_habit *habit, struct error *error);
/** In the caller's transaction, before a message that is held for some reason is released: it is what its account usually does. */
bool queue_habit_released(struct db *db, int64_t message, struct error *error);

/* later.c */
/** What a recipient's row says of it. One that waits isn't in the schedule's index, so that a clock set back, and long lists of it, are nobody's trouble. */
enum queue_hold { HOLD_NONE, HOLD_BY_ORDER, HOLD_UNTIL };
/** Lets go what has waited until `now`. *next: when the next is due; 0: there is none. */
bool queue_let_go(struct queue *queue, int64_t now, int64_t *next, struct error *error);
/** In the writer's transaction: may one more of this account's wait? */
bool queue_later_has_room(struct db *db, const struct queue_message *message, bool *room, struct error *error);
/** In the caller's transaction: one that waited and was sent on by hand has its time now. */
bool queue_later_end(struct db *db, int64_t id, int64_t now, struct error *error);

/** queue_withdraw() of the process whose queue it is. */
bool queue_withdraw_here(struct queue *queue, struct slice account, int64_t id, enum queue_withdrawal *outcome, struct error *error);

/** queue_resolve() of the process whose queue it is. */
bool queue_resolve_here(struct queue *queue, struct slice account, int64_t id, bool *there, struct error *error);
/** In the writer's transaction: was it given up (queue_resolve(), queue_withdraw()) before it came? */
bool queue_later_is_given_up(struct db *db, const struct queue_message *message, bool *given_up, struct error *error);

/* apart.c: what queue.h says of those of the process whose queue it is */
bool queue_apart_list_here(struct queue *queue, size_t most, struct arena *arena, struct queue_apart **list, size_t *count, struct error *error);
bool queue_apart_show_here(struct queue *queue, const struct queue_apart *which, struct arena *arena, struct queue_apart_shown *shown, struct error *error);
bool queue_apart_end_here(struct queue *queue, const struct queue_apart *which, bool let_go, int64_t *as, struct error *error);
bool queue_apart_is_hidden(const struct queue_message *message);

/* lease.c */
/** Puts our lease on these messages, in one transaction that doesn't wait for the disk; ours[i]: on this one there is none of another
 * deliverer's. Also gives back the leases of what was released, and renews the time until which ours hold. */
bool queue_lease(struct queue *queue, const int64_t *ids, size_t count, bool *ours, struct error *error);
/** For how long a deliverer's row is good that isn't renewed. */
int queue_lease_seconds(const struct queue *queue);
/** Leaves alone for a moment what another was found to have; false: it is to be looked at the next time. */
bool queue_leave_to_another(struct queue *queue, int64_t id);
/** Looks again at what has been left alone for long enough. */
void queue_look_at_others(struct queue *queue);
/** All our leases end. */
void queue_end_leases(struct queue *queue);

/* schedule.c */
/** In the caller's transaction: deletes the message and its inline body if no recipient is left; *in_file becomes true if
 * it had a body file: queue_doom_body() is due after the caller's commit. */
bool queue_remove_if_done(struct db *db, int64_t id, bool *in_file, struct error *error);

struct queue_doomed {
	int64_t *ids;
	size_t count;
};
/** Settles in the caller's transaction. Body files of which queue_doom_body() is due after its commit are added to `doomed`, which has
 * room for `count` more. */
bool queue_settle_in(struct db *db, const struct queue_result *results, size_t count, struct queue_doomed *doomed, struct error *error);

/* check.c */
/** Removes body files that belong neither to a row nor to a draft of a living process. */
bool queue_sweep(struct queue *queue, bool repair, void (*found)(void *context, struct slice what), void *context, struct error *error);

#endif
