/* Finding the hosts of a destination; see route.h. */
#include "courier/route.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/random.h"
#include "config/config.h"

enum { MX_HOSTS_MAX = 20 /* hosts whose addresses are looked up */ };

/* ---- Peers ---- */

struct finding {
	struct dns *dns;
	struct arena *arena;
	struct courier_peer *peers;
	size_t count, max;
	int port;
	bool trouble; /* some look-up failed for now */
	struct error error;
};

static void peer_write_address(struct courier_peer *peer)
{
	if (peer->address.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&peer->address)->sin6_addr, peer->address_text, sizeof peer->address_text);
	else
		inet_ntop(AF_INET, &((struct sockaddr_in *)&peer->address)->sin_addr, peer->address_text, sizeof peer->address_text);
}

static void add_peer(struct finding *finding, struct slice host, const struct sockaddr_storage *address)
{
	struct courier_peer *peer = &finding->peers[finding->count];
	if (finding->count == finding->max || host.len >= sizeof peer->host)
		return;
	*peer = (struct courier_peer){.address = *address, .port = finding->port};
	snprintf(peer->host, sizeof peer->host, "%.*s", SLICE_ARG(host));
	peer_write_address(peer);
	finding->count++;
}

static bool parse_numeric(struct slice text, struct sockaddr_storage *address)
{
	char numeric[INET6_ADDRSTRLEN];
	if (text.len == 0 || text.len >= sizeof numeric)
		return false;
	memcpy(numeric, text.at, text.len);
	numeric[text.len] = '\0';
	*address = (struct sockaddr_storage){.ss_family = AF_INET};
	if (inet_pton(AF_INET, numeric, &((struct sockaddr_in *)address)->sin_addr) == 1)
		return true;
	*address = (struct sockaddr_storage){.ss_family = AF_INET6};
	return inet_pton(AF_INET6, numeric, &((struct sockaddr_in6 *)address)->sin6_addr) == 1;
}

/* All addresses of a host, or the one that it is. Returns what DNS said. */
static enum dns_status add_host(struct finding *finding, struct slice host)
{
	struct sockaddr_storage numeric, *list;
	size_t count;
	if (parse_numeric(host, &numeric)) {
		add_peer(finding, host, &numeric);
		return DNS_FOUND;
	}
	enum dns_status status = dns_addresses(finding->dns, host, finding->arena, &list, &count, NULL, &finding->error);
	for (size_t i = 0; i < count; i++)
		add_peer(finding, host, &list[i]);
	finding->trouble |= status == DNS_TEMPORARY;
	return status;
}

static struct finding finding_new(struct dns *dns, struct arena *arena, size_t max, int port)
{
	return (struct finding){.dns = dns, .arena = arena, .peers = arena_array(arena, max, sizeof(struct courier_peer)), .max = max, .port = port};
}

/* ---- MX records ---- */

static int by_preference(const void *a, const void *b)
{
	const struct dns_mx *first = a, *second = b;
	return (first->preference > second->preference) - (first->preference < second->preference);
}

static void shuffle(struct dns_mx *list, size_t count)
{
	for (size_t i = count; i > 1; i--) {
		size_t other = (size_t)random_below(i);
		struct dns_mx kept = list[i - 1];
		list[i - 1] = list[other];
		list[other] = kept;
	}
}

size_t courier_route_order(struct dns_mx *list, size_t count, struct slice self, bool *cut)
{
	*cut = false;
	if (count == 0)
		return 0;
	qsort(list, count, sizeof *list, by_preference);
	for (size_t first = 0, end; first < count; first = end) {
		bool ours = false;
		for (end = first; end < count && list[end].preference == list[first].preference; end++)
			ours |= slice_equal_nocase(list[end].host, self);
		if (ours) { /* RFC 5321 §5.1: these and all less preferred ones would send it back to us */
			*cut = first == 0;
			return first;
		}
		shuffle(list + first, end - first);
	}
	return count;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 §4.1.3). */
static size_t route_literal(struct finding *finding, struct slice domain, struct courier_trouble *trouble)
{
	struct slice inner = slice_sub(domain, 1, domain.len - 2);
	struct sockaddr_storage address;
	if (slice_starts_nocase(inner, SLICE("IPv6:")))
		inner = slice_skip(inner, 5);
	if (domain.at[domain.len - 1] != ']' || !parse_numeric(inner, &address))
		courier_trouble_set(trouble, true, "5.1.3", "the address literal can't be read");
	else
		add_peer(finding, inner, &address);
	return finding->count;
}

