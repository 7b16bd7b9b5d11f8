/* The courier takes messages from the queue and brings each recipient to where it belongs: a mailbox here or another
 * server; or says back to the sender why it couldn't. */
#ifndef COURIER_H
#define COURIER_H

#include "base/error.h"

struct auth;
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
};
/** Starts the courier's threads; it works by config_current(). */
struct courier *courier_start(const struct courier_options *options);
/** Look at the queue at once: something was committed or flushed. Any thread; cheap; never blocks. */
void courier_poke(struct courier *courier);
/** Takes the queue's queue_on_commit() back, lets deliveries that are under way end, for at most `seconds`, then frees it and sets *courier to NULL. */
void courier_stop(struct courier **courier, int seconds);

#endif
