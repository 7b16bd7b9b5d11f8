/* What is kept of a header beside its message: the fields that mail clients ask for when they list a mailbox, as they stand in the
 * file, so that a list of 100,000 messages opens no file (HEADER.FIELDS, RFC 3501 §6.4.5). Pure; linear.
 *
 * There are two: the short one has what most clients want, and is made of every message that comes; the long one has the large fields, too,
 * that few ask for, and is made of a message when somebody does. Either says which fields it knows all about: where they would be
 * too many bytes, the largest are left out, and whoever wants those reads the file. */
#ifndef MESSAGE_EXCERPT_H
#define MESSAGE_EXCERPT_H

#include "base/arena.h"

enum excerpt_kind { EXCERPT_SHORT, EXCERPT_LONG, EXCERPT_KINDS };

enum {
	EXCERPT_SHORT_MAX = 3 * 1024,  /* bytes of fields: a row of the database stays within its page */
	EXCERPT_LONG_MAX = 12 * 1024,
	EXCERPT_HEADER_MAX = 64 * 1024, /* of a longer header nothing is kept */
	EXCERPT_NAME_SEEN = 1024,      /* of a line, to know its field's name */
};

/** The bit of a field that an excerpt may have, by its name in any case; 0: none has it. */
uint64_t excerpt_field(struct slice name);
/** The shortest kind that may have all of these. */
enum excerpt_kind excerpt_kind_for(uint64_t fields);

/** Makes one of a header, up to and with its empty line, in `arena`. */
struct slice excerpt_make(struct slice header, enum excerpt_kind kind, struct arena *arena);
/** Was it made as this version would make it? Another is no better than none. */
bool excerpt_is_current(struct slice excerpt);

/** Some of the fields of an excerpt, in the order of the header. */
struct excerpt_reader { struct slice rest; uint64_t fields; bool damaged; };
/** Begins with these. False: the excerpt can't say of all of them whether they are there, and with what. */
bool excerpt_read(struct slice excerpt, uint64_t fields, struct excerpt_reader *reader);
/** The next field, with its folds and its line end. False: there is no other, or the excerpt is damaged; *whole stays then. */
bool excerpt_next(struct excerpt_reader *reader, struct slice *whole);

#endif
