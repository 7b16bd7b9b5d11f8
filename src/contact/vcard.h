/* Lines of vCards (RFC 6350 §3.3, RFC 2426, and vCard 2.1), between those who read and write them. Internal to this folder. */
#ifndef CONTACT_VCARD_H
#define CONTACT_VCARD_H

#include "base/array.h"
#include "contact/internal.h"

struct contact_parameter { struct slice name, value; }; /* the name in lower case; several values are several of these */

struct contact_line {
	struct slice group, name;  /* in lower case; the group as it is, empty: none */
	struct slice value;        /* UTF-8, unfolded; quoted-printable is decoded. With its escapes */
	bool base64;
	bool plain;                /* vCard 2.1 knows no escapes but of ';' */
	struct contact_parameter *parameters;
	size_t parameter_count;
	bool used;                 /* of who reads: it has been converted */
};

/* ---- line.c ---- */

/** Takes the next line off *text; all it points to is in `arena`, or in the text. False: there are no more. A line that is none has an empty name. */
bool contact_line_next(struct slice *text, bool plain, struct arena *arena, struct contact_line *line);
/** The value of a parameter; empty: it isn't there. */
struct slice contact_line_parameter(const struct contact_line *line, const char *name);
/** A value without its escapes. */
struct slice contact_line_text(const struct contact_line *line, struct slice value, struct arena *arena);
/** Cuts a value at the next `separator` that isn't escaped: what is before it, and what is left (*more: if there was one). */
struct slice contact_line_cut(struct slice *rest, char separator, bool *more);
/** A copy in lower case (ASCII). */
struct slice contact_lower(struct slice text, struct arena *arena);

/* ---- read_parameter.c, read_property.c ---- */

/** A vCard on its way to be a card. */
struct contact_reading {
	struct arena *arena;
	struct contact_line *lines;
	size_t count;
	json_t *card;
	json_t *patches;       /* of JSPROP: object */
	unsigned given;        /* keys so far */
};
/** Converts every line. What can't be is in vCardProps. */
void contact_read_lines(struct contact_reading *reading);
/** The line as an entry of vCardProps. */
void contact_keep_line(struct contact_reading *reading, const struct contact_line *line);
/** A parameter among the entry's vCardParams. */
void contact_keep_parameter(json_t *entry, struct slice name, struct slice value);
/** Is it an Id? */
bool contact_is_key(struct slice text);
/** What a parameter says of an entry, as RFC 9555 §2.3 has it; what has no place goes to its vCardParams. */
void contact_read_parameters(struct contact_reading *reading, const struct contact_line *line, json_t *entry, const char *property);
/** Adds an entry to a map of the card, if it is what it is to be: false: the line is kept as it is. Takes the entry over. */
bool contact_add_entry(struct contact_reading *reading, struct contact_line *line, const char *property, json_t *entry);
/** A string; of text that isn't UTF-8: U+FFFD. */
json_t *contact_string(struct slice text);

/* ---- read_name.c, read_date.c: properties that have parts ---- */

bool contact_read_name(struct contact_reading *reading, struct contact_line *line);
bool contact_read_address(struct contact_reading *reading, struct contact_line *line);
bool contact_read_organization(struct contact_reading *reading, struct contact_line *line);
/** BDAY and its like. */
bool contact_read_anniversary(struct contact_reading *reading, struct contact_line *line, const char *kind);
/** A TIMESTAMP as a UTCDateTime; NULL: it is none. */
json_t *contact_read_time(struct slice text);

/** The components of N and ADR in their order, NULL at the end (RFC 9555 §2.5.5, §2.6.1). */
extern const char *const contact_name_parts[], *const contact_address_parts[];

#endif
