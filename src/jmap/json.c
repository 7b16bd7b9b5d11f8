/* JSON of strangers, and what JMAP writes in it: texts, dates, ids. */
#include <math.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "jmap/internal.h"

/* ---- Reading ---- */

/* What the reader would make of it takes many times the text's bytes: so values and levels are counted before. A text that isn't JSON may be
 * counted wrongly; it is refused in the end. */
static bool is_within_limits(struct slice text)
{
	size_t values = 1, depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (in_string)
			continue;
		else if (c == '[' || c == '{') {
			values++;
			if (++depth > JMAP_DEPTH_MAX)
				return false;
		} else if (c == ',' || c == ':')
			values++;
		else if ((c == ']' || c == '}') && depth > 0)
			depth--;
	}
	return values <= JMAP_VALUES_MAX;
}

/* U+FFFE, U+FFFF and their like of all planes, and U+FDD0 to U+FDEF: I-JSON has none (RFC 7493 §2.1). */
static bool is_noncharacter(struct slice text)
{
	const unsigned char *at = (const unsigned char *)text.at;
	if (text.len >= 3 && at[0] == 0xef)
		return (at[1] == 0xb7 && at[2] >= 0x90 && at[2] <= 0xaf) || (at[1] == 0xbf && at[2] >= 0xbe);
	return text.len >= 4 && at[0] >= 0xf0 && (at[1] & 0x0f) == 0x0f && at[2] == 0xbf && at[3] >= 0xbe;
}

static bool has_noncharacter(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] >= 0xef && is_noncharacter(slice_skip(text, i)))
			return true;
	return false;
}

/* Does one of the strings, or of the names, say so? */
static bool any_text(const json_t *value, bool (*says)(struct slice text))
{
	const char *key;
	json_t *part;
	size_t i;
	if (json_is_string(value))
		return says(jmap_slice_of(value));
	json_array_foreach(value, i, part)
		if (any_text(part, says))
			return true;
	json_object_foreach((json_t *)value, key, part)
		if (says(slice_of(key)) || any_text(part, says))
			return true;
	return false;
}

static bool has_nul(struct slice text) { return slice_find_char(text, '\0') != SLICE_NONE; }

bool jmap_json_has_nul(const json_t *value) { return any_text(value, has_nul); }

/* U+0000 is a character of I-JSON: whoever gets a string says what it thinks of it. As a name it can be none of ours. */
json_t *jmap_json_read(struct slice text, struct jmap_problem *problem)
{
	json_error_t why;
	if (!is_within_limits(text)) {
		*problem = (struct jmap_problem){400, "limit", "maxSizeRequest", "too many values, or too deep"};
		return NULL;
	}
	json_t *value = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
	if (value && !any_text(value, has_noncharacter))
		return value;
	bool nul = !value && json_error_code(&why) == json_error_null_byte_in_key;
	*problem = (struct jmap_problem){400, nul ? "notRequest" : "notJSON", NULL, nul ? "there is no name with U+0000 in it" : "that isn't I-JSON"};
	json_decref(value);
	return NULL;
}

/* ---- Writing ---- */

static int append(const char *bytes, size_t length, void *out)
{
	return buf_append(out, slice_make(bytes, length)) ? 0 : -1;
}

