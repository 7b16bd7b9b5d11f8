/* The only door to people's mail: accounts, mailboxes, messages, flags, quota. Used by courier (delivery), reader (IMAP,
 * POP3) and the command line; nobody else opens an account's files.
 *
 * Layout under the data directory:
 *   accounts/<domain>/<local part>/account.db    mailboxes, messages, flags, parsed structure, change log (SQLite, WAL)
 *   accounts/<domain>/<local part>/mail/YYYY-MM/<id>.eml   one plain RFC 5322 file per message, CRLF line ends, 0600,
 *                                                written once, never modified, hard-linked between accounts
 *   accounts/<domain>/<local part>/arrived/        letters that nobody had the account open for, see struct arrival
 * Parts of the path are percent-encoded bytes of the address, so no address can leave its folder.
 *
 * Durability (the rule of every function that changes something): when it returns true the change is visible to
 * everybody and survives a crash of any process. It survives a power cut after the next store_sync(). A protocol calls
 * store_sync() before it acknowledges COPY, MOVE, EXPUNGE, CREATE … to its client; many waiters share one syncfs(2). APPEND
 * has draft_commit_durably(), which needs a fraction of the writing. UIDs, UIDVALIDITYs and mod-sequences that a client may have seen are never given to anything else, even
 * across a power cut: a ceiling is made durable before the numbers below it are used.
 *
 * Threads: every function may be called from any thread. A struct account is shared by all its users in the process and
 * locks itself, briefly, per call. Several processes may have the same account open.
 *
 * Numbers: UIDs are uint32_t from 1; mod-sequences int64_t from 1, one counter per account (RFC 7162); sizes in bytes;
 * dates in seconds since 1970 UTC. Mailbox names are UTF-8 with '/' between levels; "INBOX" in any case is the inbox. */
#ifndef STORE_H
#define STORE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "query/search.h"        /* query_extract */
#include "store/recover/report.h" /* struct fsck_report */
#include "store/mail/terms.h"   /* struct mailbox, message, placement, quota … and their limits */
#include "store/blob/arrival.h" /* struct arrival: a letter that was put where whoever opens the account next takes it in */

struct store;
struct account;

struct store_options {
	const char *data;            /* the data directory */
	const char *storage;         /* the URL of the database that has the rows of all accounts; NULL or empty: each account's are in a file of its folder */
	int open_accounts;           /* account databases kept open at most while unused; 0: by the memory and descriptors there are */
	uint64_t max_message;        /* bytes; larger appends are refused with ERROR_LIMIT; 0: no limit */
	int64_t undelete_seconds;    /* how long an expunged message can be brought back */
	int snooze_at;               /* minutes after midnight, local time; -1: not at all; see struct mail */
	bool looking;                /* nothing is set right on opening, nothing is written: for store_fsck() without repair */
	bool leaves_arrivals;        /* letters that arrived stay where they are: for who looks at accounts that nobody has asked for */
	bool hears;                  /* subscribers are told of changes that were made elsewhere, too, where rows are shared with other machines */
	bool journal;                /* draft_commit_durably() may write the journal: of one process only, the reader */
};

/** Opens the store under an existing data directory. */
struct store *store_open(const struct store_options *options, struct error *error);
/** Puts other limits in the place of those it was opened with. Any thread. */
void store_set_limits(struct store *store, uint64_t max_message, int64_t undelete_seconds);
/** Puts another time of the day in the place of store_options.snooze_at. Any thread. */
void store_set_snooze(struct store *store, int snooze_at);
/** Closes it; every account must have been released. Sets *store to NULL. */
void store_close(struct store **store);
/** Returns when everything that was written through this process before the call is on disk. Waiters share a sync. Once one
 * has failed all fail: see base/distrust.h. */
bool store_sync(struct store *store, struct error *error);
/** To be called once at start by the master, before any role runs, and after the roles have ended: notes whether the
 * last stop was clean. After an unclean one, accounts continue their numbers from their durable ceilings. */
bool store_begin_service(const char *data, struct error *error);
bool store_end_service(const char *data, struct error *error);
/** For the command line, before it opens the store while nobody serves the data directory: if the last stop was unclean, what
 * store_begin_service() would do about it. */
