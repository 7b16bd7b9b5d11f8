/* Lists of tags, "a=rsa-sha256; d=example.org": signatures, seals and key records are such (RFC 6376 §3.2). */
#ifndef DKIM_TAGS_H
#define DKIM_TAGS_H

#include "dkim/dkim.h"

struct dkim_tag {
	struct slice name;
	struct slice value; /* without white space around it; may hold folds */
	struct slice room;  /* everything between "=" and the next ";" or the end */
};

struct dkim_tags {
	struct dkim_tag list[DKIM_TAGS_MAX];
	size_t count;
};

/** Cuts a list. DKIM_VALID, or DKIM_SYNTAX, DKIM_TAG_TWICE, DKIM_TAGS_MANY. Everything points into `text`. */
enum dkim_reason dkim_tags_read(struct slice text, struct dkim_tags *tags);
/** NULL if there is none of that name; names are of the case that they have. */
const struct dkim_tag *dkim_tags_find(const struct dkim_tags *tags, struct slice name);

/** Takes the next word off a list like "from : to : subject", without white space around it. False at the end. */
bool dkim_tags_word(struct slice *rest, struct slice *word);
/** Is `word`, of any case, one of such a list? */
bool dkim_tags_has_word(struct slice list, struct slice word);
/** Decodes base64 with white space in it. Empty (at NULL) if it isn't that, or nothing. */
struct slice dkim_tags_base64(struct slice value, struct arena *arena);

#endif
