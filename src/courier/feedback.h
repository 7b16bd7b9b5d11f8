/* Sending reports to other domains, which the policy role makes (policy/outgoing.h). */
#ifndef COURIER_FEEDBACK_H
#define COURIER_FEEDBACK_H

#include "courier/internal.h"

/** The main function of the thread that does it; it ends when courier->stopping is set and feedback_poked signalled. */
void *courier_feedback_thread(void *courier);

#endif
