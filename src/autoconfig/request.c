/* What Outlook asks Autodiscover (MS-OXDSCLI): an address, and in which schema it wants the answer. Anybody may post anything here. */
#include "autoconfig/autoconfig.h"
#include "message/address.h"
#include "xml/xml.h"

enum place { PLACE_ROOT, PLACE_REQUEST, PLACE_FIELD };

struct reading {
	struct arena *arena;
	struct slice address, schema;
	bool has_address, has_schema, root_ended;
	const char *wrong; /* NULL: nothing yet */
};

/* `place`: how many elements are around it. */
static void begin_element(struct reading *self, size_t place, struct slice name)
{
	if (self->root_ended || (place == PLACE_ROOT && !slice_equal(name, SLICE("Autodiscover"))))
		self->wrong = "its root isn't Autodiscover";
	else if (place == PLACE_REQUEST && !slice_equal(name, SLICE("Request")))
		self->wrong = "there is something else than a Request in it";
}

static void take(struct reading *self, struct slice *field, bool *has, struct slice text)
{
	if (*has)
		self->wrong = "it asks twice";
	*has = true;
	*field = arena_copy(self->arena, text);
}

static void end_element(struct reading *self, size_t place, struct slice name, struct slice text)
{
	self->root_ended = place == PLACE_ROOT;
	if (place == PLACE_FIELD && slice_equal(name, SLICE("EMailAddress")))
		take(self, &self->address, &self->has_address, text);
	else if (place == PLACE_FIELD && slice_equal(name, SLICE("AcceptableResponseSchema")))
		take(self, &self->schema, &self->has_schema, text);
}

static void read_document(struct reading *self, struct slice document)
{
	struct xml xml;
	struct slice name, text;
	enum xml_event event;
	xml_begin(&xml, document);
	while (!self->wrong && (event = xml_next(&xml, &name, &text)) != XML_END) {
		if (event == XML_OPENED)
			begin_element(self, xml.depth - 1, xml.open[xml.depth - 1]);
		else
			end_element(self, xml.depth, name, text);
	}
	if (!self->wrong)
		self->wrong = xml.refused ? xml.refused : xml.fault;
	xml_end(&xml);
}

static enum autoconfig_schema schema_of(struct slice text)
{
	static const struct slice outlook = SLICE("http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006");
	if (slice_equal(text, SLICE("http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006")))
		return AUTOCONFIG_SCHEMA_MOBILE;
	bool is_outlook = slice_equal(text, outlook) || (slice_starts(text, outlook) && slice_equal(slice_skip(text, outlook.len), SLICE("a")));
	return is_outlook ? AUTOCONFIG_SCHEMA_OUTLOOK : AUTOCONFIG_SCHEMA_OTHER;
}

bool autoconfig_read_request(struct slice document, struct arena *arena, struct autoconfig_request *request, struct error *error)
{
	struct reading self = {.arena = arena};
	if (document.len > AUTOCONFIG_REQUEST_MAX)
		return error_set(error, ERROR_LIMIT, "it has more than %d bytes", AUTOCONFIG_REQUEST_MAX);
	if (!slice_is_utf8(document))
		return error_set(error, ERROR_INVALID, "it is not UTF-8");
	read_document(&self, document);
	if (self.wrong)
		return error_set(error, ERROR_INVALID, "%s", self.wrong);
	if (!self.has_address || !self.has_schema)
		return error_set(error, ERROR_INVALID, "it has no %s", self.has_address ? "AcceptableResponseSchema" : "EMailAddress");
	request->schema = schema_of(self.schema);
	return address_parse(self.address, true, arena, &request->address, error);
}
