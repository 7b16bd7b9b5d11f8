/* Mailboxes as JMAP has them (RFC 8621 §2), for the files of their methods. */
#ifndef JMAP_MAILBOX_H
#define JMAP_MAILBOX_H

#include "jmap/mail.h"

/** All of an account, at one moment. */
struct jmap_mailboxes { struct mailbox *at; size_t count; };
bool jmap_mailboxes_read(struct jmap_call *call, struct jmap_mailboxes *all, struct error *error);
struct mailbox *jmap_mailboxes_find(const struct jmap_mailboxes *all, int64_t id);

/** Its name without those above it; the inbox is "Inbox" whatever IMAP calls it. */
struct slice jmap_mailbox_name(const struct mailbox *mailbox);
bool jmap_mailbox_is_inbox(const struct mailbox *mailbox);
/** Its role; NULL: it has none. */
const char *jmap_mailbox_role(const struct mailbox *mailbox);
/** The use that a role stands for; false: none that a mailbox can get. */
bool jmap_mailbox_use(struct slice role, enum special_use *use);
/** The object, all of it. */
json_t *jmap_mailbox_object(const struct mailbox *mailbox);

#endif
