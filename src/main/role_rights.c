/* Confining a role's process to what its row of config/roles.def lets it touch. */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/file.h"
#include "main/role.h"
#include "main/sandbox.h"
#include "store/db/db.h"

enum { CONFINED_PATHS_MAX = 64, DNS_PORT = 53 };

struct paths {
	const char *at[CONFINED_PATHS_MAX]; /* ended by NULL */
	size_t count;
};

/* Adds the absolute path of one that is relative to the data directory, or absolute already; "" and NULL add nothing. */
static void add_path(struct paths *list, const struct role *role, const char *path, struct arena *arena)
{
	if (path && *path && list->count < CONFINED_PATHS_MAX - 1)
		list->at[list->count++] = path[0] == '/' ? path : arena_printf(arena, "%s/%s", role->data, path).at;
}

/* SQLite sorts what doesn't fit in memory in files, which are removed as soon as they are open. */
static bool add_temporary_folder(struct paths *list, const struct role *role, struct arena *arena, struct error *error)
{
	const char *path = arena_printf(arena, "%s/run/%s", role->data, role_names[role->name]).at;
	add_path(list, role, path, arena);
	return file_make_folders(path, 0700, error) && setenv("SQLITE_TMPDIR", path, 1) == 0;
}

/* The smarthost's password, certificates to trust and trust anchors are the only files outside its folders that the courier reads;
 * and the file of countries that policy does. */
static void add_network_files(struct paths *list, const struct role *role, struct arena *arena)
{
	const struct config *config = config_current();
	add_path(list, role, role->name == ROLE_COURIER ? config->smarthost_password_file : NULL, arena);
	add_path(list, role, config->trusted_certificates, arena);
	add_path(list, role, role->name == ROLE_POLICY ? config->country_file : NULL, arena);
	for (size_t i = 0; i < config->trust_anchors.count; i++)
		add_path(list, role, config->trust_anchors.at[i], arena);
}

/* The ports at which the DNS is asked: servers' own, and the configured resolver's ("address@port"). */
static void find_dns_ports(uint16_t ports[3])
{
	struct slice address, port;
	uint64_t number;
	ports[0] = DNS_PORT;
	if (slice_cut(slice_of(config_current()->resolver), '@', &address, &port) && slice_to_number(port, UINT16_MAX, &number))
		ports[1] = (uint16_t)number;
}

/* The database in which the rows of this folder are, or of the accounts. */
static void add_database(struct sandbox *sandbox, struct paths *readable, const struct role *role, const char *storage, struct arena *arena)
{
	struct db_needs needs = db_needs(storage, arena);
	for (const char *const *file = needs.files; file && *file; file++)
		add_path(readable, role, *file, arena);
	if (needs.network && !sandbox->network)
		sandbox->ports = needs.ports;
	sandbox->network |= needs.network;
	sandbox->local_sockets |= needs.local_sockets;
}

static bool is(const char *folder, const char *name) { return folder && strcmp(folder, name) == 0; }

bool role_confine(struct role *role, struct error *error)
{
	const struct role_rights *own = &role_rows[role->name].rights;
	struct arena *arena = arena_new();
	struct paths writable = {0}, readable = {0};
	uint16_t ports[3] = {0};
	bool files = own->folder || own->store, done = !files || add_temporary_folder(&writable, role, arena, error);
	add_path(&writable, role, own->folder, arena);
	if (own->usage)
		add_path(&readable, role, "accounts/.usage", arena);
	if (own->learned)
		add_path(&readable, role, "policy", arena);
	if (own->log)
		add_path(&readable, role, "log", arena);
	if (own->store) {
		add_path(&writable, role, "accounts", arena);
		add_path(&readable, role, "run/state", arena);
	}
	if (own->network)
		add_network_files(&readable, role, arena);
	find_dns_ports(ports);
	struct sandbox sandbox = {
		.writable = writable.at,
		.readable = readable.at,
		.listable = own->store ? role->data : NULL,
		.network = own->network,
		.ports = own->dns_alone ? ports : NULL,
		.listeners = own->listeners,
		.files = files,
		.memory_files = own->asks || own->gives_files,
		.moves = own->store, /* what the queue has in a file becomes a message file; and a month ends while one is written */
	};
	add_database(&sandbox, &readable, role, own->store ? config_current()->storage : "", arena);
	add_database(&sandbox, &readable, role, is(own->folder, "queue") ? config_current()->queue_storage : "", arena);
	add_database(&sandbox, &readable, role, is(own->folder, "directory") ? config_current()->directory_storage : "", arena);
	done = done && sandbox_enter(&sandbox, error);
	arena_free(&arena);
	return done;
}
