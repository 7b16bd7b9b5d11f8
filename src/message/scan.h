/* Scanning of structured header fields (RFC 5322 §3.2) the lenient way: quoted strings, comments, folds. Internal to this
 * folder. Each function is linear; who calls one in a loop remembers a failure (no closing quote or parenthesis up to the
 * end) and doesn't ask again, so that a field full of opening ones stays linear too. */
#ifndef MESSAGE_SCAN_H
#define MESSAGE_SCAN_H

#include "base/slice.h"

/** Index behind the quoted string that opens at s[at] == '"'; SLICE_NONE if it never closes. */
size_t header_scan_quoted(struct slice s, size_t at);
/** Index behind the comment that opens at s[at] == '(', nested ones included; SLICE_NONE if it never closes. */
size_t header_scan_comment(struct slice s, size_t at);
/** Index behind the encoded word (RFC 2047) that opens at s[at] == '='; SLICE_NONE if there is none. Its text may hold what the
 * RFC forbids in a name, commas, colons, parentheses, '@' and blanks: many programs don't know that it does; but no line end, quote
 * or angle bracket. Looks at ENCODED_WORD_SCAN_MAX bytes at most, so that asking at every '=' stays linear. */
enum { ENCODED_WORD_SCAN_MAX = 400 };
size_t header_scan_encoded_word(struct slice s, size_t at);
/** Copies the inside of a quoted string or a comment to `out` (room for inside.len bytes): quoted pairs resolved, line ends
 * dropped, control characters made harmless as header_scan_clean() says. Returns the bytes written. */
size_t header_scan_unescape(struct slice inside, char *out);
/** The byte to show for `c`: '?' for NUL and other control characters, a space for a tab. */
char header_scan_clean(char c);
/** Without leading white space, line ends and comments. */
struct slice header_scan_skip(struct slice s);

#endif
