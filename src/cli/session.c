/* pombal session: who is signed in, and ending that. What the roles answer is told in main/sessions.h. Who has signed in with a browser, or let a program in,
 * is so in the directory, whether a page of his is open or not. */
#include "base/clock.h"
#include "base/random.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "message/address.h"

enum { ANSWER_MAX = 64 * 1024 * 1024 };

enum field { FIELD_ID, FIELD_ACCOUNT, FIELD_PROTOCOL, FIELD_ADDRESS, FIELD_SINCE, FIELD_TLS, FIELD_CLIENT, FIELD_DOING, FIELD_BUSY, FIELD_COUNT };

struct entry {
	struct slice fields[FIELD_COUNT];
	int64_t since;
};

/* One line without its first word; false if it is none of a session. */
static bool read_entry(struct slice line, struct entry *entry)
{
	uint64_t since;
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (!slice_cut(line, '\t', &entry->fields[i], &line) && i + 1 < FIELD_COUNT)
			return false;
	bool done = slice_to_number(entry->fields[FIELD_SINCE], INT64_MAX, &since);
	entry->since = done ? (int64_t)since : 0;
	return done;
}

static json_t *json_of_entry(const void *entry_at)
{
	static const char *const names[FIELD_COUNT] = {"id", "account", "protocol", "address", NULL, "tls", "client", "doing", NULL};
	const struct entry *entry = entry_at;
	json_t *object = json_object();
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (names[i])
			json_object_set_new(object, names[i], cli_json_of_slice(entry->fields[i]));
	json_object_set_new(object, "since", json_integer((json_int_t)entry->since));
	json_object_set_new(object, "busy", json_boolean(slice_equal(entry->fields[FIELD_BUSY], SLICE("busy"))));
	return object;
}

static void print_entry(const void *entry_at)
{
	const struct entry *entry = entry_at;
	char when[32];
	bool busy = slice_equal(entry->fields[FIELD_BUSY], SLICE("busy")), browser = slice_equal(entry->fields[FIELD_PROTOCOL], SLICE("web")) || slice_equal(entry->fields[FIELD_PROTOCOL], SLICE("oauth"));
	cli_print_safe(entry->fields[FIELD_ID]);
	cli_print_part("", entry->fields[FIELD_ACCOUNT]);
	cli_print_part("", entry->fields[FIELD_PROTOCOL]);
	cli_print_part("from ", entry->fields[FIELD_ADDRESS]);
	printf("  since %s", cli_time_text(entry->since, when));
	if (!browser)
		cli_print_part("", entry->fields[FIELD_TLS].len > 0 ? entry->fields[FIELD_TLS] : SLICE("without TLS"));
	cli_print_part("client ", entry->fields[FIELD_CLIENT]);
	cli_print_part(browser ? "used " : busy ? "does " : "did ", entry->fields[FIELD_DOING]);
	putchar('\n');
}

static const struct command_shape shape = {sizeof(struct entry), json_of_entry, print_entry, "nobody is signed in"};

/* What the roles said, line by line; `sum` adds up what was ended. False: *error names a role that didn't answer. */
static bool read_answer(struct command_line *line, struct slice answer, struct entry **list, size_t *count, uint64_t *sum, struct error *error)
{
	struct slice text, word, rest;
	size_t room = 1;
	for (size_t i = 0; i < answer.len; i++)
		room += answer.at[i] == '\n';
	*list = arena_array(line->arena, room, sizeof **list);
	*count = 0;
	*sum = 0;
	while (slice_cut(answer, '\n', &text, &answer)) {
		uint64_t number;
		slice_cut(text, '\t', &word, &rest);
		if (slice_equal(word, SLICE("silent")))
			return error_set(error, ERROR_TEMPORARY, "the %.*s role doesn't answer: its sessions are as they were", SLICE_ARG(rest));
		if (slice_equal(word, SLICE("ended")) && slice_to_number(rest, INT64_MAX, &number))
			*sum += number;
		else if (slice_equal(word, SLICE("session")))
			*count += read_entry(rest, &(*list)[*count]);
	}
	return true;
}

/* ---- Browsers ---- */

