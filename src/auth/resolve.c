/* Where mail for an address goes: domain aliases, aliases, accounts, details after a separator, postmaster, catch-all; in this
 * order. An alias may bear the name of an account (to forward and keep a copy, it names itself among its targets).
 * Everything is bounded: a loop of aliases ends at the address that is met again, and ERROR_LIMIT says what is too much. A target that
 * leads nowhere costs the other targets of its alias nothing: it is set aside, for somebody to be told. */
#include "auth/directory_internal.h"
#include "auth/wire.h"

#include "base/log.h"
#include "base/map.h"
#include "config/config.h"
#include "message/address.h"

enum { ALIAS_DEPTH_MAX = 20, WALK_STEPS_MAX = 20000 };

/* The aliases through which an address was reached: one that is met again on its own path is a loop. */
struct path {
	struct slice name;
	const struct path *above;
	int depth;
};

struct walk {
	struct directory *directory;
	struct arena *arena;   /* for the routes */
	struct map *done;      /* aliases that were expanded, and routes that were found, so that none comes twice */
	struct auth_list routes;
	struct auth_list wrong;     /* targets that lead nowhere, as routes with their problem; WIRE_ROUTES_MAX at most */
	bool too_far;          /* one of them would take too many steps */
	size_t enough;         /* stop at so many routes; 0: find all */
	int steps;
	bool returned;         /* it is a rewritten sender of ours, and the route is to whose it was */
	bool disabled;         /* an account was met that takes no mail */
	struct error *error;
};

static enum auth_found walk_address(struct walk *walk, struct slice address, const struct path *path);

static bool is_on(const struct path *path, struct slice name)
{
	for (; path; path = path->above)
		if (slice_equal(path->name, name))
			return true;
	return false;
}

/* True the first time that it is asked about this thing of this kind. */
static bool is_new(struct walk *walk, const char *kind, struct slice name)
{
	return !map_put(walk->done, arena_printf(walk->arena, "%s%.*s", kind, SLICE_ARG(name)), walk);
}

static void add_route(struct walk *walk, bool local, struct slice address, struct slice key, struct slice detail)
{
	if (!is_new(walk, local ? "account " : "remote ", key))
		return;
	struct auth_route *route = directory_list_add(&walk->routes);
	*route = (struct auth_route){.local = local, .address = arena_copy(walk->arena, address), .detail = arena_copy(walk->arena, detail)};
}

/* Sets a target aside; `path` is the alias that names it. */
static void add_wrong(struct walk *walk, struct slice target, const struct path *path, enum auth_route_problem problem)
{
	walk->too_far |= problem == ROUTE_TOO_FAR;
	if (walk->wrong.count >= WIRE_ROUTES_MAX)
		return;
	struct auth_route *wrong = directory_list_add(&walk->wrong);
	*wrong = (struct auth_route){.address = arena_copy(walk->arena, target), .detail = arena_copy(walk->arena, path->name), .problem = problem};
}

static bool is_enough(const struct walk *walk)
{
	return walk->enough > 0 && walk->routes.count >= walk->enough;
}

static enum auth_found walk_alias(struct walk *walk, struct slice name, const struct path *above)
{
	struct slice *targets;
	size_t count;
	enum auth_found found = directory_find_alias(walk->directory, name, walk->arena, &targets, &count, walk->error);
	struct path path = {.name = name, .above = above, .depth = above ? above->depth + 1 : 1};
	if (found == FOUND_YES && path.depth > ALIAS_DEPTH_MAX) {
		add_wrong(walk, name, above, ROUTE_TOO_FAR);
		return FOUND_YES;
	}
	if (found != FOUND_YES || !is_new(walk, "alias ", name))
		return found;
	for (size_t i = 0; i < count && found != FOUND_FAILED && !is_enough(walk); i++) {
		found = walk_address(walk, targets[i], &path);
		if (found == FOUND_NO)
			add_wrong(walk, targets[i], &path, ROUTE_NOBODY);
	}
	return found == FOUND_FAILED ? FOUND_FAILED : FOUND_YES;
}

