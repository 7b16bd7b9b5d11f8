/* What the files of the store share with each other; nobody else includes this.
 *
 * ---- Files of an account ----
 *   DIR/accounts/<domain>/<local part>/            0700; bytes outside [a-z0-9A-Z_+=.-] and UTF-8 are written %XX, and so
 *                                                  is a leading '.', so names of our own begin with one
 *     account.db, -wal, -shm                       the database, 0600
 *     snapshot-<id>.db                             copies of it, for repair; the newest SNAPSHOTS_KEPT
 *     mail/YYYY-MM/<id>.eml                        a message; the month is that of the id (ids hold a time)
 *     mail/YYYY-MM/<id>.new                        a draft that is being written; left over after a crash, then cleaned
 *     arrived/<id>.<delivery id>.<SHA-256>.eml     a letter that was delivered while nobody had the account open, see arrival.c
 *     arrived/.<id>.new                            one that is being written
 *     account.db.damaged-<id>, <id>.eml.damaged    what a repair put aside
 *   DIR/accounts/<domain>/.new-<id>, .removed-<id> an account that is being made or removed
 *   DIR/accounts/.uidvalidity                      the highest UIDVALIDITY of the accounts that were removed
 *   DIR/accounts/.usage                              how full the accounts with a quota are, see usage/usage.h
 *   DIR/accounts/.journal-0, .journal-1            appended messages that may not be in their places on disk yet, see durable/journal.c
 *   DIR/run/state                                  "epoch N running|clean", see durable/epoch.c
 *
 * ---- Tables ---- (SQL in mail/schema.c)
 * Each account has a database of its own, so no key names the account: with SQLite that is a file, and in a PostgreSQL database that
 * many accounts share it is to be a schema for each (search_path), in which the same statements run. A column in front of every key would
 * say the same, cost its bytes in each row and index, and let a forgotten condition show one person another's mail.
 *   account       one row: name, numbers given so far, their ceilings, kept bytes and messages, limits
 *   mailbox       a mailbox with its numbers and counters
 *   message       a content: size, SHA-256, summary; refs = the placements that show it, or the time it was expunged
 *   placement     a message in a mailbox, by (mailbox, uid); size and date stand here too, so that listing a mailbox
 *                 needs no row of `message`
 *   expunged      (mailbox, modseq, uid, message) of what was removed, for clients that come back; what was shown by a mailbox that was
 *                 removed, too
 *   removed_mailbox  its id, which is never given again, and when; account.removed_floor: of those before nothing is known any more
 *   delivery      ids of deliveries done, for DELIVERY_KEPT_SECONDS; those of imports (negative) stay, with the flags that were given
 *   subscription  names
 *
 * ---- Invariants ---- (what store_fsck() checks)
 *   I1  mailbox.messages, unseen, deleted, bytes are those of its placements
 *   I2  every placement's uid < mailbox.uidnext <= mailbox.uid_ceiling + 1; its modseq <= mailbox.modseq <= account.modseq
 *       <= account.modseq_ceiling; every placement's mailbox and message exist, and size and date are the message's
 *   I3  message.refs = its placements; expunged is 0 exactly if refs > 0
 *   I4  account.bytes and messages are those of messages with refs > 0
 *   I5  every message has its file with exactly size bytes and that SHA-256, except those expunged longer ago than
 *       undelete_seconds; its summary can be decoded
 *   I6  every <id>.eml has its message
 *   I8  what waits in arrived/ is what its name says
 *   I7  ids, UIDs per mailbox, modseqs and UIDVALIDITYs are never given twice
 *
 * A change is one BEGIN IMMEDIATE transaction that reads the numbers it gives from the rows, never from a memory of the
 * process: so any number of processes may work at an account. A new message's file is written and parsed before that
 * transaction and gets its final name inside it, just before the commit: who holds the write lock sees no half-added
 * message, and a crash in between leaves a file without a message, which nobody serves. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <limits.h>
#include <pthread.h>

#include "base/array.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/threads.h"
#include "store/blob/blob.h"
#include "store/db/db.h"
#include "store/durable/durable.h"
#include "store/store.h"
#include "store/usage/usage.h"

enum {
	OPEN_ACCOUNTS = 64,       /* that keep their pages and statements while they are unused; at least so many stay open */
	OPEN_ACCOUNTS_MOST = 4096,
	OPEN_ACCOUNTS_PART = 4,   /* unused ones hold at most a quarter of the descriptors, and a sixteenth of the memory */
	OPEN_ACCOUNT_FILES = 3,   /* descriptors that an open account holds */
	OPEN_ACCOUNT_BYTES = 64 * 1024, /* and memory, when it rests */
	SMALL_DRAFT = 256 * 1024, /* a draft of at most this stays in memory until it is committed */
	MAILBOXES_MAX = 10000,
	WORTH_AN_INDEX = 16,      /* so many messages looked for one by one make an index pay */
	EXPUNGED_KEPT = 100000,   /* rows of the expunged log per mailbox that account_clean() leaves, and of all removed ones together */
	REMOVED_KEPT = 1000,      /* removed mailboxes that are remembered */
	DELIVERY_KEPT_SECONDS = 60 * 24 * 3600, /* far longer than the queue tries */
	LEFTOVER_SECONDS = 24 * 3600,           /* a draft's file this old belongs to a crash */
	SNAPSHOTS_KEPT = 3,
	STORED_FLAGS = FLAG_SEEN | FLAG_ANSWERED | FLAG_FLAGGED | FLAG_DELETED | FLAG_DRAFT,
	KEPT_BYTES = 64 * 1024,   /* more than this in one commit isn't written to the journal: a sync costs less */
};

