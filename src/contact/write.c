/* Cards as vCards (RFC 9555 §3). The common is written as the properties that everybody knows; then it is read again, and whatever isn't as it was goes along as
 * JSPROP (§3.2.1): so nothing of a card is lost on its way through a vCard, whatever it is. */
#include "contact/write.h"

#include <stdlib.h>
#include <string.h>

/* ---- What is the card's own ---- */

/* FN is needed; where there is none, out of the components (RFC 9555 §3.1). */
static void write_full_name(struct contact_writing *writing, const json_t *name)
{
	size_t i;
	bool ordered = json_is_true(json_object_get(name, "isOrdered")), first = true;
	json_t *full = json_object_get(name, "full"), *components = json_object_get(name, "components"), *one;
	static const char *const order[] = {"title", "given", "given2", "surname", "surname2", "generation", "credential"};
	contact_write_begin(writing, (struct slice){0}, "fn");
	if (!full && components && writing->version == CONTACT_VCARD_4)
		contact_write_parameter(writing, "derived", SLICE("TRUE"));
	buf_append_char(&writing->line, ':');
	contact_write_escaped(writing, contact_text_of(full));
	for (size_t k = 0; !full && k < (ordered ? 1 : sizeof order / sizeof *order); k++)
		json_array_foreach(components, i, one) {
			struct slice kind = contact_text_of(json_object_get(one, "kind"));
			if (slice_equal(kind, SLICE("separator")) || (!ordered && !slice_equal(kind, slice_of(order[k]))))
				continue;
			if (!first)
				buf_append_char(&writing->line, ' ');
			contact_write_escaped(writing, contact_text_of(json_object_get(one, "value")));
			first = false;
		}
	contact_write_end(writing);
}

static void write_name(struct contact_writing *writing, const json_t *name)
{
	json_t *components = json_object_get(name, "components");
	write_full_name(writing, name);
	if (!components && writing->version == CONTACT_VCARD_4)
		return;
	contact_write_begin(writing, (struct slice){0}, "n");
	contact_write_parameters(writing, NULL, name);
	buf_append_char(&writing->line, ':');
	bool more = contact_write_has_component(components, "surname2 generation");
	for (size_t i = 0; contact_name_parts[i] && (more || i < 5); i++) {
		if (i > 0)
			buf_append_char(&writing->line, ';');
		contact_write_components(writing, components, i == 0 ? "surname surname2" : i == 4 ? "credential generation" : contact_name_parts[i]);
	}
	contact_write_end(writing);
}

static void write_keywords(struct contact_writing *writing, const json_t *keywords)
{
	const char *key;
	json_t *is;
	bool first = true;
	if (json_object_size(keywords) == 0)
		return;
	contact_write_begin(writing, (struct slice){0}, "categories");
	buf_append_char(&writing->line, ':');
	json_object_foreach((json_t *)keywords, key, is) {
		if (!first)
			buf_append_char(&writing->line, ',');
		contact_write_escaped(writing, slice_of(key));
		first = false;
	}
	contact_write_end(writing);
}

static void write_members(struct contact_writing *writing, const json_t *members)
{
	const char *key;
	json_t *is;
	json_object_foreach((json_t *)members, key, is)
		contact_write_text(writing, writing->version == CONTACT_VCARD_4 ? "member" : "x-addressbookserver-member", slice_of(key));
}

static void write_related(struct contact_writing *writing, const json_t *related)
{
	const char *key;
	json_t *entry;
	json_object_foreach((json_t *)related, key, entry) {
		contact_write_begin(writing, (struct slice){0}, "related");
		if (!contact_is_uri(slice_of(key)))
			contact_write_parameter(writing, "value", SLICE("text"));
		contact_write_types(writing, json_object_get(entry, "relation"));
		buf_append_char(&writing->line, ':');
		contact_write_escaped(writing, slice_of(key));
		contact_write_end(writing);
	}
}

static void write_speaking(struct contact_writing *writing, const json_t *speaking)
{
	const char *key;
	json_t *entry, *gender = json_object_get(speaking, "grammaticalGender");
	if (gender)
		contact_write_text(writing, "gramgender", contact_text_of(gender));
	json_object_foreach(json_object_get(speaking, "pronouns"), key, entry) {
		contact_write_begin(writing, (struct slice){0}, "pronouns");
		contact_write_parameters(writing, key, entry);
		buf_append_char(&writing->line, ':');
		contact_write_escaped(writing, contact_text_of(json_object_get(entry, "pronouns")));
		contact_write_end(writing);
	}
}

