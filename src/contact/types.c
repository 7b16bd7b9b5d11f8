/* The types of RFC 9553, and what RFC 9555 §2.15 and RFC 9610 §3 add: the only list of their properties. */
#include <string.h>

#include "contact/internal.h"

#define TYPE_NAME {"@type", CONTACT_TYPE_NAME}
#define PREF {"pref", CONTACT_NUMBER, .least = 1, .most = 100}
#define LABEL {"label", CONTACT_TEXT}
#define CONTEXTS {"contexts", CONTACT_SET_OF, .words = "private work"}
#define LIST_AS {"listAs", CONTACT_NUMBER, .least = 1, .most = INT64_MAX}
#define RESOURCE(uri_needed) TYPE_NAME, CONTEXTS, PREF, LABEL, {"uri", CONTACT_URI, uri_needed}, {"mediaType", CONTACT_TEXT}
#define PHONETICS {"phoneticScript", CONTACT_LANGUAGE}, {"phoneticSystem", CONTACT_ONE_OF, .words = "ipa jyut piny"}
#define FIELDS(name) static const struct contact_field name##_fields[]
#define TYPE(name, text, ...) static const struct contact_type name = {text, name##_fields, __VA_ARGS__}

const struct contact_field contact_common_fields[] = {
	{"extra", CONTACT_RESERVED}, {"vCardName", CONTACT_WORDS}, {"vCardParams", CONTACT_PARAMETERS}, {0},
};

/* ---- Names and organizations (RFC 9553 §2.2) ---- */

#define NAME_KINDS "title given given2 surname surname2 credential generation separator"
FIELDS(name_component) = {TYPE_NAME, {"value", CONTACT_TEXT, true}, {"kind", CONTACT_ONE_OF, true, .words = NAME_KINDS}, {"phonetic", CONTACT_TEXT}, {0}};
TYPE(name_component, "NameComponent", NULL, NULL);

static bool has_kind(const json_t *components, const char *kind)
{
	size_t i;
	json_t *one;
	json_array_foreach(components, i, one)
		if (contact_is_text(json_object_get(one, "kind"), kind))
			return true;
	return false;
}

/* What holds of the components of names and addresses (§2.2.1.1, §2.5.1.1). */
static const char *check_components(const json_t *object)
{
	json_t *components = json_object_get(object, "components"), *one;
	bool ordered = json_is_true(json_object_get(object, "isOrdered")), others = false, separator = false, phonetic = false;
	size_t i;
	json_array_foreach(components, i, one) {
		bool now = contact_is_text(json_object_get(one, "kind"), "separator");
		if (now && (separator || !ordered))
			return "separators stand alone between ordered components";
		separator = now;
		others |= !now;
		phonetic |= json_object_get(one, "phonetic") != NULL;
	}
	if (components && !others)
		return "there are no components";
	if (json_object_get(object, "defaultSeparator") && (!ordered || !components))
		return "a default separator is for ordered components";
	if (phonetic && !json_object_get(object, "phoneticSystem") && !json_object_get(object, "phoneticScript"))
		return "what is phonetic needs a system or a script";
	return NULL;
}

static const char *check_name(const json_t *name)
{
	const char *kind;
	json_t *value, *components = json_object_get(name, "components");
	json_object_foreach(json_object_get(name, "sortAs"), kind, value)
		if (!has_kind(components, kind))
			return "it is sorted by a component that isn't there";
	return check_components(name);
}

FIELDS(name) = {TYPE_NAME, PHONETICS, {"components", CONTACT_LIST, .type = &name_component}, {"isOrdered", CONTACT_FLAG}, {"defaultSeparator", CONTACT_TEXT},
	{"full", CONTACT_TEXT}, {"sortAs", CONTACT_TEXTS}, {0}};
TYPE(name, "Name", "components full", check_name);
FIELDS(nickname) = {TYPE_NAME, CONTEXTS, PREF, {"name", CONTACT_TEXT, true}, {0}};
TYPE(nickname, "Nickname", NULL, NULL);
FIELDS(unit) = {TYPE_NAME, {"name", CONTACT_TEXT, true}, {"sortAs", CONTACT_TEXT}, {0}};
TYPE(unit, "OrgUnit", NULL, NULL);
FIELDS(organization) = {TYPE_NAME, CONTEXTS, {"name", CONTACT_TEXT}, {"units", CONTACT_LIST, .type = &unit}, {"sortAs", CONTACT_TEXT}, {0}};
TYPE(organization, "Organization", "name units", NULL);
FIELDS(pronouns) = {TYPE_NAME, CONTEXTS, PREF, {"pronouns", CONTACT_TEXT, true}, {0}};
TYPE(pronouns, "Pronouns", NULL, NULL);
FIELDS(speak_to_as) = {TYPE_NAME, {"grammaticalGender", CONTACT_ONE_OF, .words = "animate common feminine inanimate masculine neuter"},
	{"pronouns", CONTACT_MAP, .type = &pronouns}, {0}};