bool store_mend_service(const char *data, struct error *error);
/** After a failed sync, when no role runs: has the kernel forget what it remembers of the files under the data directory, so
 * that what is read next is what is on the disk. As far as that can be done. Then begin the service again. */
void store_forget_cached(const char *data);

/* ---- Accounts ---- */

/** Makes the account's folder, database and special-use mailboxes (INBOX, Drafts, Sent, Junk, Trash, Archive), durably.
 * `name` is the account's canonical address (lower-case, ASCII or UTF-8). ERROR_EXISTS if it is there. */
bool store_create_account(struct store *store, struct slice name, struct error *error);
/** An account that is to be made, and whether it is `made`; if not, why. */
struct store_new_account { struct slice name; uint64_t max_bytes, max_messages; /* 0: no limit */ bool made; struct error error; };
/** Makes several, waiting for the disk as often as for one. */
void store_create_accounts(struct store *store, struct store_new_account *list, size_t count);
/** Removes the account with everything in it. ERROR_NOT_FOUND if it isn't there. */
bool store_remove_account(struct store *store, struct slice name, struct error *error);
/** Opens it (or shares the open one). NULL with *error: ERROR_NOT_FOUND, ERROR_TEMPORARY, ERROR_INVALID (damaged). */
struct account *store_open_account(struct store *store, struct slice name, struct error *error);
/** Gives it back; sets *account to NULL. Idle accounts stay open until others need their place: an idle session should
 * release its account and open it again when it is needed. */
void store_release_account(struct account **account);
struct slice account_name(const struct account *account);
/** Another number for every account that was ever made, also under a name that was used before; it survives repairs that save the
 * mailboxes. An open account stays the one it was: when it is removed and made anew meanwhile, everything fails with
 * ERROR_NOT_FOUND. */
int64_t account_incarnation(const struct account *account);
/** The path of a file in the account's folder that isn't mail, such as what was learned for it: malloc'ed, whether there is such a file, or
 * an account, or not. It goes with the account. NULL with ERROR_INVALID if no account can have that name. */
char *store_account_file(const struct store *store, struct slice account, const char *name, struct error *error);
/** The names of all accounts that have a folder, copied into `arena`. */
bool store_list_accounts(struct store *store, struct arena *arena, struct slice **names, size_t *count, struct error *error);

bool account_quota(struct account *account, struct quota *quota, struct error *error);
/** Sets the limits; enforced by appends, deliveries, copies and undeleting alike (ERROR_LIMIT). Moving within the
 * account always fits. */
bool account_set_quota(struct account *account, uint64_t max_bytes, uint64_t max_messages, struct error *error);
/** The highest mod-sequence given so far. */
bool account_modseq(struct account *account, int64_t *modseq, struct error *error);

/* ---- Changes: what one session or a delivery does appears in the others at once ---- */

struct subscription;
/** From now on `changed` is called whenever anything in the account changes, by whomever: another thread, another
 * process. It runs on any thread, under a lock of the store: it may only wake somebody (conn_wake). It may be called
 * without a change. Doesn't keep the account's database open. */
struct subscription *store_subscribe(struct store *store, struct slice account, void (*changed)(void *context), void *context);
/** After its return `changed` is not running and won't be called again. Sets *subscription to NULL. */
void store_unsubscribe(struct subscription **subscription);
/** For the role's main: `announce` is called after every change made in this process, so that it can tell other
 * processes; which call store_announced() there. An empty account: any may have changed, all who have subscribed are called. */
void store_on_change(struct store *store, void (*announce)(void *context, struct slice account), void *context);
void store_announced(struct store *store, struct slice account);

/* ---- Mailboxes ---- */

/** All mailboxes by name, INBOX first, in `arena`. */
bool mailbox_list(struct account *account, struct arena *arena, struct mailbox **list, size_t *count, struct error *error);
/** One by name, name copied into `arena`. ERROR_NOT_FOUND. */
bool mailbox_find(struct account *account, struct slice name, struct arena *arena, struct mailbox *mailbox, struct error *error);
/** One by id. */
bool mailbox_get(struct account *account, int64_t id, struct arena *arena, struct mailbox *mailbox, struct error *error);
/** One by id, for who opens it, in a time that doesn't depend on its size: *modseq is the account's mod-sequence of this very state, *unseen
 * the place of the first message without \Seen among the first `look`, from 1; 0: none of them. */
