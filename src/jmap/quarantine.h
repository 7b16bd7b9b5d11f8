/* Strangers' mail that was set apart, for whom it came for: an extension of our own. The queue has it, and decides what people may do with it (queue.h); here it is found out what is this
 * person's, by asking to whom the addresses lead that it came to. */
#ifndef JMAP_QUARANTINE_H
#define JMAP_QUARANTINE_H

#include "jmap/internal.h"
#include "queue/queue.h"

enum { JMAP_ID_QUARANTINED = 'q' };

/** What is announced of the account. */
json_t *jmap_quarantine_about(const struct jmap_request *request);

enum net_run jmap_quarantine_query(struct jmap_call *call);
enum net_run jmap_quarantine_get(struct jmap_call *call);
enum net_run jmap_quarantine_release(struct jmap_call *call);
enum net_run jmap_quarantine_set(struct jmap_call *call);

/* quarantine_own.c */

/** One that is this person's. */
struct jmap_quarantined {
	struct queue_apart apart;
	bool alone; /* its address leads to this account and nowhere else */
};
struct jmap_quarantine { struct jmap_quarantined *list; size_t count; };
/** All of the account's, the newest first, in the call's arena. False: answered. */
bool jmap_quarantine_read(struct jmap_call *call, struct jmap_quarantine *own);
/** The one with this id; NULL: none is his. */
const struct jmap_quarantined *jmap_quarantine_find(const struct jmap_quarantine *own, struct slice id);
enum { JMAP_QUARANTINE_ID_MAX = JMAP_ID_SIZE + 21 };
void jmap_quarantine_id(const struct queue_apart *apart, char out[JMAP_QUARANTINE_ID_MAX]);

#endif
