/* Set-up that finds itself (autoconfig/autoconfig.h): what mail clients ask for when somebody has typed an address. Whoever asks is told what holds for
 * everybody of a domain of ours; whether an address exists nobody learns here. */
#include "auth/auth.h"
#include "autoconfig/autoconfig.h"
#include "base/clock.h"
#include "message/address.h"
#include "web/web.h"

enum { PEM_MAX = 64 * 1024 };

/* Is the domain ours, an alias of one of ours included? Else it is refused. RUN_WAIT: auth is asked. */
static enum net_run check_domain(struct http_exchange *exchange, struct slice domain, bool *ours)
{
	struct slice postmaster = arena_printf(exchange->arena, "postmaster@%.*s", SLICE_ARG(domain));
	bool valid = domain.len > 0 && domain_is_valid(domain, true);
	enum auth_recipient_kind kind = valid ? auth_recipient(exchange->service->auth, exchange->wait, postmaster, NULL) : RECIPIENT_FOREIGN;
	*ours = kind != RECIPIENT_FOREIGN && kind != RECIPIENT_TEMPORARY;
	if (kind == RECIPIENT_AWAITED)
		return RUN_WAIT;
	if (kind == RECIPIENT_TEMPORARY)
		http_refuse(exchange, 503, "that can't be told now");
	return RUN_DONE;
}

/* Makes the plan for an address, or for a domain where there is none. *ours: false if it is no domain of ours. */
static enum net_run make_plan(struct http_exchange *exchange, struct slice address, struct slice domain, struct autoconfig_plan *plan, bool *ours)
{
	struct slice local;
	if (address.len > 0)
		address_split(address, &local, &domain);
	domain = domain_canonical(domain, exchange->arena);
	enum net_run checked = check_domain(exchange, domain, ours);
	if (checked == RUN_DONE && *ours) {
		autoconfig_plan_domain(exchange->config, domain, exchange->arena, plan);
		plan->address = address;
		plan->issuer = exchange->config->oauth ? http_secure_origin(exchange, slice_of(exchange->config->hostname)) : SLICE("");
	}
	return checked;
}

/* An address of the query, as it is written anywhere; empty: there is none, or it isn't one. */
static struct slice address_of(struct http_exchange *exchange, const char *name)
{
	struct slice text, address;
	return http_parameter(exchange, name, &text) && address_parse(text, true, exchange->arena, &address, NULL) ? address : (struct slice){0};
}

/* The domain that the client's name for this server is about. */
static struct slice domain_of_host(const struct http_exchange *exchange, const char *prefix)
{
	return slice_starts_nocase(exchange->host, slice_of(prefix)) ? slice_skip(exchange->host, strlen(prefix)) : exchange->host;
}

/* Sends what was written; frees it. */
static void answer_document(struct http_exchange *exchange, int status, const char *type, bool written, struct buf *document)
{
	if (written)
		http_answer(exchange, status, type, buf_slice(document));
	else
		http_refuse(exchange, 404, "this server has no such settings");
	buf_free(document);
}

static enum net_run give(struct http_exchange *exchange, struct slice address, const char *prefix, const char *type,
			 bool (*write)(const struct autoconfig_plan *plan, struct buf *out))
{
	struct autoconfig_plan plan;
	bool ours;
	enum net_run planned = make_plan(exchange, address, domain_of_host(exchange, prefix), &plan, &ours);
	if (planned != RUN_DONE || exchange->answered)
		return planned;
	if (!ours) {
		http_refuse(exchange, 404, "that is no domain of this server");
		return RUN_DONE;
	}
	struct buf document = BUF(AUTOCONFIG_DOCUMENT_MAX);
	answer_document(exchange, 200, type, write(&plan, &document), &document);
	return RUN_DONE;
}

enum net_run web_client_config(struct http_exchange *exchange)
{
	return give(exchange, address_of(exchange, "emailaddress"), "autoconfig.", "text/xml; charset=utf-8", autoconfig_write_client_config);
}

enum net_run web_agents(struct http_exchange *exchange)
{
	return give(exchange, (struct slice){0}, "ua-auto-config.", "application/json", autoconfig_write_agents);
}

/* ---- Outlook ---- */

static void answer_fault(struct http_exchange *exchange, enum autoconfig_fault fault)
{
	struct buf document = BUF(AUTOCONFIG_DOCUMENT_MAX);
	bool written = autoconfig_write_outlook_fault(fault, slice_of(exchange->config->hostname), clock_now_ms(), &document);
	answer_document(exchange, 200, "text/xml; charset=utf-8", written, &document);
}