bool mailbox_open(struct account *account, int64_t id, size_t look, struct arena *arena, struct mailbox *mailbox, int64_t *modseq, size_t *unseen,
		  struct error *error);
/** Makes it and the levels above it (RFC 3501 §6.3.3). ERROR_EXISTS, ERROR_INVALID (not UTF-8, control characters,
 * an empty level, "." or "..", over MAILBOX_NAME_MAX bytes or MAILBOX_DEPTH_MAX levels), ERROR_LIMIT. */
bool mailbox_create(struct account *account, struct slice name, enum special_use use, struct error *error);
/** Removes it with its messages. One that has children stays as a name (\Noselect) without its messages; a \Noselect
 * one with children, and INBOX, are refused (ERROR_DENIED). */
bool mailbox_delete(struct account *account, struct slice name, struct error *error);
/** Renames it and everything below it. Renaming INBOX moves its messages into the new mailbox and leaves INBOX empty
 * (RFC 3501 §6.3.5). */
bool mailbox_rename(struct account *account, struct slice from, struct slice to, struct error *error);
/** What the mailbox is for, instead of what it was for; the one that was for that until now isn't any more. */
bool mailbox_set_use(struct account *account, struct slice name, enum special_use use, struct error *error);
/** Subscribes or unsubscribes; a subscription survives the mailbox (RFC 3501 §6.3.6). */
bool mailbox_subscribe(struct account *account, struct slice name, bool subscribed, struct error *error);
/** Subscribed names that may have no mailbox any more, in `arena`, sorted. */
bool mailbox_subscriptions(struct account *account, struct arena *arena, struct slice **names, size_t *count, struct error *error);

/** The keywords that the mailbox's messages have, some more than once, separated by spaces, in `arena`: as many as fit
 * MAILBOX_KEYWORDS_MAX bytes. */
bool mailbox_keywords(struct account *account, int64_t mailbox, struct arena *arena, struct slice *keywords, struct error *error);

/* ---- Messages ---- */

/** Puts a summary in the place of one that an earlier version made (message/summary.h) of the message with this id. Nobody hears of it,
 * and if it fails the former one stays. */
void message_renew_summary(struct account *account, int64_t id, struct slice summary);
/** The summary of the message with this id, in `arena`; empty: there is none. */
struct slice message_find_summary(struct account *account, int64_t id, struct arena *arena);
/** Keeps excerpts (message/excerpt.h) that were made of the messages' files, for who lists them the next time. Nobody hears of it. False: none
 * is kept now. */
bool message_keep_excerpts(struct account *account, bool are_long, const struct message_excerpt *list, size_t count);

/** The messages with first <= uid <= last and modseq > since, in order of uid, at most `limit` (0: all), in `arena`.
 * Large mailboxes are read in pieces by asking again from the last uid + 1. */
bool message_list(struct account *account, int64_t mailbox, uint32_t first, uint32_t last, int64_t since, size_t limit,
		  enum message_wanted wanted, struct arena *arena, struct message **list, size_t *count, struct error *error);
/** The same for all changes and any number, but not more than fills about `bytes` of the arena (one message at least): *cut says that
 * there are more. */
bool message_list_some(struct account *account, int64_t mailbox, uint32_t first, uint32_t last, size_t bytes, enum message_wanted wanted,
		       struct arena *arena, struct message **list, size_t *count, bool *cut, struct error *error);
/** Just the UIDs, ascending, for a session's sequence numbers: *uids is malloc'ed, the caller frees it. *modseq is the
 * account's mod-sequence of this very state. */
bool message_uids(struct account *account, int64_t mailbox, uint32_t **uids, size_t *count, int64_t *modseq, struct error *error);
/** UIDs expunged from the mailbox with a mod-sequence above `since` (RFC 7162), ascending. *complete is false if the log
 * doesn't reach back that far: compare message_uids() then. */
bool message_expunged(struct account *account, int64_t mailbox, int64_t since, struct arena *arena, uint32_t **uids,
		      size_t *count, bool *complete, struct error *error);
/** Takes \Recent for the caller: the UIDs from *first on, below *next, are recent for it, and for nobody after. */
bool mailbox_claim_recent(struct account *account, int64_t mailbox, uint32_t *first, uint32_t *next, struct error *error);

/** Opens the file of a message for reading; the descriptor is the caller's. ERROR_NOT_FOUND if it was expunged. Still
 * readable when it is expunged later. */
