/* What was taken for mailboxes that have a quota and isn't in them yet. How full a mailbox is, auth knows from the store, which learns of a
 * message when the courier delivers it. Until then whoever asks would be told of the same room: many at the same moment, or all while the
 * courier is behind. So what this process has taken for an account is held against its room, until the mailbox is seen to have grown by
 * that much, or for PROMISE_MS: it can't be seen when as much was removed meanwhile. Kept for the PROMISES accounts that were written to
 * last; after a restart nothing is promised. Any thread. */
#ifndef SMTP_PROMISE_H
#define SMTP_PROMISE_H

#include "auth/auth.h"

enum { PROMISES = 4096, PROMISE_MS = 10 * 60 * 1000 };

/** Takes what is promised off the room that auth tells of. */
void smtp_promise_look(struct auth_recipient_room *room, int64_t now_ms);
/** Promises a message of `size` bytes. False: it doesn't fit beside what was promised before. */
bool smtp_promise_make(const struct auth_recipient_room *room, uint64_t size, int64_t now_ms);
/** The same for one that doesn't fit, and waits in the queue for this mailbox, too, since it was taken for another. */
void smtp_promise_overdraw(const struct auth_recipient_room *room, uint64_t size, int64_t now_ms);

#endif
