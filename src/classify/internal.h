/* What the parts of the classifier share. Internal to this folder. */
#ifndef CLASSIFY_INTERNAL_H
#define CLASSIFY_INTERNAL_H

#include "classify/classify.h"

struct classify_counts {
	uint32_t spam, ham; /* messages with a token */
};

/** Asks for the memory of a token that is to be counted soon. */
void classify_store_prefetch(const struct classify_store *store, uint64_t hash);
/** How many messages had the token. */
struct classify_counts classify_store_counts(const struct classify_store *store, uint64_t hash);
/** How many messages were learned. */
struct classify_counts classify_store_learned(const struct classify_store *store);

/** Spreads what is in a number over all its bits. */
static inline uint64_t classify_mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

#endif
