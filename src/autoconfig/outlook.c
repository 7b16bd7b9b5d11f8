/* What Autodiscover answers to Outlook (MS-OXDSCLI): as XML, where an account's servers are; as JSON, where that XML is. */
#include <jansson.h>
#include <stdlib.h>

#include "autoconfig/internal.h"
#include "xml/xml.h"

#define RESPONSE_SCHEMA "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
#define OUTLOOK_SCHEMA "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"

enum { DAY_MS = 24 * 60 * 60 * 1000 };

static void begin(struct buf *out)
{
	buf_append(out, SLICE("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Autodiscover xmlns=\"" RESPONSE_SCHEMA "\">\n  <Response xmlns=\"" OUTLOOK_SCHEMA "\">\n"));
}

static bool end(struct buf *out) { return buf_append(out, SLICE("  </Response>\n</Autodiscover>\n")); }

/* SSL says whether TLS is used at all; Encryption, which newer clients prefer, how it begins. */
static void put_protocol(const struct autoconfig_plan *plan, enum autoconfig_kind kind, struct buf *out)
{
	static const char *const types[] = {[AUTOCONFIG_IMAP] = "IMAP", [AUTOCONFIG_POP3] = "POP3", [AUTOCONFIG_SUBMISSION] = "SMTP"};
	static const char *const encryptions[] = {[AUTOCONFIG_TLS] = "SSL", [AUTOCONFIG_STARTTLS] = "TLS", [AUTOCONFIG_PLAIN] = "None"};
	const struct autoconfig_service *service = autoconfig_best(plan, kind);
	if (!service)
		return;
	buf_append(out, SLICE("      <Protocol>\n"));
	autoconfig_put(out, 4, "Type", slice_of(types[kind]));
	autoconfig_put(out, 4, "Server", plan->hostname);
	autoconfig_put_number(out, 4, "Port", service->port);
	autoconfig_put(out, 4, "DomainRequired", SLICE("off"));
	if (autoconfig_sign_in_name(plan).len > 0)
		autoconfig_put(out, 4, "LoginName", autoconfig_sign_in_name(plan));
	autoconfig_put(out, 4, "SPA", SLICE("off"));
	autoconfig_put(out, 4, "SSL", service->security == AUTOCONFIG_PLAIN ? SLICE("off") : SLICE("on"));
	autoconfig_put(out, 4, "Encryption", slice_of(encryptions[service->security]));
	autoconfig_put(out, 4, "AuthRequired", SLICE("on"));
	if (kind == AUTOCONFIG_SUBMISSION) {
		autoconfig_put(out, 4, "UsePOPAuth", SLICE("on")); /* the same name and password as for reading */
		autoconfig_put(out, 4, "SMTPLast", SLICE("off"));
	}
	buf_append(out, SLICE("      </Protocol>\n"));
}

bool autoconfig_write_outlook(const struct autoconfig_plan *plan, struct buf *out)
{
	begin(out);
	buf_append(out, SLICE("    <User>\n"));
	autoconfig_put(out, 3, "DisplayName", plan->person.len > 0 ? plan->person : plan->address);
	autoconfig_put(out, 3, "AutoDiscoverSMTPAddress", plan->address);
	buf_append(out, SLICE("    </User>\n    <Account>\n"));
	autoconfig_put(out, 3, "AccountType", SLICE("email"));
	autoconfig_put(out, 3, "Action", SLICE("settings"));
	for (int kind = 0; kind < AUTOCONFIG_KINDS; kind++)
		put_protocol(plan, (enum autoconfig_kind)kind, out);
	buf_append(out, SLICE("    </Account>\n"));
	return end(out);
}

static bool write_redirect(const char *action, const char *element, struct slice where, struct buf *out)
{
	begin(out);
	buf_append(out, SLICE("    <Account>\n"));
	autoconfig_put(out, 3, "AccountType", SLICE("email"));
	autoconfig_put(out, 3, "Action", slice_of(action));
	autoconfig_put(out, 3, element, where);
	buf_append(out, SLICE("    </Account>\n"));
	return end(out);
}

bool autoconfig_write_outlook_address(struct slice address, struct buf *out) { return write_redirect("redirectAddr", "RedirectAddr", address, out); }
bool autoconfig_write_outlook_url(struct slice url, struct buf *out) { return write_redirect("redirectUrl", "RedirectUrl", url, out); }

static const char *fault_text(enum autoconfig_fault fault)
{
	return fault == AUTOCONFIG_FAULT_ADDRESS ? "The email address can't be found." : fault == AUTOCONFIG_FAULT_REQUEST ? "Invalid Request" : "Provider is not available";
}

/* Exchange makes its id of the server's name, too. */
static unsigned id_of(struct slice hostname)
{
	unsigned char digest[AUTOCONFIG_DIGEST_BYTES];
	autoconfig_digest_list(&hostname, 1, digest);
	return (unsigned)digest[0] << 24 | (unsigned)digest[1] << 16 | (unsigned)digest[2] << 8 | digest[3];
}

bool autoconfig_write_outlook_fault(enum autoconfig_fault fault, struct slice hostname, int64_t now, struct buf *out)
{
	unsigned ms = (unsigned)(now % DAY_MS);
	buf_append(out, SLICE("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Autodiscover xmlns=\"" RESPONSE_SCHEMA "\">\n  <Response>\n"));
	buf_printf(out, "    <Error Time=\"%02u:%02u:%02u.%03u0000\" Id=\"%u\">\n", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000, id_of(hostname));
	autoconfig_put_number(out, 3, "ErrorCode", fault);
	autoconfig_put(out, 3, "Message", slice_of(fault_text(fault)));
	buf_append(out, SLICE("      <DebugData />\n    </Error>\n"));
	return end(out);
}

/* ---- JSON ---- */

static bool write_json(json_t *value, struct buf *out)
{
	char *text = json_dumps(value, JSON_COMPACT);
	bool done = text && buf_append_text(out, text);
	free(text);
	json_decref(value);
	return done;
}

/* What a stranger wrote is repeated only as far as it is a word. */
static struct slice plain_word(struct slice text)
{
	size_t length = 0;
	while (length < text.len && length < AUTOCONFIG_SHORT_NAME_MAX && (ascii_is_alpha(text.at[length]) || ascii_is_digit(text.at[length])))
		length++;
	return slice_sub(text, 0, length);
}

bool autoconfig_write_outlook_json(struct slice protocol, struct slice hostname, struct buf *out, bool *known)
{
	struct slice word = plain_word(protocol);
	*known = slice_equal_nocase(protocol, SLICE("AutodiscoverV1"));
	if (*known)
		return write_json(json_pack("{s:s, s:o}", "Protocol", "AutodiscoverV1", "Url",
					    json_sprintf("https://%.*s/autodiscover/autodiscover.xml", SLICE_ARG(hostname))), out);
	if (protocol.len == 0)
		return write_json(json_pack("{s:s, s:s}", "ErrorCode", "MandatoryParameterMissing", "ErrorMessage",
					    "A valid value must be provided for the query parameter 'Protocol'"), out);
	return write_json(json_pack("{s:s, s:o}", "ErrorCode", "InvalidProtocol", "ErrorMessage",
				    json_sprintf("The given protocol value '%.*s' is invalid. Supported values are 'AutodiscoverV1'", SLICE_ARG(word))), out);
}
