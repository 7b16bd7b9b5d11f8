/* A slice is a run of bytes that somebody else owns. Every parser of network or stored bytes works on slices: there is
 * no terminating NUL to trust, and a NUL inside is a byte like any other. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
	const char *at; /* may be NULL when len is 0 */
	size_t len;
};

/** A slice of a string literal. */
#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})

/** For printf's "%.*s". */
#define SLICE_ARG(s) (int)(s).len, (s).at

/** A slice of a NUL-terminated string; NULL gives the empty slice. */
struct slice slice_of(const char *text);

/** A slice of `len` bytes at `at`. */
static inline struct slice slice_make(const char *at, size_t len) { return (struct slice){at, len}; }

static inline bool slice_empty(struct slice s) { return s.len == 0; }

bool slice_equal(struct slice a, struct slice b);
/** Equal but for the case of ASCII letters. */
bool slice_equal_nocase(struct slice a, struct slice b);
/** memcmp order, the shorter first. Returns <0, 0, >0. */
int slice_compare(struct slice a, struct slice b);
bool slice_starts(struct slice s, struct slice prefix);
bool slice_starts_nocase(struct slice s, struct slice prefix);
bool slice_ends_nocase(struct slice s, struct slice suffix);

/** From byte `from` on, at most `len` bytes; clipped to the slice, never out of it. */
struct slice slice_sub(struct slice s, size_t from, size_t len);
/** Without its first `n` bytes (all, if it has fewer). */
struct slice slice_skip(struct slice s, size_t n);
/** Without spaces, tabs, CR and LF at both ends. */
struct slice slice_trim(struct slice s);

#define SLICE_NONE ((size_t)-1)
/** Index of the first (last) `c`, or SLICE_NONE. */
size_t slice_find_char(struct slice s, char c);
size_t slice_find_last_char(struct slice s, char c);
/** Index of the first `needle`, or SLICE_NONE. */
size_t slice_find(struct slice s, struct slice needle);
size_t slice_find_nocase(struct slice s, struct slice needle);

/** Cuts at the first `c`: *before and *after exclude it. Without `c`: false, *before = s, *after empty. */
bool slice_cut(struct slice s, char c, struct slice *before, struct slice *after);

/** Is `word` (any case) one of the words, which are separated by spaces? */
bool slice_has_word_nocase(struct slice words, struct slice word);

/** The whole slice as a decimal number of digits only; false if empty, over `max` or not digits. */
bool slice_to_number(struct slice s, uint64_t max, uint64_t *out);

/** Does the slice hold only bytes below 0x80? */
bool slice_is_ascii(struct slice s);
/** Does it hold only ASCII that is seen, and blanks: no control character, and no byte from 0x7f on? */
bool slice_is_printable(struct slice s);
/** Is the slice well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates)? */
bool slice_is_utf8(struct slice s);

/** ASCII only, whatever the locale. */
static inline char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }
static inline char ascii_upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 32) : c; }
static inline bool ascii_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool ascii_is_alpha(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
/** The value of a hexadecimal digit of either case, or of upper case alone; -1 if it isn't one. */
static inline int ascii_hex_value(char c)
{
	return ascii_is_digit(c) ? c - '0' : ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f' ? ascii_lower(c) - 'a' + 10 : -1;
}
static inline int ascii_upper_hex_value(char c) { return c >= 'a' ? -1 : ascii_hex_value(c); }
static inline bool ascii_is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

#endif
