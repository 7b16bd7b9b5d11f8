/* Asking web servers for settings as mail clients do, and telling what came instead. */
#include "base/clock.h"
#include "cli/check_client.h"
#include "net/fetch.h"

enum { WAIT_SECONDS = 20, REDIRECTS_MAX = 5, HTTP_OK = 200, HTTP_UNAUTHORIZED = 401, HTTP_MOVED_FIRST = 301, HTTP_MOVED_LAST = 308 };

/* A domain of ours may lead anywhere: to this machine, or to an address of the network that it stands in. */
static bool any_address(const struct sockaddr_storage *address)
{
	(void)address;
	return true;
}

static bool is_secure(struct slice url) { return slice_starts_nocase(url, SLICE("https://")); }

/* The host of a URL, and its path with what follows; the path may be empty. */
static struct slice host_of(struct slice url, struct slice *path)
{
	struct slice rest = slice_skip(url, slice_find(url, SLICE("://")) + 3);
	size_t end = 0;
	while (end < rest.len && rest.at[end] != '/' && rest.at[end] != '?' && rest.at[end] != '#')
		end++;
	*path = slice_skip(rest, end);
	struct slice host = slice_sub(rest, 0, end), name, port;
	slice_cut(host, ':', &name, &port);
	return name;
}

static bool is_of_domain(const struct cli_client_look *look, struct slice host)
{
	return slice_equal_nocase(host, look->domain) || (host.len > look->domain.len && slice_ends_nocase(host, look->domain) && host.at[host.len - look->domain.len - 1] == '.');
}

/* The name that a record is missing for: how it is mended. */
static struct slice mend_name(const struct cli_client_look *look, struct slice host)
{
	if (slice_equal_nocase(host, look->domain))
		return SLICE("Nothing needs to be done if a later step finds the settings: a domain without a web site may have no address.");
	if (!is_of_domain(look, host))
		return SLICE("It is not one of this domain's names: mend what leads there.");
	return arena_printf(look->line->arena, "Add the record: %.*s. CNAME %.*s. (`pombal domain dns` prints it), and have a certificate for that name.", SLICE_ARG(host),
			    SLICE_ARG(look->plan.hostname));
}

bool cli_client_has_address(struct cli_client_look *look, struct slice step, struct slice host)
{
	struct sockaddr_storage *list;
	size_t count = 0;
	enum dns_security security;
	struct error error = {.text = "no answer"};
	enum dns_status status = dns_addresses(look->dns, host, look->line->arena, &list, &count, &security, &error);
	if (status == DNS_TEMPORARY)
		cli_client_unknown(look, step, "address", host, error.text);
	else if (status != DNS_FOUND || count == 0)
		cli_client_step(look, CLI_CLIENT_MISSING, step, mend_name(look, host), "%.*s has no address in the DNS", SLICE_ARG(host));
	return status == DNS_FOUND && count > 0;
}

static struct fetch_rules rules_of(struct cli_client_look *look, struct slice url)
{
	return (struct fetch_rules){
		.dns = look->dns, .most = AUTOCONFIG_DOCUMENT_MAX, .seconds = WAIT_SECONDS, .plain = !is_secure(url), .trusted = command_value(look->line, "trust"),
		.may_reach = look->ours ? any_address : config_may_fetch, .port = is_secure(url) ? look->https_port : look->http_port,
	};
}

/* The same asked again without looking at the certificate: does it answer then? */
static bool is_certificates_fault(const struct fetch_rules *rules, const struct fetch_request *request, struct arena *arena)
{
	struct fetch_rules again = *rules;
	struct fetch_answer answer;
	struct error error;
	again.certificate_ignored = true;
	return !rules->plain && fetch(&again, request, arena, &answer, &error);
}

