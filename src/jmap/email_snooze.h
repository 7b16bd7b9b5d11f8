/* The property `snoozed` of an Email: until when it sleeps, and what becomes of it then. An extension of our own, as others have it, too:
 * {until: UTCDate, moveToMailboxId: Id|null, setKeywords: String[Boolean]}, or null. */
#ifndef JMAP_EMAIL_SNOOZE_H
#define JMAP_EMAIL_SNOOZE_H

#include "jmap/mail.h"
#include "store/snooze.h"

/** All that sleep in the account, in the call's arena. False: *error says why. */
bool jmap_snoozes_read(struct jmap_call *call, struct jmap_snoozes *all, struct error *error);
/** The property of an email; new. */
json_t *jmap_snooze_of(const struct jmap_snoozes *all, int64_t email);
/** Has a change of an email do what a patch says of the property. `patch`: its paths that begin with "snoozed", {"snoozed": …} or {"snoozed/until": …};
 * `places`: the change says in which mailboxes the email is to be, too. A SetError, or NULL. */
json_t *jmap_snooze_patch(struct jmap_call *call, const json_t *patch, bool places, struct email_change *change);

#endif
