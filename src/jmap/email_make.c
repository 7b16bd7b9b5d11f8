/* Checking an Email that is to be created, by the rules of RFC 8621 §4.6, and making the tree of its parts. */
#include "jmap/email_make.h"

/* ---- what is wrong ---- */

static void refuse(struct jmap_making *making, const char *property)
{
	json_t *name;
	size_t i;
	json_array_foreach(making->invalid, i, name)
		if (strcmp(json_string_value(name), property) == 0)
			return;
	json_array_append_new(making->invalid, json_string(property));
}

/* ---- header fields ---- */

/* The fields that an object already has: their names in lower case. */
static bool note_field(json_t *seen, struct slice name, struct arena *arena)
{
	char *key = arena_text(arena, name);
	for (size_t i = 0; i < name.len; i++)
		key[i] = ascii_lower(key[i]);
	bool is_new = json_object_get(seen, key) == NULL;
	json_object_set_new(seen, key, json_true());
	return is_new;
}

static bool is_part_field(struct slice name)
{
	return slice_starts_nocase(name, SLICE("Content-"));
}

/* A property that is a header field; `where` names it for the client. */
static void check_field(struct jmap_making *making, const struct jmap_header_property *property, const json_t *value, bool part, json_t *seen, const char *where)
{
	bool is_new = note_field(seen, property->name, making->arena);
	bool allowed = part ? !slice_equal_nocase(property->name, SLICE("Content-Transfer-Encoding")) : !is_part_field(property->name);
	if (!is_new || !allowed || json_object_size(seen) > JMAP_MAKE_HEADERS_MAX || !jmap_make_value_fits(property, value))
		refuse(making, where);
}

/* ---- parts ---- */

static bool is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] <= ' ' || s.at[i] >= 0x7f || strchr("()<>@,;:\\\"/[]?=", s.at[i]))
			return false;
	return s.len > 0 && s.len <= 100;
}

static bool is_type(struct slice s)
{
	struct slice type, subtype;
	return slice_cut(s, '/', &type, &subtype) && is_token(type) && is_token(subtype);
}

static bool is_clean(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] < ' ' || s.at[i] == 0x7f)
			return false;
	return s.len <= 900;
}

static bool is_cid(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] == '<' || s.at[i] == '>' || s.at[i] == ' ')
			return false;
	return is_clean(s) && s.len > 0;
}

static bool is_name(struct slice s) { return s.len <= 4000; }

static bool are_languages(const json_t *value)
{
	size_t i;
	json_t *tag;
	json_array_foreach((json_t *)value, i, tag)
		if (!is_token(jmap_slice_of(tag)) || i > 100)
			return false;
	return json_is_array(value);
}

/* A property of a part that is text. */
static bool take_text(struct slice *text, const json_t *value, bool (*fits)(struct slice text))
{
	*text = jmap_slice_of(value);
	return json_is_null(value) || (json_is_string(value) && slice_find_char(*text, '\0') == SLICE_NONE && fits(*text));
}

