/* Header fields in the forms of RFC 8621 §4.1.2, and the names of properties that ask for them. */
#include "jmap/email.h"

#include <time.h>

#include "base/array.h"
#include "message/date.h"
#include "message/scan.h"

/* ---- which forms are allowed ---- */

enum {
	RAW = 1 << JMAP_RAW, TEXT = 1 << JMAP_TEXT | RAW, ADDRESSES = 1 << JMAP_ADDRESSES | 1 << JMAP_GROUPS | RAW, IDS = 1 << JMAP_MESSAGE_IDS | RAW,
	DATE = 1 << JMAP_DATE | RAW, URLS = 1 << JMAP_URLS | RAW,
};

/* The fields of RFC 5322 and RFC 2369; all others may be had in every form. */
static const struct { const char *name; unsigned forms; } fields[] = {
	{"Subject", TEXT}, {"Comments", TEXT}, {"Keywords", TEXT},
	{"From", ADDRESSES}, {"Sender", ADDRESSES}, {"Reply-To", ADDRESSES}, {"To", ADDRESSES}, {"Cc", ADDRESSES}, {"Bcc", ADDRESSES},
	{"Resent-From", ADDRESSES}, {"Resent-Sender", ADDRESSES}, {"Resent-Reply-To", ADDRESSES}, {"Resent-To", ADDRESSES}, {"Resent-Cc", ADDRESSES},
	{"Resent-Bcc", ADDRESSES},
	{"Message-ID", IDS}, {"In-Reply-To", IDS}, {"References", IDS}, {"Resent-Message-ID", IDS},
	{"Date", DATE}, {"Resent-Date", DATE},
	{"List-Help", URLS}, {"List-Unsubscribe", URLS}, {"List-Subscribe", URLS}, {"List-Post", URLS}, {"List-Owner", URLS}, {"List-Archive", URLS},
	{"Return-Path", RAW}, {"Received", RAW},
};

static const char *const form_names[JMAP_FORMS] = {"asRaw", "asText", "asAddresses", "asGroupedAddresses", "asMessageIds", "asDate", "asURLs"};

bool jmap_header_form_allowed(struct slice name, enum jmap_form form)
{
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (slice_equal_nocase(name, slice_of(fields[i].name)))
			return fields[i].forms >> form & 1;
	return true;
}

static const struct { const char *property, *field; enum jmap_form form; } conveniences[] = {
	{"messageId", "Message-ID", JMAP_MESSAGE_IDS}, {"inReplyTo", "In-Reply-To", JMAP_MESSAGE_IDS}, {"references", "References", JMAP_MESSAGE_IDS},
	{"sender", "Sender", JMAP_ADDRESSES}, {"from", "From", JMAP_ADDRESSES}, {"to", "To", JMAP_ADDRESSES}, {"cc", "Cc", JMAP_ADDRESSES},
	{"bcc", "Bcc", JMAP_ADDRESSES}, {"replyTo", "Reply-To", JMAP_ADDRESSES}, {"subject", "Subject", JMAP_TEXT}, {"sentAt", "Date", JMAP_DATE},
};

bool jmap_header_convenience(const char *property, struct jmap_header_property *out)
{
	for (size_t i = 0; i < sizeof conveniences / sizeof *conveniences; i++)
		if (strcmp(property, conveniences[i].property) == 0) {
			*out = (struct jmap_header_property){property, slice_of(conveniences[i].field), conveniences[i].form, false};
			return true;
		}
	return false;
}

static bool is_field_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] <= ' ' || name.at[i] >= 0x7f)
			return false;
	return name.len > 0;
}

static bool find_form(struct slice text, enum jmap_form *form)
{
	for (unsigned i = 0; i < JMAP_FORMS; i++)
		if (slice_equal(text, slice_of(form_names[i]))) {
			*form = i;
			return true;
		}
	return false;
}

bool jmap_header_property_parse(const char *property, struct jmap_header_property *out)
{
	struct slice rest = slice_of(property), part;
	*out = (struct jmap_header_property){.property = property};
	if (!slice_starts(rest, SLICE("header:")))
		return false;
	bool more = slice_cut(slice_skip(rest, 7), ':', &out->name, &rest);
	if (more && slice_starts(rest, SLICE("as"))) {
		more = slice_cut(rest, ':', &part, &rest);
		if (!find_form(part, &out->form))
			return false;
	}
	if (more && slice_equal(rest, SLICE("all"))) {
		out->all = true;
		more = false;
	}
	return !more && is_field_name(out->name) && jmap_header_form_allowed(out->name, out->form);
}

