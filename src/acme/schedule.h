/* When a certificate is to be renewed, and when to try again after a failure: functions of times. No input or output. */
#ifndef ACME_SCHEDULE_H
#define ACME_SCHEDULE_H

#include <stdint.h>

enum {
	ACME_RETRY_FIRST_SECONDS = 600,      /* after the first failure, then twice as long each time: authorities count failures within an hour */
	ACME_RETRY_MOST_SECONDS = 12 * 3600,
};

/** When to renew by the certificate's own dates: when a third of its time is left, or half of one that is valid for ten days or less; earlier by
 * up to a thirtieth of the whole, by `chance` (0 to 999), so that not all come at the same time. */
int64_t acme_renew_at(int64_t begins, int64_t ends, unsigned chance);
/** When within the time that the authority suggests (RFC 9773 §4.2), by chance; at once if it is over. Never later than in the last tenth of the
 * certificate's own time: an authority that means it otherwise is mistaken. */
int64_t acme_renew_within(int64_t start, int64_t end, int64_t begins, int64_t ends, unsigned chance);
/** How long to wait after so many failures in a row (1 and more), at least `asked` seconds if the authority asks for that, a week at most. */
int64_t acme_retry_after(unsigned failures, int64_t asked, unsigned chance);

#endif
