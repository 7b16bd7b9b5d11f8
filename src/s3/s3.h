/* A client of object stores that speak S3, with AWS Signature Version 4. A call blocks its thread; a client belongs to one thread at a time, and
 * keeps its connection between calls.
 *
 * Everything is tried again where that can help: no connection, an answer cut short, a server that is busy (429, 5xx; Retry-After is kept to, up
 * to S3_PAUSE_MAX_SECONDS) or whose clock isn't ours: how far off it is is taken from the Date of its refusal, once in a call. What was put is
 * checked by the server against the SHA-256 and MD5 that come with it. What the server says is bounded, and read as a stranger's.
 *
 * The host is found as the system finds hosts, and only it is spoken to: no redirects, no proxies. TLS is verified. Nobody but who reads the file
 * of credentials sees them: they are in no error and no event. The process must not be ended by SIGPIPE: OpenSSL writes with write(2). */
#ifndef S3_S3_H
#define S3_S3_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/error.h"

enum {
	S3_KEY_MAX = 1024,                 /* bytes of a key, as S3 has it */
	S3_PAGE_MAX = 1000,                /* keys in an answer that lists them, and in a request that removes them */
	S3_ANSWER_MAX = 4 * 1024 * 1024,   /* bytes of an answer that isn't an object */
	S3_PART_MIN = 5 * 1024 * 1024,     /* bytes of a part of a multipart upload, but for the last */
	S3_PART_DEFAULT = 16 * 1024 * 1024,
	S3_PARTS_MAX = 10000,
	S3_SKEW_MAX_SECONDS = 24 * 3600,   /* how wrong one of the two clocks may be */
	S3_PAUSE_MAX_SECONDS = 30,         /* who is told to come again later than that gives up now */
};

/** Where the objects are. All texts are copied. */
struct s3_place {
	const char *endpoint;    /* "https://s3.example.org" or "http://127.0.0.1:9000": a scheme, a host and maybe a port */
	const char *region;      /* NULL: us-east-1, which most servers take for theirs */
	const char *bucket;
	bool virtual_host;       /* the bucket is named by the host (bucket.s3.example.org), not by the path */
	const char *credentials; /* a file: the access key's id in a line, its secret in the next */
	const char *trusted;     /* PEM file of the only authorities to trust; NULL: the system's */
	size_t part;             /* larger objects are put in parts of that size; 0: S3_PART_DEFAULT */
	int patience_seconds;    /* for a connection, and for a server that sends and takes nothing; 0: 20 */
	int tries;               /* of each request; 0: 5 */
	int pause_ms;            /* before the second try, doubled for each further one; 0: 200 */
	const atomic_bool *stop; /* while it is true nothing is waited for: ERROR_INTERRUPTED within a second. NULL: no such */
};

struct s3;

/** Reads the credentials; asks the server nothing yet. NULL with *error: ERROR_INVALID if the place makes no sense, or as file_read_regular() has it. */
struct s3 *s3_open(const struct s3_place *place, struct error *error);
/** Closes the connection; NULL is fine. *s3 is NULL then. */
void s3_close(struct s3 **s3);

/* What the calls below have in common: keys are of 1 to S3_KEY_MAX bytes of UTF-8 without control characters. False with *error: ERROR_TEMPORARY where
 * trying later can help (and has been tried), ERROR_FULL if there is no room, ERROR_DENIED if the server knows or lets us not, its certificate isn't
 * valid, or the clocks are too far apart, ERROR_NOT_FOUND if there is no such object, ERROR_INTERRUPTED on a stop, else ERROR_INVALID. */

/** Puts an object, in parts if it is large. When it returns, all of it is there; if it fails, the object is as it was before, or whole. */
bool s3_put(struct s3 *s3, struct slice key, struct slice content, struct error *error);
/** Appends `count` bytes from `from` on to `out`; what is there is shorter: ERROR_INVALID. */
bool s3_get(struct s3 *s3, struct slice key, uint64_t from, size_t count, struct buf *out, struct error *error);
/** How many bytes an object has. */
bool s3_size(struct s3 *s3, struct slice key, uint64_t *size, struct error *error);
/** Removes objects; that one isn't there is fine. */
bool s3_remove(struct s3 *s3, const struct slice *keys, size_t count, struct error *error);
/** Calls `visit` for every object whose key begins with `prefix`, in pages of S3_PAGE_MAX; a visitor that gives false ends it, with its error. It may
 * not use the client. */
typedef bool (*s3_visit)(void *context, struct slice key, uint64_t size, struct error *error);
bool s3_list(struct s3 *s3, struct slice prefix, s3_visit visit, void *context, struct error *error);
/** Gives up uploads in parts that were begun before `before` (seconds since 1970, by the server's clock) and never finished: a crash leaves them,
 * no list shows them, and they take room. *count is how many (may be NULL). */
bool s3_give_up(struct s3 *s3, struct slice prefix, int64_t before, size_t *count, struct error *error);

#endif
