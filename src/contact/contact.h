/* Contacts: cards as JSON has them (JSContact, RFC 9553), checked; and vCards (RFC 6350, and what was written before it) made of them and them of
 * vCards (RFC 9555). Pure: no input or output, no store, no protocol.
 *
 *   check.c     a card against the tables of types.c
 *   types.c     the types of RFC 9553, the only list of their properties
 *   media.c     photos inside of a card, taken out of it and put back
 *   line.c      the lines of a vCard, as all kinds of programs write them
 *   pointer.c   JSON pointers of patches
 *   read.c, read_property.c …   vCards to cards
 *   write.c     cards to vCards; write_entry.c, write_line.c: their entries, and lines
 *
 * Cards are jansson's; what is said to be new is the caller's to give back. */
#ifndef CONTACT_H
#define CONTACT_H

#include <jansson.h>

#include "base/arena.h"
#include "base/buf.h"

enum {
	CONTACT_CARD_MAX = 256 * 1024,   /* bytes of a card as JSON, without its photos */
	CONTACT_DEPTH_MAX = 24,          /* of objects and lists inside one another */
	CONTACT_VALUES_MAX = 10000,      /* in a card */
	CONTACT_ENTRIES_MAX = 2000,      /* of one object or list */
	CONTACT_UID_MAX = 1000,          /* bytes */
	CONTACT_LOCALIZATIONS_MAX = 32,
	CONTACT_MEDIA_MAX = 4 * 1024 * 1024, /* bytes of a photo */
	CONTACT_MEDIA_COUNT_MAX = 8,     /* in a card */
	CONTACT_HASH_LEN = 32,           /* characters */
	CONTACT_VCARD_MAX = 64 * 1024 * 1024, /* bytes of a file of vCards */
	CONTACT_LINE_MAX = 8 * 1024 * 1024,   /* … of a line in it, unfolded */
	CONTACT_LINES_MAX = 5000,        /* of one vCard */
	CONTACT_PARAMETERS_MAX = 64,     /* of a line */
};

/* ---- Cards: check.c ---- */

/** What is wrong with a card. */
struct contact_problem {
	char property[128]; /* the way to it, "emails/e1/address"; empty: the card as a whole */
	const char *why;    /* a sentence for people, without its stop */
};

/** Is it a Card (RFC 9553 §2)? Unknown properties may be there if they are named as such are (§1.7.4, §1.8.1). Media may have a blobId for
 * their uri (RFC 9610 §3), and what RFC 9555 §2.15 adds may be there. */
bool contact_card_check(json_t *card, struct contact_problem *problem);
/** Is `object` what the Card's property of that name (of a map: each entry) is to be? */
bool contact_entry_check(const char *property, json_t *object);
/** Is it a property of Cards that is known? */
bool contact_is_property(struct slice name);
/** Those, NULL at the end. */
extern const char *const contact_card_properties[];
/** Is it a URI (RFC 3986 §3), as far as can be seen: a scheme, and no character that must be encoded? */
bool contact_is_uri(struct slice text);
/** Is it a UTCDateTime (RFC 9553 §1.4.5)? */
bool contact_is_time(struct slice text);
/** A new uid (§2.1.9): a URN of a random UUID. */
enum { CONTACT_NEW_UID = 46 };
void contact_new_uid(char out[CONTACT_NEW_UID]);

/* ---- Photos: media.c ---- */

/** Bytes that a card's Media are: found again by their hash. */
struct contact_medium {
	char hash[CONTACT_HASH_LEN + 1];
	struct slice type;    /* "image/png" */
	struct slice bytes;
};
/** The hash of bytes, as blobIds have it behind CONTACT_BLOB_LETTER. */
void contact_hash(struct slice bytes, char out[CONTACT_HASH_LEN + 1]);
enum { CONTACT_BLOB_LETTER = 'p' };
/** The hash in a blobId; NULL: it is none of those. */
const char *contact_blob_hash(struct slice blob_id);
/** A number that stands for a uid: cards with different uids have different ones. */
int64_t contact_reference(struct slice uid);
/** What kind of image that is, by how it begins: "image/jpeg" …; NULL: none that is known. */
const char *contact_image_type(struct slice bytes);
/** Takes bytes out of the card: each Media whose uri is a data: URL gets a blobId and a mediaType in its place, and `media` (in `arena`, as all it
 * points to) names them. False: *problem; with `lenient` never: what can't be read stays as it is. */
bool contact_media_take(json_t *card, bool lenient, struct arena *arena, struct contact_medium **media, size_t *count, struct contact_problem *problem);
/** The opposite: each blobId that `find` knows becomes a data: URL. */
void contact_media_put_back(json_t *card, bool (*find)(void *context, const char *hash, struct contact_medium *medium), void *context);

/* ---- vCards: read.c ---- */

/** A file of vCards on its way; of a caller's, zeroed but for text. */
struct contact_reader {
	struct slice text;     /* what is left of it, as UTF-8 or whatever each line says */
	struct slice own;      /* of the reader: where the file was converted as a whole */
	char *memory;
};
/** Begins: *text is the caller's until the reader is closed. */
void contact_reader_open(struct contact_reader *reader, struct slice text);
void contact_reader_close(struct contact_reader *reader);
/** The next vCard of the file as a Card (RFC 9555 §2), new, valid; *problem says what is wrong with one that can't be read. False: there are no more. */
bool contact_reader_next(struct contact_reader *reader, json_t **card, struct contact_problem *problem);

/* ---- vCards: write.c ---- */

enum contact_version { CONTACT_VCARD_4, CONTACT_VCARD_3 };
/** Appends a Card as a vCard (RFC 9555 §3); of version 3 (RFC 2426) for programs that know no other. */
void contact_write(const json_t *card, enum contact_version version, struct buf *out);

#endif