static void tell_failure(struct cli_client_look *look, struct slice step, const struct fetch_rules *rules, const struct fetch_request *request, const struct error *error)
{
	struct slice path, host = host_of(request->url, &path), mend;
	if (error->kind == ERROR_DENIED)
		mend = SLICE("Mend where it leads; for a domain that isn't one of this server's, the option fetch_private_networks names exceptions.");
	else if (is_certificates_fault(rules, request, look->line->arena))
		mend = arena_printf(look->line->arena, "A web server answers there: have it use a certificate for %.*s by an authority that clients trust.", SLICE_ARG(host));
	else
		mend = arena_printf(look->line->arena, "Let a web server answer at %.*s, port %d.", SLICE_ARG(host), rules->plain ? 80 : 443);
	cli_client_step(look, CLI_CLIENT_MISSING, step, mend, "%s", error->text);
}

static bool is_redirect(int status) { return status >= HTTP_MOVED_FIRST && status <= HTTP_MOVED_LAST && status != 304 && status != 305 && status != 306; }

static void tell_status(struct cli_client_look *look, struct slice step, struct slice url, int status)
{
	struct slice path, host = host_of(url, &path), before, query;
	slice_cut(path, '?', &before, &query);
	struct slice mend = status == HTTP_UNAUTHORIZED ? SLICE("These settings are no secret: let the web server give them without a password.") :
							  arena_printf(look->line->arena, "Let the web server at %.*s give %.*s, or pass it on to this server.", SLICE_ARG(host),
								       SLICE_ARG(before.len > 0 ? before : SLICE("/")));
	cli_client_step(look, CLI_CLIENT_MISSING, step, mend, "%.*s answers %d", SLICE_ARG(host), status);
}

/* Where a redirect leads; it may be relative to the host. Empty: nowhere that is a URL. */
static struct slice target_of(struct cli_client_look *look, struct slice url, struct slice location)
{
	struct slice path, host = host_of(url, &path);
	if (slice_starts_nocase(location, SLICE("https://")) || slice_starts_nocase(location, SLICE("http://")))
		return location;
	if (slice_starts(location, SLICE("/")) && !slice_starts(location, SLICE("//")))
		return arena_printf(look->line->arena, "%s://%.*s%.*s", is_secure(url) ? "https" : "http", SLICE_ARG(host), SLICE_ARG(location));
	return SLICE("");
}

/* Asks one URL, without following. */
static bool ask_once(struct cli_client_look *look, struct slice step, const struct cli_client_question *question, struct slice url, struct cli_client_answer *answer)
{
	struct fetch_rules rules = rules_of(look, url);
	struct fetch_request request = {.url = url, .type = question->type, .body = question->body};
	struct fetch_answer fetched;
	struct error error = {0};
	struct slice path;
	if (!cli_client_has_address(look, step, host_of(url, &path)))
		return false;
	if (!fetch(&rules, &request, look->line->arena, &fetched, &error)) {
		tell_failure(look, step, &rules, &request, &error);
		return false;
	}
	*answer = (struct cli_client_answer){.status = fetched.status, .body = fetched.body, .type = fetched.type};
	if (!fetch_field(&fetched, "Location", &answer->location))
		answer->location = SLICE("");
	return true;
}

bool cli_client_ask(struct cli_client_look *look, const struct cli_client_question *question, struct cli_client_answer *answer)
{
	struct slice url = question->url, step = question->step.len > 0 ? question->step : url;
	for (int i = 0; i <= REDIRECTS_MAX; i++) {
		if (!ask_once(look, step, question, url, answer))
			return false;
		if (answer->status == HTTP_OK || question->no_redirects)
			return true;
		struct slice target = is_redirect(answer->status) ? target_of(look, url, answer->location) : SLICE("");
		if (target.len == 0 || (is_secure(url) && !is_secure(target))) {
			tell_status(look, step, url, answer->status);
			return false;
		}
		url = target;
	}
	cli_client_step(look, CLI_CLIENT_MISSING, step, SLICE("Let it lead to the settings at once."), "it leads on and on, more than %d times", REDIRECTS_MAX);
	return false;
}
