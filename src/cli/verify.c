/* pombal verify: what is to be made of a message's sender, as this server sees it, and why: its signatures (of both kinds) and seals; and SPF, DMARC, the brand indicator (BIMI) and
 * the address's name, where it is told from where the message came. */
#include <arpa/inet.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "message/canonical.h"
#include "message/header.h"
#include "net/dns.h"
#include "policy/policy.h"

enum { MESSAGE_MAX = 256 * 1024 * 1024, FIELD_ROOM = 64 * 1024, WAIT_MS = 60 * 1000, RECIPIENTS_MAX = 100, RECIPIENTS_SHOWN = 5 };

struct verification {
	struct command_line *line;
	struct buf message; /* with CR LF */
	struct policy_mail mail;
	char client[16];    /* the bytes of mail.client */
	struct policy_check *check;
	struct lookup *table;
	struct dkim2_envelope envelope;
	struct slice recipients[RECIPIENTS_MAX];
	const struct policy_verdict *verdict;
};

/* As it would be kept: a file of this machine may have other line ends. */
static bool read_message(struct verification *self, const char *path, struct error *error)
{
	struct buf file = BUF(MESSAGE_MAX);
	struct canonical canonical = {0};
	bool done = command_read_file(self->line, path, &file, error);
	self->message = BUF(CANONICAL_FACTOR * file.len + CANONICAL_MORE * file.len);
	if (done) {
		canonical_write(&canonical, buf_slice(&file), &self->message);
		canonical_end(&canonical, &self->message);
	}
	buf_free(&file);
	return done;
}

/* False: the address of --ip is none. */
static bool read_client(struct verification *self)
{
	const char *text = command_value(self->line, "ip");
	bool four = text && inet_pton(AF_INET, text, self->client) == 1, six = text && !four && inet_pton(AF_INET6, text, self->client) == 1;
	self->mail.client = slice_make(self->client, four ? 4 : six ? 16 : 0);
	return !text || four || six;
}

/* What is given of the envelope: without, nobody knows it. */
static void read_envelope(struct verification *self)
{
	struct slice rest = slice_of(command_value(self->line, "to")), one;
	while (rest.len > 0 && self->envelope.recipient_count < RECIPIENTS_MAX) {
		slice_cut(rest, ',', &one, &rest);
		self->recipients[self->envelope.recipient_count++] = slice_trim(one);
	}
	self->envelope.from = self->mail.sender;
	self->envelope.recipients = self->recipients;
	self->mail.dkim2 = true;
	self->mail.envelope = command_value(self->line, "from") || command_value(self->line, "to") ? &self->envelope : NULL;
}

static void begin(struct verification *self)
{
	struct slice message = buf_slice(&self->message);
	size_t length = header_length(message);
	self->mail.helo = slice_of(command_value(self->line, "helo"));
	self->mail.sender = slice_of(command_value(self->line, "from"));
	self->mail.receiver = config_current() ? slice_of(config_current()->hostname) : SLICE("localhost");
	self->mail.header = slice_sub(message, 0, length);
	self->mail.now = clock_now();
	self->mail.brand = true;
	read_envelope(self);
	if (config_current()) {
		self->mail.trusted_sealers = config_current()->arc_trusted.at;
		self->mail.trusted_sealer_count = config_current()->arc_trusted.count;
	}
	self->check = policy_check_new(&self->mail);
	policy_check_body(self->check, slice_skip(message, length));
	self->table = lookup_new();
}

static bool look_up(struct verification *self, struct error *error)
{
	const struct config *config = config_current();
	const char *resolver = command_value(self->line, "resolver"), *none = "none";
	struct dns_options named = {.resolver = resolver, .trust_anchors = &none, .trust_anchor_count = 1};
	struct dns *dns = dns_new(resolver ? &named : &(struct dns_options){config->resolver, config->trust_anchors.at, config->trust_anchors.count}, error);
	int64_t deadline = clock_monotonic_ms() + WAIT_MS;
	if (!dns)
		return false;
	while (!(self->verdict = policy_check_run(self->check, self->table)))
		dns_answer(dns, self->table, deadline);
	dns_free(&dns);
	return true;
}

