/* The table of what can be asked for over HTTP. This is the only list of it: docs/http.md is made from it (`pombal manual http`). The first row that
 * fits counts. */
#include "autoconfig/autoconfig.h"
#include "web/web.h"

enum { SIGN_IN_MAX = 4096 };

const struct http_route web_routes[] = {
	{.methods = HTTP_POST, .path = "/session", .right = HTTP_OUR_PAGES, .unit = UNIT_ASK, .body_max = SIGN_IN_MAX, .run = web_sign_in,
	 .about = "Signs in: JSON with name, password and, if wanted, device. Answers with the account, and sets the session's cookie."},
	{.methods = HTTP_GET, .path = "/session", .right = HTTP_SIGNED_IN, .scopes = AUTH_MAY_ALL, .unit = UNIT_ASK, .run = web_who,
	 .about = "Whose session this is: the account."},
	{.methods = HTTP_DELETE, .path = "/session", .right = HTTP_SIGNED_IN, .unit = UNIT_ASK, .run = web_sign_out, .about = "Signs out."},
	{.methods = HTTP_GET, .path = "/sessions", .right = HTTP_SIGNED_IN, .unit = UNIT_ASK, .run = web_list_sessions,
	 .about = "The account's sessions: number, device, address, when they were begun and last used (the latter within an hour), and which is this one."},
	{.methods = HTTP_DELETE, .path = "/sessions/*", .right = HTTP_SIGNED_IN, .unit = UNIT_ASK, .run = web_end_session,
	 .about = "Ends one of the account's sessions, by its number, or all with the number \"all\"."},
	{.methods = HTTP_POST, .path = "/app-passwords", .right = HTTP_SIGNED_IN, .unit = UNIT_ASK, .body_max = SIGN_IN_MAX, .run = web_make_app_password,
	 .about = "Makes an app password: JSON with the account's password, a name, what it is to be allowed (mail, mail-read, send, separated by spaces) and, if wanted, days. Answers with its number, and with the password, which can't be had again."},
	{.methods = HTTP_GET, .path = "/app-passwords", .right = HTTP_SIGNED_IN, .unit = UNIT_ASK, .run = web_list_app_passwords,
	 .about = "The account's app passwords, and the programs that it has let in with OAuth: number, kind, name, what they may, when they were made and last used (the latter within an hour), and when they end."},
	{.methods = HTTP_DELETE, .path = "/app-passwords/*", .right = HTTP_SIGNED_IN, .unit = UNIT_ASK, .run = web_end_app_password,
	 .about = "Ends one of these, by its number, and the sessions that began with it."},
	{.methods = HTTP_GET, .path = "/events", .right = HTTP_SIGNED_IN, .scopes = AUTH_MAY_READ, .unit = UNIT_ASK, .run = web_events,
	 .about = "An event source: the event mail is sent when the account's mail has changed."},
	{.methods = HTTP_GET, .path = "/socket", .right = HTTP_SIGNED_IN, .scopes = AUTH_MAY_READ, .unit = UNIT_ASK, .run = web_socket,
	 .about = "The same as a WebSocket: the message {\"event\":\"mail\"}."},
	{.methods = HTTP_GET, .path = "/.well-known/mta-sts.txt", .right = HTTP_ANYBODY, .unit = UNIT_ASK, .run = web_sts_policy,
	 .about = "The policy about TLS (MTA-STS, RFC 8461) of the domain whose name mta-sts.DOMAIN was asked for."},
	{.methods = HTTP_GET, .path = "/.well-known/acme-challenge/*", .plain = true, .right = HTTP_ANYBODY, .unit = UNIT_QUICK, .run = web_challenge,
	 .about = "What a certificate authority wants to see before it gives this server a certificate (RFC 8555 §8.3)."},
	{.methods = HTTP_GET, .path = "/.well-known/autoconfig/mail/config-v1.1.xml", .plain = true, .right = HTTP_ANYBODY, .unit = UNIT_ASK, .run = web_client_config,
	 .about = "Settings for Thunderbird and its kin, of the domain of the parameter emailaddress, or else that was asked for."},
	{.methods = HTTP_GET, .path = "/mail/config-v1.1.xml", .plain = true, .right = HTTP_ANYBODY, .unit = UNIT_ASK, .run = web_client_config,
	 .about = "The same, where they look for it at autoconfig.DOMAIN."},
	{.methods = HTTP_POST, .path = "/autodiscover/autodiscover.xml", .any_case = true, .plain = true, .right = HTTP_ANYBODY, .unit = UNIT_ASK,
	 .body_max = AUTOCONFIG_REQUEST_MAX, .run = web_autodiscover,
	 .about = "Settings for Outlook (MS-OXDSCLI): XML with an address. Without TLS: leads to this server's own name."},
	{.methods = HTTP_GET, .path = "/autodiscover/autodiscover.xml", .any_case = true, .plain = true, .right = HTTP_ANYBODY, .unit = UNIT_QUICK, .run = web_autodiscover_redirect,
	 .about = "Without TLS: leads Outlook to this server's own name."},
	{.methods = HTTP_GET, .path = "/autodiscover/autodiscover.json*", .any_case = true, .right = HTTP_ANYBODY, .unit = UNIT_QUICK, .run = web_autodiscover_json,
	 .about = "Where the settings for Outlook are: parameter Protocol."},
	{.methods = HTTP_GET, .path = "/mail.mobileconfig", .right = HTTP_ANYBODY, .unit = UNIT_WORK, .run = web_profile,
	 .about = "A configuration profile for Apple's devices, signed, for the parameter address."},
	{.methods = HTTP_GET, .path = "/.well-known/user-agent-configuration.json", .right = HTTP_ANYBODY, .unit = UNIT_ASK, .run = web_agents,
	 .about = "Settings for any client (PACC), at ua-auto-config.DOMAIN."},
	{.methods = HTTP_GET, .path = "/*", .right = HTTP_ANYBODY, .unit = UNIT_QUICK, .run = web_file, .about = "Static files."},
};
const size_t web_route_count = sizeof web_routes / sizeof *web_routes;
