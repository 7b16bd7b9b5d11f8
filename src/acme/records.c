/* See records.h. */
#include "acme/records.h"

#include "acme/key.h"
#include "base/log.h"
#include "base/memory.h"

enum { VALUES_MAX = 8 /* of one name */ };

struct entry {
	struct dns_update_server server;
	struct slice name;
	struct slice values[VALUES_MAX];
	size_t count;
};

struct acme_records {
	struct arena *arena; /* with secrets */
	struct entry list[ACME_NAMES_MAX];
	size_t count;
};

struct acme_records *acme_records_new(void)
{
	struct acme_records *records = memory_new(sizeof *records);
	records->arena = arena_new();
	return records;
}

void acme_records_free(struct acme_records **records)
{
	arena_free_secret(&(*records)->arena);
	free(*records);
	*records = NULL;
}

struct slice acme_record_name(enum acme_kind kind, struct slice name, struct arena *arena)
{
	return arena_printf(arena, "%s.%.*s", kind == ACME_DNS_PERSIST ? "_validation-persist" : "_acme-challenge", SLICE_ARG(name));
}

static struct entry *have_entry(struct acme_records *records, const struct dns_update_server *server, struct slice name)
{
	for (size_t i = 0; i < records->count; i++)
		if (slice_equal_nocase(records->list[i].name, name))
			return &records->list[i];
	if (records->count == ACME_NAMES_MAX)
		return NULL;
	struct entry *entry = &records->list[records->count++];
	*entry = (struct entry){.server = *server, .name = arena_copy(records->arena, name)};
	entry->server.place = arena_copy(records->arena, server->place);
	entry->server.key = arena_copy(records->arena, server->key);
	entry->server.secret = arena_copy(records->arena, server->secret);
	return entry;
}

bool acme_records_add(struct acme_records *records, const struct dns_update_server *server, struct slice name, struct slice value, struct error *error)
{
	struct entry *entry = have_entry(records, server, name);
	if (!entry || entry->count == VALUES_MAX)
		return error_set(error, ERROR_LIMIT, "too many challenges about %.*s", SLICE_ARG(name));
	entry->values[entry->count++] = arena_copy(records->arena, value);
	return dns_update_txt(&entry->server, entry->name, entry->values, entry->count, error);
}

void acme_records_remove(struct acme_records *records)
{
	struct error error;
	for (size_t i = 0; i < records->count; i++)
		if (!dns_update_txt(&records->list[i].server, records->list[i].name, NULL, 0, &error))
			log_warning("certificate.record_left", log_slice("name", records->list[i].name), log_text("reason", error.text));
	records->count = 0;
	arena_free_secret(&records->arena);
	records->arena = arena_new();
}

/* "authority.example; accounturi=…": whose is it? */
static struct slice authority_of(struct slice value)
{
	struct slice authority, rest;
	slice_cut(value, ';', &authority, &rest);
	return slice_trim(authority);
}

bool acme_record_persist(const struct dns_update_server *server, struct slice name, struct slice value, struct error *error)
{
	struct arena *arena = arena_new();
	struct dns_update_standing there;
	struct slice zone;
	struct buf data = BUF(UINT16_MAX);
	bool stands = false, done = dns_update_look(server, name, DNS_UPDATE_TXT, arena, &there, error) &&
				    (there.alias.len == 0 || error_set(error, ERROR_EXISTS, "%.*s is an alias of %.*s: the record must be written there", SLICE_ARG(name),
										     SLICE_ARG(there.alias)));
	struct dns_update_change *list = arena_array(arena, (done ? there.count : 0) + 1, sizeof *list);
	size_t count = 0;
	for (size_t i = 0; done && i < there.count; i++) {
		struct lookup_record text;
		if (!dns_update_decode(LOOKUP_TXT, &there.records[i], arena, &text))
			continue;
		stands |= slice_equal(text.data, value);
		if (slice_equal_nocase(authority_of(text.data), authority_of(value)))
			list[count++] = (struct dns_update_change){DNS_UPDATE_REMOVE, there.records[i]};
	}
	done = done && (stands || (dns_update_encode(LOOKUP_TXT, &(struct lookup_record){.data = value}, &data) && dns_update_zone_of(server, name, arena, &zone, error)));
	list[count++] = (struct dns_update_change){DNS_UPDATE_ADD, {name, DNS_UPDATE_TXT, server->ttl, buf_slice(&data)}};
	done = done && (stands || dns_update_change(server, zone, list, count, error));
	buf_free(&data);
	arena_free(&arena);
	return done;
}
