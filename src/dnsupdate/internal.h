/* What the files of this folder share: messages as bytes, their signatures, and who carries them. */
#ifndef DNSUPDATE_INTERNAL_H
#define DNSUPDATE_INTERNAL_H

#include "dnsupdate/dnsupdate.h"

enum {
	MESSAGE_MAX = 65535,        /* bytes (RFC 1035 §4.2.2) */
	MESSAGE_HEADER = 12,
	SIGNATURE_MAX = 1024,       /* bytes of a TSIG record of ours, with two names */
	MAC_MAX = 64,
	RECORDS_MAX = 2000,         /* of an answer */
	NAME_MAX_WIRE = 255,        /* RFC 1035 §2.3.4 */
	CLASS_IN = 1, CLASS_NONE = 254, CLASS_ANY = 255,
	OPCODE_QUERY = 0, OPCODE_UPDATE = 5,
	TSIG_FUDGE = 300,           /* seconds by which clocks may differ (RFC 8945 §10) */
};

/* ---- Making messages (make.c) ---- */

/** Appends a name, uncompressed. False: it is none. */
bool dns_update_put_name(struct buf *out, struct slice name);
void dns_update_put_number(struct buf *out, uint64_t number, unsigned bytes);
/** A question with an id. */
bool dns_update_write_question(struct slice name, unsigned type, unsigned id, struct buf *out);
/** A message with changes of a zone (RFC 2136 §2). False: something in it is no name, or it is too long. */
bool dns_update_write_changes(struct slice zone, const struct dns_update_change *list, size_t count, unsigned id, struct buf *out);

/* ---- Reading them (read.c) ---- */

/** A signature as it came (RFC 8945 §4.2). */
struct dns_update_tsig {
	bool there;
	size_t at;               /* where its record begins */
	struct slice key, algorithm, mac, other;
	uint64_t time;           /* seconds since 1970 */
	unsigned fudge, original_id, error;
};
struct dns_update_reading {
	unsigned id, opcode, code;
	bool is_answer, truncated;
	bool has_question;
	struct slice name;       /* of the question, or the zone */
	unsigned type;
	struct dns_update_record *answers, *authority;
	size_t answer_count, authority_count;
	struct dns_update_tsig tsig;
};
/** Reads a whole message, to its last byte. What it finds is in `arena` or points into `message`. False: it isn't one, or has more than RECORDS_MAX. Of one
 * that was truncated only what stands before its records is read, and no signature. */
bool dns_update_read(struct slice message, struct arena *arena, struct dns_update_reading *reading);
/** A name from *at on, as text; *at is behind it then. Pointers lead back only. */
bool dns_update_read_name(struct slice message, size_t *at, struct arena *arena, struct slice *name);

/* ---- Signatures (sign.c) ---- */

struct dns_update_mac { unsigned char bytes[MAC_MAX]; size_t len; };
/** Signs a message: appends the record, and *mac is what an answer's is made over, too. False: the buffer is full. */
bool dns_update_sign(const struct dns_update_server *server, int64_t now, struct buf *message, struct dns_update_mac *mac);
/** Is an answer signed by who has the key, as one to the message with this mac, and just now? */
bool dns_update_verify(const struct dns_update_server *server, struct slice answer, const struct dns_update_reading *reading,
		       const struct dns_update_mac *mac, int64_t now, struct error *error);

/* ---- Carrying them (ask.c) ---- */

/** Signs `message`, sends it, and reads the answer to it; what this says in its code is the caller's to judge. `is_change`: its answer must be signed. */
bool dns_update_ask(const struct dns_update_server *server, struct buf *message, bool is_change, struct arena *arena, struct dns_update_reading *reading,
		    struct error *error);

#endif
