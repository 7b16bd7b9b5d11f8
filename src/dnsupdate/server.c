/* Asking a name server about our names, and changing them; see dnsupdate.h. */
#include <stdio.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/random.h"
#include "dnsupdate/internal.h"

enum {
	SECRET_FILE_MAX = 4096,
	CODE_SERVER_FAILURE = 2, CODE_NO_NAME = 3, CODE_NOT_IMPLEMENTED = 4, CODE_REFUSED = 5, CODE_NOT_AUTHORITATIVE = 9, CODE_NOT_IN_ZONE = 10, /* RFC 2136 §2.2 */
	ALIASES_MAX = 16,
};

/* ---- Which server ---- */

/* base64, as name servers' tools write it, alone in the file. */
static bool read_secret(struct slice text, struct arena *arena, struct slice *secret)
{
	struct buf bytes = BUF_SECRET(DNS_UPDATE_SECRET_MAX);
	bool good = base64_decode(slice_trim(text), &bytes) && bytes.len >= DNS_UPDATE_SECRET_LEAST;
	if (good)
		*secret = arena_copy(arena, buf_slice(&bytes));
	buf_free(&bytes);
	return good;
}

static bool load_secret(const char *data, struct slice file, struct arena *arena, struct slice *secret, struct error *error)
{
	bool absolute = file.at[0] == '/';
	const char *path = arena_printf(arena, "%s%s%.*s", absolute ? "" : data, absolute ? "" : "/", SLICE_ARG(file)).at;
	struct buf text = BUF_SECRET(SECRET_FILE_MAX);
	bool done = file_read_regular(path, &text, error) &&
		    (read_secret(buf_slice(&text), arena, secret) ||
		     error_set(error, ERROR_INVALID, "%s must hold a key of %d bytes or more in base64, and nothing else", path, DNS_UPDATE_SECRET_LEAST));
	buf_free(&text);
	return done;
}

bool dns_update_server_load(const struct config_dns_update *entry, const char *data, struct arena *arena, struct dns_update_server *server, struct error *error)
{
	*server = (struct dns_update_server){.address = entry->address, .place = entry->place, .key = entry->key, .algorithm = entry->algorithm, .ttl = (uint32_t)entry->ttl};
	return load_secret(data, entry->secret, arena, &server->secret, error);
}

bool dns_update_server_for(const struct config *config, const char *data, struct slice name, struct arena *arena, struct dns_update_server *server, struct error *error)
{
	struct config_dns_update entry;
	if (!config_find_dns_update(config, name, &entry))
		return error_set(error, ERROR_NOT_FOUND, "no name server that takes changes is configured for %.*s (option dns_update)", SLICE_ARG(name));
	return dns_update_server_load(&entry, data, arena, server, error);
}

/* ---- Codes ---- */

static bool explain(const struct dns_update_server *server, unsigned code, struct slice about, struct error *error)
{
	struct slice place = server->place;
	switch (code) {
	case CODE_SERVER_FAILURE:
		return error_set(error, ERROR_TEMPORARY, "the name server %.*s has failed to answer about %.*s (SERVFAIL)", SLICE_ARG(place), SLICE_ARG(about));
	case CODE_NOT_IMPLEMENTED:
		return error_set(error, ERROR_DENIED, "the name server %.*s takes no changes at all (NOTIMP)", SLICE_ARG(place));
	case CODE_REFUSED:
		return error_set(error, ERROR_DENIED, "the name server %.*s refuses what the key \"%.*s\" asks about %.*s (REFUSED): the key may not do that, or the zone would be "
				 "unsound with it (an MX host in it without an address, say); its log tells", SLICE_ARG(place), SLICE_ARG(server->key), SLICE_ARG(about));
	case CODE_NOT_AUTHORITATIVE:
		return error_set(error, ERROR_DENIED, "the name server %.*s isn't the one of %.*s, or doesn't take the key \"%.*s\" (NOTAUTH)", SLICE_ARG(place), SLICE_ARG(about),
				 SLICE_ARG(server->key));
	case CODE_NOT_IN_ZONE:
		return error_set(error, ERROR_INVALID, "the name server %.*s finds a name outside of the zone %.*s (NOTZONE)", SLICE_ARG(place), SLICE_ARG(about));
	default:
		return error_set(error, ERROR_INVALID, "the name server %.*s answers about %.*s with the error %u", SLICE_ARG(place), SLICE_ARG(about), code);
	}
}

static unsigned new_id(void)
{
	return (unsigned)random_below(UINT16_MAX + 1);
}

/* ---- Questions ---- */

static bool ask(const struct dns_update_server *server, struct slice name, unsigned type, struct arena *arena, struct dns_update_reading *reading, struct error *error)
{
	struct buf question = BUF(MESSAGE_MAX);
	bool done = dns_update_write_question(name, type, new_id(), &question) ||
		    error_set(error, ERROR_INVALID, "\"%.*s\" is no name that the DNS could have", SLICE_ARG(name));
	done = done && dns_update_ask(server, &question, false, arena, reading, error);
	buf_free(&question);
	if (done && reading->code != 0 && reading->code != CODE_NO_NAME)
		return explain(server, reading->code, name, error);
	return done;
}

