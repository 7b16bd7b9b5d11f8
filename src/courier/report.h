/* Telling senders what became of their messages: a DSN goes into the queue like any other message. */
#ifndef COURIER_REPORT_H
#define COURIER_REPORT_H

#include "courier/internal.h"

/** Is the sender to be told about this addressee, whose verdict is final for this attempt? */
bool report_is_due(const struct addressee *addressee);
/** Queues a notification for every kind among these addressees of one letter for whom it is due. False: it couldn't be
 * queued, and they must stay in the queue. */
bool report_send(struct letter *letter, struct addressee **list, size_t count, struct error *error);

#endif
