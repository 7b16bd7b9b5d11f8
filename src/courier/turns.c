/* Turns; see turns.h.
 *
 * Errands of one sender to one destination make a flow. A flow that has errands is in exactly one list: that of its sender, among
 * those that may be tried, or that of the share which has no room for it. When room becomes there, one flow is taken from that list; if
 * it then finds no room elsewhere, it waits there, and the next is taken instead. Every step costs the same however many wait.
 *
 * What is known of destinations and addresses outlives their errands by REMEMBERED_MS. */
#include "courier/turns.h"

#include "base/map.h"
#include "base/memory.h"

enum {
	DESTINATION_FIRST = 1,
	ADDRESS_FIRST = 2,
	ADDRESS_DESTINATIONS = 4,      /* an address gets as many sessions as so many destinations */
	SLOW_MS = 10000,               /* who takes longer for an errand isn't proven by it */
	REMEMBERED_MS = 3600 * 1000,
	REMEMBERED_MAX = 10000,        /* of each kind */
	PUT_OFF_RATE_LEAST = 50,       /* so many a second come back at least, … */
	PUT_OFF_RATE_MOST = 1000,      /* … and at most */
};

struct flow {
	struct courier_share *sender, *destination;
	struct courier_errand *first, **end;
	struct flow *next; /* in the list that it is in */
};

struct flow_list { struct flow *first, **end; };

struct courier_share {
	char *name;
	struct shares *kind;
	size_t window;              /* the most sessions; of a sender no limit of its own */
	size_t active;              /* sessions; of a sender those with unproven destinations */
	size_t held;                /* errands and flows that name it: it can't go before they do */
	size_t waiting;             /* errands */
	bool proven;
	int64_t rest_until;         /* monotonic milliseconds */
	struct courier_trouble rest;        /* why it rests */
	struct flow_list blocked;   /* flows that wait for room here */
	struct flow_list ready;     /* of a sender: flows to be tried */
	bool in_turn;               /* of a sender: it is in the ring */
	struct courier_share *next_sender;
	int64_t full_since, next_slot, finished; /* see put_off(); full_since 0: there was always room */
	/* Unused, and still remembered: */
	bool idle;
	int64_t idle_since;
	struct courier_share *older, *newer;
};

struct shares {
	struct map *by_name;
	int64_t remembered_ms;
	size_t first_window;
	struct courier_share *oldest, *newest; /* idle ones */
	size_t idle;
};

struct courier_turns {
	struct shares destinations, addresses, senders;
	struct map *flows;                  /* by the addresses of sender and destination */
	struct courier_share *ring, **ring_end; /* senders with flows to be tried */
	struct courier_share unproven;      /* sessions with unproven destinations, */
	struct courier_share strangers;     /* and those of them that strangers have */
	size_t active, waiting;
};

/* ---- Lists ---- */

static void list_push(struct flow_list *list, struct flow *flow)
{
	flow->next = NULL;
	if (!list->end)
		list->end = &list->first;
	*list->end = flow;
	list->end = &flow->next;
}

static struct flow *list_pop(struct flow_list *list)
{
	struct flow *flow = list->first;
	if (!flow)
		return NULL;
	list->first = flow->next;
	if (!list->first)
		list->end = &list->first;
	return flow;
}

/* ---- Shares ---- */

static struct shares shares_new(int64_t remembered_ms, size_t first_window)
{
	return (struct shares){.by_name = map_new(), .remembered_ms = remembered_ms, .first_window = first_window};
}

static void unlink_idle(struct shares *kind, struct courier_share *share)
{
	*(share->older ? &share->older->newer : &kind->oldest) = share->newer;
	*(share->newer ? &share->newer->older : &kind->newest) = share->older;
	share->older = share->newer = NULL;
	share->idle = false;
	kind->idle--;
}

static void share_free(struct courier_share *share)
{
	map_remove(share->kind->by_name, slice_of(share->name));
	free(share->name);
	free(share);
}

static void forget_old(struct shares *kind, int64_t now)
{
	while (kind->oldest && (kind->idle > REMEMBERED_MAX || now - kind->oldest->idle_since >= kind->remembered_ms)) {
		struct courier_share *share = kind->oldest;
		unlink_idle(kind, share);
		share_free(share);
	}
}

