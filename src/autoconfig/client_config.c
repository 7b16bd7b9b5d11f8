/* config-v1.1.xml, as Thunderbird has it: draft-ietf-mailmaint-autoconfig-06. Thunderbird reads names of domains and hosts as A-labels alone, and
 * refuses a document without one; the domain stands there in UTF-8, too, for clients that compare it with what was typed. */
#include "autoconfig/internal.h"
#include "xml/xml.h"

static void put_server(const struct autoconfig_plan *plan, const struct autoconfig_service *service, struct buf *out)
{
	static const char *const types[] = {[AUTOCONFIG_IMAP] = "imap", [AUTOCONFIG_POP3] = "pop3", [AUTOCONFIG_SUBMISSION] = "smtp"};
	static const char *const sockets[] = {[AUTOCONFIG_TLS] = "SSL", [AUTOCONFIG_STARTTLS] = "STARTTLS", [AUTOCONFIG_PLAIN] = "plain"};
	const char *element = service->kind == AUTOCONFIG_SUBMISSION ? "outgoingServer" : "incomingServer";
	buf_printf(out, "    <%s type=\"%s\">\n", element, types[service->kind]);
	autoconfig_put(out, 3, "hostname", plan->hostname);
	autoconfig_put_number(out, 3, "port", service->port);
	autoconfig_put(out, 3, "socketType", slice_of(sockets[service->security]));
	autoconfig_put(out, 3, "authentication", SLICE("password-cleartext"));
	if (plan->issuer.len > 0 && service->security != AUTOCONFIG_PLAIN) /* clients take the first that they can do: who can do both goes on as he did */
		autoconfig_put(out, 3, "authentication", SLICE("OAuth2"));
	autoconfig_put(out, 3, "username", plan->name.len > 0 ? plan->name : SLICE("%EMAILADDRESS%"));
	buf_printf(out, "    </%s>\n", element);
}

static void put_servers(const struct autoconfig_plan *plan, struct buf *out)
{
	for (int kind = 0; kind < AUTOCONFIG_KINDS; kind++)
		for (int security = 0; security < AUTOCONFIG_SECURITIES; security++) {
			const struct autoconfig_service *service = autoconfig_offered(plan, (enum autoconfig_kind)kind, (enum autoconfig_security)security);
			if (service)
				put_server(plan, service, out);
		}
}

static void put_documentation(const struct autoconfig_plan *plan, struct buf *out)
{
	buf_append(out, SLICE("    <documentation url=\""));
	xml_append(out, plan->documentation);
	buf_append(out, SLICE("\">\n      <descr lang=\"en\">Setting up a mail client</descr>\n    </documentation>\n"));
}

static void put_url(const struct autoconfig_plan *plan, const char *element, const char *path, struct buf *out)
{
	buf_printf(out, "    <%s>", element);
	xml_append(out, plan->issuer);
	buf_printf(out, "%s</%s>\n", path, element);
}

/* Without a clientID: programs register themselves (RFC 7591). */
static void put_oauth(const struct autoconfig_plan *plan, struct buf *out)
{
	buf_append(out, SLICE("  <oAuth2>\n"));
	put_url(plan, "authURL", "/oauth/authorize", out);
	put_url(plan, "tokenURL", "/oauth/token", out);
	put_url(plan, "issuer", "", out);
	buf_append(out, SLICE("    <scope>" AUTOCONFIG_OAUTH_SCOPE "</scope>\n  </oAuth2>\n"));
}

bool autoconfig_write_client_config(const struct autoconfig_plan *plan, struct buf *out)
{
	buf_append(out, SLICE("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<clientConfig version=\"1.1\">\n  <emailProvider id=\""));
	xml_append(out, plan->domain_ascii);
	buf_append(out, SLICE("\">\n"));
	autoconfig_put(out, 2, "domain", plan->domain_ascii);
	if (!slice_equal(plan->domain, plan->domain_ascii))
		autoconfig_put(out, 2, "domain", plan->domain);
	autoconfig_put(out, 2, "displayName", autoconfig_provider(plan, AUTOCONFIG_NAME_MAX));
	autoconfig_put(out, 2, "displayShortName", autoconfig_provider(plan, AUTOCONFIG_SHORT_NAME_MAX));
	put_servers(plan, out);
	if (plan->documentation.len > 0)
		put_documentation(plan, out);
	buf_append(out, SLICE("  </emailProvider>\n"));
	if (plan->issuer.len > 0)
		put_oauth(plan, out);
	return buf_append(out, SLICE("</clientConfig>\n"));
}