/* Who comes to http://autodiscover.DOMAIN/ is led to where this server has a certificate for its name, which needn't be one for that name, too. */
static bool lead_to_tls(struct http_exchange *exchange, int status)
{
	struct slice origin = http_secure_origin(exchange, slice_of(exchange->config->hostname));
	if (!slice_empty(origin))
		http_redirect(exchange, status, arena_printf(exchange->arena, "%.*s/autodiscover/autodiscover.xml", SLICE_ARG(origin)));
	return !slice_empty(origin);
}

/* Thunderbird asks by POST without TLS, too. It must find an answer there: else it takes what the DNS says (SRV), and asks its user whether that can be
 * trusted, although it has settings from elsewhere. */
enum net_run web_autodiscover(struct http_exchange *exchange)
{
	struct autoconfig_request request;
	struct autoconfig_plan plan;
	struct error error;
	bool ours;
	if (!exchange->secure && !http_is_of_this_machine(exchange)) {
		if (!lead_to_tls(exchange, 308))
			http_refuse(exchange, 403, "this server answers over TLS alone");
		return RUN_DONE;
	}
	if (!autoconfig_read_request(buf_slice(&exchange->body), exchange->arena, &request, &error)) {
		answer_fault(exchange, AUTOCONFIG_FAULT_REQUEST);
		return RUN_DONE;
	}
	enum net_run planned = make_plan(exchange, request.address, (struct slice){0}, &plan, &ours);
	if (planned != RUN_DONE || exchange->answered)
		return planned;
	if (!ours || request.schema != AUTOCONFIG_SCHEMA_OUTLOOK) {
		answer_fault(exchange, ours ? AUTOCONFIG_FAULT_PROVIDER : AUTOCONFIG_FAULT_ADDRESS);
		return RUN_DONE;
	}
	struct buf document = BUF(AUTOCONFIG_DOCUMENT_MAX);
	answer_document(exchange, 200, "text/xml; charset=utf-8", autoconfig_write_outlook(&plan, &document), &document);
	return RUN_DONE;
}

/* Outlook asks so without TLS; over TLS it asks by POST. */
enum net_run web_autodiscover_redirect(struct http_exchange *exchange)
{
	if (exchange->secure || !lead_to_tls(exchange, 302))
		answer_fault(exchange, AUTOCONFIG_FAULT_REQUEST);
	return RUN_DONE;
}

enum net_run web_autodiscover_json(struct http_exchange *exchange)
{
	struct slice protocol = {0};
	bool known;
	struct buf document = BUF(AUTOCONFIG_DOCUMENT_MAX);
	http_parameter(exchange, "Protocol", &protocol);
	struct slice origin = http_secure_origin(exchange, slice_of(exchange->config->hostname));
	bool written = autoconfig_write_outlook_json(protocol, slice_skip(origin, sizeof "https://" - 1), &document, &known);
	answer_document(exchange, known ? 200 : 400, "application/json", written, &document);
	return RUN_DONE;
}

/* ---- Apple ---- */

/* Signed with the certificate that the client sees, if this server has TLS: then the device says from whom it is. */
static bool sign(struct http_exchange *exchange, struct slice profile, struct buf *out)
{
	struct buf chain = BUF(PEM_MAX), key = BUF_SECRET(PEM_MAX);
	struct error error;
	bool done = conn_certificate(exchange->conn, exchange->host, &chain, &key) && autoconfig_sign_profile(profile, buf_slice(&chain), buf_slice(&key), out, &error);
	buf_free(&chain);
	buf_free(&key);
	return done;
}

static bool write_profile(struct http_exchange *exchange, const struct autoconfig_plan *plan, struct buf *out)
{
	struct buf profile = BUF(AUTOCONFIG_DOCUMENT_MAX);
	bool written = autoconfig_write_profile(plan, &profile);
	if (written && !sign(exchange, buf_slice(&profile), out)) {
		buf_clear(out);
		written = buf_append(out, buf_slice(&profile));
	}
	buf_free(&profile);
	return written;
}

enum net_run web_profile(struct http_exchange *exchange)
{
	struct autoconfig_plan plan;
	bool ours;
	struct slice address = address_of(exchange, "address");
	if (slice_empty(address)) {
		http_refuse(exchange, 400, "an address is expected: ?address=");
		return RUN_DONE;
	}
	enum net_run planned = make_plan(exchange, address, (struct slice){0}, &plan, &ours);
	if (planned != RUN_DONE || exchange->answered)
		return planned;
	if (!ours) {
		http_refuse(exchange, 404, "that is no domain of this server");
		return RUN_DONE;
	}
	struct buf document = BUF(AUTOCONFIG_SIGNED_MAX);
	http_add_field(exchange, "Content-Disposition", SLICE("attachment; filename=\"mail.mobileconfig\""));
	answer_document(exchange, 200, "application/x-apple-aspen-config", write_profile(exchange, &plan, &document), &document);
	return RUN_DONE;
}
