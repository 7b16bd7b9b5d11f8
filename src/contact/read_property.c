/* Which property of a vCard becomes what of a card (RFC 9555 §2): the one table. Whatever can't be converted, or wouldn't be valid, is kept in vCardProps. */
#include <string.h>

#include "contact/vcard.h"

/* ---- The ways in which properties are converted ---- */

enum way {
	IGNORED, FULL_NAME, NAME, ONE_TEXT, ONE_TIME, KIND, ENTRY, URI_ENTRY, NICKNAMES, ANNIVERSARY, ADDRESS, ORGANIZATION, SERVICE, OLD_SERVICE, NOTE,
	LEVEL, KEYWORDS, MEMBER, RELATED, GENDER, PRONOUNS, PATCH,
};

/* `field` gets the value; `kind`, if there is one, is the entry's kind. */
static const struct rule { const char *name; enum way way; const char *property, *field, *kind; } rules[] = {
	{"version", IGNORED}, {"begin", IGNORED}, {"end", IGNORED}, {"fn", FULL_NAME}, {"n", NAME}, {"uid", ONE_TEXT, "uid"}, {"prodid", ONE_TEXT, "prodId"}, {"kind", KIND, "kind"},
	{"x-addressbookserver-kind", KIND, "kind"}, {"rev", ONE_TIME, "updated"}, {"created", ONE_TIME, "created"}, {"language", ONE_TEXT, "language"},
	{"nickname", NICKNAMES, "nicknames", "name"}, {"bday", ANNIVERSARY, .kind = "birth"}, {"anniversary", ANNIVERSARY, .kind = "wedding"},
	{"deathdate", ANNIVERSARY, .kind = "death"}, {"adr", ADDRESS}, {"org", ORGANIZATION}, {"email", ENTRY, "emails", "address"}, {"tel", ENTRY, "phones", "number"},
	{"title", ENTRY, "titles", "name", "title"}, {"role", ENTRY, "titles", "name", "role"}, {"lang", ENTRY, "preferredLanguages", "language"},
	{"photo", URI_ENTRY, "media", "uri", "photo"}, {"logo", URI_ENTRY, "media", "uri", "logo"}, {"sound", URI_ENTRY, "media", "uri", "sound"},
	{"key", URI_ENTRY, "cryptoKeys", "uri"}, {"url", URI_ENTRY, "links", "uri"}, {"contact-uri", URI_ENTRY, "links", "uri", "contact"},
	{"source", URI_ENTRY, "directories", "uri", "entry"}, {"org-directory", URI_ENTRY, "directories", "uri", "directory"},
	{"caluri", URI_ENTRY, "calendars", "uri", "calendar"}, {"fburl", URI_ENTRY, "calendars", "uri", "freeBusy"}, {"caladruri", URI_ENTRY, "schedulingAddresses", "uri"},
	{"impp", SERVICE}, {"socialprofile", SERVICE}, {"x-socialprofile", SERVICE}, {"x-aim", OLD_SERVICE, .kind = "AIM"}, {"x-icq", OLD_SERVICE, .kind = "ICQ"},
	{"x-jabber", OLD_SERVICE, .kind = "Jabber"}, {"x-msn", OLD_SERVICE, .kind = "MSN"}, {"x-yahoo", OLD_SERVICE, .kind = "Yahoo"},
	{"x-google-talk", OLD_SERVICE, .kind = "Google Talk"}, {"x-skype", OLD_SERVICE, .kind = "Skype"}, {"x-skype-username", OLD_SERVICE, .kind = "Skype"},
	{"x-qq", OLD_SERVICE, .kind = "QQ"}, {"note", NOTE, "notes", "note"}, {"expertise", LEVEL, "personalInfo", "value", "expertise"},
	{"hobby", LEVEL, "personalInfo", "value", "hobby"}, {"interest", LEVEL, "personalInfo", "value", "interest"}, {"categories", KEYWORDS, "keywords"},
	{"member", MEMBER, "members"}, {"x-addressbookserver-member", MEMBER, "members"}, {"related", RELATED, "relatedTo"}, {"gramgender", GENDER},
	{"pronouns", PRONOUNS}, {"jsprop", PATCH},
};

