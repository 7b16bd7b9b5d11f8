/* pombal account import: accounts with their passwords from another server's file. Three kinds of file are told apart by their look: CSV
 * with a line of column names, and lines of fields between colons, as Dovecot's passwd-file and /etc/shadow have them. What can't be
 * taken is named with its line, and never what stands in it of a password; the rest is done, many accounts together: first their mail
 * folders, then, when these are on disk, their rows in the directory. A crash in between leaves folders that nobody can sign in to, which
 * the next import of the same file takes. */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/account_mail.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "cli/password.h"

enum {
	FILE_MAX = 256 * 1024 * 1024, /* bytes: more accounts than there are */
	CELLS_MAX = 64,               /* of one record */
	SECRET_MAX = 2048,
	GROUP_MAX = 200,              /* accounts that are made together */
	GROUP_MS = 1000,              /* … in no longer than that: others can't change the directory meanwhile */
};

struct cli_import {
	struct command_line *line;
	struct directory *directory;
	struct store *store;
	struct arena *arena; /* of one record */
	size_t number;       /* its first line's */
	bool in_group;       /* of the directory's */
	int64_t group_ends;  /* monotonic milliseconds */
	struct arena *group; /* of the next two */
	struct store_new_account *new;
	size_t *numbers, new_count; /* of their lines */
	size_t made, changed, same, passed, failed;
};

/** What a record says of one account. A member without `at` isn't said. */
struct person {
	struct slice address, name, secret, quota, quota_messages, active;
	bool clear;          /* `secret` is the password itself, unless it looks like a hash */
};

/* Prints with control bytes shown as '?'. */
static void complain_of(size_t number, struct slice who, const char *why)
{
	struct buf safe = BUF(512);
	for (size_t i = 0; i < who.len && i < 300; i++)
		buf_append_char(&safe, (unsigned char)who.at[i] < ' ' || who.at[i] == 0x7f ? '?' : who.at[i]);
	fprintf(stderr, "line %zu: %.*s%s%s\n", number, SLICE_ARG(buf_slice(&safe)), safe.len > 0 ? ": " : "", why);
	buf_free(&safe);
}

static void complain(struct cli_import *import, struct slice who, const char *why)
{
	complain_of(import->number, who, why);
}

/* ---- Carrying it out ---- */

static bool parse_quota(const struct person *person, struct auth_account_entry *entry, struct error *error)
{
	int64_t bytes = (int64_t)entry->quota_bytes;
	uint64_t messages = entry->quota_messages;
	if (person->quota.len > 0 && !config_parse_size(person->quota, &bytes))
		return error_set(error, ERROR_INVALID, "the quota is not a size such as 10G");
	if (person->quota_messages.len > 0 && !slice_to_number(person->quota_messages, INT64_MAX, &messages))
		return error_set(error, ERROR_INVALID, "the quota of messages is not a number");
	entry->quota_bytes = (uint64_t)bytes;
	entry->quota_messages = messages;
	return true;
}

