/* What is known of a letter in an account's arrived/, see arrived.c. */
#ifndef STORE_BLOB_ARRIVAL_H
#define STORE_BLOB_ARRIVAL_H

#include <stdint.h>

/** A letter that was put into an account's folder, to be taken in by whoever opens the account next: until then nobody can see that
 * it isn't in the INBOX yet, and it counts. */
struct arrival {
	int64_t delivery_id, received; /* given, as in struct placement; received isn't 0 */
	/* results */
	int64_t id;
	uint64_t size;
	unsigned char hash[32];        /* SHA-256 */
};

#endif
