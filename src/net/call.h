/* Questions between roles: one asks, the other answers, over a channel of datagrams (SOCK_SEQPACKET) whose both ends the master
 * keeps open, so that it outlives either side. Descriptors may travel along, both ways.
 *
 * Who answers says hello when it starts, with a number of its own (its generation): what was asked of its predecessor and not
 * answered is asked again, marked so. A question that changes something must therefore bear being asked again. It also
 * bears a time after which it isn't to be begun any more: so who has waited for it in vain knows that nothing of it will be
 * done later, as long as the other side isn't at it already; whether there is another side is found out by a ping.
 *
 * A datagram is: version, kind, flags (a byte each), verb (1 byte), generation (8), id (8), time (8), then the text. A question that is
 * longer than CALL_INLINE_MAX is handed over as a sealed memory file, the first descriptor; such an answer comes in several datagrams.
 * A hello bears what whoever answers wants everybody to know. Neither side trusts the other; texts may be passwords, and are wiped. */
#ifndef NET_CALL_H
#define NET_CALL_H

#include "base/buf.h"
#include "base/error.h"

enum {
	CALL_INLINE_MAX = 16 * 1024,
	CALL_TEXT_MAX = 16 * 1024 * 1024,  /* of a question */
	CALL_ANSWER_MAX = 4 * 1024 * 1024,
	CALL_NEWS_MAX = 64,
	CALL_DESCRIPTORS_MAX = 2,
};

/* ---- Asking ---- */

struct caller;
/** Takes the channel's end over. */
struct caller *caller_new(int channel);
void caller_free(struct caller **caller);
/** Calls `heard` for each hello with what it bears, under the caller's lock, in a thread of its own. Before the first question. */
void caller_on_news(struct caller *caller, void (*heard)(void *context, struct slice news), void *context);
/** Begins to listen; the first question does that, too. */
void caller_listen(struct caller *caller);

struct call_question {
	unsigned verb;                 /* 1 to 255: what the two sides have agreed on */
	struct slice text;
	int fds[CALL_DESCRIPTORS_MAX]; /* stay the caller's */
	size_t fd_count;
	int64_t begin_by;              /* monotonic milliseconds: not to be begun later */
	int64_t end_by;                /* … and then given up, though the other side may still be at it */
	bool once;                     /* it makes no sense to a successor of who was asked: then there is no answer */
};
struct call_answer {
	struct buf text;               /* at most CALL_ANSWER_MAX; buf_free() is due */
	int fds[CALL_DESCRIPTORS_MAX]; /* the asker's to close */
	size_t fd_count;
};
/** Frees the text, and closes the descriptors that nobody has taken over (fd_count). */
void call_answer_free(struct call_answer *answer);
/** Asks and waits. False: there is no answer; nothing is left of *answer. Any thread. */
bool caller_ask(struct caller *caller, const struct call_question *question, struct call_answer *answer);

/** A question that nobody waits for with a thread, or not yet. */
struct call_ticket;
/** Asks and returns. When there is an answer, or it is clear that there will be none, `done`, if there is one, is called, once and under
 * the caller's lock, in any thread, maybe before this returns: it wakes somebody (conn_resume()), and calls nothing of this header. What the
 * question points to, and its descriptors, must stay until caller_end(). Any thread. */
struct call_ticket *caller_begin(struct caller *caller, const struct call_question *question, void (*done)(void *context), void *context);
bool caller_is_done(const struct call_ticket *ticket);
/** Returns when it is done. Of a question that was begun without `done`. */
void caller_await(struct call_ticket *ticket);
/** Takes the answer, as caller_ask() gives it, and frees the ticket. One that isn't done yet is given up: its answer is thrown away when
 * it comes, and `done` isn't called after this has returned. Sets *ticket to NULL. By one thread, who has asked or comes after him. */
bool caller_end(struct call_ticket **ticket, struct call_answer *answer);
/** Since when the oldest question has been waiting (monotonic milliseconds); 0: none is. Never blocks. */
int64_t caller_waiting_since(const struct caller *caller);

/* ---- Answering ---- */

struct answerer;
/** Says hello over the channel, which it takes over. */
struct answerer *answerer_new(int channel);
/** Tells everybody, now and with each hello; at most CALL_NEWS_MAX bytes. The thread that receives, or before there is one. */
void answerer_tell(struct answerer *answerer, struct slice news);
/** No answer may be given after this. */
void answerer_free(struct answerer **answerer);
/** To poll: readable when there may be a question, or room again for answers that waited: answerer_receive() is due. */
int answerer_channel(const struct answerer *answerer);
short answerer_events(const struct answerer *answerer);
int answerer_wake_fd(const struct answerer *answerer);

struct call_received {
	uint64_t id;
	unsigned verb;
	bool again;                    /* it may have been done by a predecessor */
	int64_t begin_by;
	struct slice text;
	int fds[CALL_DESCRIPTORS_MAX]; /* to be closed, or set to -1 by who takes one over */
	size_t fd_count;
	/* for call_received_free() */
	char *memory;
	size_t mapped;
};
enum call_result { CALL_RECEIVED, CALL_NOTHING, CALL_ENDED };
/** Takes one question from the channel, after sending answers that had to wait; while any still does, there is nothing to be
 * received. What is none of ours is passed over. CALL_ENDED: there is no other side any more. One thread. */
enum call_result answerer_receive(struct answerer *answerer, struct call_received *question);
void call_received_free(struct call_received *question);
/** Answers, at most CALL_ANSWER_MAX; the descriptors stay the caller's, if any thread may have them closed when this returns. Never blocks. Any thread. */
void answerer_answer(struct answerer *answerer, uint64_t id, struct slice text, const int *fds, size_t fd_count);

#endif
