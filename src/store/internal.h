/* The store is a door and four rooms, of which each knows only those that stand before it:
 *   blob      bodies of messages: files. Nobody else knows their paths.
 *   durable   one sync for many, the journal, the epoch, blocks of numbers. It knows no account.
 *   mail      the rows of an account. Nobody else speaks SQL.
 *   recover   rows and files brought together again after a crash or damage.
 * Beside the door (store.h), the files of this folder share out accounts, lock them, and put together what the rooms do: a draft is a file
 * and rows, an arrival a file that becomes rows. This header is theirs.
 *
 * Each account has a database of its own, so no key names the account. With SQLite that is a file. In PostgreSQL the rows of all accounts are in
 * the tables of one schema, but who has opened an account's database there (db/db.h) sees and changes that account's rows alone, whatever the statement says: a
 * policy of the tables sees to it, not a condition that could be forgotten (db/postgresql_sql.c). So the room that speaks SQL needn't know which it is.
 * There, the accounts are those that have rows; the folder is for what is no row, and is made where it is missing.
 *
 * ---- Files of an account ----
 *   DIR/accounts/<domain>/<local part>/            0700; bytes outside [a-z0-9A-Z_+=.-] and UTF-8 are written %XX, and so
 *                                                  is a leading '.', so names of our own begin with one
 *     account.db, -wal, -shm                       the database, 0600, if it is a file
 *     search.db, -wal, -shm                        the index for searches, see search/search.h
 *     search.at                                    when that was brought up to date last: the time of this empty file
 *     snapshot-<id>.db                             copies of it, for repair; the newest SNAPSHOTS_KEPT
 *     mail/YYYY-MM/<id>.eml                        a message; the month is that of the id (ids hold a time)
 *     mail/YYYY-MM/<id>.new                        a draft that is being written; left over after a crash, then cleaned
 *     arrived/<id>.<delivery id>.<SHA-256>.eml     a letter that was delivered while nobody had the account open, see arrival.c
 *     arrived/.<id>.new                            one that is being written
 *     uploads/<id>, <id>.new                       what a client has sent ahead, see upload.c; one that is being written
 *     vacation                                     empty: says that whoever writes may have to be answered (vacation.h)
 *     push                                         empty: says that somebody may have to be told of changes (push.h)
 *     tokens                                       what was learned for this account alone (training/training.h)
 *     account.db.damaged-<id>, <id>.eml.damaged    what a repair put aside
 *   DIR/accounts/<domain>/.new-<id>, .removed-<id> an account that is being made or removed
 *   DIR/accounts/.uidvalidity                      the highest UIDVALIDITY of the accounts that were removed
 *   DIR/accounts/.agenda/                            which accounts have something to do at a time, see agenda/agenda.h
 *   DIR/accounts/.usage                              how full the accounts with a quota are, see usage/usage.h
 *   DIR/accounts/.journal-0, .journal-1            appended messages that may not be in their places on disk yet, see durable/journal.c
 *   DIR/run/state                                  "epoch N running|clean", see durable/epoch.c
 *
 * Tables and invariants are described in mail/mail.h.
 *
 * A change is one BEGIN IMMEDIATE transaction that reads the numbers it gives from the rows, never from a memory of the
 * process: so any number of processes may work at an account. A new message's file is written and parsed before that
 * transaction and gets its final name inside it, just before the commit: who holds the write lock sees no half-added
 * message, and a crash in between leaves a file without a message, which nobody serves. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <limits.h>
#include <pthread.h>

#include "base/map.h"
#include "store/recover/recover.h"
#include "store/search/search.h"
#include "store/store.h"

enum {
	OPEN_ACCOUNTS = 64,       /* that keep their pages and statements while they are unused; at least so many stay open */
	OPEN_ACCOUNTS_MOST = 4096,
	OPEN_ACCOUNTS_PART = 4,   /* unused ones hold at most a quarter of the descriptors, and a sixteenth of the memory */
	OPEN_ACCOUNT_FILES = 3,   /* descriptors that an open account holds */
	OPEN_ACCOUNT_BYTES = 64 * 1024, /* and memory, when it rests */
	SMALL_DRAFT = 256 * 1024, /* a draft of at most this stays in memory until it is committed */
	KEPT_BYTES = 64 * 1024,   /* more than this in one commit isn't written to the journal: a sync costs less */
	LEFTOVER_SECONDS = 24 * 3600,           /* a draft's file this old belongs to a crash */
};

