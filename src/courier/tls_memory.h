/* Which hosts had TLS that didn't work lately: with opportunistic TLS it isn't tried with them again for a while, so that only
 * the first delivery waits for it. Thread-safe. */
#ifndef COURIER_TLS_MEMORY_H
#define COURIER_TLS_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct tls_memory;

enum {
	TLS_MEMORY_HOSTS_MAX = 10000, /* when so many are remembered, all are forgotten */
	TLS_MEMORY_SECONDS = 1800,
};

struct tls_memory *tls_memory_new(void);
void tls_memory_free(struct tls_memory **memory);
/** Remembers this host (any text that tells it from others) for TLS_MEMORY_SECONDS from `now`, monotonic milliseconds. */
void tls_memory_note(struct tls_memory *memory, struct slice host, int64_t now);
/** Is it remembered at `now`? */
bool tls_memory_has(struct tls_memory *memory, struct slice host, int64_t now);
/** TLS is to be tried again: the host has said that it takes nothing without. */
void tls_memory_forget(struct tls_memory *memory, struct slice host);

#endif