TYPE(speak_to_as, "SpeakToAs", "grammaticalGender pronouns", NULL);
FIELDS(title) = {TYPE_NAME, {"name", CONTACT_TEXT, true}, {"kind", CONTACT_ONE_OF, .words = "title role"}, {"organizationId", CONTACT_ID}, {0}};
TYPE(title, "Title", NULL, NULL);

/* ---- How to reach somebody (§2.3, §2.4) ---- */

FIELDS(email) = {TYPE_NAME, CONTEXTS, PREF, LABEL, {"address", CONTACT_EMAIL, true}, {0}};
TYPE(email, "EmailAddress", NULL, NULL);
FIELDS(service) = {TYPE_NAME, CONTEXTS, PREF, LABEL, {"service", CONTACT_TEXT}, {"uri", CONTACT_URI}, {"user", CONTACT_TEXT}, {0}};
TYPE(service, "OnlineService", "uri user", NULL);
FIELDS(phone) = {TYPE_NAME, CONTEXTS, PREF, LABEL, {"number", CONTACT_TEXT, true},
	{"features", CONTACT_SET_OF, .words = "mobile voice text video main-number textphone fax pager"}, {0}};
TYPE(phone, "Phone", NULL, NULL);
FIELDS(language) = {TYPE_NAME, CONTEXTS, PREF, {"language", CONTACT_LANGUAGE, true}, {0}};
TYPE(language, "LanguagePref", NULL, NULL);
FIELDS(calendar) = {RESOURCE(true), {"kind", CONTACT_ONE_OF, true, .words = "calendar freeBusy"}, {0}};
TYPE(calendar, "Calendar", NULL, NULL);
FIELDS(scheduling) = {TYPE_NAME, CONTEXTS, PREF, LABEL, {"uri", CONTACT_URI, true}, {0}};
TYPE(scheduling, "SchedulingAddress", NULL, NULL);

/* ---- Addresses (§2.5) ---- */

#define ADDRESS_KINDS "room apartment floor building number name block subdistrict district locality region postcode country direction landmark" \
	" postOfficeBox separator"
FIELDS(address_component) = {TYPE_NAME, {"value", CONTACT_TEXT, true}, {"kind", CONTACT_ONE_OF, true, .words = ADDRESS_KINDS}, {"phonetic", CONTACT_TEXT}, {0}};
TYPE(address_component, "AddressComponent", NULL, NULL);

static const char *check_address(const json_t *address)
{
	json_t *coordinates = json_object_get(address, "coordinates");
	if (coordinates && !slice_starts_nocase(contact_text_of(coordinates), SLICE("geo:")))
		return "coordinates are a geo: URI";
	return check_components(address);
}

FIELDS(address) = {TYPE_NAME, PREF, PHONETICS, {"contexts", CONTACT_SET_OF, .words = "private work billing delivery"},
	{"components", CONTACT_LIST, .type = &address_component}, {"isOrdered", CONTACT_FLAG}, {"countryCode", CONTACT_TEXT}, {"coordinates", CONTACT_URI},
	{"timeZone", CONTACT_TEXT}, {"full", CONTACT_TEXT}, {"defaultSeparator", CONTACT_TEXT}, {0}};
TYPE(address, "Address", "components coordinates countryCode full timeZone", check_address);

/* ---- Resources (§2.6) ---- */

FIELDS(key) = {RESOURCE(true), {"kind", CONTACT_TEXT}, {0}};
TYPE(key, "CryptoKey", NULL, NULL);
FIELDS(directory) = {RESOURCE(true), LIST_AS, {"kind", CONTACT_ONE_OF, true, .words = "directory entry"}, {0}};
TYPE(directory, "Directory", NULL, NULL);
FIELDS(link) = {RESOURCE(true), {"kind", CONTACT_ONE_OF, .words = "contact"}, {0}};
TYPE(link, "Link", NULL, NULL);

/* RFC 9610 §3: a blobId instead of the uri. */
static const char *check_medium(const json_t *medium)
{
	return json_object_get(medium, "uri") && json_object_get(medium, "blobId") ? "it has a uri and a blobId" : NULL;
}

FIELDS(medium) = {RESOURCE(false), {"kind", CONTACT_ONE_OF, true, .words = "photo sound logo"}, {"blobId", CONTACT_ID}, {0}};
TYPE(medium, "Media", "uri blobId", check_medium);

/* ---- What else there is (§2.8) ---- */

static const char *check_partial_date(const json_t *date)
{
	static const char days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t month = json_integer_value(json_object_get(date, "month")), day = json_integer_value(json_object_get(date, "day"));
	if (month != 0 && day == 0 && !json_object_get(date, "year"))
		return "a month needs a year or a day";
	if (day != 0 && (month == 0 || day > days[month - 1]))
		return "there is no such day";
	return NULL;
}

FIELDS(contact_partial_date_type) = {TYPE_NAME, {"year", CONTACT_NUMBER, .least = 0, .most = 9999}, {"month", CONTACT_NUMBER, .least = 1, .most = 12},
	{"day", CONTACT_NUMBER, .least = 1, .most = 31}, {"calendarScale", CONTACT_WORDS}, {0}};