static bool is_no(struct slice word)
{
	static const char *const words[] = {"0", "no", "false", "n", "f", "off", "disabled"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (slice_equal_nocase(word, slice_of(words[i])))
			return true;
	return false;
}

static bool fill_entry(const struct person *person, struct auth_account_entry *entry, struct error *error)
{
	if (person->name.len > 0)
		entry->display_name = person->name;
	if (person->active.len > 0)
		entry->enabled = !is_no(person->active);
	return parse_quota(person, entry, error);
}

/* A name without a domain belongs to that of --domain, else to default_domain, else to the only one there is. */
static bool find_name(struct cli_import *import, struct slice text, struct slice *name, struct error *error)
{
	const char *domain = command_value(import->line, "domain");
	struct auth_domain_entry *domains;
	size_t count;
	if (slice_find_char(text, '@') == SLICE_NONE) {
		if (!domain && *config_current()->default_domain)
			domain = config_current()->default_domain;
		if (!domain && (!directory_list_domains(import->directory, import->arena, &domains, &count, error) || count != 1))
			return error_set(error, ERROR_INVALID, "the name has no domain: say which with --domain");
		text = domain ? arena_printf(import->arena, "%.*s@%s", SLICE_ARG(text), domain)
			      : arena_printf(import->arena, "%.*s@%.*s", SLICE_ARG(text), SLICE_ARG(domains[0].name));
	}
	return instance_address(import->line, text, name, error);
}

static void note(const struct cli_import *import, const char *event, struct slice name)
{
	instance_note(import->line, event, log_slice("account", name), log_text("options", "import"));
}

/* ---- Groups ---- */

static bool begin_group(struct cli_import *import, struct error *error)
{
	if (import->in_group)
		return true;
	import->group_ends = clock_monotonic_ms() + GROUP_MS;
	import->group = arena_new();
	import->new = arena_array(import->group, GROUP_MAX, sizeof *import->new);
	import->numbers = arena_array(import->group, GROUP_MAX, sizeof *import->numbers);
	import->new_count = 0;
	return import->in_group = directory_begin_group(import->directory, error);
}

/* Those without a mail folder aren't made. One that is there is taken: its account is new. */
static void make_folders(struct cli_import *import)
{
	struct error ignored;
	store_create_accounts(import->store, import->new, import->new_count);
	for (size_t i = 0; i < import->new_count; i++) {
		struct store_new_account *new = &import->new[i];
		struct auth_account_entry entry = {.name = new->name, .quota_bytes = new->max_bytes, .quota_messages = new->max_messages};
		if (!new->made && new->error.kind == ERROR_EXISTS)
			new->made = cli_account_mail_make(import->store, &entry, &new->error);
		if (!new->made)
			directory_remove_account(import->directory, new->name, &ignored);
	}
}

/* What was in it is on disk when this returns, and is told of. */
static void end_group(struct cli_import *import)
{
	struct error error = {0};
	if (!import->in_group)
		return;
	make_folders(import);
	bool done = directory_end_group(import->directory, true, &error);
	import->in_group = false;
	for (size_t i = 0; i < import->new_count; i++) {
		const struct store_new_account *new = &import->new[i];
		if (done && new->made) {
			note(import, "admin.account_added", new->name);
			import->made++;
		} else {
			complain_of(import->numbers[i], new->name, new->made ? error.text : new->error.text);
			import->failed++;
		}
	}
	arena_free(&import->group);
}

static void end_full_group(struct cli_import *import)
{
	if (import->in_group && (import->new_count == GROUP_MAX || clock_monotonic_ms() >= import->group_ends))
		end_group(import);
}

/* Adds the account to the group: it is made when that ends. */
static bool make(struct cli_import *import, struct auth_account_entry *entry, struct slice secret, struct error *error)
{
	struct error ignored;
	entry->created = clock_now();
	if (!begin_group(import, error) || !directory_add_account(import->directory, entry, error))
		return false;
	if (!slice_empty(secret) && !directory_set_hash(import->directory, entry->name, secret, cli_password_is_good, error)) {
		directory_remove_account(import->directory, entry->name, &ignored);
		return false;
	}
	import->numbers[import->new_count] = import->number;
	import->new[import->new_count++] = (struct store_new_account){.name = arena_copy(import->group, entry->name),
		.max_bytes = entry->quota_bytes, .max_messages = entry->quota_messages};
	end_full_group(import);
	return true;
}

static bool is_same_entry(const struct auth_account_entry *a, const struct auth_account_entry *b)
{
	return slice_equal(a->display_name, b->display_name) && a->enabled == b->enabled && a->quota_bytes == b->quota_bytes &&
	       a->quota_messages == b->quota_messages;
}

/* Changes what is said otherwise than it is. */
static bool change(struct cli_import *import, const struct auth_account_entry *there, const struct auth_account_entry *entry, struct slice secret, struct error *error)
{
	bool same_secret = true, same = is_same_entry(there, entry);
	end_group(import); /* it may be one of those that are to be made */
	if (!slice_empty(secret) && !directory_has_hash(import->directory, entry->name, secret, &same_secret, error))
		return false;
	if (!same && (!directory_set_account(import->directory, entry, error) || !cli_account_mail_quota(import->store, entry, error)))
		return false;
	if (!same)
		note(import, "admin.account_changed", entry->name);
	if (!same_secret && !directory_set_hash(import->directory, entry->name, secret, cli_password_is_good, error))
		return false;
	if (!same_secret)
		note(import, "admin.password_set", entry->name);
	*(same && same_secret ? &import->same : &import->changed) += 1;
	return true;
}

/* As directory_set_hash() takes it. */
static struct slice secret_of(struct cli_import *import, const struct person *person)
{
	if (!person->clear || slice_empty(person->secret) || directory_is_hash(person->secret))
		return person->secret;
	return arena_printf(import->arena, "{PLAIN}%.*s", SLICE_ARG(person->secret));
}

static void take(struct cli_import *import, const struct person *person)
{
	struct auth_account_entry there, entry = {.enabled = true};
	struct error error = {0};
	struct slice name, secret = secret_of(import, person);
	bool done = person->secret.len < SECRET_MAX || error_set(&error, ERROR_INVALID, "the password is too long");
	done = done && find_name(import, person->address, &name, &error);
	if (done && directory_get_account(import->directory, name, import->arena, &there, &error)) {
		entry = there;
		done = fill_entry(person, &entry, &error) && change(import, &there, &entry, secret, &error);
	} else if (done) {
		entry.name = name;
		done = fill_entry(person, &entry, &error) && make(import, &entry, secret, &error);
	}
	if (!done) {
		import->failed++;
		complain(import, person->address, error.text);
	}
}

/* ---- Lines of fields between colons ---- */

static bool is_number(struct slice text)
{
	uint64_t number;
	return slice_to_number(text, UINT64_MAX, &number);
}

/* What follows `name` up to `end`, or to the end; empty if it isn't there. */
static struct slice value_after(struct slice text, const char *name, char end)
{
	size_t at = slice_find(text, slice_of(name));
	struct slice value = {NULL, 0}, rest;
	if (at != SLICE_NONE)
		slice_cut(slice_skip(text, at + strlen(name)), end, &value, &rest);
	return value;
}

/* Dovecot's extra fields: quota_rule=*:storage=10G:messages=1000 (storage counts kilobytes unless it says otherwise, bytes doesn't),
 * or quota_storage_size=10G. */
static void read_extra(struct cli_import *import, struct slice extra, struct person *person)
{
	struct slice rule = value_after(extra, "quota_rule=", ' '), storage = value_after(rule, "storage=", ':');
	person->quota_messages = value_after(rule, "messages=", ':');
	person->quota = is_number(storage) ? arena_printf(import->arena, "%.*sK", SLICE_ARG(storage)) : storage;
	if (person->quota.len == 0)
		person->quota = value_after(rule, "bytes=", ':');
	if (person->quota.len == 0)
		person->quota = value_after(extra, "quota_storage_size=", ' ');
}

/* "*", "!", "x" and the like stand where there is no password, or where it was locked. */
static bool has_secret(struct slice secret)
{
	return secret.len > 1 && secret.at[0] != '!' && secret.at[0] != '*';
}

/* user:password:uid:gid:name:home:shell:extra fields; /etc/shadow has numbers after the password. */
static void take_fields(struct cli_import *import, struct slice text)
{
	struct slice fields[7] = {{NULL, 0}}, rest = text;
	size_t count = 0;
	bool more = true;
	while (more && count < 7)
		more = slice_cut(rest, ':', &fields[count++], &rest);
	struct person person = {.address = fields[0], .secret = fields[1]};
	if (count < 2 || slice_empty(fields[0])) {
		import->failed++;
		complain(import, SLICE(""), "this is no line of the form name:password");
		return;
	}
	if (!has_secret(person.secret)) {
		import->passed++;
		complain(import, person.address, "passed over, since it has no password here");
		return;
	}
	if (fields[4].len > 0 && !is_number(fields[4]))
		slice_cut(fields[4], ',', &person.name, &(struct slice){NULL, 0});
	if (more)
		read_extra(import, rest, &person);
	take(import, &person);
}

static void take_lines(struct cli_import *import, struct slice text)
{
	struct slice line, rest = text;
	for (bool more = true; more;) {
		more = slice_cut(rest, '\n', &line, &rest);
		import->number++;
		line = slice_trim(line);
		if (!slice_empty(line) && line.at[0] != '#')
			take_fields(import, line);
		arena_reset(import->arena);
	}
}

/* ---- CSV (RFC 4180), with commas, semicolons or tabs ---- */

/* The columns that are known, and where they go. */
static const struct column {
	const char *name;
	size_t member;
	bool clear;
} columns[] = {
	{"address", offsetof(struct person, address), false}, {"email", offsetof(struct person, address), false},
	{"mail", offsetof(struct person, address), false}, {"user", offsetof(struct person, address), false},
	{"username", offsetof(struct person, address), false}, {"login", offsetof(struct person, address), false},
	{"name", offsetof(struct person, name), false}, {"display_name", offsetof(struct person, name), false},
	{"password", offsetof(struct person, secret), true}, {"hash", offsetof(struct person, secret), false},
	{"password_hash", offsetof(struct person, secret), false}, {"quota", offsetof(struct person, quota), false},
	{"quota_messages", offsetof(struct person, quota_messages), false}, {"active", offsetof(struct person, active), false},
	{"enabled", offsetof(struct person, active), false},
};

static const struct column *find_column(struct slice name)
{
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
		if (slice_equal_nocase(slice_trim(name), slice_of(columns[i].name)))
			return &columns[i];
	return NULL;
}

/* A cell between quotes; *at is behind the first, and gets behind the last. A quote is written twice. */
static struct slice quoted_cell(struct cli_import *import, struct slice text, size_t *at)
{
	char *cell = arena_alloc(import->arena, text.len - *at + 1);
	size_t len = 0;
	for (; *at < text.len; ++*at) {
		if (text.at[*at] == '"' && (++*at == text.len || text.at[*at] != '"'))
			break;
		import->number += text.at[*at] == '\n';
		cell[len++] = text.at[*at];
	}
	return slice_make(cell, len);
}

/* Reads one record and cuts it off; gives the number of its cells. import->number becomes that of its last line. */
static size_t read_record(struct cli_import *import, struct slice *rest, char comma, struct slice cells[CELLS_MAX])
{
	size_t count = 0, at = 0;
	struct slice text = *rest;
	import->number++;
	for (bool more = true; more;) {
		struct slice cell;
		if (at < text.len && text.at[at] == '"') {
			at++;
			cell = quoted_cell(import, text, &at);
		} else {
			size_t start = at;
			while (at < text.len && text.at[at] != comma && text.at[at] != '\n')
				at++;
			cell = slice_trim(slice_sub(text, start, at - start));
		}
		while (at < text.len && text.at[at] != comma && text.at[at] != '\n')
			at++;
		more = at < text.len && text.at[at] == comma;
		at += at < text.len;
		if (count < CELLS_MAX)
			cells[count++] = cell;
	}
	*rest = slice_skip(text, at);
	return count;
}

static char find_comma(struct slice line)
{
	for (size_t i = 0; i < line.len; i++)
		if (line.at[i] == ',' || line.at[i] == ';' || line.at[i] == '\t')
			return line.at[i];
	return ',';
}

static bool is_csv(struct slice text)
{
	struct slice line, rest, name, first;
	slice_cut(text, '\n', &line, &rest);
	rest = slice_trim(line);
	char comma = find_comma(rest);
	for (bool more = true; more;) {
		more = slice_cut(rest, comma, &name, &rest);
		name = slice_trim(name);
		first = name.len > 1 && name.at[0] == '"' ? slice_sub(name, 1, name.len - 2) : name;
		const struct column *column = find_column(first);
		if (column && column->member == offsetof(struct person, address))
			return true;
	}
	return false;
}

static void take_record(struct cli_import *import, const struct column *const *known, size_t width, const struct slice *cells, size_t count)
{
	struct person person = {.clear = false};
	for (size_t i = 0; i < count && i < width; i++) {
		if (!known[i] || slice_empty(cells[i]))
			continue;
		*(struct slice *)(void *)((char *)&person + known[i]->member) = cells[i];
		person.clear = person.clear || known[i]->clear;
	}
	if (!slice_empty(person.address))
		take(import, &person);
	else if (count > 1) {
		import->failed++;
		complain(import, SLICE(""), "there is no address");
	}
}

static void take_csv(struct cli_import *import, struct slice text)
{
	const struct column *known[CELLS_MAX];
	struct slice cells[CELLS_MAX], line, rest;
	slice_cut(text, '\n', &line, &rest);
	char comma = find_comma(line);
	rest = text;
	size_t width = read_record(import, &rest, comma, cells);
	for (size_t i = 0; i < width; i++) {
		known[i] = find_column(cells[i]);
		if (!known[i])
			complain(import, cells[i], "a column that isn't known, passed over");
	}
	while (!slice_empty(rest)) {
		size_t count = read_record(import, &rest, comma, cells);
		take_record(import, known, width, cells, count);
		arena_reset(import->arena);
	}
}

/* ---- The command ---- */

static bool import_text(struct cli_import *import, struct slice text)
{
	if (slice_starts(text, SLICE("\xef\xbb\xbf"))) /* a mark that spreadsheets write */
		text = slice_skip(text, 3);
	if (is_csv(text))
		take_csv(import, text);
	else
		take_lines(import, text);
	end_group(import);
	printf("%zu made, %zu changed, %zu as they were, %zu passed over, %zu not taken\n", import->made, import->changed, import->same,
	       import->passed, import->failed);
	return import->failed == 0;
}

/* The file is read first, by whoever runs the command: its accounts' owner may not be able to. */
static int run_import(struct command_line *line)
{
	struct cli_import import = {.line = line};
	struct error error;
	struct buf text = BUF(FILE_MAX);
	int status = COMMAND_FAILED;
	log_set_role("command", LOG_LEVEL_WARNING);
	const char *path = command_argument(line, 0).at;
	if (!command_read_file(line, path, &text, &error))
		status = command_fail_with(line, &error);
	else if (instance_enter(line) && (import.directory = instance_directory(line)) && (import.store = instance_store(line))) {
		import.arena = arena_new();
		status = import_text(&import, buf_slice(&text)) ? COMMAND_DONE : COMMAND_FAILED;
		arena_free_secret(&import.arena);
	}
	if (import.store)
		store_close(&import.store);
	directory_close(&import.directory);
	buf_free_secret(&text);
	config_free_all();
	return status;
}

static const struct command_option options[] = {{"domain", "DOMAIN", "the domain of names that have none"}, {0}};

const struct command cli_account_import_commands[] = {
	{"account import", "FILE", "Makes accounts, with their passwords, of a file of another server: Dovecot's passwd-file, /etc/shadow, or CSV with columns such as "
	 "address, name, password or hash, quota. Those that are there are brought to what it says.", run_import, options, 1, 1, 0, ADMIN_CHANGES | ADMIN_FILE},
	{0},
};
