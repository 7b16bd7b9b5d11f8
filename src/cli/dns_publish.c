/* What is to be done to records at a name server, and doing it; see dns_publish.h. The server itself is asked what stands there: what a resolver keeps
 * may be older. All changes of a zone go in one message, so that none of its records is half changed. */
#include "cli/dns_publish.h"

/* ---- What stands there ---- */

static struct lookup_answer answer_of(const struct zone_record *record, const struct dns_update_standing *standing, struct arena *arena)
{
	struct lookup_record *list = arena_array(arena, standing->count + 1, sizeof *list);
	struct lookup_answer answer = {.status = standing->exists ? LOOKUP_NO_DATA : LOOKUP_NO_NAME, .records = list};
	for (size_t i = 0; i < standing->count; i++)
		answer.count += dns_update_decode(record->type, &standing->records[i], arena, &list[answer.count]);
	if (answer.count > 0)
		answer.status = LOOKUP_FOUND;
	return answer;
}

/* A name that has addresses can't be an alias. */
static bool has_addresses(const struct dns_update_server *server, struct slice name, struct arena *arena, bool *has, struct error *error)
{
	struct dns_update_standing four, six;
	if (!dns_update_look(server, name, DNS_UPDATE_A, arena, &four, error) || !dns_update_look(server, name, DNS_UPDATE_AAAA, arena, &six, error))
		return false;
	*has = four.count + six.count > 0;
	return true;
}

/* ---- What is to be done ---- */

static void leave(struct cli_dns_step *step, bool force, const char *why)
{
	step->deed = force ? CLI_DNS_REPLACE : CLI_DNS_LEAVE;
	step->why = force ? NULL : why;
}

static bool decide(const struct dns_update_server *server, struct cli_dns_step *step, bool force, struct arena *arena, struct error *error)
{
	const struct zone_record *record = step->record;
	bool is_alias = record->type == LOOKUP_CNAME, addresses = false;
	if (step->state == ZONE_RIGHT)
		return true;
	if (!is_alias && step->standing.alias.len > 0) {
		step->there = arena_printf(arena, "CNAME %.*s.", SLICE_ARG(step->standing.alias));
		leave(step, force, "Its name is an alias of another: what is missing must be written there, unless --force puts this record in the alias's place.");
		return true;
	}
	if (step->state == ZONE_MISSING && is_alias && step->standing.exists && !has_addresses(server, record->name, arena, &addresses, error))
		return false;
	if (addresses)
		leave(step, force, "Its name has addresses of its own: let that server answer for it, or let --force put this alias in their place.");
	else if (step->state == ZONE_MISSING || record->purpose == ZONE_KEY || (force && record->purpose == ZONE_AUTHORITY)) /* others stay beside */
		step->deed = CLI_DNS_ADD;
	else
		leave(step, force, step->state == ZONE_SEVERAL ? "With several none of them counts: make one record of them, or let --force put this one in their place."
							       : "That is somebody else's choice: --force puts this record in its place.");
	return true;
}

/* Is a record about a file that this server gives, and not the one of now? What tells of the policy about TLS must change with it (RFC 8461 §3.1), and so must the
 * digest of the document for mail clients. The alias under which the file is asked for says whether it is ours. */
static bool is_outdated(const struct cli_dns_step *steps, size_t count, const struct cli_dns_step *step, struct arena *arena)
{
	enum zone_purpose purpose = step->record->purpose;
	struct slice label = purpose == ZONE_STS ? SLICE("mta-sts.") : SLICE("ua-auto-config.");
	bool ours = false;
	if ((purpose != ZONE_STS && purpose != ZONE_AGENTS) || (step->state != ZONE_RIGHT && step->state != ZONE_DIFFERENT) || step->standing.alias.len > 0)
		return false;
	for (size_t i = 0; i < count; i++)
		ours |= steps[i].record->purpose == ZONE_ALIAS && slice_starts_nocase(steps[i].record->name, label) && steps[i].state == ZONE_RIGHT;
	struct lookup_answer answer = answer_of(step->record, &step->standing, arena);
	for (size_t i = 0; i < answer.count; i++)
		if (slice_equal(answer.records[i].data, step->record->value.data))
			return false;
	return ours;
}

static bool look(const struct dns_update_server *server, struct cli_dns_step *step, struct arena *arena, struct error *error)
{
	const struct zone_record *record = step->record;
	if (!dns_update_look(server, record->name, dns_update_type_of(record->type), arena, &step->standing, error))
		return false;
	struct lookup_answer answer = answer_of(record, &step->standing, arena);
	struct zone_finding finding = zone_compare(record, &answer, arena);
	step->state = finding.state;
	step->there = finding.there;
	return true;
}

bool cli_dns_plan(const struct dns_update_server *server, const struct zone_record *records, size_t count, bool force, struct arena *arena,
		  struct cli_dns_step **steps, struct error *error)
{
	struct cli_dns_step *list = *steps = arena_array(arena, count + 1, sizeof *list);
	for (size_t i = 0; i < count; i++) {
		list[i].record = &records[i];
		if (!look(server, &list[i], arena, error) || !decide(server, &list[i], force, arena, error))
			return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (is_outdated(list, count, &list[i], arena)) {
			list[i].deed = CLI_DNS_REPLACE;
			list[i].why = NULL;
		}
		bool changes = list[i].deed == CLI_DNS_ADD || list[i].deed == CLI_DNS_REPLACE;
		if (changes && !dns_update_zone_of(server, records[i].name, arena, &list[i].zone, error))
			return false;
	}
	return true;
}

