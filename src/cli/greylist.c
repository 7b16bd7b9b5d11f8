/* pombal greylist: who was told to come again, and who is known since he did, or brought good mail. The server writes its list down once a minute. And
 * whose networks are shut out since they tried addresses that nobody has: that the smtp role has in memory alone, and forgets when it is started anew;
 * the events say it. */
#include <arpa/inet.h>
#include <time.h>

#include "base/array.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "base/event.h"
#include "policy/greylist.h"

struct entries {
	struct command_line *line;
	struct policy_grey_entry *list;
	size_t count, room;
};

static json_t *json_of_entry(const void *at)
{
	const struct policy_grey_entry *entry = at;
	return json_pack("{s:o, s:o, s:s, s:I, s:I, s:I}", "network", cli_json_of_slice(entry->network), "domain", cli_json_of_slice(entry->domain), "state",
			 entry->state == POLICY_GREY_KNOWN ? "known" : "waits", "first", (json_int_t)entry->first, "last", (json_int_t)entry->last, "visits", (json_int_t)entry->visits);
}

static void print_entry(const void *at)
{
	const struct policy_grey_entry *entry = at;
	char first[32], last[32];
	cli_print_safe(entry->network);
	printf("  ");
	cli_print_safe(entry->domain);
	printf("  %s since %s  last seen %s\n", entry->state == POLICY_GREY_KNOWN ? "known" : "told to come again", cli_time_text(entry->first, first), cli_time_text(entry->last, last));
}

static const struct command_shape shape = {sizeof(struct policy_grey_entry), json_of_entry, print_entry, "nobody was told to come again"};

static void take(void *context, const struct policy_grey_entry *entry)
{
	struct entries *entries = context;
	struct arena *arena = entries->line->arena;
	struct slice wanted = command_argument(entries->line, 0);
	if (command_value(entries->line, "waiting") && entry->state == POLICY_GREY_KNOWN)
		return;
	if (wanted.len > 0 && !slice_equal_nocase(wanted, entry->domain) && !slice_equal_nocase(wanted, entry->network))
		return;
	ARENA_GROW(arena, entries->list, entries->count, entries->room);
	entries->list[entries->count] = *entry;
	entries->list[entries->count].network = arena_copy(arena, entry->network);
	entries->list[entries->count++].domain = arena_copy(arena, entry->domain);
}

static int run_list(struct command_line *line)
{
	struct entries entries = {.line = line};
	struct error error;
	const char *path = arena_printf(line->arena, "%s/policy/greylist", line->data).at;
	if (!instance_become_owner(line))
		return COMMAND_FAILED;
	if (!policy_greylist_read(path, take, &entries, &error))
		return command_fail_with(line, &error);
	command_print_list(line, &shape, entries.list, entries.count);
	return COMMAND_DONE;
}

/* ---- Networks that are shut out ---- */

struct shut_out {
	struct slice network, client;
	int64_t since, until, tried;
};

struct shut_out_list {
	struct command_line *line;
	struct arena *scratch;
	struct shut_out *list;
	size_t count, room;
};

static json_t *json_of_shut_out(const void *at)
{
	const struct shut_out *one = at;
	return json_pack("{s:o, s:o, s:I, s:I, s:I}", "network", cli_json_of_slice(one->network), "client", cli_json_of_slice(one->client), "since", (json_int_t)one->since, "until",
			 (json_int_t)one->until, "tried", (json_int_t)one->tried);
}

static void print_shut_out(const void *at)
{
	const struct shut_out *one = at;
	char until[32];
	cli_print_safe(one->network);
	printf("  until %s  tried %lld addresses that nobody has, at last from ", cli_time_text(one->until, until), (long long)one->tried);
	cli_print_safe(one->client);
	putchar('\n');
}

static const struct command_shape shut_out_shape = {sizeof(struct shut_out), json_of_shut_out, print_shut_out, "no network is shut out"};

static int64_t seconds_of(struct slice time, struct arena *arena)
{
	struct tm parts = {0};
	return strptime(arena_text(arena, time), "%Y-%m-%dT%H:%M:%S", &parts) ? (int64_t)timegm(&parts) : 0;
}

static struct slice network_of(struct slice client, struct arena *arena)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	char *text = arena_text(arena, client);
	size_t len = inet_pton(AF_INET, text, bytes) == 1 ? sizeof(struct in_addr) : inet_pton(AF_INET6, text, bytes) == 1 ? sizeof bytes : 0;
	return len > 0 ? policy_grey_network(slice_make((const char *)bytes, len), arena) : client;
}

static void shut_out_one(struct shut_out_list *self, const struct event *event)
{
	struct arena *arena = self->line->arena;
	uint64_t seconds = 0, tried = 0;
	struct slice client = event_get(event, "client");
	int64_t since = seconds_of(event_get(event, "time"), self->scratch);
	if (!slice_to_number(event_get(event, "seconds"), INT32_MAX, &seconds) || !slice_to_number(event_get(event, "missed"), INT32_MAX, &tried) || since + (int64_t)seconds <= clock_now())
		return;
	struct shut_out found = {network_of(client, arena), arena_copy(arena, client), since, since + (int64_t)seconds, (int64_t)tried};
	for (size_t i = 0; i < self->count; i++)
		if (slice_equal(self->list[i].network, found.network)) {
			found.since = self->list[i].since;
			self->list[i] = found;
			return;
		}
	ARENA_GROW(arena, self->list, self->count, self->room);
	self->list[self->count++] = found;
}

static void hear(void *context, struct slice text)
{
	struct shut_out_list *self = context;
	struct event event;
	arena_reset(self->scratch);
	if (!event_parse(text, self->scratch, &event))
		return;
	struct slice name = event_get(&event, "event");
	if (slice_equal(name, SLICE("network.shut_out")))
		shut_out_one(self, &event);
	else if (slice_equal(name, SLICE("role.ready")) && slice_equal(event_get(&event, "name"), SLICE("smtp")))
		self->count = 0; /* it remembers none */
}

static int run_shut_out(struct command_line *line)
{
	struct shut_out_list self = {.line = line, .scratch = arena_new()};
	bool done = instance_read_events(line, hear, &self);
	if (done)
		command_print_list(line, &shut_out_shape, self.list, self.count);
	arena_free(&self.scratch);
	return done ? COMMAND_DONE : COMMAND_FAILED;
}

static const struct command_option list_options[] = {{"waiting", NULL, "only who was told to come again and hasn't yet"}, {0}};

const struct command cli_greylist_commands[] = {
	{"greylist list", "[NETWORK|DOMAIN]", "who was told to come again, and who is known since (option greylist)", run_list, list_options, 0, 1, COMMAND_JSON, ADMIN_READS},
	{"greylist shutout", "", "networks that are answered 421 alone for a while, since they tried too many addresses that nobody has (option harvest_refuse)", run_shut_out, NULL, 0, 0, COMMAND_JSON, ADMIN_READS},
	{0},
};
