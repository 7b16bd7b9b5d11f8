/* The records that a domain needs, from what is known of it and of this server. */
#include "zone/zone.h"

enum {
	RECORDS_BESIDE = 13, /* keys, services and digests */
	MX_PREFERENCE = 10,
	POLICY_AGE_SECONDS = 604800,
	POLICY_TEXT_MAX = 64 * 1024, /* RFC 8461 §3.3 */
};

struct making {
	const struct zone_plan *plan;
	struct arena *arena;
	struct zone_record *list;
	size_t count;
};

/* `label`: "_dmarc", or empty for the domain itself. NULL: an alias can't be made of the server's own name. */
static struct zone_record *add(struct making *self, enum zone_purpose purpose, enum lookup_type type, const char *label, struct slice data)
{
	struct slice domain = self->plan->domain;
	struct slice name = *label ? arena_printf(self->arena, "%s.%.*s", label, SLICE_ARG(domain)) : domain;
	if (type == LOOKUP_CNAME && slice_equal_nocase(name, data))
		return NULL;
	struct zone_record *record = &self->list[self->count++];
	*record = (struct zone_record){.purpose = purpose, .type = type, .name = name, .value = {.data = data}};
	return record;
}

static void add_text(struct making *self, enum zone_purpose purpose, const char *label, struct slice text, bool needed)
{
	add(self, purpose, LOOKUP_TXT, label, text)->needed = needed;
}

static void add_senders(struct making *self)
{
	struct slice domain = self->plan->domain;
	struct zone_record *mx = add(self, ZONE_MX, LOOKUP_MX, "", self->plan->hostname);
	mx->value.preference = MX_PREFERENCE;
	mx->needed = true;
	add_text(self, ZONE_SPF, "", SLICE("v=spf1 mx -all"), true);
	for (size_t i = 0; i < self->plan->key_count; i++) {
		const struct zone_key *key = &self->plan->keys[i];
		add_text(self, ZONE_DKIM, arena_printf(self->arena, "%.*s._domainkey", SLICE_ARG(key->selector)).at, key->record, true);
	}
	add_text(self, ZONE_DMARC, "_dmarc", arena_printf(self->arena, "v=DMARC1; p=quarantine; rua=mailto:postmaster@%.*s", SLICE_ARG(domain)), true);
}

struct slice zone_policy(const struct zone_plan *plan, struct arena *arena)
{
	const struct zone_sts *sts = &plan->sts;
	struct buf text = BUF(POLICY_TEXT_MAX);
	buf_printf(&text, "version: STSv1\nmode: %s\nmx: %.*s\n", sts->mode ? sts->mode : "testing", SLICE_ARG(plan->hostname));
	for (size_t i = 0; i < sts->host_count; i++)
		buf_printf(&text, "mx: %s\n", sts->hosts[i]);
	buf_printf(&text, "max_age: %lld\n", (long long)(sts->max_age > 0 ? sts->max_age : POLICY_AGE_SECONDS));
	struct slice copy = arena_copy(arena, buf_slice(&text));
	buf_free(&text);
	return copy;
}

/* The id must change when the policy does (RFC 8461 §3.1), and stay when it doesn't: it is a hash of it, FNV-1a. */
static struct slice policy_record(struct making *self)
{
	struct slice policy = zone_policy(self->plan, self->arena);
	uint64_t hash = 14695981039346656037u;
	for (size_t i = 0; i < policy.len; i++)
		hash = (hash ^ (unsigned char)policy.at[i]) * 1099511628211u;
	return arena_printf(self->arena, "v=STSv1; id=%016llx;", (unsigned long long)hash);
}

static void add_service(struct making *self, struct slice name, uint16_t port, uint16_t preference)
{
	const char *label = arena_printf(self->arena, "%.*s._tcp", SLICE_ARG(name)).at;
	struct zone_record *record = add(self, ZONE_SERVICE, LOOKUP_SRV, label, port > 0 ? self->plan->hostname : SLICE(""));
	record->value.preference = port > 0 ? preference : 0;
	record->value.weight = port > 0 ? 1 : 0;
	record->value.port = port;
}

/* RFC 6186 §3.4: what isn't offered leads to the root. */
static void add_services(struct making *self)
{
	for (size_t i = 0; i < self->plan->service_count; i++)
		add_service(self, self->plan->services[i].label, self->plan->services[i].port, self->plan->services[i].preference);
}

/* Where mail clients ask for files. Another web server may give those of Thunderbird and Outlook; the last two are for this one's alone. */
static void add_settings(struct making *self)
{
	add(self, ZONE_ALIAS, LOOKUP_CNAME, "autoconfig", self->plan->hostname);
	add(self, ZONE_ALIAS, LOOKUP_CNAME, "autodiscover", self->plan->hostname);
	if (self->plan->web_port == 0)
		return;
	add_service(self, SLICE("_autodiscover"), self->plan->web_port, 0);
	if (self->plan->agents.len > 0) {
		add(self, ZONE_ALIAS, LOOKUP_CNAME, "ua-auto-config", self->plan->hostname);
		add_text(self, ZONE_AGENTS, "_ua-auto-config", self->plan->agents, false);
	}
}

/* The server's own key, whoever made the certificate: 3 1 1 (RFC 7672 §3.1). */
static void add_keys(struct making *self)
{
	static const char fixed[] = {3, 1, 1};
	struct slice name = arena_printf(self->arena, "_25._tcp.%.*s", SLICE_ARG(self->plan->hostname));
	for (size_t i = 0; i < self->plan->digest_count; i++) {
		char *data = arena_alloc(self->arena, sizeof fixed + ZONE_DIGEST_SIZE);
		memcpy(data, fixed, sizeof fixed);
		memcpy(data + sizeof fixed, self->plan->digests[i], ZONE_DIGEST_SIZE);
		self->list[self->count++] = (struct zone_record){.purpose = i == 0 ? ZONE_KEY : ZONE_NEXT_KEY, .type = LOOKUP_TLSA, .name = name, .value = {.data = slice_make(data, sizeof fixed + ZONE_DIGEST_SIZE)}};
	}
}

void zone_make(const struct zone_plan *plan, struct arena *arena, struct zone_record **list, size_t *count)
{
	struct making self = {.plan = plan, .arena = arena};
	self.list = arena_array(arena, RECORDS_BESIDE + plan->key_count + plan->service_count + plan->digest_count, sizeof *self.list);
	add_senders(&self);
	add_text(&self, ZONE_STS, "_mta-sts", policy_record(&self), false);
	add(&self, ZONE_ALIAS, LOOKUP_CNAME, "mta-sts", plan->hostname);
	add_text(&self, ZONE_TLSRPT, "_smtp._tls", arena_printf(arena, "v=TLSRPTv1; rua=mailto:postmaster@%.*s", SLICE_ARG(plan->domain)), false);
	add_services(&self);
	add_settings(&self);
	if (plan->authority.len > 0)
		add(&self, ZONE_AUTHORITY, LOOKUP_CAA, "", arena_printf(arena, "issue %.*s", SLICE_ARG(plan->authority)));
	add_keys(&self);
	*list = self.list;
	*count = self.count;
}