/* What is remembered of deliveries to an account. */
struct store_heat {
	uint64_t hash;            /* of its name */
	uint64_t last;            /* the last one's number among all */
	uint32_t waiting;         /* how many were put into arrived/ since the account was open here */
};

struct store {
	char *data;
	char *rows;               /* where the rows of all accounts are, a place of db/db.h's; NULL: in a file of each */
	int data_fd;              /* for syncfs; kept open so that no write error goes unseen */
	struct store_options options;
	_Atomic uint64_t max_message;     /* of the options, as they are now */
	_Atomic int64_t undelete_seconds; /* likewise */
	struct durable *durable;
	struct recover_check *repair; /* fsck.c, while it mends an account: what opening the account sets right is to be told, too */
	_Atomic int snooze_at;            /* likewise */
	int usage;                /* the table of how full mailboxes are, see usage/usage.h; -1: none */
	int agenda;               /* which accounts have something to do, see agenda/agenda.h; -1: none */
	pthread_mutex_t lock;     /* guards the next group and the account fields that say so */
	struct map *accounts;     /* name: struct account, open or being opened */
	struct account *idle_newest, *idle_oldest;
	struct account *resting_newest; /* from this one on to the oldest they have given back what memory they can */
	int idle_count, resting_count;
	_Atomic bool few_descriptors;   /* unused accounts are to give theirs back */
	struct store_heat *heat;        /* see arrival.c; NULL: nothing was delivered yet */
	uint64_t delivered;       /* deliveries that `heat` has seen */
	pthread_mutex_t watch_lock; /* guards the next group; held while `changed` runs, taken inside no other lock */
	struct map *subscriptions;  /* name: the first struct subscription */
	struct db_ear *ear;         /* NULL: nobody else changes its accounts, or nobody wants to know */
	void (*announce)(void *context, struct slice account);
	void *announce_context;
};

struct account {
	struct store *store;
	struct slice name;
	char *folder, *database;  /* where its files are, and its rows: a place of db.h's */
	pthread_mutex_t lock;     /* guards mail, changes and unfinished */
	struct mail mail;         /* its rows; mail.db is NULL: not connected */
	struct mail_kept_changes *changes; /* that somebody is being told */
	struct unfinished { uint64_t bytes, messages; } unfinished; /* what drafts have reserved */
	int64_t incarnation;      /* the id of its INBOX; 0: not read yet */
	struct { int64_t seen, again_ms; } arrivals; /* the time of arrived/ when all in it had been taken in; not to be tried before */
	pthread_mutex_t search_lock; /* guards the index; taken before `lock` */
	struct search *search;    /* the index; NULL: not open */
	bool tell;                /* something has been taken in: to be told when the account is left */
	/* guarded by store->lock: */
	int users;
	bool detached;            /* removed: not to be found by name any more */
	struct account *newer, *older; /* idle ones, in a list */
	bool idle, resting;
};

/* ---- account.c ---- */

/** Where an account's rows are, malloc'ed; `folder` is the account's, or the one in which it is being made. */
char *store_database(const struct store *store, struct slice account, const char *folder);

