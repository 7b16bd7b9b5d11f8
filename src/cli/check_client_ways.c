/* The ways of the clients. Thunderbird's and K-9's are those of their source (comm-central's FetchConfig, thunderbird-android's autodiscovery);
 * Outlook's is the one that Microsoft documents; of Apple's programs it isn't published: they ask neither for SRV records nor for any of the
 * files of others. Where a client asks a service of its vendor, or a database of all providers, that step is named and passed over: nothing of an
 * address here is anybody else's business. */
#include "base/clock.h"
#include "cli/check_client.h"
#include "message/address.h"
#include "xml/xml.h"

enum { LOOKUP_SECONDS = 20, OUTLOOK_REDIRECTS_MAX = 3 };

#define SETTINGS_MEND "Let it give what this server makes, instead of a page or a file of its own."

static void pass_over(struct cli_client_look *look, const char *step, const char *why) { cli_client_step(look, CLI_CLIENT_PASSED, slice_of(step), SLICE(""), "%s", why); }

/* ---- config-v1.1.xml ---- */

static bool has_imap(const struct autoconfig_found *found)
{
	for (size_t i = 0; i < found->count; i++)
		if (found->servers[i].kind == AUTOCONFIG_IMAP && found->servers[i].security != AUTOCONFIG_PLAIN)
			return true;
	return false;
}

/* How the two kinds of clients differ: K-9 tells nobody who asks, and knows neither POP3 nor connections without TLS. */
enum reader { READER_THUNDERBIRD, READER_ANDROID };

/* Over http anybody on the way can name another server, which then gets the password. */
static void ask_autoconfig(struct cli_client_look *look, enum reader reader, struct slice url)
{
	struct cli_client_answer answer;
	struct autoconfig_found found;
	struct error error;
	struct slice full = reader == READER_THUNDERBIRD ? arena_printf(look->line->arena, "%.*s?emailaddress=%.*s", SLICE_ARG(url), SLICE_ARG(look->encoded)) : url;
	struct slice warning = slice_starts(url, SLICE("http:")) ? SLICE("Make a step with https work: over http anybody on the way can put another server in.") : SLICE("");
	if (look->over || !cli_client_ask(look, &(struct cli_client_question){.url = full}, &answer))
		return;
	if (!autoconfig_read_client_config(answer.body, look->line->arena, &found, &error))
		cli_client_step(look, CLI_CLIENT_WRONG, full, SLICE(SETTINGS_MEND), "what it gives can't be used: %s", error.text);
	else if (reader == READER_ANDROID && !has_imap(&found))
		cli_client_step(look, CLI_CLIENT_WRONG, full, SLICE("Offer IMAP with TLS: this client knows nothing else."), "it names no server for IMAP with TLS");
	else
		cli_client_found(look, full, &found, warning);
}

/* The four places of a domain itself. */
static void ask_domain(struct cli_client_look *look, enum reader reader)
{
	static const char *const schemes[] = {"https", "http"};
	struct slice domain = look->domain;
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		ask_autoconfig(look, reader, arena_printf(look->line->arena, "%s://autoconfig.%.*s/mail/config-v1.1.xml", schemes[i], SLICE_ARG(domain)));
		ask_autoconfig(look, reader, arena_printf(look->line->arena, "%s://%.*s/.well-known/autoconfig/mail/config-v1.1.xml", schemes[i], SLICE_ARG(domain)));
	}
}

static struct slice best_mx(struct cli_client_look *look, struct slice step)
{
	struct dns_mx *list;
	size_t count = 0, best = 0;
	enum dns_security security;
	struct error error = {.text = "no answer"};
	enum dns_status status = dns_mx(look->dns, look->domain, look->line->arena, &list, &count, &security, &error);
	if (status == DNS_TEMPORARY)
		cli_client_unknown(look, step, "MX record", look->domain, error.text);
	else if (status != DNS_FOUND || count == 0)
		cli_client_step(look, CLI_CLIENT_MISSING, step, SLICE("`pombal domain dns` prints the record."), "the domain has no MX record");
	if (status != DNS_FOUND || count == 0)
		return SLICE("");
	for (size_t i = 1; i < count; i++)
		best = list[i].preference < list[best].preference ? i : best;
	return list[best].host;
}