static struct courier_share *share_hold(struct shares *kind, struct slice name)
{
	struct courier_share *share = map_get(kind->by_name, name);
	if (!share) {
		share = memory_new(sizeof *share);
		*share = (struct courier_share){.name = memory_copy(name.at, name.len), .kind = kind, .window = kind->first_window};
		map_put(kind->by_name, slice_of(share->name), share);
	}
	if (share->idle)
		unlink_idle(kind, share);
	share->held++;
	return share;
}

static void share_let_go(struct courier_share *share, int64_t now)
{
	struct shares *kind = share->kind;
	if (--share->held > 0)
		return;
	share->idle = true;
	share->idle_since = now;
	share->older = kind->newest;
	*(kind->newest ? &kind->newest->newer : &kind->oldest) = share;
	kind->newest = share;
	kind->idle++;
	forget_old(kind, now);
}

static bool is_resting(const struct courier_share *share, int64_t now)
{
	return share->rest_until > now;
}

/* What the end of a session, which took so long, says about a destination or an address. */
static void share_learn(struct courier_share *share, enum courier_outcome outcome, const struct courier_trouble *why, size_t window_max, int64_t took,
			int64_t rest_ms, int64_t now)
{
	if (outcome == COURIER_UNREACHABLE) {
		share->proven = false;
		share->window = share->kind->first_window;
		share->rest = *why;
		share->rest_until = now + rest_ms;
	} else if (outcome == COURIER_WORKED) {
		share->rest_until = 0;
		share->proven = took < SLOW_MS;
		if (share->proven && share->window < window_max)
			share->window++;
	} else if (took >= SLOW_MS)
		share->proven = false;
}

/* ---- Flows ---- */

struct flow_key { const struct courier_share *sender, *destination; };

static struct slice key_bytes(const struct flow_key *key)
{
	return slice_make((const char *)key, sizeof *key);
}

/* The flow of an errand; *made: it is new, and in no list. */
static struct flow *flow_get(struct courier_turns *turns, const struct courier_errand *errand, bool *made)
{
	struct flow_key key = {errand->sender, errand->destination};
	struct flow *flow = map_get(turns->flows, key_bytes(&key));
	*made = !flow;
	if (flow)
		return flow;
	flow = memory_new(sizeof *flow);
	*flow = (struct flow){.sender = errand->sender, .destination = errand->destination, .end = &flow->first};
	flow->sender->held++;
	flow->destination->held++;
	map_put(turns->flows, key_bytes(&key), flow);
	return flow;
}

static void flow_free(struct courier_turns *turns, struct flow *flow, int64_t now)
{
	struct flow_key key = {flow->sender, flow->destination};
	map_remove(turns->flows, key_bytes(&key));
	share_let_go(flow->sender, now);
	share_let_go(flow->destination, now);
	free(flow);
}

static void count_waiting(struct courier_turns *turns, const struct courier_errand *errand, bool more)
{
	size_t step = more ? 1 : (size_t)-1;
	turns->waiting += step;
	errand->destination->waiting += step;
	errand->sender->waiting += step;
}

static void flow_append(struct courier_turns *turns, struct flow *flow, struct courier_errand *errand)
{
	errand->next = NULL;
	*flow->end = errand;
	flow->end = &errand->next;
	count_waiting(turns, errand, true);
}

static void flow_prepend(struct courier_turns *turns, struct flow *flow, struct courier_errand *errand)
{
	errand->next = flow->first;
	flow->first = errand;
	if (!errand->next)
		flow->end = &errand->next;
	count_waiting(turns, errand, true);
}

static struct courier_errand *flow_pop(struct courier_turns *turns, struct flow *flow)
{
	struct courier_errand *errand = flow->first;
	flow->first = errand->next;
	if (!flow->first)
		flow->end = &flow->first;
	count_waiting(turns, errand, false);
	return errand;
}

/* ---- Who is to be tried ---- */

static void sender_in_turn(struct courier_turns *turns, struct courier_share *sender)
{
	if (sender->in_turn || !sender->ready.first)
		return;
	sender->in_turn = true;
	sender->next_sender = NULL;
	*turns->ring_end = sender;
	turns->ring_end = &sender->next_sender;
}

