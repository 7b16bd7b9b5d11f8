/* Which accounts have something to do at a time: DIR/accounts/.agenda holds a small file for each, whose name begins with that time and whose content is
 * the account's name. So who keeps time reads one folder, and opens no account before it is due; accounts that have nothing to do cost nothing.
 *
 * A file is made before what it is for is committed, under the account's write lock, and removed under that lock when nothing is due any more: a crash
 * leaves one too many at most, which leads to an account in vain, once. */
#ifndef STORE_AGENDA_H
#define STORE_AGENDA_H

#include "base/arena.h"
#include "base/error.h"

enum { AGENDA_NAME_MAX = 64, AGENDA_DUE_MAX = 500 /* that are told at a time */ };

struct agenda_entry {
	char name[AGENDA_NAME_MAX]; /* of the file */
	struct slice account;       /* empty: it can't be read */
};

/** Opens the folder, and makes it if `write`. -1: there is none, or it can't be opened. */
int agenda_open(const char *data, bool write);
/** The account has something to do at that time (seconds since 1970; what was before 1970 counts as then). Saying so again changes nothing. */
bool agenda_mark(int agenda, struct slice account, int64_t at, struct error *error);
/** Removes an entry. */
void agenda_remove(int agenda, const struct agenda_entry *entry);
/** What is due at `now`, the earliest first, AGENDA_DUE_MAX at most, in `arena`. *next: when there is more; INT64_MAX: never. */
bool agenda_list_due(int agenda, int64_t now, struct arena *arena, struct agenda_entry **list, size_t *count, int64_t *next, struct error *error);
/** Another number whenever something may have been added or removed; to be compared. */
int64_t agenda_stamp(int agenda);

#endif
