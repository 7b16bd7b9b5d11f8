/* What a client wants of Emails: the arguments of Email/get and Email/parse (RFC 8621 §4.2, §4.9). */
#include "jmap/email.h"

static const char *const email_names[EMAIL_PROPERTIES] = {
	"id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt", "headers",
	"bodyStructure", "bodyValues", "textBody", "htmlBody", "attachments", "hasAttachment", "preview", "snoozed",
};
static const char *const part_names[PART_PROPERTIES] = {
	"partId", "blobId", "size", "headers", "name", "type", "charset", "disposition", "cid", "language", "location", "subParts",
};

/* The defaults of §4.2 and §4.9. */
static const char *const header_defaults[] = {"messageId", "inReplyTo", "references", "sender", "from", "to", "cc", "bcc", "replyTo", "subject", "sentAt"};
enum {
	BODY_DEFAULTS = 1 << EMAIL_HAS_ATTACHMENT | 1 << EMAIL_PREVIEW | 1 << EMAIL_BODY_VALUES | 1 << EMAIL_TEXT_BODY | 1 << EMAIL_HTML_BODY | 1 << EMAIL_ATTACHMENTS,
	STORED = 1 << EMAIL_ID | 1 << EMAIL_BLOB_ID | 1 << EMAIL_THREAD_ID | 1 << EMAIL_MAILBOX_IDS | 1 << EMAIL_KEYWORDS | 1 << EMAIL_SIZE | 1 << EMAIL_RECEIVED_AT,
	NOT_IN_SUMMARY = STORED | 1 << EMAIL_SNOOZED,
	BODY_PARTS = 1 << EMAIL_BODY_STRUCTURE | 1 << EMAIL_TEXT_BODY | 1 << EMAIL_HTML_BODY | 1 << EMAIL_ATTACHMENTS,
	PART_DEFAULTS = 1 << PART_ID | 1 << PART_BLOB_ID | 1 << PART_SIZE | 1 << PART_NAME | 1 << PART_TYPE | 1 << PART_CHARSET | 1 << PART_DISPOSITION | 1 << PART_CID |
			1 << PART_LANGUAGE | 1 << PART_LOCATION,
	PART_OF_MESSAGE = 1 << PART_SIZE | 1 << PART_HEADERS | 1 << PART_LANGUAGE, /* the summary doesn't say these */
};

static bool find_name(const char *const *names, size_t count, const char *name, unsigned *bits)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0) {
			*bits |= 1U << i;
			return true;
		}
	return false;
}

static bool add_header(struct jmap_wanted_headers *headers, const struct jmap_header_property *property, struct arena *arena)
{
	if (headers->count == JMAP_HEADER_PROPERTIES_MAX)
		return false;
	ARENA_GROW(arena, headers->at, headers->count, headers->room);
	headers->at[headers->count++] = *property;
	return true;
}

static bool add_email_property(struct jmap_email_wanted *wanted, const char *name, struct arena *arena)
{
	struct jmap_header_property property;
	if (find_name(email_names, EMAIL_PROPERTIES, name, &wanted->properties))
		return true;
	if (!jmap_header_convenience(name, &property) && !jmap_header_property_parse(name, &property))
		return false;
	return add_header(&wanted->headers, &property, arena);
}

static bool add_part_property(struct jmap_email_wanted *wanted, const char *name, struct arena *arena)
{
	struct jmap_header_property property;
	if (find_name(part_names, PART_PROPERTIES, name, &wanted->part_properties))
		return true;
	return jmap_header_property_parse(name, &property) && add_header(&wanted->part_headers, &property, arena);
}

bool jmap_email_property_is_known(struct slice name)
{
	struct arena *arena = arena_new();
	struct jmap_email_wanted wanted = {0};
	bool known = slice_find_char(name, '\0') == SLICE_NONE && add_email_property(&wanted, arena_text(arena, name), arena);
	arena_free(&arena);
	return known;
}

