/* pombal reports sent, send: what this server has reported to other domains, and doing that now. */
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "message/address.h"
#include "policy/sent.h"

enum { DAY_SECONDS = 24 * 3600, SINCE_MAX = 36500, ANSWER_MAX = 1024 };

/* ---- pombal reports sent ---- */

struct listing {
	struct command_line *line;
	struct slice domain; /* the only one that is asked for; empty: all */
	int64_t since;
	json_t *list;        /* NULL: lines are printed */
	size_t count;
};

static json_t *json_of_sent(const struct policy_sent *sent)
{
	json_t *to = json_array();
	struct slice one, rest = sent->addresses;
	while (rest.len > 0) {
		slice_cut(rest, ' ', &one, &rest);
		json_array_append_new(to, cli_json_of_slice(one));
	}
	return json_pack("{s:I, s:s, s:o, s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:o}", "when", (json_int_t)sent->when, "kind", report_kind_name(sent->kind), "domain",
			 cli_json_of_slice(sent->domain), "begin", (json_int_t)sent->begin, "end", (json_int_t)sent->end, "report", cli_json_of_slice(sent->id), "outcome",
			 cli_json_of_slice(sent->outcome), "messages", (json_int_t)sent->messages, "rows", (json_int_t)sent->rows, "bytes", (json_int_t)sent->bytes, "to", to);
}

static void print_sent(const struct policy_sent *sent)
{
	char when[32], begin[32];
	bool tls = sent->kind == REPORT_TLS;
	printf("%.16s  %-5s  ", cli_time_text(sent->when, when), tls ? "TLS" : "DMARC");
	cli_print_safe(sent->domain);
	printf(", %.10s: %llu %s%s in %llu row%s: ", cli_time_text(sent->begin, begin), (unsigned long long)sent->messages, tls ? "session" : "message",
	       sent->messages == 1 ? "" : "s", (unsigned long long)sent->rows, sent->rows == 1 ? "" : "s");
	cli_print_safe(sent->outcome);
	fputs(sent->addresses.len > 0 ? ", to " : "", stdout);
	cli_print_safe(sent->addresses);
	putchar('\n');
}

static void take(void *context, const struct policy_sent *sent)
{
	struct listing *listing = context;
	if (sent->when < listing->since || (listing->domain.len > 0 && !slice_equal(sent->domain, listing->domain)))
		return;
	listing->count++;
	if (listing->list)
		json_array_append_new(listing->list, json_of_sent(sent));
	else
		print_sent(sent);
}

static int list_sent(struct listing *listing)
{
	struct error error;
	struct command_line *line = listing->line;
	const char *path = arena_printf(line->arena, "%s/policy/" POLICY_SENT, line->data).at;
	listing->list = line->json ? json_array() : NULL;
	if (!policy_sent_read(path, take, listing, &error)) {
		json_decref(listing->list);
		return command_fail_with(line, &error);
	}
	if (line->json)
		return command_print_json(listing->list);
	if (listing->count == 0)
		puts(*config_current()->reports_from ? "No reports were sent." : "No reports were sent: the option reports_from is empty.");
	return COMMAND_DONE;
}

static int run_sent(struct command_line *line)
{
	struct listing listing = {.line = line};
	struct error error;
	const char *since = command_value(line, "since");
	uint64_t days = 0;
	if (since && !slice_to_number(slice_of(since), SINCE_MAX, &days))
		return command_misuse(line, "\"%s\" is no number of days", since);
	listing.since = since ? clock_now() - (int64_t)days * DAY_SECONDS : 0;
	if (!instance_enter(line))
		return COMMAND_FAILED;
	if (line->count == 1 && !instance_domain(line, command_argument(line, 0), &listing.domain, &error))
		return command_fail_with(line, &error);
	listing.domain = domain_to_ascii(listing.domain, line->arena); /* as reports name it */
	int status = list_sent(&listing);
	config_free_all();
	return status;
}

/* ---- pombal reports send ---- */

static int ask_for_reports(struct command_line *line)
{
	struct error error;
	struct buf answer = BUF(ANSWER_MAX);
	const char *path = arena_printf(line->arena, "%s/policy/" POLICY_SENT_NOW, line->data).at;
	if (!*config_current()->reports_from)
		return command_fail(line, "the option reports_from is empty, so nothing is gathered, and nobody is told");
	if (!file_replace(path, slice_of(NULL), 0600, &error))
		return command_fail_with(line, &error);
	bool done = instance_ask(line, "reports", &answer, &error);
	buf_free(&answer);
	if (!done) {
		unlink(path);
		return command_fail_with(line, &error);
	}
	instance_note(line, "admin.reports_sent");
	puts("Reports of what was seen since the last ones go out now; `pombal reports sent` says what became of them.");
	return COMMAND_DONE;
}

static int run_send(struct command_line *line)
{
	if (!instance_enter(line))
		return COMMAND_FAILED;
	int status = ask_for_reports(line);
	config_free_all();
	return status;
}

static const struct command_option sent_options[] = {
	{"since", "DAYS", "only what was sent within the last days"},
	{0},
};

const struct command cli_reports_sent_commands[] = {
	{"reports sent", "[DOMAIN]", "Says what this server has reported to other domains of mail in their names (DMARC) and of sessions with their servers (TLS), or why it hasn't.",
	 run_sent, sent_options, 0, 1, COMMAND_JSON, ADMIN_READS},
	{"reports send", "", "Sends other domains their reports now, with what was seen until now, and not when the day is over.", run_send, NULL, 0, 0, 0, ADMIN_CHANGES},
	{0},
};
