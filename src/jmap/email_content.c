/* The properties of an Email that come from its message (RFC 8621 §4.1.2-4.1.4). */
#include "jmap/email.h"

#include "message/text.h"

/* ---- header fields ---- */

static json_t *text_of(struct slice text, enum jmap_form form, struct arena *arena)
{
	return text.at ? jmap_header_value(text, form, arena) : json_null();
}

static json_t *list_of(const struct address *list, size_t count, struct arena *arena)
{
	return count > 0 ? jmap_addresses(list, count, arena) : json_null();
}

/* A convenience property out of the envelope, whose fields stand once each; NULL: it isn't there. An empty field can't be told from none there. */
static json_t *of_envelope(const struct envelope *e, const char *property, struct arena *arena)
{
	const struct { const char *property; struct slice text; enum jmap_form form; } texts[] = {
		{"subject", e->subject, JMAP_TEXT}, {"messageId", e->message_id, JMAP_MESSAGE_IDS}, {"inReplyTo", e->in_reply_to, JMAP_MESSAGE_IDS},
		{"references", e->references, JMAP_MESSAGE_IDS}, {"sentAt", e->date, JMAP_DATE},
	};
	const struct { const char *property; const struct address *list; size_t count; } lists[] = {
		{"from", e->from, e->from_count}, {"to", e->to, e->to_count}, {"cc", e->cc, e->cc_count}, {"bcc", e->bcc, e->bcc_count},
		{"sender", e->sender, e->sender_count}, {"replyTo", e->reply_to, e->reply_to_count},
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (strcmp(property, texts[i].property) == 0)
			return text_of(texts[i].text, texts[i].form, arena);
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		if (strcmp(property, lists[i].property) == 0)
			return list_of(lists[i].list, lists[i].count, arena);
	return NULL;
}

static void put_headers(json_t *email, const struct jmap_email_wanted *wanted, const struct jmap_email_source *source)
{
	const struct envelope *envelope = source->root->envelope;
	bool listed = source->header.len > 0 || !envelope;
	struct jmap_fields fields = jmap_fields_read(source->header, source->arena);
	for (size_t i = 0; i < wanted->headers.count; i++) {
		const struct jmap_header_property *property = &wanted->headers.at[i];
		json_t *value = listed ? NULL : of_envelope(envelope, property->property, source->arena);
		json_object_set_new_nocheck(email, property->property, value ? value : jmap_header_get(&fields, property, source->arena));
	}
	if (jmap_wants(wanted, EMAIL_HEADERS))
		json_object_set_new_nocheck(email, "headers", jmap_headers(&fields));
}

/* ---- parts ---- */

struct showing {
	const struct jmap_email_wanted *wanted;
	const struct jmap_email_source *source;
	struct jmap_fields fields; /* of the part at hand */
};

static struct slice header_of(const struct showing *showing, const struct mime_part *part)
{
	return slice_sub(showing->source->message, (size_t)part->header_at, (size_t)part->header_size);
}

/* The last field of that name; empty: there is none. */
static struct slice field_of(const struct showing *showing, struct slice name)
{
	for (size_t i = 0; i < showing->fields.count; i++)
		if (slice_equal_nocase(showing->fields.at[i].name, name)) /* the first counts, as for the structure */
			return showing->fields.at[i].body;
	return slice_make(NULL, 0);
}

static json_t *text_or_null(struct slice text) { return text.len > 0 ? jmap_text(text) : json_null(); }

/* An encoded message/rfc822, which has no structure, is no message for MIME (RFC 2046 §5.2.1), but still what its header says. */
static json_t *type_of(const struct showing *showing, const struct mime_part *part)
{
	struct arena *arena = showing->source->arena;
	struct slice type, rest, field = field_of(showing, SLICE("Content-Type"));
	slice_cut(field, ';', &type, &rest);
	type = slice_trim(type);
	if (slice_equal(part->subtype, SLICE("octet-stream")) && slice_starts_nocase(type, SLICE("message/")) && slice_is_printable(type))
		return jmap_text(text_lower_ascii(type, arena));
	return jmap_text(arena_printf(arena, "%.*s/%.*s", SLICE_ARG(part->type), SLICE_ARG(part->subtype)));
}

static json_t *charset_of(const struct mime_part *part)
{
	struct slice charset = parameter_get(part->parameters, part->parameter_count, SLICE("charset"));
	if (charset.len > 0)
		return jmap_text(charset);
	return slice_equal(part->type, SLICE("text")) ? json_string("us-ascii") : json_null();
}

/* Without angle brackets, comments and blanks; as it stands if it has none. */
static json_t *cid_of(const struct showing *showing, const struct mime_part *part)
{
	json_t *ids = part->id.at ? jmap_message_ids(part->id, showing->source->arena) : NULL, *first = json_array_get(ids, 0);
	json_t *cid = first ? json_incref(first) : text_or_null(slice_trim(part->id));
	json_decref(ids);
	return cid;
}

/* RFC 3282: tags between commas, with comments. */
static json_t *language_of(const struct showing *showing)
{
	struct slice body = field_of(showing, SLICE("Content-Language")), tag;
	if (!body.at)
		return json_null();
	json_t *tags = json_array();
	while (body.len > 0) {
		slice_cut(body, ',', &tag, &body);
		size_t comment = slice_find_char(tag, '(');
		tag = slice_trim(slice_sub(tag, 0, comment));
		if (tag.len > 0)
			json_array_append_new(tags, jmap_text(tag));
	}
	return tags;
}

static json_t *blob_of(const struct showing *showing, unsigned number)
{
	struct slice blob = showing->source->blob;
	return number > 0 ? json_sprintf("%.*s-%u", SLICE_ARG(blob), number) : json_null();
}

static json_t *part_size(const struct showing *showing, const struct mime_part *part)
{
	struct slice body = slice_sub(showing->source->message, (size_t)part->body_at, (size_t)part->body_size);
	return json_integer((json_int_t)mime_decoded_size(part->encoding, body));
}

static json_t *part_property(const struct showing *showing, const struct jmap_part *part, enum jmap_part_property property)
{
	const struct mime_part *mime = part->mime;
	struct arena *arena = showing->source->arena;
	switch (property) {
	case PART_ID:
		return part->number > 0 ? json_sprintf("%u", part->number) : json_null();
	case PART_BLOB_ID:
		return blob_of(showing, part->number);
	case PART_SIZE:
		return part_size(showing, mime);
	case PART_HEADERS:
		return jmap_headers(&showing->fields);
	case PART_NAME:
		return text_or_null(jmap_part_name(mime, arena));
	case PART_TYPE:
		return type_of(showing, mime);
	case PART_CHARSET:
		return charset_of(mime);
	case PART_DISPOSITION:
		return text_or_null(mime->disposition);
	case PART_CID:
		return cid_of(showing, mime);
	case PART_LANGUAGE:
		return language_of(showing);
	case PART_LOCATION:
		return text_or_null(mime->location);
	default:
		return json_null();
	}
}

static const char *const part_names[] = {"partId", "blobId", "size", "headers", "name", "type", "charset", "disposition", "cid", "language", "location"};

static json_t *part_json(struct showing *showing, const struct jmap_part *part, bool whole_tree)
{
	const struct jmap_email_wanted *wanted = showing->wanted;
	json_t *json = json_object();
	showing->fields = jmap_fields_read(header_of(showing, part->mime), showing->source->arena);
	for (unsigned i = 0; i < PART_SUB_PARTS; i++)
		if (wanted->part_properties >> i & 1)
			json_object_set_new_nocheck(json, part_names[i], part_property(showing, part, i));
	for (size_t i = 0; i < wanted->part_headers.count; i++)
		json_object_set_new_nocheck(json, wanted->part_headers.at[i].property,
					    jmap_header_get(&showing->fields, &wanted->part_headers.at[i], showing->source->arena));
	json_t *children = part->number == 0 && whole_tree ? json_array() : NULL;
	for (size_t i = 0; children && i < part->child_count; i++)
		json_array_append_new(children, part_json(showing, &part->children[i], true));
	if (children)
		json_object_set_new_nocheck(json, "subParts", children);
	else if (wanted->part_properties >> PART_SUB_PARTS & 1)
		json_object_set_new_nocheck(json, "subParts", json_null());
	return json;
}

static json_t *list_json(struct showing *showing, const struct jmap_part_list *list)
{
	json_t *json = json_array();
	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(json, part_json(showing, list->at[i], false));
	return json;
}

/* ---- text ---- */

static void put_value(json_t *values, const struct showing *showing, const struct jmap_part *part)
{
	char id[16];
	snprintf(id, sizeof id, "%u", part->number);
	if (part->number == 0 || !slice_equal(part->mime->type, SLICE("text")) || json_object_get(values, id) || *showing->source->values > JMAP_BODY_VALUES_MAX)
		return;
	json_object_set_new_nocheck(values, id, jmap_body_value(part->mime, showing->source->message, showing->wanted->max_value, showing->source->values));
}

static void put_all(json_t *values, const struct showing *showing, const struct jmap_part *part)
{
	put_value(values, showing, part);
	for (size_t i = 0; i < part->child_count; i++)
		put_all(values, showing, &part->children[i]);
}

static json_t *values_json(const struct showing *showing, const struct jmap_body *body)
{
	json_t *values = json_object();
	for (size_t i = 0; showing->wanted->text_values && i < body->text.count; i++)
		put_value(values, showing, body->text.at[i]);
	for (size_t i = 0; showing->wanted->html_values && i < body->html.count; i++)
		put_value(values, showing, body->html.at[i]);
	if (showing->wanted->all_values)
		put_all(values, showing, body->root);
	return values;
}

static void put_body(json_t *email, struct showing *showing, const struct jmap_body *body)
{
	const struct jmap_email_wanted *wanted = showing->wanted;
	if (jmap_wants(wanted, EMAIL_BODY_STRUCTURE))
		json_object_set_new_nocheck(email, "bodyStructure", part_json(showing, body->root, true));
	if (jmap_wants(wanted, EMAIL_TEXT_BODY))
		json_object_set_new_nocheck(email, "textBody", list_json(showing, &body->text));
	if (jmap_wants(wanted, EMAIL_HTML_BODY))
		json_object_set_new_nocheck(email, "htmlBody", list_json(showing, &body->html));
	if (jmap_wants(wanted, EMAIL_ATTACHMENTS))
		json_object_set_new_nocheck(email, "attachments", list_json(showing, &body->attachments));
	if (jmap_wants(wanted, EMAIL_HAS_ATTACHMENT))
		json_object_set_new_nocheck(email, "hasAttachment", json_boolean(jmap_body_has_attachment(body)));
	if (jmap_wants(wanted, EMAIL_BODY_VALUES))
		json_object_set_new_nocheck(email, "bodyValues", values_json(showing, body));
}

void jmap_email_content(json_t *email, const struct jmap_email_wanted *wanted, const struct jmap_email_source *source)
{
	struct showing showing = {.wanted = wanted, .source = source};
	struct jmap_body body;
	put_headers(email, wanted, source);
	if (jmap_wants(wanted, EMAIL_PREVIEW))
		json_object_set_new_nocheck(email, "preview", jmap_text(source->root->envelope ? source->root->envelope->preview : slice_make("", 0)));
	if ((wanted->properties & ~(1U << EMAIL_PREVIEW | 1U << EMAIL_HEADERS)) >> EMAIL_HEADERS == 0)
		return;
	jmap_body_read(source->root, source->arena, &body);
	put_body(email, &showing, &body);
}
