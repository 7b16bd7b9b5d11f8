/* Accounts, their passwords, and the addresses they may send as beside their own. */
#include "auth/directory_internal.h"
#include "auth/password.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "message/address.h"

static bool no_such_account(struct slice name, struct error *error)
{
	return error_set(error, ERROR_NOT_FOUND, "there is no account %.*s", SLICE_ARG(name));
}

/* The name under which an account is kept, of a name that somebody gives; never fails, what is no address is nobody's. */
static struct slice account_key(struct slice name, struct arena *arena)
{
	return address_canonical(name, arena);
}

bool directory_note_change(struct directory *directory, struct slice name, struct error *error)
{
	struct db_statement *add = db_prepare(directory->db, "INSERT INTO change (number, account)"
		" VALUES ((SELECT COALESCE(MAX(number), 0) + 1 FROM change), $1)");
	struct db_statement *forget = db_prepare(directory->db, "DELETE FROM change WHERE number <= (SELECT MAX(number) FROM change) - $1");
	db_bind_text(add, 1, name);
	db_bind_number(forget, 1, CHANGES_KEPT);
	return db_run(add, error) && db_run(forget, error);
}

/* The end of a statement that changes one account. */
static bool change_one(struct directory *directory, struct db_statement *statement, struct slice name, struct error *error)
{
	if (!db_run(statement, error))
		return false;
	if (db_changes(directory->db) == 0)
		return no_such_account(name, error);
	return directory_credential_forget_former(directory, name, error) && directory_note_change(directory, name, error);
}

static bool check_account(const struct auth_account_entry *account, struct error *error)
{
	if (account->display_name.len > DISPLAY_NAME_MAX || !slice_is_utf8(account->display_name))
		return error_set(error, ERROR_INVALID, "the display name is too long, or not UTF-8");
	for (size_t i = 0; i < account->display_name.len; i++)
		if ((unsigned char)account->display_name.at[i] < ' ')
			return error_set(error, ERROR_INVALID, "the display name holds control characters");
	if (account->quota_bytes > INT64_MAX || account->quota_messages > INT64_MAX)
		return error_set(error, ERROR_INVALID, "the quota is too large");
	return directory_check_language(account->language, error) && directory_check_thresholds(account->thresholds, error);
}

static bool insert_account(struct directory *directory, const struct auth_account_entry *account, struct error *error)
{
	struct slice name, local, domain, given_local, given_domain;
	if (!check_account(account, error) || !directory_check_own_address(directory, account->name, directory->scratch, &name, error))
		return false;
	address_split(name, &local, &domain);
	address_split(account_key(account->name, directory->scratch), &given_local, &given_domain);
	if (!slice_equal(domain, given_domain))
		return error_set(error, ERROR_INVALID, "%.*s is an alias of %.*s: accounts belong there", SLICE_ARG(given_domain), SLICE_ARG(domain));
	struct db_statement *add = db_prepare(directory->db, "INSERT INTO account (name, domain, display_name, enabled, quota_bytes,"
		" quota_messages, created, version, identity, password, scram_iterations, local, language, rate_hour, rate_day,"
		" tag_from, junk_from, quarantine_from, reject_from, administrator)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, '', 0, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
		" ON CONFLICT DO NOTHING");
	db_bind_text(add, 1, name);
	db_bind_text(add, 2, domain);
	db_bind_text(add, 3, account->display_name);
	db_bind_number(add, 4, account->enabled);
	db_bind_number(add, 5, (int64_t)account->quota_bytes);
	db_bind_number(add, 6, (int64_t)account->quota_messages);
	db_bind_number(add, 7, account->created ? account->created : clock_now());
	db_bind_number(add, 8, id_new());
	db_bind_text(add, 9, local);
	db_bind_text(add, 10, account->language);
	db_bind_number(add, 11, account->rates.per_hour);
	db_bind_number(add, 12, account->rates.per_day);
	directory_bind_thresholds(add, 13, account->thresholds);
	db_bind_number(add, 17, account->administrator);
	if (!db_run(add, error))
		return false;
	if (db_changes(directory->db) == 0)
		return error_set(error, ERROR_EXISTS, "there is an account %.*s already", SLICE_ARG(name));
	return directory_note_change(directory, name, error);
}

