/* For tests of the server: how many connections does it look at for the sake of one? Work is counted, not time: a walk over all that wait is cheap
 * enough to hide in any measurement of a thousand, and is what keeps ten times as many from being served. */
#ifndef NET_TOUCHES_FIXTURE_H
#define NET_TOUCHES_FIXTURE_H

#include <stddef.h>

/** From here on each connection that is read or written is counted, once. */
void touches_begin(void);
/** How many were since touches_begin(). */
size_t touches_count(void);

#endif
