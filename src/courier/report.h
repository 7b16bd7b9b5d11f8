/* Telling senders what became of their messages: a DSN goes into the queue like any other message. */
#ifndef COURIER_REPORT_H
#define COURIER_REPORT_H

#include "courier/internal.h"

/** Did the message come from somebody who neither signed in nor may relay? His sender's address may be another's, who must not get
 * from us what a stranger wrote (backscatter): he hears of no delay, and gets only the fields that he knows his message by. That no
 * success is reported to him is seen to where the message comes in. */
bool courier_is_strangers(const struct queue_message *message);
/** Is the sender to be told about this addressee, whose verdict is final for this attempt? */
bool courier_report_is_due(const struct courier_addressee *addressee);
/** Hands a letter over all of whose addressees are closed: those that aren't settled are told of. Any thread; never blocks. */
void courier_report_submit(struct courier_letter *letter);
/** The main function of the thread that writes notifications: many at a time, so that one sync of the disk serves all of them. It
 * ends when courier->last_words is set and nothing waits. */
void *courier_report_thread(void *courier);

#endif
