/* The door to objects (mail/object.h): what an account keeps beside mail. What is changed is announced as any change of the account; store_sync() makes
 * it durable. */
#ifndef STORE_OBJECT_H
#define STORE_OBJECT_H

#include "store/mail/object.h"
#include "store/store.h"

/** All of a kind by id, in `arena`, OBJECTS_MAX at most. *state: when one of them was last changed. */
bool object_list(struct account *account, enum object_kind kind, struct arena *arena, struct object **list, size_t *count, int64_t *state, struct error *error);
/** One by its id. ERROR_NOT_FOUND. */
bool object_get(struct account *account, enum object_kind kind, int64_t id, struct arena *arena, struct object *object, struct error *error);
/** One by its reference. ERROR_NOT_FOUND. */
bool object_find(struct account *account, enum object_kind kind, int64_t reference, struct arena *arena, struct object *object, struct error *error);
/** When one of a kind was last changed. */
bool object_state(struct account *account, enum object_kind kind, int64_t *state, struct error *error);
/** Makes those of the changes that can be made, in one transaction: each says whether it was. */
bool object_change(struct account *account, enum object_kind kind, struct object_change *list, size_t count, struct error *error);
/** Gives the object with this reference the text that `edit` makes of it (false: it stays as it is), nobody changing it meanwhile. It may call nothing of
 * the store. ERROR_NOT_FOUND. */
bool object_edit(struct account *account, enum object_kind kind, int64_t reference,
		 bool (*edit)(void *context, const struct object *object, struct arena *arena, struct slice *text), void *context, struct error *error);
/** The same for one that is of one kind or the other, which it may become meanwhile (object_move()). */
bool object_edit_either(struct account *account, enum object_kind first, enum object_kind second, int64_t reference,
			bool (*edit)(void *context, const struct object *object, struct arena *arena, struct slice *text), void *context, struct error *error);
/** The object with this reference becomes one of another kind, with another id, its text and reference as they are; *id is that of the one that is there then,
 * also if it was one of that kind already. ERROR_NOT_FOUND: there is none. */
bool object_move(struct account *account, enum object_kind from, enum object_kind to, int64_t reference, int64_t *id, struct error *error);
/** What has changed since that point, at most `max` ids, in `arena` (RFC 8620 §5.2). */
bool object_changes(struct account *account, enum object_kind kind, const struct changes_point *since, size_t max, struct arena *arena, struct changes *changes,
		    struct error *error);

#endif
