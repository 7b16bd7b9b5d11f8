/* What a message to a push service (RFC 8030) is made of: its encryption for the browser or app that it is for (RFC 8291, RFC 8188), and the token by which
 * the service knows who sends it (VAPID, RFC 8292). Functions of their arguments, but for random numbers: no input or output. OpenSSL does the cryptography. */
#ifndef WEBPUSH_WEBPUSH_H
#define WEBPUSH_WEBPUSH_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum {
	WEBPUSH_URL_MAX = 2048,
	WEBPUSH_PUBLIC_SIZE = 65,    /* a point of P-256, uncompressed */
	WEBPUSH_PRIVATE_SIZE = 32,
	WEBPUSH_AUTH_SIZE = 16,      /* RFC 8291 §3.2 */
	WEBPUSH_SALT_SIZE = 16,      /* RFC 8188 §2.1 */
	WEBPUSH_BODY_MAX = 4096,     /* what a service has to take (RFC 8030 §7.2) */
	WEBPUSH_OVERHEAD = WEBPUSH_SALT_SIZE + 4 + 1 + WEBPUSH_PUBLIC_SIZE + 1 + 16, /* header, delimiter, tag of AES-GCM */
	WEBPUSH_TEXT_MAX = WEBPUSH_BODY_MAX - WEBPUSH_OVERHEAD,
	WEBPUSH_PAD_TO = 128,        /* a text is made longer, to a multiple of so many bytes: its length tells less */
	WEBPUSH_KEY_TEXT_MAX = 128,  /* a key in base64, as a client says it */
	WEBPUSH_TOKEN_MAX = 1024,
	WEBPUSH_TOKEN_SECONDS = 12 * 3600, /* RFC 8292 §2: a day at most */
};

/* ---- Base64 in the alphabet of URLs (RFC 4648 §5) ---- */

/** What the text stands for, of exactly `size` bytes; padding may be there. False: it isn't that. */
bool webpush_base64_decode(struct slice text, unsigned char *out, size_t size);

/* ---- Where to ---- */

/** Is it an absolute URL of https, of printable ASCII, with a host, and without a user's name or a fragment? *origin: "https://host" or "https://host:port", in
 * small letters and without the port that https has anyway (RFC 6454 §6.2, RFC 8292 §2), in the arena. Nothing is said of whether it may be reached. */
bool webpush_url_check(struct slice url, struct arena *arena, struct slice *origin);
/** Of such an origin: the host alone, without brackets. */
struct slice webpush_origin_host(struct slice origin);

/* ---- Encryption ---- */

/** A subscription's keys. */
struct webpush_keys {
	unsigned char public[WEBPUSH_PUBLIC_SIZE];
	unsigned char auth[WEBPUSH_AUTH_SIZE];
};
/** Reads what a client says as p256dh and auth (RFC 8620 §7.2). False: it isn't a point of the curve, or a secret of that size. */
bool webpush_keys_read(struct slice p256dh, struct slice auth, struct webpush_keys *keys);
/** Appends the text as one record of aes128gcm (RFC 8291 §3, §4), under a key of its own. ERROR_LIMIT: it is longer than WEBPUSH_TEXT_MAX. */
bool webpush_encrypt(const struct webpush_keys *keys, struct slice text, struct buf *out, struct error *error);

/** What is else drawn at random; for tests. */
struct webpush_seed {
	unsigned char private[WEBPUSH_PRIVATE_SIZE], public[WEBPUSH_PUBLIC_SIZE], salt[WEBPUSH_SALT_SIZE];
	size_t padding;
};
bool webpush_encrypt_seeded(const struct webpush_keys *keys, const struct webpush_seed *seed, struct slice text, struct buf *out, struct error *error);

/* ---- Who we are (VAPID) ---- */

struct webpush_key {
	unsigned char private[WEBPUSH_PRIVATE_SIZE], public[WEBPUSH_PUBLIC_SIZE];
};
bool webpush_key_make(struct webpush_key *key, struct error *error);
/** Appends a token (RFC 8292 §2): a JWT, signed with ES256. `audience`: the origin of the URL that is asked; `subject`: "mailto:…" or "https://…"; `expires`:
 * seconds since 1970. ERROR_INVALID: they aren't such. */
bool webpush_token(const struct webpush_key *key, struct slice audience, struct slice subject, int64_t expires, struct buf *out, struct error *error);

/* ---- What the push role is asked (wire.c) ---- */

enum { WEBPUSH_VERB = 1, WEBPUSH_FIELD_MAX = WEBPUSH_TOKEN_MAX + 256, WEBPUSH_QUESTION_MAX = WEBPUSH_URL_MAX + WEBPUSH_FIELD_MAX + WEBPUSH_BODY_MAX + 64, WEBPUSH_WHY_MAX = 300 };
enum webpush_urgency { WEBPUSH_VERY_LOW, WEBPUSH_LOW, WEBPUSH_NORMAL, WEBPUSH_HIGH, WEBPUSH_URGENCIES }; /* RFC 8030 §5.3 */
extern const char *const webpush_urgency_names[WEBPUSH_URGENCIES];
/** False: it is none. */
bool webpush_urgency_parse(struct slice name, enum webpush_urgency *urgency);

/** One message. */
struct webpush_message {
	struct slice url;
	struct slice authorization; /* the value of that field */
	struct slice body;
	bool encrypted;             /* … with aes128gcm */
	uint32_t ttl;               /* seconds (RFC 8030 §5.2) */
	enum webpush_urgency urgency;
};
void webpush_message_encode(const struct webpush_message *message, struct buf *out);
/** Points into the text. */
bool webpush_message_decode(struct slice text, struct webpush_message *message);

/** What came of it. */
struct webpush_answer {
	unsigned status;       /* of HTTP; 0: there was no answer, and `why` says why */
	uint32_t retry_after;  /* seconds; 0: not said */
	struct slice why;
};
void webpush_answer_encode(const struct webpush_answer *answer, struct buf *out);
bool webpush_answer_decode(struct slice text, struct webpush_answer *answer);
/** Retry-After (RFC 9110 §10.2.3): seconds from `now` (since 1970), WEBPUSH_RETRY_MAX at most; 0: it says nothing of use. */
enum { WEBPUSH_RETRY_MAX = 24 * 3600 };
uint32_t webpush_retry_after(struct slice value, int64_t now);

#endif
