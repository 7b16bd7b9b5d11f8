/* What an account has said, as JSON: the object VacationResponse of RFC 8621 §8, without its id. */
#include <jansson.h>
#include <stdlib.h>

#include "message/date.h"
#include "vacation/vacation.h"

static bool read_text(const json_t *object, const char *name, size_t max, struct arena *arena, struct slice *text)
{
	const json_t *value = json_object_get(object, name);
	if (!value || json_is_null(value))
		return true;
	struct slice found = slice_make(json_string_value(value), json_string_length(value));
	if (!json_is_string(value) || found.len > max)
		return false;
	*text = found.len > 0 ? arena_copy(arena, found) : SLICE("");
	return true;
}

static bool read_date(const json_t *object, const char *name, int64_t *seconds)
{
	const json_t *value = json_object_get(object, name);
	if (!value || json_is_null(value))
		return true;
	return json_is_string(value) && date_parse_internet(slice_make(json_string_value(value), json_string_length(value)), seconds);
}

bool vacation_read(struct slice json, struct arena *arena, struct vacation *vacation)
{
	json_t *object = json_loadb(json.at ? json.at : "", json.len, JSON_REJECT_DUPLICATES, NULL);
	*vacation = (struct vacation){.enabled = json_is_true(json_object_get(object, "isEnabled"))};
	bool good = json_is_object(object) && read_date(object, "fromDate", &vacation->from) && read_date(object, "toDate", &vacation->to) &&
		    read_text(object, "subject", VACATION_SUBJECT_MAX, arena, &vacation->subject) &&
		    read_text(object, "textBody", VACATION_BODY_MAX, arena, &vacation->text) && read_text(object, "htmlBody", VACATION_BODY_MAX, arena, &vacation->html);
	json_decref(object);
	return good;
}

static json_t *date_of(int64_t seconds)
{
	char text[DATE_TEXT_MAX];
	date_format_internet(seconds, text);
	return seconds != 0 ? json_string(text) : json_null();
}

static json_t *text_of(struct slice text)
{
	return text.at ? json_stringn(text.at, text.len) : json_null();
}

struct slice vacation_write(const struct vacation *vacation, struct arena *arena)
{
	json_t *object = json_object();
	json_object_set_new(object, "isEnabled", json_boolean(vacation->enabled));
	json_object_set_new(object, "fromDate", date_of(vacation->from));
	json_object_set_new(object, "toDate", date_of(vacation->to));
	json_object_set_new(object, "subject", text_of(vacation->subject));
	json_object_set_new(object, "textBody", text_of(vacation->text));
	json_object_set_new(object, "htmlBody", text_of(vacation->html));
	char *text = json_dumps(object, JSON_COMPACT);
	struct slice written = arena_copy(arena, slice_of(text ? text : ""));
	free(text);
	json_decref(object);
	return written;
}

bool vacation_is_wanted(const struct vacation *vacation, int64_t now)
{
	return vacation->enabled && (vacation->to == 0 || now < vacation->to);
}

bool vacation_is_active(const struct vacation *vacation, int64_t now)
{
	return vacation_is_wanted(vacation, now) && now >= vacation->from;
}
