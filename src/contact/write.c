/* Cards as vCards (RFC 9555 §3). The common is written as the properties that everybody knows; then it is read again, and whatever isn't as it was goes along as
 * JSPROP (§3.2.1): so nothing of a card is lost on its way through a vCard, whatever it is. */
#include <stdlib.h>
#include <string.h>

#include "contact/vcard.h"

enum { FOLD_AT = 75 /* octets, RFC 6350 §3.2 */ };

struct writing {
	struct buf *out;
	enum contact_version version;
	struct buf line;       /* that is being made */
	unsigned groups;       /* given so far */
	const json_t *card;
};

/* ---- Lines ---- */

/* Folded between characters. */
static void end_line(struct writing *writing)
{
	struct slice rest = buf_slice(&writing->line);
	size_t room = FOLD_AT;
	while (rest.len > room) {
		size_t len = room;
		while (len > 1 && ((unsigned char)rest.at[len] & 0xc0) == 0x80)
			len--;
		buf_append(writing->out, slice_sub(rest, 0, len));
		buf_append_text(writing->out, "\r\n ");
		rest = slice_skip(rest, len);
		room = FOLD_AT - 1;
	}
	buf_append(writing->out, rest);
	buf_append_text(writing->out, "\r\n");
	buf_clear(&writing->line);
}

static void add_escaped(struct writing *writing, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (c == '\\' || c == ',' || c == ';')
			buf_append_char(&writing->line, '\\');
		if (c == '\n')
			buf_append_text(&writing->line, "\\n");
		else if (c != '\r')
			buf_append_char(&writing->line, c);
	}
}

/* RFC 6868, in quotes where RFC 6350 §3.3 wants them. */
static void add_parameter_value(struct writing *writing, struct slice value)
{
	bool quoted = false;
	for (size_t i = 0; i < value.len; i++)
		quoted |= strchr(",;: ", value.at[i]) != NULL && value.at[i] != '\0';
	if (quoted)
		buf_append_char(&writing->line, '"');
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];
		if (c == '\n' || c == '"' || c == '^')
			buf_append_text(&writing->line, c == '\n' ? "^n" : c == '"' ? "^'" : "^^");
		else if ((unsigned char)c >= ' ' || c == '\t')
			buf_append_char(&writing->line, c);
	}
	if (quoted)
		buf_append_char(&writing->line, '"');
}

static void add_parameter(struct writing *writing, const char *name, struct slice value)
{
	buf_append_char(&writing->line, ';');
	for (const char *c = name; *c; c++)
		buf_append_char(&writing->line, ascii_upper(*c));
	buf_append_char(&writing->line, '=');
	add_parameter_value(writing, value);
}

static void begin_line(struct writing *writing, struct slice group, const char *name)
{
	buf_clear(&writing->line);
	if (group.len > 0) {
		buf_append(&writing->line, group);
		buf_append_char(&writing->line, '.');
	}
	for (const char *c = name; *c; c++)
		buf_append_char(&writing->line, ascii_upper(*c));
}

static void write_text(struct writing *writing, const char *name, struct slice text)
{
	begin_line(writing, (struct slice){0}, name);
	buf_append_char(&writing->line, ':');
	add_escaped(writing, text);
	end_line(writing);
}

/* ---- Parameters of entries ---- */

static bool is_name(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_alpha(text.at[i]) && !ascii_is_digit(text.at[i]) && text.at[i] != '-' && text.at[i] != '_')
			return false;
	return text.len > 0;
}

static void add_types(struct writing *writing, const json_t *set)
{
	static const struct { const char *value, *type; } names[] = {{"private", "home"}, {"mobile", "cell"}};
	const char *value;
	json_t *is;
	json_object_foreach((json_t *)set, value, is) {
		const char *type = value;
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			if (strcmp(value, names[i].value) == 0)
				type = names[i].type;
		add_parameter(writing, "type", slice_of(type));
	}
}

static void add_given(struct writing *writing, const char *name, const json_t *value)
{
	size_t i;
	json_t *one;
	if (!is_name(slice_of(name)) || strcmp(name, "group") == 0 || strcmp(name, "x-ablabel") == 0)
		return;
	if (json_is_string(value))
		add_parameter(writing, name, contact_text_of(value));
	json_array_foreach(value, i, one)
		add_parameter(writing, name, contact_text_of(one));
}

