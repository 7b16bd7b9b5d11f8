/* What mail is made of, in the words that the store, its rooms and those outside share; who is outside gets it with store/store.h. */
#ifndef STORE_MAIL_TERMS_H
#define STORE_MAIL_TERMS_H

#include "base/slice.h"

/* ---- Mailboxes ---- */

enum special_use { USE_NONE, USE_DRAFTS, USE_SENT, USE_JUNK, USE_TRASH, USE_ARCHIVE, USE_ALL, USE_FLAGGED }; /* RFC 6154 */

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
};

enum { MAILBOX_KEYWORDS_MAX = 64 * 1024 };

enum { MAILBOX_NAME_MAX = 1000, MAILBOX_DEPTH_MAX = 32 };

/* ---- Messages ---- */

enum { /* system flags, in `flags` */
	FLAG_SEEN = 1, FLAG_ANSWERED = 2, FLAG_FLAGGED = 4, FLAG_DELETED = 8, FLAG_DRAFT = 16,
	FLAG_RECENT = 32, /* never stored; see mailbox_claim_recent */
};

enum { KEYWORD_MAX = 100, KEYWORDS_PER_MESSAGE_MAX = 100 };

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
};

enum message_wanted { MESSAGE_FLAGS = 0, MESSAGE_SUMMARY = 1 };

enum flags_change { FLAGS_SET, FLAGS_ADD, FLAGS_REMOVE };

struct placement {
	int64_t mailbox;
	unsigned flags;
	struct slice keywords;
	int64_t received;       /* INTERNALDATE; 0: now */
	int64_t delivery_id;    /* not 0: unique id of this delivery; committing it again changes nothing and succeeds */
	/* results */
	uint32_t uid;
	int64_t id, modseq;
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
};

/** What counts, and the limits (0: none). Each message file counts once, however many mailboxes show it; each further place counts as
 * a message, and as what it takes on the disk. Keywords count in every place, byte by byte. Both are counted only where there is a limit. */
enum { QUOTA_COPY_BYTES = 1024 };
struct quota { uint64_t bytes, messages, max_bytes, max_messages; };

#endif
