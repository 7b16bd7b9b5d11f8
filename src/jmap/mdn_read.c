/* Reading receipts (RFC 8098 §3): a multipart/report in which a message/disposition-notification stands. */
#include "jmap/mdn.h"
#include "message/header.h"
#include "message/mime.h"

enum { FIELDS_READ_MAX = 64 * 1024, TEXT_READ_MAX = 256 * 1024 };

static bool is_type(const struct mime_part *part, const char *type, const char *subtype)
{
	return slice_equal(part->type, slice_of(type)) && slice_equal(part->subtype, slice_of(subtype));
}

static const struct mime_part *find_child(const struct mime_part *root, const char *type, const char *subtype)
{
	for (size_t i = 0; i < root->child_count; i++)
		if (is_type(&root->children[i], type, subtype))
			return &root->children[i];
	return NULL;
}

/* Words for people may be an alternative of a text and others. */
static const struct mime_part *find_text(const struct mime_part *root)
{
	const struct mime_part *text = find_child(root, "text", "plain"), *alternative = find_child(root, "multipart", "alternative");
	return text || !alternative ? text : find_child(alternative, "text", "plain");
}

static struct slice content_of(struct slice message, const struct mime_part *part, size_t max, struct arena *arena)
{
	struct buf decoded = BUF(max);
	mime_decode(part->encoding, slice_sub(message, (size_t)part->body_at, (size_t)part->body_size), &decoded);
	struct slice content = arena_copy(arena, buf_slice(&decoded));
	buf_free(&decoded);
	return content;
}

static json_t *text_or_null(struct slice text) { return text.len > 0 ? jmap_text(text) : json_null(); }

static struct slice lower(struct slice text, struct arena *arena)
{
	struct slice copy = arena_copy(arena, slice_trim(text));
	char *at = (char *)copy.at;
	for (size_t i = 0; i < copy.len; i++)
		at[i] = ascii_lower(at[i]);
	return copy;
}

/* "manual-action/MDN-sent-manually; displayed/modifiers"; NULL: it isn't that. */
static json_t *read_disposition(struct slice text, struct arena *arena)
{
	struct slice modes, type, action, sending, modifiers;
	if (!slice_cut(text, ';', &modes, &type) || !slice_cut(modes, '/', &action, &sending))
		return NULL;
	slice_cut(type, '/', &type, &modifiers);
	return json_pack("{s:o, s:o, s:o}", "actionMode", jmap_text(lower(action, arena)), "sendingMode", jmap_text(lower(sending, arena)), "type", jmap_text(lower(type, arena)));
}

static void read_field(json_t *mdn, const struct header_field *field, struct arena *arena)
{
	static const struct { const char *field, *property; } known[] = {
		{"Reporting-UA", "reportingUA"}, {"MDN-Gateway", "mdnGateway"}, {"Original-Recipient", "originalRecipient"}, {"Final-Recipient", "finalRecipient"},
		{"Original-Message-ID", "originalMessageId"},
	};
	struct slice body = header_unfold(field->body, arena);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (slice_equal_nocase(field->name, slice_of(known[i].field))) {
			json_object_set_new(mdn, known[i].property, text_or_null(body));
			return;
		}
	if (slice_equal_nocase(field->name, SLICE("Disposition"))) {
		json_t *disposition = read_disposition(body, arena);
		if (disposition)
			json_object_set_new(mdn, "disposition", disposition);
	} else if (slice_equal_nocase(field->name, SLICE("Error"))) {
		if (!json_is_array(json_object_get(mdn, "error")))
			json_object_set_new(mdn, "error", json_array());
		json_array_append_new(json_object_get(mdn, "error"), jmap_text(body));
	} else if (slice_is_utf8(field->name)) {
		if (!json_is_object(json_object_get(mdn, "extensionFields")))
			json_object_set_new(mdn, "extensionFields", json_object());
		json_object_setn_new(json_object_get(mdn, "extensionFields"), field->name.at, field->name.len, jmap_text(body));
	}
}

static json_t *read_words(struct slice message, const struct mime_part *part, struct arena *arena)
{
	struct buf text = BUF(4 * TEXT_READ_MAX);
	if (!part)
		return json_null();
	charset_to_utf8(parameter_get(part->parameters, part->parameter_count, SLICE("charset")), content_of(message, part, TEXT_READ_MAX, arena), &text);
	json_t *words = jmap_text(buf_slice(&text));
	buf_free(&text);
	return words;
}

json_t *jmap_receipt_read(struct slice message, struct arena *arena)
{
	struct mime_part *root = mime_parse(message, arena);
	const struct mime_part *fields = is_type(root, "multipart", "report") ? find_child(root, "message", "disposition-notification") : NULL;
	struct header_field field;
	if (!fields)
		return NULL;
	bool whole = find_child(root, "message", "rfc822") || find_child(root, "text", "rfc822-headers");
	struct slice rest = content_of(message, fields, FIELDS_READ_MAX, arena), header = slice_sub(message, 0, header_length(message));
	json_t *mdn = json_pack("{s:o, s:o, s:b, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n}", "subject",
				text_or_null(header_find(header, SLICE("Subject"), &field) ? header_decode(field.body, arena) : SLICE("")), "textBody",
				read_words(message, find_text(root), arena), "includeOriginalMessage", whole, "reportingUA", "mdnGateway", "originalRecipient",
				"finalRecipient", "originalMessageId", "disposition", "error", "extensionFields");
	while (header_next(&rest, &field))
		if (field.name.len > 0)
			read_field(mdn, &field, arena);
	bool good = json_is_object(json_object_get(mdn, "disposition")) && json_is_string(json_object_get(mdn, "finalRecipient"));
	if (good)
		return mdn;
	json_decref(mdn);
	return NULL;
}