static struct slice text_of(struct contact_reading *reading, const struct contact_line *line)
{
	return contact_line_text(line, line->value, reading->arena);
}

/* The card's own properties; a second one is kept. Parameters have no place there. */
static bool put_one(struct contact_reading *reading, const struct contact_line *line, const char *property, json_t *value)
{
	bool done = value && line->parameter_count == 0 && line->group.len == 0 && !json_object_get(reading->card, property) && contact_entry_check(property, value);
	if (done)
		json_object_set(reading->card, property, value);
	json_decref(value);
	return done;
}

/* RFC 9555 §2.5.2: the first one; N may come before or after it. */
static bool read_full_name(struct contact_reading *reading, const struct contact_line *line)
{
	json_t *name = json_object_get(reading->card, "name");
	struct slice text = text_of(reading, line);
	bool derived = slice_equal_nocase(contact_line_parameter(line, "derived"), SLICE("true"));
	if (derived || text.len == 0)
		return true;
	if (json_object_get(name, "full") || line->parameter_count > 0 || line->group.len > 0)
		return false;
	if (!name)
		json_object_set_new(reading->card, "name", name = json_object());
	json_object_set_new(name, "full", contact_string(text));
	return true;
}

static bool read_kind(struct contact_reading *reading, const struct contact_line *line)
{
	return put_one(reading, line, "kind", contact_string(contact_lower(text_of(reading, line), reading->arena)));
}

/* Characters that no URI has are encoded, as many programs forget. */
static struct slice encode_uri(struct slice text, struct arena *arena)
{
	struct buf out = BUF(3 * text.len + 1);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		if (c <= ' ' || c > '~' || strchr("\"<>\\^`{|}", c))
			buf_printf(&out, "%%%02X", c);
		else
			buf_append_char(&out, (char)c);
	}
	struct slice encoded = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return encoded;
}

/* What stands in the vCard itself becomes a data: URL: TYPE says of what type it is (RFC 2426 §3.1.4). */
static struct slice data_url(struct contact_reading *reading, const struct contact_line *line, const char *property)
{
	struct slice type = contact_lower(contact_line_parameter(line, "type"), reading->arena), given = contact_line_parameter(line, "mediatype");
	const char *family = strcmp(property, "media") != 0 ? "application" : slice_equal(line->name, SLICE("sound")) ? "audio" : "image";
	if (given.len > 0)
		type = given;
	else if (slice_equal(type, SLICE("jpg")))
		type = SLICE("image/jpeg");
	else if (type.len > 0 && slice_find_char(type, '/') == SLICE_NONE)
		type = arena_printf(reading->arena, "%s/%.*s", family, SLICE_ARG(type));
	return arena_printf(reading->arena, "data:%.*s;base64,%.*s", SLICE_ARG(type), SLICE_ARG(line->value));
}

static struct slice uri_of(struct contact_reading *reading, const struct contact_line *line, const char *property)
{
	return line->base64 ? data_url(reading, line, property) : encode_uri(slice_trim(text_of(reading, line)), reading->arena);
}

static bool read_entry(struct contact_reading *reading, struct contact_line *line, const struct rule *rule, struct slice value)
{
	json_t *entry = json_pack("{s:o}", rule->field, contact_string(value));
	if (rule->kind && strcmp(rule->kind, "title") != 0)
		json_object_set_new(entry, "kind", json_string(rule->kind));
	contact_read_parameters(reading, line, entry, rule->property);
	return contact_add_entry(reading, line, rule->property, entry);
}

/* Inside of the vCard TYPE is said by the data: URL. */
static bool read_uri_entry(struct contact_reading *reading, struct contact_line *line, const struct rule *rule)
{
	struct slice uri = uri_of(reading, line, rule->property);
	if (line->base64)
		for (size_t i = 0; i < line->parameter_count; i++)
			if (slice_equal(line->parameters[i].name, SLICE("type")))
				line->parameters[i].name = SLICE("encoding");
	return read_entry(reading, line, rule, uri);
}

