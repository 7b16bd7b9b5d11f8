/* What each role may touch, in one table, and confining its process to that. */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/file.h"
#include "main/role.h"
#include "main/sandbox.h"

/* Beside the system's files. */
static const struct rights {
	const char *folder; /* of the data directory, to write in, and in a temporary folder; NULL without `store`: in no file at all */
	bool usage;         /* how full the mailboxes are, and nothing else of them */
	bool store;         /* the accounts, and what store_open needs */
	bool network;       /* connecting to other machines, and the files that this needs */
	bool listeners;     /* serving clients */
	bool asks;          /* long questions to other roles, net/call.h */
} rights[ROLE_COUNT] = {
	[ROLE_AUTH] = {.folder = "directory", .usage = true},
	[ROLE_QUEUE] = {.folder = "queue"},
	[ROLE_SMTP] = {.listeners = true, .asks = true},
	[ROLE_COURIER] = {.folder = "queue", .store = true, .network = true},
	[ROLE_READER] = {.store = true, .listeners = true},
};

enum { CONFINED_PATHS_MAX = 64 };

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

/* The smarthost's password, certificates to trust and trust anchors are the only files outside its folders that the courier reads. */
static void add_network_files(struct paths *list, const struct role *role, struct arena *arena)
{
	const struct config *config = config_current();
	add_path(list, role, config->smarthost_password_file, arena);
	add_path(list, role, config->trusted_certificates, arena);
	for (size_t i = 0; i < config->trust_anchors.count; i++)
		add_path(list, role, config->trust_anchors.at[i], arena);
}

bool role_confine(struct role *role, struct error *error)
{
	const struct rights *own = &rights[role->name];
	struct arena *arena = arena_new();
	struct paths writable = {0}, readable = {0};
	bool files = own->folder || own->store, done = !files || add_temporary_folder(&writable, role, arena, error);
	add_path(&writable, role, own->folder, arena);
	if (own->usage)
		add_path(&readable, role, "accounts/.usage", arena);
	if (own->store) {
		add_path(&writable, role, "accounts", arena);
		add_path(&readable, role, "run/state", arena);
	}
	if (own->network)
		add_network_files(&readable, role, arena);
	struct sandbox sandbox = {
		.writable = writable.at,
		.readable = readable.at,
		.listable = own->store ? role->data : NULL,
		.network = own->network,
		.listeners = own->listeners,
		.files = files,
		.memory_files = own->asks,
	};
	done = done && sandbox_enter(&sandbox, error);
	arena_free(&arena);
	return done;
}
