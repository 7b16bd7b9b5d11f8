/* pombal domain rotate: changes a domain's keys for signatures the safe way round. New keys are published; when the DNS has shown them for
 * a while they sign, and the former ones sign nothing more; these are forgotten after some days, and their records go when the last letter
 * that they signed has arrived. A running server takes the steps when their time has come (courier/rotation.c); so does each call here
 * (auth/directory_rotation.c sees to their order), or it says what is waited for. It can be called as often as one likes; one that fails changes nothing. */
#include "cli/domain_rotate.h"

#include "base/clock.h"
#include "cli/dns_publish.h"
#include "message/address.h"
#include "net/dns.h"

enum {
	DAY = 24 * 3600,
	STUCK_SECONDS = 3 * DAY,    /* who lets a step wait for so long has forgotten it */
	LOOK_UP_MS = 30 * 1000,
};

const struct command_option cli_domain_rotate_options[] = {
	{"abort", NULL, "takes the change back: new keys are removed, or, if they sign already, the former ones sign again"},
	{"now", NULL, "waits for no time; the DNS must show the records all the same"},
	{0},
};

struct rotation {
	struct command_line *line;
	struct directory *directory;
	struct slice domain;
	struct slice ascii; /* A-labels */
	struct auth_signing_key *keys;
	size_t count;
	struct error *error;
};

/* ---- Where the keys are ---- */

enum stage { STAGE_REST, STAGE_NEW, STAGE_RETIRED, STAGE_FORGOTTEN };

/* With the key that tells how long already. */
static enum stage stage_of(const struct auth_signing_key *keys, size_t count, const struct auth_signing_key **key)
{
	for (size_t i = 0; i < count; i++) {
		*key = &keys[i];
		if (keys[i].state == KEY_NEW)
			return STAGE_NEW;
		if (keys[i].state == KEY_RETIRED)
			return keys[i].forgotten ? STAGE_FORGOTTEN : STAGE_RETIRED;
	}
	return STAGE_REST;
}

static bool read_keys(struct rotation *self)
{
	return directory_list_keys(self->directory, self->domain, self->line->arena, &self->keys, &self->count, self->error);
}

static struct slice date(int64_t seconds, struct arena *arena)
{
	char text[32];
	return arena_copy(arena, slice_of(cli_time_text(seconds, text)));
}

const char *cli_domain_key_remark(const struct auth_signing_key *key, struct arena *arena)
{
	if (key->state == KEY_NEW)
		return "new: nothing is signed with it yet, see pombal domain rotate";
	if (key->state == KEY_SIGNS)
		return NULL;
	return arena_printf(arena, "retired: it must stay until %.*s", SLICE_ARG(date(key->since + ROTATION_RECORD_SECONDS, arena))).at;
}

/* Where it stands, in a sentence. */
static const char *standing(enum stage stage, const struct auth_signing_key *key, struct arena *arena)
{
	if (stage == STAGE_NEW && key->seen == 0)
		return "the DNS doesn't show the new ones' records yet, as far as the server has seen";
	if (stage == STAGE_NEW)
		return arena_printf(arena, "the DNS shows the new ones' records, which sign when all its servers have them, since %.*s", SLICE_ARG(date(key->seen, arena))).at;
	int64_t until = key->since + (stage == STAGE_RETIRED ? ROTATION_FORGET_SECONDS : ROTATION_RECORD_SECONDS);
	return arena_printf(arena, stage == STAGE_RETIRED ? "the new ones sign, and the former ones can be taken back until %.*s" : "the new ones sign, and the former ones' records must stay until %.*s",
			    SLICE_ARG(date(until, arena))).at;
}

