/* Lists and names, from the DNS's answers to findings; see door.h. What the DNS doesn't answer is no finding: nobody is refused since a server of
 * others is down. */
#include "policy/door.h"

#include "message/address.h"
#include "message/shown.h"
#include "policy/lists.h"

enum {
	READ_MAX = 1024 * 1024, /* bytes of a message in which links are looked for */
	REASON_MAX = 200,       /* of a list's reason in a reply */
};

enum known { KNOWN_PENDING, KNOWN, KNOWN_NOT, KNOWN_FAILED, KNOWN_NULL /* it says itself that it takes no mail (RFC 7505 §3) */ };

struct door_list {
	struct config_dns_list entry;
	enum dnslist_state state;
	bool six, tested; /* with the table of this message */
	size_t first, end;  /* its hits */
};

struct policy_door {
	struct policy_lists *lists;
	const struct config *config;
	const struct policy_mail *mail;
	struct policy_findings *findings;
	struct door_list list[CONFIG_DNS_LISTS_MAX];
	size_t list_count;
	struct dnslist_facts facts;
	struct dnslist_hits hits;
	struct slice links[DNSLIST_LINKS_MAX];
	struct slice reasons[DNSLIST_HITS_MAX];
	enum policy_iprev iprev;
	enum known helo, sender; /* is there such a name? */
	struct slice sender_domain; /* A-labels; empty: there is no sender */
	bool permitted; /* a list says that it is good */
};

/* ---- Beginning ---- */

static void read_lists(struct policy_door *door)
{
	const struct config_string_list *entries = &door->config->dns_lists;
	struct error error;
	for (size_t i = 0; i < entries->count && door->list_count < CONFIG_DNS_LISTS_MAX; i++) {
		struct door_list *list = &door->list[door->list_count];
		if (!config_parse_dns_list(slice_of(entries->at[i]), &list->entry, &error))
			continue; /* it was checked when it was read */
		list->tested = policy_lists_get(door->lists, list->entry.zone, &list->state, &list->six);
		door->list_count++;
	}
}

static bool wants_links(const struct policy_door *door)
{
	unsigned kinds = 0;
	for (size_t i = 0; i < door->list_count; i++)
		kinds |= door->list[i].entry.kinds;
	return kinds & 1U << CONFIG_DNS_LIST_LINKS;
}

static void add_link(struct policy_door *door, struct slice domain)
{
	for (size_t i = 0; i < door->facts.link_count; i++)
		if (slice_equal_nocase(door->links[i], domain))
			return;
	if (domain.len > 0 && door->facts.link_count < DNSLIST_LINKS_MAX)
		door->links[door->facts.link_count++] = domain;
}

static void read_links(struct policy_door *door, struct slice message)
{
	struct arena *arena = door->findings->arena;
	struct shown shown;
	message = slice_sub(message, 0, READ_MAX);
	shown_read(message, mime_parse(message, arena), arena, &shown);
	for (size_t i = 0; i < shown.link_count; i++)
		add_link(door, dnslist_registered(domain_to_ascii(shown_host(shown.links[i].target, arena), arena)));
	door->facts.links = door->links;
}

struct policy_door *policy_door_new(struct policy_lists *lists, const struct config *config, const struct policy_mail *mail, struct slice message,
				    struct policy_findings *findings)
{
	struct policy_door *door = arena_alloc(findings->arena, sizeof *door);
	struct slice local, domain;
	door->lists = lists;
	door->config = config;
	door->mail = mail;
	door->findings = findings;
	address_split(mail->sender, &local, &domain);
	door->sender_domain = mail->sender.len > 0 ? domain_to_ascii(domain, findings->arena) : SLICE("");
	door->facts = (struct dnslist_facts){.client = mail->client, .sender = door->sender_domain, .helo = domain_is_valid(mail->helo, false) ? mail->helo : SLICE("")};
	read_lists(door);
	if (wants_links(door))
		read_links(door, message);
	return door;
}

/* ---- Asking ---- */

static enum known known_by(struct lookup *table, enum lookup_type type, struct slice name)
{
	const struct lookup_answer *answer = lookup_get(table, type, name);
	switch (answer->status) {
	case LOOKUP_WANTED:
		return KNOWN_PENDING;
	case LOOKUP_FOUND:
		return type == LOOKUP_MX && answer->count == 1 && answer->records[0].data.len == 0 ? KNOWN_NULL : KNOWN;
	case LOOKUP_FAILED:
		return KNOWN_FAILED;
	default:
		return KNOWN_NOT;
	}
}

