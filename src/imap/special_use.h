/* The attributes of special-use mailboxes (RFC 6154 §2). */
#ifndef IMAP_SPECIAL_USE_H
#define IMAP_SPECIAL_USE_H

#include "store/store.h"

/** "Sent", in any case and without the backslash; USE_NONE if there is no such use. */
enum special_use imap_special_use_parse(struct slice name);
/** "\Sent"; NULL for USE_NONE. */
const char *imap_special_use_name(enum special_use use);

#endif
