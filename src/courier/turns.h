/* Whose turn it is: which of the errands that wait for other servers go next. Knows neither threads nor sockets: the time is an
 * argument, and who uses it has a lock.
 *
 * An errand goes to a destination for a sender, and there to an address. Each of the three has a share of all sessions:
 *   a destination  one at first; one more after each success, up to its limit; one again when none of its hosts can be reached
 *   an address     two at first, and grows likewise: a thousand domains may lead to one
 *   a sender       most of the sessions with destinations that are unproven; strangers together half of them
 * A destination is proven when the last thing heard of it is that mail went there, and went quickly. A quarter of all sessions is
 * kept for those: the silent and the slow of this world, however many, hold up only each other. Senders take turns, and the
 * destinations of each. Who has no room somewhere waits there, in no one's way, until there is.
 *
 * What can't be reached rests: its errands are given out at once, to be told so. */
#ifndef COURIER_TURNS_H
#define COURIER_TURNS_H

#include "courier/session.h"

struct courier_turns;
struct courier_share;

/** What is to be done; a part of something larger, of whose memory its owner takes care. All fields are private. */
struct courier_errand {
	struct courier_share *destination, *sender;
	struct courier_share *address;   /* where it is now, or has to wait for room; NULL: none */
	bool stranger;                   /* its sender is one */
	bool unproven;                   /* it counts among those with unproven destinations */
	int64_t begun, entered;          /* monotonic milliseconds */
	struct courier_errand *next;
};

/** Read at each call, so that they may change. */
struct courier_limits {
	size_t sessions;        /* all together */
	size_t per_destination;
	int64_t rest_ms;        /* how long rests what can't be reached */
};

enum courier_outcome {
	COURIER_WORKED,      /* the other server did what it is there for */
	COURIER_UNDECIDED,   /* it says nothing about the other server */
	COURIER_UNREACHABLE,
};

struct courier_turns *courier_turns_new(void);
/** With no errand in it: see courier_turns_clear(). */
void courier_turns_free(struct courier_turns **turns);

enum {
	COURIER_ERRANDS_MAX = 10000,      /* that may wait; nobody gets more of the room than half of what is left for all */
	COURIER_PUT_OFF_SECONDS_LEAST = 5, /* one that is put off comes back after so long; the more there are, the later */
	COURIER_PUT_OFF_SECONDS_MOST = 3600,
};
/** Puts an errand (zeroed but for `stranger`) behind the others of its sender and destination. 0: done; else too many wait already,
 * and it is to come back after so many seconds. */
int64_t courier_turns_add(struct courier_turns *turns, struct courier_errand *errand, struct slice destination, struct slice sender, int64_t now);
/** The next errand, whose session may begin. NULL: there is none for now. */
struct courier_errand *courier_turns_next(struct courier_turns *turns, const struct courier_limits *limits, int64_t now);
/** The destination of an errand; lives until it has ended. */
struct slice courier_turns_destination(const struct courier_errand *errand);
/** Does its destination rest? Then *why. */
bool courier_turns_rests(const struct courier_errand *errand, int64_t now, struct courier_trouble *why);
/** An errand that was given out is through. `why` says why the destination can't be reached, if that is so. */
void courier_turns_end(struct courier_turns *turns, struct courier_errand *errand, enum courier_outcome outcome, const struct courier_trouble *why,
		       const struct courier_limits *limits, int64_t now);

enum courier_entry {
	COURIER_ENTERED,  /* courier_turns_leave() is due */
	COURIER_FULL,     /* no room */
	COURIER_PARKED,   /* no room, and it waits for it: it was taken back, and courier_turns_next() will give it again */
	COURIER_RESTING,  /* and *why */
};
/** May an errand that was given out begin with this address now? */
enum courier_entry courier_turns_enter(struct courier_turns *turns, struct courier_errand *errand, struct slice address, bool may_park,
				       const struct courier_limits *limits, int64_t now, struct courier_trouble *why);
void courier_turns_leave(struct courier_turns *turns, struct courier_errand *errand, enum courier_outcome outcome, const struct courier_trouble *why,
			 const struct courier_limits *limits, int64_t now);

/** Takes out one of the errands that wait; NULL: there is none left. */
struct courier_errand *courier_turns_clear(struct courier_turns *turns);
/** How many wait. */
size_t courier_turns_waiting(const struct courier_turns *turns);
/** How many destinations and addresses are remembered. */
size_t courier_turns_remembered(const struct courier_turns *turns);

#endif
