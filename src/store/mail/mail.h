/* The rows of an account: the only room that speaks SQL. It knows no file and no lock: who calls it has the account's connection for
 * himself, and what a function needs of the account stands in struct mail.
 *
 * ---- Tables ---- (SQL in schema.c)
 * Each account has a database of its own, so no key names the account: store/internal.h says how.
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
 *   vanished      emails (struct email) that have gone: from when to when there was one, for JMAP's clients; message 0: see note_gap()
 *   excerpt, long_excerpt  header fields that lists of messages are made of, of messages that have a row (content.c)
 *   thread_key    hashes of message ids and topics, each with the thread that it leads to (thread.c)
 * message.thread is the thread it belongs to, and stands in its placements, too; message.appeared the mod-sequence at which its email, if there
 * is one, came. mailbox.created, noted and counted are the mod-sequences of its making, of the last change of what JMAP says of it, and of
 * its counts of emails and threads; account.email_modseq, thread_modseq, mailbox_modseq and delivery_modseq what struct
 * account_states says. account.vanished_floor: what was before can't be told.
 *   object        what is kept beside mail (object.h); object_gone: what was destroyed of it; object_log.floor: before that nothing is known
 *   contact_place  which cards are in which address books, both objects; contact_photo: bytes that belong to cards; contact_size: what a card takes with
 *                 its photos; contact_numbers: what all take
 *   snooze        messages that sleep in the mailbox for such, until when, and what becomes of them then
 *   vacation_told  who has been told that somebody doesn't read his mail, and when
 *
 * ---- Invariants ---- (what store_fsck() checks, recover/fsck.c)
 *   I1  mailbox.messages, unseen, deleted, bytes, keyword_bytes are those of its placements
 *   I2  every placement's uid < mailbox.uidnext <= mailbox.uid_ceiling + 1; its modseq <= mailbox.modseq <= account.modseq
 *       <= account.modseq_ceiling; every placement's mailbox and message exist, and size and date are the message's
 *   I3  message.refs = its placements; expunged is 0 exactly if refs > 0
 *   I4  account.bytes and messages are those of messages with refs > 0
 *   I5  every message has its file with exactly size bytes and that SHA-256, except those expunged longer ago than
 *       undelete_seconds; its summary can be decoded
 *   I6  every <id>.eml has its message
 *   I9  every message has a thread, and its placements the same; appeared is 0 exactly if no placement without \Deleted shows it
 *   I10 counts of emails and threads, of mailboxes and of the account, are those of RFC 8621 §2 (counts.c)
 *   I8  what waits in arrived/ is what its name says
 *   I9  every card is in an address book, as long as there is a card there is one, and one of those that are there is the default;
 *       contact_place and contact_photo speak of what is there; contact_numbers is the sum of contact_size, which knows every card
 *   I11 whatever sleeps is shown, without \Deleted, by the mailbox for such
 *   I12 an excerpt has its message, and says what the file says
 *   I7  ids, UIDs per mailbox, modseqs and UIDVALIDITYs are never given twice */
#ifndef STORE_MAIL_H
#define STORE_MAIL_H

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "message/excerpt.h"
#include "store/agenda/agenda.h"
#include "store/db/db.h"
#include "store/durable/durable.h"
#include "store/mail/contact.h"
#include "store/mail/object.h"
#include "store/mail/terms.h"
#include "store/usage/usage.h"

enum {
	MAIL_HASH_SIZE = 32,      /* of a content: SHA-256 */
	MAILBOXES_MAX = 10000,
	MAIL_FORGET_AT_A_TIME = 500,
	STORED_FLAGS = FLAG_SEEN | FLAG_ANSWERED | FLAG_FLAGGED | FLAG_DELETED | FLAG_DRAFT,
};

/** The rows of an account, and what their changes need. */
struct mail {
	struct db *db;            /* NULL: not connected */
	struct slice account;     /* its name */
	struct durable *durable;
	int usage;                /* the table of how full mailboxes are, see usage/usage.h; -1: none */
	int agenda;               /* which accounts have something to do, see agenda/agenda.h; -1: none */
	int snooze_at;            /* minutes after midnight at which what was put to sleep without a time comes back, the next day; -1: it doesn't sleep */
};

