/* Reading policies, and the records that tell of them; see sts.h. */
#include "sts/sts.h"

#include "base/array.h"

enum { LABEL_MAX = 63 };

static const char *const mode_names[] = {"none", "testing", "enforce"};

const char *sts_mode_name(enum sts_mode mode)
{
	return mode_names[mode];
}

bool sts_mode_of(struct slice name, enum sts_mode *mode)
{
	for (int i = 0; i <= STS_ENFORCE; i++)
		if (slice_equal(name, slice_of(mode_names[i]))) {
			*mode = (enum sts_mode)i;
			return true;
		}
	return false;
}

/* ---- Hosts ---- */

static bool is_label(struct slice label)
{
	bool good = label.len > 0 && label.len <= LABEL_MAX;
	for (size_t i = 0; good && i < label.len; i++)
		good = ascii_is_alpha(label.at[i]) || ascii_is_digit(label.at[i]) || label.at[i] == '-' || label.at[i] == '_';
	return good;
}

/* "mx.example.org" or "*.example.org": a star is the whole first label, and stands before others. */
static bool is_pattern(struct slice text)
{
	struct slice label, rest = text;
	bool more = text.len > 0 && text.len <= STS_HOST_MAX, good = more;
	if (slice_starts(text, SLICE("*.")))
		rest = slice_skip(text, 2);
	while (good && more) {
		more = slice_cut(rest, '.', &label, &rest);
		good = is_label(label);
	}
	return good;
}

static struct slice without_dot(struct slice name)
{
	return name.len > 1 && name.at[name.len - 1] == '.' ? slice_sub(name, 0, name.len - 1) : name;
}

static bool matches(struct slice pattern, struct slice host)
{
	if (!slice_starts(pattern, SLICE("*.")))
		return slice_equal_nocase(pattern, host);
	size_t dot = slice_find_char(host, '.');
	return dot != SLICE_NONE && dot > 0 && slice_equal_nocase(slice_skip(host, dot), slice_skip(pattern, 1));
}

bool sts_names_host(const struct sts_policy *policy, struct slice host)
{
	bool named = false;
	for (size_t i = 0; i < policy->host_count && !named; i++)
		named = matches(policy->hosts[i], without_dot(host));
	return named;
}

/* ---- Policies ---- */

/* Of a field that stands twice the first counts, but for mx (RFC 8461 §3.2). */
struct reading {
	struct sts_policy *policy;
	struct arena *arena;
	size_t room;
	bool has_version, has_mode, has_age;
};

static bool take_host(struct reading *reading, struct slice value, struct error *error)
{
	struct sts_policy *policy = reading->policy;
	struct slice host = without_dot(value);
	if (!is_pattern(host))
		return error_set(error, ERROR_INVALID, "\"%.*s\" is no MX host", (int)(value.len < STS_HOST_MAX ? value.len : STS_HOST_MAX), value.at);
	if (policy->host_count == STS_HOSTS_MAX)
		return error_set(error, ERROR_INVALID, "there are more than %d MX hosts in it", STS_HOSTS_MAX);
	ARENA_GROW(reading->arena, policy->hosts, policy->host_count, reading->room);
	policy->hosts[policy->host_count++] = host;
	return true;
}

static bool take_age(struct reading *reading, struct slice value, struct error *error)
{
	uint64_t age;
	if (!slice_to_number(value, 9999999999, &age))
		return error_set(error, ERROR_INVALID, "max_age is no number");
	reading->policy->max_age = age < STS_AGE_MAX ? (int64_t)age : STS_AGE_MAX;
	return true;
}

static bool take_field(struct reading *reading, struct slice name, struct slice value, struct error *error)
{
	bool *seen = slice_equal(name, SLICE("version")) ? &reading->has_version : slice_equal(name, SLICE("mode")) ? &reading->has_mode :
		     slice_equal(name, SLICE("max_age")) ? &reading->has_age : NULL;
	if (slice_equal(name, SLICE("mx")))
		return take_host(reading, value, error);
	if (!seen || *seen)
		return true; /* what isn't known is for later versions */
	*seen = true;
	if (seen == &reading->has_version)
		return slice_equal(value, SLICE("STSv1")) || error_set(error, ERROR_INVALID, "it is of another version than STSv1");
	if (seen == &reading->has_mode)
		return sts_mode_of(value, &reading->policy->mode) || error_set(error, ERROR_INVALID, "its mode is none of enforce, testing and none");
	return take_age(reading, value, error);
}

static bool take_line(struct reading *reading, struct slice line, struct error *error)
{
	struct slice name, value;
	if (slice_trim(line).len == 0)
		return true;
	if (!slice_is_printable(slice_trim(line)) || !slice_cut(line, ':', &name, &value))
		return error_set(error, ERROR_INVALID, "a line in it is no field");
	return take_field(reading, name, slice_trim(value), error);
}

bool sts_read_policy(struct slice text, struct arena *arena, struct sts_policy *policy, struct error *error)
{
	struct reading reading = {.policy = policy, .arena = arena};
	struct slice line;
	*policy = (struct sts_policy){0};
	if (text.len > STS_POLICY_MAX)
		return error_set(error, ERROR_LIMIT, "it is longer than %d bytes", STS_POLICY_MAX);
	while (text.len > 0) {
		slice_cut(text, '\n', &line, &text);
		if (!take_line(&reading, line, error))
			return false;
	}
	if (!reading.has_version || !reading.has_mode || !reading.has_age)
		return error_set(error, ERROR_INVALID, "it lacks its %s", !reading.has_version ? "version" : !reading.has_mode ? "mode" : "max_age");
	return policy->mode == STS_NONE || policy->host_count > 0 || error_set(error, ERROR_INVALID, "it names no MX host");
}

/* ---- Records ---- */

bool sts_is_record(struct slice text)
{
	return slice_starts(text, SLICE("v=STSv1;"));
}

static bool is_id(struct slice value)
{
	bool good = value.len > 0 && value.len <= STS_ID_MAX;
	for (size_t i = 0; good && i < value.len; i++)
		good = ascii_is_alpha(value.at[i]) || ascii_is_digit(value.at[i]);
	return good;
}

bool sts_read_record(struct slice text, struct slice *id)
{
	struct slice field, name, value, rest = text;
	bool found = false;
	if (!sts_is_record(text))
		return false;
	while (rest.len > 0 && !found) {
		slice_cut(rest, ';', &field, &rest);
		found = slice_cut(slice_trim(field), '=', &name, &value) && slice_equal(name, SLICE("id"));
	}
	*id = value;
	return found && is_id(value);
}
