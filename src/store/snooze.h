/* Messages that sleep (struct snooze): in the account's mailbox for such until their time, and then back, unread, where they came from. To put one to sleep
 * is a change of its email (struct email_change), or nothing but moving it there. */
#ifndef STORE_SNOOZE_H
#define STORE_SNOOZE_H

#include "store/store.h"

/** All that sleep in an account, by message, in `arena`. */
bool snooze_list(struct account *account, struct arena *arena, struct snooze **list, size_t *count, struct error *error);
/** The one of a message in such a list; NULL: it doesn't sleep. */
const struct snooze *snooze_find(const struct snooze *list, size_t count, int64_t message);
/** The account's mailbox for them, which is made with this name, or one like it, if there is none. */
bool snooze_mailbox(struct account *account, struct slice name, int64_t *id, struct error *error);

/** Wakes, in all accounts, what is to be awake at `now`; *next: when it is to be called again at the latest, INT64_MAX: nothing sleeps. What sleeps in an
 * account that can't be opened is tried again a minute later. Ends early when `stopping` says so. For one process alone. */
void store_wake(struct store *store, int64_t now, bool (*stopping)(void *context), void *context, int64_t *next);
/** Another number whenever something may have been put to sleep; to be asked often. */
int64_t store_wake_stamp(const struct store *store);

#endif
