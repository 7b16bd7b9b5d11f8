/* Paths and queries of requests (RFC 3986), and what stands in cookies and ranges: pure, over slices. */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include "base/arena.h"

/** What %XX of a path stands for, in the arena. False: it has none, or an encoded '/', a backslash, a control character, or bytes that aren't UTF-8, or a
 * segment "." or "..": each of these is read in different ways by different programs. */
bool http_path_decode(struct slice path, struct arena *arena, struct slice *out);
/** The value of the first parameter of that name (any case) in a query or a form (application/x-www-form-urlencoded), decoded, in the arena. False: there
 * is none, or it is malformed. */
bool http_query_find(struct slice query, const char *name, struct arena *arena, struct slice *value);
/** The host of an authority, without its port, without the point at its end; as it came otherwise. */
struct slice http_host(struct slice authority);
/** Cuts the next pair off a Cookie field (RFC 6265 §4.2). False: there is none any more. */
bool http_cookie_next(struct slice *field, struct slice *name, struct slice *value);
/** The value of the cookie of that name in a Cookie field. False: there is none. */
bool http_cookie_find(struct slice field, const char *name, struct slice *value);

/** Characters of a seat: what tells the sessions apart that a browser has side by side, one for each account. */
enum { HTTP_SEAT_SIZE = 16 };
/** An account's: hexadecimal digits of the SHA-256 of its name, so that a request that names it is never answered with another account's session. Not secret. */
void http_seat_of(struct slice account, char out[HTTP_SEAT_SIZE + 1]);
bool http_is_seat(struct slice text);
/** Takes the seat off a path: "/~0123456789abcdef/session" is "/session" of that seat. False: it names none, and stays as it is. */
bool http_seat_cut(struct slice *path, struct slice *seat);

enum http_range { HTTP_RANGE_NONE, HTTP_RANGE_PART, HTTP_RANGE_OUTSIDE };
/** One range of bytes (RFC 9110 §14.1.2) of something of `size` bytes. NONE: it isn't one, or more, and all is given; OUTSIDE: 416. */
enum http_range http_range_parse(struct slice field, uint64_t size, uint64_t *first, uint64_t *count);
/** Does If-None-Match, or another list of entity tags, name this one (in quotes)? By the weak comparison (RFC 9110 §8.8.3.2). */
bool http_tags_match(struct slice list, struct slice tag);
/** How much a client wants a content coding ("gzip"), in thousandths; 0: not (RFC 9110 §12.5.3). */
unsigned http_coding_weight(struct slice accept, const char *coding);

#endif
