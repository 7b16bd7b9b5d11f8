/* A plan of what the configuration says. */
#include "autoconfig/autoconfig.h"
#include "config/config.h"
#include "config/roles.h"
#include "message/address.h"

static const struct { enum service service; enum autoconfig_kind kind; } offers[] = {
	{SERVICE_IMAPS, AUTOCONFIG_IMAP}, {SERVICE_IMAP, AUTOCONFIG_IMAP}, {SERVICE_POP3S, AUTOCONFIG_POP3}, {SERVICE_POP3, AUTOCONFIG_POP3},
	{SERVICE_SUBMISSIONS, AUTOCONFIG_SUBMISSION}, {SERVICE_SUBMISSION, AUTOCONFIG_SUBMISSION},
};
enum { OFFERS = sizeof offers / sizeof *offers };

/* Without a certificate nobody can sign in, unless passwords are taken in the clear. */
static bool can_be_used(const struct config *config, enum service service)
{
	bool has_certificate = config->certificates.count > 0;
	return service_port(config, service) > 0 && (has_certificate || (config->plaintext_auth && !service_rows[service].implicit_tls));
}

static enum autoconfig_security security_of(const struct config *config, enum service service)
{
	return service_rows[service].implicit_tls ? AUTOCONFIG_TLS : config->certificates.count > 0 ? AUTOCONFIG_STARTTLS : AUTOCONFIG_PLAIN;
}

static void plan_services(const struct config *config, struct arena *arena, struct autoconfig_plan *plan)
{
	struct autoconfig_service *list = arena_array(arena, OFFERS, sizeof *list);
	for (size_t i = 0; i < OFFERS; i++)
		if (can_be_used(config, offers[i].service))
			list[plan->service_count++] = (struct autoconfig_service){offers[i].kind, security_of(config, offers[i].service), service_port(config, offers[i].service)};
	plan->services = list;
}

void autoconfig_plan_domain(const struct config *config, struct slice domain, struct arena *arena, struct autoconfig_plan *plan)
{
	*plan = (struct autoconfig_plan){
		.domain = domain, .domain_ascii = domain_to_ascii(domain, arena), .hostname = domain_to_ascii(slice_of(config->hostname), arena),
		.provider = slice_of(config->provider_name), .documentation = slice_of(config->provider_page),
	};
	plan_services(config, arena, plan);
	unsigned port = autoconfig_web_port(config);
	plan->oauth = config->oauth;
	if (port > 0)
		plan->origin = port == 443 ? arena_printf(arena, "https://%.*s", SLICE_ARG(plan->hostname)) : arena_printf(arena, "https://%.*s:%u", SLICE_ARG(plan->hostname), port);
}

/* A proxy in front answers where the world looks, whatever the port of what it passes on to. */
uint16_t autoconfig_web_port(const struct config *config)
{
	uint16_t http = service_port(config, SERVICE_HTTP), https = config->certificates.count > 0 ? service_port(config, SERVICE_HTTPS) : 0;
	if (config->http_proxies.count > 0 && (http > 0 || https > 0))
		return (uint16_t)service_rows[SERVICE_HTTPS].port;
	return https;
}
