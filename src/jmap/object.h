/* Types whose objects are kept beside mail (store/object.h): their states and changes, which are the same for all of them. */
#ifndef JMAP_OBJECT_H
#define JMAP_OBJECT_H

#include "jmap/internal.h"
#include "store/object.h"

bool jmap_object_state(struct account *account, enum object_kind kind, char out[JMAP_STATE_MAX + 1], struct error *error);
/** /changes (RFC 8620 §5.2). */
enum net_run jmap_object_changes(struct jmap_call *call, enum object_kind kind, char letter);
/** /queryChanges (RFC 8620 §5.6) for `ids`, all results as they are now. */
void jmap_object_query_changes(struct jmap_call *call, const struct jmap_query *query, enum object_kind kind, char letter, const int64_t *ids, size_t count);
/** What an object's text says, new; with its id. */
json_t *jmap_object_json(const struct object *object, char letter);
/** Only these properties of it, "id" always: for /get. */
json_t *jmap_object_wanted(const struct jmap_get *get, json_t *object);
/** Puts a new one (id 0) into the place that *id says afterwards, or changes, or destroys (json NULL) one. A SetError, or NULL. */
json_t *jmap_object_put(struct jmap_call *call, enum object_kind kind, int64_t *id, int64_t reference, const json_t *json);
/** The first of an object's properties that isn't among the names; NULL: all are. */
const char *jmap_object_unknown(const json_t *object, const char *const *names);

#endif