/* The domain that the best mail server's name lies in; both clients ask it, with https alone. */
static void ask_mx_domain(struct cli_client_look *look, enum reader reader)
{
	struct slice step = SLICE("the domain of the mail server (MX)"), first, rest;
	if (look->over)
		return;
	struct slice host = best_mx(look, step);
	slice_cut(host, '.', &first, &rest);
	if (host.len == 0)
		return;
	if (slice_equal_nocase(rest, look->domain) || slice_find_char(rest, '.') == SLICE_NONE) {
		cli_client_step(look, CLI_CLIENT_PASSED, step, SLICE(""), "%.*s is not in another domain: there is nothing else to ask", SLICE_ARG(host));
		return;
	}
	ask_autoconfig(look, reader, arena_printf(look->line->arena, "https://autoconfig.%.*s/mail/config-v1.1.xml", SLICE_ARG(rest)));
}

void cli_client_thunderbird(struct cli_client_look *look)
{
	ask_domain(look, READER_THUNDERBIRD);
	if (!look->over)
		pass_over(look, "Thunderbird's database of providers (ISPDB)", "not asked: nothing goes to third parties");
	ask_mx_domain(look, READER_THUNDERBIRD);
	if (!look->over)
		pass_over(look, "Autodiscover", "asked at the same places as by Outlook, see there; it counts if nothing else is found");
}

void cli_client_android(struct cli_client_look *look)
{
	ask_domain(look, READER_ANDROID);
	if (!look->over)
		pass_over(look, "Thunderbird's database of providers (ISPDB)", "not asked: nothing goes to third parties");
	ask_mx_domain(look, READER_ANDROID);
}

/* ---- Outlook ---- */

static struct slice outlook_question(struct cli_client_look *look)
{
	struct buf text = BUF(6 * ADDRESS_MAX);
	xml_append(&text, look->address);
	struct slice escaped = arena_copy(look->line->arena, buf_slice(&text));
	buf_free(&text);
	return arena_printf(look->line->arena,
			    "<?xml version=\"1.0\" encoding=\"utf-8\"?><Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006\"><Request>"
			    "<EMailAddress>%.*s</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
			    "</AcceptableResponseSchema></Request></Autodiscover>",
			    SLICE_ARG(escaped));
}

static void tell_outlook(struct cli_client_look *look, struct slice step, const struct autoconfig_found *found)
{
	if (found->redirect_address.len > 0)
		cli_client_step(look, CLI_CLIENT_ELSEWHERE, step, SLICE("Take the redirect away, unless that is meant."), "it sends clients on to the address %.*s",
				SLICE_ARG(found->redirect_address));
	else
		cli_client_found(look, step, found, SLICE(""));
}

/* Posts the question, and goes where the answer may send it: to https alone. */
static void ask_outlook(struct cli_client_look *look, struct slice step, struct slice url)
{
	struct autoconfig_found found = {.redirect_url = url};
	struct error error;
	for (int i = 0; i <= OUTLOOK_REDIRECTS_MAX; i++) {
		struct cli_client_question question = {.url = found.redirect_url, .step = step, .body = outlook_question(look), .type = SLICE("text/xml; charset=utf-8")};
		struct cli_client_answer answer;
		if (!cli_client_ask(look, &question, &answer))
			return;
		if (!autoconfig_read_outlook(answer.body, look->line->arena, &found, &error)) {
			cli_client_step(look, CLI_CLIENT_WRONG, step, SLICE(SETTINGS_MEND), "what it answers can't be used: %s", error.text);
			return;
		}
		if (found.redirect_url.len == 0) {
			tell_outlook(look, step, &found);
			return;
		}
		if (!slice_starts_nocase(found.redirect_url, SLICE("https://")))
			break;
	}
	cli_client_step(look, CLI_CLIENT_WRONG, step, SLICE("Let it give the settings themselves."), "it sends clients on and on, or to what isn't https: %.*s",
			SLICE_ARG(found.redirect_url));
}

static void ask_outlook_at(struct cli_client_look *look, struct slice url)
{
	if (!look->over)
		ask_outlook(look, url, url);
}

/* Nothing but a redirect to https counts there: no password goes over http. */
static void ask_outlook_redirect(struct cli_client_look *look)
{
	struct slice url = arena_printf(look->line->arena, "http://autodiscover.%.*s/autodiscover/autodiscover.xml", SLICE_ARG(look->domain));
	struct cli_client_answer answer;
	if (look->over || !cli_client_ask(look, &(struct cli_client_question){.url = url, .no_redirects = true}, &answer))
		return;
	if (slice_starts_nocase(answer.location, SLICE("https://")))
		ask_outlook(look, url, answer.location);
	else
		cli_client_step(look, CLI_CLIENT_MISSING, url,
				arena_printf(look->line->arena, "Nothing needs to be done if another step finds the settings; else let it lead to https://%.*s/autodiscover/autodiscover.xml.",
					     SLICE_ARG(look->plan.hostname)),
				"it answers %d, and leads to no https address", answer.status);
}

