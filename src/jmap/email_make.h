/* Messages out of Email objects (RFC 8621 §4.6): what a client says of headers and parts becomes a message of RFC 5322 and MIME.
 *
 *     struct jmap_making making = {.arena = …, .find_blob = …, .context = …, .domain = …};
 *     json_t *refused = jmap_email_check(&making, email);   -- a SetError, or NULL
 *     if (!refused) jmap_email_write(&making, sink, context)
 *
 * Nothing is written before all is checked. Bodies go to the sink in pieces, whatever their size. */
#ifndef JMAP_EMAIL_MAKE_H
#define JMAP_EMAIL_MAKE_H

#include "jmap/email.h"
#include "message/downgrade.h"

enum {
	JMAP_MAKE_PARTS_MAX = 1000,
	JMAP_MAKE_DEPTH_MAX = 30,
	JMAP_MAKE_HEADERS_MAX = 1000,   /* fields of an Email or of a part */
	JMAP_MAKE_HEADER_MAX = 64 * 1024 * 1024, /* bytes of a header: more than a request can ask for */
};

/** A part that is to be written. */
struct jmap_made {
	struct slice type;       /* "text/plain" */
	struct slice name, disposition, cid, location, charset;
	const json_t *language;  /* an array */
	const json_t *object;    /* as the client gave it, with its header:… properties; NULL: a multipart of ours */
	struct slice content;    /* text in UTF-8, or a blob's bytes */
	bool is_text;            /* the content is text of bodyValues */
	struct jmap_made *first, *next; /* its parts; the next of its parent */
	char boundary[40];
};

struct jmap_making {
	struct arena *arena;
	/** The bytes of a blob, which live until the message is written. False: there is no such blob. */
	bool (*find_blob)(void *context, struct slice id, struct slice *bytes);
	void *context;
	struct slice domain;     /* of the Message-ID that is made */
	int64_t now;
	/* while it is under way */
	const json_t *email, *values;
	struct jmap_made *root;
	json_t *invalid, *missing; /* names of properties, ids of blobs */
	size_t parts, depth;
};

/** Is everything as RFC 8621 §4.6 demands? A SetError (invalidProperties, blobNotFound), or NULL. mailboxIds, keywords and receivedAt are passed over. */
json_t *jmap_email_check(struct jmap_making *making, const json_t *email);
/** Writes what was checked. False: the sink wanted no more. */
bool jmap_email_write(struct jmap_making *making, message_sink *sink, void *context);

/* The header of an Email or part, as email_make_header.c writes it. */

/** Which field the property of an Email or a part is; false: it is none. */
bool jmap_make_property(const char *name, bool part, struct jmap_header_property *out);
/** Can the value be written in that form? */
bool jmap_make_value_fits(const struct jmap_header_property *property, const json_t *value);
/** Writes the field, or fields (":all"); nothing for null. */
void jmap_make_field(struct buf *out, const struct jmap_header_property *property, const json_t *value, struct arena *arena);
/** A parameter of Content-Type or Content-Disposition, with its semicolon, in RFC 2231's form where it must be. */
void jmap_make_parameter(struct buf *out, const char *name, struct slice value);

#endif