static void add_number(struct writing *writing, const char *name, const json_t *number)
{
	char text[32];
	if (json_is_integer(number)) {
		snprintf(text, sizeof text, "%lld", (long long)json_integer_value(number));
		add_parameter(writing, name, slice_of(text));
	}
}

static void add_text_parameter(struct writing *writing, const char *name, const json_t *text)
{
	if (json_is_string(text))
		add_parameter(writing, name, contact_text_of(text));
}

static void add_parameters(struct writing *writing, const char *key, const json_t *entry)
{
	const char *name;
	json_t *value;
	if (key && writing->version == CONTACT_VCARD_4)
		add_parameter(writing, "prop-id", slice_of(key));
	add_types(writing, json_object_get(entry, "contexts"));
	add_types(writing, json_object_get(entry, "features"));
	if (writing->version == CONTACT_VCARD_4)
		add_number(writing, "pref", json_object_get(entry, "pref"));
	else if (json_object_get(entry, "pref"))
		add_parameter(writing, "type", SLICE("pref"));
	add_number(writing, "index", json_object_get(entry, "listAs"));
	json_object_foreach(json_object_get(entry, "vCardParams"), name, value)
		add_given(writing, name, value);
}

/* The group that ties it to its label. */
static struct slice group_of(struct writing *writing, const json_t *entry, char room[16])
{
	struct slice given = contact_text_of(json_object_get(json_object_get(entry, "vCardParams"), "group"));
	if (is_name(given))
		return given;
	if (!json_object_get(entry, "label"))
		return (struct slice){0};
	snprintf(room, 16, "item%u", ++writing->groups);
	return slice_of(room);
}

static void write_label(struct writing *writing, struct slice group, const json_t *entry)
{
	json_t *label = json_object_get(entry, "label"), *given = json_object_get(json_object_get(entry, "vCardParams"), "x-ablabel");
	struct slice text = contact_text_of(label), apple = contact_text_of(given);
	if (!label)
		return;
	bool same = apple.len == text.len + 8 && slice_equal(slice_sub(apple, 4, text.len), text);
	begin_line(writing, group, "x-ablabel");
	buf_append_char(&writing->line, ':');
	add_escaped(writing, same ? apple : text);
	end_line(writing);
}

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
static bool write_inside(struct writing *writing, struct slice uri)
{
	struct slice head, data, type;
	if (!slice_starts_nocase(uri, SLICE("data:")) || !slice_cut(slice_skip(uri, 5), ',', &head, &data) || !slice_ends_nocase(head, SLICE(";base64")))
		return false;
	size_t slash = slice_find_char(head, '/');
	type = slice_sub(head, slash == SLICE_NONE ? 0 : slash + 1, head.len);
	add_parameter(writing, "encoding", SLICE("b"));
	slice_cut(type, ';', &type, &head);
	if (type.len > 0)
		add_parameter(writing, "type", type);
	buf_append_char(&writing->line, ':');
	buf_append(&writing->line, data);
	return true;
}

static void write_value(struct writing *writing, const struct form *form, const json_t *entry)
{
	struct slice value = contact_text_of(json_object_get(entry, form->field));
	bool uri = strcmp(form->field, "uri") == 0;
	if (uri && writing->version == CONTACT_VCARD_3 && write_inside(writing, value))
		return;
	if (uri)
		add_text_parameter(writing, "mediatype", json_object_get(entry, "mediaType"));
	buf_append_char(&writing->line, ':');
	if (uri)
		buf_append(&writing->line, value); /* URIs need no escapes */
	else
		add_escaped(writing, value);
}

static void write_level(struct writing *writing, const json_t *entry)
{
	static const struct { const char *level, *vcard; } levels[] = {{"low", "beginner"}, {"medium", "average"}, {"high", "expert"}};
	struct slice level = contact_text_of(json_object_get(entry, "level"));
	bool expertise = contact_is_text(json_object_get(entry, "kind"), "expertise");
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
		if (slice_equal(level, slice_of(levels[i].level)))
			add_parameter(writing, "level", expertise ? slice_of(levels[i].vcard) : level);
}

