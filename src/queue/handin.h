/* Handing in: who may add to the queue but not see it asks the process that owns it, over net/call.h. The questions of the two
 * sides, handin_client.c and handin_server.c:
 *
 *   a body file   for a body of more than QUEUE_INLINE_MAX bytes. The answer brings a file without a name in queue/body/ twice: to
 *                 write, and to read.
 *   a message     envelope and body; or, in the place of the body, that file, only to read: the asker has closed what it
 *                 wrote with. The answer comes when the message is on disk. Asked again, it is done once.
 *   a withdrawal  an account, and the id of a message that it wants back. The answer has one number more: enum queue_withdrawal.
 *   a question    an account, and the id of a message of which it doesn't know whether it was committed. The answer has one number more: 1, if it is there;
 *                 if not, it won't be any more.
 *
 *   quarantine    what is set apart: a list, one, its release, its removal (apart_call.c). The answer has more.
 *
 * An answer is a number of enum error_kind, and if it isn't ERROR_NONE the reason. */
#ifndef QUEUE_HANDIN_H
#define QUEUE_HANDIN_H

#include "base/wire.h"
#include "net/call.h"
#include "queue/internal.h"

enum queue_handin_verb { HANDIN_BODY_FILE = 1, HANDIN_MESSAGE, HANDIN_WITHDRAWAL, HANDIN_QUESTION, HANDIN_APART_LIST, HANDIN_APART_SHOW, HANDIN_APART_RELEASE, HANDIN_APART_REMOVE };

enum {
	HANDIN_BEGIN_SECONDS = 20,    /* a message that the owner can't begin with within that is refused */
	HANDIN_END_SECONDS = 600,     /* … and that it is still at then, given up: the client has gone by now (RFC 5321 §4.5.3.2.6) */
	HANDIN_TEXT_MAX = 4096,       /* of one address or other text of an envelope */
	HANDIN_PREFACE_MAX = HANDIN_TEXT_MAX + 32, /* the Return-Path field of such an address */
	HANDIN_ENVELOPE_MAX = CALL_TEXT_MAX - QUEUE_INLINE_MAX - 4096,
};

#define HANDIN_SIZE_MAX (INT64_MAX - HANDIN_PREFACE_MAX)

/** What a message's question says. */
struct queue_handin {
	struct queue_message message;
	struct slice body;            /* inline */
	bool in_file;
};

/** False: the envelope is larger than HANDIN_ENVELOPE_MAX. */
bool queue_handin_encode(const struct queue_handin *handin, struct buf *out);
/** Slices point into `text`, the list of recipients is the arena's. False if anything is not as it should be: also control bytes
 * where there can't be any, which would become lines of a dialogue with another server. */
bool queue_handin_decode(struct slice text, struct arena *arena, struct queue_handin *handin);

/* apart_call.c */
/** Does what a question about quarantine asks, and appends the answer; one of HANDIN_APART_…. */
void queue_apart_answer(struct queue *queue, unsigned verb, struct slice text, struct buf *out);
/** Read what follows the error in an answer. False: it isn't as it should be. */
bool queue_apart_read_list(struct wire_reader *reader, struct arena *arena, struct queue_apart **list, size_t *count);
bool queue_apart_read_shown(struct wire_reader *reader, struct arena *arena, struct queue_apart_shown *shown);

/* handin_client.c: the side of who hands in. */
/** Asks and waits. False: *error; else *answer, of which the reader is at what follows the error; call_answer_free() is due. */
bool queue_handin_ask(struct queue *queue, enum queue_handin_verb verb, struct slice text, struct call_answer *answer, struct wire_reader *reader, struct error *error);
/** A file for a body: one descriptor to write, one to read. */
bool queue_handin_open_file(struct queue *queue, int *written, int *shown, struct error *error);
/** The same without waiting; `done`: see caller_begin(). Then one of the other two is due, which set *ticket to NULL. */
struct call_ticket *queue_handin_ask_file(struct queue *queue, void (*done)(void *context), void *context);
bool queue_handin_take_file(struct call_ticket **ticket, int *written, int *shown, struct error *error);
void queue_handin_forget_file(struct call_ticket **ticket);
/** A message on its way. */
struct queue_handin_ticket {
	struct buf text;          /* the question's */
	struct call_ticket *call; /* NULL: its envelope was too large */
};
/** Hands in a message; `shown`: the body's file, which must stay open until the end, or -1. `done`: see caller_begin(). */
void queue_handin_begin(struct queue_handin_ticket *ticket, struct queue *queue, const struct queue_handin *handin, int shown,
		  void (*done)(void *context), void *context);
bool queue_handin_is_done(const struct queue_handin_ticket *ticket);
bool queue_handin_end(struct queue_handin_ticket *ticket, struct error *error);
/** The same, waiting. */
bool queue_handin_commit(struct queue *queue, const struct queue_handin *handin, int shown, struct error *error);

#endif