static const struct lookup_answer *look_up(struct cli_client_look *look, struct lookup *table, enum lookup_type type, struct slice name)
{
	lookup_get(table, type, name);
	dns_answer(look->dns, table, clock_monotonic_ms() + LOOKUP_SECONDS * 1000);
	lookup_give_up(table);
	return lookup_get(table, type, name);
}

/* The record that is to be tried first (RFC 2782); NULL: there is none, or it leads nowhere on purpose. */
static const struct lookup_record *best_srv(const struct lookup_answer *answer)
{
	const struct lookup_record *best = NULL;
	for (size_t i = 0; answer->status == LOOKUP_FOUND && i < answer->count; i++)
		if (!best || answer->records[i].preference < best->preference)
			best = &answer->records[i];
	return best && best->data.len > 0 ? best : NULL;
}

static void ask_outlook_srv(struct cli_client_look *look)
{
	struct slice name = arena_printf(look->line->arena, "_autodiscover._tcp.%.*s", SLICE_ARG(look->domain));
	struct slice step = arena_printf(look->line->arena, "%.*s SRV", SLICE_ARG(name));
	struct lookup *table = lookup_new();
	const struct lookup_answer *answer = look->over ? NULL : look_up(look, table, LOOKUP_SRV, name);
	const struct lookup_record *best = answer ? best_srv(answer) : NULL;
	if (best)
		ask_outlook(look, step, arena_printf(look->line->arena, "https://%.*s/autodiscover/autodiscover.xml", SLICE_ARG(best->data)));
	else if (answer && answer->status == LOOKUP_FAILED)
		cli_client_unknown(look, step, "SRV record", name, "no answer");
	else if (answer)
		cli_client_step(look, CLI_CLIENT_MISSING, step,
				arena_printf(look->line->arena, "Add the record: %.*s. SRV 0 1 443 %.*s.", SLICE_ARG(name), SLICE_ARG(look->plan.hostname)), "there is no such record");
	lookup_free(&table);
}

void cli_client_outlook(struct cli_client_look *look)
{
	pass_over(look, "Microsoft's own service",
		  "not asked: nothing goes to third parties; the new Outlook and the one for phones ask there alone, and it asks the addresses below");
	ask_outlook_at(look, arena_printf(look->line->arena, "https://%.*s/autodiscover/autodiscover.xml", SLICE_ARG(look->domain)));
	ask_outlook_at(look, arena_printf(look->line->arena, "https://autodiscover.%.*s/autodiscover/autodiscover.xml", SLICE_ARG(look->domain)));
	ask_outlook_redirect(look);
	ask_outlook_srv(look);
}

/* ---- Apple ---- */

/* The digest in the DNS vouches for the document. */
static bool check_digest(struct cli_client_look *look, struct slice step, struct slice document)
{
	struct slice name = arena_printf(look->line->arena, "_ua-auto-config.%.*s", SLICE_ARG(look->domain));
	struct lookup *table = lookup_new();
	const struct lookup_answer *answer = look_up(look, table, LOOKUP_TXT, name);
	bool matches = false, any = false;
	for (size_t i = 0; answer->status == LOOKUP_FOUND && i < answer->count; i++) {
		any |= autoconfig_is_agents_record(answer->records[i].data);
		matches |= autoconfig_record_matches(answer->records[i].data, document);
	}
	struct slice mend = arena_printf(look->line->arena, "`pombal domain dns %.*s` prints the record as it must be.", SLICE_ARG(look->domain));
	if (!matches)
		cli_client_step(look, CLI_CLIENT_WRONG, step, mend, any ? "the digest at %.*s is another document's" : "there is no digest of it at %.*s",
				SLICE_ARG(name));
	lookup_free(&table);
	return matches;
}

static void ask_agents(struct cli_client_look *look)
{
	struct slice url = arena_printf(look->line->arena, "https://ua-auto-config.%.*s/.well-known/user-agent-configuration.json", SLICE_ARG(look->domain));
	struct cli_client_answer answer;
	struct autoconfig_found found;
	struct error error;
	if (!cli_client_ask(look, &(struct cli_client_question){.url = url}, &answer))
		return;
	if (!autoconfig_read_agents(answer.body, look->line->arena, &found, &error))
		cli_client_step(look, CLI_CLIENT_WRONG, url, SLICE(SETTINGS_MEND), "what it gives can't be used: %s", error.text);
	else if (check_digest(look, url, answer.body))
		cli_client_found(look, url, &found, SLICE(""));
}