/* What is remembered of deliveries to an account. */
struct heat {
	uint64_t hash;            /* of its name */
	uint64_t last;            /* the last one's number among all */
	uint32_t waiting;         /* how many were put into arrived/ since the account was open here */
};

struct store {
	char *data;
	int data_fd;              /* for syncfs; kept open so that no write error goes unseen */
	struct store_options options;
	_Atomic uint64_t max_message;     /* of the options, as they are now */
	_Atomic int64_t undelete_seconds; /* likewise */
	int64_t epoch;
	struct durable *durable;
	struct check *repair;     /* recover/fsck.c, while it mends an account: what opening the account sets right is to be told, too */
	int usage;                /* the table of how full mailboxes are, see usage/usage.h; -1: none */
	pthread_mutex_t lock;     /* guards the next group and the account fields that say so */
	struct map *accounts;     /* name: struct account, open or being opened */
	struct account *idle_newest, *idle_oldest;
	struct account *resting_newest; /* from this one on to the oldest they have given back what memory they can */
	int idle_count, resting_count;
	_Atomic bool few_descriptors;   /* unused accounts are to give theirs back */
	struct heat *heat;        /* see arrival.c; NULL: nothing was delivered yet */
	uint64_t delivered;       /* deliveries that `heat` has seen */
	pthread_mutex_t watch_lock; /* guards the next group; held while `changed` runs, taken inside no other lock */
	struct map *subscriptions;  /* name: the first struct subscription */
	void (*announce)(void *context, struct slice account);
	void *announce_context;
};

struct account {
	struct store *store;
	struct slice name;
	char *folder;
	pthread_mutex_t lock;     /* guards db and unfinished */
	struct db *db;            /* NULL: not connected */
	struct unfinished { uint64_t bytes, messages; } unfinished; /* what drafts have reserved */
	int64_t incarnation;      /* the id of its INBOX; 0: not read yet */
	struct { int64_t seen, again_ms; } arrivals; /* the time of arrived/ when all in it had been taken in; not to be tried before */
	bool tell;                /* something has been taken in: to be told when the account is left */
	/* guarded by store->lock: */
	int users;
	bool detached;            /* removed: not to be found by name any more */
	struct account *newer, *older; /* idle ones, in a list */
	bool idle, resting;
};

/* ---- helpers ---- */

/** Prepares `sql` with numbers as $1, $2, …; further parameters are bound by the caller. */
#define PREPARE(db, sql, ...) prepare_numbers(db, sql, (const int64_t[]){__VA_ARGS__}, (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)))
static inline struct db_statement *prepare_numbers(struct db *db, const char *sql, const int64_t *values, int count)
{
	struct db_statement *statement = db_prepare(db, sql);
	for (int i = 0; i < count; i++)
		db_bind_number(statement, i + 1, values[i]);
	return statement;
}

/** A list of numbers that grows; ids_free() when done. */
struct ids { int64_t *at; size_t count, room; };
static inline void ids_add(struct ids *ids, int64_t id)
{
	ARRAY_GROW(ids->at, ids->count, ids->room);
	ids->at[ids->count++] = id;
}
static inline void ids_free(struct ids *ids)
{
	free(ids->at);
	*ids = (struct ids){0};
}

/* ---- mail/schema.c ---- */

