/* A body in chunks (RFC 9112 §7.1), unit by unit: a line with a size, its bytes, the CRLF behind them, and at the end the trailer, which
 * is read and forgotten. Pure. */
#ifndef HTTP_CHUNK_H
#define HTTP_CHUNK_H

#include "base/slice.h"

enum {
	HTTP_CHUNK_LINE_MAX = 256,    /* bytes of a line with a size and extensions */
	HTTP_CHUNK_DIGITS_MAX = 8,    /* of a size */
	HTTP_TRAILER_MAX = 4 * 1024,  /* bytes of the trailer */
};

struct http_chunks {
	enum http_chunk_part { HTTP_CHUNK_SIZE, HTTP_CHUNK_DATA, HTTP_CHUNK_END, HTTP_CHUNK_TRAILER } part;
	uint64_t left;    /* of the data */
	size_t trailer;   /* bytes so far */
};

/** How many bytes of `input` are the next unit; 0: more must come. */
size_t http_chunk_length(const struct http_chunks *chunks, struct slice input);
enum http_chunk { HTTP_CHUNK_MORE, HTTP_CHUNK_DONE, HTTP_CHUNK_BROKEN };
/** Takes a unit of that length; *data: bytes of the body, if it has some. DONE: that was the end of the body. */
enum http_chunk http_chunk_take(struct http_chunks *chunks, struct slice unit, struct slice *data);

#endif
