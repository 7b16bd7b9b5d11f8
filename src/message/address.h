/* Mail addresses: the paths of SMTP (RFC 5321 §4.1.2, RFC 6531) and the address lists of header fields (RFC 5322 §3.4).
 * Pure: no I/O; results live in the arena or point into the input. */
#ifndef MESSAGE_ADDRESS_H
#define MESSAGE_ADDRESS_H

#include "base/arena.h"
#include "base/error.h"

enum { ADDRESS_LOCAL_MAX = 64, ADDRESS_REWRITTEN_MAX = 200, /* a local part in which a forwarder has put the sender's address (SRS0=…) */
	 ADDRESS_DOMAIN_MAX = 255, ADDRESS_MAX = 254 + 2 };

/** One mailbox of a header field, or the start or end of a group (RFC 3501's ENVELOPE shows groups the same way). */
struct address {
	struct slice name;   /* display name, raw (quotes and comments resolved, encoded words left alone) */
	struct slice local;  /* unquoted */
	struct slice domain; /* as written; "[…]" for a literal */
	bool literal;        /* the name holds, in quotes, what looks like an encoded word, but is none there (RFC 2047 §5) */
	struct slice route;  /* an obsolete source route "@a,@b" (RFC 5322 §4.4), or empty */
	enum { ADDRESS_MAILBOX, ADDRESS_GROUP_START, ADDRESS_GROUP_END } kind; /* GROUP_START: name is in `local` */
};

/** Parses an SMTP path "<…>" with an optional source route, which is dropped (RFC 5321 §4.1.1.3), at the start of
 * *input, and cuts it off there; the brackets may be missing, and blanks stand in them. *address (in arena) is "local@domain" with the local part requoted only where needed,
 * or empty for "<>". Non-ASCII only if `utf8`. False: *error says what is wrong. Limits as named above. */
bool address_parse_path(struct slice *input, bool utf8, struct arena *arena, struct slice *address, struct error *error);

/** Parses a bare "local@domain" (no brackets), with the same rules and result. */
bool address_parse(struct slice text, bool utf8, struct arena *arena, struct slice *address, struct error *error);

/** The two halves of an address as address_parse gives it: cut at the last '@'. A quoted local part keeps its quotes. */
void address_split(struct slice address, struct slice *local, struct slice *domain);

/** A local part without quotes as it stands in an address: in quotes, if it needs them. */
struct slice address_quote(struct slice local, struct arena *arena);

/** The form under which accounts and aliases are looked up: quotes removed where not needed, ASCII letters and UTF-8
 * lower-cased and NFC, a domain's A-labels turned into U-labels (IDNA 2008). */
struct slice address_canonical(struct slice address, struct arena *arena);
/** A domain alone, canonical; and the reverse: as A-labels for DNS (empty if it can't be a host name). */
struct slice domain_canonical(struct slice domain, struct arena *arena);
struct slice domain_to_ascii(struct slice domain, struct arena *arena);
/** Is it a syntactically valid domain (letters, digits, hyphens, also underscores; with utf8, U-labels)? An address literal isn't. */
bool domain_is_valid(struct slice domain, bool utf8);
/** Is it a valid address literal, "[192.0.2.1]" or "[IPv6:…]"? */
bool domain_is_literal(struct slice domain);

/** Parses an address list of a header field body (unfolded or not), at most `max` entries, leniently: what can't be read is
 * passed over up to the next comma (or semicolon). Words without an '@' are given as a mailbox with an empty domain. Control
 * characters become '?', folds vanish. Every group that starts ends. Linear in the input. *list in arena. */
void address_parse_list(struct slice body, size_t max, struct arena *arena, struct address **list, size_t *count);

/** Parses the body of a From or Sender field whose writer is to answer for it, by the letter: nothing but mailboxes of RFC 5322
 * §3.4, without groups and routes, at most `max` of them. What has been written for long though it isn't allowed is read where it can
 * mean but one thing: encoded words with punctuation in them, names with dots, local parts with dots wherever, empty places in the
 * list. *plain: it is written in a way that everybody reads the same; if not, what address_write_list() makes of the list is.
 * False: it is anything else. A body of blanks and comments alone is a list of none. `local` and `domain` of what is found are as
 * address_parse() has them. Linear. */
bool address_parse_authors(struct slice body, size_t max, struct arena *arena, struct address **list, size_t *count, bool *plain);

/** Writes mailboxes as the body of a field, folded, names as phrases (header_encode_phrase). `column`: used before in the line. */
struct slice address_write_list(const struct address *list, size_t count, size_t column, struct arena *arena);

#endif
