/* A maildrop (RFC 1939): INBOX as it was when the session began. One session at a time has it: the lock is this process's
 * memory, so a crash releases it. Removal happens in maildrop_update() only. */
#ifndef POP3_MAILDROP_H
#define POP3_MAILDROP_H

#include "store/store.h"

struct maildrop_message {
	uint32_t uid;
	bool deleted;   /* by DELE */
	int64_t id;
	uint64_t size;
};

struct maildrop {
	struct store *store;
	struct slice account;
	int64_t mailbox;
	uint32_t uidvalidity;
	struct message_files *files;
	struct subscription *subscription;
	_Atomic bool changed;              /* somebody has changed the account since it was listed: a message may be gone */
	struct maildrop_message *messages; /* in order of UID; message number n is messages[n - 1] */
	size_t count, deleted;
	uint64_t bytes;  /* of those that are not deleted */
};

enum maildrop_status { MAILDROP_OPEN, MAILDROP_IN_USE, MAILDROP_FAILED };

/** Locks and reads the maildrop of an account. */
enum maildrop_status maildrop_open(struct store *store, struct slice account, struct maildrop **maildrop, struct error *error);
void maildrop_delete(struct maildrop *maildrop, struct maildrop_message *message);
/** Forgets all deletions. */
void maildrop_reset(struct maildrop *maildrop);
/** Removes what was deleted, durably. All or none. */
bool maildrop_update(struct maildrop *maildrop, struct error *error);
/** Reads a whole message, if nothing in the account has changed; `content` has room for its size + 1 bytes. False: maildrop_read()
 * asks what has become of it. */
bool maildrop_read_unchanged(struct maildrop *maildrop, const struct maildrop_message *message, char *content);
/** Opens the message's file; -1 with *error. The descriptor is the caller's. */
int maildrop_read(struct maildrop *maildrop, const struct maildrop_message *message, uint64_t *size, struct error *error);
/** Unlocks and frees; sets *maildrop to NULL. Deletes nothing. */
void maildrop_close(struct maildrop **maildrop);

#endif
