/* The rows of roles.def as everybody may see them. */
#include "config/roles.h"

#include "config/config.h"

const char *const role_names[ROLE_COUNT] = {
#define ROLE(NAME, name, ...) [ROLE_##NAME] = #name,
#include "config/roles.def"
};

const struct service_row service_rows[SERVICE_COUNT] = {
#define SERVICE(NAME, text, by, protocol, kind, ...) \
	[SERVICE_##NAME] = {.name = #text, .option = #text "_listen", .role = ROLE_##by, .offset = offsetof(struct config, text##_listen), __VA_ARGS__},
#include "config/roles.def"
};

const struct config_folder config_folders[CONFIG_FOLDER_COUNT] = {
#define FOLDER(text, reserve) {#text, reserve},
#include "config/roles.def"
};

const struct config_string_list *service_addresses(const struct config *config, enum service service)
{
	return (const void *)((const char *)config + service_rows[service].offset);
}

uint16_t service_port(const struct config *config, enum service service)
{
	const struct config_string_list *addresses = service_addresses(config, service);
	struct slice first = slice_of(addresses->count > 0 ? addresses->at[0] : NULL);
	uint64_t port = 0;
	size_t colon = slice_find_last_char(first, ':');
	return colon != SLICE_NONE && slice_to_number(slice_skip(first, colon + 1), UINT16_MAX, &port) ? (uint16_t)port : 0;
}
