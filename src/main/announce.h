/* The courier tells the reader which accounts have changed. Deliveries must not wait for the reader, and no change may be
 * forgotten because the reader was slow: names gather in a set (so a hundred deliveries to one account are one entry) and
 * are sent by whoever runs announcer_send(), in its own time. */
#ifndef MAIN_ANNOUNCE_H
#define MAIN_ANNOUNCE_H

#include "base/slice.h"

struct announcer;

struct announcer *announcer_new(int channel);
/** Notes a changed account. Any thread; never blocks for long. For store_on_change. */
void announcer_note(void *announcer, struct slice account);
/** A descriptor that becomes readable when there is something to send. */
int announcer_wake_fd(const struct announcer *announcer);
/** Sends what has gathered, as far as the channel has room. True: all sent; false: to be called again when it has room. */
bool announcer_send(struct announcer *announcer);
void announcer_free(struct announcer **announcer);

#endif
