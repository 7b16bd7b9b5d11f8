/* A card against the tables of types.c. What foreign JSON can cost is bounded before: by its size, depth, and number of values. */
#include <string.h>

#include "base/random.h"
#include "contact/internal.h"

struct checking {
	struct contact_problem *problem;
	size_t values;        /* that may still come */
	unsigned depth;
	char path[sizeof((struct contact_problem *)0)->property];
	size_t path_len;
};

static bool fail(struct checking *checking, const char *why)
{
	checking->problem->why = why;
	memcpy(checking->problem->property, checking->path, checking->path_len);
	checking->problem->property[checking->path_len] = '\0';
	return false;
}

/* One step down; the length that the path had. Steps that don't fit, or that aren't plain, are left out. */
static size_t enter(struct checking *checking, const char *step)
{
	size_t before = checking->path_len, len = strlen(step), slash = before > 0;
	if (before + slash + len < sizeof checking->path && slice_is_printable(slice_of(step)) && !strpbrk(step, " /")) {
		if (slash)
			checking->path[checking->path_len++] = '/';
		memcpy(checking->path + checking->path_len, step, len);
		checking->path_len += len;
	}
	return before;
}

/* ---- Texts ---- */

static bool is_word_character(char c) { return ascii_is_alpha(c) || ascii_is_digit(c); }

static bool is_id(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_word_character(text.at[i]) && text.at[i] != '-' && text.at[i] != '_')
			return false;
	return text.len >= 1 && text.len <= 255;
}

bool contact_is_uri(struct slice text)
{
	struct slice scheme, rest;
	if (!slice_cut(text, ':', &scheme, &rest) || scheme.len == 0 || !ascii_is_alpha(scheme.at[0]))
		return false;
	for (size_t i = 0; i < scheme.len; i++)
		if (!is_word_character(scheme.at[i]) && !strchr("+-.", scheme.at[i]))
			return false;
	for (size_t i = 0; i < rest.len; i++)
		if (rest.at[i] <= ' ' || rest.at[i] > '~' || strchr("\"<>\\^`{|}", rest.at[i]))
			return false;
	return true;
}

/* Digits and marks as `form` has them: '0' stands for a digit. */
static bool has_form(struct slice text, const char *form)
{
	for (size_t i = 0; i < text.len; i++)
		if (form[i] == '0' ? !ascii_is_digit(text.at[i]) : text.at[i] != form[i])
			return false;
	return text.len == strlen(form);
}

static unsigned two_digits(const char *at) { return (unsigned)(at[0] - '0') * 10 + (unsigned)(at[1] - '0'); }

bool contact_is_time(struct slice text)
{
	static const char form[] = "0000-00-00T00:00:00", days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	struct slice rest = slice_skip(text, sizeof form - 1);
	if (!has_form(slice_sub(text, 0, sizeof form - 1), form))
		return false;
	unsigned month = two_digits(text.at + 5), day = two_digits(text.at + 8);
	if (month < 1 || month > 12 || day < 1 || day > (unsigned)days[month - 1] || two_digits(text.at + 11) > 23 || two_digits(text.at + 14) > 59 ||
	    two_digits(text.at + 17) > 60)
		return false;
	if (rest.len > 2 && rest.at[0] == '.') { /* a fraction doesn't end with a zero */
		size_t i = 1;
		while (i < rest.len && ascii_is_digit(rest.at[i]))
			i++;
		if (i < 2 || rest.at[i - 1] == '0')
			return false;
		rest = slice_skip(rest, i);
	}
	return slice_equal(rest, SLICE("Z"));
}

/* A language tag (RFC 5646), as far as its form goes. */
static bool is_language(struct slice text)
{
	size_t run = 0;
	for (size_t i = 0; i < text.len; i++) {
		run = text.at[i] == '-' ? 0 : run + 1;
		if (run > 8 || (text.at[i] == '-' ? i == 0 || text.at[i - 1] == '-' : !is_word_character(text.at[i])))
			return false;
	}
	return run > 0;
}