/* ---- the forms ---- */

/* Without folds; blanks at the end stay (RFC 8621 §4.1.2.2). */
static struct slice unfold(struct slice body, struct arena *arena)
{
	char *out = arena_alloc(arena, body.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < body.len; i++)
		if (body.at[i] != '\r' && body.at[i] != '\n' && body.at[i] != '\0')
			out[len++] = body.at[i];
	return slice_make(out, len);
}

static json_t *as_text(struct slice body, struct arena *arena)
{
	struct slice text = unfold(body, arena);
	while (text.len > 0 && text.at[0] == ' ')
		text = slice_skip(text, 1);
	return jmap_text(header_text(text, arena));
}

static json_t *name_of(struct slice name, bool literal, struct arena *arena)
{
	struct slice text = slice_trim(literal ? name : header_text(name, arena));
	return text.len > 0 ? jmap_text(text) : json_null();
}

static json_t *address_of(const struct address *address, struct arena *arena)
{
	struct slice local = address->domain.len > 0 ? address_quote(address->local, arena) : address->local;
	struct slice email = address->domain.len > 0 ? arena_printf(arena, "%.*s@%.*s", SLICE_ARG(local), SLICE_ARG(address->domain)) : local;
	json_t *json = json_object();
	json_object_set_new_nocheck(json, "name", name_of(address->name, address->literal, arena));
	json_object_set_new_nocheck(json, "email", jmap_text(email));
	return json;
}

json_t *jmap_addresses(const struct address *list, size_t count, struct arena *arena)
{
	json_t *json = json_array();
	for (size_t i = 0; i < count; i++)
		if (list[i].kind == ADDRESS_MAILBOX)
			json_array_append_new(json, address_of(&list[i], arena));
	return json;
}

/* Begins a group in the list; returns where its addresses go. */
static json_t *add_group(json_t *groups, json_t *name)
{
	json_t *group = json_object(), *addresses = json_array();
	json_object_set_new_nocheck(group, "name", name);
	json_object_set_new_nocheck(group, "addresses", addresses);
	json_array_append_new(groups, group);
	return addresses;
}

static json_t *groups_of(const struct address *list, size_t count, struct arena *arena)
{
	json_t *json = json_array(), *addresses = NULL;
	for (size_t i = 0; i < count; i++) {
		if (list[i].kind == ADDRESS_GROUP_START) {
			addresses = add_group(json, name_of(list[i].local, list[i].literal, arena));
		} else if (list[i].kind == ADDRESS_GROUP_END) {
			addresses = NULL;
		} else {
			if (!addresses)
				addresses = add_group(json, json_null());
			json_array_append_new(addresses, address_of(&list[i], arena));
		}
	}
	return json;
}

static json_t *as_addresses(struct slice body, bool groups, struct arena *arena)
{
	struct address *list;
	size_t count;
	address_parse_list(body, JMAP_ADDRESSES_MAX, arena, &list, &count);
	return groups ? groups_of(list, count, arena) : jmap_addresses(list, count, arena);
}

/* Takes "<…>" off *rest, without white space in it. */
static bool take_bracketed(struct slice *rest, struct arena *arena, struct slice *inside)
{
	size_t end = slice_starts(*rest, SLICE("<")) ? slice_find_char(*rest, '>') : SLICE_NONE;
	if (end == SLICE_NONE)
		return false;
	char *out = arena_alloc(arena, end);
	size_t len = 0;
	for (size_t i = 1; i < end; i++) {
		if (rest->at[i] == '<')
			return false;
		if (!ascii_is_space(rest->at[i]) && rest->at[i] != '\0')
			out[len++] = rest->at[i];
	}
	*inside = slice_make(out, len);
	*rest = header_scan_skip(slice_skip(*rest, end + 1));
	return len > 0;
}

/* What can't be read is null, also if only a part of it can't. */
json_t *jmap_message_ids(struct slice body, struct arena *arena)
{
	json_t *json = json_array();
	struct slice rest = header_scan_skip(body), id;
	while (rest.len > 0 && json_array_size(json) < JMAP_IDS_MAX) {
		if (!take_bracketed(&rest, arena, &id)) {
			json_array_clear(json);
			break;
		}
		json_array_append_new(json, jmap_text(id));
	}
	if (json_array_size(json) > 0)
		return json;
	json_decref(json);
	return json_null();
}

