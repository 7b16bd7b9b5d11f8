/* Bodies of messages, as things of their own beside the rows that name them, with three drivers: files in a folder, objects in a store that speaks S3,
 * rows of a database. For stores whose rows aren't in a folder of an account's; where they are, blob/ keeps the files of messages, and doesn't know
 * of this.
 *
 * A body is put once, under an id that nothing else has or will have, and is never changed. Any number of rows may name it: a letter to a thousand
 * recipients is one body. Equal bodies that come separately are kept separately. That costs little, since what servers add to a letter on its way
 * makes each delivery's another, and it is what makes removing safe: nobody who has found an old body by its content can begin to name it just when
 * it is removed.
 *
 * The order of writes, which is what is promised:
 *   putting:  the body first, durably (bodies_put() has returned), then the row that names it;
 *   removing: the row first; the body goes by a sweep (bodies_sweep()) and no other way.
 * So a crash leaves no row without its body, and a body without a row until the sweep after the next. A row may come to name a body that another one
 * names, in a transaction that has seen that one: a sweep removes only what was without a name at the sweep before it, too, and is older than any
 * transaction lasts. */
#ifndef STORE_BODIES_H
#define STORE_BODIES_H

#include "base/buf.h"
#include "base/error.h"

struct s3_place;

enum { BODY_HASH_SIZE = 32, BODIES_SIZE_MAX = 1024 * 1024 * 1024 };

/** What a row keeps of a body, to name it. */
struct body {
	int64_t id;   /* as id_new() makes them: says when */
	uint64_t size;
	unsigned char hash[BODY_HASH_SIZE]; /* SHA-256 */
};

struct bodies;

/** Opens a place for bodies; NULL with *error. What is opened belongs to one thread at a time. The folder is made if it isn't there; a prefix of keys
 * ends with a slash, or is empty; the database is a place as db_open() has it, with no tables but these. */
struct bodies *bodies_open_files(const char *folder, struct error *error);
struct bodies *bodies_open_s3(const struct s3_place *place, struct slice prefix, struct error *error);
struct bodies *bodies_open_rows(const char *place, struct error *error);
/** NULL is fine. */
void bodies_close(struct bodies **bodies);

/** Puts a body, and says how it is named. True: it is durable. False: it isn't there, or is an orphan for the sweep. ERROR_LIMIT: more than
 * BODIES_SIZE_MAX bytes; ERROR_FULL: there is no room. */
bool bodies_put(struct bodies *bodies, struct slice content, struct body *body, struct error *error);
/** Appends the whole body to `out`, once it has the size and hash that it should have; else ERROR_INVALID. ERROR_NOT_FOUND: it isn't there. */
bool bodies_get(struct bodies *bodies, const struct body *body, struct buf *out, struct error *error);
/** Appends `count` bytes of it from `from` on. ERROR_INVALID: it doesn't have these. Nothing is compared. */
bool bodies_get_part(struct bodies *bodies, const struct body *body, uint64_t from, size_t count, struct buf *out, struct error *error);
/** Calls `visit` for each body, until it gives false, with its error. Of objects and files the size is what is there. The visitor may not use `bodies`. */
typedef bool (*bodies_visit)(void *context, const struct body *body, struct error *error);
bool bodies_list(struct bodies *bodies, bodies_visit visit, void *context, struct error *error);

/* ---- Sweeping: sweep.c ---- */

enum {
	BODIES_SUSPECTS_MAX = 1000 * 1000, /* more are left for later sweeps */
	BODIES_NONE_NAMED = 100,           /* so many bodies, and not one of them is named: then the rows aren't theirs */
};

/** Who was without a name at the last sweep: zeroed at first, and kept from one sweep to the next by whoever sweeps; what is forgotten takes a sweep longer. */
struct bodies_suspects {
	int64_t *ids; /* rising */
	size_t count;
};
void bodies_free_suspects(struct bodies_suspects *suspects);

struct bodies_swept {
	size_t seen, removed, suspected;
};

/** Removes bodies that are older than `before` (seconds since 1970) and were without a name at the last sweep and are so now, and what crashes have left of
 * unfinished ones, of the same age. `is_named` asks the rows: true with *named, false with *error, which ends the sweep before it removes more. Sweeps
 * at least a transaction's longest time apart, one at a time. ERROR_INVALID: none of many is named, so these can't be their rows; nothing is removed. */
typedef bool (*bodies_is_named)(void *context, const struct body *body, bool *named, struct error *error);
bool bodies_sweep(struct bodies *bodies, struct bodies_suspects *suspects, int64_t before, bodies_is_named is_named, void *context, struct bodies_swept *swept, struct error *error);

#endif