static bool is_email(struct slice text)
{
	size_t at = slice_find_last_char(text, '@');
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] == '\x7f' || (unsigned char)text.at[i] < ' ' || strchr("<>", text.at[i]) || (text.at[i] == ' ' && text.at[0] != '"'))
			return false;
	return at != SLICE_NONE && at > 0 && at + 1 < text.len;
}

/* A name with a vendor's domain before it (RFC 9553 §1.8.1). */
static bool is_vendor_name(struct slice text)
{
	struct slice prefix, name;
	if (!slice_cut(text, ':', &prefix, &name) || prefix.len == 0 || name.len == 0)
		return false;
	for (size_t i = 0; i < prefix.len; i++) {
		char c = prefix.at[i], before = i > 0 ? prefix.at[i - 1] : '.', after = i + 1 < prefix.len ? prefix.at[i + 1] : '.';
		if (c == '.' || c == '-' ? before == '.' || after == '.' : !is_word_character(c) && !(c & 0x80))
			return false;
	}
	for (size_t i = 0; i < name.len; i++)
		if (((unsigned char)name.at[i] < ' ' && name.at[i] != '\t') || strchr("\"/~\x7f", name.at[i]))
			return false;
	return true;
}

static bool has_word(const char *words, struct slice word)
{
	struct slice one, rest = slice_of(words);
	while (rest.len > 0) {
		slice_cut(rest, ' ', &one, &rest);
		if (slice_equal(one, word))
			return true;
	}
	return false;
}

static bool is_one_of(const char *words, struct slice text) { return has_word(words, text) || is_vendor_name(text); }

/* ---- Names of properties (RFC 9553 §1.7.1, §1.7.4) ---- */

static bool is_but_for_case(const struct contact_field *fields, struct slice name)
{
	for (; fields->name; fields++)
		if (slice_equal_nocase(slice_of(fields->name), name) && !slice_equal(slice_of(fields->name), name))
			return true;
	return false;
}

/* Might it be one of a later version, or a vendor's? */
static bool is_further_name(const struct contact_type *type, struct slice name)
{
	if (is_vendor_name(name))
		return true;
	for (size_t i = 0; i < name.len; i++)
		if (!is_word_character(name.at[i]) && name.at[i] != '@')
			return false;
	return name.len > 0 && !is_but_for_case(type->fields, name) && !is_but_for_case(contact_common_fields, name);
}

static const struct contact_field *find_field(const struct contact_field *fields, const char *name)
{
	for (; fields->name; fields++)
		if (strcmp(fields->name, name) == 0)
			return fields;
	return NULL;
}

bool contact_is_property(struct slice name)
{
	for (size_t i = 0; contact_card_properties[i]; i++)
		if (slice_equal(name, slice_of(contact_card_properties[i])))
			return true;
	return is_vendor_name(name);
}

/* ---- Values ---- */

static bool check_object(struct checking *checking, const struct contact_type *type, json_t *object);
static bool check_value(struct checking *checking, const struct contact_field *field, const struct contact_type *owner, json_t *value);

static bool count(struct checking *checking, const json_t *value)
{
	size_t size = json_is_array(value) ? json_array_size(value) : json_object_size(value);
	if (size > CONTACT_ENTRIES_MAX || size + 1 > checking->values)
		return fail(checking, "it has too many values");
	checking->values -= size + 1;
	return true;
}

/* What may be anything has limits, too. */
static bool check_anything(struct checking *checking, json_t *value)
{
	const char *key;
	json_t *one;
	size_t i;
	bool done = count(checking, value) && (++checking->depth <= CONTACT_DEPTH_MAX || fail(checking, "it is too deep"));
	if (!done)
		return false;
	json_object_foreach(value, key, one)
		if (!check_anything(checking, one))
			return false;
	json_array_foreach(value, i, one)
		if (!check_anything(checking, one))
			return false;
	checking->depth--;
	return true;
}