/** A list of numbers that grows; mail_ids_free() when done. */
struct mail_ids { int64_t *at; size_t count, room; };
static inline void mail_ids_add(struct mail_ids *ids, int64_t id)
{
	ARRAY_GROW(ids->at, ids->count, ids->room);
	ids->at[ids->count++] = id;
}
static inline void mail_ids_free(struct mail_ids *ids)
{
	free(ids->at);
	*ids = (struct mail_ids){0};
}

/* ---- The database: schema.c, renew.c ---- */

/** Opens the database at a place (db/db.h), or with `create` makes an empty one. */
struct db *mail_open(const char *place, enum db_durability durability, bool create, struct error *error);
/** What a new account begins with: UIDVALIDITYs above `uidvalidity`, and limits (0: none). */
struct mail_first { struct slice name; int64_t epoch, uidvalidity; uint64_t max_bytes, max_messages; };
/** Makes the tables, the account's row and its special-use mailboxes in a new database. ERROR_EXISTS: it has some. */
bool mail_fill(struct db *db, const struct mail_first *first, struct error *error);
/** The next UIDVALIDITY after `last`: the time where possible, always larger. */
int64_t mail_next_uidvalidity(int64_t last);
/** INBOX's id; 0: there is none (selectable, if that is asked for). */
bool mail_inbox(struct db *db, bool selectable, int64_t *id, struct error *error);
/** Of an account from before there were emails and threads, tells which there are; of any other does nothing. */
bool mail_begin_emails(struct db *db, struct error *error);
/** Has a database that isn't the one that was used last, with its tables as they are now, go on where no client can have seen numbers. */
bool mail_renew(struct db *db, int64_t epoch, struct error *error);

/* ---- The account's row: numbers.c ---- */

struct mail_row {
	int64_t epoch, modseq, modseq_ceiling, uidvalidity, last_id, durable_id;
	int64_t bytes, messages, max_bytes, max_messages;
	int64_t email_modseq, thread_modseq, mailbox_modseq, emails, threads; /* see struct account_states */
	int64_t snoozed;          /* the mailbox for messages that sleep; 0: there is none. Not the row's own */
	int64_t delivery_modseq;
	int64_t copies, keyword_bytes, contact_bytes; /* places beyond each message's first, what keywords take, and what contacts take; counted from the mailboxes, and only where
	                                * there is a limit */
};

bool change_read_row(struct db *db, struct mail_row *row, struct error *error);
bool change_count_copies(struct db *db, struct mail_row *row, struct error *error);
bool change_write_row(struct db *db, const struct mail_row *row, struct error *error);
/** What counts against the account's limits. */
struct usage change_usage(const struct mail_row *row);
/** Says in the table of how full mailboxes are what the row says. */
void change_note_usage(const struct mail *mail, const struct mail_row *row);

/* ---- A writing transaction: change.c ---- */

struct change {
	struct mail *mail;
	struct db *db;
	struct mail_row row;   /* written back at the end */
	int64_t modseq;           /* of all that this transaction changes; 0: nothing yet */
	int64_t now;
	int64_t last_id;          /* messages up to this one were there when it began */
	struct change_threads *threads; /* those it has touched, as they were: see threads.c; NULL: none */
	struct change_snoozes *snoozes; /* what was put to sleep, see snooze.c; NULL: nothing */
	bool sleeps_anew;         /* when the first wakes may have changed */
	bool emails, come_or_gone, mailboxes; /* what JMAP says of emails, which there are, or what it says of mailboxes, has changed */
};

/** UIDs that a change may give in a mailbox. */
struct mail_uid_need { int64_t mailbox; uint32_t count; };