static void make_ready(struct courier_turns *turns, struct flow *flow)
{
	list_push(&flow->sender->ready, flow);
	sender_in_turn(turns, flow->sender);
}

static struct flow *next_flow(struct courier_turns *turns)
{
	struct courier_share *sender = turns->ring;
	if (!sender)
		return NULL;
	turns->ring = sender->next_sender;
	if (!turns->ring)
		turns->ring_end = &turns->ring;
	sender->in_turn = false;
	struct flow *flow = list_pop(&sender->ready);
	sender_in_turn(turns, sender);
	return flow;
}

static void wake_one(struct courier_turns *turns, struct courier_share *share)
{
	struct flow *flow = list_pop(&share->blocked);
	if (flow)
		make_ready(turns, flow);
}

/* ---- Room ---- */

static size_t at_least_one(size_t number)
{
	return number > 0 ? number : 1;
}

static size_t unproven_limit(const struct courier_limits *limits)
{
	return at_least_one(limits->sessions - limits->sessions / 4);
}

static size_t window_of(const struct courier_share *share, size_t max)
{
	return share->window < max ? share->window : max;
}

/* The most that one flow passes by. */
enum { GATES = 5 };
struct gate { struct courier_share *share; size_t most; };

/* The shares that the first errand of a flow needs room in. */
static size_t list_gates(struct courier_turns *turns, const struct flow *flow, const struct courier_limits *limits, int64_t now, struct gate gates[GATES])
{
	size_t count = 0, unproven = unproven_limit(limits);
	const struct courier_errand *errand = flow->first;
	if (is_resting(flow->destination, now)) /* it needs no session */
		return 0;
	gates[count++] = (struct gate){flow->destination, window_of(flow->destination, limits->per_destination)};
	if (errand->address && !is_resting(errand->address, now))
		gates[count++] = (struct gate){errand->address, window_of(errand->address, limits->per_destination * ADDRESS_DESTINATIONS)};
	if (flow->destination->proven)
		return count;
	gates[count++] = (struct gate){flow->sender, at_least_one(unproven * 3 / 4)};
	if (errand->stranger)
		gates[count++] = (struct gate){&turns->strangers, at_least_one(unproven / 2)};
	gates[count++] = (struct gate){&turns->unproven, unproven};
	return count;
}

static bool has_room(const struct gate *gate)
{
	return gate->share->active < gate->most;
}

/* The gate at which a flow has to wait; NULL: none. Room that others wait for elsewhere, and that it doesn't take, goes to them. */
static struct courier_share *closed_gate(struct courier_turns *turns, const struct gate *gates, size_t count)
{
	struct courier_share *closed = NULL;
	for (size_t i = 0; i < count && !closed; i++)
		if (!has_room(&gates[i]))
			closed = gates[i].share;
	for (size_t i = 0; closed && i < count; i++)
		if (has_room(&gates[i]))
			wake_one(turns, gates[i].share);
	return closed;
}

/* ---- Adding ---- */

/* Half of the room that is left for all: one alone gets a third of it, ten a twelfth each, and there is always some for the next. */
static bool may_wait(const struct courier_turns *turns, const struct courier_share *share)
{
	size_t left = turns->waiting < COURIER_ERRANDS_MAX ? COURIER_ERRANDS_MAX - turns->waiting : 0;
	return share->waiting < left / 2;
}

/* Each that is put off gets a slot of its own, and the slots follow one another as fast as errands have been seen to end; so a queue
 * of a million is not gone through again and again. */
static int64_t put_off(struct courier_share *share, int64_t now)
{
	if (share->next_slot < now) {
		share->next_slot = share->full_since = now;
		share->finished = 0;
	}
	int64_t rate = share->finished * 1000 / (now - share->full_since + 1000);
	rate = rate < PUT_OFF_RATE_LEAST ? PUT_OFF_RATE_LEAST : rate > PUT_OFF_RATE_MOST ? PUT_OFF_RATE_MOST : rate;
	share->next_slot += 1000 / rate;
	int64_t wait = COURIER_PUT_OFF_SECONDS_LEAST + (share->next_slot - now) / 1000;
	return wait < COURIER_PUT_OFF_SECONDS_MOST ? wait : COURIER_PUT_OFF_SECONDS_MOST;
}

