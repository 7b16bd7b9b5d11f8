/* Emails that were removed for good and are still kept (the option undelete_for): an extension of our own. A RecoverableEmail has the id that the Email had, and has again
 * when it is back. */
#ifndef JMAP_RECOVERY_H
#define JMAP_RECOVERY_H

#include "jmap/internal.h"

enum { JMAP_RECOVERY_FOUND_MAX = 10000 /* of the newest that a query finds */ };

/** What is announced of the account: for how long they are kept. */
json_t *jmap_recovery_about(const struct jmap_request *request);

enum net_run jmap_recovery_query(struct jmap_call *call);
enum net_run jmap_recovery_get(struct jmap_call *call);
enum net_run jmap_recovery_restore(struct jmap_call *call);

#endif
