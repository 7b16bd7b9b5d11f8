/* pombal check --client ADDRESS: would each mail client find the settings of this account, and if not, at which step does it fail? See
 * check_client.h. What others' servers say is shown, and believed in nothing. */
#include "cli/check_client.h"

#include <stdarg.h>

#include "base/file.h"
#include "cli/check.h"
#include "message/address.h"

enum { WHAT_MAX = 1024, TRUSTED_MAX = 1024 * 1024 };

static const char *const state_names[] = {
	[CLI_CLIENT_FOUND] = "found", [CLI_CLIENT_ELSEWHERE] = "elsewhere", [CLI_CLIENT_MISSING] = "missing", [CLI_CLIENT_WRONG] = "wrong", [CLI_CLIENT_UNKNOWN] = "unknown",
	[CLI_CLIENT_PASSED] = "passed over",
};

static const struct { const char *name; void (*go)(struct cli_client_look *look); } clients[] = {
	{"Thunderbird", cli_client_thunderbird}, {"Outlook", cli_client_outlook}, {"Apple Mail", cli_client_apple},
	{"K-9 and Thunderbird for Android", cli_client_android}, {"clients that ask for SRV records (Evolution, aerc and others)", cli_client_srv},
};

/* ---- Steps ---- */

void cli_client_step(struct cli_client_look *look, enum cli_client_state state, struct slice step, struct slice mend, const char *what, ...)
{
	char text[WHAT_MAX];
	va_list args;
	va_start(args, what);
	vsnprintf(text, sizeof text, what, args);
	va_end(args);
	json_array_append_new(look->steps, json_pack("{s:o, s:s, s:o, s:o}", "step", cli_json_of_slice(step), "state", state_names[state], "what",
						     cli_json_of_slice(slice_of(text)), "mend", cli_json_of_slice(mend)));
	look->found |= state == CLI_CLIENT_FOUND;
	look->over |= state == CLI_CLIENT_FOUND || state == CLI_CLIENT_ELSEWHERE;
}

void cli_client_unknown(struct cli_client_look *look, struct slice step, const char *what, struct slice name, const char *why)
{
	cli_client_step(look, CLI_CLIENT_UNKNOWN, step, SLICE("Look after the resolver (option resolver), or try again later."), "the %s of %.*s can't be looked up: %s", what,
			SLICE_ARG(name), why);
}

struct addresses { struct sockaddr_storage *at; size_t count; };

static struct addresses addresses_of(struct cli_client_look *look, struct slice host)
{
	struct addresses found = {0};
	enum dns_security security;
	struct error error;
	if (dns_addresses(look->dns, host, look->line->arena, &found.at, &found.count, &security, &error) != DNS_FOUND)
		found.count = 0;
	return found;
}

enum cli_client_reach cli_client_reach(struct cli_client_look *look, struct slice host)
{
	if (slice_equal_nocase(host, look->plan.hostname))
		return CLI_CLIENT_HERE;
	struct addresses there = addresses_of(look, host), own = addresses_of(look, look->plan.hostname);
	for (size_t i = 0; i < there.count; i++)
		for (size_t k = 0; k < own.count; k++)
			if (cli_check_same_address(&there.at[i], &own.at[k]))
				return CLI_CLIENT_HERE;
	return there.count > 0 ? CLI_CLIENT_OTHER : CLI_CLIENT_NOWHERE;
}

static struct slice describe(struct cli_client_look *look, const struct autoconfig_found *found)
{
	struct buf text = BUF(WHAT_MAX);
	for (size_t i = 0; i < found->count; i++) {
		const struct autoconfig_server *server = &found->servers[i];
		buf_printf(&text, "%s%s %.*s:%u (%s)", i > 0 ? ", " : "", autoconfig_kind_name(server->kind), SLICE_ARG(server->hostname), server->port,
			   autoconfig_security_name(server->security));
	}
	struct slice copy = arena_copy(look->line->arena, buf_slice(&text));
	buf_free(&text);
	return copy;
}

static bool is_offered(const struct cli_client_look *look, const struct autoconfig_server *server)
{
	for (size_t i = 0; i < look->plan.service_count; i++) {
		const struct autoconfig_service *service = &look->plan.services[i];
		if (service->kind == server->kind && service->security == server->security && service->port == server->port)
			return true;
	}
	return false;
}

void cli_client_found(struct cli_client_look *look, struct slice step, const struct autoconfig_found *found, struct slice mend)
{
	for (size_t i = 0; i < found->count; i++) {
		const struct autoconfig_server *server = &found->servers[i];
		if (cli_client_reach(look, server->hostname) != CLI_CLIENT_HERE)
			cli_client_step(look, CLI_CLIENT_ELSEWHERE, step, SLICE("Mend it, unless another server is meant."), "it leads to %.*s, which is not this server",
					SLICE_ARG(server->hostname));
		else if (!is_offered(look, server))
			cli_client_step(look, CLI_CLIENT_ELSEWHERE, step, SLICE("Mend it, or offer that service."), "it names %s at port %u with %s, which isn't offered here",
					autoconfig_kind_name(server->kind), server->port, autoconfig_security_name(server->security));
		else
			continue;
		return;
	}
	struct slice servers = describe(look, found);
	cli_client_step(look, CLI_CLIENT_FOUND, step, mend, "%.*s", SLICE_ARG(servers));
}

/* ---- The whole ---- */

