/* What other programs and languages call the mailboxes that have a use (RFC 6154), and what Gmail's labels mean. */
#ifndef CLI_FOLDER_NAMES_H
#define CLI_FOLDER_NAMES_H

#include "store/store.h"

/** The use of a mailbox that has this name with another server or program: USE_SENT for "Sent Items"; USE_NONE if it tells none. */
enum special_use cli_folder_use(struct slice name);

/** What a label of Gmail says, in the languages that Google Takeout writes it in. */
enum cli_label { LABEL_OTHER, LABEL_INBOX, LABEL_SENT, LABEL_DRAFTS, LABEL_JUNK, LABEL_TRASH, LABEL_STARRED, LABEL_SEEN, LABEL_UNSEEN, LABEL_NOTHING };
enum cli_label cli_label_meaning(struct slice label);

#endif
