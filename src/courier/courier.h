/* The courier takes messages from the queue and brings each recipient to where it belongs: a mailbox here or another
 * server; or says back to the sender why it couldn't. */
#ifndef COURIER_H
#define COURIER_H

#include "base/error.h"

struct auth;
struct caller;
struct courier;
struct dns;
struct queue;
struct store;

struct courier_options {
	struct auth *auth;
	struct dns *dns;
	struct queue *queue;
	struct store *store;
	const char *data; /* the data directory, for the smarthost's password file */
	struct caller *policy; /* whom reports to other domains are asked of; NULL: there are none */
};
/** Starts the courier's threads; it works by config_current(). */
struct courier *courier_start(const struct courier_options *options);
/** Look at the queue at once: something was committed or flushed. Any thread; cheap; never blocks. */
void courier_poke(struct courier *courier);
/** Ask at once whether there are reports to other domains. Any thread; never blocks. */
void courier_feedback_poke(struct courier *courier);
/** Goes on with all changes of keys that have begun, as far as their time has come. Blocks, for half a minute for each domain, or until it is time to stop. */
void courier_rotations_go_on(struct auth *auth, struct dns *dns, bool (*is_stopping)(void *context), void *context);
/** Takes the queue's queue_on_commit() back, lets deliveries that are under way end, for at most `seconds`, then frees it and sets *courier to NULL. */
void courier_stop(struct courier **courier, int seconds);

#endif
