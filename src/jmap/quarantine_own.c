/* What in quarantine is this person's; see quarantine.h. Each address is asked about once, several at a time, since each answer takes a moment. */
#include "jmap/quarantine.h"

#include <stdlib.h>

#include "auth/auth.h"
#include "base/map.h"
#include "base/random.h"

enum { TOGETHER = 64, ADDRESSES_MAX = 5000 /* that are looked at: those of the newest */ };

/* Where an address leads. */
struct owner { struct slice address; bool own, alone; };
struct owners {
	struct map *by_address;
	struct owner *list;
	size_t count;
};

/* ---- Ids ---- */

void jmap_quarantine_id(const struct queue_apart *apart, char out[JMAP_QUARANTINE_ID_MAX])
{
	char message[JMAP_ID_SIZE];
	jmap_id_format(JMAP_ID_QUARANTINED, apart->message, message);
	snprintf(out, JMAP_QUARANTINE_ID_MAX, "%s-%lld", message, (long long)apart->recipient);
}

const struct jmap_quarantined *jmap_quarantine_find(const struct jmap_quarantine *own, struct slice id)
{
	struct slice message, recipient;
	uint64_t number;
	if (!slice_cut(id, '-', &message, &recipient) || !slice_to_number(recipient, INT64_MAX, &number))
		return NULL;
	int64_t wanted = jmap_id_parse(JMAP_ID_QUARANTINED, message);
	for (size_t i = 0; wanted != 0 && i < own->count; i++)
		if (own->list[i].apart.message == wanted && own->list[i].apart.recipient == (int64_t)number)
			return &own->list[i];
	return NULL;
}

/* ---- Whose they are ---- */

static void gather(struct owners *owners, const struct queue_apart *list, size_t count, struct arena *arena)
{
	owners->list = arena_array(arena, (count < ADDRESSES_MAX ? count : ADDRESSES_MAX) + 1, sizeof *owners->list);
	for (size_t i = 0; i < count && owners->count < ADDRESSES_MAX; i++)
		if (!map_get(owners->by_address, list[i].address)) {
			owners->list[owners->count] = (struct owner){.address = list[i].address};
			map_put(owners->by_address, list[i].address, &owners->list[owners->count++]);
		}
}

static void note_routes(struct owner *owner, struct slice account, const struct auth_route *routes, size_t count)
{
	size_t good = 0;
	for (size_t i = 0; i < count; i++) {
		if (routes[i].problem != ROUTE_GOOD)
			continue;
		good++;
		owner->own |= routes[i].local && slice_equal(routes[i].address, account);
	}
	owner->alone = owner->own && good == 1;
}

/* An address that is nobody's any more is nobody's. */
static bool ask_some(struct auth *auth, struct slice account, struct owner *list, size_t count, struct error *error)
{
	struct auth_question *questions[TOGETHER];
	struct arena *arena = arena_new();
	bool done = true;
	for (size_t i = 0; i < count; i++)
		questions[i] = auth_resolve_begin(auth, list[i].address);
	for (size_t i = 0; i < count; i++) {
		struct auth_route *routes;
		struct error why = {0};
		size_t found;
		if (auth_resolve_end(&questions[i], arena, &routes, &found, &why))
			note_routes(&list[i], account, routes, found);
		else if (why.kind == ERROR_TEMPORARY) {
			*error = why;
			done = false;
		}
	}
	arena_free(&arena);
	return done;
}

static bool find_owners(struct jmap_call *call, struct owners *owners, struct error *error)
{
	bool done = true;
	for (size_t i = 0; done && i < owners->count; i += TOGETHER)
		done = ask_some(call->request->service->auth, account_name(call->account), &owners->list[i], owners->count - i < TOGETHER ? owners->count - i : TOGETHER, error);
	return done;
}

static void choose(struct jmap_call *call, const struct owners *owners, const struct queue_apart *list, size_t count, struct jmap_quarantine *own)
{
	own->list = arena_array(call->arena, count + 1, sizeof *own->list);
	for (size_t i = 0; i < count; i++) {
		const struct owner *owner = map_get(owners->by_address, list[i].address);
		if (owner && owner->own)
			own->list[own->count++] = (struct jmap_quarantined){list[i], owner->alone};
	}
}

bool jmap_quarantine_read(struct jmap_call *call, struct jmap_quarantine *own)
{
	struct owners owners = {.by_address = map_new()};
	struct queue_apart *list;
	struct error error;
	size_t count;
	*own = (struct jmap_quarantine){0};
	bool done = queue_apart_list(call->request->service->queue, QUEUE_APART_LISTED_MAX, call->arena, &list, &count, &error);
	if (done) {
		gather(&owners, list, count, call->arena);
		done = find_owners(call, &owners, &error);
	}
	if (done)
		choose(call, &owners, list, count, own);
	map_free(&owners.by_address);
	return done || jmap_fail_error(call, &error);
}
