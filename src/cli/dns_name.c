/* pombal dns name: what the DNS says of a name for this server, before anything depends on it. */
#include "cli/dns_name.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <limits.h>
#include <netinet/in.h>
#include <unistd.h>

#include "cli/check.h"
#include "config/config_check.h"
#include "message/address.h"
#include "net/dns.h"

/* One address that the name leads to. */
struct found {
	char text[INET6_ADDRSTRLEN];
	bool here;         /* it is one of this machine's own */
	struct slice back; /* the name that it leads back to; empty: none that leads to it again */
};

struct look {
	struct command_line *line;
	struct slice host; /* A-labels */
	enum dns_status status;
	struct found *list;
	size_t count;
};

bool cli_ends_in_number(struct slice name)
{
	size_t dot = slice_find_last_char(name, '.');
	struct slice last = dot == SLICE_NONE ? name : slice_skip(name, dot + 1);
	for (size_t i = 0; i < last.len; i++)
		if (!ascii_is_digit(last.at[i]))
			return false;
	return true;
}

static bool is_own(const struct sockaddr_storage *address)
{
	struct ifaddrs *list = NULL;
	bool own = false;
	if (getifaddrs(&list) != 0)
		return false;
	for (const struct ifaddrs *one = list; one && !own; one = one->ifa_next) {
		struct sockaddr_storage mine = {0};
		if (!one->ifa_addr || (one->ifa_addr->sa_family != AF_INET && one->ifa_addr->sa_family != AF_INET6))
			continue;
		memcpy(&mine, one->ifa_addr, one->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
		own = cli_check_same_address(&mine, address);
	}
	freeifaddrs(list);
	return own;
}

static void look_at(struct look *self, struct dns *dns, const struct sockaddr_storage *address)
{
	struct found *found = &self->list[self->count++];
	const void *bytes = address->ss_family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr :
							     (const void *)&((const struct sockaddr_in *)address)->sin_addr;
	if (!inet_ntop(address->ss_family, bytes, found->text, sizeof found->text))
		found->text[0] = '\0';
	found->here = is_own(address);
	if (dns_reverse(dns, address, self->line->arena, &found->back) != DNS_FOUND)
		found->back = SLICE("");
}

static bool look(struct look *self, struct error *error)
{
	struct sockaddr_storage *addresses;
	struct error why;
	enum dns_security security;
	size_t count = 0;
	const struct config *config = config_current();
	struct dns *dns = dns_new(&(struct dns_options){config->resolver, config->trust_anchors.at, config->trust_anchors.count}, error);
	if (!dns)
		return false;
	self->status = dns_addresses(dns, self->host, self->line->arena, &addresses, &count, &security, &why);
	if (self->status != DNS_FOUND)
		count = 0;
	self->list = arena_array(self->line->arena, count + 1, sizeof *self->list);
	for (size_t i = 0; i < count; i++)
		look_at(self, dns, &addresses[i]);
	dns_free(&dns);
	return true;
}

static const char *state_of(const struct look *self) { return self->status == DNS_FOUND ? "found" : self->status == DNS_TEMPORARY ? "unknown" : "none"; }

static void print_json(const struct look *self)
{
	json_t *list = json_array();
	for (size_t i = 0; i < self->count; i++)
		json_array_append_new(list, json_pack("{s:s, s:b, s:o}", "address", self->list[i].text, "here", self->list[i].here, "back", cli_json_of_slice(self->list[i].back)));
	command_print_json(json_pack("{s:o, s:s, s:o}", "name", cli_json_of_slice(self->host), "state", state_of(self), "addresses", list));
}

static void print(const struct look *self)
{
	if (self->status != DNS_FOUND)
		printf("%.*s %s\n", SLICE_ARG(self->host), self->status == DNS_TEMPORARY ? "can't be looked up now" : "has no address in the DNS");
	for (size_t i = 0; i < self->count; i++) {
		const struct found *found = &self->list[i];
		printf("%.*s leads to %s%s; ", SLICE_ARG(self->host), found->text, found->here ? ", which is this machine's" : ", which this machine doesn't have itself");
		printf(found->back.len > 0 ? "that leads back to %.*s\n" : "that leads back to no name%.*s\n", SLICE_ARG(found->back));
	}
}

/* Where there is an instance its resolver is asked. */
static bool enter(struct command_line *line)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/pombal.conf", line->data);
	bool none = !line->caller && access(path, F_OK) != 0 && errno == ENOENT;
	return none || instance_enter(line);
}

int cli_dns_name_run(struct command_line *line)
{
	struct look self = {.line = line};
	struct error error;
	struct slice domain;
	if (!enter(line))
		return COMMAND_FAILED;
	if (!instance_domain(line, command_argument(line, 0), &domain, &error))
		return command_fail_with(line, &error);
	self.host = domain_to_ascii(domain, line->arena);
	if (!check_host_name(self.host, &error) || cli_ends_in_number(self.host))
		return command_fail(line, "\"%.*s\" can't be a server's name", SLICE_ARG(command_argument(line, 0)));
	bool done = look(&self, &error);
	if (done && line->json)
		print_json(&self);
	else if (done)
		print(&self);
	config_free_all();
	return done ? COMMAND_DONE : command_fail_with(line, &error);
}
