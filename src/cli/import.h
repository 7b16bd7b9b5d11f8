/* Putting existing mail into an account: import_maildir.c and import_mbox.c read the sources, import_add.c adds to the store. */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include "base/map.h"
#include "store/store.h"

enum { IMPORT_BATCH = 64 };

struct import {
	struct store *store;
	struct account *account;
	struct arena *arena;          /* lives as long as the import */
	struct slice mailbox;         /* where the batch goes */
	int64_t mailbox_id;
	struct map *seen;             /* how often a content has come in this run: hash to count */
	struct draft *drafts[IMPORT_BATCH];
	struct placement placements[IMPORT_BATCH];
	size_t gathered;
	uint64_t added, known, failed;
};

/** Further messages go into this mailbox, which is made if it isn't there. */
bool import_into(struct import *import, struct slice mailbox, struct error *error);
/** Adds a message with any line ends, which become CRLF, and with `like`'s flags, keywords and date. */
bool import_add(struct import *import, struct slice content, const struct placement *like, struct error *error);
/** Writes what has gathered. */
bool import_flush(struct import *import, struct error *error);

/** All that is in a Maildir goes into `mailbox`, and its folders into mailboxes of their names; below `mailbox` if that isn't INBOX. */
bool import_maildir(struct import *import, const char *path, struct slice mailbox, struct error *error);
bool import_mbox_file(struct import *import, const char *path, struct slice mailbox, struct error *error);

#endif