/** Begins a transaction that may give one mod-sequence and the needed UIDs. */
bool change_begin(struct mail *mail, const struct mail_uid_need *needs, size_t need_count, struct change *change, struct error *error);
/** The same, durable when it ends and unseen before. */
bool change_begin_durable(struct mail *mail, struct change *change, struct error *error);
/** The same without any numbers: to look at the account while nobody changes it, or to set it right after an unclean stop. */
bool change_begin_plain(struct mail *mail, bool durable, struct change *change, struct error *error);
/** The change's mod-sequence; from now on it is a change to be announced. */
int64_t change_modseq(struct change *change);
/** An id for a new message: ids rise within an account, so that new rows go to the end, and none is given twice. */
int64_t change_next_id(struct change *change);
/** Ends the change: commits if `done` and there was any, else undoes all. */
bool change_end(struct change *change, bool done, struct error *error);
/** Notes what has become of the emails and threads that were touched so far; the change's end does it, too. Before who mends rows
 * counts them. */
bool change_settle(struct change *change, struct error *error);
/** After an unclean stop: counting goes on from the ceilings. */
bool change_go_on(struct change *change, int64_t epoch, struct error *error);

/** For who deals with `count` messages one by one: makes (or removes) what leads from a message to its deliveries, if there are so many
 * that it pays. No index does all the time: it is hardly ever needed. */
bool change_index_messages(struct change *change, bool on, size_t count, struct error *error);
/** Removes the message with its placements, its deliveries and its row; its file stays. */
bool change_forget_message(struct change *change, int64_t message, struct error *error);
/** ERROR_LIMIT if one more message of `size` bytes doesn't fit the account's quota. */
bool change_check_quota(struct change *change, uint64_t size, struct error *error);

/* ---- Mailboxes: mailbox.c, mailbox_name.c, mailbox_tree.c; names have been checked ---- */

struct mailbox_name { char at[MAILBOX_NAME_MAX + 8]; size_t len; };
/** Checks a name and writes INBOX in capitals. ERROR_INVALID. */
bool mailbox_name_check(struct slice name, struct mailbox_name *out, struct error *error);
static inline struct slice mailbox_name_slice(const struct mailbox_name *name) { return slice_make(name->at, name->len); }

/* What store.h says of mailbox_list() and those behind it. */
bool mail_list_mailboxes(struct db *db, struct arena *arena, struct mailbox **list, size_t *count, struct error *error);
bool mail_find_mailbox(struct db *db, struct slice name, struct arena *arena, struct mailbox *mailbox, struct error *error);
bool mail_get_mailbox(struct db *db, int64_t id, struct arena *arena, struct mailbox *mailbox, struct error *error);
bool mail_create_mailbox(struct change *change, struct slice name, enum special_use use, int64_t *id, struct error *error);
bool mail_delete_mailbox(struct change *change, struct slice name, struct error *error);
bool mail_rename_mailbox(struct change *change, struct slice from, struct slice to, struct error *error);
bool mail_set_use(struct change *change, struct slice name, enum special_use use, struct error *error);
/** The mailbox that is the trash; 0: none. */
bool mail_find_trash(struct db *db, int64_t *id, struct error *error);
bool mail_give_use(struct change *change, int64_t id, enum special_use use, struct error *error);
bool mail_subscribe(struct change *change, struct slice name, bool subscribed, struct error *error);
bool mail_list_subscriptions(struct db *db, struct arena *arena, struct slice **names, size_t *count, struct error *error);
bool mail_keywords(struct db *db, int64_t mailbox, struct arena *arena, struct slice *keywords, struct error *error);
bool mail_has_children(struct db *db, struct slice name, bool *has, struct error *error);
/* By their ids: mailbox_tree.c. */
bool mail_make_mailbox(struct change *change, const struct mailbox_change *asked, int64_t *id, struct error *error);
bool mail_alter_mailbox(struct change *change, int64_t id, const struct mailbox_change *asked, struct error *error);
bool mail_remove_mailbox(struct change *change, int64_t id, bool with_emails, struct error *error);
bool mail_open_mailbox(struct db *db, int64_t id, size_t look, struct arena *arena, struct mailbox *mailbox, int64_t *modseq, size_t *unseen,
		       struct error *error);
