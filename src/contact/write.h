/* What the files that write vCards share: write.c, write_entry.c, write_line.c. Internal to this folder. */
#ifndef CONTACT_WRITE_H
#define CONTACT_WRITE_H

#include "contact/vcard.h"

/** A vCard under way. */
struct contact_writing {
	struct buf *out;
	enum contact_version version;
	struct buf line;       /* that is being made */
	unsigned groups;       /* given so far */
	const json_t *card;
};

/** Ends the line, folded (RFC 6350 §3.2). */
void contact_write_end(struct contact_writing *writing);
/** Text, escaped as values are. */
void contact_write_escaped(struct contact_writing *writing, struct slice text);
/** One parameter of the line. */
void contact_write_parameter(struct contact_writing *writing, const char *name, struct slice value);
/** Begins a line: an optional group, and the name of a property. */
void contact_write_begin(struct contact_writing *writing, struct slice group, const char *name);
/** A whole line of one text. */
void contact_write_text(struct contact_writing *writing, const char *name, struct slice text);
/** Can it be the name of a property or a parameter? */
bool contact_write_is_name(struct slice text);
/** The members of a set that are true, as TYPE. */
void contact_write_types(struct contact_writing *writing, const json_t *set);
/** A parameter, where the card says something. */
void contact_write_given(struct contact_writing *writing, const char *name, const json_t *value);
/** A parameter of a text, where there is one. */
void contact_write_text_parameter(struct contact_writing *writing, const char *name, const json_t *text);
/** All parameters that an entry of a map has; `key` is its PROP-ID. */
void contact_write_parameters(struct contact_writing *writing, const char *key, const json_t *entry);
/** The group of an entry that has a label, in `room`; empty: it has none. */
struct slice contact_write_group_of(struct contact_writing *writing, const json_t *entry, char room[16]);
/** The label of the group. */
void contact_write_label(struct contact_writing *writing, struct slice group, const json_t *entry);
/** A UTC time as vCards have it, in `room`; empty: it is none. */
struct slice contact_write_stamp_of(const json_t *time, char room[32]);
/** The components of these kinds, separated by commas. */
void contact_write_components(struct contact_writing *writing, const json_t *components, const char *kinds);
/** Is there one of these kinds? */
bool contact_write_has_component(const json_t *components, const char *kinds);
/** All entries of a property that is a map. */
void contact_write_map(struct contact_writing *writing, const char *property, const json_t *map);

#endif
