/* What the files of this room share. */
#ifndef STORE_MAIL_INTERNAL_H
#define STORE_MAIL_INTERNAL_H

#include <string.h>

#include "base/memory.h"
#include "store/mail/mail.h"

enum {
	COUNTED_FLAGS = FLAG_SEEN | FLAG_DRAFT | FLAG_DELETED, /* on which counts of emails and threads depend */
	WORTH_AN_INDEX = 16,      /* so many messages looked for one by one make an index pay */
	EXPUNGED_KEPT = 100000,   /* rows of the expunged log per mailbox that account_clean() leaves, and of all removed ones together */
	REMOVED_KEPT = 1000,      /* removed mailboxes that are remembered */
	DELIVERY_KEPT_SECONDS = 60 * 24 * 3600, /* far longer than the queue tries */
};

/** Prepares `sql` with numbers as $1, $2, …; further parameters are bound by the caller. */
#define PREPARE(db, sql, ...) prepare_numbers(db, sql, (const int64_t[]){__VA_ARGS__}, (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)))
static inline struct db_statement *prepare_numbers(struct db *db, const char *sql, const int64_t *values, int count)
{
	struct db_statement *statement = db_prepare(db, sql);
	for (int i = 0; i < count; i++)
		db_bind_number(statement, i + 1, values[i]);
	return statement;
}

/** The schema, in steps. */
extern const char *const mail_schema[];
extern const int mail_schema_count;

/* ---- numbers.c ---- */

/** Can the change give a mod-sequence and these UIDs? */
bool change_numbers_suffice(struct change *change, const struct mail_uid_need *needs, size_t count, bool *suffice, struct error *error);
/** Makes room under the ceilings, durably. No transaction is open. */
bool change_reserve(struct mail *mail, const struct mail_uid_need *needs, size_t count, int64_t synced_id, struct error *error);

/* ---- counts.c, thread.c ---- */

/** To be called before a placement of the thread is made, altered or removed. */
bool change_touch(struct change *change, int64_t thread, struct error *error);
/** The same; *rows: how many placements it had before this change. */
bool change_touch_counted(struct change *change, int64_t thread, size_t *rows, struct error *error);
/** The same for a thread that has none yet. */
void change_touch_new(struct change *change, int64_t thread);
/** The same for all threads that the mailbox shows. */
bool change_touch_mailbox(struct change *change, int64_t mailbox, struct error *error);
/** Frees what change_touch() has kept. */
void change_forget_touched(struct change *change);
/** The flags of an email that has places with these, see struct email. */
unsigned mail_combine_flags(unsigned a, unsigned b);
/** Finds out which thread a new message belongs to: new->thread; and touches it. */
bool change_join_thread(struct change *change, struct mail_placement *new, struct slice summary, struct error *error);
/** Makes what changes_point of JMAP's clients say before this change useless: they read everything anew. */
bool change_cut_history(struct change *change, struct error *error);

/* ---- snooze.c ---- */

/** The message has come into the mailbox for those that sleep, from `mailbox` (0: from none). */
bool change_fall_asleep(struct change *change, int64_t message, int64_t mailbox, struct error *error);
/** It has left it. */
bool change_sleep_no_more(struct change *change, int64_t message, struct error *error);
/** Has a message sleep as `snooze` says, which is in that mailbox when the change ends; its email counts as changed. */
bool change_set_snooze(struct change *change, int64_t message, const struct snooze *snooze, struct error *error);
/** Another mailbox is for those that sleep, or none: what is in it sleeps, and nothing else. */
bool change_sleeping_place(struct change *change, struct error *error);
/** Before the commit: says when the account's first wakes. */
bool change_note_wake(struct change *change, struct error *error);
/** At the end: tells of what was put to sleep, if that is `done`, and forgets it. */
void change_end_snoozes(struct change *change, bool done);

/** mail_list_subscriptions() inside a change: mailbox.c. */
bool mail_list_subscriptions_in(struct db *db, struct arena *arena, struct slice **names, size_t *count, struct error *error);

/* ---- object.c, contact.c ---- */

/** The oldest of those that are remembered as destroyed go; who asks for what was before hears that it isn't known. */
bool mail_shorten_gone(struct change *change, enum object_kind kind, struct error *error);
/** The number that a statement yields; 0: it yields nothing. */
bool mail_contact_number(struct db_statement *row, int64_t *number, struct error *error);

/* ---- change.c, place.c, expunge.c: parts of a change ---- */

/** Differences to a mailbox's counters; its modseq becomes the change's. */
struct mail_tally { int64_t messages, unseen, deleted, recent, bytes, keywords; }; /* keywords: their bytes */
bool change_tally(struct change *change, int64_t mailbox, const struct mail_tally *tally, struct error *error);
/** What one message with these flags counts, times `sign`. */
void mail_tally_add(struct mail_tally *tally, unsigned flags, uint64_t size, int sign);
/** `times` placements of the message are gone: the last one makes it expunged. */
bool change_drop_refs(struct change *change, int64_t message, int64_t times, struct error *error);
/** Shows the message in the mailbox under a new UID, and counts it there; message.refs is the caller's. ERROR_NOT_FOUND. */
bool change_place(struct change *change, struct mail_placement *new, struct error *error);
/** Removes the given UIDs from the mailbox; those that were there go to `removed` (room for all). */
bool change_take_out(struct change *change, int64_t mailbox, const uint32_t *uids, size_t count, uint32_t *removed,
		     size_t *removed_count, struct error *error);

#endif
