/* The entries of a card that are maps, as lines of a vCard (RFC 9555 §3); see write.h. */
#include "contact/write.h"

#include <stdlib.h>
#include <string.h>

/* ---- Entries whose value is one text ---- */

static const struct form { const char *property, *kind, *name, *field; } forms[] = {
	{"nicknames", NULL, "nickname", "name"}, {"emails", NULL, "email", "address"}, {"phones", NULL, "tel", "number"}, {"titles", "role", "role", "name"},
	{"titles", NULL, "title", "name"}, {"preferredLanguages", NULL, "lang", "language"}, {"media", "photo", "photo", "uri"}, {"media", "logo", "logo", "uri"},
	{"media", "sound", "sound", "uri"}, {"cryptoKeys", NULL, "key", "uri"}, {"links", "contact", "contact-uri", "uri"}, {"links", NULL, "url", "uri"},
	{"directories", "entry", "source", "uri"}, {"directories", "directory", "org-directory", "uri"}, {"calendars", "calendar", "caluri", "uri"},
	{"calendars", "freeBusy", "fburl", "uri"}, {"schedulingAddresses", NULL, "caladruri", "uri"}, {"onlineServices", NULL, "socialprofile", NULL},
	{"notes", NULL, "note", "note"}, {"personalInfo", "expertise", "expertise", "value"}, {"personalInfo", "hobby", "hobby", "value"},
	{"personalInfo", "interest", "interest", "value"}, {"anniversaries", "birth", "bday", NULL}, {"anniversaries", "wedding", "anniversary", NULL},
	{"anniversaries", "death", "deathdate", NULL}, {"addresses", NULL, "adr", NULL}, {"organizations", NULL, "org", NULL},
};

/* A data: URL of base64 as vCard 3 has it (RFC 2426 §3.1.4). */
static bool write_inside(struct contact_writing *writing, struct slice uri)
{
	struct slice head, data, type;
	if (!slice_starts_nocase(uri, SLICE("data:")) || !slice_cut(slice_skip(uri, 5), ',', &head, &data) || !slice_ends_nocase(head, SLICE(";base64")))
		return false;
	size_t slash = slice_find_char(head, '/');
	type = slice_sub(head, slash == SLICE_NONE ? 0 : slash + 1, head.len);
	contact_write_parameter(writing, "encoding", SLICE("b"));
	slice_cut(type, ';', &type, &head);
	if (type.len > 0)
		contact_write_parameter(writing, "type", type);
	buf_append_char(&writing->line, ':');
	buf_append(&writing->line, data);
	return true;
}

static void write_value(struct contact_writing *writing, const struct form *form, const json_t *entry)
{
	struct slice value = contact_text_of(json_object_get(entry, form->field));
	bool uri = strcmp(form->field, "uri") == 0;
	if (uri && writing->version == CONTACT_VCARD_3 && write_inside(writing, value))
		return;
	if (uri)
		contact_write_text_parameter(writing, "mediatype", json_object_get(entry, "mediaType"));
	buf_append_char(&writing->line, ':');
	if (uri)
		buf_append(&writing->line, value); /* URIs need no escapes */
	else
		contact_write_escaped(writing, value);
}

static void write_level(struct contact_writing *writing, const json_t *entry)
{
	static const struct { const char *level, *vcard; } levels[] = {{"low", "beginner"}, {"medium", "average"}, {"high", "expert"}};
	struct slice level = contact_text_of(json_object_get(entry, "level"));
	bool expertise = contact_is_text(json_object_get(entry, "kind"), "expertise");
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
		if (slice_equal(level, slice_of(levels[i].level)))
			contact_write_parameter(writing, "level", expertise ? slice_of(levels[i].vcard) : level);
}

/* A UTCDateTime without its marks. */
struct slice contact_write_stamp_of(const json_t *time, char room[32])
{
	struct slice text = contact_text_of(time);
	size_t len = 0;
	for (size_t i = 0; i < text.len && text.at[i] != '.' && len < 31; i++)
		if (text.at[i] != '-' && text.at[i] != ':')
			room[len++] = text.at[i];
	if (len > 0 && len < 31 && room[len - 1] != 'Z')
		room[len++] = 'Z';
	return slice_make(room, len);
}

static void add_note_parameters(struct contact_writing *writing, const json_t *note)
{
	char room[32];
	json_t *author = json_object_get(note, "author");
	if (json_object_get(note, "created"))
		contact_write_parameter(writing, "created", contact_write_stamp_of(json_object_get(note, "created"), room));
	contact_write_text_parameter(writing, "author", json_object_get(author, "uri"));
	contact_write_text_parameter(writing, "author-name", json_object_get(author, "name"));
}

/* ---- Entries with parts ---- */

static void write_date(struct contact_writing *writing, const json_t *entry)
{
	char room[32];
	json_t *date = json_object_get(entry, "date"), *utc = json_object_get(date, "utc");
	int year = json_object_get(date, "year") ? (int)json_integer_value(json_object_get(date, "year")) : -1;
	int month = (int)json_integer_value(json_object_get(date, "month")), day = (int)json_integer_value(json_object_get(date, "day"));
	struct slice omitted = contact_text_of(json_object_get(json_object_get(entry, "vCardParams"), "x-apple-omit-year"));
	uint64_t instead;
	if (year < 0 && slice_to_number(omitted, 9999, &instead))
		year = (int)instead;
	else if (year < 0 && writing->version == CONTACT_VCARD_3 && !utc) {
		contact_write_parameter(writing, "x-apple-omit-year", SLICE("1604"));
		year = 1604;
	}
	buf_append_char(&writing->line, ':');
	if (utc)
		buf_append(&writing->line, contact_write_stamp_of(utc, room));
	else if (year < 0)
		buf_printf(&writing->line, day > 0 ? "--%02d%02d" : "--%02d", month, day);
	else if (day > 0)
		buf_printf(&writing->line, writing->version == CONTACT_VCARD_3 ? "%04d-%02d-%02d" : "%04d%02d%02d", year, month, day);
	else
		buf_printf(&writing->line, month > 0 ? "%04d-%02d" : "%04d", year, month);
}

