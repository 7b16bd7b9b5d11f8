/* The parts of the client: signing and reading answers are functions without input and output. */
#ifndef S3_INTERNAL_H
#define S3_INTERNAL_H

#include "base/arena.h"
#include "s3/s3.h"

/* ---- Signatures (AWS Signature Version 4): sign.c ---- */

enum {
	S3_ID_MAX = 128, S3_SECRET_MAX = 256, S3_REGION_MAX = 64, S3_BUCKET_MAX = 63, S3_HOST_MAX = 260,
	S3_DIGEST_SIZE = 32, S3_DIGEST_TEXT = 2 * S3_DIGEST_SIZE,
	S3_STAMP_LEN = 16, /* 20130524T000000Z */
	S3_PATH_MAX = 3 * S3_KEY_MAX + S3_BUCKET_MAX + 2, S3_QUERY_MAX = 3 * (S3_KEY_MAX + 2048) + 256,
};

struct s3_credentials {
	char id[S3_ID_MAX + 1], secret[S3_SECRET_MAX + 1];
};

/** Reads the two lines; false if there aren't two words of printable ASCII, or one is too long. */
bool s3_read_credentials(struct slice text, struct s3_credentials *credentials);

struct s3_field {
	const char *name;   /* in lower case */
	struct slice value; /* without blanks at its ends */
};

struct s3_signed {
	const char *method;
	struct slice path, query;  /* as they are sent: encoded by s3_encode(), the query's pairs in order */
	const struct s3_field *fields; /* those that are signed, in order of their names */
	size_t field_count;
	const char *payload;       /* SHA-256 of the body, in hexadecimal */
	char stamp[S3_STAMP_LEN + 1];
};

/** Appends the value of the field Authorization. */
void s3_sign(const struct s3_credentials *credentials, const char *region, const struct s3_signed *request, struct buf *out);
/** The time as x-amz-date has it. */
void s3_stamp(int64_t seconds, char out[S3_STAMP_LEN + 1]);
/** Appends the text with all but unreserved characters (RFC 3986 §2.3) percent-encoded; slashes stay if `path`. */
void s3_encode(struct slice text, bool path, struct buf *out);
/** The SHA-256 of bytes. */
void s3_digest(struct slice content, unsigned char out[S3_DIGEST_SIZE]);
void s3_digest_text(const unsigned char digest[S3_DIGEST_SIZE], char out[S3_DIGEST_TEXT + 1]);

/* ---- Answers: answer.c ---- */

enum { S3_CODE_MAX = 63, S3_WORDS_MAX = 159, S3_TOKEN_MAX = 2000, S3_TAG_MAX = 255 };

/** What an answer that isn't the one wished for says. */
struct s3_fault {
	char code[S3_CODE_MAX + 1];   /* "NoSuchKey"; "" if it names none */
	char words[S3_WORDS_MAX + 1]; /* printable */
};

/** Reads an <Error>; one in an answer that removes several objects, too: the first. False: there is none. */
bool s3_read_fault(struct slice document, struct s3_fault *fault);
/** What a fault means. `status` is HTTP's. */
enum error_kind s3_kind(int status, const struct s3_fault *fault);

struct s3_entry {
	struct slice key, upload; /* upload, since (seconds since 1970): of uploads in parts alone */
	int64_t since;
	uint64_t size;            /* of objects */
};
struct s3_page {
	struct s3_entry *at; /* S3_PAGE_MAX at most */
	size_t count, room;
	bool more;           /* there is a further page, after `next` (and `next_upload`) */
	struct slice next, next_upload;
};

/** Reads a page of objects (ListObjectsV2); all is in the arena. False with *error (ERROR_INVALID) if it isn't one within bounds. */
bool s3_read_objects(struct slice document, struct arena *arena, struct s3_page *page, struct error *error);
/** The same of uploads in parts (ListMultipartUploads). */
bool s3_read_uploads(struct slice document, struct arena *arena, struct s3_page *page, struct error *error);
/** Reads the id of an upload in parts that has begun. */
bool s3_read_upload(struct slice document, struct arena *arena, struct slice *upload, struct error *error);
/** Reads Retry-After (RFC 9110 §10.2.3), a number of seconds or a date: seconds from `now` on; -1: it is neither. */
int64_t s3_read_retry(struct slice value, int64_t now);
/** Reads Content-Range (RFC 9110 §14.4) of an answer with a part. */
bool s3_read_range(struct slice value, uint64_t *from, uint64_t *to);

/* ---- Requests: client.c ---- */

struct s3_request {
	const char *method;
	struct slice key;    /* empty: the bucket itself */
	struct slice query;  /* encoded, in order */
	struct slice body;
	bool checked;        /* the body comes with its MD5 and SHA-256 for the server to check */
	uint64_t from;       /* count > 0: that range is wanted */
	size_t count;
	size_t most;         /* bytes of the answer */
	struct buf *out;     /* where the answer goes; NULL: nowhere */
};

/** What came besides the body. */
struct s3_reply {
	int status;
	unsigned tries;      /* how many it took */
	uint64_t length;     /* Content-Length */
	char tag[S3_TAG_MAX + 1]; /* ETag, as it came */
	struct s3_fault fault;    /* where it failed */
};

/** Asks until there is an answer of 2xx, or no use in asking again. */
bool s3_ask(struct s3 *s3, const struct s3_request *request, struct s3_reply *reply, struct error *error);
/** Sets *error to what an answer's fault means, in words. Returns false. */
bool s3_say_fault(const struct s3 *s3, int status, const struct s3_fault *fault, struct error *error);
const struct s3_place *s3_place_of(const struct s3 *s3);
/** Is it a key that an object may have? */
bool s3_is_key(struct slice key, struct error *error);

/** Puts a large object in parts: parts.c. */
bool s3_put_parts(struct s3 *s3, struct slice key, struct slice content, struct error *error);

#endif