/* RFC 2369 §2: what doesn't begin with "<" is no list; what follows a URL is passed over, unless a comma comes first. */
static json_t *as_urls(struct slice body, struct arena *arena)
{
	json_t *json = json_array();
	struct slice rest = header_scan_skip(body), url;
	while (json_array_size(json) < JMAP_IDS_MAX && take_bracketed(&rest, arena, &url)) {
		json_array_append_new(json, jmap_text(url));
		if (!slice_starts(rest, SLICE(",")))
			break;
		rest = header_scan_skip(slice_skip(rest, 1));
	}
	if (json_array_size(json) > 0)
		return json;
	json_decref(json);
	return json_null();
}

json_t *jmap_date_zone(int64_t seconds, int zone_minutes)
{
	char text[64], zone[16] = "Z";
	struct tm tm;
	time_t local = (time_t)(seconds + zone_minutes * 60);
	if (!gmtime_r(&local, &tm) || tm.tm_year + 1900 < 0 || tm.tm_year + 1900 > 9999)
		return json_null();
	unsigned minutes = (unsigned)(zone_minutes < 0 ? -zone_minutes : zone_minutes);
	if (minutes > 0)
		snprintf(zone, sizeof zone, "%c%02u:%02u", zone_minutes < 0 ? '-' : '+', minutes / 60 % 100, minutes % 60);
	snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d%s", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, zone);
	return json_string(text);
}

int jmap_date_zone_of(struct slice text)
{
	/* "…+10:00" or "…Z" */
	struct slice zone = text.len > 6 ? slice_skip(text, text.len - 6) : SLICE("");
	if (zone.len == 0 || (zone.at[0] != '+' && zone.at[0] != '-'))
		return 0;
	int minutes = ((zone.at[1] - '0') * 10 + zone.at[2] - '0') * 60 + (zone.at[4] - '0') * 10 + zone.at[5] - '0';
	return zone.at[0] == '-' ? -minutes : minutes;
}

static json_t *as_date(struct slice body)
{
	int64_t seconds;
	int zone;
	return date_parse(body, &seconds, &zone) ? jmap_date_zone(seconds, zone) : json_null();
}

json_t *jmap_header_value(struct slice body, enum jmap_form form, struct arena *arena)
{
	switch (form) {
	case JMAP_TEXT:
		return as_text(body, arena);
	case JMAP_ADDRESSES:
	case JMAP_GROUPS:
		return as_addresses(body, form == JMAP_GROUPS, arena);
	case JMAP_MESSAGE_IDS:
		return jmap_message_ids(body, arena);
	case JMAP_DATE:
		return as_date(body);
	case JMAP_URLS:
		return as_urls(body, arena);
	default:
		return jmap_text(body); /* without NULs (§4.1.2.1) */
	}
}

/* ---- headers ---- */

struct jmap_fields jmap_fields_read(struct slice header, struct arena *arena)
{
	struct jmap_fields result = {0};
	struct header_field field;
	size_t room = 0;
	while (result.count < JMAP_HEADER_FIELDS_MAX && header_next(&header, &field)) {
		if (field.name.len == 0)
			continue;
		ARENA_GROW(arena, result.at, result.count, room);
		result.at[result.count++] = field;
	}
	return result;
}

json_t *jmap_header_get(const struct jmap_fields *all, const struct jmap_header_property *property, struct arena *arena)
{
	json_t *values = property->all ? json_array() : NULL;
	for (size_t i = 0; property->all && i < all->count; i++)
		if (slice_equal_nocase(all->at[i].name, property->name))
			json_array_append_new(values, jmap_header_value(all->at[i].body, property->form, arena));
	if (values)
		return values;
	for (size_t i = all->count; i-- > 0;)
		if (slice_equal_nocase(all->at[i].name, property->name))
			return jmap_header_value(all->at[i].body, property->form, arena);
	return json_null();
}

json_t *jmap_headers(const struct jmap_fields *all)
{
	json_t *json = json_array();
	for (size_t i = 0; i < all->count; i++) {
		json_t *field = json_object();
		json_object_set_new_nocheck(field, "name", jmap_text(all->at[i].name));
		json_object_set_new_nocheck(field, "value", jmap_text(all->at[i].body));
		json_array_append_new(json, field);
	}
	return json;
}