static void print_signature(const struct dkim_verdict *verdict)
{
	printf("signature of ");
	cli_print_safe(verdict->domain.len > 0 ? verdict->domain : SLICE("nobody knows whom"));
	if (verdict->selector.len > 0)
		printf(", key ");
	cli_print_safe(verdict->selector);
	if (verdict->bits > 0)
		printf(" (%u bits)", verdict->bits);
	printf(": %s: ", dkim_result_name(verdict->result));
	cli_print_safe(verdict->why);
	puts(verdict->testing ? "; the domain is testing" : "");
}

static void print_chain(const struct arc_verdict *verdict)
{
	for (size_t i = 0; i < verdict->count; i++) {
		printf("seal %zu of ", i + 1);
		cli_print_safe(verdict->seals[i].domain);
		putchar('\n');
	}
	printf("seals: %s: ", arc_result_name(verdict->result));
	cli_print_safe(verdict->why);
	putchar('\n');
}

/* Each signature and each state of the message, and what was found of them. */
static void print_custody(const struct dkim2_verdict *verdict)
{
	for (size_t i = 0; i < verdict->hop_count; i++) {
		const struct dkim2_hop *hop = &verdict->hops[i];
		printf("DKIM2 i=%zu of ", i + 1);
		cli_print_safe(hop->domain);
		printf(", from ");
		cli_print_safe(hop->from);
		for (size_t j = 0; j < hop->recipient_count && j < RECIPIENTS_SHOWN; j++) {
			fputs(j == 0 ? " to " : ", ", stdout);
			cli_print_safe(hop->recipients[j]);
		}
		printf("%s, message m=%u: ", hop->recipient_count > RECIPIENTS_SHOWN ? " and others" : "", hop->instance);
		cli_print_safe(hop->why);
		putchar('\n');
	}
	for (size_t i = 0; i < verdict->instance_count; i++) {
		printf("DKIM2 m=%zu: ", i + 1);
		cli_print_safe(verdict->instances[i].why);
		putchar('\n');
	}
	printf("DKIM2: %s: ", dkim2_result_name(verdict->result));
	cli_print_safe(verdict->why);
	putchar('\n');
}

static void print_line(const char *before, struct slice text)
{
	printf("%s", before);
	cli_print_safe(text);
	printf("\n");
}

static void print_spf(const struct spf_verdict *spf)
{
	printf("SPF: %s: ", spf_result_name(spf->result));
	print_line("", spf->reason);
	for (size_t i = 0; i < spf->step_count; i++) {
		const struct spf_step *step = &spf->steps[i];
		printf("  %*s", (int)step->depth * 2, "");
		cli_print_safe(step->domain);
		fputs(step->term.len > 0 ? "  " : "", stdout);
		cli_print_safe(step->term);
		print_line("  ", step->said);
	}
	if (spf->explanation.len > 0)
		print_line("  The domain says: ", spf->explanation);
}

static void print_dmarc(const struct dmarc_verdict *dmarc)
{
	printf("DMARC: %s: ", dmarc_result_name(dmarc->result));
	print_line("", dmarc->reason);
	if (dmarc->author.len > 0)
		print_line("  author ", dmarc->author);
	if (dmarc->policy_domain.len > 0)
		print_line("  policy of ", dmarc->policy_domain);
	if (dmarc->organization.len > 0)
		print_line("  organizational domain ", dmarc->organization);
	printf("  wanted: %s, to be done: %s\n", dmarc_policy_name(dmarc->policy), dmarc_policy_name(dmarc->disposition));
}

static void print_bimi(const struct bimi_verdict *bimi)
{
	printf("BIMI: %s: %s\n", bimi_result_name(bimi->result), bimi->reason);
	if (bimi->domain.len > 0) {
		printf("  record of ");
		cli_print_safe(bimi->domain);
		print_line(", selector ", bimi->selector);
	}
	if (bimi->record.location.len > 0)
		print_line("  logo ", bimi->record.location);
	if (bimi->record.authority.len > 0)
		print_line("  vouched for by ", bimi->record.authority);
}

