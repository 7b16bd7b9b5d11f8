/* What mail is made of, in the words that the store, its rooms and those outside share; who is outside gets it with store/store.h. */
#ifndef STORE_MAIL_TERMS_H
#define STORE_MAIL_TERMS_H

#include "base/error.h"
#include "base/slice.h"

/* ---- Mailboxes ---- */

enum special_use { USE_NONE, USE_DRAFTS, USE_SENT, USE_JUNK, USE_TRASH, USE_ARCHIVE, USE_ALL, USE_FLAGGED, USE_SNOOZED }; /* RFC 6154, and that of snoozed messages */

struct mailbox {
	int64_t id;             /* never given to another mailbox of the account */
	struct slice name;      /* UTF-8, "INBOX" or "A/B" */
	enum special_use use;
	bool subscribed;
	bool selectable;        /* false: only a name with children (\Noselect) */
	uint32_t uidvalidity, uidnext;
	int64_t modseq;         /* highest in this mailbox (HIGHESTMODSEQ) */
	uint32_t messages, unseen, recent;
	uint64_t bytes;
	uint32_t deleted;       /* with \Deleted */
	uint32_t recent_from;   /* UIDs from this one on are recent */
	/* what JMAP says of it (RFC 8621 §2); what has \Deleted doesn't count there */
	uint32_t emails, unread_emails, threads, unread_threads;
	uint32_t sort_order;
	int64_t parent;         /* the id of the mailbox above, by mailbox_list() and mailbox_get() alone; 0: it is at the top */
};

enum { MAILBOX_KEYWORDS_MAX = 64 * 1024 };

enum { MAILBOX_NAME_MAX = 1000, MAILBOX_DEPTH_MAX = 32 };

/* ---- Messages ---- */

enum { /* system flags, in `flags` */
	FLAG_SEEN = 1, FLAG_ANSWERED = 2, FLAG_FLAGGED = 4, FLAG_DELETED = 8, FLAG_DRAFT = 16,
	FLAG_RECENT = 32, /* never stored; see mailbox_claim_recent */
};

enum { KEYWORD_MAX = 255, KEYWORDS_PER_MESSAGE_MAX = 100 };

/** One message in one mailbox. */
struct message {
	uint32_t uid;
	unsigned flags;
	struct slice keywords;  /* space-separated, as first written, sorted; no duplicates but for case */
	int64_t modseq;
	int64_t id;             /* of the content in this account: the same for all mailboxes that show it (RFC 8474 EMAILID) */
	uint64_t size;          /* RFC822.SIZE: exactly the bytes of the file */
	int64_t received;       /* INTERNALDATE */
	struct slice summary;   /* with MESSAGE_SUMMARY: envelope and body structure, see message/summary.h */
	struct slice excerpt;   /* with MESSAGE_EXCERPT or MESSAGE_LONG_EXCERPT: some header fields, see message/excerpt.h; empty: there is none */
};

/** An excerpt that was made of the message with this id. */
struct message_excerpt { int64_t message; struct slice text; };

/** Bits, of which of the last two at most one. */
enum message_wanted { MESSAGE_FLAGS = 0, MESSAGE_SUMMARY = 1, MESSAGE_EXCERPT = 2, MESSAGE_LONG_EXCERPT = 4 };

enum flags_change { FLAGS_SET, FLAGS_ADD, FLAGS_REMOVE };

struct placement {
	int64_t mailbox;
	unsigned flags;
	struct slice keywords;
	int64_t received;       /* INTERNALDATE; 0: now */
	int64_t delivery_id;    /* not 0: unique id of this delivery; committing it again changes nothing and succeeds */
	const int64_t *also;    /* further mailboxes that show it from the beginning */
	size_t also_count;
	/* results */
	uint32_t uid;
	int64_t id, thread, modseq;
	bool duplicate;         /* the delivery id was there already */
};

/** What is known of a delivery that was made: what was given then, and what has become of the message. */
struct delivered {
	int64_t mailbox;
	uint32_t uid;
	unsigned flags;
	struct slice keywords;
	bool shown;             /* it is still there, with these: */
	unsigned flags_now;
	struct slice keywords_now;
};

/** A message that no mailbox shows any more, but that can be brought back. */
struct expunged_message {
	int64_t id;
	uint64_t size;
	int64_t received, expunged; /* when: seconds since 1970 */
	struct slice summary;       /* as in struct message */
	int64_t thread;
	/* Of account_find_expunged(): the mailbox that it was taken out of last, which may have gone since; 0: that isn't known any more. */
	int64_t mailbox;
};