/* Where `name` leads by an alias in the answer; empty: nowhere. */
static struct slice alias_of(const struct dns_update_reading *reading, struct slice name, struct arena *arena)
{
	struct lookup_record value;
	for (size_t i = 0; i < reading->answer_count; i++)
		if (slice_equal_nocase(reading->answers[i].name, name) && dns_update_decode(LOOKUP_CNAME, &reading->answers[i], arena, &value))
			return value.data;
	return slice_make(NULL, 0);
}

bool dns_update_look(const struct dns_update_server *server, struct slice name, unsigned type, struct arena *arena, struct dns_update_standing *standing,
		     struct error *error)
{
	struct dns_update_reading reading;
	*standing = (struct dns_update_standing){0};
	if (!ask(server, name, type, arena, &reading, error))
		return false;
	struct slice owner = name, next = standing->alias = alias_of(&reading, name, arena);
	standing->exists = reading.code == 0 || next.len > 0;
	for (int i = 0; type != DNS_UPDATE_CNAME && next.len > 0 && i < ALIASES_MAX; i++) {
		owner = next;
		next = alias_of(&reading, owner, arena);
	}
	standing->records = arena_array(arena, reading.answer_count + 1, sizeof *standing->records);
	for (size_t i = 0; i < reading.answer_count; i++)
		if (reading.answers[i].type == type && slice_equal_nocase(reading.answers[i].name, owner))
			standing->records[standing->count++] = reading.answers[i];
	return true;
}

static bool is_at_or_below(struct slice name, struct slice zone)
{
	if (name.len <= zone.len)
		return slice_equal_nocase(name, zone);
	return zone.len == 0 || (name.at[name.len - zone.len - 1] == '.' && slice_equal_nocase(slice_skip(name, name.len - zone.len), zone));
}

/* The zone that an answer about `name` names by its SOA record, which stands with the answer, or with that there is none (RFC 2308 §3). */
static bool has_zone(const struct dns_update_reading *reading, struct slice name, struct slice *zone)
{
	bool found = false;
	for (size_t i = 0; i < reading->answer_count && !found; i++)
		if ((found = reading->answers[i].type == DNS_UPDATE_SOA && slice_equal_nocase(reading->answers[i].name, name)))
			*zone = reading->answers[i].name;
	for (size_t i = 0; i < reading->authority_count && !found; i++)
		if ((found = reading->authority[i].type == DNS_UPDATE_SOA && reading->authority[i].name.len > 0 && is_at_or_below(name, reading->authority[i].name)))
			*zone = reading->authority[i].name;
	return found;
}

bool dns_update_zone_of(const struct dns_update_server *server, struct slice name, struct arena *arena, struct slice *zone, struct error *error)
{
	struct dns_update_reading reading;
	struct slice label, rest = name;
	while (rest.len > 0) {
		if (!ask(server, rest, DNS_UPDATE_SOA, arena, &reading, error))
			return false;
		if (has_zone(&reading, rest, zone))
			return true;
		slice_cut(rest, '.', &label, &rest);
	}
	return error_set(error, ERROR_DENIED, "the name server %.*s has no zone with the name %.*s", SLICE_ARG(server->place), SLICE_ARG(name));
}

/* ---- Changes ---- */

bool dns_update_change(const struct dns_update_server *server, struct slice zone, const struct dns_update_change *list, size_t count, struct error *error)
{
	struct buf message = BUF(MESSAGE_MAX);
	struct dns_update_reading reading;
	struct arena *arena = arena_new();
	bool done = dns_update_write_changes(zone, list, count, new_id(), &message) ||
		    error_set(error, ERROR_INVALID, "these changes of %.*s can't be written as one message", SLICE_ARG(zone));
	done = done && dns_update_ask(server, &message, true, arena, &reading, error) && (reading.code == 0 || explain(server, reading.code, zone, error));
	buf_free(&message);
	arena_free(&arena);
	return done;
}

bool dns_update_txt(const struct dns_update_server *server, struct slice name, const struct slice *values, size_t count, struct error *error)
{
	struct arena *arena = arena_new();
	struct dns_update_standing there;
	struct slice zone;
	struct dns_update_change *list = arena_array(arena, count + 1, sizeof *list);
	list[0] = (struct dns_update_change){.what = DNS_UPDATE_REMOVE_ALL, .record = {.name = name, .type = DNS_UPDATE_TXT}};
	for (size_t i = 0; i < count; i++) {
		struct buf data = BUF(UINT16_MAX);
		dns_update_encode(LOOKUP_TXT, &(struct lookup_record){.data = values[i]}, &data);
		list[1 + i] = (struct dns_update_change){DNS_UPDATE_ADD, {name, DNS_UPDATE_TXT, DNS_UPDATE_TXT_TTL, arena_copy(arena, buf_slice(&data))}};
		buf_free(&data);
	}
	bool done = dns_update_look(server, name, DNS_UPDATE_TXT, arena, &there, error) &&
		    (there.alias.len == 0 || error_set(error, ERROR_EXISTS, "%.*s is an alias of %.*s: texts must be written there", SLICE_ARG(name), SLICE_ARG(there.alias)));
	done = done && dns_update_zone_of(server, name, arena, &zone, error) && dns_update_change(server, zone, list, count + 1, error);
	arena_free(&arena);
	return done;
}
