/* What a message is for one account beside what it is for all: by what was learned of that account's mail alone (training/training.h), and by whom it
 * is in touch with (training/correspondents.h). The points that follow from it are added to those that the message came with. */
#ifndef COURIER_PERSONAL_H
#define COURIER_PERSONAL_H

#include "courier/internal.h"

/** What was looked up of one message, once for all accounts that it goes to. Begin with {.courier = …, .message = …}; one thread. */
struct courier_personal {
	struct courier *courier;
	const struct queue_message *message;
	struct courier_personal_words *words; /* NULL: no account has asked yet */
	bool unreadable;
};
enum { COURIER_PERSONAL_FINDINGS_MAX = 200 };

/** Points for this account, in hundredths; what they are made of is appended to `findings`: "RULE POINTS;RULE POINTS". None for a message that wasn't
 * weighed. */
int courier_personal_points(struct courier_personal *personal, struct slice account, struct buf *findings);
/** Frees what it holds. */
void courier_personal_end(struct courier_personal *personal);

/** The account has written to these people. */
void courier_personal_wrote(struct courier *courier, const struct courier_letter *letter);
/** The message came into the account's inbox. */
void courier_personal_heard(struct courier *courier, const struct queue_message *message, struct slice account);

#endif
