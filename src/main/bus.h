/* The bus of changes: every role that changes an account says so, every role that cares hears of it. Who announces and who hears
 * what stands in the rows of config/roles.def; a role that cares sets role->hear, and that is all.
 *
 * Each hearing role has one channel, whose sending end all have who announce something that it hears. Announcing never waits for
 * anybody. For a hearer that is behind, what was announced gathers, each account once; when that is too much it becomes "anything
 * may have changed", after which the hearer looks for itself. Who begins to announce says that, too, since nobody knows what its
 * predecessor didn't come to say: so nothing is lost silently.
 *
 * What is said is believed only as far as it may be: it makes a hearer look, or ends sessions; it gives nobody anything. */
#ifndef MAIN_BUS_H
#define MAIN_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum bus_topic {
	BUS_SIGN_IN, /* what is now needed to sign in to an account is another */
	BUS_MAIL,    /* messages or mailboxes of an account */
	BUS_TOPICS,
};
#define BUS(topic) (1U << BUS_##topic) /* for sets of topics */

struct bus_change {
	enum bus_topic topic;
	struct slice account; /* its canonical name; empty: anything may have changed */
	int64_t identity;     /* of SIGN_IN: which counts now (struct auth_account); 0: nobody can be signed in */
	struct slice reason;  /* of SIGN_IN: in words, why the former ones don't count */
};

enum {
	BUS_ACCOUNT_MAX = 512,   /* bytes of an account's name */
	BUS_REASON_MAX = 200,
	BUS_DATAGRAM_MAX = 1024,
	BUS_WAITING_MAX = 4096,  /* accounts that wait for one hearer; more become "anything" */
};

struct bus;

/** `own_thread`: one is started when a hearer is behind, to send when it has room; without, bus_flush() is to be called. */
struct bus *bus_new(bool own_thread);
/** Adds a hearer of these topics; takes its channel over. Before anything is announced. */
void bus_add(struct bus *bus, int channel, unsigned topics);
/** Tells all who hear that topic. Any thread. */
void bus_announce(struct bus *bus, const struct bus_change *change);
/** For store_on_change(): the account's mail has changed. */
void bus_announce_mail(void *bus, struct slice account);
/** Says of each of these topics that anything may have changed. */
void bus_announce_anything(struct bus *bus, unsigned topics);
/** Sends what has waited, as far as there is room. True: nothing waits any more. */
bool bus_flush(struct bus *bus);
/** Sends what there is room for. */
void bus_free(struct bus **bus);

/** The hearer's side: the next change, if one is there; its slices point into `room`. What is none of ours is passed over. */
bool bus_hear(int channel, char room[BUS_DATAGRAM_MAX], struct bus_change *change);

#endif
