/* What an account says while its owner doesn't read his mail, and whom it has said that lately. The text is vacation/vacation.h's; the store doesn't read it. */
#ifndef STORE_VACATION_H
#define STORE_VACATION_H

#include "store/object.h"

enum { VACATION_ID = 1, VACATION_TOLD_MAX = 10000 /* so many people are remembered; beyond, nobody is told */ };

/** Keeps it, as the object VACATION_ID of OBJECT_VACATION; `wanted`: somebody may be told, now or later. Who has been told is forgotten. */
bool vacation_keep(struct account *account, struct slice text, bool wanted, struct error *error);
/** Might somebody be told? Opens no account: costs a look for a file. */
bool store_has_vacation(const struct store *store, struct slice account);
/** What it says, in `arena`. ERROR_NOT_FOUND: nothing. */
bool vacation_find(struct account *account, struct arena *arena, struct slice *text, struct error *error);
/** Is it for the message with this id that the sender is told, not having been since then? For the same message it is again. To be made durable before
 * he is told. */
bool vacation_claim(struct account *account, struct slice sender, int64_t message, int64_t since, bool *claimed, struct error *error);

#endif