const struct contact_type contact_partial_date_type = {"PartialDate", contact_partial_date_type_fields, NULL, check_partial_date};
FIELDS(contact_timestamp_type) = {TYPE_NAME, {"utc", CONTACT_TIME, true}, {0}};
const struct contact_type contact_timestamp_type = {"Timestamp", contact_timestamp_type_fields, NULL, NULL};
FIELDS(anniversary) = {TYPE_NAME, {"kind", CONTACT_ONE_OF, true, .words = "birth death wedding"}, {"date", CONTACT_DATE, true},
	{"place", CONTACT_OBJECT, .type = &address}, {0}};
TYPE(anniversary, "Anniversary", NULL, NULL);
FIELDS(author) = {TYPE_NAME, {"name", CONTACT_TEXT}, {"uri", CONTACT_URI}, {0}};
TYPE(author, "Author", "name uri", NULL);
FIELDS(note) = {TYPE_NAME, {"note", CONTACT_TEXT, true}, {"created", CONTACT_TIME}, {"author", CONTACT_OBJECT, .type = &author}, {0}};
TYPE(note, "Note", NULL, NULL);
FIELDS(personal) = {TYPE_NAME, LIST_AS, LABEL, {"kind", CONTACT_ONE_OF, true, .words = "expertise hobby interest"}, {"value", CONTACT_TEXT, true},
	{"level", CONTACT_ONE_OF, .words = "high medium low"}, {0}};
TYPE(personal, "PersonalInfo", NULL, NULL);
FIELDS(relation) = {TYPE_NAME, {"relation", CONTACT_SET_OF, .words = "acquaintance agent child co-resident co-worker colleague contact crush date emergency"
	" friend kin me met muse neighbor parent sibling spouse sweetheart"}, {0}};
TYPE(relation, "Relation", NULL, NULL);

/* ---- The card itself (§2.1) ---- */

static const char *check_card(const json_t *card)
{
	if (json_object_get(card, "members") && !contact_is_text(json_object_get(card, "kind"), "group"))
		return "only a group has members";
	return NULL;
}

FIELDS(contact_card_type) = {
	{"@type", CONTACT_TYPE_NAME, true}, {"version", CONTACT_VERSION, true}, {"uid", CONTACT_WORDS, true}, {"created", CONTACT_TIME},
	{"updated", CONTACT_TIME}, {"kind", CONTACT_ONE_OF, .words = "individual group org location device application"}, {"language", CONTACT_LANGUAGE},
	{"members", CONTACT_SET}, {"prodId", CONTACT_WORDS}, {"relatedTo", CONTACT_NAMED, .type = &relation}, {"name", CONTACT_OBJECT, .type = &name},
	{"nicknames", CONTACT_MAP, .type = &nickname}, {"organizations", CONTACT_MAP, .type = &organization},
	{"speakToAs", CONTACT_OBJECT, .type = &speak_to_as}, {"titles", CONTACT_MAP, .type = &title}, {"emails", CONTACT_MAP, .type = &email},
	{"onlineServices", CONTACT_MAP, .type = &service}, {"phones", CONTACT_MAP, .type = &phone},
	{"preferredLanguages", CONTACT_MAP, .type = &language}, {"calendars", CONTACT_MAP, .type = &calendar},
	{"schedulingAddresses", CONTACT_MAP, .type = &scheduling}, {"addresses", CONTACT_MAP, .type = &address},
	{"cryptoKeys", CONTACT_MAP, .type = &key}, {"directories", CONTACT_MAP, .type = &directory}, {"links", CONTACT_MAP, .type = &link},
	{"media", CONTACT_MAP, .type = &medium}, {"localizations", CONTACT_PATCHES}, {"anniversaries", CONTACT_MAP, .type = &anniversary},
	{"keywords", CONTACT_SET}, {"notes", CONTACT_MAP, .type = &note}, {"personalInfo", CONTACT_MAP, .type = &personal},
	{"vCardProps", CONTACT_PROPERTIES}, {"id", CONTACT_RESERVED}, {"addressBookIds", CONTACT_RESERVED}, {0},
};
const struct contact_type contact_card_type = {"Card", contact_card_type_fields, NULL, check_card};

const char *const contact_card_properties[] = {
	"id", "addressBookIds", "@type", "version", "uid", "created", "updated", "kind", "language", "members", "prodId", "relatedTo", "name", "nicknames",
	"organizations", "speakToAs", "titles", "emails", "onlineServices", "phones", "preferredLanguages", "calendars", "schedulingAddresses", "addresses",
	"cryptoKeys", "directories", "links", "media", "localizations", "anniversaries", "keywords", "notes", "personalInfo", "vCardName", "vCardParams",
	"vCardProps", NULL,
};

const struct contact_type *const contact_types[] = {
	&contact_card_type, &name, &name_component, &nickname, &organization, &unit, &speak_to_as, &pronouns, &title, &email, &service, &phone, &language,
	&calendar, &scheduling, &address, &address_component, &key, &directory, &link, &medium, &anniversary, &contact_partial_date_type,
	&contact_timestamp_type, &note, &author, &personal, &relation, NULL,
};