/* An alias or account of exactly this name. */
static enum auth_found walk_name(struct walk *walk, struct slice name, struct slice detail, const struct path *path)
{
	bool enabled, looped = is_on(path, name);
	if (!looped) {
		enum auth_found found = walk_alias(walk, name, path);
		if (found != FOUND_NO)
			return found;
	}
	enum auth_found found = directory_find_account(walk->directory, name, &enabled, walk->error);
	if (found == FOUND_YES && enabled)
		add_route(walk, true, name, name, detail);
	else if (found == FOUND_YES) {
		walk->disabled = true;
		if (path)
			add_wrong(walk, name, path, ROUTE_DISABLED);
	} else if (looped && found == FOUND_NO) {
		add_wrong(walk, name, path, ROUTE_LOOP);
		found = FOUND_YES;
	}
	return found;
}

/* The same without what stands after the separator, if it has one. */
static enum auth_found walk_without_detail(struct walk *walk, struct slice local, struct slice domain, const struct path *path)
{
	struct slice separator = slice_of(config_current()->plus_separator);
	if (slice_empty(separator))
		return FOUND_NO;
	size_t at = slice_find(local, separator);
	if (at == SLICE_NONE || at == 0)
		return FOUND_NO;
	struct slice base = arena_printf(walk->arena, "%.*s@%.*s", (int)at, local.at, SLICE_ARG(domain));
	return walk_name(walk, base, slice_skip(local, at + separator.len), path);
}

/* RFC 5321 §4.5.1: every domain has a postmaster, and the word alone is one, too: where it has no address of its own, the
 * first domain's. */
static enum auth_found walk_postmaster(struct walk *walk, const struct path *path)
{
	struct slice first;
	enum auth_found found = directory_first_domain(walk->directory, walk->arena, &first, NULL, walk->error);
	if (found != FOUND_YES)
		return found;
	return walk_name(walk, arena_printf(walk->arena, "postmaster@%.*s", SLICE_ARG(first)), SLICE(""), path);
}

static enum auth_found walk_own(struct walk *walk, struct slice local, struct slice domain, struct slice catch_all, const struct path *path)
{
	struct slice name = arena_printf(walk->arena, "%.*s@%.*s", SLICE_ARG(local), SLICE_ARG(domain));
	enum auth_found found = walk_name(walk, name, SLICE(""), path);
	if (found == FOUND_NO)
		found = walk_without_detail(walk, local, domain, path);
	if (found == FOUND_NO && slice_equal(local, SLICE("postmaster")))
		found = walk_postmaster(walk, path);
	struct path all = {.name = arena_printf(walk->arena, "@%.*s", SLICE_ARG(domain)), .above = path, .depth = path ? path->depth + 1 : 1};
	if (found == FOUND_NO && !slice_empty(catch_all) && all.depth <= ALIAS_DEPTH_MAX && !is_on(path, all.name))
		found = walk_address(walk, catch_all, &all);
	return found;
}

/* A report to a rewritten sender. What was taken is given on, also if it has waited here until the address was too old. */
static enum auth_found walk_rewritten(struct walk *walk, struct slice address)
{
	struct slice original;
	int64_t late = walk->enough == 0 ? config_current()->retry_for : 0;
	enum auth_found found = directory_original_sender(walk->directory, address, late, walk->arena, &original, walk->error);
	walk->returned = found == FOUND_YES;
	if (walk->returned)
		add_route(walk, false, original, original, SLICE(""));
	return found;
}

/* FOUND_NO: the domain is ours, the address isn't. */
static enum auth_found walk_address(struct walk *walk, struct slice address, const struct path *path)
{
	struct slice canonical = address_canonical(address, walk->arena), local, domain, own, catch_all;
	if (++walk->steps > WALK_STEPS_MAX || walk->routes.count >= WIRE_ROUTES_MAX) {
		error_set(walk->error, ERROR_LIMIT, "aliases lead to more than %d addresses", WIRE_ROUTES_MAX);
		return FOUND_FAILED;
	}
	if (slice_equal_nocase(address, SLICE("postmaster")))
		return walk_postmaster(walk, path);
	address_split(canonical, &local, &domain);
	if (slice_empty(local) || slice_empty(domain))
		return FOUND_NO;
	enum auth_found found = directory_find_domain(walk->directory, domain, walk->arena, &own, &catch_all, walk->error);
	if (found == FOUND_YES && !path && auth_srs_is(local)) /* no catch-all catches those that others think up */
		return walk_rewritten(walk, address);
	if (found == FOUND_YES)
		return walk_own(walk, local, own, catch_all, path);
	if (found == FOUND_NO)
		add_route(walk, false, address, canonical, SLICE(""));
	return found == FOUND_NO ? FOUND_YES : FOUND_FAILED;
}

