/* DMARC aggregate reports (RFC 9990 §3.1.1, RFC 7489 appendix C, and drafts before it): what an element means is said by its name and that of
 * the element around it, whatever is around these, and in whatever order they come. */
#include <arpa/inet.h>

#include "report/internal.h"
#include "xml/xml.h"

/* What is being read: the report, and the record that has begun. */
struct reading {
	struct report *report;
	struct arena *arena;
	struct report_row row;
	struct report_result result; /* of the element dkim or spf that has begun */
	bool in_root, root_ended;
};

enum kind { TEXT, NAME, COUNT, TIME, DISPOSITION, PASSED };

static const struct element {
	const char *around, *name;
	enum { OF_REPORT, OF_ROW, OF_RESULT } of;
	enum kind kind;
	size_t at;
} elements[] = {
	{"report_metadata", "org_name", OF_REPORT, TEXT, offsetof(struct report, reporter)},
	{"report_metadata", "email", OF_REPORT, TEXT, offsetof(struct report, contact)},
	{"report_metadata", "report_id", OF_REPORT, TEXT, offsetof(struct report, id)},
	{"date_range", "begin", OF_REPORT, TIME, offsetof(struct report, begin)},
	{"date_range", "end", OF_REPORT, TIME, offsetof(struct report, end)},
	{"policy_published", "domain", OF_REPORT, NAME, offsetof(struct report, domain)},
	{"policy_published", "p", OF_REPORT, NAME, offsetof(struct report, p)},
	{"policy_published", "sp", OF_REPORT, NAME, offsetof(struct report, sp)},
	{"policy_published", "np", OF_REPORT, NAME, offsetof(struct report, np)},
	{"policy_published", "adkim", OF_REPORT, NAME, offsetof(struct report, adkim)},
	{"policy_published", "aspf", OF_REPORT, NAME, offsetof(struct report, aspf)},
	{"policy_published", "testing", OF_REPORT, NAME, offsetof(struct report, testing)},
	{"row", "source_ip", OF_ROW, TEXT, offsetof(struct report_row, source)},
	{"row", "count", OF_ROW, COUNT, offsetof(struct report_row, count)},
	{"policy_evaluated", "disposition", OF_ROW, DISPOSITION, offsetof(struct report_row, disposition)},
	{"policy_evaluated", "dkim", OF_ROW, PASSED, offsetof(struct report_row, dkim)},
	{"policy_evaluated", "spf", OF_ROW, PASSED, offsetof(struct report_row, spf)},
	{"reason", "type", OF_ROW, NAME, offsetof(struct report_row, reason)},
	{"reason", "comment", OF_ROW, TEXT, offsetof(struct report_row, comment)},
	{"identifiers", "header_from", OF_ROW, NAME, offsetof(struct report_row, domain)},
	{"identifiers", "envelope_from", OF_ROW, NAME, offsetof(struct report_row, envelope)},
	{"identities", "header_from", OF_ROW, NAME, offsetof(struct report_row, domain)},
	{"identities", "envelope_from", OF_ROW, NAME, offsetof(struct report_row, envelope)},
	{"dkim", "domain", OF_RESULT, NAME, offsetof(struct report_result, domain)},
	{"dkim", "selector", OF_RESULT, NAME, offsetof(struct report_result, selector)},
	{"dkim", "result", OF_RESULT, NAME, offsetof(struct report_result, result)},
	{"spf", "domain", OF_RESULT, NAME, offsetof(struct report_result, domain)},
	{"spf", "result", OF_RESULT, NAME, offsetof(struct report_result, result)},
};

static uint64_t read_number(struct reading *reading, struct slice text, uint64_t max)
{
	uint64_t number = 0;
	if (!slice_to_number(text, max, &number))
		report_note(reading->report, "a number that is none, or too large");
	return number;
}

static void put(struct reading *reading, const struct element *element, struct slice text)
{
	void *bases[] = {reading->report, &reading->row, &reading->result};
	char *at = (char *)bases[element->of] + element->at;
	switch (element->kind) {
	case TEXT: *(struct slice *)(void *)at = report_clean(text, reading->arena); break;
	case NAME: *(struct slice *)(void *)at = report_clean_name(text, reading->arena); break;
	case COUNT: *(uint64_t *)(void *)at = read_number(reading, text, REPORT_COUNT_MAX); break;
	case TIME: *(int64_t *)(void *)at = (int64_t)read_number(reading, text, (uint64_t)REPORT_TIME_MAX); break;
	case DISPOSITION: *(enum report_disposition *)(void *)at = report_disposition_of(text); break;
	case PASSED: *(bool *)(void *)at = slice_equal_nocase(text, SLICE("pass")); break;
	}
}

