/* What pombal check says about the DNS: does it lead other servers here, and do they find what they look for when mail comes from
 * here? Every look-up is bounded, and the first that gets no answer at all is the last. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/clock.h"
#include "cli/check.h"
#include "cli/domain_rotate.h"
#include "dnslist/dnslist.h"
#include "message/address.h"
#include "net/dns.h"

enum { LIST_SECONDS = 5 };

struct dns_check {
	struct cli_check *check;
	struct dns *dns;
	struct slice hostname;              /* A-labels */
	struct sockaddr_storage *addresses; /* of this server, as the DNS knows them */
	size_t address_count;
	bool away;                          /* the DNS doesn't answer */
};

static const char *address_text(const struct sockaddr_storage *address, char out[INET6_ADDRSTRLEN])
{
	const void *bytes = address->ss_family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr :
							     (const void *)&((const struct sockaddr_in *)address)->sin_addr;
	return inet_ntop(address->ss_family, bytes, out, INET6_ADDRSTRLEN) ? out : "?";
}

bool cli_check_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	char first[INET6_ADDRSTRLEN], second[INET6_ADDRSTRLEN];
	return a->ss_family == b->ss_family && strcmp(address_text(a, first), address_text(b, second)) == 0;
}

static bool answered(struct dns_check *self, enum dns_status status, const char *asked, struct slice name, const struct error *error)
{
	if (status != DNS_TEMPORARY)
		return true;
	cli_check_warning(self->check, "Look after the resolver (option resolver), or try again later; --no-dns leaves this out.", "the %s of %.*s can't be looked up: %s", asked,
		      SLICE_ARG(name), error->text);
	self->away = true;
	return false;
}

/* ---- This server ---- */

static void check_hostname(struct dns_check *self)
{
	struct error error = {.text = "no answer"};
	enum dns_security security;
	enum dns_status status = dns_addresses(self->dns, self->hostname, self->check->line->arena, &self->addresses, &self->address_count, &security, &error);
	if (status != DNS_FOUND)
		self->address_count = 0;
	if (answered(self, status, "address", self->hostname, &error) && status != DNS_FOUND)
		cli_check_error(self->check, "Add an A record (and AAAA, if it has such an address) for it, or set the option hostname to the name that has one.",
			    "the name of this server, %.*s, has no address in the DNS", SLICE_ARG(self->hostname));
}

/* Servers refuse mail from addresses without a name; RFC 1912 §2.1. */
static void check_reverse(struct dns_check *self, const struct sockaddr_storage *address)
{
	struct slice host = {NULL, 0};
	char text[INET6_ADDRSTRLEN];
	enum dns_status status = dns_reverse(self->dns, address, self->check->line->arena, &host);
	address_text(address, text);
	if (!answered(self, status, "name", slice_of(text), &(struct error){.text = "no answer"}))
		return;
	if (status != DNS_FOUND || host.len == 0)
		cli_check_warning(self->check, "Have whoever gave you the address set its PTR record to the name of this server; many servers refuse mail from it until then.",
			      "the address %s has no name that leads back to it", text);
	else if (!slice_equal_nocase(host, self->hostname))
		cli_check_warning(self->check, "Have its PTR record set to the name of this server.", "the name of the address %s is %.*s, not %.*s", text, SLICE_ARG(host),
			      SLICE_ARG(self->hostname));
}

/* ---- The domains whose mail it takes ---- */

static bool leads_here(struct dns_check *self, struct slice host)
{
	struct sockaddr_storage *list;
	size_t count = 0;
	enum dns_security security;
	struct error error = {.text = "no answer"};
	if (slice_equal_nocase(host, self->hostname))
		return true;
	enum dns_status status = dns_addresses(self->dns, host, self->check->line->arena, &list, &count, &security, &error);
	if (!answered(self, status, "address", host, &error))
		return true;
	if (status != DNS_FOUND) {
		cli_check_warning(self->check, "Add one, or remove the MX record that names it.", "the mail server %.*s has no address in the DNS", SLICE_ARG(host));
		return false;
	}
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < self->address_count; k++)
			if (cli_check_same_address(&list[i], &self->addresses[k]))
				return true;
	return false;
}

