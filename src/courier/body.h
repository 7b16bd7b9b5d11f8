/* The text of a queued message as other servers get it, without what the queue keeps before it for mailboxes here: read piece by piece,
 * and put into the form in which DATA carries it. */
#ifndef COURIER_BODY_H
#define COURIER_BODY_H

#include "base/buf.h"
#include "message/downgrade.h"
#include "queue/queue.h"

enum { BODY_PIECE = 32 * 1024 };

/** What a scan of the whole body tells. */
struct courier_body_facts {
	struct message_facts message; /* utf8_header only if it was asked for */
	bool nul;
};

/** A body opened for reading: rows' bytes in memory or a file. Owned by one thread. */
struct courier_body {
	struct arena *arena;
	struct slice bytes;
	uint64_t preface;  /* bytes of the file that are passed over */
	int fd;            /* -1: `bytes` is all */
	uint64_t at;       /* next byte to be read, of the file or of bytes */
	bool failed;       /* a read error, described in the error given to courier_body_next */
	void *mapped;      /* by courier_body_view(), or NULL */
	size_t mapped_size;
	bool examined, headers_examined;
	struct courier_body_facts facts;
	char piece[BODY_PIECE];
};

/** Opens the body of a message; NULL with *error. */
struct courier_body *courier_body_open(struct queue *queue, const struct queue_message *message, struct error *error);
void courier_body_close(struct courier_body **body);
/** Back to its start. */
void courier_body_rewind(struct courier_body *body);
/** The next piece, valid until the next call. False at the end, or after an error (body->failed). */
bool courier_body_next(struct courier_body *body, struct slice *piece, struct error *error);

/** Writes all of a message's body to a draft. */
bool courier_body_copy(struct queue *queue, const struct queue_message *message, struct queue_draft *draft, struct error *error);

/** All of it at once: a large one is mapped into memory until courier_body_close(). */
bool courier_body_view(struct courier_body *body, struct slice *whole, struct error *error);

/** Reads all of the body, the first time that it is asked. `headers`: look for UTF-8 in the headers of the message and its parts, too,
 * which takes reading its structure. False: it can't be read. */
bool courier_body_examine(struct courier_body *body, bool headers, struct courier_body_facts *facts, struct error *error);

/** Turning a body into DATA's form (RFC 5321 §4.5.2): a dot at the start of a line is doubled; a CR or LF that stands
 * alone becomes CRLF, so that no byte sequence in a message can be taken for its end by whatever server comes next
 * (CVE-2023-51764). Zero-initialise it at the start of a message. */
struct courier_stuffing { bool middle, cr; /* in the middle of a line; the last byte was a CR not yet written */ };
void courier_stuffing_add(struct courier_stuffing *stuffing, struct slice piece, struct buf *out);
/** Ends the last line, if it has no end, and writes the final dot. */
void courier_stuffing_end(struct courier_stuffing *stuffing, struct buf *out);
/** The most bytes that stuffing makes of `n` bytes. */
static inline size_t stuffing_room(size_t n) { return 2 * n + 8; }

#endif
