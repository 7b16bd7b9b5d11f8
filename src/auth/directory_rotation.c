/* The change of the keys that a domain's mail is signed with, so that at no time a letter goes out whose key others can't find: new keys
 * are published before they sign, and the records of those that signed stay while what they signed is under way. Every step is a state of
 * the keys here, and in what order they are taken is seen to here. A person takes them (cli/domain_rotate.c), or the server does when their time
 * has come: the courier, which may ask the DNS, says what that shows (courier/rotation.c). */
#include "auth/directory_internal.h"

#include "base/clock.h"
#include "message/address.h"

/* How many keys a domain has in each state. */
struct stock { int64_t signing, new, unseen, retired, forgotten; };

static bool count_keys(struct directory *directory, struct slice domain, struct stock *stock, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT state, seen, CASE WHEN pem = '' THEN 1 ELSE 0 END FROM signing_key WHERE domain = $1");
	enum db_step step;
	*stock = (struct stock){0};
	db_bind_text(read, 1, domain);
	while ((step = db_step(read, error)) == DB_ROW) {
		enum auth_key_state state = (enum auth_key_state)db_number(read, 0);
		stock->signing += state == KEY_SIGNS;
		stock->new += state == KEY_NEW;
		stock->unseen += state == KEY_NEW && db_number(read, 1) == 0;
		stock->retired += state == KEY_RETIRED;
		stock->forgotten += db_number(read, 2) != 0;
	}
	return step == DB_DONE;
}

/* A step: may it be taken, and its doing. */
struct step {
	bool (*may)(const struct stock *stock);
	const char *otherwise; /* what is said if it may not */
	bool (*act)(struct directory *directory, struct slice domain, const struct stock *stock, struct error *error);
};

static bool take(struct directory *directory, struct slice name, const struct step *step, struct error *error)
{
	struct auth_domain_entry domain;
	struct stock stock;
	arena_reset(directory->scratch);
	if (!db_begin(directory->db, error))
		return false;
	bool done = directory_get_domain(directory, name, directory->scratch, &domain, error) && count_keys(directory, domain.name, &stock, error);
	if (done && !step->may(&stock))
		done = error_set(error, ERROR_INVALID, "%.*s: %s", SLICE_ARG(domain.name), step->otherwise);
	done = done && step->act(directory, domain.name, &stock, error);
	return directory_finish(directory, done, error);
}

static bool change(struct directory *directory, struct slice domain, const char *sql, struct error *error)
{
	struct db_statement *set = db_prepare(directory->db, sql);
	db_bind_text(set, 1, domain);
	return db_run(set, error);
}

/* The same, of a change that says when it was made. */
static bool change_now(struct directory *directory, struct slice domain, const char *sql, struct error *error)
{
	struct db_statement *set = db_prepare(directory->db, sql);
	db_bind_text(set, 1, domain);
	db_bind_number(set, 2, clock_now());
	return db_run(set, error);
}

/* ---- Beginning ---- */

static bool is_at_rest(const struct stock *stock) { return stock->new == 0 && stock->retired == 0; }

/* Named by the second: a selector of the same day that was given up may still be in others' caches. */
static bool add_new(struct directory *directory, struct slice domain, enum dkim_algorithm algorithm, int64_t now, struct error *error)
{
	char selector[SELECTOR_TEXT_MAX], moment_text[SELECTOR_TEXT_MAX] = "";
	struct tm parts;
	time_t moment = (time_t)now;
	if (gmtime_r(&moment, &parts))
		strftime(moment_text, sizeof moment_text, "%Y%m%d%H%M%S", &parts);
	snprintf(selector, sizeof selector, "%.14s%c", moment_text, algorithm == DKIM_RSA_SHA256 ? 'r' : 'e');
	return directory_add_key(directory, domain, algorithm, selector, KEY_NEW, now, error);
}

static bool add_both(struct directory *directory, struct slice domain, const struct stock *stock, struct error *error)
{
	(void)stock;
	int64_t now = clock_now();
	return add_new(directory, domain, DKIM_RSA_SHA256, now, error) && add_new(directory, domain, DKIM_ED25519_SHA256, now, error);
}

bool directory_rotation_begin(struct directory *directory, struct slice domain, struct error *error)
{
	static const struct step step = {is_at_rest, "its keys are being changed already", add_both};
	return take(directory, domain, &step, error);
}

/* ---- The DNS shows the new ones ---- */

bool directory_rotation_saw(struct directory *directory, struct slice domain, int64_t since, struct error *error)
{
	struct db_statement *set = db_prepare(directory->db, "UPDATE signing_key SET seen = $2 WHERE domain = $1 AND state = 1");
	arena_reset(directory->scratch);
	db_bind_text(set, 1, domain_canonical(domain, directory->scratch));
	db_bind_number(set, 2, since);
	return db_run(set, error);
}

/* ---- They sign ---- */

static bool is_seen(const struct stock *stock) { return stock->new > 0 && stock->unseen == 0 && stock->retired == 0; }

static bool exchange(struct directory *directory, struct slice domain, const struct stock *stock, struct error *error)
{
	(void)stock;
	return change_now(directory, domain, "UPDATE signing_key SET since = $2, seen = 0, state = CASE WHEN state = 1 THEN 0 ELSE 2 END WHERE domain = $1", error);
}