bool mail_claim_recent(struct db *db, int64_t mailbox, uint32_t *first, uint32_t *next, struct error *error);
/** Adds a mailbox; *uidvalidity is the account's last one and becomes the new one's. */
bool mail_add_mailbox(struct db *db, struct slice name, enum special_use use, int64_t modseq, int64_t *uidvalidity,
		      int64_t *id, struct error *error);

/* ---- Messages: message.c, flags.c, expunge.c ---- */

/* What store.h says of message_list() and those behind it. */
bool mail_list(struct db *db, int64_t mailbox, uint32_t first, uint32_t last, int64_t since, size_t limit, enum message_wanted wanted,
	       struct arena *arena, struct message **list, size_t *count, struct error *error);
bool mail_list_some(struct db *db, int64_t mailbox, uint32_t first, uint32_t last, size_t bytes, enum message_wanted wanted,
		    struct arena *arena, struct message **list, size_t *count, bool *cut, struct error *error);
bool mail_uids(struct db *db, int64_t mailbox, uint32_t **uids, size_t *count, int64_t *modseq, struct error *error);
/** UIDs that were expunged. */
bool mail_list_gone(struct db *db, int64_t mailbox, int64_t since, struct arena *arena, uint32_t **uids, size_t *count, bool *complete,
		    struct error *error);
/** Messages that were expunged after `since`, and that nothing shows. */
bool mail_list_expunged(struct db *db, int64_t since, size_t limit, struct arena *arena, struct expunged_message **list, size_t *count,
			struct error *error);
/** The ids of those alone, in the same order. */
bool mail_expunged_ids(struct db *db, int64_t since, size_t limit, struct arena *arena, int64_t **ids, size_t *count, struct error *error);
/** Those with these ids, in their order, in `arena`; what isn't one of them has the id 0. */
bool mail_find_expunged(struct db *db, int64_t since, const int64_t *ids, size_t count, struct arena *arena, struct expunged_message **list, struct error *error);
/** The size of a message that a mailbox shows. ERROR_NOT_FOUND. */
bool mail_size(struct db *db, int64_t id, uint64_t *size, struct error *error);
void mail_renew_summary(struct db *db, int64_t id, struct slice summary);
/** The summary of a message, in `arena`; empty: there is none. */
struct slice mail_find_summary(struct db *db, int64_t id, struct arena *arena);

/** What message_store_flags() is asked for. */
struct mail_flags {
	int64_t mailbox;
	enum flags_change change;
	unsigned flags;
	struct slice keywords;
	int64_t unchanged_since;
};
/** `failed` (may be NULL) has room for all. */
bool mail_store_flags(struct change *change, const struct mail_flags *request, const uint32_t *uids, size_t count,
		      uint32_t *failed, size_t *failed_count, struct error *error);
/** `removed` has room for all. */
bool mail_expunge(struct change *change, int64_t mailbox, const uint32_t *uids, size_t count, bool any, uint32_t *removed, size_t *removed_count,
		  struct error *error);
/** `source` and `target` have room for all. */
bool mail_copy(struct change *change, int64_t from, const uint32_t *uids, size_t count, int64_t to, bool move, uint32_t *source,
	       uint32_t *target, size_t *copied, struct error *error);
bool mail_undelete(struct change *change, int64_t message, int64_t mailbox, uint32_t *uid, struct error *error);
/** Takes the rows of some messages that were expunged before `before`; *count 0: there are no more. */
bool mail_forget_some(struct db *db, int64_t before, int64_t ids[MAIL_FORGET_AT_A_TIME], int *count, struct error *error);
/** Forgets what led to threads of which no message is left. */
bool mail_forget_threads(struct db *db, struct error *error);
/** The oldest rows of logs that have grown too long go; who asks for what was before compares UIDs instead. */
bool mail_shorten_log(struct db *db, int64_t now, struct error *error);

