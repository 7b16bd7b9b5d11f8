/* With which reverse-path a message goes to another server. */
#ifndef COURIER_REVERSE_PATH_H
#define COURIER_REVERSE_PATH_H

#include "courier/internal.h"

/** *from: the message's own, or for what a stranger has sent and an alias passes on, as the auth role rewrites it (auth/srs.h), in the
 * arena. False: it can't be told now. Blocks for the auth role's answer. */
bool courier_reverse_path(const struct courier_addressee *addressee, struct arena *arena, struct slice *from);

/** The address of ours that has passed a stranger's message on: the alias. In the message, or the address that it was sent to. */
struct slice courier_passed_on_by(const struct courier_addressee *addressee);

#endif
