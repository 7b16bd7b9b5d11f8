/* With whom an account is in touch: whom it has written to, and who has written to it. A file in the account's folder, TRAINING_CORRESPONDENTS, keeps
 * the last of them, within bounds: addresses as hashes, with the day. Those whom it has written to have places of their own, so that no number of
 * strangers drives them out.
 *
 * Whatever the file holds it can be read and written: an entry that doesn't bear its check is none. Several processes may do so at a time, without
 * a lock: an entry is written at once, and at worst one of two that are written at the same time is lost. */
#ifndef TRAINING_CORRESPONDENTS_H
#define TRAINING_CORRESPONDENTS_H

#include "base/slice.h"

#define TRAINING_CORRESPONDENTS "correspondents"
enum {
	TRAINING_CORRESPONDENTS_MAX = 4096,  /* of each kind; the file is of 128 KiB at most */
	TRAINING_CORRESPONDENT_DAYS = 730,   /* for so long somebody is known after the last message */
	TRAINING_RECIPIENTS_MAX = 100,       /* of one message that are kept: more is a list, not a correspondence */
};

enum training_touch { TRAINING_WRITTEN_TO, TRAINING_HEARD_FROM };

/** Keeps addresses (canonical: message/address.h), TRAINING_RECIPIENTS_MAX of them at most. The account's folder must be there, else nothing is
 * kept. `now`: seconds since 1970. Not durable before the system writes it. */
void training_correspondents_note(const char *path, enum training_touch touch, const struct slice *addresses, size_t count, int64_t now);
/** Is the address known in this way? Where there is no file nobody is. */
bool training_correspondents_has(const char *path, enum training_touch touch, struct slice address, int64_t now);

#endif