void cli_check_rotation(struct cli_check *check, struct directory *directory, struct slice domain)
{
	static const struct { int64_t after; const char *what; } steps[] = {
		[STAGE_NEW] = {0, "new keys are made, and don't sign"}, [STAGE_RETIRED] = {ROTATION_FORGET_SECONDS, "retired keys could be forgotten"},
		[STAGE_FORGOTTEN] = {ROTATION_RECORD_SECONDS, "records of retired keys could go"},
	};
	struct auth_signing_key *keys;
	const struct auth_signing_key *key = NULL;
	size_t count = 0;
	struct error error;
	if (!directory_list_keys(directory, domain, check->line->arena, &keys, &count, &error))
		return; /* said by others */
	enum stage stage = stage_of(keys, count, &key);
	if (stage == STAGE_REST)
		return;
	int64_t since = key->since + steps[stage].after;
	if (clock_now() > since + STUCK_SECONDS)
		cli_check_warning(check, arena_printf(check->line->arena, "Publish what `pombal domain dns %.*s` prints, go on with `pombal domain rotate %.*s`, or take it back with --abort.", SLICE_ARG(domain),
						      SLICE_ARG(domain)).at,
				  "the change of the keys of %.*s has stopped half-way: %s, since %.*s", SLICE_ARG(domain), steps[stage].what,
				  SLICE_ARG(date(since, check->line->arena)));
	else
		cli_check_note(check, "the keys of %.*s are being changed: %s", SLICE_ARG(domain), standing(stage, key, check->line->arena));
}

/* ---- The DNS ---- */

static struct zone_record record_of(const struct rotation *self, const struct auth_signing_key *key)
{
	return (struct zone_record){.purpose = ZONE_DKIM, .type = LOOKUP_TXT, .value = {.data = key->record},
		.name = arena_printf(self->line->arena, "%.*s._domainkey.%.*s", SLICE_ARG(key->selector), SLICE_ARG(self->ascii))};
}

static void print_record(const struct rotation *self, const struct auth_signing_key *key)
{
	struct buf line = BUF(ZONE_LINE_MAX);
	struct zone_record record = record_of(self, key);
	zone_write(&record, &line);
	printf("%.*s\n", SLICE_ARG(buf_slice(&line)));
	buf_free(&line);
}

static void print_records(const struct rotation *self, enum auth_key_state state)
{
	for (size_t i = 0; i < self->count; i++)
		if (self->keys[i].state == state)
			print_record(self, &self->keys[i]);
}

void cli_check_key_records(struct cli_check *check, struct dns *dns, struct directory *directory, struct slice domain)
{
	struct error error;
	struct rotation self = {.line = check->line, .directory = directory, .domain = domain, .ascii = domain_to_ascii(domain, check->line->arena), .error = &error};
	struct lookup *table = lookup_new();
	bool read = read_keys(&self);
	for (size_t i = 0; read && i < self.count; i++)
		lookup_get(table, LOOKUP_TXT, record_of(&self, &self.keys[i]).name);
	dns_answer(dns, table, clock_monotonic_ms() + LOOK_UP_MS);
	lookup_give_up(table);
	for (size_t i = 0; read && i < self.count; i++) {
		struct zone_record record = record_of(&self, &self.keys[i]);
		enum zone_state state = zone_compare(&record, lookup_get(table, record.type, record.name), check->line->arena).state;
		if (self.keys[i].state != KEY_NEW && state != ZONE_RIGHT && state != ZONE_UNKNOWN)
			cli_check_warning(check, arena_printf(check->line->arena, "`pombal domain dns %.*s --check` says what must be there.", SLICE_ARG(domain)).at,
					  "signatures of %.*s don't verify: the record %.*s. TXT is %s", SLICE_ARG(domain), SLICE_ARG(record.name), zone_state_name(state));
	}
	lookup_free(&table);
}

/* Is the record of a key there? Else it says what is there instead. */
static bool is_shown(const struct rotation *self, const struct auth_signing_key *key, struct lookup *table, uint32_t *ttl)
{
	struct zone_record record = record_of(self, key);
	const struct lookup_answer *answer = lookup_get(table, record.type, record.name);
	struct zone_finding finding = zone_compare(&record, answer, self->line->arena);
	*ttl = answer->ttl > *ttl ? answer->ttl : *ttl;
	if (finding.state == ZONE_RIGHT)
		return true;
	printf("%s: %.*s. TXT\n    %s\n", zone_state_name(finding.state), SLICE_ARG(record.name), finding.advice);
	if (finding.there.len > 0)
		printf("    there stands: %.*s\n", SLICE_ARG(finding.there));
	print_record(self, key);
	return false;
}

