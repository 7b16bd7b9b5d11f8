/* Dates: RFC 5322 §3.3 and what mail programs make of it, IMAP's two forms (RFC 3501 §9 date, date-time), RFC 3339. Days are
 * counted in the proleptic Gregorian calendar; years beyond 9999 aren't dates. */
#include "message/date.h"

#include "message/scan.h"

enum { SECONDS_PER_DAY = 86400, YEAR_MAX = 9999, ZONE_HOURS_MAX = 24 };

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char weekdays[] = "SunMonTueWedThuFriSat";

/* A date as written; zone in minutes east. */
struct written {
	int day, month, year; /* month from 1; 0: not seen yet */
	int hour, minute, second;
	int zone;
	bool time_seen, zone_seen;
};

/* Days since 1970-01-01: counts years from March, so that the leap day comes last. */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int month_length(int month, int year)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : lengths[month - 1];
}

static bool is_sane(const struct written *date)
{
	return date->month >= 1 && date->month <= 12 && date->year >= 0 && date->year <= YEAR_MAX && date->day >= 1 &&
		date->day <= month_length(date->month, date->year) && date->hour <= 23 && date->minute <= 59 && date->second <= 60;
}

static int64_t seconds_of(const struct written *date)
{
	int64_t day = days_of(date->year, date->month, date->day);
	return day * SECONDS_PER_DAY + date->hour * 3600 + date->minute * 60 + date->second - (int64_t)date->zone * 60;
}

/* 1 to 12 by the first three letters; 0 if it is none. */
static int month_by_name(struct slice name)
{
	for (int i = 0; i < 12; i++)
		if (slice_starts_nocase(name, slice_make(months + 3 * i, 3)))
			return i + 1;
	return 0;
}

/* Takes up to nine digits off *rest; how many there were in *count. */
static int take_digits(struct slice *rest, size_t *count)
{
	int n = 0;
	*count = 0;
	while (*count < rest->len && *count < 9 && ascii_is_digit(rest->at[*count]))
		n = n * 10 + (rest->at[(*count)++] - '0');
	*rest = slice_skip(*rest, *count);
	return n;
}

static struct slice take_letters(struct slice *rest)
{
	size_t len = 0;
	while (len < rest->len && ascii_is_alpha(rest->at[len]))
		len++;
	struct slice letters = slice_sub(*rest, 0, len);
	*rest = slice_skip(*rest, len);
	return letters;
}

/* ":mm" or ":mm:ss" behind an hour; some programs write dots. Fractions of a second are passed over. */
static bool take_time(struct slice *rest, int hour, struct written *date)
{
	size_t count;
	char separator = rest->at[0];
	*rest = slice_skip(*rest, 1);
	date->hour = hour;
	date->minute = take_digits(rest, &count);
	if (count == 0 || count > 2)
		return false;
	date->time_seen = true;
	if (rest->len < 2 || rest->at[0] != separator || !ascii_is_digit(rest->at[1]))
		return true;
	*rest = slice_skip(*rest, 1);
	date->second = take_digits(rest, &count);
	if (rest->len > 1 && rest->at[0] == '.' && ascii_is_digit(rest->at[1])) {
		size_t ignored;
		*rest = slice_skip(*rest, 1);
		take_digits(rest, &ignored);
	}
	return count <= 2;
}

/* "+hhmm", "-hh:mm"; nonsense counts as unknown, as "-0000" does. */
static void take_zone(struct slice *rest, struct written *date)
{
	size_t count;
	int sign = rest->at[0] == '-' ? -1 : 1;
	*rest = slice_skip(*rest, 1);
	int n = take_digits(rest, &count);
	if (count <= 2 && count > 0) {
		n *= 100;
		if (rest->len > 0 && rest->at[0] == ':') {
			*rest = slice_skip(*rest, 1);
			n += take_digits(rest, &count);
		}
	}
	bool sane = n / 100 <= ZONE_HOURS_MAX && n % 100 < 60;
	date->zone = sane ? sign * (n / 100 * 60 + n % 100) : 0;
	date->zone_seen = true;
}

