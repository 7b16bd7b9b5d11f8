/* The text of a queued message as other servers get it, without what the queue keeps before it for mailboxes here: read piece by piece,
 * and put into the form in which DATA carries it. */
#ifndef COURIER_BODY_H
#define COURIER_BODY_H

#include "base/buf.h"
#include "message/downgrade.h"
#include "queue/queue.h"

enum { BODY_PIECE = 32 * 1024 };

/** What a scan of the whole body tells. */
struct body_facts {
	struct message_facts message; /* utf8_header only if it was asked for */
	bool nul;
};

/** A body opened for reading: rows' bytes in memory or a file. Owned by one thread. */
struct body {
	struct arena *arena;
	struct slice bytes;
	uint64_t preface;  /* bytes of the file that are passed over */
	int fd;            /* -1: `bytes` is all */
	uint64_t at;       /* next byte to be read, of the file or of bytes */
	bool failed;       /* a read error, described in the error given to body_next */
	void *mapped;      /* by body_view(), or NULL */
	size_t mapped_size;
	bool examined, headers_examined;
	struct body_facts facts;
	char piece[BODY_PIECE];
};

/** Opens the body of a message; NULL with *error. */
struct body *body_open(struct queue *queue, const struct queue_message *message, struct error *error);
void body_close(struct body **body);
/** Back to its start. */
void body_rewind(struct body *body);
/** The next piece, valid until the next call. False at the end, or after an error (body->failed). */
bool body_next(struct body *body, struct slice *piece, struct error *error);

/** All of it at once: a large one is mapped into memory until body_close(). */
bool body_view(struct body *body, struct slice *whole, struct error *error);

/** Reads all of the body, the first time that it is asked. `headers`: look for UTF-8 in the headers of the message and its parts, too,
 * which takes reading its structure. False: it can't be read. */
bool body_examine(struct body *body, bool headers, struct body_facts *facts, struct error *error);

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