static void check_mx(struct dns_check *self, struct slice domain)
{
	struct dns_mx *list;
	size_t count = 0;
	enum dns_security security;
	struct error error = {.text = "no answer"};
	struct slice ascii = domain_to_ascii(domain, self->check->line->arena);
	char mend[1024];
	snprintf(mend, sizeof mend, "Add the record: %.*s. IN MX 10 %.*s.", SLICE_ARG(ascii), SLICE_ARG(self->hostname));
	enum dns_status status = dns_mx(self->dns, ascii, self->check->line->arena, &list, &count, &security, &error);
	if (!answered(self, status, "MX record", ascii, &error))
		return;
	bool here = false;
	for (size_t i = 0; status == DNS_FOUND && i < count && !self->away; i++)
		here |= list[i].host.len > 0 && leads_here(self, list[i].host);
	if (status != DNS_FOUND || count == 0)
		cli_check_warning(self->check, mend, "%.*s has no MX record: other servers won't find this one", SLICE_ARG(ascii));
	else if (!here && !self->away)
		cli_check_warning(self->check, mend, "no MX record of %.*s leads to %.*s: its mail goes elsewhere", SLICE_ARG(ascii), SLICE_ARG(self->hostname));
}

static void check_domains(struct dns_check *self)
{
	struct error error;
	struct auth_domain_entry *domains;
	size_t count = 0;
	struct directory *directory = directory_open(self->check->line->data, &error);
	if (directory && !directory_list_domains(directory, self->check->line->arena, &domains, &count, &error))
		count = 0; /* said by others */
	for (size_t i = 0; i < count && !self->away; i++) {
		check_mx(self, domains[i].name);
		if (!self->away && config_current()->sign_outgoing)
			cli_check_key_records(self->check, self->dns, directory, domains[i].name);
	}
	if (directory)
		directory_close(&directory);
}

/* ---- Lists that are asked about strangers ---- */

static enum dnslist_state test_list(struct dns_check *self, const struct config_dns_list *list)
{
	struct lookup *table = lookup_new();
	enum dnslist_state state;
	bool six;
	while ((state = dnslist_test(list, table, self->check->line->arena, &six)) == DNSLIST_PENDING)
		dns_answer(self->dns, table, clock_monotonic_ms() + LIST_SECONDS * 1000);
	lookup_free(&table);
	return state;
}

static void check_lists(struct dns_check *self)
{
	const struct config_string_list *entries = &config_current()->dns_lists;
	for (size_t i = 0; i < entries->count; i++) {
		struct config_dns_list list;
		struct error error;
		enum dnslist_state state = config_parse_dns_list(slice_of(entries->at[i]), &list, &error) ? test_list(self, &list) : DNSLIST_GOOD;
		if (state != DNSLIST_GOOD)
			cli_check_warning(self->check, "Take it out of dns_lists, use a resolver of your own (option resolver), or name what it lists with test=.",
					  "the list %.*s is not believed: %s", SLICE_ARG(list.zone), dnslist_state_text(state));
	}
}

void cli_check_dns(struct cli_check *check)
{
	const struct config *config = config_current();
	struct error error;
	struct dns_check self = {.check = check, .hostname = domain_to_ascii(slice_of(config->hostname), check->line->arena)};
	self.dns = dns_new(&(struct dns_options){config->resolver, config->trust_anchors.at, config->trust_anchors.count}, &error);
	if (!self.dns) {
		cli_check_error(check, "See the options resolver and trust_anchors.", "the DNS can't be asked: %s", error.text);
		return;
	}
	if (dns_is_stripped(self.dns))
		cli_check_warning(check, DNS_STRIPPED_MEND, "the resolver%s%s removes DNSSEC signatures: its answers are not validated", *config->resolver ? " " : "",
			      config->resolver);
	check_hostname(&self);
	for (size_t i = 0; i < self.address_count && !self.away; i++)
		check_reverse(&self, &self.addresses[i]);
	if (!self.away)
		check_domains(&self);
	if (!self.away)
		check_lists(&self);
	if (!self.away)
		cli_check_reputation(check, self.dns, self.addresses, self.address_count);
	dns_free(&self.dns);
}
