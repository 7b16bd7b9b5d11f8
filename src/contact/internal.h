/* What the files of this folder share. */
#ifndef CONTACT_INTERNAL_H
#define CONTACT_INTERNAL_H

#include "contact/contact.h"

/* ---- Types of RFC 9553: types.c ---- */

enum contact_kind {
	CONTACT_ANYTHING,   /* whatever it is, it is kept */
	CONTACT_TEXT,
	CONTACT_WORDS,      /* text that isn't empty */
	CONTACT_FLAG,
	CONTACT_NUMBER,     /* from .least to .most */
	CONTACT_TIME,       /* UTCDateTime */
	CONTACT_URI,
	CONTACT_LANGUAGE,   /* a language tag */
	CONTACT_ID,
	CONTACT_TYPE_NAME,  /* @type */
	CONTACT_VERSION,
	CONTACT_EMAIL,
	CONTACT_ONE_OF,     /* .words, or a vendor's */
	CONTACT_SET,        /* String[Boolean], each true */
	CONTACT_SET_OF,     /* … whose keys are of .words, or a vendor's */
	CONTACT_TEXTS,      /* String[String] */
	CONTACT_OBJECT,     /* of .type */
	CONTACT_LIST,       /* of such, at least one */
	CONTACT_MAP,        /* Id[.type] */
	CONTACT_NAMED,      /* String[.type] */
	CONTACT_DATE,       /* PartialDate or Timestamp */
	CONTACT_PATCHES,    /* localizations */
	CONTACT_PARAMETERS, /* vCardParams */
	CONTACT_PROPERTIES, /* vCardProps */
	CONTACT_RESERVED,
};

struct contact_type;
struct contact_field {
	const char *name;
	enum contact_kind kind;
	bool needed;
	const char *words;
	const struct contact_type *type;
	int64_t least, most;
};

struct contact_type {
	const char *name;
	const struct contact_field *fields; /* the last one has no name */
	const char *one_of;                 /* of these properties one is needed, at least; NULL: none is */
	const char *(*check)(const json_t *object); /* what is wrong beyond its properties; NULL: nothing */
};

extern const struct contact_type contact_card_type, contact_partial_date_type, contact_timestamp_type;
/** Properties that any object may have. */
extern const struct contact_field contact_common_fields[];
/** Every type that there is, NULL at the end. */
extern const struct contact_type *const contact_types[];

/** The text of a string; empty: it is none. */
static inline struct slice contact_text_of(const json_t *string)
{
	return json_is_string(string) ? slice_make(json_string_value(string), json_string_length(string)) : (struct slice){0};
}
static inline bool contact_is_text(const json_t *string, const char *text)
{
	return json_is_string(string) && slice_equal(contact_text_of(string), slice_of(text));
}

/** contact_card_check(), but for the size: photos may still be in it. */
bool contact_card_check_form(json_t *card, struct contact_problem *problem);

/** Puts `value` (NULL: takes away) where a JSON pointer without its first '/' leads to; with `arrays` into their elements, too (RFC 9553 §1.4.3).
 * False: it leads nowhere. */
bool contact_pointer_put(json_t *object, struct slice path, json_t *value, bool arrays);

#endif