static void go(struct cli_client_look *look)
{
	for (size_t i = 0; i < sizeof clients / sizeof *clients; i++) {
		look->steps = json_array();
		look->found = look->over = false;
		clients[i].go(look);
		json_array_append_new(look->clients, json_pack("{s:s, s:b, s:o}", "client", clients[i].name, "found", look->found, "steps", look->steps));
	}
}

static void print_line(const char *before, const json_t *step, const char *key)
{
	const json_t *text = json_object_get(step, key);
	if (json_string_length(text) == 0)
		return;
	fputs(before, stdout);
	cli_print_safe(slice_make(json_string_value(text), json_string_length(text)));
	putchar('\n');
}

static void print_client(const json_t *client)
{
	size_t i;
	json_t *step;
	printf("%s: %s\n", json_string_value(json_object_get(client, "client")), json_is_true(json_object_get(client, "found")) ? "finds its settings" : "does not find them");
	json_array_foreach(json_object_get(client, "steps"), i, step) {
		char state[32];
		snprintf(state, sizeof state, "  %-12s ", json_string_value(json_object_get(step, "state")));
		print_line(state, step, "step");
		print_line("               ", step, "what");
		print_line("               ", step, "mend");
	}
}

/* Prints all; returns how many clients find nothing of use. */
static size_t tell(const struct cli_client_look *look)
{
	size_t i, lost = 0;
	json_t *client;
	json_array_foreach(look->clients, i, client) {
		lost += !json_is_true(json_object_get(client, "found"));
		if (!look->line->json)
			print_client(client);
	}
	if (look->line->json)
		command_print_json(json_incref(look->clients));
	return lost;
}

/* As browsers have it: what is no letter, digit or one of "-_.~" as %XX. */
static struct slice encode(struct arena *arena, struct slice text)
{
	struct buf out = BUF(3 * ADDRESS_MAX);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_' || c == '.' || c == '~')
			buf_append_char(&out, c);
		else
			buf_printf(&out, "%%%02X", (unsigned char)c);
	}
	struct slice copy = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return copy;
}

static bool take_port(const struct command_line *line, const char *option, uint16_t *port, struct error *error)
{
	uint64_t number;
	const char *value = command_value(line, option);
	if (value && (!slice_to_number(slice_of(value), UINT16_MAX, &number) || number == 0))
		return error_set(error, ERROR_INVALID, "--%s: \"%s\" is not a port", option, value);
	*port = value ? (uint16_t)number : 0;
	return true;
}

/* Once, before each step says the same of it. */
static bool can_read_trusted(const struct command_line *line, struct error *error)
{
	struct buf file = BUF(TRUSTED_MAX);
	const char *path = command_value(line, "trust");
	bool done = !path || file_read_regular(path, &file, error);
	buf_free(&file);
	return done;
}

static bool is_ours(const struct command_line *line, struct slice domain)
{
	struct error error;
	struct auth_domain_entry *domains;
	size_t count = 0;
	bool ours = false;
	struct directory *directory = directory_open(line->data, &error);
	if (directory && !directory_list_domains(directory, line->arena, &domains, &count, &error))
		count = 0;
	for (size_t i = 0; i < count; i++)
		ours |= slice_equal_nocase(domains[i].name, domain);
	if (directory)
		directory_close(&directory);
	return ours;
}

/* Where the DNS is away each step would wait for it, and none say anything of the set-up. */
static bool answers(struct cli_client_look *look, struct error *error)
{
	struct dns_mx *list;
	size_t count;
	enum dns_security security;
	struct error why = {.text = "no answer"};
	bool away = dns_mx(look->dns, look->domain, look->line->arena, &list, &count, &security, &why) == DNS_TEMPORARY;
	if (away)
		dns_free(&look->dns);
	return !away || error_set(error, ERROR_TEMPORARY, "the DNS can't be asked (option resolver): %s", why.text);
}

static bool prepare(struct cli_client_look *look, const char *typed, struct error *error)
{
	struct slice local, domain;
	const struct config *config = config_current();
	if (!instance_address(look->line, slice_of(typed), &look->address, error))
		return false;
	address_split(look->address, &local, &domain);
	look->domain = domain_to_ascii(domain, look->line->arena);
	if (look->domain.len == 0)
		return error_set(error, ERROR_INVALID, "\"%.*s\" is no domain that the DNS can be asked for", SLICE_ARG(domain));
	look->encoded = encode(look->line->arena, look->address);
	look->ours = is_ours(look->line, domain);
	autoconfig_plan_domain(config, domain, look->line->arena, &look->plan);
	if (!can_read_trusted(look->line, error) || !take_port(look->line, "https-port", &look->https_port, error) ||
	    !take_port(look->line, "http-port", &look->http_port, error))
		return false;
	look->dns = dns_new(&(struct dns_options){config->resolver, config->trust_anchors.at, config->trust_anchors.count}, error);
	return look->dns != NULL && answers(look, error);
}

int cli_check_client(struct command_line *line, const char *address)
{
	struct error error;
	struct cli_client_look look = {.line = line};
	if (!prepare(&look, address, &error))
		return command_fail_with(line, &error);
	look.clients = json_array();
	go(&look);
	size_t lost = tell(&look);
	json_decref(look.clients);
	dns_free(&look.dns);
	return lost == 0 ? COMMAND_DONE : COMMAND_FAILED;
}
