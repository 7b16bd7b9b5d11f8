/* See schedule.h. */
#include "acme/schedule.h"

enum { CHANCES = 1000, SHORT_SECONDS = 10 * 86400, ASKED_MOST_SECONDS = 7 * 86400 };

int64_t acme_renew_at(int64_t begins, int64_t ends, unsigned chance)
{
	int64_t whole = ends - begins, left = whole <= SHORT_SECONDS ? whole / 2 : whole / 3;
	return ends - left - whole / 30 * (int64_t)(chance % CHANCES) / CHANCES;
}

int64_t acme_renew_within(int64_t start, int64_t end, int64_t begins, int64_t ends, unsigned chance)
{
	int64_t at = start + (end - start) * (int64_t)(chance % CHANCES) / CHANCES, latest = ends - (ends - begins) / 10;
	return at < latest ? at : latest;
}

int64_t acme_retry_after(unsigned failures, int64_t asked, unsigned chance)
{
	int64_t wait = ACME_RETRY_FIRST_SECONDS;
	for (unsigned i = 1; i < failures && wait < ACME_RETRY_MOST_SECONDS; i++)
		wait *= 2;
	wait = wait < ACME_RETRY_MOST_SECONDS ? wait : ACME_RETRY_MOST_SECONDS;
	asked = asked < ASKED_MOST_SECONDS ? asked : ASKED_MOST_SECONDS;
	wait = wait > asked ? wait : asked;
	return wait + wait / 10 * (int64_t)(chance % CHANCES) / CHANCES;
}