extern const char *const store_schema[];
extern const int store_schema_count;
/** Makes the tables, the account's row and its special-use mailboxes in a new database; UIDVALIDITYs above `uidvalidity`. */
bool schema_fill(struct db *db, struct slice name, int64_t epoch, int64_t uidvalidity, struct error *error);
/** Adds a mailbox; *uidvalidity is the account's last one and becomes the new one's. */
bool schema_add_mailbox(struct db *db, struct slice name, enum special_use use, int64_t modseq, int64_t *uidvalidity,
			int64_t *id, struct error *error);
/** The next UIDVALIDITY after `last`: the time where possible, always larger. */
int64_t schema_next_uidvalidity(int64_t last);

/* ---- arrival.c ---- */

/** Puts a letter into the account's folder; arrival->delivery_id and received are given. Opens no database. */
bool arrival_add(struct account *account, struct slice content, struct arrival *arrival, struct error *error);
/** The same with a file of the account that is whole, dated and known by size and hash. */
bool arrival_add_file(struct account *account, const char *path, struct arrival *arrival, struct error *error);
/** Takes in what waits, if something may. Account locked, with its database. What fails is logged and tried again later: who wants
 * to see the account isn't kept from it. */
void arrival_take_in(struct account *account);
/* ---- recover/fsck.c ---- */

/** Tells of a message that an unclean stop has taken, before it is dropped: to who repairs the account, else to the log. */
void fsck_note_lost(struct account *account, int64_t id);

/* ---- account.c ---- */

/** Locks the account with its database open, or fails unlocked. Never call another function of an account meanwhile. */
bool account_enter(struct account *account, struct error *error);
/** Unlocks it, and tells of what was taken in when it was entered. */
void account_leave(struct account *account);
/** The database's path in `out`. */
void account_database_path(const char *folder, char out[PATH_MAX]);
/** Opens the database in `folder`. */
struct db *account_database(const char *folder, enum db_durability durability, bool create, struct error *error);
/** Takes the account out of the map, so that the next store_open_account() opens it anew. */
void account_detach(struct store *store, struct slice name);

/* ---- mail/change.c: a writing transaction ---- */

struct account_row {
	int64_t epoch, modseq, modseq_ceiling, uidvalidity, last_id, durable_id;
	int64_t bytes, messages, max_bytes, max_messages;
	int64_t copies; /* places beyond each message's first; counted from the mailboxes, and only where there is a limit */
};

struct change {
	struct account *account;
	struct db *db;
	struct account_row row;   /* written back at the end */
	int64_t modseq;           /* of all that this transaction changes; 0: nothing yet */
	int64_t now;
};

/** UIDs that a change may give in a mailbox. */
struct uid_need { int64_t mailbox; uint32_t count; };

/** Enters the account and begins a transaction that may give one mod-sequence and the needed UIDs. */
bool change_begin(struct account *account, const struct uid_need *needs, size_t need_count, struct change *change, struct error *error);
/** The same for an account that is locked and stays so: to be ended with change_finish(). */
bool change_begin_entered(struct account *account, const struct uid_need *needs, size_t need_count, struct change *change, struct error *error);
/** The same, durable when it ends and unseen before. */
bool change_begin_durable(struct account *account, struct change *change, struct error *error);
/** Keeps everybody else from changing the account, to look at it. Gives no numbers; to be ended with nothing done. */
bool change_begin_looking(struct account *account, struct change *change, struct error *error);
/** The change's mod-sequence; from now on it is a change to be announced. */
int64_t change_modseq(struct change *change);
/** An id for a new message: ids rise within an account, so that new rows go to the end, and none is given twice. */
int64_t change_next_id(struct change *change);
/** Ends the change: commits if `done`, else undoes all; leaves the account; tells subscribers. */
bool change_end(struct change *change, bool done, struct error *error);
/** The same without leaving the account and telling. */
bool change_finish(struct change *change, bool done, struct error *error);
/** For what removes something, when it has failed: was it for want of room, and is there some now, out of what is set aside for
 * that (base/reserve.h)? Then it is to be tried once more. */
bool change_has_room_now(const struct account *account, const struct error *error);
/** After an unclean stop: goes on from the ceilings and drops messages whose files were lost. Account locked. */
bool change_recover(struct account *account, struct error *error);
/** Says in the table of how full mailboxes are what the row says. */
void change_note_usage(const struct account *account, const struct account_row *row);
bool change_read_row(struct db *db, struct account_row *row, struct error *error);
bool change_count_copies(struct db *db, struct account_row *row, struct error *error);
/** What counts against the account's limits. */
struct usage change_usage(const struct account_row *row);
bool change_write_row(struct db *db, const struct account_row *row, struct error *error);