static void no_answer(struct courier_trouble *trouble, const struct error *error)
{
	courier_trouble_set(trouble, false, "4.4.3", "%s", error->text);
	trouble->interrupted = error->kind == ERROR_INTERRUPTED; /* by dns_stop(): it was no attempt at all */
}

static void explain_no_addresses(const struct finding *finding, struct slice domain, struct courier_trouble *trouble)
{
	if (finding->trouble)
		no_answer(trouble, &finding->error);
	else
		courier_trouble_set(trouble, true, "5.4.4", "no mail server of %.*s has an address", SLICE_ARG(domain));
}

/* RFC 5321 §5.1: without MX records the domain is its own mail server. */
static size_t route_implicit(struct finding *finding, const struct config *config, struct slice domain, struct courier_trouble *trouble)
{
	if (slice_equal_nocase(domain, slice_of(config->hostname))) {
		courier_trouble_set(trouble, true, "5.4.6", "mail for %.*s loops back to this server", SLICE_ARG(domain));
		return 0;
	}
	enum dns_status status = add_host(finding, domain);
	if (finding->count == 0 && status == DNS_NO_NAME)
		courier_trouble_set(trouble, true, "5.1.2", "the domain %.*s doesn't exist", SLICE_ARG(domain));
	else if (finding->count == 0)
		explain_no_addresses(finding, domain, trouble);
	return finding->count;
}

static size_t route_mx(struct finding *finding, const struct config *config, struct slice domain, struct dns_mx *list, size_t count, struct courier_trouble *trouble)
{
	bool cut;
	if (count == 1 && list[0].host.len == 0) {
		courier_trouble_set(trouble, true, "5.1.10", "the domain %.*s accepts no mail (null MX)", SLICE_ARG(domain)); /* RFC 7505 §4.1 */
		return 0;
	}
	count = courier_route_order(list, count, slice_of(config->hostname), &cut);
	if (cut) {
		courier_trouble_set(trouble, true, "5.4.6", "mail for %.*s loops back to this server", SLICE_ARG(domain));
		return 0;
	}
	for (size_t i = 0; i < count && i < MX_HOSTS_MAX && finding->count < finding->max; i++)
		if (list[i].host.len > 0)
			add_host(finding, list[i].host);
	if (finding->count == 0)
		explain_no_addresses(finding, domain, trouble);
	return finding->count;
}

size_t courier_route_domain(struct dns *dns, const struct config *config, struct slice domain, size_t max, struct arena *arena, struct courier_peer **peers, struct courier_trouble *trouble)
{
	struct finding finding = finding_new(dns, arena, max, (int)config->mx_port);
	struct dns_mx *list;
	size_t count;
	*peers = finding.peers;
	if (domain.len > 2 && domain.at[0] == '[')
		return route_literal(&finding, domain, trouble);
	switch (dns_mx(dns, domain, arena, &list, &count, NULL, &finding.error)) {
	case DNS_FOUND:
		return route_mx(&finding, config, domain, list, count, trouble);
	case DNS_NO_DATA:
		return route_implicit(&finding, config, domain, trouble);
	case DNS_NO_NAME:
		courier_trouble_set(trouble, true, "5.1.2", "the domain %.*s doesn't exist", SLICE_ARG(domain));
		return 0;
	default:
		no_answer(trouble, &finding.error);
		return 0;
	}
}

size_t courier_route_host(struct dns *dns, struct slice named, size_t max, struct arena *arena, struct courier_peer **peers, struct courier_trouble *trouble)
{
	struct slice host = named;
	uint64_t port = 0;
	size_t colon = slice_find_last_char(named, ':');
	if (colon != SLICE_NONE) {
		host = slice_sub(named, 0, colon);
		slice_to_number(slice_skip(named, colon + 1), 65535, &port);
	}
	if (host.len > 2 && host.at[0] == '[')
		host = slice_sub(host, 1, host.len - 2);
	struct finding finding = finding_new(dns, arena, max, (int)port);
	*peers = finding.peers;
	if (port == 0 || host.len == 0)
		courier_trouble_set(trouble, false, "4.3.5", "the server \"%.*s\" is no host:port", SLICE_ARG(named));
	else {
		add_host(&finding, host);
		if (finding.count == 0) { /* the administrator's mistake isn't the sender's */
			courier_trouble_set(trouble, false, "4.4.3", "the server %.*s has no address: %s", SLICE_ARG(host), finding.error.text);
			trouble->interrupted = finding.error.kind == ERROR_INTERRUPTED;
		}
	}
	return finding.count;
}