/* *ttl: for how long an answer may be kept, the longest. */
static bool all_shown(const struct rotation *self, enum auth_key_state state, struct lookup *table, uint32_t *ttl)
{
	bool shown = true;
	*ttl = 0;
	for (size_t i = 0; i < self->count; i++)
		if (self->keys[i].state == state)
			shown = is_shown(self, &self->keys[i], table, ttl) && shown;
	return shown || error_set(self->error, ERROR_INVALID, "the DNS doesn't show what it must");
}

static bool look_up(const struct rotation *self, enum auth_key_state state, uint32_t *ttl)
{
	const struct config *config = config_current();
	struct lookup *table = lookup_new();
	struct dns *dns = dns_new(&(struct dns_options){config->resolver, config->trust_anchors.at, config->trust_anchors.count}, self->error);
	for (size_t i = 0; dns && i < self->count; i++)
		lookup_get(table, LOOKUP_TXT, record_of(self, &self->keys[i]).name);
	if (dns)
		dns_answer(dns, table, clock_monotonic_ms() + LOOK_UP_MS);
	lookup_give_up(table);
	bool shown = dns && all_shown(self, state, table, ttl);
	dns_free(&dns);
	lookup_free(&table);
	return shown;
}

/* ---- The name server that takes changes, where there is one ---- */

static struct zone_record *records_in(const struct rotation *self, enum auth_key_state state, size_t *count)
{
	struct zone_record *list = arena_array(self->line->arena, self->count + 1, sizeof *list);
	*count = 0;
	for (size_t i = 0; i < self->count; i++)
		if (self->keys[i].state == state)
			list[(*count)++] = record_of(self, &self->keys[i]);
	return list;
}

/* What has failed is said, and doesn't undo the step: the records can be written by hand, or later. */
static bool is_changed(const struct rotation *self, enum auth_key_state state, const char *deed,
		       bool (*change)(const struct dns_update_server *server, const struct zone_record *records, size_t count, struct arena *arena, struct error *error))
{
	struct arena *arena = self->line->arena;
	struct dns_update_server server;
	struct error error;
	size_t count;
	bool has = dns_update_server_for(config_current(), self->line->data, self->ascii, arena, &server, &error);
	if (!has && error.kind == ERROR_NOT_FOUND)
		return false;
	struct zone_record *records = records_in(self, state, &count);
	bool done = has && change(&server, records, count, arena, &error);
	if (done)
		printf("These records are %s at the name server %.*s:\n", deed, SLICE_ARG(server.place));
	else
		printf("They can't be %s by this command: %s.\n", deed, error.text);
	return done;
}

static bool publish_records(const struct dns_update_server *server, const struct zone_record *records, size_t count, struct arena *arena, struct error *error)
{
	struct cli_dns_step *steps;
	return cli_dns_plan(server, records, count, false, arena, &steps, error) && cli_dns_carry_out(server, steps, count, arena, error);
}

static bool remove_records(const struct dns_update_server *server, const struct zone_record *records, size_t count, struct arena *arena, struct error *error)
{
	size_t removed;
	return cli_dns_remove(server, records, count, arena, &removed, error);
}

/* ---- Steps ---- */

static bool note(const struct rotation *self, const char *step)
{
	instance_note(self->line, "admin.keys_changed", log_slice("domain", self->domain), log_text("step", step));
	return true;
}

/* Has the time come? Else it says when. */
static bool is_time(const struct rotation *self, int64_t when, const char *what)
{
	if (when <= clock_now() || command_value(self->line, "now"))
		return true;
	printf("%s from %.*s on: a running server does it then by itself, this command does it, too, and with --now at once.\n", what, SLICE_ARG(date(when, self->line->arena)));
	return false;
}