static bool read_nicknames(struct contact_reading *reading, struct contact_line *line, const struct rule *rule)
{
	struct slice rest = line->value;
	bool done = true;
	for (bool more = true; more && done;) {
		struct slice value = contact_line_text(line, contact_line_cut(&rest, ',', &more), reading->arena);
		done = value.len == 0 || read_entry(reading, line, rule, value);
	}
	return done;
}

/* A URI, or a name at the service (RFC 9555 §2.7.2, §2.7.5; X-SOCIALPROFILE is Apple's). */
static bool read_service(struct contact_reading *reading, struct contact_line *line)
{
	struct slice value = slice_trim(text_of(reading, line)), type = contact_line_parameter(line, "x-service-type");
	struct slice uri = encode_uri(value, reading->arena);
	json_t *entry = json_object();
	json_object_set_new(entry, contact_is_uri(uri) ? "uri" : "user", contact_string(contact_is_uri(uri) ? uri : value));
	if (!slice_equal(line->name, SLICE("socialprofile")))
		json_object_set_new(entry, "vCardName", contact_string(line->name));
	contact_read_parameters(reading, line, entry, "onlineServices");
	if (type.len == 0 && slice_equal(line->name, SLICE("x-socialprofile")))
		type = contact_line_parameter(line, "type");
	if (type.len > 0)
		json_object_set_new(entry, "service", contact_string(type));
	return contact_add_entry(reading, line, "onlineServices", entry);
}

static bool read_old_service(struct contact_reading *reading, struct contact_line *line, const struct rule *rule)
{
	json_t *entry = json_pack("{s:s, s:o, s:o}", "service", rule->kind, "user", contact_string(text_of(reading, line)), "vCardName", contact_string(line->name));
	contact_read_parameters(reading, line, entry, "onlineServices");
	return contact_add_entry(reading, line, "onlineServices", entry);
}

static bool read_note(struct contact_reading *reading, struct contact_line *line)
{
	static const char said[] = "created author author-name";
	struct slice text = text_of(reading, line), author = contact_line_parameter(line, "author"), name = contact_line_parameter(line, "author-name");
	json_t *note = json_pack("{s:o}", "note", contact_string(text)), *created = contact_read_time(contact_line_parameter(line, "created"));
	if (text.len == 0 && line->parameter_count == 0) {
		json_decref(note);
		return true; /* it says nothing */
	}
	if (created)
		json_object_set_new(note, "created", created);
	if (author.len > 0 || name.len > 0)
		json_object_set_new(note, "author", json_object());
	if (author.len > 0)
		json_object_set_new(json_object_get(note, "author"), "uri", contact_string(author));
	if (name.len > 0)
		json_object_set_new(json_object_get(note, "author"), "name", contact_string(name));
	for (size_t i = 0; i < line->parameter_count; i++)
		if (slice_has_word_nocase(slice_of(said), line->parameters[i].name))
			line->parameters[i].name = SLICE("encoding"); /* it is said */
	contact_read_parameters(reading, line, note, "notes");
	return contact_add_entry(reading, line, "notes", note);
}

static bool read_level(struct contact_reading *reading, struct contact_line *line, const struct rule *rule)
{
	static const struct { const char *vcard, *level; } levels[] = {{"beginner", "low"}, {"average", "medium"}, {"expert", "high"}, {"low", "low"}, {"medium", "medium"},
		{"high", "high"}};
	json_t *entry = json_pack("{s:s, s:o}", "kind", rule->kind, "value", contact_string(text_of(reading, line)));
	struct slice level = contact_line_parameter(line, "level");
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
		if (slice_equal_nocase(level, slice_of(levels[i].vcard)))
			json_object_set_new(entry, "level", json_string(levels[i].level));
	for (size_t i = 0; i < line->parameter_count && json_object_get(entry, "level"); i++)
		if (slice_equal(line->parameters[i].name, SLICE("level")))
			line->parameters[i].name = SLICE("encoding");
	contact_read_parameters(reading, line, entry, rule->property);
	return contact_add_entry(reading, line, rule->property, entry);
}