static bool check_set(struct checking *checking, const struct contact_field *field, json_t *set)
{
	const char *key;
	json_t *value;
	if (!json_is_object(set) || !count(checking, set))
		return fail(checking, "it isn't a set");
	json_object_foreach(set, key, value) {
		if (!json_is_true(value))
			return fail(checking, "each value of a set is true");
		if (field->kind == CONTACT_SET_OF && !is_one_of(field->words, slice_of(key)))
			return fail(checking, "there is no such value");
	}
	return true;
}

static bool check_texts(struct checking *checking, json_t *map)
{
	const char *key;
	json_t *value;
	if (!json_is_object(map) || !count(checking, map))
		return fail(checking, "it isn't a map of strings");
	json_object_foreach(map, key, value)
		if (!json_is_string(value))
			return fail(checking, "it isn't a map of strings");
	return true;
}

static bool check_list(struct checking *checking, const struct contact_type *type, json_t *list)
{
	size_t i;
	json_t *one;
	if (!json_is_array(list) || json_array_size(list) == 0 || !count(checking, list))
		return fail(checking, "it isn't a list of objects");
	json_array_foreach(list, i, one)
		if (!check_object(checking, type, one))
			return false;
	return true;
}

static bool check_map(struct checking *checking, const struct contact_field *field, json_t *map)
{
	const char *key;
	json_t *one;
	if (!json_is_object(map) || !count(checking, map))
		return fail(checking, "it isn't a map of objects");
	json_object_foreach(map, key, one) {
		size_t before = enter(checking, key);
		if (field->kind == CONTACT_MAP && !is_id(slice_of(key)))
			return fail(checking, "that is no Id");
		if (!check_object(checking, field->type, one))
			return false;
		checking->path_len = before;
	}
	return true;
}

/* PartialDate, unless it says that it is a Timestamp (RFC 9553 §2.8.1). */
static bool check_date(struct checking *checking, json_t *date)
{
	bool timestamp = contact_is_text(json_object_get(date, "@type"), "Timestamp");
	return check_object(checking, timestamp ? &contact_timestamp_type : &contact_partial_date_type, date);
}

/* RFC 7095 §3.3: strings, or lists of them. */
static bool check_parameters(struct checking *checking, json_t *map)
{
	const char *key;
	json_t *value, *one;
	size_t i;
	if (!json_is_object(map) || !check_anything(checking, map))
		return fail(checking, "it isn't a map of parameters");
	json_object_foreach(map, key, value) {
		if (!json_is_string(value) && !json_is_array(value))
			return fail(checking, "a parameter is a string, or several");
		json_array_foreach(value, i, one)
			if (!json_is_string(one))
				return fail(checking, "a parameter is a string, or several");
	}
	return true;
}

/* Name, parameters, type, values. */
static bool check_properties(struct checking *checking, json_t *list)
{
	size_t i;
	json_t *one;
	if (!json_is_array(list) || !check_anything(checking, list))
		return fail(checking, "it isn't a list of vCard properties");
	json_array_foreach(list, i, one) {
		if (json_array_size(one) < 4 || !json_is_string(json_array_get(one, 0)) || !json_is_string(json_array_get(one, 2)))
			return fail(checking, "it isn't a list of vCard properties");
		if (!check_parameters(checking, json_array_get(one, 1)))
			return false;
	}
	return true;
}

static bool check_number(struct checking *checking, const struct contact_field *field, const json_t *value)
{
	static const int64_t most = ((int64_t)1 << 53) - 1;
	int64_t number = json_integer_value(value);
	if (!json_is_integer(value) || number < field->least || number > field->most || number > most)
		return fail(checking, "there is no such number here");
	return true;
}

static bool check_version(struct checking *checking, struct slice text)
{
	return slice_equal(text, SLICE("1.0")) || fail(checking, "the version is 1.0");
}

