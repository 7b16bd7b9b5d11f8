/* Properties of vCards that have components: names, addresses, organizations (RFC 9555 §2.5.5, §2.6.1, §2.9.4). */
#include "contact/vcard.h"

const char *const contact_name_parts[] = {"surname", "given", "given2", "title", "credential", "surname2", "generation", NULL};
const char *const contact_address_parts[] = {"postOfficeBox", "apartment", "name", "locality", "region", "postcode", "country", "room", "apartment", "floor",
	"number", "name", "building", "block", "subdistrict", "district", "landmark", "direction", NULL};
enum { SURNAME = 0, CREDENTIAL = 4, SURNAME2 = 5, GENERATION = 6, EXTENDED = 1, STREET = 2, ADDRESS_NEW = 7 };

struct component { struct slice value; size_t part; };

/* All values that aren't empty, with the places that they are in. */
static size_t read_components(struct contact_reading *reading, const struct contact_line *line, struct component **list)
{
	struct slice rest = line->value, part;
	size_t count = 0, room = 0, place = 0;
	*list = NULL;
	for (bool more = true; more; place++) {
		part = contact_line_cut(&rest, ';', &more);
		for (bool further = true; further;) {
			struct slice value = contact_line_cut(&part, ',', &further);
			if (slice_trim(value).len == 0)
				continue;
			ARENA_GROW(reading->arena, *list, count, room);
			(*list)[count++] = (struct component){contact_line_text(line, value, reading->arena), place};
		}
	}
	return count;
}

static bool is_said_at(const struct component *list, size_t count, struct slice value, size_t part)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].part == part && slice_equal(list[i].value, value))
			return true;
	return false;
}

static void add_component(json_t *components, const char *kind, struct slice value)
{
	json_array_append_new(components, json_pack("{s:s, s:o}", "kind", kind, "value", contact_string(value)));
}

static size_t part_count(const char *const *parts)
{
	size_t count = 0;
	while (parts[count])
		count++;
	return count;
}

/* An object with the components; false: it has parts that nobody knows. */
static bool put_components(json_t *object, const struct component *list, size_t count, const char *const *parts, bool (*skips)(const struct component *list, size_t count, const struct component *one))
{
	json_t *components = json_array();
	size_t known = part_count(parts);
	bool done = true;
	for (size_t i = 0; i < count && done; i++) {
		done = list[i].part < known;
		if (done && !skips(list, count, &list[i]))
			add_component(components, parts[list[i].part], list[i].value);
	}
	if (json_array_size(components) > 0)
		json_object_set(object, "components", components);
	json_decref(components);
	return done;
}

/* What stands in the place of old for who doesn't know the new one (RFC 9555, table 1). */
static bool skips_of_name(const struct component *list, size_t count, const struct component *one)
{
	return (one->part == SURNAME && is_said_at(list, count, one->value, SURNAME2)) || (one->part == CREDENTIAL && is_said_at(list, count, one->value, GENERATION));
}

/* With components of RFC 9554 those before them are for who doesn't know them (table 2). */
static bool skips_of_address(const struct component *list, size_t count, const struct component *one)
{
	bool new = false;
	for (size_t i = 0; i < count; i++)
		new |= list[i].part >= ADDRESS_NEW;
	return new && (one->part == EXTENDED || one->part == STREET);
}

bool contact_read_name(struct contact_reading *reading, struct contact_line *line)
{
	struct component *list;
	size_t count = read_components(reading, line, &list);
	json_t *name = json_object_get(reading->card, "name");
	if (json_object_get(name, "components"))
		return false; /* a second one */
	json_t *full = name ? json_deep_copy(name) : json_object();
	bool done = put_components(full, list, count, contact_name_parts, skips_of_name) && count > 0;
	contact_read_parameters(reading, line, full, "name");
	done = done && contact_entry_check("name", full);
	if (done)
		json_object_set(reading->card, "name", full);
	json_decref(full);
	return done || (count == 0 && line->parameter_count == 0); /* N:;;;; says nothing */
}

static void set_text(json_t *object, const char *name, struct slice text)
{
	if (text.len > 0)
		json_object_set_new(object, name, contact_string(text));
}

bool contact_read_address(struct contact_reading *reading, struct contact_line *line)
{
	struct component *list;
	size_t count = read_components(reading, line, &list);
	json_t *address = json_object();
	if (!put_components(address, list, count, contact_address_parts, skips_of_address)) {
		json_decref(address);
		return false;
	}
	set_text(address, "full", contact_line_parameter(line, "label"));
	set_text(address, "coordinates", contact_line_parameter(line, "geo"));
	set_text(address, "timeZone", contact_line_parameter(line, "tz"));
	set_text(address, "countryCode", contact_line_parameter(line, "cc"));
	contact_read_parameters(reading, line, address, "addresses");
	return contact_add_entry(reading, line, "addresses", address);
}

bool contact_read_organization(struct contact_reading *reading, struct contact_line *line)
{
	struct slice rest = line->value;
	json_t *organization = json_object(), *units = json_array();
	bool first = true;
	for (bool more = true; more; first = false) {
		struct slice text = contact_line_text(line, contact_line_cut(&rest, ';', &more), reading->arena);
		if (text.len == 0)
			continue;
		if (first)
			json_object_set_new(organization, "name", contact_string(text));
		else
			json_array_append_new(units, json_pack("{s:o}", "name", contact_string(text)));
	}
	if (json_array_size(units) > 0)
		json_object_set(organization, "units", units);
	json_decref(units);
	contact_read_parameters(reading, line, organization, "organizations");
	return contact_add_entry(reading, line, "organizations", organization);
}
