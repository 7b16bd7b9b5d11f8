/* pombal verify: what the signatures and seals of a message are worth, as this server sees it, and why. */
#include "arc/arc.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "dkim/dkim.h"
#include "message/canonical.h"
#include "message/header.h"
#include "net/dns.h"

enum { MESSAGE_MAX = 256 * 1024 * 1024 };

struct verification {
	struct command_line *line;
	struct buf message; /* with CR LF */
	struct dkim_verify *dkim;
	struct arc_verify *arc;
	struct lookup *table;
};

/* As it would be kept: a file of this machine may have other line ends. */
static bool read_message(struct verification *self, const char *path, struct error *error)
{
	struct buf file = BUF(MESSAGE_MAX);
	struct canonical canonical = {0};
	bool done = file_read(path, &file, error);
	self->message = BUF(CANONICAL_FACTOR * file.len + CANONICAL_MORE * file.len);
	if (done) {
		canonical_write(&canonical, buf_slice(&file), &self->message);
		canonical_end(&canonical, &self->message);
	}
	buf_free(&file);
	return done;
}

static void begin(struct verification *self)
{
	struct slice message = buf_slice(&self->message);
	size_t length = header_length(message);
	self->dkim = dkim_verify_new(slice_sub(message, 0, length), clock_now());
	self->arc = arc_verify_new(slice_sub(message, 0, length));
	dkim_verify_body(self->dkim, slice_skip(message, length));
	arc_verify_body(self->arc, slice_skip(message, length));
	self->table = lookup_new();
	dkim_verify_ask(self->dkim, self->table);
	arc_verify_ask(self->arc, self->table);
}

static bool look_up(struct verification *self, struct error *error)
{
	const struct config *config = config_current();
	const char *resolver = command_value(self->line, "resolver"), *none = "none";
	struct dns_options named = {.resolver = resolver, .trust_anchors = &none, .trust_anchor_count = 1};
	struct dns *dns = dns_new(resolver ? &named : &(struct dns_options){config->resolver, config->trust_anchors.at, config->trust_anchors.count}, error);
	if (!dns)
		return false;
	dns_answer(dns, self->table);
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

static json_t *json_of_signature(const struct dkim_verdict *verdict)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:b}", "result", dkim_result_name(verdict->result), "why", cli_json_of_slice(verdict->why), "domain",
			 cli_json_of_slice(verdict->domain), "selector", cli_json_of_slice(verdict->selector), "identity", cli_json_of_slice(verdict->identity),
			 "algorithm", cli_json_of_slice(verdict->algorithm), "bits", (int)verdict->bits, "testing", verdict->testing);
}

static int print_json(const struct dkim_verdict *signatures, size_t count, const struct arc_verdict *chain)
{
	json_t *list = json_array(), *seals = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_of_signature(&signatures[i]));
	for (size_t i = 0; i < chain->count; i++)
		json_array_append_new(seals, cli_json_of_slice(chain->seals[i].domain));
	return command_print_json(json_pack("{s:o, s:{s:s, s:o, s:o}}", "dkim", list, "arc", "result", arc_result_name(chain->result), "why",
					    cli_json_of_slice(chain->why), "seals", seals));
}

static int print(struct verification *self)
{
	size_t count;
	const struct dkim_verdict *signatures = dkim_verify_end(self->dkim, self->table, &count);
	const struct arc_verdict *chain = arc_verify_end(self->arc, self->table);
	if (self->line->json)
		return print_json(signatures, count, chain);
	for (size_t i = 0; i < count; i++)
		print_signature(&signatures[i]);
	if (count == 0)
		puts("signatures: none");
	print_chain(chain);
	return COMMAND_DONE;
}

static int run_verify(struct command_line *line)
{
	struct verification self = {.line = line};
	struct error error;
	int status = COMMAND_FAILED;
	bool there = read_message(&self, command_argument(line, 0).at, &error); /* as who asks, before becoming the owner of the data */
	if (!there)
		status = command_fail(line, "%s", error.text);
	else if (command_value(line, "resolver") || instance_enter_reading(line)) {
		begin(&self);
		status = look_up(&self, &error) ? print(&self) : command_fail(line, "%s", error.text);
	}
	dkim_verify_free(&self.dkim);
	arc_verify_free(&self.arc);
	lookup_free(&self.table);
	buf_free(&self.message);
	config_free_all();
	return status;
}

static const struct command_option options[] = {
	{"resolver", "ADDRESS[@PORT]", "the DNS server to ask, without validation; else the data directory's option resolver says it"},
	{0},
};

const struct command cli_verify_commands[] = {
	{"verify", "FILE", "Says of a message in a file whose signatures (DKIM) and seals (ARC) it bears, what they are worth, and why.", run_verify, options, 1, 1,
	 COMMAND_JSON | COMMAND_NO_DATA},
	{0},
};