static bool list_browsers(struct command_line *line, struct slice whom, struct directory *directory, struct auth_web_session **list, size_t *count, struct error *error)
{
	struct slice account = slice_find_char(whom, '@') != SLICE_NONE ? whom : SLICE("");
	size_t all = 0;
	*count = 0;
	if (!directory_web_list(directory, account, clock_now() - config_current()->web_session, line->arena, list, &all, error))
		return false;
	for (size_t i = 0; i < all; i++)
		if (whom.len == 0 || account.len > 0 || (*list)[i].id == id_parse(whom))
			(*list)[(*count)++] = (*list)[i];
	return true;
}

static struct entry entry_of_browser(const struct command_line *line, const struct auth_web_session *session)
{
	char id[ID_TEXT_LEN + 1], when[32];
	id_format(session->id, id);
	return (struct entry){
		.fields = {[FIELD_ID] = arena_copy(line->arena, slice_of(id)), [FIELD_ACCOUNT] = session->account, [FIELD_PROTOCOL] = SLICE("web"), [FIELD_ADDRESS] = session->address,
			   [FIELD_CLIENT] = session->device, [FIELD_DOING] = arena_copy(line->arena, slice_of(cli_time_text(session->used, when))), [FIELD_BUSY] = SLICE("idle")},
		.since = session->created,
	};
}

/* ---- Programs that were let in ---- */

static bool list_grants(struct command_line *line, struct slice whom, struct directory *directory, struct auth_credential **list, size_t *count, struct error *error)
{
	struct slice account = slice_find_char(whom, '@') != SLICE_NONE ? whom : SLICE("");
	size_t all = 0;
	*count = 0;
	if (!directory_credential_list(directory, account, line->arena, list, &all, error))
		return false;
	for (size_t i = 0; i < all; i++)
		if ((*list)[i].kind == AUTH_GRANT && (whom.len == 0 || account.len > 0 || (*list)[i].id == id_parse(whom)))
			(*list)[(*count)++] = (*list)[i];
	return true;
}

static struct entry entry_of_grant(const struct command_line *line, const struct auth_credential *grant)
{
	char id[ID_TEXT_LEN + 1], when[32];
	id_format(grant->id, id);
	return (struct entry){
		.fields = {[FIELD_ID] = arena_copy(line->arena, slice_of(id)), [FIELD_ACCOUNT] = grant->account, [FIELD_PROTOCOL] = SLICE("oauth"), [FIELD_ADDRESS] = grant->address,
			   [FIELD_CLIENT] = grant->name, [FIELD_DOING] = grant->used ? arena_copy(line->arena, slice_of(cli_time_text(grant->used, when))) : SLICE(""), [FIELD_BUSY] = SLICE("idle")},
		.since = grant->created,
	};
}

/* ---- Both ---- */

static bool add_kept(struct command_line *line, struct slice whom, struct entry **list, size_t *count, struct error *error)
{
	struct directory *directory = instance_directory(line);
	struct auth_web_session *browsers;
	struct auth_credential *grants;
	size_t found, granted;
	if (!directory)
		return error_set(error, ERROR_TEMPORARY, "who has signed in with a browser, or let a program in, can't be told");
	bool done = list_browsers(line, whom, directory, &browsers, &found, error) && list_grants(line, whom, directory, &grants, &granted, error);
	struct entry *all = arena_array(line->arena, *count + (done ? found + granted : 0) + 1, sizeof *all);
	memcpy(all, *list, *count * sizeof *all);
	for (size_t i = 0; done && i < found; i++)
		all[(*count)++] = entry_of_browser(line, &browsers[i]);
	for (size_t i = 0; done && i < granted; i++)
		all[(*count)++] = entry_of_grant(line, &grants[i]);
	*list = all;
	directory_close(&directory);
	return done;
}

