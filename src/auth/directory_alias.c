/* Aliases: an address that stands for others, ours or anybody's. */
#include "auth/directory_internal.h"

#include "message/address.h"

static bool no_such_alias(struct slice address, struct error *error)
{
	return error_set(error, ERROR_NOT_FOUND, "there is no alias %.*s", SLICE_ARG(address));
}

enum auth_found directory_find_alias(struct directory *directory, struct slice address, struct arena *arena, struct slice **targets,
				size_t *count, struct error *error)
{
	struct auth_list list = {.arena = arena, .size = sizeof **targets};
	struct db_statement *read = db_prepare(directory->db, "SELECT target FROM alias WHERE address = $1 ORDER BY position, target");
	db_bind_text(read, 1, address);
	enum db_step step;
	while ((step = db_step(read, error)) == DB_ROW)
		*(struct slice *)directory_list_add(&list) = arena_copy(arena, db_text(read, 0));
	*targets = (struct slice *)(void *)list.at;
	*count = list.count;
	return step == DB_FAILED ? FOUND_FAILED : list.count > 0 ? FOUND_YES : FOUND_NO;
}

static bool count_targets(struct directory *directory, struct slice address, int64_t *count, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT COUNT(*) FROM alias WHERE address = $1");
	db_bind_text(read, 1, address);
	if (db_step(read, error) != DB_ROW)
		return false;
	*count = db_number(read, 0);
	db_reset(read);
	return true;
}

/* A target keeps the form it was given in: another server may mind the case of its local parts. */
static bool insert_target(struct directory *directory, struct slice address, struct slice target, int64_t position, struct error *error)
{
	struct slice local, domain, parsed;
	if (!address_parse(target, true, directory->scratch, &parsed, error)) {
		if (error)
			error->kind = ERROR_INVALID;
		return false;
	}
	address_split(address, &local, &domain);
	struct db_statement *add = db_prepare(directory->db, "INSERT INTO alias (address, target, domain, position) VALUES ($1, $2, $3, $4)"
		" ON CONFLICT DO NOTHING");
	db_bind_text(add, 1, address);
	db_bind_text(add, 2, parsed);
	db_bind_text(add, 3, domain);
	db_bind_number(add, 4, position);
	return db_run(add, error);
}

static bool insert_targets(struct directory *directory, struct slice address, const struct auth_alias_entry *alias, struct error *error)
{
	int64_t count;
	if (alias->target_count == 0)
		return error_set(error, ERROR_INVALID, "an alias needs a target");
	for (size_t i = 0; i < alias->target_count; i++)
		if (!insert_target(directory, address, alias->targets[i], (int64_t)i, error))
			return false;
	if (!count_targets(directory, address, &count, error))
		return false;
	return count <= ALIAS_TARGETS_MAX || error_set(error, ERROR_LIMIT, "an alias has at most %d targets", ALIAS_TARGETS_MAX);
}

bool directory_add_alias(struct directory *directory, const struct auth_alias_entry *alias, struct error *error)
{
	struct slice address;
	arena_reset(directory->scratch);
	if (!db_begin(directory->db, error))
		return false;
	bool done = directory_check_own_address(directory, alias->address, directory->scratch, &address, error) &&
		    insert_targets(directory, address, alias, error);
	return directory_finish(directory, done, error);
}

static bool delete_targets(struct directory *directory, struct slice address, struct error *error)
{
	struct db_statement *remove = db_prepare(directory->db, "DELETE FROM alias WHERE address = $1");
	db_bind_text(remove, 1, address);
	if (!db_run(remove, error))
		return false;
	return db_changes(directory->db) > 0 || no_such_alias(address, error);
}

bool directory_set_alias(struct directory *directory, const struct auth_alias_entry *alias, struct error *error)
{
	struct slice address;
	arena_reset(directory->scratch);
	if (!db_begin(directory->db, error))
		return false;
	bool done = directory_check_own_address(directory, alias->address, directory->scratch, &address, error) &&
		    delete_targets(directory, address, error) && insert_targets(directory, address, alias, error);
	return directory_finish(directory, done, error);
}

bool directory_remove_alias(struct directory *directory, struct slice address, struct error *error)
{
	struct slice own;
	arena_reset(directory->scratch);
	if (!db_begin(directory->db, error))
		return false;
	bool done = directory_check_own_address(directory, address, directory->scratch, &own, error) && delete_targets(directory, own, error);
	return directory_finish(directory, done, error);
}

bool directory_get_alias(struct directory *directory, struct slice address, struct arena *arena, struct auth_alias_entry *alias, struct error *error)
{
	if (!directory_check_own_address(directory, address, arena, &alias->address, error))
		return false;
	enum auth_found found = directory_find_alias(directory, alias->address, arena, &alias->targets, &alias->target_count, error);
	return found == FOUND_YES || (found == FOUND_NO && no_such_alias(address, error));
}

bool directory_list_aliases(struct directory *directory, struct slice domain, struct arena *arena, struct auth_alias_entry **list, size_t *count, struct error *error)
{
	struct auth_list aliases = {.arena = arena, .size = sizeof **list}, targets = {.arena = arena, .size = sizeof(struct slice)};
	struct auth_alias_entry *alias = NULL;
	struct db_statement *read = db_prepare(directory->db, "SELECT address, target FROM alias WHERE domain = $1 OR $1 = ''"
		" ORDER BY domain, address, position, target");
	db_bind_text(read, 1, domain_canonical(domain, arena));
	enum db_step step;
	while ((step = db_step(read, error)) == DB_ROW) {
		if (!alias || !slice_equal(alias->address, db_text(read, 0))) {
			alias = directory_list_add(&aliases);
			alias->address = arena_copy(arena, db_text(read, 0));
			targets = (struct auth_list){.arena = arena, .size = sizeof(struct slice)};
		}
		*(struct slice *)directory_list_add(&targets) = arena_copy(arena, db_text(read, 1));
		alias->targets = (struct slice *)(void *)targets.at;
		alias->target_count = targets.count;
	}
	*list = (struct auth_alias_entry *)(void *)aliases.at;
	*count = aliases.count;
	return step == DB_DONE;
}
