/* A message as milters see it and change it. Milters are asked one after the other, and each sees what those before it have made of the
 * message; what one wanted changed counts when it has said its last word, and not at all if it dies before.
 *
 * Whatever a milter says, the message stays one: names and values of fields are well-formed, lines end with CR LF, and all of it is bounded. */
#ifndef ENGINE_MILTER_H
#define ENGINE_MILTER_H

#include "base/arena.h"
#include "base/buf.h"

enum {
	ENGINE_FIELDS_MAX = 2000,          /* of a header that milters are asked about, those that they have put in included */
	ENGINE_CHANGES_MAX = 400,          /* of header and envelope, by one milter */
	ENGINE_CHANGES_SIZE = 64 * 1024,   /* bytes of them, with names */
	ENGINE_RECIPIENTS_ADDED_MAX = 20,
	ENGINE_FIELD_NAME_MAX = 200,
	ENGINE_FIELD_LINE_MAX = 998,       /* of a field that is put in (RFC 5322 §2.1.1) */
	ENGINE_BODIES_MAX = 256 * 1024 * 1024, /* bytes of bodies that milters have put in the place of others, of all messages at a time */
};

struct engine_field {
	struct slice name;
	struct slice value;  /* all that stands behind the colon, with blanks and folds, without the last line end */
	uint64_t at, len;    /* its lines in the message as it came; 0, 0: it was put in */
	bool changed, removed;
};

struct engine_recipient {
	struct slice address;
	bool removed, added;
};

/** A body that comes in pieces; begin with {.text = BUF(…)}. */
struct engine_body {
	struct buf text;  /* its lines end with CR LF */
	size_t held;      /* bytes of it that count against ENGINE_BODIES_MAX */
	bool after_cr;
};
/** Appends a piece: all line ends become CR LF. NULL, or why it can't be a body. */
const char *engine_body_add(struct engine_body *body, struct slice piece);
void engine_body_free(struct engine_body *body);

struct engine_letter {
	struct arena *arena;          /* where the fields and what is put in live; engine_letter_free() gives it back */
	struct slice message;         /* as it came */
	size_t hidden, header;        /* bytes at its front that milters aren't shown; of its header, the empty line included */
	struct engine_field *fields;  /* in their present order, the removed ones among them */
	size_t field_count, field_room, put_in;
	bool too_many;                /* there are more fields than milters can be asked about */
	struct slice body;
	struct engine_body replacement; /* what `body` is, when it was replaced */
	struct slice sender;
	struct engine_recipient *recipients;
	size_t recipient_count, recipients_asked; /* with those that were added, and without */
	bool sender_changed, recipients_changed, header_changed, body_replaced;
	/** May a field of that name be put in with this value, or, without a value, be changed or removed? NULL: any. */
	bool (*allows)(void *context, struct slice name, struct slice value);
	void *context;
};

/** `hidden`: of whole fields. What is passed must stay. */
void engine_letter_begin(struct engine_letter *letter, struct slice message, size_t hidden, struct slice sender, const struct slice *recipients, size_t count);
void engine_letter_free(struct engine_letter *letter);
/** Was the text changed? */
bool engine_letter_is_changed(const struct engine_letter *letter);
/** Appends its header as it is now: what is hidden, the fields, the empty line. */
void engine_letter_write_header(const struct engine_letter *letter, struct buf *out);

/** Lines of the header as it came that something else takes the place of: whole fields, or none. */
struct engine_edit {
	uint64_t at, len;
	struct slice text; /* whole fields, or none */
};
/** Calls `take` with each edit, in their order, none of which touches another. Stops, and says false, when it does. */
bool engine_letter_edits(const struct engine_letter *letter, bool (*take)(void *context, const struct engine_edit *edit), void *context);

/* ---- What milters do; false: it isn't allowed, or there is no room. Positions count the fields that are there and shown. ---- */

/** Puts a field before the one that stands at `position`, or at the end of the header. The value is mended: as text with its first blank. */
bool engine_letter_insert(struct engine_letter *letter, size_t position, struct slice name, struct slice value);
/** Changes the field that is number `which` (from 1 on) of those with this name; an empty value removes it, and where there is none such it is added. */
bool engine_letter_change(struct engine_letter *letter, struct slice name, size_t which, struct slice value);
/** Takes it over as the new body, whose last line is ended. */
void engine_letter_replace_body(struct engine_letter *letter, struct engine_body *body);
bool engine_letter_set_sender(struct engine_letter *letter, struct slice address);
bool engine_letter_add_recipient(struct engine_letter *letter, struct slice address);
bool engine_letter_remove_recipient(struct engine_letter *letter, struct slice address);

#endif