/* Reads a list of names. */
static bool read_names(const json_t *names, const char *argument, bool (*add)(struct jmap_email_wanted *wanted, const char *name, struct arena *arena),
		       struct jmap_email_wanted *wanted, struct arena *arena, struct error *error)
{
	size_t i;
	json_t *name;
	if (!json_is_array(names))
		return error_set(error, ERROR_INVALID, "%s is no list of names", argument);
	json_array_foreach(names, i, name)
		if (!json_is_string(name) || strlen(json_string_value(name)) != json_string_length(name) || !add(wanted, json_string_value(name), arena))
			return error_set(error, ERROR_INVALID, "%s: \"%.100s\" can't be had", argument, json_is_string(name) ? json_string_value(name) : "");
	return true;
}

static bool read_bool(const json_t *arguments, const char *name, bool *value, struct error *error)
{
	const json_t *json = json_object_get(arguments, name);
	if (json && !json_is_null(json) && !json_is_boolean(json))
		return error_set(error, ERROR_INVALID, "%s is true or false", name);
	*value = json_is_true(json);
	return true;
}

static bool read_max(const json_t *arguments, uint64_t *max, struct error *error)
{
	const json_t *json = json_object_get(arguments, "maxBodyValueBytes");
	if (json && !json_is_null(json) && (!json_is_integer(json) || json_integer_value(json) < 0))
		return error_set(error, ERROR_INVALID, "maxBodyValueBytes is a number, 0 or more");
	*max = json_is_integer(json) ? (uint64_t)json_integer_value(json) : 0;
	return true;
}

static void add_defaults(struct jmap_email_wanted *wanted, bool parse, struct arena *arena)
{
	wanted->properties = (unsigned)BODY_DEFAULTS | (parse ? 0U : (unsigned)STORED);
	for (size_t i = 0; i < sizeof header_defaults / sizeof *header_defaults; i++)
		add_email_property(wanted, header_defaults[i], arena);
}

/* Is it a property that the summary's envelope answers? All others read "header:…". */
static bool is_of_envelope(const struct jmap_header_property *property)
{
	return strncmp(property->property, "header:", 7) != 0;
}

static void find_needs(struct jmap_email_wanted *wanted)
{
	bool values = jmap_wants(wanted, EMAIL_BODY_VALUES) && (wanted->text_values || wanted->html_values || wanted->all_values);
	bool parts = wanted->properties & BODY_PARTS;
	wanted->needs_message = values || (parts && (wanted->part_properties & PART_OF_MESSAGE || wanted->part_headers.count > 0));
	wanted->needs_header = jmap_wants(wanted, EMAIL_HEADERS);
	for (size_t i = 0; i < wanted->headers.count; i++)
		wanted->needs_header |= !is_of_envelope(&wanted->headers.at[i]);
	wanted->needs_summary = wanted->needs_header || wanted->headers.count > 0 || wanted->properties & ~(unsigned)NOT_IN_SUMMARY;
}

bool jmap_email_wanted_read(const json_t *arguments, bool parse, struct arena *arena, struct jmap_email_wanted *wanted, struct error *error)
{
	const json_t *properties = json_object_get(arguments, "properties"), *parts = json_object_get(arguments, "bodyProperties");
	*wanted = (struct jmap_email_wanted){.part_properties = PART_DEFAULTS};
	if (!properties || json_is_null(properties))
		add_defaults(wanted, parse, arena);
	else if (!read_names(properties, "properties", add_email_property, wanted, arena, error))
		return false;
	if (parts && !json_is_null(parts)) {
		wanted->part_properties = 0;
		if (!read_names(parts, "bodyProperties", add_part_property, wanted, arena, error))
			return false;
	}
	if (!parse)
		wanted->properties |= 1 << EMAIL_ID; /* RFC 8620 §5.1 */
	if (!read_bool(arguments, "fetchTextBodyValues", &wanted->text_values, error) || !read_bool(arguments, "fetchHTMLBodyValues", &wanted->html_values, error) ||
	    !read_bool(arguments, "fetchAllBodyValues", &wanted->all_values, error) || !read_max(arguments, &wanted->max_value, error))
		return false;
	find_needs(wanted);
	return true;
}
