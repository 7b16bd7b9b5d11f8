/* pombal check: do well-known lists in the DNS name this server's own addresses as senders of spam? Who asks such a list refuses our mail, and
 * nobody tells us why. A list that doesn't answer, or not as RFC 5782 wants it, says nothing here: off the network nothing is claimed. */
#include "cli/check.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/clock.h"
#include "dnslist/dnslist.h"
#include "net/dns.h"

enum { REPUTATION_SECONDS = 10, ADDRESSES_MAX = 4 };

/* Lists that many servers ask, and where their operators say why an address is listed and how it is taken off. */
static const struct { const char *entry, *site; } known[] = {
	{"zen.spamhaus.org 1 answers=127.0.0.2-127.0.0.11", "https://check.spamhaus.org/"},
	{"bl.spamcop.net 1", "https://www.spamcop.net/bl.shtml"},
	{"b.barracudacentral.org 1", "https://www.barracudacentral.org/lookups"},
	{"psbl.surriel.com 1", "https://psbl.org/"},
	{"bl.mailspike.net 1", "https://www.mailspike.net/iplookup.html"},
	{"ix.dnsbl.manitu.net 1", "https://www.dnsbl.manitu.net/"},
	{"dnsbl-1.uceprotect.net 1", "https://www.uceprotect.net/en/rblcheck.php"},
	{"dnsbl.dronebl.org 1", "https://dronebl.org/lookup"},
	{"bl.blocklist.de 1", "https://www.blocklist.de/en/search.html"},
};
enum { KNOWN = sizeof known / sizeof *known };

struct asking {
	struct config_dns_list list;
	enum dnslist_state state; /* of the list's test, then of the question */
	bool six;
	struct dnslist_hits hits;
};

/* Loopback, private and link-local addresses are seen by nobody else (RFC 6890). */
static bool is_public(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET) {
		uint32_t ip = ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr);
		return ip >> 24 != 0 && ip >> 24 != 127 && ip >> 24 != 10 && ip >> 20 != 0xac1 && ip >> 16 != 0xc0a8 && ip >> 16 != 0xa9fe && ip >> 22 != 0x191;
	}
	const unsigned char *bytes = ((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr;
	return address->ss_family == AF_INET6 && bytes[0] >> 5 == 1;
}

static struct slice bytes_of(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET ? slice_make((const char *)&((const struct sockaddr_in *)address)->sin_addr, 4) :
					       slice_make((const char *)&((const struct sockaddr_in6 *)address)->sin6_addr, 16);
}

/* One round: tests the lists, or asks them about a client. True: some want more of the table. */
static bool advance(struct asking *askings, struct slice client, struct lookup *table, struct arena *arena)
{
	struct dnslist_facts facts = {.client = client};
	bool more = false;
	for (size_t i = 0; i < KNOWN; i++) {
		struct asking *one = &askings[i];
		if (one->state == DNSLIST_PENDING)
			one->state = client.len == 0 ? dnslist_test(&one->list, table, arena, &one->six) :
						       dnslist_ask(&one->list, &facts, one->six, table, arena, &one->hits);
		more |= one->state == DNSLIST_PENDING;
	}
	return more;
}

static void answer_all(struct dns *dns, struct asking *askings, struct slice client, struct arena *arena)
{
	struct lookup *table = lookup_new();
	int64_t deadline = clock_monotonic_ms() + REPUTATION_SECONDS * 1000;
	while (advance(askings, client, table, arena))
		dns_answer(dns, table, deadline);
	lookup_free(&table);
}

static void tell(struct cli_check *check, const struct asking *askings, const char *address)
{
	for (size_t i = 0; i < KNOWN; i++)
		if (askings[i].state == DNSLIST_GOOD && askings[i].hits.count > 0)
			cli_check_warning(check, arena_printf(check->line->arena, "Find out what was sent (`pombal queue list`, `pombal trace`), mend that, and have it taken off: %s", known[i].site).at,
					  "the address %s is listed by %.*s: servers that ask this list refuse its mail", address, SLICE_ARG(askings[i].list.zone));
}

static void check_address(struct cli_check *check, struct dns *dns, const struct asking *tested, const struct sockaddr_storage *address)
{
	struct asking *askings = arena_array(check->line->arena, KNOWN, sizeof *askings);
	struct slice client = bytes_of(address);
	char text[INET6_ADDRSTRLEN] = "?";
	for (size_t i = 0; i < KNOWN; i++) {
		askings[i] = tested[i];
		askings[i].state = tested[i].state == DNSLIST_GOOD ? DNSLIST_PENDING : tested[i].state;
	}
	answer_all(dns, askings, client, check->line->arena);
	inet_ntop(address->ss_family, client.at, text, sizeof text);
	tell(check, askings, text);
}

void cli_check_reputation(struct cli_check *check, struct dns *dns, const struct sockaddr_storage *addresses, size_t count)
{
	struct asking *tested = arena_array(check->line->arena, KNOWN, sizeof *tested);
	struct error error;
	size_t asked = 0;
	for (size_t i = 0; i < count && asked < ADDRESSES_MAX; i++) {
		if (!is_public(&addresses[i]))
			continue;
		for (size_t k = 0; k < KNOWN && asked == 0; k++)
			config_parse_dns_list(slice_of(known[k].entry), &tested[k].list, &error);
		if (asked++ == 0)
			answer_all(dns, tested, (struct slice){0}, check->line->arena);
		check_address(check, dns, tested, &addresses[i]);
	}
}