/** Locks the account with its database open, or fails unlocked. Never call another function of an account meanwhile. */
bool account_enter(struct account *account, struct error *error);
/** Unlocks it, and tells of what was taken in when it was entered. */
void account_leave(struct account *account);
void account_free(struct account *account);
/** Takes the account out of the map, so that the next store_open_account() opens it anew. */
void account_detach(struct store *store, struct slice name);
/** Enters the account and begins a change of its rows, see mail/mail.h; to be ended with account_end(). */
bool account_begin(struct account *account, const struct mail_uid_need *needs, size_t need_count, struct change *change, struct error *error);
bool account_begin_durable(struct account *account, struct change *change, struct error *error);
/** Keeps everybody else from changing the account, to look at it. */
bool account_begin_looking(struct account *account, struct change *change, struct error *error);

/** An empty file in the account's folder that says that there may be something of a kind (mark.c). Making it needs no transaction; removing it is for whoever
 * sees, while nobody can add to it, that there is nothing. If it can't be removed, it is looked for in vain. */
bool account_make_mark(const struct account *account, const char *mark, struct error *error);
void account_remove_mark(const struct account *account, const char *mark);
bool store_has_mark(const struct store *store, struct slice account, const char *mark);
/** Ends the change: commits if `done`, else undoes all; leaves the account; tells subscribers. */
bool account_end(struct account *account, struct change *change, bool done, struct error *error);
/** For what removes something, when it has failed: was it for want of room, and is there some now, out of what is set aside for
 * that (base/reserve.h)? Then it is to be tried again. */
bool account_has_room_now(const struct account *account, const struct error *error);

/* ---- arrival.c ---- */

/** Puts a letter into the account's folder; arrival->delivery_id and received are given. Opens no database. */
bool arrival_add(struct account *account, struct slice content, struct arrival *arrival, struct error *error);
/** The same with a file of the account that is whole, dated and known by size and hash. */
bool arrival_add_file(struct account *account, const char *path, struct arrival *arrival, struct error *error);
/** Takes in what waits, if something may. Account locked, with its database. What fails is logged and tried again later: who wants
 * to see the account isn't kept from it. */
void arrival_take_in(struct account *account);

/* ---- upload.c ---- */

/** Removes uploads that haven't changed since then, and what crashes left of them. */
void upload_clean(struct account *account, int64_t before);

/* ---- indexed.c ---- */

/** Looks at the account's index, if there is one that can be used: *behind are the messages that it doesn't know, in `arena`, and *gone those that it
 * knows, but that nothing shows any more. False: there is none. index_leave() is due if true. */
bool index_enter(struct account *account, struct arena *arena, struct query_ids *behind, struct query_ids *gone);
void index_leave(struct account *account);
/** Opens it, with `create` makes it if it isn't there. With search_lock. */
bool index_open(struct account *account, bool create, struct error *error);
/** It is damaged, or not wanted: it goes. With search_lock. */
void index_discard(struct account *account, const char *reason);
/** It is up to date with what the account was at that time: store_index_is_due() sees it. */
void index_mark_current(struct account *account, int64_t begun_ms);
/** It isn't. */
void index_mark_behind(struct account *account);
/** Its path. */
void index_path(const struct account *account, char out[PATH_MAX]);

/* ---- document.c ---- */

/** A message in memory, for index_asks. */
struct index_message { struct slice content; const struct mime_part *root; };
extern const struct query_asks index_asks;

/** Tokens of some columns; index_free_tokens() when done. */
void index_read_tokens(const struct query_content *content, unsigned columns, struct query_stemmer *stemmer, struct slice tokens[QUERY_COLUMNS]);
void index_free_tokens(struct slice tokens[QUERY_COLUMNS]);

struct index_source { int64_t id; struct slice content, summary; };
struct index_document { struct search_document search; struct query_grams grams; struct search_keys keys; };
/** Reads a message; index_free_document() when done. The arenas are for this message alone. */
void index_read_document(const struct index_source *source, const struct index_options *options, struct query_stemmer *stemmer, struct arena *arena,
			 struct arena *step, struct index_document *document);
void index_free_document(struct index_document *document);

/* ---- watch.c ---- */

/** The account was changed by this process: tells subscribers here and others through `announce`. */
void watch_changed(struct store *store, struct slice account);

#endif