/* A UTCDateTime without its marks. */
static struct slice stamp_of(const json_t *time, char room[32])
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

static void add_note_parameters(struct writing *writing, const json_t *note)
{
	char room[32];
	json_t *author = json_object_get(note, "author");
	if (json_object_get(note, "created"))
		add_parameter(writing, "created", stamp_of(json_object_get(note, "created"), room));
	add_text_parameter(writing, "author", json_object_get(author, "uri"));
	add_text_parameter(writing, "author-name", json_object_get(author, "name"));
}

/* ---- Entries with parts ---- */

static void write_date(struct writing *writing, const json_t *entry)
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
		add_parameter(writing, "x-apple-omit-year", SLICE("1604"));
		year = 1604;
	}
	buf_append_char(&writing->line, ':');
	if (utc)
		buf_append(&writing->line, stamp_of(utc, room));
	else if (year < 0)
		buf_printf(&writing->line, day > 0 ? "--%02d%02d" : "--%02d", month, day);
	else if (day > 0)
		buf_printf(&writing->line, writing->version == CONTACT_VCARD_3 ? "%04d-%02d-%02d" : "%04d%02d%02d", year, month, day);
	else
		buf_printf(&writing->line, month > 0 ? "%04d-%02d" : "%04d", year, month);
}

/* All components of these kinds, separated by commas. */
static void add_components(struct writing *writing, const json_t *components, const char *kinds)
{
	size_t i;
	bool first = true;
	json_t *one;
	json_array_foreach(components, i, one) {
		if (!slice_has_word_nocase(slice_of(kinds), contact_text_of(json_object_get(one, "kind"))))
			continue;
		if (!first)
			buf_append_char(&writing->line, ',');
		add_escaped(writing, contact_text_of(json_object_get(one, "value")));
		first = false;
	}
}

static bool has_component(const json_t *components, const char *kinds)
{
	size_t i;
	json_t *one;
	json_array_foreach(components, i, one)
		if (slice_has_word_nocase(slice_of(kinds), contact_text_of(json_object_get(one, "kind"))))
			return true;
	return false;
}

static void write_address(struct writing *writing, const json_t *address)
{
	static const char new_kinds[] = "room floor number building block subdistrict district landmark direction";
	json_t *components = json_object_get(address, "components");
	bool new = has_component(components, new_kinds);
	add_text_parameter(writing, "label", json_object_get(address, "full"));
	add_text_parameter(writing, "geo", json_object_get(address, "coordinates"));
	add_text_parameter(writing, "tz", json_object_get(address, "timeZone"));
	add_text_parameter(writing, "cc", json_object_get(address, "countryCode"));
	buf_append_char(&writing->line, ':');
	for (size_t i = 0; contact_address_parts[i] && (new || i < 7); i++) {
		const char *kinds = contact_address_parts[i];
		if (i > 0)
			buf_append_char(&writing->line, ';');
		if (new && i == 1)
			kinds = "room floor apartment building"; /* for who knows no others (RFC 9555, table 2) */
		if (new && i == 2)
			kinds = "number name block direction landmark subdistrict district";
		add_components(writing, components, kinds);
	}
}