static void print_sender(const struct policy_verdict *verdict, struct slice field)
{
	printf("iprev: %s: ", policy_iprev_name(verdict->iprev));
	print_line("", verdict->client_name.len > 0 ? verdict->client_name : SLICE("the address has no name"));
	print_spf(&verdict->spf);
	print_dmarc(&verdict->dmarc);
	if (verdict->override.len > 0)
		print_line("  taken all the same: ", verdict->override);
	print_bimi(&verdict->bimi);
	for (struct slice line; field.len > 0;) {
		slice_cut(field, '\n', &line, &field);
		print_line("", slice_trim(line));
	}
}

static json_t *json_of_signature(const struct dkim_verdict *verdict)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:b}", "result", dkim_result_name(verdict->result), "why", cli_json_of_slice(verdict->why), "domain",
			 cli_json_of_slice(verdict->domain), "selector", cli_json_of_slice(verdict->selector), "identity", cli_json_of_slice(verdict->identity),
			 "algorithm", cli_json_of_slice(verdict->algorithm), "bits", (int)verdict->bits, "testing", verdict->testing);
}

static json_t *json_of_custody(const struct dkim2_verdict *verdict)
{
	json_t *hops = json_array(), *instances = json_array();
	for (size_t i = 0; i < verdict->hop_count; i++) {
		const struct dkim2_hop *hop = &verdict->hops[i];
		json_t *recipients = json_array();
		for (size_t j = 0; j < hop->recipient_count; j++)
			json_array_append_new(recipients, cli_json_of_slice(hop->recipients[j]));
		json_array_append_new(hops, json_pack("{s:o, s:o, s:o, s:i, s:I, s:o}", "domain", cli_json_of_slice(hop->domain), "from", cli_json_of_slice(hop->from), "to", recipients,
						      "instance", (int)hop->instance, "made", (json_int_t)hop->made, "why", cli_json_of_slice(hop->why)));
	}
	for (size_t i = 0; i < verdict->instance_count; i++)
		json_array_append_new(instances, json_pack("{s:b, s:o}", "recreated", verdict->instances[i].recreated, "why", cli_json_of_slice(verdict->instances[i].why)));
	return json_pack("{s:s, s:o, s:o, s:o}", "result", dkim2_result_name(verdict->result), "why", cli_json_of_slice(verdict->why), "signatures", hops, "instances", instances);
}

static json_t *json_of_spf(const struct spf_verdict *spf)
{
	json_t *steps = json_array();
	for (size_t i = 0; i < spf->step_count; i++)
		json_array_append_new(steps, json_pack("{s:i, s:o, s:o, s:o}", "depth", (int)spf->steps[i].depth, "domain", cli_json_of_slice(spf->steps[i].domain),
						       "term", cli_json_of_slice(spf->steps[i].term), "said", cli_json_of_slice(spf->steps[i].said)));
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "result", spf_result_name(spf->result), "domain", cli_json_of_slice(spf->domain), "mechanism",
			 cli_json_of_slice(spf->mechanism), "reason", cli_json_of_slice(spf->reason), "explanation", cli_json_of_slice(spf->explanation), "steps", steps);
}

static json_t *json_of_dmarc(const struct dmarc_verdict *dmarc)
{
	return json_pack("{s:s, s:o, s:o, s:s, s:s, s:b, s:b, s:o}", "result", dmarc_result_name(dmarc->result), "author", cli_json_of_slice(dmarc->author), "policy_domain",
			 cli_json_of_slice(dmarc->policy_domain), "policy", dmarc_policy_name(dmarc->policy), "disposition", dmarc_policy_name(dmarc->disposition),
			 "spf_aligned", dmarc->spf_aligned, "dkim_aligned", dmarc->dkim_aligned, "reason", cli_json_of_slice(dmarc->reason));
}

static json_t *json_of_bimi(const struct bimi_verdict *bimi)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:s}", "result", bimi_result_name(bimi->result), "domain", cli_json_of_slice(bimi->domain), "selector",
			 cli_json_of_slice(bimi->selector), "logo", cli_json_of_slice(bimi->record.location), "authority", cli_json_of_slice(bimi->record.authority),
			 "reason", bimi->reason);
}