static void add_signature(struct reading *reading)
{
	struct report_row *row = &reading->row;
	if (!row->signatures)
		row->signatures = arena_array(reading->arena, REPORT_SIGNATURES_MAX, sizeof *row->signatures);
	if (row->signature_count < REPORT_SIGNATURES_MAX)
		row->signatures[row->signature_count++] = reading->result;
}

/* The address as everybody writes it; false: it is none. */
static bool read_address(struct reading *reading)
{
	char text[INET6_ADDRSTRLEN] = "", bytes[16];
	struct slice source = reading->row.source;
	if (source.len == 0 || source.len >= sizeof text)
		return false;
	memcpy(text, source.at, source.len);
	int family = inet_pton(AF_INET, text, bytes) == 1 ? AF_INET : AF_INET6;
	if (family == AF_INET6 && inet_pton(AF_INET6, text, bytes) != 1)
		return false;
	reading->row.source = arena_copy(reading->arena, slice_of(inet_ntop(family, bytes, text, sizeof text)));
	return true;
}

static void end_record(struct reading *reading)
{
	struct report_row *row = &reading->row, *kept;
	if (row->count == 0 || !read_address(reading)) {
		report_note(reading->report, "a record without an address or a count");
		reading->report->left_off++;
		return;
	}
	row->passed = row->dkim || row->spf;
	if ((kept = report_add_row(reading->report, reading->arena)))
		*kept = *row;
}

static void begin_element(struct reading *reading, struct slice name)
{
	if (slice_equal(name, SLICE("feedback")))
		reading->in_root = true;
	else if (slice_equal(name, SLICE("record")))
		reading->row = (struct report_row){0};
	else if (slice_equal(name, SLICE("dkim")) || slice_equal(name, SLICE("spf")))
		reading->result = (struct report_result){0};
}

static void end_element(struct reading *reading, struct slice around, struct slice name, struct slice text)
{
	bool of_auth = slice_equal(around, SLICE("auth_results"));
	if (slice_equal(name, SLICE("feedback")))
		reading->root_ended = true;
	else if (slice_equal(name, SLICE("record")))
		end_record(reading);
	else if (of_auth && slice_equal(name, SLICE("dkim")))
		add_signature(reading);
	else if (of_auth && slice_equal(name, SLICE("spf")))
		reading->row.sender = reading->result;
	for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
		if (slice_equal(around, slice_of(elements[i].around)) && slice_equal(name, slice_of(elements[i].name)))
			put(reading, &elements[i], text);
}

/* What every report has; where only the domain is missing, the messages say it. */
static bool complete(struct reading *reading, const char *refused, struct error *error)
{
	struct report *report = reading->report;
	if (refused)
		return error_set(error, ERROR_INVALID, "%s", refused);
	if (!reading->in_root)
		return error_set(error, ERROR_INVALID, "it is XML, but no DMARC report");
	if (report->row_count == 0)
		return error_set(error, ERROR_INVALID, "it is a DMARC report without a record");
	if (report->domain.len == 0) {
		report_note(report, "the domain whose policy it is about isn't named");
		report->domain = report->rows[0].domain;
	}
	return report->domain.len > 0 || error_set(error, ERROR_INVALID, "it is a DMARC report about no domain");
}

bool report_read_aggregate(struct slice document, struct arena *arena, struct report *report, struct error *error)
{
	struct xml xml;
	struct reading reading = {.report = report, .arena = arena};
	struct slice name, text;
	enum xml_event event;
	*report = (struct report){.kind = REPORT_DMARC};
	xml_begin(&xml, document);
	while (!reading.root_ended && (event = xml_next(&xml, &name, &text)) != XML_END) {
		if (event == XML_OPENED)
			begin_element(&reading, xml.open[xml.depth - 1]);
		else
			end_element(&reading, xml.depth > 0 ? xml.open[xml.depth - 1] : slice_of(NULL), name, text);
	}
	if (xml.fault)
		report_note(report, xml.fault);
	bool done = complete(&reading, xml.refused, error);
	xml_end(&xml);
	return done;
}