/* ---- Emails: email.c, walk.c, changes.c, alter.c; what store.h says of email_get() and those behind it ---- */

bool mail_get_emails(struct db *db, const int64_t *ids, size_t count, enum message_wanted wanted, struct arena *arena, struct email **list,
		     struct account_states *states, struct error *error);
bool mail_list_emails(struct db *db, int64_t mailbox, struct arena *arena, struct email **list, size_t *count, struct account_states *states,
		      struct error *error);
bool mail_walk_emails(struct db *db, int64_t mailbox, bool ascending, bool (*each)(void *context, const struct email *email), void *context,
		      struct account_states *states, struct error *error);
bool mail_read_states(struct db *db, struct account_states *states, struct error *error);
bool mail_find_email(struct db *db, struct slice message_id, struct arena *arena, int64_t **ids, size_t *count, struct error *error);
bool mail_get_threads(struct db *db, const int64_t *ids, size_t count, struct arena *arena, struct thread **list, struct account_states *states,
		      struct error *error);
enum mail_kind { MAIL_EMAILS, MAIL_THREADS, MAIL_MAILBOXES };
/** *kept: what a client that hasn't heard all yet is going to ask for next; NULL at first, then mail_drop_changes() is due. */
struct mail_kept_changes;
bool mail_changes(struct db *db, enum mail_kind kind, const struct changes_point *since, size_t max, struct mail_kept_changes **kept, struct arena *arena,
		  struct changes *changes, struct error *error);
void mail_drop_changes(struct mail_kept_changes **kept);
/** Makes one of the changes, if it can be made: false only if all are to be undone. */
bool mail_alter_email(struct change *change, struct email_change *alter, struct error *error);

/* ---- What sleeps: snooze.c; what store/snooze.h says of it ---- */

bool mail_list_snoozes(struct db *db, struct arena *arena, struct snooze **list, size_t *count, struct error *error);
/** Those whose time has come at `now`, the earliest first, `room` at most. */
bool mail_list_wakes(struct db *db, int64_t now, size_t room, struct arena *arena, struct snooze **list, size_t *count, struct error *error);
/** When the first wakes; INT64_MAX: nothing sleeps. */
bool mail_next_wake(struct db *db, int64_t *next, struct error *error);
/** Brings one back, if it still sleeps. *woken: it did, and is back. */
bool mail_wake(struct change *change, const struct snooze *snooze, bool *woken, struct error *error);

/* ---- For who searches: found.c ---- */

/** Messages that mailboxes show, with ids above `after`, ascending, at most `room`. */
bool mail_list_shown(struct db *db, int64_t after, int64_t *ids, size_t room, size_t *count, struct error *error);
/** Messages of which something has changed since then where a mailbox shows them; some more than once. All that have come are among them. */
bool mail_list_touched(struct db *db, int64_t since, struct mail_ids *ids, struct error *error);
/** Messages that were expunged since then, and that nothing shows. *complete false: there may be others, the log doesn't reach back that far. */
bool mail_list_left(struct db *db, int64_t since, struct mail_ids *ids, bool *complete, struct error *error);
bool mail_is_shown(struct db *db, int64_t message, bool *shown, struct error *error);
/** The UIDs at which a mailbox shows any of these messages (ids ascending), ascending, in `arena`. */
bool mail_list_places(struct db *db, int64_t mailbox, const int64_t *ids, size_t count, struct arena *arena, uint32_t **uids, size_t *found,
		      struct error *error);

/* ---- Adding: place.c, keywords.c, content.c, delivery.c ---- */