static int print_json(const struct verification *self, struct slice field)
{
	const struct policy_verdict *verdict = self->verdict;
	json_t *list = json_array(), *seals = json_array();
	for (size_t i = 0; i < verdict->dkim_count; i++)
		json_array_append_new(list, json_of_signature(&verdict->dkim[i]));
	for (size_t i = 0; i < verdict->arc->count; i++)
		json_array_append_new(seals, cli_json_of_slice(verdict->arc->seals[i].domain));
	json_t *all = json_pack("{s:o, s:o, s:{s:s, s:o, s:o}}", "dkim2", json_of_custody(verdict->dkim2), "dkim", list, "arc", "result", arc_result_name(verdict->arc->result), "why",
				cli_json_of_slice(verdict->arc->why), "seals", seals);
	if (self->mail.client.len > 0)
		json_object_update_new(all, json_pack("{s:o, s:o, s:o, s:o, s:{s:s, s:o}, s:o}", "bimi", json_of_bimi(&verdict->bimi), "spf", json_of_spf(&verdict->spf), "dmarc", json_of_dmarc(&verdict->dmarc), "override",
						      cli_json_of_slice(verdict->override),
						      "iprev", "result", policy_iprev_name(verdict->iprev), "name", cli_json_of_slice(verdict->client_name), "field",
						      cli_json_of_slice(field)));
	return command_print_json(all);
}

static int print_text(const struct verification *self, struct slice field)
{
	const struct policy_verdict *verdict = self->verdict;
	for (size_t i = 0; i < verdict->dkim_count; i++)
		print_signature(&verdict->dkim[i]);
	if (verdict->dkim_count == 0)
		puts("signatures: none");
	print_chain(verdict->arc);
	print_custody(verdict->dkim2);
	if (self->mail.client.len > 0)
		print_sender(verdict, field);
	return COMMAND_DONE;
}

static int print(struct verification *self)
{
	struct buf field = BUF(FIELD_ROOM);
	policy_write_results(&self->mail, self->verdict, &field);
	int status = self->line->json ? print_json(self, buf_slice(&field)) : print_text(self, buf_slice(&field));
	buf_free(&field);
	return status;
}

static int run_verify(struct command_line *line)
{
	struct verification self = {.line = line};
	struct error error;
	int status = COMMAND_FAILED;
	if (!read_client(&self))
		return command_misuse(line, "\"%s\" is no address", command_value(line, "ip"));
	bool there = read_message(&self, command_argument(line, 0).at, &error); /* as who asks, before becoming the owner of the data */
	if (!there)
		status = command_fail_with(line, &error);
	else if (command_value(line, "resolver") || instance_enter_reading(line)) {
		begin(&self);
		status = look_up(&self, &error) ? print(&self) : command_fail_with(line, &error);
	}
	policy_check_free(&self.check);
	lookup_free(&self.table);
	buf_free(&self.message);
	config_free_all();
	return status;
}

static const struct command_option options[] = {
	{"resolver", "ADDRESS[@PORT]", "the DNS server to ask, without validation; else the data directory's option resolver says it", false, OPTION_LOCAL},
	{"ip", "ADDRESS", "the client's address: without it, SPF, DMARC and the name of the address aren't looked at"},
	{"helo", "NAME", "what the client said after HELO or EHLO"},
	{"from", "ADDRESS", "the envelope's sender; empty for a report"},
	{"to", "ADDRESSES", "the envelope's recipients, with commas: with them, or --from, signatures of the second kind (DKIM2) are held against the envelope"},
	{0},
};

const struct command cli_verify_commands[] = {
	{"verify", "FILE", "Says what is to be made of the sender of a message in a file, and why: signatures (DKIM, DKIM2), seals (ARC), SPF, DMARC, the address's name.", run_verify, options, 1, 1,
	 COMMAND_JSON | COMMAND_NO_DATA, ADMIN_READS | ADMIN_NETWORK | ADMIN_FILE},
	{0},
};