static bool check_text(struct checking *checking, const struct contact_field *field, const struct contact_type *owner, const json_t *value)
{
	struct slice text = contact_text_of(value);
	if (!json_is_string(value))
		return fail(checking, "it isn't a string");
	switch (field->kind) {
	case CONTACT_WORDS:
		return text.len > 0 || fail(checking, "it is empty");
	case CONTACT_TIME:
		return contact_is_time(text) || fail(checking, "it isn't a time in UTC");
	case CONTACT_URI:
		return contact_is_uri(text) || fail(checking, "it isn't a URI");
	case CONTACT_LANGUAGE:
		return is_language(text) || fail(checking, "it isn't a language tag");
	case CONTACT_ID:
		return is_id(text) || fail(checking, "it isn't an Id");
	case CONTACT_EMAIL:
		return is_email(text) || fail(checking, "it isn't an e-mail address");
	case CONTACT_ONE_OF:
		return is_one_of(field->words, text) || fail(checking, "there is no such value");
	case CONTACT_TYPE_NAME:
		return slice_equal(text, slice_of(owner->name)) || fail(checking, "that is another type");
	case CONTACT_VERSION:
		return check_version(checking, text);
	default:
		return true;
	}
}

static bool check_patches(struct checking *checking, json_t *patches);

static bool check_value(struct checking *checking, const struct contact_field *field, const struct contact_type *owner, json_t *value)
{
	switch (field->kind) {
	case CONTACT_RESERVED:
		return fail(checking, "it must not be set");
	case CONTACT_ANYTHING:
		return check_anything(checking, value);
	case CONTACT_FLAG:
		return json_is_boolean(value) || fail(checking, "it isn't a boolean");
	case CONTACT_NUMBER:
		return check_number(checking, field, value);
	case CONTACT_SET:
	case CONTACT_SET_OF:
		return check_set(checking, field, value);
	case CONTACT_TEXTS:
		return check_texts(checking, value);
	case CONTACT_OBJECT:
		return check_object(checking, field->type, value);
	case CONTACT_LIST:
		return check_list(checking, field->type, value);
	case CONTACT_MAP:
	case CONTACT_NAMED:
		return check_map(checking, field, value);
	case CONTACT_DATE:
		return check_date(checking, value);
	case CONTACT_PATCHES:
		return check_patches(checking, value);
	case CONTACT_PARAMETERS:
		return check_parameters(checking, value);
	case CONTACT_PROPERTIES:
		return check_properties(checking, value);
	default:
		return check_text(checking, field, owner, value);
	}
}

/* ---- Objects ---- */

static bool check_member(struct checking *checking, const struct contact_type *type, const char *name, json_t *value)
{
	static const struct contact_field unknown = {.kind = CONTACT_ANYTHING};
	const struct contact_field *field = find_field(type->fields, name);
	size_t before = enter(checking, name);
	if (!field)
		field = find_field(contact_common_fields, name);
	if (!field && !is_further_name(type, slice_of(name)))
		return fail(checking, "no property is named so");
	if (!check_value(checking, field ? field : &unknown, type, value))
		return false;
	checking->path_len = before;
	return true;
}

static bool has_what_it_needs(struct checking *checking, const struct contact_type *type, const json_t *object)
{
	struct slice name, rest = slice_of(type->one_of);
	bool has = !type->one_of;
	for (const struct contact_field *field = type->fields; field->name; field++)
		if (field->needed && !json_object_get(object, field->name)) {
			enter(checking, field->name);
			return fail(checking, "it is missing");
		}
	while (!has && rest.len > 0) {
		slice_cut(rest, ' ', &name, &rest);
		has = json_object_getn(object, name.at, name.len) != NULL;
	}
	return has || fail(checking, "nothing is said in it");
}