static void let_go(struct courier_errand *errand, int64_t now)
{
	share_let_go(errand->destination, now);
	share_let_go(errand->sender, now);
	errand->destination = errand->sender = NULL;
}

int64_t courier_turns_add(struct courier_turns *turns, struct courier_errand *errand, struct slice destination, struct slice sender, int64_t now)
{
	bool made;
	errand->destination = share_hold(&turns->destinations, destination);
	errand->sender = share_hold(&turns->senders, sender);
	struct courier_share *crowded = !may_wait(turns, errand->destination) ? errand->destination : !may_wait(turns, errand->sender) ? errand->sender : NULL;
	if (crowded) {
		int64_t seconds = put_off(crowded, now);
		let_go(errand, now);
		return seconds;
	}
	struct flow *flow = flow_get(turns, errand, &made);
	flow_append(turns, flow, errand);
	if (made)
		make_ready(turns, flow);
	return 0;
}

/* ---- Giving out ---- */

static void count_active(struct courier_turns *turns, struct courier_errand *errand, bool more)
{
	size_t step = more ? 1 : (size_t)-1;
	turns->active += step;
	errand->destination->active += step;
	if (!errand->unproven)
		return;
	errand->sender->active += step;
	turns->unproven.active += step;
	if (errand->stranger)
		turns->strangers.active += step;
}

static struct courier_errand *give_out(struct courier_turns *turns, struct flow *flow, int64_t now)
{
	struct courier_errand *errand = flow_pop(turns, flow);
	if (errand->address) /* it waited for it: from here on it is on its way there again */
		share_let_go(errand->address, now);
	errand->address = NULL;
	errand->begun = now;
	errand->unproven = !flow->destination->proven;
	count_active(turns, errand, true);
	if (flow->first)
		make_ready(turns, flow);
	else
		flow_free(turns, flow, now);
	return errand;
}

struct courier_errand *courier_turns_next(struct courier_turns *turns, const struct courier_limits *limits, int64_t now)
{
	struct gate gates[GATES];
	struct flow *flow;
	while (turns->active < limits->sessions && (flow = next_flow(turns))) {
		size_t count = list_gates(turns, flow, limits, now, gates);
		struct courier_share *closed = closed_gate(turns, gates, count);
		if (!closed)
			return give_out(turns, flow, now);
		list_push(&closed->blocked, flow);
	}
	return NULL;
}

struct slice courier_turns_destination(const struct courier_errand *errand)
{
	return slice_of(errand->destination->name);
}

bool courier_turns_rests(const struct courier_errand *errand, int64_t now, struct courier_trouble *why)
{
	if (!is_resting(errand->destination, now))
		return false;
	*why = errand->destination->rest;
	return true;
}

/* ---- Ending ---- */

/* Room was made in every share that the errand was counted in. */
static void give_back(struct courier_turns *turns, struct courier_errand *errand)
{
	count_active(turns, errand, false);
	wake_one(turns, errand->destination);
	if (!errand->unproven)
		return;
	wake_one(turns, errand->sender);
	wake_one(turns, &turns->unproven);
	if (errand->stranger)
		wake_one(turns, &turns->strangers);
}

/* None waits for what rests; and a window may have grown. */
static void after_learning(struct courier_turns *turns, struct courier_share *share, enum courier_outcome outcome)
{
	if (outcome == COURIER_WORKED)
		wake_one(turns, share);
	while (outcome == COURIER_UNREACHABLE && share->blocked.first)
		wake_one(turns, share);
}

/* What was waited for with this destination isn't needed any more. */
static void wake_those_to(struct courier_turns *turns, struct courier_share *share, const struct courier_share *destination)
{
	struct flow_list rest = {0};
	for (struct flow *flow; (flow = list_pop(&share->blocked));) {
		if (flow->destination == destination)
			make_ready(turns, flow);
		else
			list_push(&rest, flow);
	}
	share->blocked.first = rest.first;
	share->blocked.end = rest.first ? rest.end : &share->blocked.first;
}

