/* Writing DMARC aggregate reports (RFC 9990 §3.1.1): elements in the order that it demands. What passes is said to have the disposition none,
 * which readers of RFC 7489's reports know, too; pass, which is new, would have them refuse the whole. */
#include "report/internal.h"
#include "xml/xml.h"

static void put(struct buf *out, unsigned depth, const char *name, struct slice text)
{
	buf_printf(out, "%*s<%s>", (int)(2 * depth), "", name);
	xml_append(out, text);
	buf_printf(out, "</%s>\n", name);
}

/* What may be left out where it isn't known. */
static void put_known(struct buf *out, unsigned depth, const char *name, struct slice text)
{
	if (text.len > 0)
		put(out, depth, name, text);
}

static void put_number(struct buf *out, unsigned depth, const char *name, uint64_t number)
{
	buf_printf(out, "%*s<%s>%llu</%s>\n", (int)(2 * depth), "", name, (unsigned long long)number, name);
}

static void open_tag(struct buf *out, unsigned depth, const char *name) { buf_printf(out, "%*s<%s>\n", (int)(2 * depth), "", name); }
static void end_tag(struct buf *out, unsigned depth, const char *name) { buf_printf(out, "%*s</%s>\n", (int)(2 * depth), "", name); }

static void put_metadata(struct buf *out, const struct report *report)
{
	open_tag(out, 1, "report_metadata");
	put(out, 2, "org_name", report->reporter);
	put(out, 2, "email", report->contact);
	put(out, 2, "report_id", report->id);
	open_tag(out, 2, "date_range");
	put_number(out, 3, "begin", (uint64_t)report->begin);
	put_number(out, 3, "end", (uint64_t)report->end);
	end_tag(out, 2, "date_range");
	if (report->left_off > 0)
		buf_printf(out, "    <error>Left off for want of room: %llu messages</error>\n", (unsigned long long)report->left_off);
	put(out, 2, "generator", SLICE("Pombal " POMBAL_VERSION));
	end_tag(out, 1, "report_metadata");
}

static void put_policy(struct buf *out, const struct report *report)
{
	open_tag(out, 1, "policy_published");
	put(out, 2, "domain", report->domain);
	put(out, 2, "discovery_method", SLICE("treewalk"));
	put(out, 2, "p", report->p);
	put_known(out, 2, "sp", report->sp);
	put_known(out, 2, "np", report->np);
	put_known(out, 2, "adkim", report->adkim);
	put_known(out, 2, "aspf", report->aspf);
	put_known(out, 2, "testing", report->testing);
	end_tag(out, 1, "policy_published");
}

static void put_row(struct buf *out, const struct report_row *row)
{
	open_tag(out, 2, "row");
	put(out, 3, "source_ip", row->source);
	put_number(out, 3, "count", row->count);
	open_tag(out, 3, "policy_evaluated");
	put(out, 4, "disposition", slice_of(report_disposition_name(row->disposition)));
	put(out, 4, "dkim", row->dkim ? SLICE("pass") : SLICE("fail"));
	put(out, 4, "spf", row->spf ? SLICE("pass") : SLICE("fail"));
	if (row->reason.len > 0) {
		open_tag(out, 4, "reason");
		put(out, 5, "type", row->reason);
		put_known(out, 5, "comment", row->comment);
		end_tag(out, 4, "reason");
	}
	end_tag(out, 3, "policy_evaluated");
	end_tag(out, 2, "row");
}

static void put_results(struct buf *out, const struct report_row *row)
{
	open_tag(out, 2, "auth_results");
	for (size_t i = 0; i < row->signature_count; i++) {
		open_tag(out, 3, "dkim");
		put(out, 4, "domain", row->signatures[i].domain);
		put(out, 4, "selector", row->signatures[i].selector);
		put(out, 4, "result", row->signatures[i].result);
		end_tag(out, 3, "dkim");
	}
	if (row->sender.result.len > 0) {
		open_tag(out, 3, "spf");
		put(out, 4, "domain", row->sender.domain);
		put(out, 4, "scope", SLICE("mfrom"));
		put(out, 4, "result", row->sender.result);
		end_tag(out, 3, "spf");
	}
	end_tag(out, 2, "auth_results");
}

static void put_record(struct buf *out, const struct report_row *row)
{
	open_tag(out, 1, "record");
	put_row(out, row);
	open_tag(out, 2, "identifiers");
	put(out, 3, "header_from", row->domain);
	put(out, 3, "envelope_from", row->envelope);
	end_tag(out, 2, "identifiers");
	put_results(out, row);
	end_tag(out, 1, "record");
}

bool report_write_aggregate(const struct report *report, struct buf *out)
{
	buf_append_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">\n");
	put(out, 1, "version", SLICE("1.0"));
	put_metadata(out, report);
	put_policy(out, report);
	for (size_t i = 0; i < report->row_count; i++)
		put_record(out, &report->rows[i]);
	end_tag(out, 0, "feedback");
	return !out->overflow;
}