static json_t *map_of(struct contact_reading *reading, const char *property)
{
	json_t *map = json_object_get(reading->card, property);
	if (!map)
		json_object_set_new(reading->card, property, map = json_object());
	return map;
}

static void put_in_map(json_t *map, struct slice key, json_t *value)
{
	if (json_object_setn_new(map, key.at, key.len, value) != 0) /* a NUL, or no UTF-8 */
		json_object_set_new(map, "\xef\xbf\xbd", json_true());
}

static bool read_keywords(struct contact_reading *reading, const struct contact_line *line)
{
	struct slice rest = line->value;
	if (line->parameter_count > 0 || line->group.len > 0)
		return false;
	for (bool more = true; more;) {
		struct slice value = slice_trim(contact_line_text(line, contact_line_cut(&rest, ',', &more), reading->arena));
		if (value.len > 0)
			put_in_map(map_of(reading, "keywords"), value, json_true());
	}
	return true;
}

static bool read_member(struct contact_reading *reading, const struct contact_line *line)
{
	struct slice uid = slice_trim(text_of(reading, line));
	if (uid.len == 0 || line->parameter_count > 0 || line->group.len > 0 || !contact_is_text(json_object_get(reading->card, "kind"), "group"))
		return false;
	put_in_map(map_of(reading, "members"), uid, json_true());
	return true;
}

static bool read_related(struct contact_reading *reading, const struct contact_line *line)
{
	struct slice key = slice_trim(text_of(reading, line));
	json_t *relation = json_object(), *entry = json_pack("{s:o}", "relation", relation);
	for (size_t i = 0; i < line->parameter_count; i++) {
		struct slice value = contact_lower(line->parameters[i].value, reading->arena);
		if (slice_equal(line->parameters[i].name, SLICE("type")) && slice_is_ascii(value))
			json_object_setn_new(relation, value.at, value.len, json_true());
		else if (!slice_equal(line->parameters[i].name, SLICE("value")))
			contact_keep_parameter(entry, line->parameters[i].name, line->parameters[i].value);
	}
	bool done = key.len > 0 && line->group.len == 0 && contact_entry_check("relatedTo", entry) &&
		    !json_object_getn(json_object_get(reading->card, "relatedTo"), key.at, key.len);
	if (done)
		put_in_map(map_of(reading, "relatedTo"), key, json_incref(entry));
	json_decref(entry);
	return done;
}

static bool put_speaking(struct contact_reading *reading, const char *name, json_t *value)
{
	json_t *before = json_object_get(reading->card, "speakToAs"), *speaking = before ? json_deep_copy(before) : json_object();
	bool again = json_object_get(speaking, name) != NULL;
	json_object_set_new(speaking, name, value);
	bool done = !again && contact_entry_check("speakToAs", speaking);
	if (done)
		json_object_set(reading->card, "speakToAs", speaking);
	json_decref(speaking);
	return done;
}

static bool read_gender(struct contact_reading *reading, const struct contact_line *line)
{
	return line->parameter_count == 0 && put_speaking(reading, "grammaticalGender", contact_string(contact_lower(text_of(reading, line), reading->arena)));
}

static bool read_pronouns(struct contact_reading *reading, struct contact_line *line)
{
	struct slice key = contact_line_parameter(line, "prop-id");
	json_t *entry = json_pack("{s:o}", "pronouns", contact_string(text_of(reading, line))), *map = json_object();
	contact_read_parameters(reading, line, entry, "pronouns");
	if (!contact_is_key(key))
		key = SLICE("p1");
	json_object_setn_new(map, key.at, key.len, entry);
	return put_speaking(reading, "pronouns", map); /* further ones are kept */
}

