/* Training: what people call spam and good mail, by where they put it, is learned: of each account for itself at once, in a file of its own
 * (TRAINING_TOKENS in its folder), and told the policy role, which believes it when several say so (policy/votes.h). A thread does it, after
 * whoever said it was answered. */
#ifndef TRAINING_H
#define TRAINING_H

#include "classify/classify.h"
#include "store/store.h"

#define TRAINING_TOKENS "tokens"
enum {
	TRAINING_MESSAGES_MAX = 2000, /* of one command; what is more isn't learned */
	TRAINING_WAITING_MAX = 20000, /* of all accounts, likewise */
};

struct training;
/** `channel`: to the policy role, taken over; -1: nobody is told. */
struct training *training_start(struct store *store, int channel);
/** What hasn't been learned yet isn't. Sets *training to NULL; NULL is fine. */
void training_stop(struct training **training);
/** These messages of the mailbox, if they are still there then, are of this kind. Returns at once. NULL is fine. Any thread. */
void training_note(struct training *training, struct slice account, int64_t mailbox, const uint32_t *uids, size_t count, enum classify_kind kind);
/** These messages of the mailbox were sent by the account: whom they are to is known to it (training/correspondents.h). As training_note(). */
void training_note_sent(struct training *training, struct slice account, int64_t mailbox, const uint32_t *uids, size_t count);

#endif