static enum auth_found walk_all(struct walk *walk, struct directory *directory, struct slice address, struct arena *arena, size_t enough, struct error *error)
{
	*walk = (struct walk){.directory = directory, .arena = arena, .done = map_new(), .enough = enough, .error = error,
		.routes = {.arena = arena, .size = sizeof(struct auth_route)}, .wrong = {.arena = arena, .size = sizeof(struct auth_route)}};
	enum auth_found found = walk_address(walk, address, NULL);
	map_free(&walk->done);
	if (found != FOUND_YES || walk->routes.count > 0 || !walk->too_far)
		return found;
	error_set(walk->error, ERROR_LIMIT, "aliases lead through more than %d steps at %.*s", ALIAS_DEPTH_MAX, SLICE_ARG(address));
	return FOUND_FAILED;
}

/* The good routes, and after them those that aren't. */
static void join_lists(const struct walk *walk, struct auth_route **routes, size_t *count)
{
	*count = walk->routes.count + walk->wrong.count;
	*routes = arena_array(walk->arena, *count, sizeof **routes);
	memcpy(*routes, walk->routes.at, walk->routes.count * sizeof **routes);
	if (walk->wrong.count > 0)
		memcpy(*routes + walk->routes.count, walk->wrong.at, walk->wrong.count * sizeof **routes);
}

static bool resolve(struct directory *directory, struct slice address, struct arena *arena, struct auth_route **routes, size_t *count, struct error *error)
{
	struct walk walk;
	if (walk_all(&walk, directory, address, arena, 0, error) == FOUND_FAILED)
		return false;
	if (walk.routes.count > 0) {
		join_lists(&walk, routes, count);
		for (size_t i = 0; i < *count; i++)
			if ((*routes)[i].local)
				(*routes)[i].thresholds = directory_thresholds(directory, (*routes)[i].address);
		return true;
	}
	if (walk.disabled)
		return error_set(error, ERROR_NOT_FOUND, "the account %.*s is disabled", SLICE_ARG(address));
	return error_set(error, ERROR_NOT_FOUND, "there is nobody with the address %.*s", SLICE_ARG(address));
}

/* This and the other questions are answered in one transaction each, since beginning one costs more than reading a row; and what is read
 * is of one moment. */
bool directory_resolve(struct directory *directory, struct slice address, struct arena *arena, struct auth_route **routes, size_t *count, struct error *error)
{
	if (!db_begin_read(directory->db, error))
		return false;
	bool done = resolve(directory, address, arena, routes, count, error);
	db_rollback(directory->db);
	return done;
}

static enum auth_recipient_kind not_now(struct slice address, const struct error *error)
{
	log_error("directory.failed", log_slice("address", address), log_text("reason", error->text));
	return RECIPIENT_TEMPORARY;
}

static void name_accounts(const struct walk *walk, struct auth_recipient_accounts *accounts)
{
	const struct auth_route *routes = (const struct auth_route *)(const void *)walk->routes.at;
	size_t local = 0;
	while (local < walk->routes.count && local < RECIPIENT_ACCOUNTS_MAX && routes[local].local) {
		accounts->at[local] = routes[local].address;
		local++;
	}
	accounts->count = local == walk->routes.count ? local : 0;
}

/* What those that were found agree upon; to others that it leads to, the options apply. */
static struct config_thresholds join_thresholds(const struct walk *walk)
{
	static const struct config_thresholds configured;
	const struct auth_route *routes = (const struct auth_route *)(const void *)walk->routes.at;
	struct config_thresholds all = configured;
	for (size_t i = 0; i < walk->routes.count; i++) {
		struct config_thresholds one = routes[i].local && i < RECIPIENT_ACCOUNTS_MAX ? directory_thresholds(walk->directory, routes[i].address) : configured;
		all = i == 0 ? one : config_thresholds_join(config_current(), all, one);
	}
	return all;
}