/** Differences to a mailbox's counters; its modseq becomes the change's. */
struct tally { int64_t messages, unseen, deleted, recent, bytes; };
bool change_tally(struct change *change, int64_t mailbox, const struct tally *tally, struct error *error);
/** What one message with these flags counts, times `sign`. */
void tally_add(struct tally *tally, unsigned flags, uint64_t size, int sign);
/** For who deals with `count` messages one by one: makes (or removes) what leads from a message to its placements and
 * deliveries, if there are so many that it pays. No index does all the time: it is hardly ever needed. */
bool change_index_messages(struct change *change, bool on, size_t count, struct error *error);
/** Removes the message with its placements, its deliveries and its row; its file stays. */
bool change_forget_message(struct change *change, int64_t message, struct error *error);
/** `times` placements of the message are gone: the last one makes it expunged. */
bool change_drop_refs(struct change *change, int64_t message, int64_t times, struct error *error);

/* ---- mail/place.c, mail/expunge.c: parts of a change ---- */

struct new_placement {
	int64_t mailbox, message;
	unsigned flags;
	struct slice keywords;  /* as they are stored */
	uint64_t size;
	int64_t received;
	uint32_t uid;           /* result */
};
/** Shows the message in the mailbox under a new UID, and counts it there; message.refs is the caller's. ERROR_NOT_FOUND. */
bool change_place(struct change *change, struct new_placement *new, struct error *error);
/** ERROR_LIMIT if one more message of `size` bytes doesn't fit the account's quota. */
bool change_check_quota(struct change *change, uint64_t size, struct error *error);
/** Removes the given UIDs from the mailbox; those that were there go to `removed` (room for all). */
bool change_take_out(struct change *change, int64_t mailbox, const uint32_t *uids, size_t count, uint32_t *removed,
		     size_t *removed_count, struct error *error);

/* ---- watch.c ---- */

/** The account was changed by this process: tells subscribers here and others through `announce`. */
void watch_changed(struct store *store, struct slice account);

/* ---- mail/mailbox_name.c ---- */

struct mailbox_name { char at[MAILBOX_NAME_MAX + 8]; size_t len; };
/** Checks a name and writes INBOX in capitals. ERROR_INVALID. */
bool mailbox_name_check(struct slice name, struct mailbox_name *out, struct error *error);
static inline struct slice mailbox_name_slice(const struct mailbox_name *name) { return slice_make(name->at, name->len); }

/* ---- mail/keywords.c ---- */

/** `old` changed by `given`: sorted, without duplicates, in `arena`. ERROR_INVALID (no keyword), ERROR_LIMIT. */
bool keywords_change(struct slice old, enum flags_change change, struct slice given, struct arena *arena, struct slice *out,
		     struct error *error);

/* ---- mail/content.c ---- */

/** Parses the content and encodes its summary into `arena`. */
struct slice content_summary(struct slice content, struct arena *arena);
/* ---- recover/rebuild.c ---- */

/** Replaces the account's database: by the newest snapshot that is sound, else by an empty one. The old one is put aside.
 * Numbers go on where no client can have seen any: every mailbox has a new UIDVALIDITY. */
bool rebuild_database(struct store *store, const char *folder, struct slice name, bool *from_snapshot, struct error *error);

/** When the newest snapshot was made, in seconds; 0: there is none. */
int64_t snapshot_newest(const char *folder);

/* ---- recover/adopt.c ---- */

/** Adds the row of a message that placements show, from its file and their date; refs is the caller's to count. *added false:
 * its file can't be read. */
bool adopt_shown(struct change *change, int64_t id, int64_t received, bool *added, struct error *error);
/** After a power cut: makes an appended message again what it was, file and rows, as far as it isn't; not if it was expunged since. */
bool adopt_kept(struct change *change, const struct durable_kept *kept, struct error *error);
/** Shows a content, whose file is in its place, in new->mailbox: its row, its placement, and the account's count of it. new->message
 * is its id, new->size and received are given. */
bool adopt_content(struct change *change, struct new_placement *new, struct slice content, const unsigned char hash[BLOB_HASH_SIZE],
		   struct error *error);
/** The same as adopt_kept() for its file alone. */
bool adopt_kept_file(const char *folder, const struct durable_kept *kept, struct error *error);
/** Adds files that no message has: to the INBOX, or, with `expunged`, as messages that can be brought back. */
bool adopt_files(struct account *account, const struct ids *ids, bool expunged, struct error *error);

/* ---- mail/delivery.c ---- */

/** Was it made already? */
bool delivery_is_known(struct change *change, int64_t delivery_id, bool *known, struct error *error);
/** Notes that the placement, which has a delivery id and was added, is made. */
bool delivery_add(struct change *change, const struct placement *placement, struct slice keywords, struct error *error);

#endif
