/* What has come from a domain or a network so far: since when, how much, and how much of it was good or junk. A file of the policy role keeps it, within
 * bounds, so that it outlives restarts. Only domains that a message is proved to be from (proved.h) have a place in it: a name that anybody can write
 * earns nothing and loses nothing.
 *
 * Of each a few messages a day count, whatever number comes: so nobody gets a name, good or bad, within a day; and what came long ago counts less and
 * less. Whatever the file holds it can be read and written: an entry that doesn't bear its check is none. */
#ifndef POLICY_REPUTATION_H
#define POLICY_REPUTATION_H

#include "base/arena.h"
#include "base/error.h"

#define POLICY_REPUTATIONS "reputations" /* in the folder policy/ */
enum {
	POLICY_REPUTATION_ENTRIES = 131072, /* domains and networks; 4 MiB at most */
	POLICY_REPUTATION_A_DAY = 10,       /* verdicts of one that count */
	POLICY_REPUTATION_LEAST = 20,       /* verdicts; with fewer it has none */
	POLICY_REPUTATION_KEPT = 200,       /* verdicts of one: with more, all are halved */
	POLICY_REPUTATION_DAYS = 365,       /* after which what isn't heard of is forgotten */
	POLICY_REPUTATION_NEW_DAYS = 30,    /* a table that is younger can't tell who is new */
};

struct policy_reputation;
/** Opens FOLDER/reputations, and makes it. NULL with *error. */
struct policy_reputation *policy_reputation_open(const char *folder, int64_t now, struct error *error);
/** The same to look things up alone. NULL with *error, also where there is none. */
struct policy_reputation *policy_reputation_read(const char *folder, struct error *error);
/** Sets *reputation to NULL; NULL is fine. */
void policy_reputation_close(struct policy_reputation **reputation);

/** By what a domain (canonical, as far as somebody can register it) or a network is known in the table. */
uint64_t policy_reputation_domain(struct slice domain);
/** Of an address, 4 or 16 bytes: its /24 or /48. */
uint64_t policy_reputation_network(struct slice address);

struct policy_renown {
	unsigned days;     /* since it was first heard of, today being 1; 0: not known, since the table is too young to say */
	unsigned messages; /* 0: it wasn't heard of */
	int value;         /* from -100, all was junk, to 100, all was good; 0: too little has come */
};
/** What is known of it. Any thread. `now`: seconds since 1970. */
struct policy_renown policy_reputation_look(struct policy_reputation *reputation, uint64_t key, int64_t now);

enum policy_repute { POLICY_REPUTE_NONE, POLICY_REPUTE_GOOD, POLICY_REPUTE_BAD };
/** A message has come from it, and was good, or junk, or neither. Any thread. Lost if the disk doesn't take it. */
void policy_reputation_count(struct policy_reputation *reputation, uint64_t key, enum policy_repute repute, int64_t now);
/** Several people agree on what comes from it: that counts as a day's messages. Any thread. */
void policy_reputation_agreed(struct policy_reputation *reputation, uint64_t key, enum policy_repute repute, int64_t now);

/** What both say together of a message; `proved`: its domain is, else only what is bad of its network counts. */
int policy_reputation_of(const struct policy_renown *domain, const struct policy_renown *network, bool proved);

#endif
