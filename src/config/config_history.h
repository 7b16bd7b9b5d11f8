/* What became of pombal.conf by `pombal config set` and its kin, over HTTP, too: who changed it when, from what to what; and changes that wait to be confirmed, and
 * are taken back otherwise. A file for each change, in DIR/history/; DIR/history/waiting names the one that waits. */
#ifndef CONFIG_CONFIG_HISTORY_H
#define CONFIG_CONFIG_HISTORY_H

#include "base/arena.h"
#include "base/error.h"

enum {
	CONFIG_HISTORY_KEPT = 200,     /* changes */
	CONFIG_CONFIRM_MAX = 3600,     /* seconds that a change may wait */
};

enum config_change_state { CHANGE_KEPT, CHANGE_WAITING, CHANGE_TAKEN_BACK };
struct config_change {
	uint64_t number;            /* from 1 */
	int64_t time, confirm_by;   /* seconds since 1970; the latter of one that waits, or did: else 0 */
	enum config_change_state state;
	struct slice by, peer;      /* who, and from where; one line each */
	struct slice before, after; /* the text of pombal.conf */
};

/** Nobody else changes the configuration so, or its history, until the descriptor is closed; waits for who does. -1 with *error. */
int config_history_lock(const char *data, struct error *error);
/** The last number that was given; 0: none. */
bool config_history_last(const char *data, uint64_t *number, struct error *error);
/** ERROR_NOT_FOUND. */
bool config_history_read(const char *data, uint64_t number, struct arena *arena, struct config_change *change, struct error *error);
/** Writes it anew, durably; of a new one the oldest beyond CONFIG_HISTORY_KEPT goes. */
bool config_history_write(const char *data, const struct config_change *change, struct error *error);
/** The change that waits; number 0: none does. */
bool config_history_waiting(const char *data, struct arena *arena, struct config_change *change, struct error *error);
/** Puts the text of before it into pombal.conf, if that still holds the text of after it; *done: it did. It waits no more. */
bool config_history_take_back(const char *data, struct config_change *change, bool *done, struct error *error);
/** It waits no more, and stays. */
bool config_history_confirm(const char *data, struct config_change *change, struct error *error);
/** Is there one that waits, and is its time over? Cheap. */
bool config_history_is_due(const char *data, int64_t now);

#endif