static bool end_kept(struct command_line *line, struct slice whom, uint64_t *ended, struct error *error)
{
	struct directory *directory = instance_directory(line);
	struct auth_web_session *browsers;
	struct auth_credential *grants;
	size_t found, granted, count;
	if (!directory)
		return error_set(error, ERROR_TEMPORARY, "who has signed in with a browser, or let a program in, can't be told");
	bool done = list_browsers(line, whom, directory, &browsers, &found, error);
	for (size_t i = 0; done && i < found; i++) {
		done = directory_web_end(directory, browsers[i].account, browsers[i].id, &count, error);
		*ended += done ? count : 0;
	}
	done = done && list_grants(line, whom, directory, &grants, &granted, error);
	for (size_t i = 0; done && i < granted; i++) {
		done = directory_credential_end(directory, grants[i].account, grants[i].id, &count, error);
		*ended += done ? count : 0;
	}
	directory_close(&directory);
	return done;
}

static int run_with(struct command_line *line, bool (*act)(struct command_line *line, struct slice whom, struct error *error))
{
	struct slice whom = command_argument(line, 0);
	struct error error;
	if (!instance_enter(line))
		return COMMAND_FAILED;
	/* Sessions go by the canonical name; what isn't an address is the id of a session. */
	if (slice_find_char(whom, '@') != SLICE_NONE && !instance_address(line, whom, &whom, &error))
		return command_fail_with(line, &error);
	return act(line, whom, &error) ? COMMAND_DONE : command_fail_with(line, &error);
}

/* What an administrator of one domain sees. */
static size_t keep_own(const struct command_line *line, struct entry *entries, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		struct slice local, domain;
		address_split(entries[i].fields[FIELD_ACCOUNT], &local, &domain);
		if (slice_equal(domain, line->caller->domain))
			entries[kept++] = entries[i];
	}
	return kept;
}

static bool list(struct command_line *line, struct slice whom, struct error *error)
{
	struct buf answer = BUF(ANSWER_MAX);
	struct entry *entries;
	size_t count, kept = 0;
	uint64_t unused;
	bool done = instance_ask(line, "sessions", &answer, error) && read_answer(line, buf_slice(&answer), &entries, &count, &unused, error);
	for (size_t i = 0; done && i < count; i++)
		if (whom.len == 0 || slice_equal(entries[i].fields[FIELD_ACCOUNT], whom) || slice_equal(entries[i].fields[FIELD_ID], whom))
			entries[kept++] = entries[i];
	done = done && add_kept(line, whom, &entries, &kept, error);
	if (done && line->caller && line->caller->domain.len > 0)
		kept = keep_own(line, entries, kept);
	if (done)
		command_print_list(line, &shape, entries, kept);
	buf_free(&answer);
	return done;
}

static bool end(struct command_line *line, struct slice whom, struct error *error)
{
	struct buf answer = BUF(ANSWER_MAX);
	struct entry *entries;
	size_t count;
	uint64_t ended = 0;
	struct slice request = arena_printf(line->arena, "end %.*s", SLICE_ARG(whom));
	bool done = (slice_find_char(whom, '@') != SLICE_NONE || id_parse(whom) != 0) ||
		    error_set(error, ERROR_INVALID, "\"%.*s\" is neither an account nor the id of a session", SLICE_ARG(whom));
	done = done && instance_ask(line, request.at, &answer, error) && read_answer(line, buf_slice(&answer), &entries, &count, &ended, error) && end_kept(line, whom, &ended, error);
	if (done && ended == 0)
		done = error_set(error, ERROR_NOT_FOUND, "there is no session of %.*s", SLICE_ARG(whom));
	if (done)
		instance_note(line, "admin.session_ended", log_slice(slice_find_char(whom, '@') == SLICE_NONE ? "session" : "account", whom),
			      log_number("count", (int64_t)ended));
	if (done)
		printf("%llu session%s ended\n", (unsigned long long)ended, ended == 1 ? "" : "s");
	buf_free(&answer);
	return done;
}

static int run_list(struct command_line *line) { return run_with(line, list); }
static int run_end(struct command_line *line) { return run_with(line, end); }

const struct command cli_session_commands[] = {
	{"session list", "[ACCOUNT|ID]", "Lists who is signed in: over which protocol, from where, since when, and what for.", run_list, NULL, 0, 1, COMMAND_JSON, ADMIN_READS | ADMIN_SHOWS_OWN},
	{"session end", "ACCOUNT|ID", "Ends the sessions of an account, or one; they may sign in again.", run_end, NULL, 1, 1, 0, ADMIN_CHANGES | ADMIN_DOMAIN},
	{0},
};