/* A name that people are likely to type, or a program to suggest: it does no harm if there is none, but must not lead elsewhere. */
static void guess(struct cli_client_look *look, const char *label)
{
	struct slice name = arena_printf(look->line->arena, "%s.%.*s", label, SLICE_ARG(look->domain));
	struct slice step = arena_printf(look->line->arena, "a guess: %.*s", SLICE_ARG(name));
	enum cli_client_reach reach = cli_client_reach(look, name);
	if (reach == CLI_CLIENT_HERE)
		cli_client_step(look, CLI_CLIENT_PASSED, step, SLICE(""), "it leads here, and does if the certificate is for this name, too");
	else if (reach == CLI_CLIENT_NOWHERE)
		cli_client_step(look, CLI_CLIENT_PASSED, step, SLICE(""), "there is no such name, and none is needed");
	else
		cli_client_step(look, CLI_CLIENT_WRONG, step, SLICE("Let the name lead to this server, or remove it."), "it leads to another server");
}

void cli_client_apple(struct cli_client_look *look)
{
	static const char *const guesses[] = {"imap", "smtp", "mail"};
	pass_over(look, "Apple's list of providers", "not asked: nothing goes to third parties");
	ask_agents(look);
	for (size_t i = 0; i < sizeof guesses / sizeof *guesses && !look->over; i++)
		guess(look, guesses[i]);
	if (!look->over)
		cli_client_step(look, CLI_CLIENT_MISSING, SLICE("a profile"),
				arena_printf(look->line->arena, "Give people a configuration profile (.mobileconfig), or tell them the name of the server, %.*s.", SLICE_ARG(look->plan.hostname)),
				"what wasn't found has to be typed, or comes with a profile");
}

/* ---- By SRV records (RFC 6186, RFC 8314) ---- */

static const struct { const char *label; enum autoconfig_kind kind; enum autoconfig_security security; } labels[] = {
	{"_imaps", AUTOCONFIG_IMAP, AUTOCONFIG_TLS}, {"_imap", AUTOCONFIG_IMAP, AUTOCONFIG_STARTTLS}, {"_pop3s", AUTOCONFIG_POP3, AUTOCONFIG_TLS},
	{"_pop3", AUTOCONFIG_POP3, AUTOCONFIG_STARTTLS}, {"_submissions", AUTOCONFIG_SUBMISSION, AUTOCONFIG_TLS}, {"_submission", AUTOCONFIG_SUBMISSION, AUTOCONFIG_STARTTLS},
};
enum { LABELS = sizeof labels / sizeof *labels };

static struct slice label_name(struct cli_client_look *look, size_t i) { return arena_printf(look->line->arena, "%s._tcp.%.*s", labels[i].label, SLICE_ARG(look->domain)); }

static void read_services(struct cli_client_look *look, struct lookup *table, struct autoconfig_found *found)
{
	for (size_t i = 0; i < LABELS; i++) {
		const struct lookup_record *best = best_srv(lookup_get(table, LOOKUP_SRV, label_name(look, i)));
		if (best)
			found->servers[found->count++] = (struct autoconfig_server){labels[i].kind, labels[i].security, best->port, arena_copy(look->line->arena, best->data)};
	}
}

static bool has(const struct autoconfig_found *found, bool outgoing)
{
	for (size_t i = 0; i < found->count; i++)
		if ((found->servers[i].kind == AUTOCONFIG_SUBMISSION) == outgoing)
			return true;
	return false;
}

void cli_client_srv(struct cli_client_look *look)
{
	struct slice step = arena_printf(look->line->arena, "_imaps._tcp.%.*s SRV and the like", SLICE_ARG(look->domain));
	struct slice mend = arena_printf(look->line->arena, "`pombal domain dns %.*s` prints the records.", SLICE_ARG(look->domain));
	struct autoconfig_found found = {0};
	struct lookup *table = lookup_new();
	for (size_t i = 0; i < LABELS; i++)
		lookup_get(table, LOOKUP_SRV, label_name(look, i));
	dns_answer(look->dns, table, clock_monotonic_ms() + LOOKUP_SECONDS * 1000);
	lookup_give_up(table);
	read_services(look, table, &found);
	lookup_free(&table);
	if (!has(&found, false) || !has(&found, true))
		cli_client_step(look, CLI_CLIENT_MISSING, step, mend, "there are no such records for %s mail", has(&found, false) ? "outgoing" : "incoming");
	else
		cli_client_found(look, step, &found, SLICE(""));
}
