/* What happened lately: texts that are remembered for some time, such as hosts whose TLS doesn't work. Thread-safe. */
#ifndef COURIER_LATELY_H
#define COURIER_LATELY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct lately;

enum { LATELY_MAX = 10000 }; /* when so many texts are remembered, all are forgotten */

struct lately *courier_lately_new(int seconds);
void courier_lately_free(struct lately **lately);
/** Remembers the text from `now` on (monotonic milliseconds). */
void courier_lately_note(struct lately *lately, struct slice text, int64_t now);
/** Is it remembered at `now`? */
bool courier_lately_has(struct lately *lately, struct slice text, int64_t now);
void courier_lately_forget(struct lately *lately, struct slice text);

#endif
