/* What is said while somebody is away (RFC 8621 §8). */
#ifndef JMAP_VACATION_H
#define JMAP_VACATION_H

#include "jmap/internal.h"

extern const struct jmap_type jmap_vacation_type;
enum net_run jmap_vacation_get(struct jmap_call *call);
enum net_run jmap_vacation_set(struct jmap_call *call);

#endif
