/* Which lists in the DNS are believed; see door.h. One table for all threads; a list that is no longer configured keeps its row until another needs it. */
#include "policy/lists.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

enum {
	ROWS = 2 * CONFIG_DNS_LISTS_MAX,
	TEST_EVERY_MS = 60 * 60 * 1000,
	SILENT_TEST_EVERY_MS = 5 * 60 * 1000, /* one that doesn't answer would hold up a message at each test */
};

struct row {
	char zone[CONFIG_DNS_LIST_ZONE_MAX + 1];
	enum dnslist_state state;
	bool six, doubted;
	int64_t tested; /* monotonic; 0: the row is free */
};

struct policy_lists {
	pthread_mutex_t lock;
	struct row rows[ROWS];
};

struct policy_lists *policy_lists_new(void)
{
	struct policy_lists *lists = memory_new(sizeof *lists);
	pthread_mutex_init(&lists->lock, NULL);
	return lists;
}

void policy_lists_free(struct policy_lists **freed)
{
	struct policy_lists *lists = *freed;
	*freed = NULL;
	if (!lists)
		return;
	pthread_mutex_destroy(&lists->lock);
	free(lists);
}

/* Its row, or the one that was tested longest ago, which is another's. */
static struct row *row_of(struct policy_lists *lists, struct slice zone, bool *found)
{
	struct row *oldest = &lists->rows[0];
	for (size_t i = 0; i < ROWS; i++) {
		*found = lists->rows[i].tested && slice_equal_nocase(slice_of(lists->rows[i].zone), zone);
		if (*found)
			return &lists->rows[i];
		oldest = lists->rows[i].tested < oldest->tested ? &lists->rows[i] : oldest;
	}
	return oldest;
}

bool policy_lists_get(struct policy_lists *lists, struct slice zone, enum dnslist_state *state, bool *six)
{
	bool found;
	pthread_mutex_lock(&lists->lock);
	const struct row *row = row_of(lists, zone, &found);
	int64_t every = found && row->state == DNSLIST_SILENT ? SILENT_TEST_EVERY_MS : TEST_EVERY_MS;
	*state = found ? row->state : DNSLIST_PENDING;
	*six = found && row->six;
	bool known = found && !row->doubted && clock_monotonic_ms() - row->tested < every;
	pthread_mutex_unlock(&lists->lock);
	return known;
}

static void tell(struct slice zone, enum dnslist_state before, enum dnslist_state now)
{
	if (now == before)
		return;
	if (now != DNSLIST_GOOD)
		log_warning("dns_list.off", log_slice("zone", zone), log_text("reason", dnslist_state_text(now)));
	else if (before != DNSLIST_PENDING)
		log_info("dns_list.on", log_slice("zone", zone));
}

void policy_lists_set(struct policy_lists *lists, struct slice zone, enum dnslist_state state, bool six)
{
	bool found;
	pthread_mutex_lock(&lists->lock);
	struct row *row = row_of(lists, zone, &found);
	enum dnslist_state before = found ? row->state : DNSLIST_PENDING;
	*row = (struct row){.state = state, .six = six, .tested = clock_monotonic_ms()};
	snprintf(row->zone, sizeof row->zone, "%.*s", SLICE_ARG(zone));
	pthread_mutex_unlock(&lists->lock);
	tell(zone, before, state);
}

void policy_lists_doubt(struct policy_lists *lists, struct slice zone)
{
	bool found;
	pthread_mutex_lock(&lists->lock);
	struct row *row = row_of(lists, zone, &found);
	row->doubted |= found;
	pthread_mutex_unlock(&lists->lock);
}