static void write_organization(struct writing *writing, const json_t *organization)
{
	size_t i;
	json_t *unit;
	buf_append_char(&writing->line, ':');
	add_escaped(writing, contact_text_of(json_object_get(organization, "name")));
	json_array_foreach(json_object_get(organization, "units"), i, unit) {
		buf_append_char(&writing->line, ';');
		add_escaped(writing, contact_text_of(json_object_get(unit, "name")));
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

static void write_service(struct writing *writing, const json_t *service)
{
	struct slice uri = contact_text_of(json_object_get(service, "uri")), user = contact_text_of(json_object_get(service, "user"));
	const char *name = service_name(service);
	bool plain = strcmp(name, "socialprofile") == 0 || strcmp(name, "impp") == 0;
	json_t *given = json_object_get(service, "vCardParams");
	if (plain && json_object_get(service, "service") && !json_object_get(given, "x-service-type"))
		add_text_parameter(writing, "service-type", json_object_get(service, "service"));
	if (uri.len > 0 && user.len > 0)
		add_parameter(writing, "username", user);
	buf_append_char(&writing->line, ':');
	uri.len > 0 ? (void)buf_append(&writing->line, uri) : add_escaped(writing, user);
}

static void write_rest(struct writing *writing, const struct form *form, const json_t *entry)
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

static void write_map(struct writing *writing, const char *property, const json_t *map)
{
	char room[16];
	const char *key;
	json_t *entry;
	json_object_foreach((json_t *)map, key, entry) {
		const struct form *form = find_form(property, entry);
		if (!form || (form->field && !json_object_get(entry, form->field)))
			continue; /* a vendor's, or without a value: JSPROP */
		struct slice group = group_of(writing, entry, room);
		begin_line(writing, group, strcmp(property, "onlineServices") == 0 ? service_name(entry) : form->name);
		add_parameters(writing, key, entry);
		write_rest(writing, form, entry);
		end_line(writing);
		write_label(writing, group, entry);
	}
}

/* ---- What is the card's own ---- */

/* FN is needed; where there is none, out of the components (RFC 9555 §3.1). */
static void write_full_name(struct writing *writing, const json_t *name)
{
	size_t i;
	bool ordered = json_is_true(json_object_get(name, "isOrdered")), first = true;
	json_t *full = json_object_get(name, "full"), *components = json_object_get(name, "components"), *one;
	static const char *const order[] = {"title", "given", "given2", "surname", "surname2", "generation", "credential"};
	begin_line(writing, (struct slice){0}, "fn");
	if (!full && components && writing->version == CONTACT_VCARD_4)
		add_parameter(writing, "derived", SLICE("TRUE"));
	buf_append_char(&writing->line, ':');
	add_escaped(writing, contact_text_of(full));
	for (size_t k = 0; !full && k < (ordered ? 1 : sizeof order / sizeof *order); k++)
		json_array_foreach(components, i, one) {
			struct slice kind = contact_text_of(json_object_get(one, "kind"));
			if (slice_equal(kind, SLICE("separator")) || (!ordered && !slice_equal(kind, slice_of(order[k]))))
				continue;
			if (!first)
				buf_append_char(&writing->line, ' ');
			add_escaped(writing, contact_text_of(json_object_get(one, "value")));
			first = false;
		}
	end_line(writing);
}

static void write_name(struct writing *writing, const json_t *name)
{
	json_t *components = json_object_get(name, "components");
	write_full_name(writing, name);
	if (!components && writing->version == CONTACT_VCARD_4)
		return;
	begin_line(writing, (struct slice){0}, "n");
	add_parameters(writing, NULL, name);
	buf_append_char(&writing->line, ':');
	bool more = has_component(components, "surname2 generation");
	for (size_t i = 0; contact_name_parts[i] && (more || i < 5); i++) {
		if (i > 0)
			buf_append_char(&writing->line, ';');
		add_components(writing, components, i == 0 ? "surname surname2" : i == 4 ? "credential generation" : contact_name_parts[i]);
	}
	end_line(writing);
}

static void write_keywords(struct writing *writing, const json_t *keywords)
{
	const char *key;
	json_t *is;
	bool first = true;
	if (json_object_size(keywords) == 0)
		return;
	begin_line(writing, (struct slice){0}, "categories");
	buf_append_char(&writing->line, ':');
	json_object_foreach((json_t *)keywords, key, is) {
		if (!first)
			buf_append_char(&writing->line, ',');
		add_escaped(writing, slice_of(key));
		first = false;
	}
	end_line(writing);
}

static void write_members(struct writing *writing, const json_t *members)
{
	const char *key;
	json_t *is;
	json_object_foreach((json_t *)members, key, is)
		write_text(writing, writing->version == CONTACT_VCARD_4 ? "member" : "x-addressbookserver-member", slice_of(key));
}

static void write_related(struct writing *writing, const json_t *related)
{
	const char *key;
	json_t *entry;
	json_object_foreach((json_t *)related, key, entry) {
		begin_line(writing, (struct slice){0}, "related");
		if (!contact_is_uri(slice_of(key)))
			add_parameter(writing, "value", SLICE("text"));
		add_types(writing, json_object_get(entry, "relation"));
		buf_append_char(&writing->line, ':');
		add_escaped(writing, slice_of(key));
		end_line(writing);
	}
}

static void write_speaking(struct writing *writing, const json_t *speaking)
{
	const char *key;
	json_t *entry, *gender = json_object_get(speaking, "grammaticalGender");
	if (gender)
		write_text(writing, "gramgender", contact_text_of(gender));
	json_object_foreach(json_object_get(speaking, "pronouns"), key, entry) {
		begin_line(writing, (struct slice){0}, "pronouns");
		add_parameters(writing, key, entry);
		buf_append_char(&writing->line, ':');
		add_escaped(writing, contact_text_of(json_object_get(entry, "pronouns")));
		end_line(writing);
	}
}

/* What came as a vCard's property and means nothing here. */
static void write_kept(struct writing *writing, const json_t *kept)
{
	size_t i;
	json_t *one, *value;
	const char *name;
	json_array_foreach(kept, i, one) {
		struct slice group = contact_text_of(json_object_get(json_array_get(one, 1), "group")), text = contact_text_of(json_array_get(one, 3));
		const char *property = json_string_value(json_array_get(one, 0));
		if (!property || !is_name(slice_of(property)) || (group.len > 0 && !is_name(group)) || slice_find_char(text, '\n') != SLICE_NONE ||
		    slice_find_char(text, '\r') != SLICE_NONE)
			continue;
		begin_line(writing, group, property);
		json_object_foreach(json_array_get(one, 1), name, value)
			add_given(writing, name, value);
		buf_append_char(&writing->line, ':');
		buf_append(&writing->line, text);
		end_line(writing);
	}
}

static void write_time(struct writing *writing, const char *name, const json_t *time)
{
	char room[32];
	if (json_is_string(time))
		write_text(writing, name, stamp_of(time, room));
}

static void write_texts(struct writing *writing, const json_t *card)
{
	static const struct { const char *property, *vcard; } texts[] = {{"prodId", "prodid"}, {"uid", "uid"}, {"language", "language"}};
	json_t *kind = json_object_get(card, "kind");
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (json_object_get(card, texts[i].property))
			write_text(writing, texts[i].vcard, contact_text_of(json_object_get(card, texts[i].property)));
	if (kind)
		write_text(writing, writing->version == CONTACT_VCARD_4 ? "kind" : "x-addressbookserver-kind", contact_text_of(kind));
	write_time(writing, "created", json_object_get(card, "created"));
	write_time(writing, "rev", json_object_get(card, "updated"));
}

static void write_plain(struct writing *writing)
{
	const json_t *card = writing->card;
	const char *property;
	json_t *value;
	buf_append_text(writing->out, writing->version == CONTACT_VCARD_4 ? "BEGIN:VCARD\r\nVERSION:4.0\r\n" : "BEGIN:VCARD\r\nVERSION:3.0\r\n");
	write_texts(writing, card);
	write_name(writing, json_object_get(card, "name"));
	json_object_foreach((json_t *)card, property, value)
		write_map(writing, property, value);
	write_keywords(writing, json_object_get(card, "keywords"));
	write_members(writing, json_object_get(card, "members"));
	write_related(writing, json_object_get(card, "relatedTo"));
	write_speaking(writing, json_object_get(card, "speakToAs"));
	write_kept(writing, json_object_get(card, "vCardProps"));
}

/* ---- What all that doesn't say (RFC 9555 §3.2.1) ---- */

static void write_patch(struct writing *writing, const char *property, const json_t *value)
{
	char *text = json_dumps(value ? value : json_null(), JSON_COMPACT | JSON_ENCODE_ANY);
	struct buf path = BUF(4096);
	for (const char *c = property; *c; c++)
		*c == '~' ? buf_append_text(&path, "~0") : *c == '/' ? buf_append_text(&path, "~1") : buf_append_char(&path, *c);
	begin_line(writing, (struct slice){0}, "jsprop");
	add_parameter(writing, "jsptr", buf_slice(&path));
	buf_append_char(&writing->line, ':');
	add_escaped(writing, slice_of(text));
	end_line(writing);
	buf_free(&path);
	free(text);
}

static void write_differences(struct writing *writing, const json_t *seen)
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
	struct writing writing = {.out = &whole, .version = version, .line = BUF(CONTACT_VCARD_MAX), .card = card};
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
