/* Reading what clients find: config-v1.1.xml and answers of Autodiscover, wherever they come from, by the rules of the clients that read them.
 * Thunderbird takes no document that isn't well-formed, and no server that lacks a part; what it passes over is passed over here. */
#include "autoconfig/autoconfig.h"
#include "message/address.h"
#include "xml/xml.h"

enum { PORT_MAX = 65535 };

struct finding {
	struct arena *arena;
	struct autoconfig_found *found;
	struct autoconfig_server server; /* that is being read */
	bool has_kind, has_security, has_name, has_authentication;
	bool root, provider, domain;     /* seen of it */
	struct slice fault_code, fault_text;
	const char *flaw;                /* of the first server that was passed over; NULL: none was */
};

static void note(struct finding *self, const char *flaw) { self->flaw = self->flaw ? self->flaw : flaw; }

static void begin_server(struct finding *self)
{
	self->server = (struct autoconfig_server){0};
	self->has_kind = self->has_security = self->has_name = self->has_authentication = false;
}

static void end_server(struct finding *self)
{
	if (!self->has_kind)
		return; /* a protocol of others */
	if (self->server.hostname.len == 0)
		note(self, "a server without a host name that can be one");
	else if (self->server.port == 0)
		note(self, "a server without a port");
	else if (!self->has_security)
		note(self, "a server that doesn't say how TLS begins");
	else if (!self->has_name || !self->has_authentication)
		note(self, "a server that doesn't say how to sign in");
	else if (self->found->count < AUTOCONFIG_SERVERS_MAX)
		self->found->servers[self->found->count++] = self->server;
}

