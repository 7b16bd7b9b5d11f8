/* The mail of a report; see feedback_letter.h. What others have chosen in it, domain, address and id, was checked when it came from the policy role;
 * still, each is put on its line by what lets no line of its own out of it. */
#include "courier/feedback_letter.h"

#include "base/base64.h"
#include "base/random.h"
#include "courier/text.h"

enum { LINE_BYTES = 57 /* that make 76 characters of base64 */ };

static const struct {
	const char *name, *container, *type, *extension;
} kinds[] = {
	[REPORT_DMARC] = {"A DMARC aggregate report (RFC 9990)", "multipart/mixed", "application/gzip", "xml.gz"},
	[REPORT_TLS] = {"A TLS report (RFC 8460)", "multipart/report; report-type=\"tlsrpt\"", "application/tlsrpt+gzip", "json.gz"},
};

static void put(struct buf *out, const char *before, struct slice text, const char *after)
{
	buf_append_text(out, before);
	courier_text_put(out, text, false);
	buf_append_text(out, after);
}

static void put_subject(const struct courier_feedback_letter *letter, struct buf *out)
{
	put(out, "Subject: Report Domain: ", letter->report->domain, "\r\n");
	put(out, " Submitter: ", slice_of(letter->hostname), "\r\n");
	put(out, " Report-ID: <", letter->report->id, ">\r\n");
}

static void put_header(const struct courier_feedback_letter *letter, struct buf *out)
{
	char id[ID_TEXT_LEN + 1];
	id_format(letter->id, id);
	put(out, "From: <", letter->from, ">\r\n");
	put(out, "To: <", letter->to, ">\r\n");
	put_subject(letter, out);
	courier_text_put_date(out, "Date", letter->now);
	buf_printf(out, "Message-ID: <%s@%s>\r\nAuto-Submitted: auto-generated\r\n", id, letter->hostname);
	if (letter->report->kind == REPORT_TLS) {
		put(out, "TLS-Report-Domain: ", letter->report->domain, "\r\n");
		put(out, "TLS-Report-Submitter: ", slice_of(letter->hostname), "\r\n");
	}
	buf_printf(out, "MIME-Version: 1.0\r\nContent-Type: %s; boundary=\"%s\"\r\n\r\n", kinds[letter->report->kind].container, letter->boundary);
}

static void put_words(const struct courier_feedback_letter *letter, struct buf *out)
{
	bool tls = letter->report->kind == REPORT_TLS;
	buf_printf(out, "--%s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n", letter->boundary);
	put(out, kinds[letter->report->kind].name, slice_of(NULL), "\r\n");
	put(out, "  about:    ", letter->report->domain, "\r\n");
	put(out, "  by:       ", slice_of(letter->hostname), "\r\n");
	courier_text_put_date(out, "  from", letter->report->begin);
	courier_text_put_date(out, "  to", letter->report->end);
	buf_printf(out, "  %s: %llu\r\n\r\nIt is sent since the DNS names this address for it.\r\n\r\n", tls ? "sessions" : "messages", (unsigned long long)letter->report->messages);
}

/* RFC 9990 §3.5.2, RFC 8460 §5.1. */
static void put_file_name(const struct courier_feedback_letter *letter, struct buf *out)
{
	const struct policy_outgoing *report = letter->report;
	put(out, letter->hostname, slice_of("!"), "");
	courier_text_put(out, report->domain, false);
	buf_printf(out, "!%lld!%lld.%s", (long long)report->begin, (long long)report->end, kinds[report->kind].extension);
}

static void put_base64(struct slice bytes, struct buf *out)
{
	for (; bytes.len > 0; bytes = slice_skip(bytes, LINE_BYTES)) {
		base64_encode(slice_sub(bytes, 0, LINE_BYTES), out);
		buf_append(out, SLICE("\r\n"));
	}
}

static void put_report(const struct courier_feedback_letter *letter, struct buf *out)
{
	buf_printf(out, "--%s\r\nContent-Type: %s;\r\n name=\"", letter->boundary, kinds[letter->report->kind].type);
	put_file_name(letter, out);
	buf_append_text(out, "\"\r\nContent-Disposition: attachment;\r\n filename=\"");
	put_file_name(letter, out);
	buf_append_text(out, "\"\r\nContent-Transfer-Encoding: base64\r\n\r\n");
	put_base64(letter->report->packed, out);
	buf_printf(out, "--%s--\r\n", letter->boundary);
}

bool courier_feedback_write(const struct courier_feedback_letter *letter, struct buf *out)
{
	put_header(letter, out);
	put_words(letter, out);
	put_report(letter, out);
	return !out->overflow;
}