void jmap_json_write(struct buf *out, const json_t *value)
{
	if (json_dump_callback(value, append, out, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
		out->overflow = true;
}

struct slice jmap_slice_of(const json_t *string)
{
	return json_is_string(string) ? slice_make(json_string_value(string), json_string_length(string)) : (struct slice){0};
}

/* The bytes of the first character, if it is well-formed; else 0. */
static size_t character_length(struct slice text)
{
	for (size_t length = 1; length <= 4 && length <= text.len; length++)
		if (slice_is_utf8(slice_sub(text, 0, length)))
			return length;
	return 0;
}

json_t *jmap_text(struct slice text)
{
	static const char unknown[] = "\xef\xbf\xbd"; /* U+FFFD */
	bool good = !has_nul(text) && !has_noncharacter(text);
	json_t *string = good ? json_stringn(text.at ? text.at : "", text.len) : NULL;
	if (string)
		return string;
	struct buf mended = BUF(3 * text.len);
	while (text.len > 0) {
		size_t length = character_length(text);
		if (text.at[0] != '\0')
			buf_append(&mended, length > 0 && !is_noncharacter(text) ? slice_sub(text, 0, length) : slice_of(unknown));
		text = slice_skip(text, length > 0 ? length : 1);
	}
	string = json_stringn(mended.at, mended.len);
	buf_free(&mended);
	if (!string)
		memory_exhausted(0);
	return string;
}

/* ---- Dates (RFC 8620 §1.4, RFC 3339) ---- */

json_t *jmap_date(int64_t seconds)
{
	char text[40];
	struct tm parts;
	time_t time = (time_t)seconds;
	if (!gmtime_r(&time, &parts) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		return json_string("1970-01-01T00:00:00Z");
	return json_string(text);
}

/* `count` digits at the front; -1: they aren't there. */
static int take_digits(struct slice *text, size_t count)
{
	uint64_t number;
	if (text->len < count || !slice_to_number(slice_sub(*text, 0, count), 9999, &number))
		return -1;
	*text = slice_skip(*text, count);
	return (int)number;
}

static bool take_char(struct slice *text, char c)
{
	bool there = text->len > 0 && text->at[0] == c;
	*text = slice_skip(*text, there);
	return there;
}

/* "Z", or "+hh:mm"; seconds east. */
static bool read_zone(struct slice text, int64_t *east)
{
	*east = 0;
	if (take_char(&text, 'Z'))
		return text.len == 0;
	bool west = text.len > 0 && text.at[0] == '-';
	if (!take_char(&text, west ? '-' : '+'))
		return false;
	int hours = take_digits(&text, 2);
	int minutes = take_char(&text, ':') ? take_digits(&text, 2) : -1;
	*east = (west ? -60 : 60) * (60 * (int64_t)hours + minutes);
	return hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60 && text.len == 0;
}

/* Fractions must not be ".000", which says nothing (§1.4). */
static bool skip_fraction(struct slice *text)
{
	bool says_something = false;
	if (!take_char(text, '.'))
		return true;
	for (; text->len > 0 && ascii_is_digit(text->at[0]); *text = slice_skip(*text, 1))
		says_something |= text->at[0] != '0';
	return says_something;
}

bool jmap_date_read(struct slice text, int64_t *seconds)
{
	int64_t east;
	struct tm parts = {0};
	int year = take_digits(&text, 4), month = take_char(&text, '-') ? take_digits(&text, 2) : -1, day = take_char(&text, '-') ? take_digits(&text, 2) : -1;
	int hour = take_char(&text, 'T') ? take_digits(&text, 2) : -1, minute = take_char(&text, ':') ? take_digits(&text, 2) : -1;
	int second = take_char(&text, ':') ? take_digits(&text, 2) : -1;
	if (year < 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 ||
	    !skip_fraction(&text) || !read_zone(text, &east))
		return false;
	parts = (struct tm){.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute, .tm_sec = second};
	*seconds = (int64_t)timegm(&parts) - east;
	return parts.tm_mday == day || second == 60; /* the 31st of a shorter month would be another day */
}

/* ---- Ids (RFC 8620 §1.2) ---- */

bool jmap_is_id(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_alpha(text.at[i]) && !ascii_is_digit(text.at[i]) && text.at[i] != '-' && text.at[i] != '_')
			return false;
	return text.len >= 1 && text.len <= 255;
}

void jmap_id_format(char kind, int64_t number, char out[JMAP_ID_SIZE])
{
	out[0] = kind;
	id_format(number, out + 1);
}

json_t *jmap_id(char kind, int64_t number)
{
	char text[JMAP_ID_SIZE];
	jmap_id_format(kind, number, text);
	return json_string(text);
}

int64_t jmap_id_parse(char kind, struct slice text)
{
	return text.len == JMAP_ID_SIZE - 1 && text.at[0] == kind ? id_parse(slice_skip(text, 1)) : 0;
}
