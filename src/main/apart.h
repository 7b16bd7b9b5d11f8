/* Doing something in a process of its own, which ends at once: what parses foreign bytes, or works with keys, isn't done in the master, which starts
 * everything and lives longest. */
#ifndef MAIN_APART_H
#define MAIN_APART_H

#include "base/buf.h"
#include "base/error.h"

enum { APART_MS = 10000 };
/** Runs `task` there with its context, for APART_MS at most, while the caller waits; appends what it appended to its `out`. False with *error: as the task says,
 * or it didn't end in time. What else it changes in memory is lost. */
bool apart_run(bool (*task)(void *context, struct buf *out, struct error *error), void *context, struct buf *out, struct error *error);
/** For a task: from here on it can open no file, no socket and no process, for it is going to parse what others have written. What the kernel can't
 * do for that is not told. */
bool apart_confine(struct error *error);

#endif
