/* Putting existing mail into an account: import_maildir.c and import_mbox.c read the sources, import_fields.c takes what other
 * programs keep in header fields, import_add.c adds to the store. */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include "base/map.h"
#include "store/store.h"

enum { IMPORT_BATCH = 64, IMPORT_DIGEST_SIZE = 32 };

/** A message that is new here in this run. */
struct cli_import_new {
	int64_t delivery_id;
	unsigned char digest[IMPORT_DIGEST_SIZE];
};

struct cli_import {
	struct store *store;
	struct account *account;
	struct arena *arena;          /* lives as long as the import */
	struct slice map;             /* --map: lines of OLD=NEW */
	bool by_label;                /* no mailbox was named: Gmail's labels tell */
	struct slice mailbox;         /* where messages go */
	int64_t mailbox_id;
	struct map *visited;          /* names of mailboxes that messages of this run go to */
	struct map *seen;             /* how often a content has come for a mailbox in this run */
	struct map *seen_ids;         /* the delivery ids of this run */
	struct cli_import_new *fresh;
	size_t fresh_count, fresh_room;
	struct draft *drafts[IMPORT_BATCH];
	struct placement placements[IMPORT_BATCH];
	size_t gathered;
	uint64_t added, known, changed, moved, left, failed;
};

/** Further messages go into this mailbox of the source, or where --map or its use leads (folder_names.h); it is made if it isn't
 * there. A name that can't be one here is mended. */
bool cli_import_into(struct cli_import *import, struct slice mailbox, struct error *error);
/** Adds a message with any line ends, which become CRLF, and with `like`'s flags, keywords and date. One that a former import has
 * brought already is known: what has changed of its flags since then is changed here, too. False: the account can't take more. */
bool cli_import_add(struct cli_import *import, struct slice content, const struct placement *like, struct error *error);
/** Names on standard error what isn't taken, and why, and counts it: what is no mail, or what can't be read. */
void cli_import_leave(struct cli_import *import, const char *what, const char *why);
void cli_import_fail(struct cli_import *import, const char *what, const char *why);
void cli_import_fail_errno(struct cli_import *import, const char *what, int number);
/** Writes what has gathered; and what is in another mailbox now than at the former import leaves the one where it was. */
bool cli_import_finish(struct cli_import *import, struct error *error);
void cli_import_free(struct cli_import *import);

/** All that is in a Maildir goes into `mailbox`, and its folders into mailboxes of their names; below `mailbox` if that isn't INBOX. */
bool cli_import_maildir(struct cli_import *import, const char *path, struct slice mailbox, struct error *error);
bool cli_import_mbox_file(struct cli_import *import, const char *path, struct slice mailbox, struct error *error);
/** A folder of mbox files, and of folders of them: each goes into the mailbox of its name. */
bool cli_import_mbox_tree(struct cli_import *import, const char *path, struct slice mailbox, struct error *error);

/* ---- import_fields.c ---- */

enum cli_import_source { IMPORT_MBOX = 1, IMPORT_MAILDIR = 2 };

/** What other programs had noted in a message's header. */
struct cli_import_fields {
	unsigned flags;
	bool has_flags;           /* something was said of flags */
	bool removed;             /* Thunderbird's: deleted, and not yet taken out of the file */
	bool internal;            /* no letter: data of the program that wrote the mbox */
	struct buf keywords;
	struct slice labels;      /* Gmail's, decoded; in the arena */
	uint64_t body;            /* Content-Length; UINT64_MAX: none */
};
/** Looks at the fields of the header at the start of `raw`, and appends the message without those that are of use to such programs
 * only. cli_import_fields_free() when done. */
void cli_import_take_fields(struct slice raw, enum cli_import_source source, struct buf *out, struct cli_import_fields *fields, struct arena *arena);
void cli_import_fields_free(struct cli_import_fields *fields);
/** Adds a word to a list of keywords, with what can't stand in one replaced (RFC 3501 §9, flag-keyword). */
void cli_import_add_keyword(struct buf *keywords, struct slice word);
/** Does `content` begin as mail does, with a header field? */
bool cli_import_is_mail(struct slice content);

#endif
