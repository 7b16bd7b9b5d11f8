/* What a process of the server says of itself, for `pombal metrics`: one line per number,
 *
 *   event NAME COUNT     how often that event was written since the process began (base/log.h)
 *   value NAME NUMBER    what is so now, or has added up: pss_bytes, cpu_milliseconds, connections_open …
 *
 * A role sends them over its control channel when the master asks ("metrics", see master_ask.c); the master puts the role's name before
 * each line. Names are lower-case letters, digits, '_' and '.'. */
#ifndef MAIN_MEASURE_H
#define MAIN_MEASURE_H

#include "base/buf.h"
#include "net/server.h"

enum { MEASURES_MAX = 48 * 1024 };

/** Opens what measure_process() reads; before the process confines itself, which takes away its sight of /proc. -1: the kernel
 * doesn't offer it. */
int measure_open_memory(void);
/** Appends the process's memory (proportional set size, -1 for `memory`: left out), processor time and events. */
void measure_process(struct buf *out, int memory);
/** Appends one value. */
void measure_value(struct buf *out, const char *name, uint64_t value);
/** Appends what a server of connections has to say. */
void measure_server(struct buf *out, struct server *server);

#endif