/* Is there a server for mail, or at least an address (RFC 5321 §5.1)? */
static enum known known_name(struct lookup *table, struct slice name)
{
	enum known mx = known_by(table, LOOKUP_MX, name);
	if (mx == KNOWN_NULL)
		return KNOWN_NOT;
	if (mx == KNOWN_PENDING || mx == KNOWN)
		return mx;
	enum known four = known_by(table, LOOKUP_A, name), six = known_by(table, LOOKUP_AAAA, name);
	if (four == KNOWN || six == KNOWN)
		return KNOWN;
	if (four == KNOWN_PENDING || six == KNOWN_PENDING)
		return KNOWN_PENDING;
	return mx == KNOWN_FAILED || four == KNOWN_FAILED || six == KNOWN_FAILED ? KNOWN_FAILED : KNOWN_NOT;
}

static bool is_wanted(const char *option)
{
	return !slice_equal(slice_of(option), SLICE("off"));
}

static bool ask_names(struct policy_door *door, struct lookup *table)
{
	const struct config *config = door->config;
	struct slice name;
	door->iprev = policy_iprev_check(door->mail->client, table, door->findings->arena, &name);
	door->facts.ptr = door->iprev == POLICY_IPREV_PASS ? name : SLICE("");
	door->helo = is_wanted(config->unknown_helo) && door->facts.helo.len > 0 ? known_name(table, door->facts.helo) : KNOWN;
	door->sender = is_wanted(config->unknown_sender_domain) && domain_is_valid(door->sender_domain, false) ? known_name(table, door->sender_domain) : KNOWN;
	return door->iprev != POLICY_IPREV_PENDING && door->helo != KNOWN_PENDING && door->sender != KNOWN_PENDING;
}

static struct slice reason_of(struct lookup *table, struct slice name, bool *pending)
{
	const struct lookup_answer *answer = lookup_get(table, LOOKUP_TXT, name);
	*pending |= answer->status == LOOKUP_WANTED;
	return answer->count > 0 ? slice_sub(answer->records[0].data, 0, REASON_MAX) : SLICE("");
}

/* False: some answer isn't there yet. */
static bool ask_list(struct policy_door *door, struct door_list *list, struct lookup *table)
{
	struct arena *arena = door->findings->arena;
	bool pending = false;
	list->first = list->end = door->hits.count;
	if (!list->tested)
		list->state = dnslist_test(&list->entry, table, arena, &list->six);
	if (list->state != DNSLIST_PENDING && list->state != DNSLIST_GOOD)
		return true;
	/* While the test isn't over, both versions are asked about: the one that the list doesn't know has no answer. */
	enum dnslist_state said = dnslist_ask(&list->entry, &door->facts, list->six || list->state == DNSLIST_PENDING, table, arena, &door->hits);
	list->end = door->hits.count;
	if (said == DNSLIST_PENDING || list->state == DNSLIST_PENDING)
		return false;
	if (said > DNSLIST_SILENT)
		list->state = said;
	else if (said == DNSLIST_SILENT)
		policy_lists_doubt(door->lists, list->entry.zone);
	for (size_t i = list->first; i < list->end && list->entry.deed == CONFIG_DNS_LIST_REJECT; i++)
		door->reasons[i] = reason_of(table, door->hits.list[i].name, &pending);
	return !pending;
}

bool policy_door_run(struct policy_door *door, struct lookup *table)
{
	bool done = ask_names(door, table);
	door->hits.count = door->hits.asked = 0;
	for (size_t i = 0; i < door->list_count; i++)
		done &= ask_list(door, &door->list[i], table);
	return done;
}

/* ---- What follows ---- */

static void refuse(struct policy_door *door, struct slice reply)
{
	if (!door->permitted)
		policy_findings_demand(door->findings, POLICY_REJECT, policy_findings_ascii(door->findings, reply));
}

static void judge_hit(struct policy_door *door, const struct door_list *list, size_t hit)
{
	static const char *const rules[CONFIG_DNS_LIST_KINDS] = {"LISTED_ADDRESS", "LISTED_SENDER", "LISTED_HELO", "LISTED_PTR", "LISTED_LINK"};
	const struct dnslist_hit *found = &door->hits.list[hit];
	struct arena *arena = door->findings->arena;
	struct slice reason = door->reasons[hit];
	policy_findings_add(door->findings, slice_of(found->points < 0 || list->entry.deed == CONFIG_DNS_LIST_PERMIT ? "LISTED_GOOD" : rules[found->kind]), found->points,
			    arena_printf(arena, "%.*s by %.*s (%.*s)", SLICE_ARG(found->subject), SLICE_ARG(list->entry.zone), SLICE_ARG(found->answer)));
	if (list->entry.deed == CONFIG_DNS_LIST_REJECT)
		refuse(door, arena_printf(arena, "%.*s is listed by %.*s%s%.*s", SLICE_ARG(found->subject), SLICE_ARG(list->entry.zone), reason.len > 0 ? ": " : "",
					  SLICE_ARG(reason)));
}