bool directory_add_account(struct directory *directory, const struct auth_account_entry *account, struct error *error)
{
	arena_reset(directory->scratch);
	if (!db_begin(directory->db, error))
		return false;
	return directory_finish(directory, insert_account(directory, account, error), error);
}

/* Who was signed in to an account that is disabled isn't when it is enabled again. */
static bool update_account(struct directory *directory, const struct auth_account_entry *account, struct error *error)
{
	struct slice key = account_key(account->name, directory->scratch);
	struct db_statement *set = db_prepare(directory->db, "UPDATE account SET display_name = $2, enabled = $3, quota_bytes = $4,"
		" quota_messages = $5, version = $6, language = $7, rate_hour = $8, rate_day = $9, tag_from = $10, junk_from = $11,"
		" quarantine_from = $12, reject_from = $13, administrator = $14, identity = CASE WHEN enabled <> 0 AND CAST($3 AS BIGINT) = 0 THEN $6 ELSE identity END WHERE name = $1");
	db_bind_text(set, 1, key);
	db_bind_text(set, 2, account->display_name);
	db_bind_number(set, 3, account->enabled);
	db_bind_number(set, 4, (int64_t)account->quota_bytes);
	db_bind_number(set, 5, (int64_t)account->quota_messages);
	db_bind_number(set, 6, id_new());
	db_bind_text(set, 7, account->language);
	db_bind_number(set, 8, account->rates.per_hour);
	db_bind_number(set, 9, account->rates.per_day);
	directory_bind_thresholds(set, 10, account->thresholds);
	db_bind_number(set, 14, account->administrator);
	return change_one(directory, set, key, error);
}

bool directory_set_account(struct directory *directory, const struct auth_account_entry *account, struct error *error)
{
	arena_reset(directory->scratch);
	if (!check_account(account, error) || !db_begin(directory->db, error))
		return false;
	return directory_finish(directory, update_account(directory, account, error), error);
}

static bool delete_account(struct directory *directory, struct slice name, struct error *error)
{
	struct db_statement *senders = db_prepare(directory->db, "DELETE FROM sender WHERE account = $1");
	db_bind_text(senders, 1, name);
	struct db_statement *sessions = db_prepare(directory->db, "DELETE FROM web_session WHERE account = $1");
	db_bind_text(sessions, 1, name);
	struct db_statement *remove = db_prepare(directory->db, "DELETE FROM account WHERE name = $1");
	db_bind_text(remove, 1, name);
	return db_run(senders, error) && db_run(sessions, error) && change_one(directory, remove, name, error);
}

bool directory_remove_account(struct directory *directory, struct slice name, struct error *error)
{
	arena_reset(directory->scratch);
	struct slice key = account_key(name, directory->scratch);
	if (!db_begin(directory->db, error))
		return false;
	return directory_finish(directory, delete_account(directory, key, error), error);
}

#define ACCOUNT_COLUMNS "name, display_name, enabled, quota_bytes, quota_messages, created, password <> '', language, rate_hour, rate_day," \
	" tag_from, junk_from, quarantine_from, reject_from, administrator"

static void fill_account(struct db_statement *row, struct arena *arena, struct auth_account_entry *account)
{
	account->name = arena_copy(arena, db_text(row, 0));
	account->display_name = arena_copy(arena, db_text(row, 1));
	account->enabled = db_number(row, 2) != 0;
	account->quota_bytes = (uint64_t)db_number(row, 3);
	account->quota_messages = (uint64_t)db_number(row, 4);
	account->created = db_number(row, 5);
	account->has_password = db_number(row, 6) != 0;
	account->language = arena_copy(arena, db_text(row, 7));
	account->rates = (struct auth_rates){db_number(row, 8), db_number(row, 9)};
	account->thresholds = directory_read_thresholds(row, 10);
	account->administrator = directory_rank(db_number(row, 10 + THRESHOLD_COLUMNS));
}

