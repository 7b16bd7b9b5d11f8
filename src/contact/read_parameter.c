/* What parameters of vCards say (RFC 9555 §2.3), and entries of maps that they belong to. What has no place is kept: parameters in vCardParams, whole lines in
 * vCardProps (§2.15). */
#include <string.h>

#include "contact/vcard.h"

json_t *contact_string(struct slice text)
{
	json_t *string = json_stringn(text.at ? text.at : "", text.len);
	return string ? string : json_string("\xef\xbf\xbd");
}

/* ---- What is kept as it is (RFC 9555 §2.15) ---- */

/* One value is a string, several are a list. */
static void put_parameter(json_t *parameters, struct slice name, struct slice value)
{
	json_t *before = json_object_getn(parameters, name.at, name.len), *text = contact_string(value);
	if (!before)
		json_object_setn_new(parameters, name.at, name.len, text);
	else if (json_is_array(before))
		json_array_append_new(before, text);
	else
		json_object_setn_new(parameters, name.at, name.len, json_pack("[O, o]", before, text));
}

void contact_keep_line(struct contact_reading *reading, const struct contact_line *line)
{
	json_t *parameters = json_object(), *list = json_object_get(reading->card, "vCardProps");
	for (size_t i = 0; i < line->parameter_count; i++) {
		struct slice name = line->parameters[i].name;
		if (slice_is_ascii(name) && name.len > 0)
			put_parameter(parameters, name, line->parameters[i].value);
	}
	if (line->group.len > 0)
		put_parameter(parameters, SLICE("group"), line->group);
	if (!list)
		json_object_set_new(reading->card, "vCardProps", list = json_array());
	json_array_append_new(list, json_pack("[o, o, s, o]", contact_string(line->name), parameters, "unknown", contact_string(line->value)));
}

void contact_keep_parameter(json_t *entry, struct slice name, struct slice value)
{
	if (!json_object_get(entry, "vCardParams"))
		json_object_set_new(entry, "vCardParams", json_object());
	put_parameter(json_object_get(entry, "vCardParams"), name, value);
}

/* ---- Parameters ---- */

static void add_to_set(json_t *entry, const char *set, const char *value)
{
	if (!json_object_get(entry, set))
		json_object_set_new(entry, set, json_object());
	json_object_set_new(json_object_get(entry, set), value, json_true());
}

static const struct { const char *type, *property, *set, *value; } types[] = {
	{"home", "", "contexts", "private"}, {"work", "", "contexts", "work"}, {"cell", "phones", "features", "mobile"}, {"voice", "phones", "features", "voice"},
	{"text", "phones", "features", "text"}, {"video", "phones", "features", "video"}, {"fax", "phones", "features", "fax"}, {"pager", "phones", "features", "pager"},
	{"main-number", "phones", "features", "main-number"}, {"textphone", "phones", "features", "textphone"}, {"billing", "addresses", "contexts", "billing"},
	{"delivery", "addresses", "contexts", "delivery"},
};

static bool has_contexts(const char *property)
{
	return strcmp(property, "name") != 0 && strcmp(property, "titles") != 0 && strcmp(property, "notes") != 0 && strcmp(property, "anniversaries") != 0 &&
	       strcmp(property, "personalInfo") != 0;
}

static void read_type(json_t *entry, const char *property, struct slice value)
{
	for (size_t i = 0; has_contexts(property) && i < sizeof types / sizeof *types; i++)
		if (slice_equal_nocase(value, slice_of(types[i].type)) && (!types[i].property[0] || strcmp(types[i].property, property) == 0)) {
			add_to_set(entry, types[i].set, types[i].value);
			return;
		}
	if (slice_equal_nocase(value, SLICE("pref")) && has_contexts(property) && strcmp(property, "organizations") != 0)
		json_object_set_new(entry, "pref", json_integer(1));
	else
		contact_keep_parameter(entry, SLICE("type"), value);
}

static bool is_resource(const char *property)
{
	static const char all[] = "calendars cryptoKeys directories links media";
	return slice_has_word_nocase(slice_of(all), slice_of(property));
}

/* Is it said already, by the entry itself or by how it is written? */
static bool is_said(struct slice name)
{
	static const char said[] = "encoding charset value prop-id label geo tz cc";
	return slice_has_word_nocase(slice_of(said), name);
}