bool directory_rotation_sign(struct directory *directory, struct slice domain, struct error *error)
{
	static const struct step step = {is_seen, "it has no new keys that the DNS has shown", exchange};
	return take(directory, domain, &step, error);
}

/* ---- The old ones go ---- */

static bool has_retired(const struct stock *stock) { return stock->retired > 0; }

/* What is public of a key is kept. */
static bool forget(struct directory *directory, struct slice domain, const struct stock *stock, struct error *error)
{
	struct auth_signing_key *keys;
	size_t count;
	bool done = directory_list_keys(directory, domain, directory->scratch, &keys, &count, error);
	(void)stock;
	for (size_t i = 0; done && i < count; i++) {
		struct db_statement *set = db_prepare(directory->db, "UPDATE signing_key SET pem = '', record = $3 WHERE domain = $1 AND selector = $2 AND state = 2");
		db_bind_text(set, 1, domain);
		db_bind_text(set, 2, keys[i].selector);
		db_bind_text(set, 3, keys[i].record);
		done = db_run(set, error);
	}
	return done;
}

bool directory_rotation_forget(struct directory *directory, struct slice domain, struct error *error)
{
	static const struct step step = {has_retired, "it has no retired keys", forget};
	return take(directory, domain, &step, error);
}

static bool has_forgotten(const struct stock *stock) { return stock->retired > 0 && stock->forgotten == stock->retired; }

static bool remove_retired(struct directory *directory, struct slice domain, const struct stock *stock, struct error *error)
{
	(void)stock;
	return change(directory, domain, "DELETE FROM signing_key WHERE domain = $1 AND state = 2", error);
}

bool directory_rotation_end(struct directory *directory, struct slice domain, struct error *error)
{
	static const struct step step = {has_forgotten, "it has no retired keys whose private parts are forgotten", remove_retired};
	return take(directory, domain, &step, error);
}

/* ---- Back ---- */

static bool can_go_back(const struct stock *stock) { return stock->new > 0 || (stock->retired > 0 && stock->forgotten == 0); }

static bool go_back(struct directory *directory, struct slice domain, const struct stock *stock, struct error *error)
{
	return stock->new > 0 ? change(directory, domain, "DELETE FROM signing_key WHERE domain = $1 AND state = 1", error) :
				change_now(directory, domain, "UPDATE signing_key SET since = $2, state = CASE WHEN state = 2 THEN 0 ELSE 2 END WHERE domain = $1", error);
}

bool directory_rotation_abort(struct directory *directory, struct slice domain, struct error *error)
{
	static const struct step step = {can_go_back, "its keys aren't being changed, or the former ones are forgotten already", go_back};
	return take(directory, domain, &step, error);
}

/* ---- By itself ---- */

int64_t directory_rotation_signs_from(int64_t seen, uint32_t ttl)
{
	int64_t wait = ttl < ROTATION_SHOWN_SECONDS ? ROTATION_SHOWN_SECONDS : ttl < ROTATION_SHOWN_SECONDS_MAX ? ttl : ROTATION_SHOWN_SECONDS_MAX;
	return seen + wait;
}

bool directory_rotation_next(struct directory *directory, struct slice after, struct arena *arena, struct slice *domain, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT COALESCE(MIN(domain), '') FROM signing_key WHERE state <> 0 AND domain > $1");
	db_bind_text(read, 1, after);
	bool done = db_step(read, error) == DB_ROW;
	*domain = done ? arena_copy(arena, db_text(read, 0)) : slice_make(NULL, 0);
	db_reset(read);
	return done;
}

static bool saw(struct directory *directory, struct slice domain, int64_t since, const char *word, const char **step, struct error *error)
{
	*step = word;
	return directory_rotation_saw(directory, domain, since, error);
}

static bool go_on_new(struct directory *directory, struct slice domain, const struct auth_signing_key *key, const struct auth_rotation_shown *shown, const char **step, struct error *error)
{
	int64_t now = clock_now();
	if (!shown)
		return true;
	if (!shown->shown)
		return key->seen == 0 || saw(directory, domain, 0, "hidden", step, error);
	if (key->seen == 0 || key->seen > now)
		return saw(directory, domain, now, "wait", step, error);
	if (now < directory_rotation_signs_from(key->seen, shown->ttl))
		return true;
	*step = "sign";
	return directory_rotation_sign(directory, domain, error);
}

static bool go_on_retired(struct directory *directory, struct slice domain, const struct auth_signing_key *key, const char **step, struct error *error)
{
	if (clock_now() < key->since + (key->forgotten ? ROTATION_RECORD_SECONDS : ROTATION_FORGET_SECONDS))
		return true;
	*step = key->forgotten ? "end" : "retire";
	return key->forgotten ? directory_rotation_end(directory, domain, error) : directory_rotation_forget(directory, domain, error);
}

bool directory_rotation_go_on(struct directory *directory, struct slice domain, const struct auth_rotation_shown *shown, const char **step, struct error *error)
{
	struct auth_signing_key *keys;
	size_t count;
	struct arena *arena = arena_new();
	*step = NULL;
	bool done = directory_list_keys(directory, domain, arena, &keys, &count, error);
	for (size_t i = 0; done && i < count; i++) {
		if (keys[i].state == KEY_SIGNS)
			continue;
		done = keys[i].state == KEY_NEW ? go_on_new(directory, domain, &keys[i], shown, step, error) : go_on_retired(directory, domain, &keys[i], step, error);
		break;
	}
	arena_free(&arena);
	return done;
}
