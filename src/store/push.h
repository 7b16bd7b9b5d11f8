/* Whom an account's changes are to be told to over the network (JMAP's push subscriptions): objects of the kind OBJECT_PUSH, whose texts the store doesn't read. */
#ifndef STORE_PUSH_H
#define STORE_PUSH_H

#include "store/object.h"

/** As object_change(), for this kind. */
bool push_change(struct account *account, struct object_change *list, size_t count, struct error *error);
/** Might an account have any? Opens none: costs a look for a file. */
bool store_has_push(const struct store *store, struct slice account);
/** None is left: that file goes, if it is so. */
void push_forget(struct account *account);

#endif