static bool begin(struct rotation *self)
{
	if (!directory_rotation_begin(self->directory, self->domain, self->error) || !read_keys(self))
		return false;
	puts("New keys are made, and sign nothing yet.");
	if (!is_changed(self, KEY_NEW, "published", publish_records))
		puts("Publish these records beside those that there are; a running server sees them and goes on:");
	print_records(self, KEY_NEW);
	return note(self, "publish");
}

static bool sign(struct rotation *self)
{
	if (!directory_rotation_sign(self->directory, self->domain, self->error) || !read_keys(self))
		return false;
	puts("The new keys sign from now on.");
	if (self->count > 2)
		printf("Leave the records of the former ones where they are until %.*s: letters that they signed are still under way.\n",
		       SLICE_ARG(date(clock_now() + ROTATION_RECORD_SECONDS, self->line->arena)));
	return note(self, "sign");
}

static bool await_new(struct rotation *self, const struct auth_signing_key *key)
{
	uint32_t ttl = 0;
	int64_t seen = key->seen;
	if (!look_up(self, KEY_NEW, &ttl)) {
		struct error ignored;
		directory_rotation_saw(self->directory, self->domain, 0, &ignored);
		return false;
	}
	if (seen == 0) {
		seen = clock_now();
		if (!directory_rotation_saw(self->directory, self->domain, seen, self->error))
			return false;
		note(self, "wait");
	}
	puts("The DNS shows the new records.");
	return !is_time(self, directory_rotation_signs_from(seen, ttl), "All servers of the DNS will have them by then; the new keys can sign") || sign(self);
}

static bool forget(struct rotation *self, const struct auth_signing_key *key)
{
	if (!is_time(self, key->since + ROTATION_FORGET_SECONDS, "The new keys sign. Until then --abort takes the former ones back; these can be forgotten"))
		return true;
	if (!directory_rotation_forget(self->directory, self->domain, self->error))
		return false;
	puts("The private parts of the former keys are gone. Their records must stay.");
	return note(self, "retire");
}

static bool end(struct rotation *self, const struct auth_signing_key *key)
{
	if (!is_time(self, key->since + ROTATION_RECORD_SECONDS, "The records of the former keys must stay until then; they can go"))
		return true;
	if (!directory_rotation_end(self->directory, self->domain, self->error))
		return false;
	puts("The change is complete.");
	if (!is_changed(self, KEY_RETIRED, "removed", remove_records))
		puts("These records may go, or say that the key was given up, by an empty p= (RFC 6376 §3.6.1):");
	for (size_t i = 0; i < self->count; i++)
		if (self->keys[i].state == KEY_RETIRED) {
			self->keys[i].record = SLICE("v=DKIM1; p=");
			print_record(self, &self->keys[i]);
		}
	return note(self, "end");
}

/* Who takes keys back that have signed before needs their records in the DNS again. */
static bool abort_it(struct rotation *self, enum stage stage)
{
	uint32_t ttl;
	if (stage == STAGE_RETIRED && !look_up(self, KEY_RETIRED, &ttl))
		return false;
	if (!directory_rotation_abort(self->directory, self->domain, self->error))
		return false;
	puts(stage == STAGE_NEW ? "The new keys are removed; they have signed nothing." : "The former keys sign again. These, which signed meanwhile, are retired in their place:");
	if (stage == STAGE_NEW && !is_changed(self, KEY_NEW, "removed", remove_records))
		puts("These records may go:");
	print_records(self, stage == STAGE_NEW ? KEY_NEW : KEY_SIGNS); /* as they were before */
	return note(self, "abort");
}

bool cli_domain_rotate(struct command_line *line, struct directory *directory, struct slice domain, struct error *error)
{
	struct rotation self = {.line = line, .directory = directory, .domain = domain, .ascii = domain_to_ascii(domain, line->arena), .error = error};
	const struct auth_signing_key *key = NULL;
	if (!read_keys(&self))
		return false;
	enum stage stage = stage_of(self.keys, self.count, &key);
	if (command_value(line, "abort"))
		return abort_it(&self, stage);
	return stage == STAGE_REST ? begin(&self) : stage == STAGE_NEW ? await_new(&self, key) : stage == STAGE_RETIRED ? forget(&self, key) : end(&self, key);
}
