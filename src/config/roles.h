/* The plan of the house as tables, made from roles.def: its roles and services by name and number. What a role may do and which
 * function it runs is known in src/main only (main/role.h). */
#ifndef CONFIG_ROLES_H
#define CONFIG_ROLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct config_string_list;

enum role_name {
#define ROLE(NAME, name, ...) ROLE_##NAME,
#include "config/roles.def"
	ROLE_COUNT
};
extern const char *const role_names[ROLE_COUNT];

enum service {
#define SERVICE(NAME, name, role, protocol, kind, ...) SERVICE_##NAME,
#include "config/roles.def"
	SERVICE_COUNT
};

/** One row per kind of listener. */
struct service_row {
	const char *name, *option; /* "imap", "imap_listen" */
	enum role_name role;       /* that serves it */
	size_t offset;             /* of the option, a string_list, in struct config */
	unsigned port;             /* where the world looks for it; 0: nowhere, whoever wants it names an address */
	unsigned dev_port;         /* of a server that `init --dev` makes; 0: none */
	bool implicit_tls;
	bool local;                /* its addresses are paths of sockets in the file system */
};
extern const struct service_row service_rows[SERVICE_COUNT];

/** Where it listens by this configuration. */
const struct config_string_list *service_addresses(const struct config *config, enum service service);

/** The port of the first address that it listens at; 0: at none. */
uint16_t service_port(const struct config *config, enum service service);

/** The folders of a data directory. */
enum {
#define FOLDER(name, has_reserve) CONFIG_FOLDER_##name,
#include "config/roles.def"
	CONFIG_FOLDER_COUNT
};
struct config_folder {
	const char *name;
	bool has_reserve;
};
extern const struct config_folder config_folders[CONFIG_FOLDER_COUNT];

#endif
