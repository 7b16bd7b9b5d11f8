/* TLS reports (RFC 8460 §4.4): JSON. How deep it is and how many values it holds is counted before it is parsed, since its parser knows no
 * bound of the second, and recurses. */
#include <jansson.h>
#include <time.h>

#include "report/internal.h"

enum { DEPTH_MAX = 16, VALUES_MAX = 200000, POLICIES_MAX = 1000 };

/* Counts what stands outside of strings. */
static bool is_bounded(struct slice json)
{
	size_t depth = 0, values = 0;
	bool quoted = false;
	for (size_t i = 0; i < json.len && depth <= DEPTH_MAX && values <= VALUES_MAX; i++) {
		char c = json.at[i];
		if (c == '"')
			quoted = !quoted;
		else if (quoted)
			i += c == '\\';
		else if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth -= depth > 0;
		values += !quoted && (c == ',' || c == '{' || c == '[');
	}
	return depth <= DEPTH_MAX && values <= VALUES_MAX;
}

static struct slice text_of(const json_t *value) { return slice_make(json_string_value(value), json_string_length(value)); }

static struct slice member(const json_t *object, const char *name, struct arena *arena) { return report_clean(text_of(json_object_get(object, name)), arena); }
static struct slice name_member(const json_t *object, const char *name, struct arena *arena) { return report_clean_name(text_of(json_object_get(object, name)), arena); }

static uint64_t count_member(const json_t *object, const char *name)
{
	json_int_t number = json_integer_value(json_object_get(object, name));
	return number < 0 ? 0 : (uint64_t)number < REPORT_COUNT_MAX ? (uint64_t)number : REPORT_COUNT_MAX;
}

/* Digits at `from`. */
static int digits(struct slice text, size_t from, size_t count)
{
	uint64_t number = 0;
	return slice_to_number(slice_sub(text, from, count), 9999, &number) ? (int)number : -1;
}

/* "2016-04-01T00:00:00Z" (RFC 3339), in UTC as reports have it; 0: it is none. */
static int64_t time_member(const json_t *object, const char *name)
{
	struct slice text = text_of(json_object_get(object, name));
	struct tm tm = {.tm_year = digits(text, 0, 4) - 1900, .tm_mon = digits(text, 5, 2) - 1, .tm_mday = digits(text, 8, 2), .tm_hour = digits(text, 11, 2),
			.tm_min = digits(text, 14, 2), .tm_sec = digits(text, 17, 2)};
	bool valid = text.len >= 19 && tm.tm_year >= 70 && tm.tm_mon >= 0 && tm.tm_mon < 12 && tm.tm_mday > 0 && tm.tm_mday <= 31 && tm.tm_hour >= 0 && tm.tm_hour < 24
		  && tm.tm_min >= 0 && tm.tm_min < 60 && tm.tm_sec >= 0 && tm.tm_sec <= 60;
	return valid ? (int64_t)timegm(&tm) : 0;
}

static void add_row(struct report *report, struct arena *arena, const struct report_row *row)
{
	struct report_row *kept = row->count > 0 ? report_add_row(report, arena) : NULL;
	if (kept)
		*kept = *row;
}

/* Of the sessions that failed those of which details tell; returns how many they are. */
static uint64_t add_failures(struct report *report, struct arena *arena, const json_t *details, struct report_row row)
{
	uint64_t told = 0;
	for (size_t i = 0; i < json_array_size(details); i++) {
		const json_t *detail = json_array_get(details, i);
		row.source = name_member(detail, "receiving-mx-hostname", arena);
		row.address = name_member(detail, "receiving-ip", arena);
		if (row.source.len == 0)
			row.source = row.address;
		row.reason = name_member(detail, "result-type", arena);
		row.count = count_member(detail, "failed-session-count");
		told = told + row.count < REPORT_COUNT_MAX ? told + row.count : REPORT_COUNT_MAX;
		add_row(report, arena, &row);
	}
	return told;
}

static void add_policy(struct report *report, struct arena *arena, const json_t *entry)
{
	const json_t *policy = json_object_get(entry, "policy"), *summary = json_object_get(entry, "summary");
	struct report_row row = {.domain = name_member(policy, "policy-domain", arena), .policy = name_member(policy, "policy-type", arena)};
	if (report->domain.len == 0)
		report->domain = row.domain;
	struct report_row success = row;
	success.passed = true;
	success.count = count_member(summary, "total-successful-session-count");
	add_row(report, arena, &success);
	uint64_t failed = count_member(summary, "total-failure-session-count"), told = add_failures(report, arena, json_object_get(entry, "failure-details"), row);
	row.count = failed > told ? failed - told : 0;
	add_row(report, arena, &row);
}

static bool read_root(struct report *report, struct arena *arena, const json_t *root, struct error *error)
{
	const json_t *range = json_object_get(root, "date-range"), *policies = json_object_get(root, "policies");
	if (!json_is_array(policies))
		return error_set(error, ERROR_INVALID, "it is JSON, but no TLS report");
	report->reporter = member(root, "organization-name", arena);
	report->contact = member(root, "contact-info", arena);
	report->id = member(root, "report-id", arena);
	report->begin = time_member(range, "start-datetime");
	report->end = time_member(range, "end-datetime");
	for (size_t i = 0; i < json_array_size(policies) && i < POLICIES_MAX; i++)
		add_policy(report, arena, json_array_get(policies, i));
	if (json_array_size(policies) > POLICIES_MAX)
		report->left_off += json_array_size(policies) - POLICIES_MAX;
	if (report->domain.len == 0)
		report_note(report, "the domain whose policy it is about isn't named");
	return report->row_count > 0 || error_set(error, ERROR_INVALID, "it is a TLS report about no session");
}

bool report_read_tls(struct slice json, struct arena *arena, struct report *report, struct error *error)
{
	json_error_t why;
	*report = (struct report){.kind = REPORT_TLS};
	if (!is_bounded(json))
		return error_set(error, ERROR_LIMIT, "its JSON is nested too deep, or holds too many values");
	json_t *root = json_loadb(json.at, json.len, JSON_DISABLE_EOF_CHECK, &why);
	if (!root)
		return error_set(error, ERROR_INVALID, "its JSON is damaged at line %d", why.line);
	bool done = read_root(report, arena, root, error);
	json_decref(root);
	return done;
}