static bool take_property(struct jmap_made *part, const char *name, const json_t *value)
{
	const struct { const char *name; struct slice *text; bool (*fits)(struct slice text); } texts[] = {
		{"type", &part->type, is_type}, {"charset", &part->charset, is_token}, {"name", &part->name, is_name}, {"disposition", &part->disposition, is_token},
		{"cid", &part->cid, is_cid}, {"location", &part->location, is_clean},
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (strcmp(name, texts[i].name) == 0)
			return take_text(texts[i].text, value, texts[i].fits);
	if (strcmp(name, "language") == 0) {
		part->language = json_is_null(value) ? NULL : value;
		return json_is_null(value) || are_languages(value);
	}
	/* Looked at where the content is taken; a size is ignored then. */
	return strcmp(name, "partId") == 0 || strcmp(name, "blobId") == 0 || strcmp(name, "subParts") == 0 ||
	       (strcmp(name, "size") == 0 && (json_is_integer(value) || json_is_null(value)));
}

/* Which fields the properties of a part stand for: none of them twice. */
static void note_properties(struct jmap_making *making, const struct jmap_made *part, json_t *seen)
{
	if (part->type.len > 0 || part->charset.len > 0 || (part->name.len > 0 && part->disposition.len == 0))
		note_field(seen, SLICE("Content-Type"), making->arena);
	if (part->disposition.len > 0)
		note_field(seen, SLICE("Content-Disposition"), making->arena);
	if (part->cid.len > 0)
		note_field(seen, SLICE("Content-ID"), making->arena);
	if (part->language)
		note_field(seen, SLICE("Content-Language"), making->arena);
	if (part->location.len > 0)
		note_field(seen, SLICE("Content-Location"), making->arena);
}

/* `top`: fields that the part must not have, since the Email has them; or NULL. */
static void check_properties(struct jmap_making *making, struct jmap_made *part, const json_t *top, const char *where)
{
	struct jmap_header_property property;
	const char *name;
	json_t *value, *seen = top ? json_copy((json_t *)top) : json_object();
	json_object_foreach((json_t *)part->object, name, value)
		if (strncmp(name, "header:", 7) != 0 && !take_property(part, name, value))
			refuse(making, where);
	note_properties(making, part, seen);
	json_object_foreach((json_t *)part->object, name, value) {
		if (strncmp(name, "header:", 7) != 0)
			continue;
		if (jmap_make_property(name, true, &property))
			check_field(making, &property, value, true, seen, where);
		else
			refuse(making, where);
	}
	json_decref(seen);
}

static bool is_multipart(const struct jmap_made *part) { return slice_starts_nocase(part->type, SLICE("multipart/")); }

static bool is_given(const struct jmap_made *part, const char *name)
{
	const json_t *value = json_object_get(part->object, name);
	return value && !json_is_null(value);
}

/* The text that a partId names (§4.6: in bodyValues, whole and without a problem). */
static bool take_value(struct jmap_making *making, struct jmap_made *part)
{
	const json_t *id = json_object_get(part->object, "partId");
	const json_t *value = json_is_string(id) ? json_object_get(making->values, json_string_value(id)) : NULL;
	const json_t *text = json_object_get(value, "value");
	part->content = jmap_slice_of(text);
	part->is_text = true;
	return json_is_string(text) && !is_given(part, "charset") && !is_given(part, "size");
}

static bool take_blob(struct jmap_making *making, struct jmap_made *part)
{
	json_t *id = json_object_get(part->object, "blobId");
	if (!json_is_string(id))
		return false;
	if (!making->find_blob(making->context, jmap_slice_of(id), &part->content))
		json_array_append(making->missing, id);
	return true;
}

static void check_content(struct jmap_making *making, struct jmap_made *part, const char *where)
{
	bool text = is_given(part, "partId"), blob = is_given(part, "blobId"), parts = is_given(part, "subParts");
	if (is_multipart(part)) {
		if (text || blob || (parts && !json_is_array(json_object_get(part->object, "subParts"))))
			refuse(making, where);
		return;
	}
	if (text == blob || parts || !(text ? take_value(making, part) : take_blob(making, part)))
		refuse(making, where);
}

static struct jmap_made *read_part(struct jmap_making *making, const json_t *object, const char *type, const json_t *top, const char *where);

static void read_parts(struct jmap_making *making, struct jmap_made *part, const char *where)
{
	const json_t *parts = json_object_get(part->object, "subParts");
	struct jmap_made **end = &part->first;
	for (size_t i = 0; i < json_array_size(parts) && making->parts <= JMAP_MAKE_PARTS_MAX; i++) {
		*end = read_part(making, json_array_get(parts, i), "text/plain", NULL, where);
		end = *end ? &(*end)->next : end;
	}
	if (json_array_size(parts) == 0) /* RFC 2046 §5.1.1: there is one at least */
		refuse(making, where);
}

/* Type as said in header:Content-Type, if it is said there. */
static void take_type_of_field(struct jmap_made *part)
{
	struct jmap_header_property property;
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)part->object, name, value) {
		if (!jmap_header_property_parse(name, &property) || !slice_equal_nocase(property.name, SLICE("Content-Type")) || !json_is_string(value))
			continue;
		struct slice type, rest;
		slice_cut(jmap_slice_of(value), ';', &type, &rest);
		type = slice_trim(type);
		if (is_type(type))
			part->type = type;
	}
}

static struct jmap_made *read_part(struct jmap_making *making, const json_t *object, const char *type, const json_t *top, const char *where)
{
	if (!json_is_object(object) || ++making->parts > JMAP_MAKE_PARTS_MAX || making->depth >= JMAP_MAKE_DEPTH_MAX) {
		refuse(making, where);
		return NULL;
	}
	struct jmap_made *part = arena_alloc(making->arena, sizeof *part);
	part->object = object;
	check_properties(making, part, top, where);
	if (part->type.len == 0)
		take_type_of_field(part);
	if (part->type.len == 0)
		part->type = slice_of(type);
	check_content(making, part, where);
	making->depth++;
	if (is_multipart(part))
		read_parts(making, part, where);
	making->depth--;
	return part;
}

/* ---- the tree of what is given as text, HTML and attachments ---- */

static struct jmap_made *wrap(struct jmap_making *making, const char *type, struct jmap_made *first, struct jmap_made *more)
{
	if (!first || !more)
		return first ? first : more;
	struct jmap_made *part = arena_alloc(making->arena, sizeof *part);
	part->type = slice_of(type);
	part->first = first;
	first->next = more;
	return part;
}

/* The one part of textBody or htmlBody; NULL: it isn't given. */
static struct jmap_made *read_body(struct jmap_making *making, const char *property, const char *type)
{
	const json_t *list = json_object_get(making->email, property);
	if (!list || json_is_null(list))
		return NULL;
	struct jmap_made *part = json_array_size(list) == 1 ? read_part(making, json_array_get(list, 0), type, NULL, property) : NULL;
	if (!part || !slice_equal_nocase(part->type, slice_of(type)))
		refuse(making, property);
	return part;
}