/* ---- Doing it ---- */

struct changes {
	struct dns_update_change list[DNS_UPDATE_CHANGES_MAX];
	size_t count;
	bool overflow;
};

static void add_change(struct changes *changes, struct dns_update_change change)
{
	if (changes->count == DNS_UPDATE_CHANGES_MAX)
		changes->overflow = true;
	else
		changes->list[changes->count++] = change;
}

static void remove_type(struct changes *changes, const struct zone_record *record, unsigned type)
{
	add_change(changes, (struct dns_update_change){DNS_UPDATE_REMOVE_ALL, {record->name, type, 0, {NULL, 0}}});
}

/* Texts of other uses stay. */
static void remove_former(struct changes *changes, const struct cli_dns_step *step, struct arena *arena)
{
	const struct zone_record *record = step->record;
	if (step->standing.alias.len > 0 && record->type != LOOKUP_CNAME)
		remove_type(changes, record, DNS_UPDATE_CNAME);
	if (record->type == LOOKUP_CNAME) {
		remove_type(changes, record, DNS_UPDATE_A);
		remove_type(changes, record, DNS_UPDATE_AAAA);
	}
	if (record->type != LOOKUP_TXT) {
		remove_type(changes, record, dns_update_type_of(record->type));
		return;
	}
	for (size_t i = 0; i < step->standing.count; i++) {
		struct lookup_record there;
		struct dns_update_record one = step->standing.records[i];
		if (!dns_update_decode(record->type, &one, arena, &there) || !zone_is_of_purpose(record, there.data))
			continue;
		one.name = record->name;
		add_change(changes, (struct dns_update_change){DNS_UPDATE_REMOVE, one});
	}
}

static bool add_record(struct changes *changes, const struct dns_update_server *server, const struct zone_record *record, struct arena *arena, struct error *error)
{
	struct buf data = BUF(UINT16_MAX);
	bool done = dns_update_encode(record->type, &record->value, &data) ||
		    error_set(error, ERROR_INVALID, "the record %.*s. %s can't be written", SLICE_ARG(record->name), lookup_type_name(record->type));
	if (done)
		add_change(changes, (struct dns_update_change){DNS_UPDATE_ADD, {record->name, dns_update_type_of(record->type), server->ttl, arena_copy(arena, buf_slice(&data))}});
	buf_free(&data);
	return done;
}

/* All steps of the zone of the first of them that isn't done. */
static bool change_zone(const struct dns_update_server *server, const struct cli_dns_step *steps, size_t count, bool *done, struct arena *arena, struct error *error)
{
	struct changes *changes = arena_alloc(arena, sizeof *changes);
	struct slice zone = {NULL, 0};
	for (size_t i = 0; i < count; i++) {
		if (done[i] || steps[i].zone.len == 0 || (zone.len > 0 && !slice_equal_nocase(zone, steps[i].zone)))
			continue;
		zone = steps[i].zone;
		done[i] = true;
		if (steps[i].deed == CLI_DNS_REPLACE)
			remove_former(changes, &steps[i], arena);
		if (!add_record(changes, server, steps[i].record, arena, error))
			return false;
	}
	if (changes->overflow)
		return error_set(error, ERROR_LIMIT, "more than %d records of %.*s would have to be changed", DNS_UPDATE_CHANGES_MAX, SLICE_ARG(zone));
	return dns_update_change(server, zone, changes->list, changes->count, error);
}

static bool is_there(const struct dns_update_server *server, const struct cli_dns_step *step, struct arena *arena, struct error *error)
{
	struct cli_dns_step after = {.record = step->record};
	if (!look(server, &after, arena, error))
		return false;
	return after.state == ZONE_RIGHT ||
	       error_set(error, ERROR_INVALID, "the name server %.*s took the record %.*s. %s, but doesn't show it: something else stands at that name",
			 SLICE_ARG(server->place), SLICE_ARG(step->record->name), lookup_type_name(step->record->type));
}

bool cli_dns_carry_out(const struct dns_update_server *server, const struct cli_dns_step *steps, size_t count, struct arena *arena, struct error *error)
{
	bool *done = arena_array(arena, count + 1, sizeof *done), good = true;
	for (size_t i = 0; i < count && good; i++)
		good = done[i] || steps[i].zone.len == 0 || change_zone(server, steps, count, done, arena, error);
	for (size_t i = 0; i < count && good; i++)
		good = steps[i].zone.len == 0 || is_there(server, &steps[i], arena, error);
	return good;
}

bool cli_dns_remove(const struct dns_update_server *server, const struct zone_record *records, size_t count, struct arena *arena, size_t *removed, struct error *error)
{
	*removed = 0;
	for (size_t i = 0; i < count; i++) {
		struct cli_dns_step step = {.record = &records[i]};
		struct changes *changes = arena_alloc(arena, sizeof *changes);
		struct slice zone;
		if (!look(server, &step, arena, error))
			return false;
		if (step.state != ZONE_RIGHT || step.standing.alias.len > 0)
			continue;
		remove_former(changes, &step, arena);
		if (!dns_update_zone_of(server, records[i].name, arena, &zone, error) || !dns_update_change(server, zone, changes->list, changes->count, error))
			return false;
		++*removed;
	}
	return true;
}
