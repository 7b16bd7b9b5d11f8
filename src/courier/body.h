/* A queued message's body, read piece by piece, and put into the form in which DATA carries it. */
#ifndef COURIER_BODY_H
#define COURIER_BODY_H

#include "base/buf.h"
#include "queue/queue.h"

enum { BODY_PIECE = 32 * 1024 };

/** A body opened for reading: rows' bytes in memory or a file. Owned by one thread. */
struct body {
	struct arena *arena;
	struct slice bytes;
	int fd;            /* -1: `bytes` is all */
	uint64_t at;       /* next byte to be read */
	bool failed;       /* a read error, described in the error given to body_next */
	char piece[BODY_PIECE];
};

/** Opens the body of message `id`; NULL with *error. */
struct body *body_open(struct queue *queue, int64_t id, struct error *error);
void body_close(struct body **body);
/** Back to its start. */
void body_rewind(struct body *body);
/** The next piece, valid until the next call. False at the end, or after an error (body->failed). */
bool body_next(struct body *body, struct slice *piece, struct error *error);

/** What a scan of the whole body tells: see body_examine. */
struct body_facts {
	bool eight_bit;      /* bytes from 0x80 on */
	bool utf8_header;    /* such bytes in the message's own header */
	bool binary;         /* NUL, a CR or LF alone, or a line over 998 bytes: DATA can't carry it unchanged */
};
/** Reads all of the body. False: it can't be read. */
bool body_examine(struct body *body, struct body_facts *facts, struct error *error);

/** Turning a body into DATA's form (RFC 5321 §4.5.2): a dot at the start of a line is doubled; a CR or LF that stands
 * alone becomes CRLF, so that no byte sequence in a message can be taken for its end by whatever server comes next
 * (CVE-2023-51764). Zero-initialise it at the start of a message. */
struct stuffing { bool middle, cr; /* in the middle of a line; the last byte was a CR not yet written */ };
void stuffing_add(struct stuffing *stuffing, struct slice piece, struct buf *out);
/** Ends the last line, if it has no end, and writes the final dot. */
void stuffing_end(struct stuffing *stuffing, struct buf *out);
/** The most bytes that stuffing makes of `n` bytes. */
static inline size_t stuffing_room(size_t n) { return 2 * n + 8; }

#endif