/** What is kept of a content: the summary (message/summary.h) and the short excerpt (message/excerpt.h; empty: none so far). */
struct mail_gist { struct slice summary, excerpt; };
/** Parses the content; the result lives in `arena`. */
struct mail_gist mail_gist(struct slice content, struct arena *arena);
/** Keeps an excerpt of a message, in the place of a former one. What has no row has none. */
bool mail_put_excerpt(struct db *db, enum excerpt_kind kind, int64_t message, struct slice excerpt, struct error *error);
/** Keeps some, outside of a change: nobody hears of it. */
bool mail_put_excerpts(struct db *db, enum excerpt_kind kind, const struct message_excerpt *list, size_t count);
/** Removes what excerpts the message has. */
bool mail_drop_excerpts(struct db *db, int64_t message, struct error *error);
/** *right: what excerpts the message has say what its content says. */
bool mail_check_excerpts(struct db *db, int64_t message, struct slice content, bool *right, struct error *error);
/** `old` changed by `given`: sorted, without duplicates, in `arena`. ERROR_INVALID (no keyword), ERROR_LIMIT. */
bool mail_change_keywords(struct slice old, enum flags_change change, struct slice given, struct arena *arena, struct slice *out,
			  struct error *error);

struct mail_placement {
	int64_t mailbox, message, thread;
	unsigned flags;
	struct slice keywords;  /* as they are stored */
	uint64_t size;
	int64_t received;
	uint32_t uid;           /* result */
};
/** Adds a message, whose file is in its place, and shows it in new->mailbox under a new UID. ERROR_NOT_FOUND: there is none. */
bool mail_add(struct change *change, struct mail_placement *new, const unsigned char *hash, const struct mail_gist *gist, struct error *error);
/** Shows one that is shown already in further mailboxes; new->mailbox and uid become those of the last. ERROR_NOT_FOUND, ERROR_LIMIT. */
bool mail_add_also(struct change *change, struct mail_placement *new, const int64_t *mailboxes, size_t count, struct error *error);
/** Adds its row alone; new->thread, if it is known already. */
bool mail_add_row(struct change *change, struct mail_placement *new, int64_t refs, int64_t expunged, const unsigned char *hash, const struct mail_gist *gist,
		  struct error *error);
/** Has it a row? */
bool mail_is_known(struct db *db, int64_t message, bool *known, struct error *error);
/** UIDs of the mailbox that are to be given again, by who restores them, go up to this. */
bool mail_skip_uids(struct db *db, int64_t mailbox, uint32_t uidnext, struct error *error);

/** Was the delivery made already? */
bool mail_is_delivered(struct change *change, int64_t delivery_id, bool *known, struct error *error);
/** The same, and fills the placement's results: placement->duplicate says so. */
bool mail_find_placed(struct change *change, struct placement *placement, struct error *error);
/** Notes that the placement, which has a delivery id and was added, is made. */
bool mail_add_delivery(struct change *change, const struct placement *placement, struct slice keywords, struct error *error);
bool mail_find_delivery(struct db *db, int64_t delivery_id, struct arena *arena, struct delivered *delivered, struct error *error);
bool mail_note_delivery(struct change *change, int64_t delivery_id, unsigned flags, struct slice keywords, struct error *error);

/* ---- What is no mail: object.c, contact.c, contact_book.c, told.c ---- */

/* What store/object.h and store/vacation.h say of them. */
bool mail_object_state(struct db *db, enum object_kind kind, int64_t *state, struct error *error);
bool mail_list_objects(struct db *db, enum object_kind kind, struct arena *arena, struct object **list, size_t *count, int64_t *state, struct error *error);
bool mail_count_objects(struct db *db, enum object_kind kind, int64_t *count, struct error *error);
bool mail_get_object(struct db *db, enum object_kind kind, int64_t id, struct arena *arena, struct object *object, struct error *error);
bool mail_find_object(struct db *db, enum object_kind kind, int64_t reference, struct arena *arena, struct object *object, struct error *error);
bool mail_change_objects(struct change *change, enum object_kind kind, struct object_change *list, size_t count, struct error *error);
bool mail_object_changes(struct db *db, enum object_kind kind, const struct changes_point *since, size_t max, struct arena *arena, struct changes *changes,
			 struct error *error);