int message_open(struct account *account, int64_t message_id, uint64_t *size, struct error *error);

/** The files of an account's messages, for who reads many of them that were listed. Opens no database; keeps one descriptor, of
 * the folder that the last one was in. One thread at a time. */
struct message_files;
/** NULL with ERROR_INVALID if no account can have that name. */
struct message_files *message_files_new(struct store *store, struct slice account, struct error *error);
/** Sets *files to NULL. */
void message_files_free(struct message_files **files);
/** Reads a message that was listed with this id and size from its file alone. An expunged one is still found while it can be
 * brought back: who calls this has subscribed to the account's changes before it listed the message, and has heard of none
 * since. `content` has room for size + 1 bytes. False: the file isn't there, or isn't of that size; message_open() says why. */
bool message_files_read(struct message_files *files, int64_t message_id, uint64_t size, char *content);

/** Changes flags and keywords of the messages with the given UIDs (ascending), all in one transaction; those that don't
 * exist are passed over. A message whose modseq is above `unchanged_since` (-1: no condition) is left alone and listed
 * in *failed (arena; may be NULL). Setting what is set already changes no mod-sequence. */
bool message_store_flags(struct account *account, int64_t mailbox, const uint32_t *uids, size_t count, enum flags_change change,
			 unsigned flags, struct slice keywords, int64_t unchanged_since, struct arena *arena,
			 uint32_t **failed, size_t *failed_count, struct error *error);
/** Removes those of the given UIDs that have \Deleted (all the given ones if `any` is true). *removed lists them. */
bool message_expunge(struct account *account, int64_t mailbox, const uint32_t *uids, size_t count, bool any,
		     struct arena *arena, uint32_t **removed, size_t *removed_count, struct error *error);
/** Copies (or moves: RFC 6851, in one transaction) the given UIDs with flags, keywords and dates into another mailbox
 * of the account. source[i] became target[i] (arena); UIDs that don't exist are passed over. All or none. */
bool message_copy(struct account *account, int64_t from, const uint32_t *uids, size_t count, int64_t to, bool move,
		  struct arena *arena, uint32_t **source, uint32_t **target, size_t *copied, struct error *error);

/* ---- Emails, threads, mailboxes as JMAP sees them (RFC 8621): see struct email ---- */

/** Where the account stands. */
bool account_get_states(struct account *account, struct account_states *states, struct error *error);

/** The emails with these ids, in the order given, in `arena`; (*list)[i].id is 0 where there is no such email. *states (may be NULL) is of the
 * same moment. */
bool email_get(struct account *account, const int64_t *ids, size_t count, enum message_wanted wanted, struct arena *arena, struct email **list,
	       struct account_states *states, struct error *error);
/** All emails of a mailbox (0: of the account) in order of their ids, without summaries, in `arena`: mailboxes and keywords that many have in
 * common are kept once. All of an account of 100,000 takes a tenth of a second and 8 MB. */
bool email_list(struct account *account, int64_t mailbox, struct arena *arena, struct email **list, size_t *count, struct account_states *states,
		struct error *error);
/** Shows the emails of a mailbox (0: of the account) one by one, by `received` and then id, the highest first unless `ascending`, without
 * summaries, until `each` says false: takes time by what it has shown. What it is shown is gone when it returns. It runs with the account
 * locked: it may call nothing of the store. */
bool email_walk(struct account *account, int64_t mailbox, bool ascending, bool (*each)(void *context, const struct email *email), void *context,
		struct account_states *states, struct error *error);
/** Ids of the emails whose Message-ID field (RFC 5322 §3.6.4) is `message_id`, without angle brackets, in `arena`. */
bool email_find(struct account *account, struct slice message_id, struct arena *arena, int64_t **ids, size_t *count, struct error *error);
/** The threads with these ids, in the order given, in `arena`. */
bool thread_get(struct account *account, const int64_t *ids, size_t count, struct arena *arena, struct thread **list,
		struct account_states *states, struct error *error);

/** What has changed since that point, at most `max` ids (at least 1), in `arena` (RFC 8620 §5.2). Of threads, those whose emails have. */
bool email_changes(struct account *account, const struct changes_point *since, size_t max, struct arena *arena, struct changes *changes,
		   struct error *error);
