/* Who has been put off, and who has come again: by the client's network (of IPv4 a /24, of IPv6 a /64) and the sender's domain. Who comes again after
 * a while is known from then on; so is at once who comes from a network that has a good record, or has brought good mail before. A table in memory
 * and a file of lines ("network domain first last visits state") that a person can read; bounded, and what isn't used for long goes. Thread-safe. */
#ifndef POLICY_GREYLIST_H
#define POLICY_GREYLIST_H

#include "base/arena.h"
#include "base/error.h"

enum {
	POLICY_GREY_ENTRIES = 50000,     /* at most; of those who were put off the older half goes before */
	POLICY_GREY_PER_NETWORK = 200,   /* domains of one network that may be waited for; all others of it are one */
	POLICY_GREY_RECORD = 3,          /* so many known pairs of a network are a good record */
	POLICY_GREY_FILE_MAX = 32 * 1024 * 1024,
};

/** Writes "192.0.2.0/24" or "2001:db8::/64", in `arena`; `client`: 4 or 16 bytes; an IPv4 address that is mapped into IPv6 is one of IPv4. */
struct slice policy_grey_network(struct slice client, struct arena *arena);

enum policy_grey_state { POLICY_GREY_WAITS, POLICY_GREY_KNOWN };
struct policy_grey_entry {
	struct slice network, domain; /* the null sender's domain is "<>" */
	int64_t first, last;          /* seconds since 1970 */
	uint64_t visits;
	enum policy_grey_state state;
};

struct policy_grey_times {
	int64_t delay;  /* seconds: who comes again earlier is put off again */
	int64_t expect; /* so long he is waited for */
	int64_t keep;   /* so long who is known stays it without coming */
};

struct policy_greylist;
/** Reads the file, if there is one; a damaged line is passed over. Never NULL. `path` must live as long. */
struct policy_greylist *policy_greylist_new(const char *path, int64_t now);
/** Writes the file and frees; NULL is fine. */
void policy_greylist_free(struct policy_greylist **list);

/** May he come in without more ado, since he is known? Counts it as a visit. */
bool policy_greylist_knows(struct policy_greylist *list, struct slice network, struct slice domain, const struct policy_grey_times *times, int64_t now);
/** He is suspicious: 0: he has come again in time, and is known now; else the seconds that he is to stay away. */
int64_t policy_greylist_ask(struct policy_greylist *list, struct slice network, struct slice domain, const struct policy_grey_times *times, int64_t now);
/** What he has brought was good, so that he is known; or bad, so that he isn't any more. */
void policy_greylist_learn(struct policy_greylist *list, struct slice network, struct slice domain, bool good, int64_t now);
/** Writes the file if something has changed and `every` seconds have passed since the last time. */
void policy_greylist_save(struct policy_greylist *list, int64_t every, int64_t now);

/** Reads a file of it; `visit` is called for each entry, whose texts live only as long. False: it can't be read; one that isn't there is empty. */
bool policy_greylist_read(const char *path, void (*visit)(void *context, const struct policy_grey_entry *entry), void *context, struct error *error);

/** Does a name look like one that an access provider gives to addresses by the thousand: does it hold the address, or say that it is dynamic? */
bool policy_grey_is_dynamic(struct slice name, struct slice client);

#endif
