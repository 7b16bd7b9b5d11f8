/* The head of an HTTP/1.1 request (RFC 9112): pure, over a slice. What smuggling lives on is refused, not mended: lines that don't end with
 * CRLF, folded lines, blanks before a colon, more than one length, a length beside chunks, any transfer coding but chunks alone. */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "base/slice.h"

enum {
	HTTP_HEAD_MAX = 16 * 1024,  /* bytes of a request's head */
	HTTP_TARGET_MAX = 8 * 1024, /* … of its target */
	HTTP_AUTHORITY_MAX = 300,   /* … of a host and a port */
	HTTP_FIELDS_MAX = 100,
	HTTP_LENGTH_DIGITS = 18,    /* of a body's length */
};

/** The methods that are known; a route says which of them it takes. */
enum http_method {
	HTTP_GET = 1,
	HTTP_HEAD = 2,
	HTTP_POST = 4,
	HTTP_PUT = 8,
	HTTP_PATCH = 16,
	HTTP_DELETE = 32,
	HTTP_OPTIONS = 64,
	HTTP_PROPFIND = 128, /* RFC 4918: mail programs look for calendars and address books with it; no route takes it yet */
	HTTP_ALL_METHODS = 2 * HTTP_OPTIONS - 1,
	HTTP_SAFE = HTTP_GET | HTTP_HEAD | HTTP_OPTIONS, /* these change nothing (RFC 9110 §9.2.1) */
};

struct http_field { struct slice name, value; };

/** All slices point into the head's bytes. */
struct http_head {
	enum http_method method;
	int minor;               /* HTTP/1.minor: 0 or 1 */
	struct slice path, query; /* of the target, as they came; the query is what stands after '?' */
	bool has_query;
	struct slice authority;  /* host and port: of the target, if it has them, else of Host; empty: HTTP/1.0 without */
	struct http_field fields[HTTP_FIELDS_MAX];
	size_t count;
	bool chunked;            /* the body comes in chunks; else it has `length` bytes */
	uint64_t length;
	bool has_length;         /* it was said */
	bool close;              /* this is the last request of the connection */
	bool expects;            /* the client waits for 100 (Continue) before it sends the body */
};

/** How many bytes of `input` are a head, its last line included, or what begins like one and can't be; 0: more must come. *looked: how
 * many bytes were looked at before, 0 at first; an input that has grown is gone on with there. */
size_t http_head_length(struct slice input, size_t *looked);
/** Reads a head of http_head_length(). Returns 0, or the status to refuse it with (400, 414, 417, 431, 501, 505), *why in words; the connection
 * can't go on then. */
int http_head_parse(struct slice bytes, struct http_head *head, const char **why);
/** The value of the first field of that name (any case). False: there is none. */
bool http_head_find(const struct http_head *head, const char *name, struct slice *value);
/** Is `word` among the words, separated by commas, of a field of that name? */
bool http_head_has_word(const struct http_head *head, const char *name, const char *word);
/** The name of one method. */
const char *http_method_name(enum http_method method);
/** Reads one line, without its end (RFC 9112 §5); false: it is no field. */
bool http_field_parse(struct slice line, struct http_field *field);
/** Are these bytes of a field's value (RFC 9110 §5.5): no control character but tabs? */
bool http_is_text(struct slice value);
/** Is it a byte of a token (RFC 9110 §5.6.2)? */
bool http_is_token_char(char c);

#endif
