/* Fuzzing of what others' servers say to who looks for settings: each reader ends within its bounds, what it finds is a host and a port, and what
 * it says of it is one line. The first byte says which reader. */
#include <stdlib.h>

#include "autoconfig/autoconfig.h"
#include "message/address.h"

static void must(bool held)
{
	if (!held)
		abort();
}

static void check_line(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		must((unsigned char)text.at[i] >= ' ' && text.at[i] != 0x7f);
}

static void check(const struct autoconfig_found *found)
{
	must(found->count <= AUTOCONFIG_SERVERS_MAX && (found->count > 0 || found->redirect_address.len > 0 || found->redirect_url.len > 0));
	check_line(found->redirect_address), check_line(found->redirect_url);
	for (size_t i = 0; i < found->count; i++) {
		const struct autoconfig_server *server = &found->servers[i];
		must(server->kind < AUTOCONFIG_KINDS && server->security < AUTOCONFIG_SECURITIES && server->port > 0 && domain_is_valid(server->hostname, false));
		must(*autoconfig_kind_name(server->kind) && *autoconfig_security_name(server->security));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool (*const readers[])(struct slice, struct arena *, struct autoconfig_found *, struct error *) = {
		autoconfig_read_client_config, autoconfig_read_outlook, autoconfig_read_agents,
	};
	struct arena *arena = arena_new();
	struct autoconfig_found found;
	struct error error = {0};
	struct slice rest = slice_make((const char *)data + (size > 0), size > 0 ? size - 1 : 0);
	if (readers[size > 0 ? data[0] % 3 : 0](rest, arena, &found, &error))
		check(&found);
	else
		must(error.text[0] != '\0');
	must(!autoconfig_record_matches(rest, SLICE("a document")) || autoconfig_is_agents_record(rest));
	arena_free(&arena);
	return 0;
}