static enum auth_recipient_kind find_recipient(struct directory *directory, struct slice address, struct auth_recipient_accounts *accounts)
{
	struct walk walk;
	struct error error = {0};
	struct slice local, domain, own, catch_all;
	struct arena *scratch = directory->scratch;
	address_split(address_canonical(address, scratch), &local, &domain);
	if (!slice_empty(domain)) {
		enum auth_found found = directory_find_domain(directory, domain, scratch, &own, &catch_all, &error);
		if (found != FOUND_YES)
			return found == FOUND_NO ? RECIPIENT_FOREIGN : not_now(address, &error);
	}
	/* Whether there are others matters only to who asks for the accounts; that it can't be told is no reason to refuse. */
	bool whole = walk_all(&walk, directory, address, scratch, accounts ? RECIPIENT_ACCOUNTS_MAX + 1 : 1, &error) != FOUND_FAILED;
	if (accounts && whole) {
		name_accounts(&walk, accounts);
		accounts->thresholds = join_thresholds(&walk);
	}
	if (walk.routes.count > 0)
		return walk.returned ? RECIPIENT_RETURN : RECIPIENT_LOCAL;
	if (!whole)
		return not_now(address, &error);
	return walk.disabled ? RECIPIENT_DISABLED : RECIPIENT_UNKNOWN;
}

enum auth_recipient_kind directory_recipient(struct directory *directory, struct slice address, struct auth_recipient_accounts *accounts)
{
	struct error error = {0};
	arena_reset(directory->scratch);
	if (accounts)
		*accounts = (struct auth_recipient_accounts){.count = 0};
	if (!db_begin_read(directory->db, &error))
		return not_now(address, &error);
	enum auth_recipient_kind kind = find_recipient(directory, address, accounts);
	db_rollback(directory->db);
	return kind;
}

/* Does the address differ from the account's name by a detail only, and is nobody else's? */
static bool is_own_detail(struct directory *directory, struct slice account, struct slice address, struct error *error)
{
	struct slice local, domain, own_local, own_domain, *targets, separator = slice_of(config_current()->plus_separator);
	size_t count;
	bool enabled;
	address_split(address, &local, &domain);
	address_split(account, &own_local, &own_domain);
	return !slice_empty(separator) && slice_equal(domain, own_domain) && slice_starts(local, own_local) &&
	       slice_starts(slice_skip(local, own_local.len), separator) &&
	       directory_find_account(directory, address, &enabled, error) == FOUND_NO &&
	       directory_find_alias(directory, address, directory->scratch, &targets, &count, error) == FOUND_NO;
}

/* Does mail for the address go to this account, and to nobody else? */
static bool leads_only_to(struct directory *directory, struct slice account, struct slice address, struct error *error)
{
	struct walk walk;
	struct slice local, domain, own, catch_all;
	address_split(address, &local, &domain);
	if (directory_find_domain(directory, domain, directory->scratch, &own, &catch_all, error) != FOUND_YES ||
	    walk_all(&walk, directory, address, directory->scratch, 2, error) != FOUND_YES || walk.routes.count != 1 || walk.disabled)
		return false;
	const struct auth_route *only = (const struct auth_route *)(const void *)walk.routes.at;
	return only->local && slice_equal(only->address, account);
}

static bool is_own(struct directory *directory, struct slice account, struct slice address, struct error *error)
{
	struct slice local, domain;
	bool enabled = false;
	address_split(address, &local, &domain);
	if (slice_empty(local) || slice_empty(domain) || directory_find_account(directory, account, &enabled, error) != FOUND_YES || !enabled)
		return false;
	return slice_equal(account, address) || directory_find_sender(directory, account, address, error) == FOUND_YES ||
	       is_own_detail(directory, account, address, error) || leads_only_to(directory, account, address, error);
}

enum auth_sender_right directory_may_send_as(struct directory *directory, struct slice account, struct slice address)
{
	struct error error = {0};
	arena_reset(directory->scratch);
	account = address_canonical(account, directory->scratch);
	address = address_canonical(address, directory->scratch);
	bool own = db_begin_read(directory->db, &error) && is_own(directory, account, address, &error);
	db_rollback(directory->db);
	if (own)
		return SENDER_OWN;
	if (error.kind == ERROR_NONE || error.kind == ERROR_LIMIT) /* aliases that lead too far lead to nobody */
		return SENDER_OTHERS;
	log_error("directory.failed", log_slice("account", account), log_slice("address", address), log_text("reason", error.text));
	return SENDER_TEMPORARY;
}