/* What came as a vCard's property and means nothing here. */
static void write_kept(struct contact_writing *writing, const json_t *kept)
{
	size_t i;
	json_t *one, *value;
	const char *name;
	json_array_foreach(kept, i, one) {
		struct slice group = contact_text_of(json_object_get(json_array_get(one, 1), "group")), text = contact_text_of(json_array_get(one, 3));
		const char *property = json_string_value(json_array_get(one, 0));
		if (!property || !contact_write_is_name(slice_of(property)) || (group.len > 0 && !contact_write_is_name(group)) || slice_find_char(text, '\n') != SLICE_NONE ||
		    slice_find_char(text, '\r') != SLICE_NONE)
			continue;
		contact_write_begin(writing, group, property);
		json_object_foreach(json_array_get(one, 1), name, value)
			contact_write_given(writing, name, value);
		buf_append_char(&writing->line, ':');
		buf_append(&writing->line, text);
		contact_write_end(writing);
	}
}

static void write_time(struct contact_writing *writing, const char *name, const json_t *time)
{
	char room[32];
	if (json_is_string(time))
		contact_write_text(writing, name, contact_write_stamp_of(time, room));
}

static void write_texts(struct contact_writing *writing, const json_t *card)
{
	static const struct { const char *property, *vcard; } texts[] = {{"prodId", "prodid"}, {"uid", "uid"}, {"language", "language"}};
	json_t *kind = json_object_get(card, "kind");
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (json_object_get(card, texts[i].property))
			contact_write_text(writing, texts[i].vcard, contact_text_of(json_object_get(card, texts[i].property)));
	if (kind)
		contact_write_text(writing, writing->version == CONTACT_VCARD_4 ? "kind" : "x-addressbookserver-kind", contact_text_of(kind));
	write_time(writing, "created", json_object_get(card, "created"));
	write_time(writing, "rev", json_object_get(card, "updated"));
}

static void write_plain(struct contact_writing *writing)
{
	const json_t *card = writing->card;
	const char *property;
	json_t *value;
	buf_append_text(writing->out, writing->version == CONTACT_VCARD_4 ? "BEGIN:VCARD\r\nVERSION:4.0\r\n" : "BEGIN:VCARD\r\nVERSION:3.0\r\n");
	write_texts(writing, card);
	write_name(writing, json_object_get(card, "name"));
	json_object_foreach((json_t *)card, property, value)
		contact_write_map(writing, property, value);
	write_keywords(writing, json_object_get(card, "keywords"));
	write_members(writing, json_object_get(card, "members"));
	write_related(writing, json_object_get(card, "relatedTo"));
	write_speaking(writing, json_object_get(card, "speakToAs"));
	write_kept(writing, json_object_get(card, "vCardProps"));
}

/* ---- What all that doesn't say (RFC 9555 §3.2.1) ---- */

static void write_patch(struct contact_writing *writing, const char *property, const json_t *value)
{
	char *text = json_dumps(value ? value : json_null(), JSON_COMPACT | JSON_ENCODE_ANY);
	struct buf path = BUF(4096);
	for (const char *c = property; *c; c++)
		*c == '~' ? buf_append_text(&path, "~0") : *c == '/' ? buf_append_text(&path, "~1") : buf_append_char(&path, *c);
	contact_write_begin(writing, (struct slice){0}, "jsprop");
	contact_write_parameter(writing, "jsptr", buf_slice(&path));
	buf_append_char(&writing->line, ':');
	contact_write_escaped(writing, slice_of(text));
	contact_write_end(writing);
	buf_free(&path);
	free(text);
}

static void write_differences(struct contact_writing *writing, const json_t *seen)
{
	const char *property;
	json_t *value;
	json_object_foreach((json_t *)writing->card, property, value)
		if (!json_equal(value, json_object_get(seen, property)))
			write_patch(writing, property, value);
	json_object_foreach((json_t *)seen, property, value)
		if (!json_object_get(writing->card, property))
			write_patch(writing, property, NULL);
}

void contact_write(const json_t *card, enum contact_version version, struct buf *out)
{
	struct contact_reader reader;
	struct contact_problem problem;
	json_t *seen = NULL;
	struct buf whole = BUF(CONTACT_VCARD_MAX);
	struct contact_writing writing = {.out = &whole, .version = version, .line = BUF(CONTACT_VCARD_MAX), .card = card};
	write_plain(&writing);
	size_t end = whole.len;
	buf_append_text(&whole, "END:VCARD\r\n");
	if (version == CONTACT_VCARD_4) {
		contact_reader_open(&reader, buf_slice(&whole));
		contact_reader_next(&reader, &seen, &problem);
		contact_reader_close(&reader);
		whole.len = end;
		write_differences(&writing, seen);
		buf_append_text(&whole, "END:VCARD\r\n");
	}
	buf_append(out, buf_slice(&whole));
	json_decref(seen);
	buf_free(&writing.line);
	buf_free(&whole);
}
