/* The event file is written by the master alone. Each role has a pipe, at whose other end a thread of the master reads lines, looks
 * whether they are lines of that role, and adds them to the file: so a role that was taken over can add events of its own, and
 * neither change nor remove what is there, nor speak in another's name. */
#ifndef MAIN_LOG_KEEPER_H
#define MAIN_LOG_KEEPER_H

#include "base/error.h"

struct log_keeper;
/** Starts the thread. */
struct log_keeper *log_keeper_new(struct error *error);
/** Where lines go from now on; a copy of the descriptor is kept. */
void log_keeper_set_file(struct log_keeper *keeper, int fd);
/** A pipe for one process of a role, to be handed to it and closed; -1 with *error. `role` lives as long as the program. It is forgotten
 * when all who can write to it have ended and everything is read. */
int log_keeper_add(struct log_keeper *keeper, const char *role, struct error *error);
/** Writes what is in the pipes now, at once: the thread lets some come together first. */
void log_keeper_catch_up(struct log_keeper *keeper);
/** Ends the thread when it has written what is in the pipes now. */
void log_keeper_free(struct log_keeper **keeper);

#endif