/* What somebody's server says goes into messages of ours, and stays one line there. */
static struct slice one_line(struct finding *self, struct slice text)
{
	char *copy = arena_text(self->arena, text);
	for (size_t i = 0; i < text.len; i++)
		copy[i] = (unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f ? ' ' : text.at[i];
	return slice_make(copy, text.len);
}

static void take_host(struct finding *self, struct slice text)
{
	if (domain_is_valid(text, false))
		self->server.hostname = arena_copy(self->arena, text);
}

static void take_port(struct finding *self, struct slice text)
{
	uint64_t port;
	if (slice_to_number(text, PORT_MAX, &port))
		self->server.port = (uint16_t)port;
}

static bool has_kind(const struct autoconfig_found *found, bool outgoing)
{
	for (size_t i = 0; i < found->count; i++)
		if ((found->servers[i].kind == AUTOCONFIG_SUBMISSION) == outgoing)
			return true;
	return false;
}

/* The two formats: what is done at the beginning and at the end of an element. `path`: the names of those around it, `depth` of them. */
struct format {
	void (*begin)(struct finding *self, const struct xml *xml);
	void (*end)(struct finding *self, const struct slice *path, size_t depth, struct slice name, struct slice text);
};

static bool read_document(struct finding *self, const struct format *format, struct slice document, struct error *error)
{
	struct xml xml;
	struct slice name, text;
	enum xml_event event;
	*self->found = (struct autoconfig_found){0};
	if (document.len > AUTOCONFIG_DOCUMENT_MAX)
		return error_set(error, ERROR_LIMIT, "it has more than %d bytes", AUTOCONFIG_DOCUMENT_MAX);
	xml_begin(&xml, document);
	while ((event = xml_next(&xml, &name, &text)) != XML_END) {
		if (event == XML_OPENED)
			format->begin(self, &xml);
		else
			format->end(self, xml.open, xml.depth, name, text);
	}
	const char *wrong = xml.refused ? xml.refused : xml.fault;
	xml_end(&xml);
	return !wrong || error_set(error, ERROR_INVALID, "it is not well-formed XML: %s", wrong);
}

static bool is_path(const struct slice *path, size_t depth, const char *first, const char *second, const char *third)
{
	const char *const names[] = {first, second, third};
	size_t count = third ? 3 : second ? 2 : 1;
	bool same = depth == count;
	for (size_t i = 0; i < count && same; i++)
		same = slice_equal(path[i], slice_of(names[i]));
	return same;
}

/* ---- config-v1.1.xml ---- */

static void begin_client_config(struct finding *self, const struct xml *xml)
{
	struct slice name = xml->open[xml->depth - 1], type;
	self->root |= is_path(xml->open, xml->depth, "clientConfig", NULL, NULL);
	if (is_path(xml->open, xml->depth, "clientConfig", "emailProvider", NULL))
		self->provider |= xml_attribute(xml, SLICE("id"), &type) && domain_is_valid(type, false);
	if (!is_path(xml->open, xml->depth - 1, "clientConfig", "emailProvider", NULL) || xml->depth != 3)
		return;
	bool outgoing = slice_equal(name, SLICE("outgoingServer"));
	if (!outgoing && !slice_equal(name, SLICE("incomingServer")))
		return;
	begin_server(self);
	if (!xml_attribute(xml, SLICE("type"), &type))
		type = SLICE("");
	self->has_kind = outgoing ? slice_equal(type, SLICE("smtp")) : slice_equal(type, SLICE("imap")) || slice_equal(type, SLICE("pop3"));
	self->server.kind = outgoing ? AUTOCONFIG_SUBMISSION : slice_equal(type, SLICE("imap")) ? AUTOCONFIG_IMAP : AUTOCONFIG_POP3;
}

static void take_socket(struct finding *self, struct slice text)
{
	static const struct { struct slice text; enum autoconfig_security security; } known[] = {
		{SLICE("SSL"), AUTOCONFIG_TLS}, {SLICE("STARTTLS"), AUTOCONFIG_STARTTLS}, {SLICE("plain"), AUTOCONFIG_PLAIN},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known && !self->has_security; i++)
		if (slice_equal(text, known[i].text)) {
			self->server.security = known[i].security;
			self->has_security = true;
		}
}

static void take_server_part(struct finding *self, struct slice name, struct slice text)
{
	if (slice_equal(name, SLICE("hostname")))
		take_host(self, text);
	else if (slice_equal(name, SLICE("port")))
		take_port(self, text);
	else if (slice_equal(name, SLICE("socketType")))
		take_socket(self, text);
	else if (slice_equal(name, SLICE("authentication")))
		self->has_authentication |= text.len > 0;
	else if (slice_equal(name, SLICE("username")))
		self->has_name = text.len > 0;
}

static void end_client_config(struct finding *self, const struct slice *path, size_t depth, struct slice name, struct slice text)
{
	bool in_server = is_path(path, depth, "clientConfig", "emailProvider", "incomingServer") || is_path(path, depth, "clientConfig", "emailProvider", "outgoingServer");
	if (in_server)
		take_server_part(self, name, text);
	else if (!is_path(path, depth, "clientConfig", "emailProvider", NULL))
		return;
	else if (slice_equal(name, SLICE("domain")))
		self->domain |= domain_is_valid(text, false);
	else if (slice_equal(name, SLICE("incomingServer")) || slice_equal(name, SLICE("outgoingServer")))
		end_server(self);
}

static bool lacks(const struct finding *self, const char *what, struct error *error)
{
	return error_set(error, ERROR_INVALID, "it names no server for %s mail%s%s", what, self->flaw ? ", but " : "", self->flaw ? self->flaw : "");
}

bool autoconfig_read_client_config(struct slice document, struct arena *arena, struct autoconfig_found *found, struct error *error)
{
	static const struct format format = {begin_client_config, end_client_config};
	struct finding self = {.arena = arena, .found = found};
	if (!read_document(&self, &format, document, error))
		return false;
	if (!self.root)
		return error_set(error, ERROR_INVALID, "it is no clientConfig");
	if (!self.provider)
		return error_set(error, ERROR_INVALID, "it has no emailProvider whose id is a domain");
	if (!self.domain)
		return error_set(error, ERROR_INVALID, "it has no domain written in ASCII");
	if (!has_kind(found, false))
		return lacks(&self, "incoming", error);
	return has_kind(found, true) || lacks(&self, "outgoing", error);
}

/* ---- Autodiscover ---- */

static void begin_outlook(struct finding *self, const struct xml *xml)
{
	self->root |= is_path(xml->open, xml->depth, "Autodiscover", NULL, NULL);
	if (xml->depth == 4 && is_path(xml->open, 3, "Autodiscover", "Response", "Account") && slice_equal(xml->open[3], SLICE("Protocol"))) {
		begin_server(self);
		self->server.security = AUTOCONFIG_TLS; /* what a client assumes where nothing is said */
		self->has_security = self->has_name = self->has_authentication = true;
	}
}

static void take_type(struct finding *self, struct slice text)
{
	static const struct { struct slice text; enum autoconfig_kind kind; } known[] = {
		{SLICE("IMAP"), AUTOCONFIG_IMAP}, {SLICE("POP3"), AUTOCONFIG_POP3}, {SLICE("SMTP"), AUTOCONFIG_SUBMISSION},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (slice_equal(text, known[i].text)) {
			self->server.kind = known[i].kind;
			self->has_kind = true;
		}
}

static void take_protocol_part(struct finding *self, struct slice name, struct slice text)
{
	if (slice_equal(name, SLICE("Type")))
		take_type(self, text);
	else if (slice_equal(name, SLICE("Server")))
		take_host(self, text);
	else if (slice_equal(name, SLICE("Port")))
		take_port(self, text);
	else if (slice_equal(name, SLICE("SSL")) && slice_equal_nocase(text, SLICE("off")) && self->server.security == AUTOCONFIG_TLS)
		self->server.security = AUTOCONFIG_PLAIN;
	else if (slice_equal(name, SLICE("Encryption")))
		self->server.security = slice_equal_nocase(text, SLICE("none")) ? AUTOCONFIG_PLAIN : slice_equal_nocase(text, SLICE("TLS")) ? AUTOCONFIG_STARTTLS : AUTOCONFIG_TLS;
}

static void take_answer_part(struct finding *self, struct slice name, struct slice text)
{
	if (slice_equal(name, SLICE("Protocol")))
		end_server(self);
	else if (slice_equal(name, SLICE("RedirectAddr")))
		self->found->redirect_address = one_line(self, text);
	else if (slice_equal(name, SLICE("RedirectUrl")))
		self->found->redirect_url = one_line(self, text);
}

static void end_outlook(struct finding *self, const struct slice *path, size_t depth, struct slice name, struct slice text)
{
	if (depth == 4 && is_path(path, 3, "Autodiscover", "Response", "Account") && slice_equal(path[3], SLICE("Protocol")))
		take_protocol_part(self, name, text);
	else if (is_path(path, depth, "Autodiscover", "Response", "Account"))
		take_answer_part(self, name, text);
	else if (is_path(path, depth, "Autodiscover", "Response", "Error") && slice_equal(name, SLICE("ErrorCode")))
		self->fault_code = one_line(self, text);
	else if (is_path(path, depth, "Autodiscover", "Response", "Error") && slice_equal(name, SLICE("Message")))
		self->fault_text = one_line(self, text);
}

bool autoconfig_read_outlook(struct slice document, struct arena *arena, struct autoconfig_found *found, struct error *error)
{
	static const struct format format = {begin_outlook, end_outlook};
	struct finding self = {.arena = arena, .found = found};
	if (!read_document(&self, &format, document, error))
		return false;
	if (!self.root)
		return error_set(error, ERROR_INVALID, "it is no answer of Autodiscover");
	if (self.fault_code.len > 0 || self.fault_text.len > 0)
		return error_set(error, ERROR_INVALID, "it says error %.*s: %.*s", SLICE_ARG(slice_sub(self.fault_code, 0, 16)), SLICE_ARG(slice_sub(self.fault_text, 0, 160)));
	if (found->redirect_address.len > 0 || found->redirect_url.len > 0) {
		found->count = 0;
		return true;
	}
	if (!has_kind(found, false))
		return lacks(&self, "incoming", error);
	return has_kind(found, true) || lacks(&self, "outgoing", error);
}
