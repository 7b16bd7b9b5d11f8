/* Tells other nodes from which networks people have signed in, and hears it of them. Each node keeps that by itself (known.h), and looks it up without waiting
 * for anybody; a thread brings what is new to a table of the database that they share, and fetches from there, every few seconds. What it can't
 * bring, since that database is away for long, is forgotten beyond a bound: it costs its owners the treatment of strangers at other nodes. */
#ifndef AUTH_KNOWN_SPREAD_H
#define AUTH_KNOWN_SPREAD_H

#include "base/slice.h"

struct known_spread;

/** An account was signed in to. What it points to is malloc'ed by who made it. */
struct auth_known_entry {
	struct slice account, network;
	int64_t identity, seen;
	struct auth_known_entry *next;
};

/** `place`: of the shared table (db_place()). NULL: there is no thread to be had, which is logged. */
struct known_spread *auth_known_spread_start(const char *place);
/** Brings what is still to be told, if that works at once. NULL is fine; sets *spread to NULL. */
void auth_known_spread_stop(struct known_spread **spread);
/** From any thread; copies. */
void auth_known_spread_tell(struct known_spread *spread, struct slice account, int64_t identity, struct slice network, int64_t seen);
/** What others have told since, oldest first; our own may be among it. auth_known_entry_free() each. */
struct auth_known_entry *auth_known_spread_hear(struct known_spread *spread);
void auth_known_entry_free(struct auth_known_entry *entry);

#endif