void courier_turns_end(struct courier_turns *turns, struct courier_errand *errand, enum courier_outcome outcome, const struct courier_trouble *why,
		       const struct courier_limits *limits, int64_t now)
{
	struct courier_share *destination = errand->destination;
	bool was_proven = destination->proven;
	share_learn(destination, outcome, why, limits->per_destination, now - errand->begun, limits->rest_ms, now);
	destination->finished++;
	errand->sender->finished++;
	give_back(turns, errand);
	after_learning(turns, destination, outcome);
	if (destination->proven != was_proven || outcome == COURIER_UNREACHABLE) {
		wake_those_to(turns, errand->sender, destination);
		wake_those_to(turns, &turns->unproven, destination);
		wake_those_to(turns, &turns->strangers, destination);
	}
	let_go(errand, now);
}

/* ---- Addresses ---- */

/* Takes an errand back that was given out. */
static void park(struct courier_turns *turns, struct courier_errand *errand, struct courier_share *address)
{
	bool made;
	errand->address = address;
	give_back(turns, errand);
	struct flow *flow = flow_get(turns, errand, &made);
	flow_prepend(turns, flow, errand);
	if (made)
		list_push(&address->blocked, flow);
}

enum courier_entry courier_turns_enter(struct courier_turns *turns, struct courier_errand *errand, struct slice address, bool may_park,
				       const struct courier_limits *limits, int64_t now, struct courier_trouble *why)
{
	struct courier_share *share = share_hold(&turns->addresses, address);
	struct gate gate = {share, window_of(share, limits->per_destination * ADDRESS_DESTINATIONS)};
	bool resting = is_resting(share, now), room = has_room(&gate);
	if (!resting && !room && may_park) {
		park(turns, errand, share);
		return COURIER_PARKED;
	}
	if (!resting && room) {
		errand->address = share;
		errand->entered = now;
		share->active++;
		return COURIER_ENTERED;
	}
	if (resting)
		*why = share->rest;
	share_let_go(share, now);
	return resting ? COURIER_RESTING : COURIER_FULL;
}

void courier_turns_leave(struct courier_turns *turns, struct courier_errand *errand, enum courier_outcome outcome, const struct courier_trouble *why,
			 const struct courier_limits *limits, int64_t now)
{
	struct courier_share *address = errand->address;
	errand->address = NULL;
	address->active--;
	share_learn(address, outcome, why, limits->per_destination * ADDRESS_DESTINATIONS, now - errand->entered, limits->rest_ms, now);
	wake_one(turns, address);
	after_learning(turns, address, outcome);
	share_let_go(address, now);
}

/* ---- Beginning and ending ---- */

struct courier_turns *courier_turns_new(void)
{
	struct courier_turns *turns = memory_new(sizeof *turns);
	turns->destinations = shares_new(REMEMBERED_MS, DESTINATION_FIRST);
	turns->addresses = shares_new(REMEMBERED_MS, ADDRESS_FIRST);
	turns->senders = shares_new(0, 0);
	turns->flows = map_new();
	turns->ring_end = &turns->ring;
	return turns;
}

/* The flow is wherever it is; it goes when its last errand is out. */
struct courier_errand *courier_turns_clear(struct courier_turns *turns)
{
	size_t cursor = 0;
	struct slice key;
	void *value;
	if (!map_next(turns->flows, &cursor, &key, &value))
		return NULL;
	struct flow *flow = value;
	struct courier_errand *errand = flow_pop(turns, flow);
	if (errand->address)
		share_let_go(errand->address, 0);
	errand->address = NULL;
	let_go(errand, 0);
	if (!flow->first)
		flow_free(turns, flow, 0);
	return errand;
}

static void shares_free(struct shares *kind)
{
	kind->remembered_ms = INT64_MIN;
	forget_old(kind, 0);
	map_free(&kind->by_name);
}

void courier_turns_free(struct courier_turns **turns)
{
	struct courier_turns *old = *turns;
	*turns = NULL;
	if (!old)
		return;
	shares_free(&old->destinations);
	shares_free(&old->addresses);
	shares_free(&old->senders);
	map_free(&old->flows);
	free(old);
}

size_t courier_turns_waiting(const struct courier_turns *turns)
{
	return turns->waiting;
}

size_t courier_turns_remembered(const struct courier_turns *turns)
{
	return map_count(turns->destinations.by_name) + map_count(turns->addresses.by_name);
}