bool directory_get_account(struct directory *directory, struct slice name, struct arena *arena, struct auth_account_entry *account, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT " ACCOUNT_COLUMNS " FROM account WHERE name = $1");
	db_bind_text(read, 1, account_key(name, arena));
	enum db_step step = db_step(read, error);
	if (step == DB_DONE)
		return no_such_account(name, error);
	if (step == DB_FAILED)
		return false;
	fill_account(read, arena, account);
	db_reset(read);
	return true;
}

/* For LIKE: what is to be found, whatever stands around it. */
static struct slice like_pattern(struct slice text, struct arena *arena)
{
	if (text.len == 0)
		return SLICE("");
	char *out = arena_alloc(arena, 2 * text.len + 2);
	size_t len = 0;
	out[len++] = '%';
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '%' || text.at[i] == '_' || text.at[i] == '!')
			out[len++] = '!';
		out[len++] = ascii_lower(text.at[i]);
	}
	out[len++] = '%';
	return slice_make(out, len);
}

bool directory_list_accounts(struct directory *directory, struct slice domain, struct arena *arena, struct auth_account_entry **list, size_t *count, struct error *error)
{
	return directory_page_accounts(directory, &(struct auth_account_page){.domain = domain}, arena, list, count, error);
}

bool directory_page_accounts(struct directory *directory, const struct auth_account_page *page, struct arena *arena, struct auth_account_entry **list, size_t *count, struct error *error)
{
	struct auth_list accounts = {.arena = arena, .size = sizeof **list};
	struct slice after = account_key(page->after, arena), local, domain;
	address_split(after, &local, &domain);
	struct db_statement *read = db_prepare(directory->db, "SELECT " ACCOUNT_COLUMNS " FROM account WHERE (domain = $1 OR $1 = '')"
		" AND ($2 = '' OR domain > $3 OR (domain = $3 AND name > $2)) AND ($4 = '' OR lower(name) LIKE $4 ESCAPE '!' OR lower(display_name) LIKE $4 ESCAPE '!')"
		" ORDER BY domain, name LIMIT $5");
	db_bind_text(read, 1, domain_canonical(page->domain, arena));
	db_bind_text(read, 2, after);
	db_bind_text(read, 3, domain);
	db_bind_text(read, 4, like_pattern(page->search, arena));
	db_bind_number(read, 5, page->limit > 0 ? (int64_t)page->limit : INT64_MAX);
	enum db_step step;
	while ((step = db_step(read, error)) == DB_ROW)
		fill_account(read, arena, directory_list_add(&accounts));
	*list = (struct auth_account_entry *)(void *)accounts.at;
	*count = accounts.count;
	return step == DB_DONE;
}

enum auth_found directory_find_account(struct directory *directory, struct slice name, bool *enabled, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT enabled FROM account WHERE name = $1");
	db_bind_text(read, 1, name);
	enum db_step step = db_step(read, error);
	if (step != DB_ROW)
		return step == DB_DONE ? FOUND_NO : FOUND_FAILED;
	*enabled = db_number(read, 0) != 0;
	db_reset(read);
	return FOUND_YES;
}

bool directory_rates(struct directory *directory, struct slice account, struct auth_rates *rates, struct error *error)
{
	arena_reset(directory->scratch);
	struct db_statement *read = db_prepare(directory->db, "SELECT rate_hour, rate_day FROM account WHERE name = $1");
	db_bind_text(read, 1, account_key(account, directory->scratch));
	enum db_step step = db_step(read, error);
	*rates = (struct auth_rates){0, 0};
	if (step != DB_ROW)
		return step == DB_DONE;
	*rates = (struct auth_rates){db_number(read, 0), db_number(read, 1)};
	db_reset(read);
	return true;
}