static bool permits(const struct door_list *list)
{
	return list->state == DNSLIST_GOOD && list->entry.deed == CONFIG_DNS_LIST_PERMIT && list->first < list->end;
}

static void judge_lists(struct policy_door *door)
{
	for (size_t i = 0; i < door->list_count; i++) {
		struct door_list *list = &door->list[i];
		if (!list->tested || list->state > DNSLIST_SILENT)
			policy_lists_set(door->lists, list->entry.zone, list->state == DNSLIST_PENDING ? DNSLIST_SILENT : list->state, list->six);
		door->permitted |= permits(list);
	}
	for (size_t i = 0; i < door->list_count; i++)
		for (size_t hit = door->list[i].first; door->list[i].state == DNSLIST_GOOD && hit < door->list[i].end; hit++)
			judge_hit(door, &door->list[i], hit);
}

/* `option`: off, warn, reject or points. */
static void judge_name(struct policy_door *door, bool holds, const char *option, const char *rule, struct slice name, const char *reply)
{
	int points = 0;
	if (!holds || !is_wanted(option))
		return;
	config_parse_points(slice_of(option), &points); /* the words have none */
	policy_findings_add(door->findings, slice_of(rule), points, name);
	if (slice_equal(slice_of(option), SLICE("reject")))
		refuse(door, arena_printf(door->findings->arena, "%s: %.*s", reply, SLICE_ARG(slice_sub(name, 0, LOOKUP_NAME_MAX))));
}

static bool has_dot(struct slice name)
{
	return slice_find_char(name, '.') != SLICE_NONE;
}

static void judge_names(struct policy_door *door)
{
	const struct config *config = door->config;
	struct slice helo = door->mail->helo, sender = door->sender_domain, nothing = SLICE("");
	bool literal = domain_is_literal(helo), valid = literal || domain_is_valid(helo, false), has_sender = door->mail->sender.len > 0;
	judge_name(door, door->iprev == POLICY_IPREV_PERMERROR, config->client_without_name, "CLIENT_NO_NAME", nothing, "your address has no name in the DNS (PTR)");
	judge_name(door, door->iprev == POLICY_IPREV_FAIL, config->client_name_unproved, "CLIENT_NAME_UNPROVED", nothing, "the name of your address doesn't lead back to it");
	judge_name(door, !valid, config->invalid_helo, "HELO_INVALID", helo, "what you call yourself is no host name");
	judge_name(door, valid && !literal && !has_dot(helo), config->short_helo, "HELO_SHORT", helo, "what you call yourself is no full host name");
	judge_name(door, valid && door->helo == KNOWN_NOT, config->unknown_helo, "HELO_UNKNOWN", helo, "there is no host of the name that you call yourself");
	judge_name(door, has_sender && !domain_is_literal(sender) && !has_dot(sender), config->short_sender, "SENDER_SHORT", sender, "the sender's domain is no full one");
	judge_name(door, has_sender && door->sender == KNOWN_NOT, config->unknown_sender_domain, "SENDER_UNKNOWN", sender, "the sender's domain takes no mail");
}

void policy_door_judge(struct policy_door *door)
{
	judge_lists(door);
	judge_names(door);
}

void policy_door_judge_chain(struct policy_door *door, const struct dkim2_verdict *verdict)
{
	bool broken = verdict && (verdict->result == DKIM2_FAIL || verdict->result == DKIM2_PERMERROR);
	judge_name(door, broken, door->config->dkim2, "DKIM2_BROKEN", broken ? verdict->why : SLICE(""), "your signature (DKIM2) doesn't hold");
}

void policy_door_permit(struct policy_door *door)
{
	door->permitted = true;
}

void policy_door_refuse_from(struct policy_door *door, int points)
{
	const struct policy_findings *findings = door->findings;
	if (findings->count > 0 && findings->points >= points)
		refuse(door, arena_printf(findings->arena, "lists in the DNS say too much against you: %.*s", SLICE_ARG(findings->list[0].detail)));
}

bool policy_door_permits(const struct policy_door *door) { return door->permitted; }
enum policy_iprev policy_door_iprev(const struct policy_door *door) { return door->iprev; }
struct slice policy_door_client_name(const struct policy_door *door) { return door->facts.ptr; }