/* ---- Emails: what JMAP calls a message with all its places (RFC 8621 §4) ----
 *
 * An email is a message of the account; its id is that of struct message. It is in the mailboxes that show it without \Deleted: one that
 * no mailbox shows so isn't there (RFC 8621 §4.1.1), and is again when the flag is taken from it. Its places may have different flags, of which
 * RFC 8621 says nothing: \Seen is said of an email if all of them have it, every other flag and keyword if one has. */

enum { EMAIL_MAILBOXES_MAX = 1000 }; /* into which an email can be put; more only by IMAP's COPY */

struct email {
	int64_t id;
	int64_t thread;         /* what belongs together (RFC 8621 §3): never another for the same email */
	int64_t received;
	uint64_t size;
	unsigned flags;         /* without \Deleted */
	uint32_t mailbox_count; /* at least 1 */
	const int64_t *mailboxes; /* ids, ascending */
	struct slice keywords;  /* lower-case, sorted, separated by a space */
	struct slice summary;   /* with MESSAGE_SUMMARY, see message/summary.h */
};

/** Unread as RFC 8621 §2 has it: neither $seen nor $draft. */
static inline bool email_is_unread(const struct email *email) { return (email->flags & (FLAG_SEEN | FLAG_DRAFT)) == 0; }

/** A message that sleeps: it is in the mailbox for such (USE_SNOOZED) until its time, and then comes back. Taken out of there before, it sleeps no more. */
struct snooze {
	int64_t message;
	int64_t until;          /* seconds since 1970 */
	int64_t mailbox;        /* where it comes back to; 0, or one that isn't there any more: INBOX */
	/* what it has then, and hasn't */
	unsigned flags, without_flags;
	struct slice keywords, without_keywords; /* separated by spaces */
};

/** Emails that belong together, ordered by `received`, then id. */
struct thread { int64_t id; const int64_t *emails; size_t count; /* 0: there is no such thread */ };

/** Where the account stands: numbers that rise whenever what JMAP says of emails, threads (which emails they hold) or mailboxes changes. */
struct account_states { int64_t emails, threads, mailboxes; uint64_t email_count, thread_count; int64_t deliveries; /* when an email was last added */ };

/** What a client knows: all as of `since`; with `until` not 0 it is on its way to `until`, and has heard of what has an id of `next` or above.
 * A state of struct account_states is {state, 0, 0}. Clients are given it as text (changes_point_write) and may give us anything. */
struct changes_point { int64_t since, until, next; };
enum { CHANGES_POINT_MAX = 3 * 20 + 3 };

/** What has changed (RFC 8620 §5.2), highest ids first: the newest. An id is in one list at most. */
struct changes {
	bool known;             /* false: the log doesn't reach back to that point, or there never was one; nothing else is told */
	bool more;              /* there are more changes after `point` */
	struct changes_point point; /* where the client is with these */
	int64_t *created, *updated, *destroyed;
	size_t created_count, updated_count, destroyed_count;
	bool counts_only;       /* of mailboxes: those updated have changed in emails, unread_emails, threads and unread_threads alone */
};

/** What is to become of an email (RFC 8621 §4.6). */
struct email_change {
	int64_t id;
	bool destroy;           /* it leaves all its mailboxes; else: */
	bool set_mailboxes;     /* `add` are all the mailboxes it is to be in; else it is put into them and taken out of `remove` */
	const int64_t *add, *remove;
	size_t add_count, remove_count;
	bool set_keywords;      /* `flags` and `keywords` are all it is to have; else those are added, and those of `without` removed */
	unsigned flags, without_flags;
	struct slice keywords, without_keywords; /* separated by spaces */
	const struct snooze *snooze; /* it is to sleep so, in a mailbox for such; NULL: as it is, or by default if it comes there; `message` needn't be set */
	/* results */
	bool done;              /* if not, `error` says why: ERROR_NOT_FOUND, ERROR_LIMIT, ERROR_INVALID; and in JMAP's terms: */
	bool missing_mailbox;   /* it isn't the email that isn't there, but a mailbox of `add` */
	bool over_quota, too_many_mailboxes, too_many_keywords;
	struct error error;
};

/** What is to become of a mailbox, or what a new one is to be (RFC 8621 §2.5): what isn't `set` stays. */
struct mailbox_change {
	bool set_name, set_parent, set_use, set_sort_order, set_subscribed;
	struct slice name;      /* of its own level: without '/' */
	int64_t parent;         /* 0: to the top */
	enum special_use use;
	uint32_t sort_order;
	bool subscribed;
};

/** What counts, and the limits (0: none). Each message file counts once, however many mailboxes show it; each further place counts as
 * a message, and as what it takes on the disk. Keywords count in every place, byte by byte. Both are counted only where there is a limit. */
enum { QUOTA_COPY_BYTES = 1024 };
struct quota { uint64_t bytes, messages, max_bytes, max_messages; };

#endif