static void read_parameter(json_t *entry, const char *property, const struct contact_parameter *parameter)
{
	uint64_t number;
	struct slice name = parameter->name, value = parameter->value;
	if (slice_equal(name, SLICE("type")))
		read_type(entry, property, value);
	else if (slice_equal(name, SLICE("pref")) && has_contexts(property) && strcmp(property, "organizations") != 0 && slice_to_number(value, 100, &number) && number > 0)
		json_object_set_new(entry, "pref", json_integer((json_int_t)number));
	else if (slice_equal(name, SLICE("mediatype")) && is_resource(property))
		json_object_set_new(entry, "mediaType", contact_string(value));
	else if (slice_equal(name, SLICE("index")) && slice_to_number(value, 1000000, &number) && number > 0 &&
		 (strcmp(property, "directories") == 0 || strcmp(property, "personalInfo") == 0))
		json_object_set_new(entry, "listAs", json_integer((json_int_t)number));
	else if (slice_equal(name, SLICE("service-type")) && strcmp(property, "onlineServices") == 0)
		json_object_set_new(entry, "service", contact_string(value));
	else if (slice_equal(name, SLICE("username")) && strcmp(property, "onlineServices") == 0)
		json_object_set_new(entry, "user", contact_string(value));
	else if (!is_said(name) && name.len > 0 && slice_is_ascii(name))
		contact_keep_parameter(entry, name, value);
}

static bool has_label(const char *property)
{
	static const char all[] = "emails onlineServices phones calendars schedulingAddresses cryptoKeys directories links media personalInfo";
	return slice_has_word_nocase(slice_of(all), slice_of(property));
}

/* X-ABLabel of the same group (RFC 9555 §2.11.11). Apple's own ones are written "_$!<Home>!$_". */
static bool read_label(struct contact_reading *reading, const struct contact_line *line, json_t *entry)
{
	for (size_t i = 0; i < reading->count; i++) {
		struct contact_line *label = &reading->lines[i];
		if (!slice_equal(label->name, SLICE("x-ablabel")) || !slice_equal_nocase(label->group, line->group) || label->used)
			continue;
		struct slice text = contact_line_text(label, label->value, reading->arena);
		if (slice_starts(text, SLICE("_$!<")) && slice_ends_nocase(text, SLICE(">!$_"))) {
			contact_keep_parameter(entry, SLICE("x-ablabel"), text);
			text = slice_sub(text, 4, text.len - 8);
		}
		json_object_set_new(entry, "label", contact_string(text));
		label->used = true;
		return true;
	}
	return false;
}

static size_t lines_of_group(const struct contact_reading *reading, struct slice group)
{
	size_t count = 0;
	for (size_t i = 0; i < reading->count; i++)
		count += slice_equal_nocase(reading->lines[i].group, group);
	return count;
}

void contact_read_parameters(struct contact_reading *reading, const struct contact_line *line, json_t *entry, const char *property)
{
	for (size_t i = 0; i < line->parameter_count; i++)
		read_parameter(entry, property, &line->parameters[i]);
	if (line->group.len == 0)
		return;
	bool labelled = has_label(property) && read_label(reading, line, entry);
	if (!labelled || lines_of_group(reading, line->group) > 2)
		contact_keep_parameter(entry, SLICE("group"), line->group);
}

/* ---- Entries of maps ---- */

bool contact_is_key(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_alpha(text.at[i]) && !ascii_is_digit(text.at[i]) && text.at[i] != '-' && text.at[i] != '_')
			return false;
	return text.len > 0 && text.len <= 255;
}

bool contact_add_entry(struct contact_reading *reading, struct contact_line *line, const char *property, json_t *entry)
{
	json_t *map = json_object_get(reading->card, property);
	struct slice key = contact_line_parameter(line, "prop-id");
	if (!contact_entry_check(property, entry)) {
		json_decref(entry);
		return false;
	}
	if (!map)
		json_object_set_new(reading->card, property, map = json_object());
	while (!contact_is_key(key) || json_object_getn(map, key.at, key.len))
		key = arena_printf(reading->arena, "%c%u", property[0], ++reading->given);
	json_object_setn_new(map, key.at, key.len, entry);
	return true;
}