/* Attachments, of those that HTML shows if `shown`, of the others if not. */
static struct jmap_made *read_attachments(struct jmap_making *making, bool html, bool shown)
{
	const json_t *list = json_object_get(making->email, "attachments");
	struct jmap_made *first = NULL, **end = &first;
	for (size_t i = 0; i < json_array_size(list) && making->parts <= JMAP_MAKE_PARTS_MAX; i++) {
		const json_t *object = json_array_get(list, i);
		bool inside = html && slice_equal_nocase(jmap_slice_of(json_object_get(object, "disposition")), SLICE("inline")) &&
			      json_is_string(json_object_get(object, "cid"));
		if (inside != shown)
			continue;
		*end = read_part(making, object, "text/plain", NULL, "attachments");
		end = *end ? &(*end)->next : end;
	}
	return first;
}

static struct jmap_made *read_lists(struct jmap_making *making)
{
	const json_t *attachments = json_object_get(making->email, "attachments");
	if (attachments && !json_is_null(attachments) && !json_is_array(attachments))
		refuse(making, "attachments");
	struct jmap_made *text = read_body(making, "textBody", "text/plain"), *html = read_body(making, "htmlBody", "text/html");
	html = wrap(making, "multipart/related", html, read_attachments(making, html != NULL, true));
	struct jmap_made *body = wrap(making, "multipart/alternative", text, html), *more = read_attachments(making, html != NULL, false);
	if (body || !more)
		return wrap(making, "multipart/mixed", body, more);
	struct jmap_made *part = arena_alloc(making->arena, sizeof *part); /* attachments alone */
	*part = (struct jmap_made){.type = SLICE("multipart/mixed"), .first = more};
	return part;
}

/* ---- the Email ---- */

static bool is_body_list(const char *name) { return strcmp(name, "textBody") == 0 || strcmp(name, "htmlBody") == 0 || strcmp(name, "attachments") == 0; }

static void check_top(struct jmap_making *making, json_t *seen)
{
	static const char *const others[] = {"mailboxIds", "keywords", "receivedAt", "bodyStructure", "bodyValues", "textBody", "htmlBody", "attachments"};
	struct jmap_header_property property;
	bool structure = json_is_object(json_object_get(making->email, "bodyStructure"));
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)making->email, name, value) {
		bool known = false;
		for (size_t i = 0; i < sizeof others / sizeof *others; i++)
			known |= strcmp(name, others[i]) == 0;
		if (!known && jmap_make_property(name, false, &property))
			check_field(making, &property, value, false, seen, name);
		else if (!known || (structure && is_body_list(name) && !json_is_null(value)))
			refuse(making, name);
	}
}

/* Whole and without a problem (§4.6). */
static void check_values(struct jmap_making *making)
{
	const char *id, *name;
	json_t *value, *member;
	if (making->values && !json_is_object(making->values) && !json_is_null(making->values))
		refuse(making, "bodyValues");
	json_object_foreach((json_t *)making->values, id, value) {
		bool fits = json_is_object(value) && json_is_string(json_object_get(value, "value"));
		json_object_foreach(value, name, member)
			fits &= strcmp(name, "value") == 0 || ((strcmp(name, "isEncodingProblem") == 0 || strcmp(name, "isTruncated") == 0) && json_is_false(member));
		if (!fits)
			refuse(making, "bodyValues");
	}
}

static json_t *conclude(struct jmap_making *making)
{
	json_t *error = NULL;
	if (json_array_size(making->invalid) > 0) {
		error = jmap_set_error("invalidProperties", NULL, "the message can't be made of these (RFC 8621 section 4.6)");
		json_object_set(error, "properties", making->invalid);
	} else if (json_array_size(making->missing) > 0) {
		error = jmap_set_error("blobNotFound", NULL, "there are no such blobs");
		json_object_set(error, "notFound", making->missing);
	}
	json_decref(making->invalid);
	json_decref(making->missing);
	making->invalid = making->missing = NULL;
	return error;
}

json_t *jmap_email_check(struct jmap_making *making, const json_t *email)
{
	const json_t *structure = json_object_get(email, "bodyStructure");
	json_t *seen = json_object();
	making->email = email;
	making->values = json_object_get(email, "bodyValues");
	making->invalid = json_array();
	making->missing = json_array();
	check_top(making, seen);
	check_values(making);
	if (structure && !json_is_null(structure))
		making->root = read_part(making, structure, "text/plain", seen, "bodyStructure");
	else
		making->root = read_lists(making);
	json_decref(seen);
	if (!making->root) {
		making->root = arena_alloc(making->arena, sizeof *making->root);
		*making->root = (struct jmap_made){.type = SLICE("text/plain"), .is_text = true};
	}
	return conclude(making);
}