static bool read_patch(struct contact_reading *reading, const struct contact_line *line)
{
	json_error_t why;
	struct slice path = contact_line_parameter(line, "jsptr"), text = text_of(reading, line);
	json_t *value = text.len <= CONTACT_CARD_MAX ? json_loadb(text.at ? text.at : "", text.len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why) : NULL;
	if (path.len > 0 && path.at[0] == '/')
		path = slice_skip(path, 1);
	if (value && path.len > 0 && json_object_setn(reading->patches, path.at, path.len, value) == 0) {
		json_decref(value);
		return true;
	}
	json_decref(value);
	return false;
}

/* ---- One line ---- */

static bool convert_whole(struct contact_reading *reading, struct contact_line *line, const struct rule *rule)
{
	switch (rule->way) {
	case FULL_NAME:
		return read_full_name(reading, line);
	case NAME:
		return contact_read_name(reading, line);
	case ONE_TEXT:
		return put_one(reading, line, rule->property, contact_string(slice_trim(text_of(reading, line))));
	case ONE_TIME:
		return put_one(reading, line, rule->property, contact_read_time(line->value));
	case KIND:
		return read_kind(reading, line);
	case KEYWORDS:
		return read_keywords(reading, line);
	case MEMBER:
		return read_member(reading, line);
	case RELATED:
		return read_related(reading, line);
	case GENDER:
		return read_gender(reading, line);
	case PRONOUNS:
		return read_pronouns(reading, line);
	case PATCH:
		return read_patch(reading, line);
	default:
		return true;
	}
}

static bool convert(struct contact_reading *reading, struct contact_line *line, const struct rule *rule)
{
	switch (rule->way) {
	case ENTRY:
		return read_entry(reading, line, rule, slice_trim(text_of(reading, line)));
	case URI_ENTRY:
		return read_uri_entry(reading, line, rule);
	case NICKNAMES:
		return read_nicknames(reading, line, rule);
	case ANNIVERSARY:
		return contact_read_anniversary(reading, line, rule->kind);
	case ADDRESS:
		return contact_read_address(reading, line);
	case ORGANIZATION:
		return contact_read_organization(reading, line);
	case SERVICE:
		return read_service(reading, line);
	case OLD_SERVICE:
		return read_old_service(reading, line, rule);
	case NOTE:
		return read_note(reading, line);
	case LEVEL:
		return read_level(reading, line, rule);
	default:
		return convert_whole(reading, line, rule);
	}
}

static const struct rule *find_rule(struct slice name)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (slice_equal(name, slice_of(rules[i].name)))
			return &rules[i];
	return NULL;
}

/* What kind it is decides whether it may have members. */
static void read_kind_first(struct contact_reading *reading)
{
	for (size_t i = 0; i < reading->count; i++) {
		const struct rule *rule = find_rule(reading->lines[i].name);
		if (rule && rule->way == KIND)
			reading->lines[i].used = convert(reading, &reading->lines[i], rule);
	}
}

/* A line that isn't converted has changed nothing of itself: it is kept with the parameters that it came with. */
static void read_line(struct contact_reading *reading, struct contact_line *line)
{
	const struct rule *rule = find_rule(line->name);
	struct contact_line before = *line;
	before.parameters = arena_array(reading->arena, line->parameter_count + 1, sizeof *before.parameters);
	memcpy(before.parameters, line->parameters, line->parameter_count * sizeof *before.parameters);
	line->used = true;
	if (rule && convert(reading, line, rule))
		return;
	contact_keep_line(reading, &before);
	for (size_t i = 0; i < reading->count; i++) /* its label is kept, too */
		if (line->group.len > 0 && slice_equal(reading->lines[i].name, SLICE("x-ablabel")) && slice_equal_nocase(reading->lines[i].group, line->group))
			reading->lines[i].used = false;
}

void contact_read_lines(struct contact_reading *reading)
{
	read_kind_first(reading);
	for (size_t i = 0; i < reading->count; i++)
		if (!reading->lines[i].used && !slice_equal(reading->lines[i].name, SLICE("x-ablabel")))
			read_line(reading, &reading->lines[i]);
	for (size_t i = 0; i < reading->count; i++) /* labels that nothing has taken */
		if (!reading->lines[i].used)
			contact_keep_line(reading, &reading->lines[i]);
}
