/* What a driver is, and the names of bodies in files and objects. */
#ifndef STORE_BODIES_INTERNAL_H
#define STORE_BODIES_INTERNAL_H

#include "base/random.h"
#include "store/bodies/bodies.h"

struct bodies_driver {
	/* Durably, all or nothing. */
	bool (*put)(void *state, const struct body *body, struct slice content, struct error *error);
	bool (*get)(void *state, const struct body *body, uint64_t from, size_t count, struct buf *out, struct error *error);
	/* That one isn't there is fine. */
	bool (*remove)(void *state, const struct body *bodies, size_t count, struct error *error);
	bool (*list)(void *state, bodies_visit visit, void *context, struct error *error);
	/* Removes what was begun before `before` and never finished. */
	bool (*clean)(void *state, int64_t before, struct error *error);
	void (*close)(void *state);
};

struct bodies {
	const struct bodies_driver *driver;
	void *state;
};

struct bodies *bodies_new(const struct bodies_driver *driver, void *state);

/* "<id>.<hash>" */
enum { BODIES_NAME_LEN = ID_TEXT_LEN + 1 + 2 * BODY_HASH_SIZE, BODIES_FOLDER_LEN = 3 };
void bodies_name(const struct body *body, char out[BODIES_NAME_LEN + 1]);
/** Reads it, but for the size. False: it is no body's. */
bool bodies_read_name(struct slice name, struct body *body);
void bodies_hash(struct slice content, unsigned char out[BODY_HASH_SIZE]);

#endif