/* All components of these kinds, separated by commas. */
void contact_write_components(struct contact_writing *writing, const json_t *components, const char *kinds)
{
	size_t i;
	bool first = true;
	json_t *one;
	json_array_foreach(components, i, one) {
		if (!slice_has_word_nocase(slice_of(kinds), contact_text_of(json_object_get(one, "kind"))))
			continue;
		if (!first)
			buf_append_char(&writing->line, ',');
		contact_write_escaped(writing, contact_text_of(json_object_get(one, "value")));
		first = false;
	}
}

bool contact_write_has_component(const json_t *components, const char *kinds)
{
	size_t i;
	json_t *one;
	json_array_foreach(components, i, one)
		if (slice_has_word_nocase(slice_of(kinds), contact_text_of(json_object_get(one, "kind"))))
			return true;
	return false;
}

static void write_address(struct contact_writing *writing, const json_t *address)
{
	static const char new_kinds[] = "room floor number building block subdistrict district landmark direction";
	json_t *components = json_object_get(address, "components");
	bool new = contact_write_has_component(components, new_kinds);
	contact_write_text_parameter(writing, "label", json_object_get(address, "full"));
	contact_write_text_parameter(writing, "geo", json_object_get(address, "coordinates"));
	contact_write_text_parameter(writing, "tz", json_object_get(address, "timeZone"));
	contact_write_text_parameter(writing, "cc", json_object_get(address, "countryCode"));
	buf_append_char(&writing->line, ':');
	for (size_t i = 0; contact_address_parts[i] && (new || i < 7); i++) {
		const char *kinds = contact_address_parts[i];
		if (i > 0)
			buf_append_char(&writing->line, ';');
		if (new && i == 1)
			kinds = "room floor apartment building"; /* for who knows no others (RFC 9555, table 2) */
		if (new && i == 2)
			kinds = "number name block direction landmark subdistrict district";
		contact_write_components(writing, components, kinds);
	}
}

static void write_organization(struct contact_writing *writing, const json_t *organization)
{
	size_t i;
	json_t *unit;
	buf_append_char(&writing->line, ':');
	contact_write_escaped(writing, contact_text_of(json_object_get(organization, "name")));
	json_array_foreach(json_object_get(organization, "units"), i, unit) {
		buf_append_char(&writing->line, ';');
		contact_write_escaped(writing, contact_text_of(json_object_get(unit, "name")));
	}
}

/* Under the name that it came with, if it did. */
static const char *service_name(const json_t *service)
{
	static const char *const names[] = {"impp", "x-socialprofile", "x-aim", "x-icq", "x-jabber", "x-msn", "x-yahoo", "x-google-talk", "x-skype", "x-skype-username", "x-qq"};
	struct slice given = contact_text_of(json_object_get(service, "vCardName"));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_equal_nocase(given, slice_of(names[i])))
			return names[i];
	return "socialprofile";
}

static void write_service(struct contact_writing *writing, const json_t *service)
{
	struct slice uri = contact_text_of(json_object_get(service, "uri")), user = contact_text_of(json_object_get(service, "user"));
	const char *name = service_name(service);
	bool plain = strcmp(name, "socialprofile") == 0 || strcmp(name, "impp") == 0;
	json_t *given = json_object_get(service, "vCardParams");
	if (plain && json_object_get(service, "service") && !json_object_get(given, "x-service-type"))
		contact_write_text_parameter(writing, "service-type", json_object_get(service, "service"));
	if (uri.len > 0 && user.len > 0)
		contact_write_parameter(writing, "username", user);
	buf_append_char(&writing->line, ':');
	uri.len > 0 ? (void)buf_append(&writing->line, uri) : contact_write_escaped(writing, user);
}

static void write_rest(struct contact_writing *writing, const struct form *form, const json_t *entry)
{
	if (strcmp(form->property, "addresses") == 0)
		write_address(writing, entry);
	else if (strcmp(form->property, "organizations") == 0)
		write_organization(writing, entry);
	else if (strcmp(form->property, "anniversaries") == 0)
		write_date(writing, entry);
	else if (strcmp(form->property, "onlineServices") == 0)
		write_service(writing, entry);
	else {
		if (strcmp(form->property, "notes") == 0)
			add_note_parameters(writing, entry);
		if (strcmp(form->property, "personalInfo") == 0)
			write_level(writing, entry);
		write_value(writing, form, entry);
	}
}

static const struct form *find_form(const char *property, const json_t *entry)
{
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (strcmp(forms[i].property, property) == 0 && (!forms[i].kind || contact_is_text(json_object_get(entry, "kind"), forms[i].kind)))
			return &forms[i];
	return NULL;
}

void contact_write_map(struct contact_writing *writing, const char *property, const json_t *map)
{
	char room[16];
	const char *key;
	json_t *entry;
	json_object_foreach((json_t *)map, key, entry) {
		const struct form *form = find_form(property, entry);
		if (!form || (form->field && !json_object_get(entry, form->field)))
			continue; /* a vendor's, or without a value: JSPROP */
		struct slice group = contact_write_group_of(writing, entry, room);
		contact_write_begin(writing, group, strcmp(property, "onlineServices") == 0 ? service_name(entry) : form->name);
		contact_write_parameters(writing, key, entry);
		write_rest(writing, form, entry);
		contact_write_end(writing);
		contact_write_label(writing, group, entry);
	}
}
