/* Asking the auth role about what is to be sent, for send_queue.c. */
#ifndef JMAP_SEND_ASK_H
#define JMAP_SEND_ASK_H

#include "jmap/send.h"

/** Takes one step, until sending->asked.step is ASKING_NOTHING; *refused is a SetError, if it mustn't go. False: the auth role has yet to answer, the same is
 * to be asked again after conn_resume(). */
bool jmap_send_ask(struct jmap_sending *sending, json_t **refused);

#endif
