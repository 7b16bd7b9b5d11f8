/* Changes of keys that somebody has begun (`pombal domain rotate`) go on by themselves: this process may ask the DNS, the auth role, which has the keys,
 * may not. So here the DNS is asked for the records of new keys, and auth hears what it shows; what follows from that, and from how long ago it
 * was, auth decides. Who takes this process over can have new keys sign before others find them, and no more: the former ones can be taken back. */
#include "auth/auth.h"
#include "base/clock.h"
#include "courier/courier.h"
#include "message/address.h"
#include "net/dns.h"
#include "zone/zone.h"

enum { LOOK_UP_MS = 30 * 1000 };

struct rotation {
	struct arena *arena;
	struct slice domain;
	struct auth_signing_key *keys;
	size_t count;
};

static struct zone_record record_of(const struct rotation *rotation, const struct auth_signing_key *key)
{
	struct slice ascii = domain_to_ascii(rotation->domain, rotation->arena);
	return (struct zone_record){.purpose = ZONE_DKIM, .type = LOOKUP_TXT, .value = {.data = key->record},
		.name = arena_printf(rotation->arena, "%.*s._domainkey.%.*s", SLICE_ARG(key->selector), SLICE_ARG(ascii))};
}

/* False: the DNS says nothing of one of them. *shown: all are there; *ttl: for how long that may be kept, the longest. */
static bool compare(const struct rotation *rotation, struct lookup *table, bool *shown, uint32_t *ttl)
{
	*shown = true;
	*ttl = 0;
	for (size_t i = 0; i < rotation->count; i++) {
		struct zone_record record = record_of(rotation, &rotation->keys[i]);
		const struct lookup_answer *answer = lookup_get(table, record.type, record.name);
		enum zone_state state = zone_compare(&record, answer, rotation->arena).state;
		if (state == ZONE_UNKNOWN)
			return false;
		*shown = *shown && state == ZONE_RIGHT;
		*ttl = answer->ttl > *ttl ? answer->ttl : *ttl;
	}
	return true;
}

static void look_up(struct auth *auth, struct dns *dns, const struct rotation *rotation)
{
	struct lookup *table = lookup_new();
	bool shown;
	uint32_t ttl;
	for (size_t i = 0; i < rotation->count; i++)
		lookup_get(table, LOOKUP_TXT, record_of(rotation, &rotation->keys[i]).name);
	dns_answer(dns, table, clock_monotonic_ms() + LOOK_UP_MS);
	lookup_give_up(table);
	if (compare(rotation, table, &shown, &ttl))
		auth_rotation_shown(auth, rotation->domain, shown, ttl);
	lookup_free(&table);
}

void courier_rotations_go_on(struct auth *auth, struct dns *dns, bool (*is_stopping)(void *context), void *context)
{
	struct rotation rotation = {.arena = arena_new()};
	struct arena *names = arena_new();
	struct slice after = slice_make(NULL, 0);
	while (!is_stopping(context) && auth_rotation_next(auth, after, rotation.arena, &rotation.domain, &rotation.keys, &rotation.count) && rotation.domain.len > 0) {
		if (rotation.count > 0)
			look_up(auth, dns, &rotation);
		arena_reset(names);
		after = arena_copy(names, rotation.domain);
		arena_reset(rotation.arena);
	}
	arena_free(&names);
	arena_free(&rotation.arena);
}