bool thread_changes(struct account *account, const struct changes_point *since, size_t max, struct arena *arena, struct changes *changes,
		    struct error *error);
bool mailbox_changes(struct account *account, const struct changes_point *since, size_t max, struct arena *arena, struct changes *changes,
		     struct error *error);
/** A point as text, and back: false if that is none. */
struct slice changes_point_write(const struct changes_point *point, char out[CHANGES_POINT_MAX]);
bool changes_point_read(struct slice text, struct changes_point *point);

/** Makes these changes, those that can be made, in one transaction: each email says whether it was. With `if_state` not -1 only if the
 * account's emails are at that state, else *mismatch. *before and *after: states of its emails. To be followed by store_sync(). */
bool email_change(struct account *account, struct email_change *list, size_t count, int64_t if_state, bool *mismatch, int64_t *before,
		  int64_t *after, struct error *error);

/** Makes a mailbox; its id is *id. ERROR_EXISTS: its parent has one of that name; ERROR_NOT_FOUND: there is no such parent; ERROR_INVALID:
 * it can't have that name; ERROR_LIMIT. A use that another mailbox has becomes this one's. Subscribed unless it says otherwise. */
bool mailbox_make(struct account *account, const struct mailbox_change *change, int64_t *id, struct error *error);
/** Changes a mailbox. As mailbox_make(), and ERROR_NOT_FOUND: it isn't there; ERROR_DENIED: INBOX keeps its place; ERROR_INVALID: it would be
 * below itself. */
bool mailbox_alter(struct account *account, int64_t id, const struct mailbox_change *change, struct error *error);
/** Removes it, with what is in it if `with_emails`: those that are in no other mailbox go. ERROR_DENIED: it has mailboxes below it, or is INBOX;
 * ERROR_EXISTS: there are emails in it. */
bool mailbox_remove(struct account *account, int64_t id, bool with_emails, struct error *error);

/* ---- Search: what is found is told in query/search.h; it is the same with an index and without, but for the text of documents that only who indexes
 * gets out of them (struct index_options) ---- */

enum search_place {
	SEARCH_TEXT,             /* in any of those below but HEADER (RFC 8621 §4.4.1) */
	SEARCH_FROM, SEARCH_TO, SEARCH_CC, SEARCH_BCC, SEARCH_SUBJECT,
	SEARCH_BODY,             /* text parts and messages inside, HTML without markup, the text of attachments */
	SEARCH_ATTACHMENT_NAME,
	SEARCH_HEADER,           /* in the fields called `field`: the text as it stands there, as IMAP has it; the empty one is in each */
};
struct search_text { enum search_place place; struct slice text, field; };

/** The ids of all messages of the account that have the text there, ascending, in `arena`: words and phrases, see query_read_terms(). A text of blanks
 * alone is in every message, one without a word or digit in none. What isn't indexed (yet) is read, which takes a while where it is much:
 * `is_over` (may be NULL) is asked often whether that is to end, with ERROR_TEMPORARY. */
bool account_search(struct account *account, const struct search_text *wanted, bool (*is_over)(void *context), void *context, struct arena *arena,
		    int64_t **ids, size_t *count, struct error *error);

/** Those of these messages that have it: only they are looked at. */
bool account_search_among(struct account *account, const struct search_text *wanted, const int64_t *among, size_t among_count, struct arena *arena,
			  int64_t **ids, size_t *count, struct error *error);

struct query;
/** Which messages of a mailbox may match (query/query.h)? Their UIDs, ascending, in `arena`; *narrowed false: there is no index, or it can't say. Those
 * that the index doesn't know (yet) are among them. */
bool mailbox_narrow(struct account *account, int64_t mailbox, const struct query *query, struct arena *arena, uint32_t **uids, size_t *count,
		    bool *narrowed, struct error *error);

/** What emails are sorted and filtered by that neither the rows nor the words of messages say. Texts as they are compared. */
struct email_keys { struct slice from, to, subject; int64_t sent; bool attachment; };
enum email_key { EMAIL_KEY_FROM, EMAIL_KEY_TO, EMAIL_KEY_SUBJECT, EMAIL_KEY_SENT, EMAIL_KEY_ATTACHMENT };
/** Calls `take` with the key of each message that the index has: texts in their order, the others in that of messages. What a message's is never changes.
 * False: there is no index, or not all were told. */
