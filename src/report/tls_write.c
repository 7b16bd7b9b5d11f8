/* Writing TLS reports (RFC 8460 §4.4). The address that a session was made from isn't written: nobody notes it. */
#include <jansson.h>
#include <time.h>

#include "report/internal.h"

enum { TIME_MAX = 32 };

/* What isn't text in JSON is said with question marks. */
static json_t *json_of(struct slice text)
{
	json_t *string = json_stringn(text.at ? text.at : "", text.len);
	return string ? string : json_string("?");
}

static json_t *json_of_time(int64_t when)
{
	char text[TIME_MAX] = "";
	struct tm parts;
	time_t seconds = (time_t)when;
	if (gmtime_r(&seconds, &parts))
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
	return json_string(text);
}

static json_t *json_of_failure(const struct report_row *row)
{
	json_t *detail = json_pack("{s:o, s:I}", "result-type", json_of(row->reason), "failed-session-count", (json_int_t)row->count);
	if (row->source.len > 0 && !slice_equal(row->source, row->address))
		json_object_set_new(detail, "receiving-mx-hostname", json_of(row->source));
	if (row->address.len > 0)
		json_object_set_new(detail, "receiving-ip", json_of(row->address));
	return detail;
}

/* "mode:enforce" as a policy has it: "mode: enforce" (RFC 8461 §3.2). */
static json_t *json_of_term(struct slice term)
{
	struct slice name, value;
	if (!slice_cut(term, ':', &name, &value))
		return json_of(term);
	return json_sprintf("%.*s: %.*s", SLICE_ARG(name), SLICE_ARG(value));
}

/* With what it says, where that is known. */
static json_t *json_of_policy(const struct report_row *row)
{
	struct slice type, terms, term, name, value;
	bool known = slice_cut(row->policy, '=', &type, &terms);
	json_t *policy = json_pack("{s:o, s:o}", "policy-type", json_of(type), "policy-domain", json_of(row->domain));
	if (!known)
		return policy;
	json_t *text = json_array(), *hosts = json_array();
	json_array_append_new(text, json_string("version: STSv1"));
	while (terms.len > 0) {
		slice_cut(terms, '|', &term, &terms);
		json_array_append_new(text, json_of_term(term));
		if (slice_cut(term, ':', &name, &value) && slice_equal(name, SLICE("mx")))
			json_array_append_new(hosts, json_of(value));
	}
	json_object_set_new(policy, "policy-string", text);
	json_object_set_new(policy, "mx-host", hosts);
	return policy;
}

static bool is_same_policy(const struct report_row *a, const struct report_row *b)
{
	return slice_equal(a->domain, b->domain) && slice_equal(a->policy, b->policy);
}

/* Rows from `at` on that are of one policy; returns where the next begins. */
static size_t add_policy(json_t *policies, const struct report *report, size_t at)
{
	const struct report_row *first = &report->rows[at];
	json_int_t passed = 0, failed = 0;
	json_t *details = json_array();
	for (; at < report->row_count && is_same_policy(&report->rows[at], first); at++) {
		const struct report_row *row = &report->rows[at];
		*(row->passed ? &passed : &failed) += (json_int_t)row->count;
		if (!row->passed)
			json_array_append_new(details, json_of_failure(row));
	}
	json_t *entry = json_pack("{s:o, s:{s:I, s:I}}", "policy", json_of_policy(first), "summary", "total-successful-session-count", passed,
				  "total-failure-session-count", failed);
	if (json_array_size(details) > 0)
		json_object_set(entry, "failure-details", details);
	json_decref(details);
	json_array_append_new(policies, entry);
	return at;
}

static int append(const char *bytes, size_t size, void *out) { return buf_append(out, slice_make(bytes, size)) ? 0 : -1; }

bool report_write_tls(const struct report *report, struct buf *out)
{
	json_t *policies = json_array();
	for (size_t i = 0; i < report->row_count;)
		i = add_policy(policies, report, i);
	json_t *root = json_pack("{s:o, s:{s:o, s:o}, s:o, s:o, s:o}", "organization-name", json_of(report->reporter), "date-range", "start-datetime",
				 json_of_time(report->begin), "end-datetime", json_of_time(report->end), "contact-info", json_of(report->contact), "report-id", json_of(report->id),
				 "policies", policies);
	bool done = json_dump_callback(root, append, out, JSON_INDENT(2)) == 0 && buf_append_char(out, '\n');
	json_decref(root);
	return done && !out->overflow;
}
