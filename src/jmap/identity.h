/* Identities (RFC 8621 §6), for those who send as one. */
#ifndef JMAP_IDENTITY_H
#define JMAP_IDENTITY_H

#include "jmap/object.h"

/** The identity with this id, as /get shows it; new. False: ERROR_NOT_FOUND, or it can't be read now. */
bool jmap_identity_find(struct jmap_call *call, struct slice id, json_t **identity, struct error *error);

extern const struct jmap_type jmap_identity_type;
enum net_run jmap_identity_get(struct jmap_call *call);
enum net_run jmap_identity_changes(struct jmap_call *call);
enum net_run jmap_identity_set(struct jmap_call *call);

#endif