bool account_keys(struct account *account, enum email_key key, void (*take)(void *context, int64_t message, int64_t number, struct slice text), void *context);

struct index_options {
	size_t least;                /* an account with fewer messages gets no index: reading them takes no time worth mentioning */
	query_extract *extract;      /* may be NULL */
	/** Finds the keys in what is kept of the structure of a message; in the arena. May be NULL. */
	void (*describe)(const struct mime_part *root, struct arena *arena, struct email_keys *keys);
	bool (*is_over)(void *context); /* may be NULL; asked often */
	void *context;
};
/** Makes the account's index if there is none and it is worth it, and brings it up to date, some hundred messages at a time: *more says that there are
 * others. For one process alone. */
bool account_index(struct account *account, const struct index_options *options, bool *more, struct error *error);
/** Removes it. False: there was none. */
bool account_drop_index(struct account *account);
/** Could account_index() have anything to do? Opens nothing: by times and sizes of files, so it may be wrong. */
bool store_index_is_due(struct store *store, struct slice account);
/** Compares the index with the messages, one by one; with `repair` what is wrong is indexed anew. */
bool store_fsck_search(struct store *store, struct slice account, bool repair, struct fsck_report *report, struct error *error);

/** What is shown of a message that was found (RFC 8621 §5): escaped for HTML, with <mark> around what was looked for. `at` is NULL where none of it
 * stands there. */
struct search_snippet { struct slice subject, preview; };
/** Of TEXT, SUBJECT and BODY of `wanted`, in `arena`. ERROR_NOT_FOUND: the message is not shown. */
bool message_snippet(struct account *account, int64_t id, const struct search_text *wanted, size_t wanted_count, struct arena *arena,
		     struct search_snippet *snippet, struct error *error);

/* ---- Adding messages ---- */

/** A message being written: bytes go to a file of the account that nobody sees until it is committed. */
struct draft;
/** Starts one. */
struct draft *draft_new(struct account *account);
/** Sets room in the account's quota aside until the draft is committed or aborted, so that all that is unfinished in this process
 * counts. Once, before anything is written. ERROR_LIMIT: there isn't so much left. What is committed is counted again then. */
bool draft_reserve(struct draft *draft, uint64_t bytes, struct error *error);
/** Whatever is written is kept as message/canonical.h says: with CR LF line ends and without NUL. */
bool draft_write(struct draft *draft, struct slice bytes, struct error *error);
/** The content is complete, and waits for others that are to be committed with it: parses it, writes it to its file, and keeps neither
 * content nor descriptor. `received` as in its placement. Without this a commit does it, for small messages faster. */
bool draft_close(struct draft *draft, int64_t received, struct error *error);
/** The bytes of memory that a draft takes. */
size_t draft_memory(const struct draft *draft);
/** Bytes of the header that have been written so far, its empty line included. */
uint64_t draft_header(const struct draft *draft);
/** Makes the draft's content the same file as the committed message `id` of another account (hard link), instead of
 * writing it; falls back to copying. */
bool draft_link(struct draft *draft, struct account *other, int64_t id, struct error *error);
/** Makes a file the draft's content, by a hard link: nothing is written. It is open for reading, and nobody writes to it any more, by
 * whatever name. It is copied instead if it can't be linked (another file system), or isn't as messages are kept. */
bool draft_take_file(struct draft *draft, int fd, struct error *error);
/** Throws it away; sets *draft to NULL. */
void draft_abort(struct draft **draft);

/** Parses each draft (of this account; message/summary.h) and adds it to its mailbox, all in one transaction (MULTIAPPEND, RFC 3502).
 * Frees the drafts, also on failure, and sets them to NULL. ERROR_LIMIT: over quota, ERROR_NOT_FOUND: no such mailbox. */
bool draft_commit(struct account *account, struct draft **drafts, struct placement *placements, size_t count, struct error *error);
/** The same, and on disk when it returns true: as store_sync() does it, but for small messages with a fraction of the writing,
 * if the store has a journal. What failed after the commit may be there nevertheless, as after a lost answer. */
bool draft_commit_durably(struct account *account, struct draft **drafts, struct placement *placements, size_t count, struct error *error);

/* ---- Deliveries to who isn't there ---- */

