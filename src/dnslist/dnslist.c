/* Asking lists, and testing them; see dnslist.h. */
#include "dnslist/dnslist.h"

#include <arpa/inet.h>
#include <string.h>

enum { OCTET_BITS = 8, LOOPBACK_NET = 127, MAPPED_BYTES = 12 };

static const char mapped[MAPPED_BYTES] = "\0\0\0\0\0\0\0\0\0\0\xff\xff";

const char *dnslist_state_text(enum dnslist_state state)
{
	static const char *const texts[] = {
		"it hasn't been asked yet",
		"it answers as it should",
		"it doesn't answer",
		"it doesn't list what every list must list: it has gone, or is no list of this kind",
		"it lists what no list may list",
		"it answers with addresses that are no answers of a list",
		"it doesn't let itself be asked through this resolver, or so often",
	};
	return texts[state];
}

/* ---- One answer ---- */

static uint32_t number_of(struct slice address)
{
	const unsigned char *at = (const unsigned char *)address.at;
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* What an answer shows of the list. */
static enum dnslist_state state_of_record(struct slice address)
{
	if (address.len != sizeof(struct in_addr) || number_of(address) >> 3 * OCTET_BITS != LOOPBACK_NET)
		return DNSLIST_OUTSIDE;
	return number_of(address) >> OCTET_BITS == 0x7fffff ? DNSLIST_REFUSES : DNSLIST_GOOD;
}

/* *listed: is there an answer that tells nothing against the list? */
static enum dnslist_state state_of_answer(const struct lookup_answer *answer, bool *listed)
{
	*listed = false;
	if (answer->status == LOOKUP_WANTED || answer->status == LOOKUP_FAILED)
		return answer->status == LOOKUP_WANTED ? DNSLIST_PENDING : DNSLIST_SILENT;
	for (size_t i = 0; i < answer->count; i++)
		if (state_of_record(answer->records[i].data) != DNSLIST_GOOD)
			return state_of_record(answer->records[i].data);
	*listed = answer->count > 0;
	return DNSLIST_GOOD;
}

static bool counts(const struct config_dns_list_answer *expected, uint32_t number)
{
	if (expected->bits)
		return (number & ~expected->last) == expected->first && (number & expected->bits);
	return number >= expected->first && number <= expected->last;
}

static bool any_counts(const struct config_dns_list_answer *expected, const struct lookup_answer *answer)
{
	for (size_t i = 0; i < answer->count; i++)
		if (counts(expected, number_of(answer->records[i].data)))
			return true;
	return false;
}

/* False: none of the answers is one that counts. Each entry of answers= counts once. */
static bool count_points(const struct config_dns_list *list, const struct lookup_answer *answer, int *points)
{
	bool listed = list->answer_count == 0;
	*points = listed ? list->points : 0;
	for (size_t i = 0; i < list->answer_count; i++)
		if (any_counts(&list->answers[i], answer)) {
			*points += list->answers[i].points;
			listed = true;
		}
	return listed;
}

/* ---- Names ---- */

/* RFC 5782 §2.1, §2.4: the address backwards, without the ending that PTR records have. */
static struct slice name_of_address(struct slice address, struct slice zone, struct arena *arena)
{
	size_t ending = address.len == sizeof(struct in_addr) ? SLICE("in-addr.arpa").len : SLICE("ip6.arpa").len;
	struct slice reverse = lookup_reverse_name(address, arena);
	return arena_printf(arena, "%.*s%.*s", (int)(reverse.len - ending), reverse.at, SLICE_ARG(zone));
}

static struct slice name_of_domain(struct slice domain, struct slice zone, struct arena *arena)
{
	if (domain.len > 0 && domain.at[domain.len - 1] == '.')
		domain.len--;
	return arena_printf(arena, "%.*s.%.*s", SLICE_ARG(domain), SLICE_ARG(zone));
}

static bool is_address_list(const struct config_dns_list *list)
{
	return list->kinds & 1U << CONFIG_DNS_LIST_ADDRESS;
}

struct slice dnslist_registered(struct slice host)
{
	enum { SHORT = 3, COUNTRY = 2 };
	size_t last = slice_find_last_char(host, '.');
	struct slice top = last == SLICE_NONE ? SLICE("") : slice_skip(host, last + 1);
	if (top.len == 0 || ascii_is_digit(top.at[top.len - 1]) || slice_find_char(host, ':') != SLICE_NONE)
		return SLICE("");
	size_t second = slice_find_last_char(slice_sub(host, 0, last), '.');
	if (second != SLICE_NONE && top.len == COUNTRY && last - second - 1 <= SHORT) {
		size_t third = slice_find_last_char(slice_sub(host, 0, second), '.');
		return third == SLICE_NONE ? host : slice_skip(host, third + 1);
	}
	return second == SLICE_NONE ? host : slice_skip(host, second + 1);
}

/* ---- Tests ---- */

/* Of what must be listed and what mustn't be. */
static enum dnslist_state test_pair(struct slice must, struct slice must_not, struct lookup *table)
{
	bool listed, lies;
	enum dnslist_state first = must.len > 0 ? state_of_answer(lookup_get(table, LOOKUP_A, must), &listed) : DNSLIST_GOOD;
	enum dnslist_state second = state_of_answer(lookup_get(table, LOOKUP_A, must_not), &lies);
	if (first > DNSLIST_SILENT || second > DNSLIST_SILENT)
		return first > DNSLIST_SILENT ? first : second;
	if (first == DNSLIST_PENDING || second == DNSLIST_PENDING)
		return DNSLIST_PENDING;
	if (second == DNSLIST_GOOD && lies)
		return DNSLIST_EVERYTHING;
	if (first == DNSLIST_SILENT || second == DNSLIST_SILENT)
		return DNSLIST_SILENT;
	return must.len == 0 || listed ? DNSLIST_GOOD : DNSLIST_EMPTY;
}

/* RFC 5782 §5: 127.0.0.2 and ::ffff:127.0.0.2 are listed; 127.0.0.1 and ::ffff:127.0.0.1 aren't. */
static enum dnslist_state test_addresses(const struct config_dns_list *list, struct lookup *table, struct arena *arena, bool *six)
{
	static const char listed[16] = "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\2", unlisted[16] = "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1";
	struct slice good = slice_make(listed, sizeof listed), bad = slice_make(unlisted, sizeof unlisted), none = slice_make(NULL, 0);
	enum dnslist_state states[] = {
		test_pair(list->untested ? none : name_of_address(slice_skip(good, MAPPED_BYTES), list->zone, arena), name_of_address(slice_skip(bad, MAPPED_BYTES), list->zone, arena), table),
		test_pair(list->untested ? none : name_of_address(good, list->zone, arena), name_of_address(bad, list->zone, arena), table),
	};
	*six = states[1] == DNSLIST_GOOD;
	if (states[0] == DNSLIST_GOOD && states[1] == DNSLIST_PENDING)
		return DNSLIST_PENDING;
	return states[0] == DNSLIST_EMPTY && *six ? DNSLIST_GOOD : states[0]; /* there are lists of IPv6 alone */
}

enum dnslist_state dnslist_test(const struct config_dns_list *list, struct lookup *table, struct arena *arena, bool *six)
{
	*six = false;
	if (is_address_list(list))
		return test_addresses(list, table, arena, six);
	struct slice must = list->untested ? slice_make(NULL, 0) : name_of_domain(list->test.len > 0 ? list->test : SLICE("test"), list->zone, arena);
	return test_pair(must, name_of_domain(SLICE("invalid"), list->zone, arena), table);
}

/* ---- Questions ---- */

struct asking {
	const struct config_dns_list *list;
	struct lookup *table;
	struct arena *arena;
	struct dnslist_hits *hits;
	enum dnslist_state state;
};

static struct slice answer_text(struct slice address, struct arena *arena)
{
	const unsigned char *at = (const unsigned char *)address.at;
	return arena_printf(arena, "%u.%u.%u.%u", at[0], at[1], at[2], at[3]);
}

/* What is bad of it outweighs what isn't known yet, and that what had no answer. */
static void join(struct asking *asking, enum dnslist_state state)
{
	bool open = asking->state == DNSLIST_GOOD || asking->state == DNSLIST_SILENT;
	if (state > DNSLIST_SILENT || (open && state != DNSLIST_GOOD && asking->state != state))
		asking->state = asking->state > DNSLIST_SILENT ? asking->state : state;
}

static void ask(struct asking *asking, enum config_dns_list_kind kind, struct slice subject, struct slice name)
{
	struct dnslist_hits *hits = asking->hits;
	bool listed;
	int points;
	if (hits->asked >= DNSLIST_QUESTIONS_MAX || !lookup_name_is_askable(name))
		return;
	hits->asked++;
	const struct lookup_answer *answer = lookup_get(asking->table, LOOKUP_A, name);
	enum dnslist_state state = state_of_answer(answer, &listed);
	join(asking, state);
	if (state == DNSLIST_GOOD && listed && count_points(asking->list, answer, &points) && hits->count < DNSLIST_HITS_MAX)
		hits->list[hits->count++] = (struct dnslist_hit){kind, subject, name, answer_text(answer->records[0].data, asking->arena), points};
}

static void ask_about_client(struct asking *asking, struct slice client, bool six)
{
	char text[INET6_ADDRSTRLEN] = "";
	if (client.len == sizeof(struct in6_addr) && memcmp(client.at, mapped, sizeof mapped) == 0)
		client = slice_skip(client, sizeof mapped);
	if (client.len != sizeof(struct in_addr) && (client.len != sizeof(struct in6_addr) || !six))
		return;
	inet_ntop(client.len == sizeof(struct in_addr) ? AF_INET : AF_INET6, client.at, text, sizeof text);
	ask(asking, CONFIG_DNS_LIST_ADDRESS, arena_copy(asking->arena, slice_of(text)), name_of_address(client, asking->list->zone, asking->arena));
}

/* Lists of domains aren't asked about addresses. */
static bool is_domain(struct slice name)
{
	return dnslist_registered(name).len > 0 && slice_find_char(name, '[') == SLICE_NONE && slice_is_ascii(name);
}

static void ask_about_domain(struct asking *asking, enum config_dns_list_kind kind, struct slice domain)
{
	if (asking->list->kinds & 1U << kind && is_domain(domain))
		ask(asking, kind, domain, name_of_domain(domain, asking->list->zone, asking->arena));
}

enum dnslist_state dnslist_ask(const struct config_dns_list *list, const struct dnslist_facts *facts, bool six, struct lookup *table, struct arena *arena,
			       struct dnslist_hits *hits)
{
	struct asking asking = {list, table, arena, hits, DNSLIST_GOOD};
	size_t before = hits->count;
	if (is_address_list(list))
		ask_about_client(&asking, facts->client, six);
	ask_about_domain(&asking, CONFIG_DNS_LIST_SENDER, facts->sender);
	ask_about_domain(&asking, CONFIG_DNS_LIST_HELO, facts->helo);
	ask_about_domain(&asking, CONFIG_DNS_LIST_PTR, facts->ptr);
	for (size_t i = 0; i < facts->link_count && i < DNSLIST_LINKS_MAX; i++)
		ask_about_domain(&asking, CONFIG_DNS_LIST_LINKS, facts->links[i]);
	if (asking.state != DNSLIST_GOOD && asking.state != DNSLIST_SILENT)
		hits->count = before;
	return asking.state;
}