/* Zones by name (RFC 5322 §4.3): the North American ones, and anything else as universal time. */
static void take_zone_name(struct slice name, struct written *date)
{
	static const struct { char name[4]; int hours; } zones[] = {
		{"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5}, {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7},
		{"CET", 1}, {"MET", 1}, {"MEZ", 1}, {"BST", 1}, {"MSK", 3}, {"JST", 9}, {"KST", 9},
	};
	for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
		if (slice_equal_nocase(name, slice_of(zones[i].name)))
			date->zone = zones[i].hours * 60;
	if (slice_equal_nocase(name, SLICE("CEST")) || slice_equal_nocase(name, SLICE("MEST")) || slice_equal_nocase(name, SLICE("EET")))
		date->zone = 120;
}

/* RFC 5322 §4.3: two digits up to 49 are of this century, three digits count from 1900. */
static int full_year(int n, size_t count)
{
	if (count > 3)
		return n;
	return count == 2 && n < 50 ? 2000 + n : 1900 + n;
}

/* A number that isn't a time: the day comes before the year, unless it can't be a day. */
static bool take_number(struct slice *rest, struct written *date)
{
	size_t count;
	int n = take_digits(rest, &count);
	bool time_ahead = rest->len > 1 && (rest->at[0] == ':' || (rest->at[0] == '.' && date->year >= 0)) && ascii_is_digit(rest->at[1]);
	if (time_ahead && count <= 2 && !date->time_seen)
		return take_time(rest, n, date);
	if (date->day == 0 && count <= 2)
		date->day = n;
	else if (date->year < 0 && count >= 2 && count <= 4)
		date->year = full_year(n, count);
	else if (date->year >= 0 && date->day == 0)
		return false;
	return true;
}

/* "2026-11-22T23:19:32Z": not mail's form, but some programs' (RFC 3339). */
static bool take_iso(struct slice *rest, struct written *date)
{
	struct slice at = *rest;
	size_t count;
	int year = take_digits(&at, &count);
	if (count != 4 || at.len < 2 || at.at[0] != '-' || !ascii_is_digit(at.at[1]))
		return false;
	at = slice_skip(at, 1);
	date->month = take_digits(&at, &count);
	if (at.len < 2 || at.at[0] != '-' || !ascii_is_digit(at.at[1]))
		return false;
	at = slice_skip(at, 1);
	date->day = take_digits(&at, &count);
	date->year = year;
	*rest = at.len > 0 && (at.at[0] == 'T' || at.at[0] == 't') ? slice_skip(at, 1) : at;
	return true;
}

static bool take_word(struct slice *rest, struct written *date)
{
	struct slice word = take_letters(rest);
	int month = date->month == 0 && word.len >= 3 ? month_by_name(word) : 0;
	if (month > 0)
		date->month = month;
	else if (slice_equal_nocase(word, SLICE("PM")) && date->time_seen && date->hour < 12)
		date->hour += 12;
	else if (slice_equal_nocase(word, SLICE("AM")) && date->time_seen && date->hour == 12)
		date->hour = 0;
	else if (date->time_seen && !date->zone_seen)
		take_zone_name(word, date);
	return true;
}

/* Reads token by token, whatever their order: "22 Nov 2026", "Nov 22 2026", "22-Nov-26", asctime's form. */
static bool parse(struct slice text, struct written *date)
{
	enum { DATE_READ_MAX = 256 }; /* no date is longer; comments count */
	*date = (struct written){.year = -1};
	text = header_scan_skip(slice_sub(text, 0, DATE_READ_MAX));
	if (!take_iso(&text, date))
		*date = (struct written){.year = -1};
	while ((text = header_scan_skip(text)).len > 0) {
		char c = text.at[0];
		bool sane = true;
		if (ascii_is_digit(c))
			sane = take_number(&text, date);
		else if (ascii_is_alpha(c))
			sane = take_word(&text, date);
		else if ((c == '+' || c == '-') && date->time_seen && !date->zone_seen && text.len > 1 && ascii_is_digit(text.at[1]))
			take_zone(&text, date);
		else
			text = slice_skip(text, 1);
		if (!sane)
			return false;
	}
	return is_sane(date);
}

bool date_parse(struct slice text, int64_t *seconds, int *zone_minutes)
{
	struct written date;
	if (!parse(text, &date))
		return false;
	*seconds = seconds_of(&date);
	if (zone_minutes)
		*zone_minutes = date.zone;
	return true;
}

bool date_day(struct slice text, int64_t *day)
{
	struct written date;
	if (!parse(text, &date))
		return false;
	*day = days_of(date.year, date.month, date.day);
	return true;
}

/* The calendar's view of a moment; moments outside of the years 0 to 9999 are moved to their border. */
static struct tm broken_down(int64_t seconds, bool local)
{
	const int64_t first = days_of(0, 1, 2) * SECONDS_PER_DAY, last = days_of(YEAR_MAX, 12, 30) * SECONDS_PER_DAY;
	time_t when = (time_t)(seconds < first ? first : seconds > last ? last : seconds);
	struct tm parts = {0};
	if (!local || !localtime_r(&when, &parts))
		gmtime_r(&when, &parts);
	return parts;
}

static size_t format(struct tm at, long zone, char out[DATE_TEXT_MAX])
{
	long distance = zone < 0 ? -zone : zone;
	int len = snprintf(out, DATE_TEXT_MAX, "%.3s, %d %.3s %04d %02d:%02d:%02d %c%02ld%02ld", weekdays + 3 * at.tm_wday, at.tm_mday,
		months + 3 * at.tm_mon, at.tm_year + 1900, at.tm_hour, at.tm_min, at.tm_sec, zone < 0 ? '-' : '+', distance / 60, distance % 60);
	return (size_t)len;
}

size_t date_format(int64_t seconds, char out[DATE_TEXT_MAX])
{
	struct tm at = broken_down(seconds, true);
	return format(at, at.tm_gmtoff / 60, out);
}

size_t date_format_zone(int64_t seconds, int zone_minutes, char out[DATE_TEXT_MAX])
{
	return format(broken_down(seconds + zone_minutes * 60, false), zone_minutes, out);
}

size_t date_format_imap(int64_t seconds, char out[DATE_TEXT_MAX])
{
	struct tm at = broken_down(seconds, false);
	int len = snprintf(out, DATE_TEXT_MAX, "%2d-%.3s-%04d %02d:%02d:%02d +0000", at.tm_mday, months + 3 * at.tm_mon, at.tm_year + 1900,
		at.tm_hour, at.tm_min, at.tm_sec);
	return (size_t)len;
}

/* "d-Mon-yyyy" off the front of *rest. */
static bool take_imap_day(struct slice *rest, struct written *date)
{
	size_t count;
	if (rest->len > 0 && rest->at[0] == ' ')
		*rest = slice_skip(*rest, 1);
	date->day = take_digits(rest, &count);
	if (count < 1 || count > 2 || rest->len < 5 || rest->at[0] != '-' || rest->at[4] != '-')
		return false;
	date->month = month_by_name(slice_sub(*rest, 1, 3));
	*rest = slice_skip(*rest, 5);
	date->year = take_digits(rest, &count);
	return count == 4 && date->month > 0;
}

bool date_parse_imap(struct slice text, int64_t *seconds)
{
	struct written date = {0};
	if (!take_imap_day(&text, &date) || text.len != 15 || text.at[0] != ' ' || text.at[9] != ' ' || text.at[3] != ':')
		return false;
	text = slice_skip(text, 1);
	size_t count;
	int hour = take_digits(&text, &count);
	if (count != 2 || !take_time(&text, hour, &date) || text.len != 6 || (text.at[1] != '+' && text.at[1] != '-'))
		return false;
	uint64_t zone;
	bool west = text.at[1] == '-';
	if (!slice_to_number(slice_skip(text, 2), 9999, &zone) || zone % 100 > 59 || zone / 100 > ZONE_HOURS_MAX)
		return false;
	date.zone = (int)(zone / 100 * 60 + zone % 100) * (west ? -1 : 1);
	*seconds = seconds_of(&date);
	return is_sane(&date);
}

bool date_parse_imap_day(struct slice text, int64_t *day)
{
	struct written date = {0};
	if (text.len > 1 && text.at[0] == '"' && text.at[text.len - 1] == '"')
		text = slice_sub(text, 1, text.len - 2);
	if (text.len == 0 || text.at[0] == ' ' || !take_imap_day(&text, &date) || text.len > 0 || !is_sane(&date))
		return false;
	*day = days_of(date.year, date.month, date.day);
	return true;
}

/* A number of exactly so many digits, and the character behind it (0: none is wanted). */
static bool take_fixed(struct slice *rest, size_t digits, char behind, int *number)
{
	size_t count;
	*number = take_digits(rest, &count);
	if (count != digits || (behind != 0 && (rest->len == 0 || ascii_lower(rest->at[0]) != behind)))
		return false;
	*rest = slice_skip(*rest, behind != 0);
	return true;
}

/* "Z", or "+hh:mm". */
static bool take_offset(struct slice *rest, struct written *date)
{
	int hours, minutes;
	if (rest->len == 0)
		return false;
	char sign = rest->at[0];
	*rest = slice_skip(*rest, 1);
	if (ascii_lower(sign) == 'z')
		return true;
	if ((sign != '+' && sign != '-') || !take_fixed(rest, 2, ':', &hours) || !take_fixed(rest, 2, 0, &minutes) || hours > 23 || minutes > 59)
		return false;
	date->zone = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
	return true;
}

bool date_parse_internet(struct slice text, int64_t *seconds)
{
	struct written date = {0};
	bool good = take_fixed(&text, 4, '-', &date.year) && take_fixed(&text, 2, '-', &date.month) && take_fixed(&text, 2, 't', &date.day) &&
		    take_fixed(&text, 2, ':', &date.hour) && take_fixed(&text, 2, ':', &date.minute) && take_fixed(&text, 2, 0, &date.second);
	if (good && text.len > 1 && text.at[0] == '.' && ascii_is_digit(text.at[1]))
		for (text = slice_skip(text, 1); text.len > 0 && ascii_is_digit(text.at[0]);)
			text = slice_skip(text, 1);
	if (!good || !take_offset(&text, &date) || text.len > 0 || !is_sane(&date))
		return false;
	*seconds = seconds_of(&date);
	return true;
}

size_t date_format_internet(int64_t seconds, char out[DATE_TEXT_MAX])
{
	struct tm at = broken_down(seconds, false);
	int len = snprintf(out, DATE_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02dZ", at.tm_year + 1900, at.tm_mon + 1, at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec);
	return (size_t)len;
}
