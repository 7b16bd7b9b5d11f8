/* A process beside the policy role that connects to the engines of the configuration for it, and to nothing else. The kernel can't be told which
 * local sockets a process may connect to, nor which hosts; so the role itself may open neither, and asks this one, which knows numbers
 * of engines only. It is started before the role is confined, is confined as well, and ends with it. */
#ifndef MAIN_DIALER_H
#define MAIN_DIALER_H

#include "engine/engine.h"

struct dialer;
/** Starts the process, from a process with one thread. `lost_fd` (an eventfd) is written to should it end by itself. NULL with *error. */
struct dialer *dialer_new(const struct config_string_list *engines, int lost_fd, struct error *error);
/** An engine_dial. Any thread. */
int dialer_dial(void *dialer, size_t index, const struct config_engine *engine);
/** Ends the process. Sets *dialer to NULL; NULL is fine. */
void dialer_free(struct dialer **dialer);

#endif
