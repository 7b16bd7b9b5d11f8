/* Dates and times of vCards (RFC 6350 §4.3, and as older versions write them). */
#include "contact/vcard.h"

/* The date's digits in parts: those that are missing are -1. */
struct date { int year, month, day; };

/* Takes `count` digits; -1: they aren't there. */
static int take_digits(struct slice *text, size_t count)
{
	uint64_t number;
	if (text->len < count || !slice_to_number(slice_sub(*text, 0, count), 9999, &number))
		return -1;
	*text = slice_skip(*text, count);
	return (int)number;
}

static bool take(struct slice *text, const char *what)
{
	bool there = slice_starts(*text, slice_of(what));
	if (there)
		*text = slice_skip(*text, slice_of(what).len);
	return there;
}

/* YYYY, YYYY-MM, YYYY-MM-DD, YYYYMMDD, --MMDD, --MM-DD, --MM. */
static bool take_date(struct slice *text, struct date *date)
{
	*date = (struct date){-1, -1, -1};
	bool without_year = take(text, "--");
	if (!without_year && (date->year = take_digits(text, 4)) < 0)
		return false;
	if (!without_year)
		take(text, "-");
	date->month = take_digits(text, 2);
	if (date->month >= 0) {
		bool dash = take(text, "-");
		date->day = take_digits(text, 2);
		if (dash && date->day < 0)
			return false;
	}
	return !without_year || date->month >= 0;
}

json_t *contact_read_time(struct slice text)
{
	struct date date;
	char out[40];
	text = slice_trim(text);
	if (!take_date(&text, &date) || date.day < 0 || !(take(&text, "T") || take(&text, "t")))
		return NULL;
	int hour = take_digits(&text, 2), minute = -1, second = 0;
	take(&text, ":");
	minute = take_digits(&text, 2);
	bool colon = take(&text, ":");
	second = text.len > 0 && ascii_is_digit(text.at[0]) ? take_digits(&text, 2) : colon ? -1 : 0;
	if (text.len > 1 && text.at[0] == '.') /* fractions are let go */
		for (text = slice_skip(text, 1); text.len > 0 && ascii_is_digit(text.at[0]); text = slice_skip(text, 1))
			;
	snprintf(out, sizeof out, "%04d-%02d-%02dT%02d:%02d:%02dZ", date.year, date.month, date.day, hour, minute, second);
	bool utc = slice_equal(text, SLICE("Z")) || slice_equal(text, SLICE("z")) || slice_equal(text, SLICE("+00:00")) || slice_equal(text, SLICE("+0000"));
	return utc && hour >= 0 && minute >= 0 && second >= 0 && contact_is_time(slice_of(out)) ? json_string(out) : NULL;
}

/* A PartialDate, or a Timestamp (RFC 9555 §2.2.2). */
static json_t *read_date(struct slice text, struct slice omitted)
{
	struct date date;
	uint64_t year;
	json_t *time = contact_read_time(text);
	if (time)
		return json_pack("{s:s, s:o}", "@type", "Timestamp", "utc", time);
	text = slice_trim(text);
	if (!take_date(&text, &date) || text.len > 0)
		return NULL;
	if (slice_to_number(omitted, 9999, &year) && (int)year == date.year)
		date.year = -1; /* as Apple's programs leave a year out */
	json_t *partial = json_object();
	const struct { const char *name; int value; } parts[] = {{"year", date.year}, {"month", date.month}, {"day", date.day}};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (parts[i].value >= 0)
			json_object_set_new(partial, parts[i].name, json_integer(parts[i].value));
	return partial;
}

bool contact_read_anniversary(struct contact_reading *reading, struct contact_line *line, const char *kind)
{
	struct slice scale = contact_line_parameter(line, "calscale");
	json_t *date = read_date(line->value, contact_line_parameter(line, "x-apple-omit-year"));
	if (!date || scale.len > 0) {
		json_decref(date);
		return false;
	}
	json_t *anniversary = json_pack("{s:s, s:o}", "kind", kind, "date", date);
	contact_read_parameters(reading, line, anniversary, "anniversaries");
	return contact_add_entry(reading, line, "anniversaries", anniversary);
}
