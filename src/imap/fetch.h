/* What FETCH is made of: the items that were asked for (fetch_parse.c), where a section lies in a message (fetch_section.c),
 * some fields of a header, from the file (fetch_fields.c) or what is kept of it (fetch_excerpt.c), ENVELOPE and BODYSTRUCTURE (fetch_structure.c). */
#ifndef IMAP_FETCH_H
#define IMAP_FETCH_H

#include "imap/source.h"
#include "message/excerpt.h"

enum {
	FETCH_ITEMS_MAX = 200, FETCH_FIELDS_MAX = 200, SECTION_DEPTH_MAX = 100,
	FIELD_NAME_MAX = 998,          /* of a field that is asked for: a line's length (RFC 5322 §2.1.1) */
	FIELD_SEEN = 1024,             /* of a line, to know its field's name */
	FIELDS_WINDOW = 16 * 1024,
};

enum imap_fetch_kind { FETCH_FLAGS, FETCH_UID, FETCH_INTERNALDATE, FETCH_SIZE, FETCH_ENVELOPE, FETCH_BODY, FETCH_BODYSTRUCTURE, FETCH_SECTION };

struct imap_section {
	uint32_t *numbers; /* of the part; none: the message itself */
	size_t number_count;
	enum section_text { SECTION_ALL, SECTION_HEADER, SECTION_FIELDS, SECTION_FIELDS_NOT, SECTION_TEXT, SECTION_MIME } text;
	struct slice *fields;
	size_t field_count;
	struct slice *sorted; /* the same, to be searched */
	uint64_t excerpt;     /* the same, where an excerpt of the message may have all of them (message/excerpt.h); 0: look at the file */
};

struct imap_fetch_item {
	enum imap_fetch_kind kind;
	struct slice label;  /* as the response names it: "BODY[1.HEADER]<0>" */
	struct imap_section section;
	bool sets_seen;
	bool partial;
	uint64_t first, most; /* of a partial one: octets from, at most */
};

struct imap_fetch_items {
	struct imap_fetch_item *list;
	size_t count;
};

/** Everything behind the sequence set. Items that were asked for twice are told once. */
bool imap_fetch_parse(struct imap_parser *parser, struct imap_fetch_items *items);
/** Does the section need to know more than the size of the message? */
bool imap_section_needs_structure(const struct imap_section *section);

/** Finds where the section's bytes lie; for FIELDS where the header does. False if there is no such part (NIL). `root` may be
 * NULL if it isn't needed. The range lies within `size`. */
bool imap_section_find(const struct imap_section *section, const struct mime_part *root, uint64_t size, uint64_t *offset, uint64_t *length);

/** Sorts the names of fields, for searching. */
void imap_section_sort_names(struct imap_section *section, struct arena *arena);
/** The fields of a header that a section names (or doesn't), and the empty line, on their way out of the file. */
struct imap_fields {
	const struct imap_section *section;
	char *window;                 /* FIELDS_WINDOW bytes; the owner's */
	uint64_t offset, length;      /* of the header in the file */
	uint64_t window_at, window_len, at; /* in the header */
	enum { FIELDS_LINE_BEGINS, FIELDS_IN_LINE, FIELDS_DONE } state;
	bool wanted, unended;         /* the line at hand; it had no end */
};
/** Starts with the header that lies there in the file. */
void imap_fields_begin(struct imap_fields *fields, const struct imap_section *section, uint64_t offset, uint64_t length);
/** The next piece of the subset, valid until the next call; FIELDS_DONE after the last. False: the file can't be read. */
bool imap_fields_next(struct imap_fields *fields, struct imap_source *source, struct slice *piece);
/** The length of the whole subset. */
bool imap_fields_measure(struct imap_fields *fields, struct imap_source *source, uint64_t *size);

/** Can these fields be told from the excerpt that is kept of the message? */
bool imap_excerpt_serves(struct slice excerpt, uint64_t fields);
/** The length of a section's subset, from an excerpt that serves. */
uint64_t imap_excerpt_measure(struct slice excerpt, const struct imap_section *section);
/** Appends the subset from byte `skip` on, `left` bytes. */
void imap_excerpt_write(struct slice excerpt, const struct imap_section *section, uint64_t skip, uint64_t left, struct buf *out);

/** "(date subject …)" (RFC 3501 §7.4.2). NULL gives an empty one. */
void imap_write_envelope(struct buf *out, const struct envelope *envelope);
/** The body structure; `extended` for BODYSTRUCTURE, else BODY. */
void imap_write_structure(struct buf *out, const struct mime_part *part, bool extended);

#endif
