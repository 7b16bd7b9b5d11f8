/* Email objects (RFC 8621 §4) as JSON, from the bytes of a message and what is kept of it beside it. Pure: no store, no connection.
 *
 * What a client wants of a message is worked out once (email_wanted.c); it says whether the message's file is needed at all: what lists show
 * comes from the summary. Header fields in their forms are email_header.c, the parts of the body email_body.c, their text email_text.c. */
#ifndef JMAP_EMAIL_H
#define JMAP_EMAIL_H

#include "jmap/internal.h"
#include "message/header.h"
#include "message/mime.h"

enum {
	JMAP_HEADER_PROPERTIES_MAX = 100, /* properties header:… in a request, of Emails and of parts alike */
	JMAP_HEADER_FIELDS_MAX = 10000,   /* fields of a header that are looked at; further ones aren't there */
	JMAP_ADDRESSES_MAX = 5000,        /* of a field */
	JMAP_IDS_MAX = 5000,              /* message ids, URLs of a field */
	JMAP_BODY_VALUES_MAX = 64 * 1024 * 1024, /* bytes of bodyValues in one response */
};

/* ---- header fields ---- */

/** The forms of RFC 8621 §4.1.2. */
enum jmap_form { JMAP_RAW, JMAP_TEXT, JMAP_ADDRESSES, JMAP_GROUPS, JMAP_MESSAGE_IDS, JMAP_DATE, JMAP_URLS, JMAP_FORMS };

/** A property that is a header field: "header:List-Post:asURLs:all", or a name for one, "subject". */
struct jmap_header_property {
	const char *property; /* as it was written */
	struct slice name;    /* of the field */
	enum jmap_form form;
	bool all;
};

/** Reads "header:…" (RFC 8621 §4.1.3). False: it is malformed, or that form isn't allowed for that field. `property` outlives the result. */
bool jmap_header_property_parse(const char *property, struct jmap_header_property *out);
/** The field that a property without "header:" stands for: "messageId" … "sentAt". False: it stands for none. */
bool jmap_header_convenience(const char *property, struct jmap_header_property *out);
/** May the field be had in this form? */
bool jmap_header_form_allowed(struct slice name, enum jmap_form form);
/** The field's value in a form. `body` is raw. */
json_t *jmap_header_value(struct slice body, enum jmap_form form, struct arena *arena);
/** The list of an envelope as the form "Addresses". */
json_t *jmap_addresses(const struct address *list, size_t count, struct arena *arena);
/** Message ids of an unfolded field; JSON null if it can't be read (RFC 8621 §4.1.2.5). */
json_t *jmap_message_ids(struct slice body, struct arena *arena);
/** A point of time as "Date" with its zone (RFC 8620 §1.4). */
json_t *jmap_date_zone(int64_t seconds, int zone_minutes);
/** The zone of a Date that jmap_date_read() can read, in minutes east. */
int jmap_date_zone_of(struct slice text);

/** The fields of a header, cut once for all properties. */
struct jmap_fields { struct header_field *at; size_t count; };
struct jmap_fields jmap_fields_read(struct slice header, struct arena *arena);
/** The value of a property: of the last such field, or of all. */
json_t *jmap_header_get(const struct jmap_fields *fields, const struct jmap_header_property *property, struct arena *arena);
/** All fields, as EmailHeader objects. */
json_t *jmap_headers(const struct jmap_fields *fields);

/* ---- what is wanted ---- */

