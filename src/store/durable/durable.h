/* What files and SQLite need so that what was written is durable: one sync for many waiters, the journal of appended messages, the
 * epoch, and the blocks of numbers whose ceiling is on disk before they are given. Where a commit is durable by itself, it is all of this.
 *
 * A struct durable belongs to a store and may be used from any thread. It knows no account: whoever opens one after an unclean stop asks
 * for what was kept for it. */
#ifndef STORE_DURABLE_H
#define STORE_DURABLE_H

#include "base/buf.h"
#include "base/error.h"

struct durable;

enum {
	DURABLE_BLOCK = 2048,     /* UIDs and mod-sequences reserved at a time; a power cut skips at most so many */
	DURABLE_HASH_SIZE = 32,
	DURABLE_JOURNAL_FILES = 2,
};

/** Under an existing data directory, whose descriptor stays the caller's and open. NULL with *error. */
struct durable *durable_open(const char *data, int folder, struct error *error);
/** Syncs what is to go after a sync. Its journal has ended. Sets *durable to NULL. */
void durable_close(struct durable **durable);

/** Returns when everything that was written through this process before the call is on disk. Waiters share a sync. Once one
 * has failed all fail: see base/distrust.h. */
bool durable_sync(struct durable *durable, struct error *error);
/** The file is to go after the next sync, if that works: by then what took its place is on disk. False: too many are. */
bool durable_remove_later(struct durable *durable, const char *path);
/** Syncs if there are any such files. */
bool durable_remove_now(struct durable *durable, struct error *error);

/* ---- The epoch: see epoch.c ---- */

/** As it was when the store was opened. */
int64_t durable_epoch(const struct durable *durable);
bool durable_read_epoch(const char *data, int64_t *epoch, struct error *error);
/** For the master, before any role runs and after they have ended; for the command line while nobody serves. See store.h. */
bool durable_begin_service(const char *data, struct error *error);
bool durable_end_service(const char *data, struct error *error);
bool durable_mend_service(const char *data, struct error *error);
void durable_forget_cached(const char *data);

/* ---- The journal: see journal.c ---- */

/** An appended message, with what it was given. */
struct durable_kept {
	struct slice account, keywords, content;
	int64_t id, mailbox, modseq, received;
	uint32_t uid;
	unsigned flags;
	unsigned char hash[DURABLE_HASH_SIZE]; /* SHA-256 of the content */
};

/** Gives an account back what earlier processes left for it in the journal; true also if there is no such account. */
typedef bool durable_restore(void *context, struct slice account, struct error *error);
/** Starts the journal's thread, which first has every account in it restored. */
bool durable_begin_journal(struct durable *durable, durable_restore *restore, void *context, struct error *error);
/** Syncs what it holds and leaves it empty; nothing if it wasn't begun. While accounts can still be opened. */
void durable_end_journal(struct durable *durable);
/** Returns when the messages, committed already, are on disk: in the journal, or where they belong. No lock of an account is held. */
bool durable_keep(struct durable *durable, const struct durable_kept *list, size_t count, struct error *error);

/** What the journal holds: in order of id. durable_kept_list_free() when done. */
struct durable_kept_list { struct durable_kept *at; size_t count, room; struct buf files[DURABLE_JOURNAL_FILES]; };
/** Lists what was written in an epoch below `before`, of one account or (empty) of all. */
bool durable_find_kept(struct durable *durable, int64_t before, struct slice account, struct durable_kept_list *list, struct error *error);
void durable_kept_list_free(struct durable_kept_list *list);

#endif
