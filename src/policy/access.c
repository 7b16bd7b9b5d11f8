/* Lists of who may come in and who may not; see access.h. */
#include "policy/access.h"

#include <netinet/in.h>
#include <string.h>

#include "message/address.h"

static const char mapped[12] = "\0\0\0\0\0\0\0\0\0\0\xff\xff";

#define COUNTRY "country="

/* ---- One entry ---- */

static bool is_country(struct slice entry)
{
	return slice_starts(entry, SLICE(COUNTRY));
}

static bool is_network(struct slice entry)
{
	struct sockaddr_storage address;
	unsigned bits;
	return config_parse_network(entry, &address, &bits);
}

static bool is_domain(struct slice entry)
{
	return !is_country(entry) && slice_find_char(entry, '@') == SLICE_NONE && !is_network(entry);
}

static bool in_network(struct slice client, const char *entry)
{
	struct sockaddr_storage peer = {0};
	const char *const entries[] = {entry};
	struct config_string_list list = {.at = (const char **)(uintptr_t)entries, .count = 1};
	if (client.len == 16 && memcmp(client.at, mapped, sizeof mapped) == 0)
		client = slice_skip(client, sizeof mapped);
	peer.ss_family = client.len == 4 ? AF_INET : AF_INET6;
	if (client.len == 4)
		memcpy(&((struct sockaddr_in *)&peer)->sin_addr, client.at, client.len);
	else if (client.len == 16)
		memcpy(&((struct sockaddr_in6 *)&peer)->sin6_addr, client.at, client.len);
	return (client.len == 4 || client.len == 16) && config_networks_hold(&list, &peer);
}

/* The domain itself, or one below it. Both as A-labels. */
static bool is_below(struct slice name, struct slice domain)
{
	if (domain.len == 0 || name.len < domain.len || !slice_ends_nocase(name, domain))
		return false;
	return name.len == domain.len || name.at[name.len - domain.len - 1] == '.';
}

enum match { NO_MATCH, MATCH_CLIENT, MATCH_SENDER };

static enum match match_domain(const struct policy_access_facts *facts, struct slice entry, struct arena *arena)
{
	struct slice local, domain, wanted = domain_to_ascii(slice_skip(entry, entry.len > 0 && entry.at[0] == '.'), arena);
	address_split(facts->sender, &local, &domain);
	if (facts->name.len > 0 && is_below(facts->name, wanted))
		return MATCH_CLIENT;
	return facts->sender.len > 0 && is_below(domain_to_ascii(domain, arena), wanted) ? MATCH_SENDER : NO_MATCH;
}

static enum match match(const struct policy_access_facts *facts, const char *text, struct arena *arena)
{
	struct slice entry = slice_of(text);
	if (is_country(entry))
		return facts->country.len > 0 && slice_equal_nocase(slice_skip(entry, sizeof COUNTRY - 1), facts->country) ? MATCH_CLIENT : NO_MATCH;
	if (slice_find_char(entry, '@') != SLICE_NONE)
		return facts->sender.len > 0 && slice_equal(address_canonical(entry, arena), address_canonical(facts->sender, arena)) ? MATCH_SENDER : NO_MATCH;
	if (is_network(entry))
		return in_network(facts->client, text) ? MATCH_CLIENT : NO_MATCH;
	return match_domain(facts, entry, arena);
}

/* ---- Lists ---- */

static bool find_in(const struct config_string_list *list, enum policy_access access, const struct policy_access_facts *facts, struct arena *arena,
		    struct policy_access_verdict *verdict)
{
	for (size_t i = 0; i < list->count; i++) {
		enum match how = match(facts, list->at[i], arena);
		if (how == NO_MATCH || (how == MATCH_SENDER && access == POLICY_ACCESS_ALLOWED && !facts->proved))
			continue;
		*verdict = (struct policy_access_verdict){access, how == MATCH_SENDER, slice_of(list->at[i]), SLICE("")};
		return true;
	}
	return false;
}

static bool find_in_both(const struct config_string_list *allow, const struct config_string_list *deny, const struct policy_access_facts *facts, struct arena *arena,
			 struct policy_access_verdict *verdict)
{
	return find_in(allow, POLICY_ACCESS_ALLOWED, facts, arena, verdict) || find_in(deny, POLICY_ACCESS_DENIED, facts, arena, verdict);
}