struct config_thresholds directory_thresholds(struct directory *directory, struct slice account)
{
	struct config_thresholds thresholds = {0};
	struct db_statement *read = db_prepare(directory->db, "SELECT a.tag_from, a.junk_from, a.quarantine_from, a.reject_from,"
		" d.tag_from, d.junk_from, d.quarantine_from, d.reject_from FROM account AS a JOIN domain AS d ON d.name = a.domain WHERE a.name = $1");
	db_bind_text(read, 1, account);
	if (db_step(read, NULL) == DB_ROW)
		thresholds = config_thresholds_over(directory_read_thresholds(read, 0), directory_read_thresholds(read, THRESHOLD_COLUMNS));
	db_reset(read);
	return thresholds;
}

/* ---- Who somebody is ---- */

bool directory_identity(struct directory *directory, struct slice name, int64_t *identity, const char **why, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT identity, enabled, password <> '' FROM account WHERE name = $1");
	db_bind_text(read, 1, name);
	enum db_step step = db_step(read, error);
	if (step == DB_FAILED)
		return false;
	*why = step == DB_DONE ? "no such account" : db_number(read, 1) == 0 ? "the account is disabled" : db_number(read, 2) == 0 ?
		"the account has no password" : NULL;
	*identity = *why ? 0 : db_number(read, 0);
	db_reset(read);
	return true;
}

bool directory_last_change(struct directory *directory, int64_t *number, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT COALESCE(MAX(number), 0) FROM change");
	if (db_step(read, error) != DB_ROW)
		return false;
	*number = db_number(read, 0);
	db_reset(read);
	return true;
}

bool directory_changes(struct directory *directory, int64_t *after, bool *all, struct arena *arena, struct slice **list, size_t *count, struct error *error)
{
	struct auth_list accounts = {.arena = arena, .size = sizeof **list};
	struct db_statement *read = db_prepare(directory->db, "SELECT number, account FROM change WHERE number > $1 ORDER BY number");
	db_bind_number(read, 1, *after);
	*all = true;
	enum db_step step;
	while ((step = db_step(read, error)) == DB_ROW) {
		*all = *all && (accounts.count > 0 || db_number(read, 0) == *after + 1);
		*after = db_number(read, 0);
		*(struct slice *)directory_list_add(&accounts) = arena_copy(arena, db_text(read, 1));
	}
	*list = (struct slice *)(void *)accounts.at;
	*count = accounts.count;
	return step == DB_DONE;
}

/* ---- Passwords ---- */

static bool update_password(struct directory *directory, struct slice key, struct slice hash, const struct password_keys *keys,
			    struct slice origin, struct error *error)
{
	struct db_statement *set = db_prepare(directory->db, "UPDATE account SET password = $2, scram_iterations = $3, scram_salt = $4,"
		" scram_stored_key = $5, scram_server_key = $6, version = $7, identity = $7, imported = $8,"
		" origin = CASE WHEN $9 = '' THEN origin ELSE $9 END WHERE name = $1");
	db_bind_text(set, 1, key);
	db_bind_text(set, 2, slice_empty(hash) ? slice_of(keys->encoded) : hash);
	db_bind_number(set, 3, keys->scram_iterations);
	db_bind_blob(set, 4, slice_make(keys->salt, keys->salt_size));
	db_bind_blob(set, 5, slice_make(keys->stored_key, sizeof keys->stored_key));
	db_bind_blob(set, 6, slice_make(keys->server_key, sizeof keys->server_key));
	db_bind_number(set, 7, id_new());
	db_bind_number(set, 8, !slice_empty(hash));
	db_bind_text(set, 9, origin);
	return change_one(directory, set, key, error);
}

bool directory_put_password(struct directory *directory, struct slice name, struct slice hash, const struct password_keys *keys,
			    struct slice origin, struct error *error)
{
	if (!db_begin(directory->db, error))
		return false;
	struct slice key = account_key(name, directory->scratch);
	return directory_finish(directory, update_password(directory, key, hash, keys, origin, error), error);
}