/** For a database that goes on with other numbers, from this mod-sequence. */
bool mail_renew_objects(struct db *db, int64_t modseq, struct error *error);
/* What store/contact.h says of them. */
bool mail_get_contacts(struct db *db, const int64_t *ids, size_t count, struct arena *arena, struct contact *list, int64_t *state, struct error *error);
bool mail_list_contacts(struct db *db, int64_t after, size_t bytes, struct arena *arena, struct contact **list, size_t *count, bool *more, int64_t *state,
			struct error *error);
bool mail_put_contact(struct change *change, struct contact_change *one, struct error *error);
bool mail_remove_contact(struct change *change, int64_t id, struct error *error);
bool mail_find_photo(struct db *db, struct slice hash, struct arena *arena, struct contact_photo *photo, struct error *error);
bool mail_put_book(struct change *change, struct contact_book_change *one, struct error *error);
bool mail_remove_book(struct change *change, int64_t id, bool contents, struct error *error);
bool mail_choose_book(struct change *change, int64_t id, struct error *error);
/** What all cards and photos take. */
bool mail_count_contact_bytes(struct db *db, int64_t *bytes, struct error *error);
bool mail_forget_told(struct db *db, struct error *error);
/** With `most` of them nobody new is taken. */
bool mail_claim_told(struct db *db, struct slice sender, int64_t message, int64_t since, int64_t most, bool *claimed, struct error *error);

/* ---- For who checks and mends: check.c ---- */

/** What is noted of a content. */
struct mail_content {
	int64_t id, refs, expunged;
	uint64_t size;
	unsigned char hash[MAIL_HASH_SIZE];
	size_t hash_len;        /* it should be all of it */
	bool decodable;         /* its summary is */
};
/** Those with ids above `after`, in order, at most `room`. */
bool mail_list_contents(struct db *db, int64_t after, struct mail_content *list, size_t room, size_t *count, struct error *error);
/** One; *there false: it isn't. */
bool mail_get_content(struct db *db, int64_t id, struct mail_content *content, bool *there, struct error *error);
/** The same with its gist in `arena`, which isn't looked at. */
bool mail_read_content(struct db *db, int64_t id, struct mail_content *content, struct mail_gist *gist, struct arena *arena, bool *there,
		       struct error *error);
/** Notes another content, as its file has it now. */
bool mail_describe(struct change *change, int64_t id, struct slice content, const unsigned char *hash, struct error *error);

/** Called with what is wrong, and with how many. */
typedef void mail_found(void *context, const char *problem, int64_t count);
/** Compares rows with rows, all but counters; with `repair`, mends them. */
bool mail_check_rows(struct change *change, bool repair, mail_found *found, void *context, struct error *error);
/** Messages that placements show, but whose row was lost, with their date. */
bool mail_list_lost(struct db *db, struct mail_ids *lost, struct mail_ids *received, struct mail_ids *threads, struct error *error);
/** Messages that nothing shows and nobody expunged. */
bool mail_list_strays(struct db *db, struct mail_ids *strays, struct error *error);
/** Shows such a one. Its message's refs count it; the account's numbers don't yet. */
bool mail_show_stray(struct change *change, int64_t mailbox, int64_t message, struct error *error);
bool mail_list_mailbox_ids(struct db *db, struct mail_ids *ids, struct error *error);
/** Counts anew what the mailbox shows. *wrong: its counters or numbers say something else; with `repair` they don't any more. */
bool mail_check_counters(struct change *change, int64_t mailbox, bool repair, bool *wrong, char name[MAILBOX_NAME_MAX + 1], struct error *error);
/** Counts emails and threads of the account and its mailboxes anew. *wrong (may be NULL): something else was noted; with `repair` it isn't any more. */
bool mail_recount(struct change *change, bool repair, bool *wrong, struct error *error);
/** Puts into `into` what can still be read of the damaged database and is nowhere else: contacts, identities, submissions, who is away. True
 * also if nothing can. */
bool mail_salvage(const char *damaged, struct db *into, struct error *error);
/** Counts what is shown of the account, and the highest id. */
bool mail_count_messages(struct db *db, int64_t *messages, int64_t *bytes, int64_t *last_id, struct error *error);

#endif