static bool check_object(struct checking *checking, const struct contact_type *type, json_t *object)
{
	const char *name, *why;
	json_t *value;
	if (!json_is_object(object))
		return fail(checking, "it isn't an object");
	if (!count(checking, object) || (++checking->depth > CONTACT_DEPTH_MAX && !fail(checking, "it is too deep")))
		return false;
	json_object_foreach(object, name, value)
		if (!check_member(checking, type, name, value))
			return false;
	checking->depth--;
	why = type->check ? type->check(object) : NULL;
	return has_what_it_needs(checking, type, object) && (!why || fail(checking, why));
}

/* ---- Localizations (RFC 9553 §2.7.1): the card that each makes is one, too ---- */

/* Is a part of the path, up to a '/', a path of the patch, too? */
static bool is_below_another(const json_t *patch, const char *path)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
		if (json_object_getn(patch, path, (size_t)(slash - path)))
			return true;
	return false;
}

static bool localize(json_t *card, json_t *patch)
{
	const char *path;
	json_t *value;
	json_object_foreach(patch, path, value)
		if (is_below_another(patch, path) || slice_starts(slice_of(path), SLICE("localizations")) ||
		    !contact_pointer_put(card, slice_of(path), json_is_null(value) ? NULL : value, true))
			return false;
	return true;
}

static bool check_patches(struct checking *checking, json_t *patches)
{
	const char *language;
	json_t *patch;
	if (!json_is_object(patches) || json_object_size(patches) > CONTACT_LOCALIZATIONS_MAX)
		return fail(checking, "it isn't a map of patches, or has too many");
	json_object_foreach(patches, language, patch) {
		if (!is_language(slice_of(language)) || !json_is_object(patch))
			return fail(checking, "it isn't a map of languages to patches");
		if (!check_anything(checking, patch))
			return false;
	}
	return true;
}

static bool check_localized(struct checking *checking, const json_t *card)
{
	const char *language;
	json_t *patch;
	json_object_foreach(json_object_get(card, "localizations"), language, patch) {
		json_t *localized = json_deep_copy(card);
		json_object_del(localized, "localizations");
		struct checking inner = {.problem = checking->problem, .values = CONTACT_VALUES_MAX};
		bool done = localize(localized, patch) && check_object(&inner, &contact_card_type, localized);
		json_decref(localized);
		enter(checking, "localizations");
		if (!done)
			return fail(checking, "a localization doesn't fit the card");
		checking->path_len = 0;
	}
	return true;
}

/* ---- What others call ---- */

bool contact_card_check_form(json_t *card, struct contact_problem *problem)
{
	*problem = (struct contact_problem){0};
	struct checking checking = {.problem = problem, .values = CONTACT_VALUES_MAX};
	if (json_string_length(json_object_get(card, "uid")) > CONTACT_UID_MAX) {
		enter(&checking, "uid");
		return fail(&checking, "it is too long");
	}
	return check_object(&checking, &contact_card_type, card) && check_localized(&checking, card);
}

bool contact_card_check(json_t *card, struct contact_problem *problem)
{
	if (!contact_card_check_form(card, problem))
		return false;
	if (json_dumpb(card, NULL, 0, JSON_COMPACT) > CONTACT_CARD_MAX)
		problem->why = "the card is too large";
	return !problem->why;
}

bool contact_entry_check(const char *property, json_t *object)
{
	const struct contact_field *field = find_field(contact_card_type.fields, property);
	struct contact_problem problem;
	struct checking checking = {.problem = &problem, .values = CONTACT_VALUES_MAX};
	if (!field)
		return false;
	bool entry = field->kind == CONTACT_MAP || field->kind == CONTACT_NAMED;
	return entry ? check_object(&checking, field->type, object) : check_value(&checking, field, &contact_card_type, object);
}

void contact_new_uid(char out[CONTACT_NEW_UID])
{
	unsigned char b[16];
	random_bytes(b, sizeof b);
	b[6] = (b[6] & 0x0f) | 0x40; /* version 4, variant 1 (RFC 9562 §5.4) */
	b[8] = (b[8] & 0x3f) | 0x80;
	snprintf(out, CONTACT_NEW_UID, "urn:uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4], b[5], b[6],
		 b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}
