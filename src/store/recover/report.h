/* What checking an account tells. */
#ifndef STORE_RECOVER_REPORT_H
#define STORE_RECOVER_REPORT_H

#include "base/slice.h"

struct fsck_report {
	uint64_t messages, problems, repaired;
	/** Called with one line per problem found. */
	void (*found)(void *context, struct slice account, struct slice what);
	void *context;
};

#endif