bool directory_set_password(struct directory *directory, struct slice name, struct slice password, struct error *error)
{
	struct buf prepared = BUF_SECRET(4 * PASSWORD_MAX);
	struct password_keys keys;
	bool done = false;
	arena_reset(directory->scratch);
	if (slice_empty(password))
		error_set(error, ERROR_INVALID, "the password is empty");
	else if (!password_prepare(password, &prepared))
		error_set(error, ERROR_INVALID, "the password is too long, not UTF-8, or holds control characters");
	else if (!password_derive(buf_slice(&prepared), SLICE(""), &keys))
		error_set(error, ERROR_TEMPORARY, "the password can't be hashed now");
	else
		done = directory_put_password(directory, name, SLICE(""), &keys, SLICE(""), error);
	memory_wipe(&keys, sizeof keys);
	buf_free(&prepared);
	return done;
}

bool directory_renew_password(struct directory *directory, struct slice account, int64_t version, const struct password_keys *keys, struct error *error)
{
	struct db_statement *set = db_prepare(directory->db, "UPDATE account SET password = $3, scram_iterations = $4, scram_salt = $5,"
		" scram_stored_key = $6, scram_server_key = $7, imported = 0 WHERE name = $1 AND version = $2 AND imported <> 0");
	db_bind_text(set, 1, account);
	db_bind_number(set, 2, version);
	db_bind_text(set, 3, slice_of(keys->encoded));
	db_bind_number(set, 4, keys->scram_iterations);
	db_bind_blob(set, 5, slice_make(keys->salt, keys->salt_size));
	db_bind_blob(set, 6, slice_make(keys->stored_key, sizeof keys->stored_key));
	db_bind_blob(set, 7, slice_make(keys->server_key, sizeof keys->server_key));
	directory->counted = false;
	return db_run(set, error);
}

bool directory_all_have_scram(struct directory *directory, bool *all, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT 1 FROM account WHERE imported <> 0 AND scram_iterations = 0 AND enabled <> 0 LIMIT 1");
	enum db_step step = db_step(read, error);
	*all = step == DB_DONE;
	db_reset(read);
	return step != DB_FAILED;
}

/* ---- Senders ---- */

bool directory_grant_sender(struct directory *directory, struct slice name, struct slice address, bool granted, struct error *error)
{
	struct slice canonical;
	struct auth_account_entry account;
	arena_reset(directory->scratch);
	if (!directory_check_address(address, directory->scratch, &canonical, error) ||
	    !directory_get_account(directory, name, directory->scratch, &account, error))
		return false;
	struct db_statement *change = db_prepare(directory->db, granted ?
		"INSERT INTO sender (account, address) VALUES ($1, $2) ON CONFLICT DO NOTHING" :
		"DELETE FROM sender WHERE account = $1 AND address = $2");
	db_bind_text(change, 1, account.name);
	db_bind_text(change, 2, canonical);
	if (!db_run(change, error))
		return false;
	if (!granted && db_changes(directory->db) == 0)
		return error_set(error, ERROR_NOT_FOUND, "%.*s was not granted to %.*s", SLICE_ARG(canonical), SLICE_ARG(account.name));
	return true;
}

bool directory_list_senders(struct directory *directory, struct slice name, struct arena *arena, struct slice **list, size_t *count, struct error *error)
{
	struct auth_list senders = {.arena = arena, .size = sizeof **list};
	struct db_statement *read = db_prepare(directory->db, "SELECT address FROM sender WHERE account = $1 ORDER BY address");
	db_bind_text(read, 1, account_key(name, arena));
	enum db_step step;
	while ((step = db_step(read, error)) == DB_ROW)
		*(struct slice *)directory_list_add(&senders) = arena_copy(arena, db_text(read, 0));
	*list = (struct slice *)(void *)senders.at;
	*count = senders.count;
	return step == DB_DONE;
}

enum auth_found directory_find_sender(struct directory *directory, struct slice account, struct slice address, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT 1 FROM sender WHERE account = $1 AND address = $2");
	db_bind_text(read, 1, account);
	db_bind_text(read, 2, address);
	enum db_step step = db_step(read, error);
	db_reset(read);
	return step == DB_ROW ? FOUND_YES : step == DB_DONE ? FOUND_NO : FOUND_FAILED;
}