/** The account for a delivery, without opening it: whether it exists is found out then. NULL with ERROR_NOT_FOUND. To be released. */
struct account *store_address_account(struct store *store, struct slice name, struct error *error);
/** Is it better, for so many bytes to its INBOX, to have them arrive, since the account isn't open, and opening it would cost more
 * than they do? To be asked once for each delivery: who has many of them is opened. */
bool account_prefers_arrivals(struct account *account, uint64_t bytes);
/** Instead of draft_commit(). Frees the draft, also on failure, and sets it to NULL.
 * ERROR_NOT_FOUND: there is no such account. */
bool draft_arrive(struct draft **draft, struct arrival *arrival, struct error *error);
/** The same with the content of a letter that arrived in another account, by a hard link. False: it can't be; write it. */
bool account_arrive_linked(struct account *account, const struct account *other, const struct arrival *from, struct arrival *arrival);

/** The delivery with this id, its text in `arena`. ERROR_NOT_FOUND: there was none. */
bool delivery_find(struct account *account, int64_t delivery_id, struct arena *arena, struct delivered *delivered, struct error *error);
/** Notes other flags as those that were given. */
bool delivery_note(struct account *account, int64_t delivery_id, unsigned flags, struct slice keywords, struct error *error);

/* ---- Uploads: bytes that a client has sent ahead of what it will use them for (RFC 8620 §6) ---- */

enum { UPLOADS_MAX = 1000 /* of an account */, UPLOAD_SECONDS = 24 * 3600 /* they are kept for, unless newer ones need their room */ };
struct upload;
/** Starts one of `bytes`, as far as that is known, and of `most` at most. `room` is how many bytes all of the account may take: if it doesn't fit,
 * the oldest go. NULL: ERROR_LIMIT, if others are being written; or ERROR_FULL … */
struct upload *upload_new(struct account *account, uint64_t bytes, uint64_t most, uint64_t room, struct error *error);
bool upload_write(struct upload *upload, struct slice bytes, struct error *error);
/** Keeps it; survives a power cut after the next store_sync(). Frees it, also on failure, and sets *upload to NULL. */
bool upload_keep(struct upload **upload, int64_t *id, uint64_t *size, struct error *error);
/** Throws it away; sets *upload to NULL. */
void upload_abort(struct upload **upload);
/** Opens one for reading; the descriptor is the caller's. ERROR_NOT_FOUND: it was never there, or isn't any more. */
int upload_open(struct account *account, int64_t id, uint64_t *size, struct error *error);
/** A file that has no name, and goes when it is closed. -1 with *error. */
int account_scratch_file(struct account *account, struct error *error);

/* ---- Care ---- */

/** Those, the last expunged first, at most `limit` (0: all), in `arena`. */
bool account_list_expunged(struct account *account, size_t limit, struct arena *arena, struct expunged_message **list, size_t *count,
		       struct error *error);
/** The ids of those alone, in the same order. */
bool account_expunged_ids(struct account *account, size_t limit, struct arena *arena, int64_t **ids, size_t *count, struct error *error);
/** Those with these ids, each given once, in their order, in `arena`; what isn't one of them has the id 0. */
bool account_find_expunged(struct account *account, const int64_t *ids, size_t count, struct arena *arena, struct expunged_message **list, struct error *error);
/** Brings an expunged message back into a mailbox while undelete_seconds have not passed. */
bool message_undelete(struct account *account, int64_t message_id, int64_t mailbox, uint32_t *uid, struct error *error);
/** Removes files of messages that were expunged longer ago than undelete_seconds, and leftovers of crashed drafts. */
bool account_clean(struct account *account, struct error *error);
/** Writes a snapshot of the account database beside it (the newest few are kept); for repair. */
bool account_snapshot(struct account *account, struct error *error);

/** The regular care of all accounts: account_clean(), and account_snapshot() where something has changed and the newest snapshot
 * is older than `snapshot_every` seconds (0: none are made). Ends early when `stopping` says so. */
bool store_care(struct store *store, int64_t snapshot_every, bool (*stopping)(void *context), void *context, struct error *error);

/** Checks every invariant of an account between its database and its files; with `repair`, mends what can be mended:
 * damaged or missing databases are rebuilt from the message files and the newest snapshot. */
bool store_fsck(struct store *store, struct slice account, bool repair, struct fsck_report *report, struct error *error);

#endif