/** Properties of an Email that aren't single header fields; the bits of jmap_email_wanted.properties. */
enum jmap_email_property {
	EMAIL_ID, EMAIL_BLOB_ID, EMAIL_THREAD_ID, EMAIL_MAILBOX_IDS, EMAIL_KEYWORDS, EMAIL_SIZE, EMAIL_RECEIVED_AT, EMAIL_HEADERS,
	EMAIL_BODY_STRUCTURE, EMAIL_BODY_VALUES, EMAIL_TEXT_BODY, EMAIL_HTML_BODY, EMAIL_ATTACHMENTS, EMAIL_HAS_ATTACHMENT, EMAIL_PREVIEW, EMAIL_SNOOZED,
	EMAIL_PROPERTIES,
};
enum jmap_part_property {
	PART_ID, PART_BLOB_ID, PART_SIZE, PART_HEADERS, PART_NAME, PART_TYPE, PART_CHARSET, PART_DISPOSITION, PART_CID, PART_LANGUAGE, PART_LOCATION,
	PART_SUB_PARTS, PART_PROPERTIES,
};

struct jmap_wanted_headers { struct jmap_header_property *at; size_t count, room; };

struct snooze;
/** Emails that sleep, by id: see email_snooze.h. */
struct jmap_snoozes { const struct snooze *at; size_t count; };

struct jmap_email_wanted {
	unsigned properties, part_properties; /* bits by the enumerations above */
	struct jmap_wanted_headers headers, part_headers;
	bool text_values, html_values, all_values;
	uint64_t max_value; /* maxBodyValueBytes; 0: no limit */
	/* what has to be read for it: nothing, … */
	bool needs_summary, needs_header, needs_message;
	struct jmap_snoozes snoozes; /* for EMAIL_SNOOZED: to be filled in by who shows emails */
};

/** Reads the arguments of Email/get (RFC 8621 §4.2) or Email/parse (§4.9): properties, bodyProperties, fetch…, maxBodyValueBytes. False: *error
 * says which is wrong. The strings of `arguments` outlive the result. */
bool jmap_email_wanted_read(const json_t *arguments, bool parse, struct arena *arena, struct jmap_email_wanted *wanted, struct error *error);
/** Is it a property that an Email may have (RFC 8621 §4.1)? */
bool jmap_email_property_is_known(struct slice name);
static inline bool jmap_wants(const struct jmap_email_wanted *wanted, enum jmap_email_property property) { return wanted->properties >> property & 1; }

/* ---- the message ---- */

/** A message that is shown. */
struct jmap_email_source {
	const struct mime_part *root; /* with its envelope and preview */
	struct slice header;          /* if wanted.needs_header, or the envelope is irregular */
	struct slice message;         /* if wanted.needs_message: all of it */
	struct slice blob;            /* its blob id: those of its parts are made of it */
	struct arena *arena;          /* for this message alone */
	uint64_t *values;             /* bytes of bodyValues so far, of all messages of a response; over JMAP_BODY_VALUES_MAX: none is complete */
};

/** Puts what is wanted of the message's content into the object `email`: everything but the properties up to receivedAt. */
void jmap_email_content(json_t *email, const struct jmap_email_wanted *wanted, const struct jmap_email_source *source);

/** The parts that a message shows (RFC 8621 §4.1.4), as a tree beside that of MIME. */
struct jmap_part {
	const struct mime_part *mime;
	unsigned number;    /* its partId; 0: a multipart */
	bool in_text, in_html;
	struct jmap_part *children;
	size_t child_count;
};
struct jmap_part_list { const struct jmap_part **at; size_t count, room; };
struct jmap_body { struct jmap_part *root; struct jmap_part_list text, html, attachments; unsigned parts; };
/** Decides what is text and what is attached, by RFC 8621's algorithm. In `arena`. */
void jmap_body_read(const struct mime_part *root, struct arena *arena, struct jmap_body *body);
bool jmap_body_has_attachment(const struct jmap_body *body);
/** The part with that partId; NULL if there is none. */
const struct mime_part *jmap_body_part(const struct mime_part *root, unsigned number);
/** The name of a part: empty if it has none. */
struct slice jmap_part_name(const struct mime_part *part, struct arena *arena);

/** The EmailBodyValue of a text part. `max`: 0, or bytes. */
json_t *jmap_body_value(const struct mime_part *part, struct slice message, uint64_t max, uint64_t *total);

#endif