/* ---- access_for: "ADDRESS-OR-DOMAIN allow=… deny=…", checked when the file was read ---- */

enum { ENTRIES_MAX = 500 /* in one of its settings */ };

static void add_entries(struct config_string_list *list, struct slice value, struct arena *arena)
{
	struct slice entry;
	if (!list->at)
		list->at = arena_array(arena, ENTRIES_MAX, sizeof(char *));
	for (bool more = true; more && list->count < ENTRIES_MAX;) {
		more = slice_cut(value, ',', &entry, &value);
		list->at[list->count++] = arena_text(arena, entry);
	}
}

static void read_settings(struct slice settings, struct config_string_list *allow, struct config_string_list *deny, struct arena *arena)
{
	struct slice setting, name, value;
	while (settings.len > 0) {
		slice_cut(settings, ' ', &setting, &settings);
		if (slice_cut(setting, '=', &name, &value))
			add_entries(slice_equal(name, SLICE("allow")) ? allow : deny, value, arena);
	}
}

/* What an address, or a domain, of ours says. */
static bool find_for(const struct config *config, struct slice whose, const struct policy_access_facts *facts, struct arena *arena, struct policy_access_verdict *verdict)
{
	struct config_string_list allow = {0}, deny = {0};
	for (size_t i = 0; i < config->access_for.count; i++) {
		struct slice who, settings;
		slice_cut(slice_of(config->access_for.at[i]), ' ', &who, &settings);
		if (slice_equal_nocase(who, whose))
			read_settings(settings, &allow, &deny, arena);
	}
	bool found = find_in_both(&allow, &deny, facts, arena, verdict);
	if (found)
		verdict->whose = whose;
	return found;
}

void policy_access_find(const struct config *config, struct slice recipient, const struct policy_access_facts *facts, struct arena *arena,
			struct policy_access_verdict *verdict)
{
	struct slice local, domain;
	address_split(recipient, &local, &domain);
	*verdict = (struct policy_access_verdict){0};
	if (!find_for(config, recipient, facts, arena, verdict) && !find_for(config, domain, facts, arena, verdict))
		find_in_both(&config->access_allow, &config->access_deny, facts, arena, verdict);
}

/* ---- What is in them ---- */

bool policy_access_denies(const struct config *config)
{
	bool denies = config->access_deny.count > 0;
	for (size_t i = 0; i < config->access_for.count; i++)
		denies |= slice_find(slice_of(config->access_for.at[i]), SLICE(" deny=")) != SLICE_NONE;
	return denies;
}

static bool any_of(const struct config_string_list *list, bool (*is)(struct slice entry))
{
	for (size_t i = 0; i < list->count; i++)
		if (is(slice_of(list->at[i])))
			return true;
	return false;
}

static bool any_in_settings(struct slice settings, bool (*is)(struct slice entry))
{
	struct slice setting, name, value, entry;
	while (settings.len > 0) {
		slice_cut(settings, ' ', &setting, &settings);
		slice_cut(setting, '=', &name, &value);
		for (bool more = true; more;) {
			more = slice_cut(value, ',', &entry, &value);
			if (is(entry))
				return true;
		}
	}
	return false;
}

static bool any(const struct config *config, bool (*is)(struct slice entry))
{
	bool found = any_of(&config->access_allow, is) || any_of(&config->access_deny, is);
	for (size_t i = 0; i < config->access_for.count && !found; i++) {
		struct slice who, settings;
		slice_cut(slice_of(config->access_for.at[i]), ' ', &who, &settings);
		found = any_in_settings(settings, is);
	}
	return found;
}

bool policy_access_has_country(const struct config *config)
{
	return any(config, is_country);
}

bool policy_access_has_domain(const struct config *config)
{
	return any(config, is_domain);
}

bool policy_access_is_own(const struct config *config, struct slice recipient)
{
	for (size_t i = 0; i < config->access_for.count; i++) {
		struct slice who, settings;
		slice_cut(slice_of(config->access_for.at[i]), ' ', &who, &settings);
		if (slice_find_char(who, '@') != SLICE_NONE && slice_equal_nocase(who, recipient))
			return true;
	}
	return false;
}
