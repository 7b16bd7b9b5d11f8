/* Reports as they come: in every shape that is known of senders, packed in all the ways, broken, and hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <zlib.h>

#include "base/base64.h"
#include "base/memory.h"
#include "report/report.h"

#define METADATA "<report_metadata><org_name>Peer Ltd</org_name><email>dmarc@peer.example</email><report_id>abc-1</report_id>" \
	"<date_range><begin>1700006400</begin><end>1700092799</end></date_range></report_metadata>"
#define POLICY "<policy_published><domain>Example.COM.</domain><adkim>r</adkim><aspf>s</aspf><p>quarantine</p><sp>none</sp><pct>100</pct></policy_published>"
#define RECORD(ip, count, disposition, dkim, spf) "<record><row><source_ip>" ip "</source_ip><count>" count "</count><policy_evaluated><disposition>" disposition \
	"</disposition><dkim>" dkim "</dkim><spf>" spf "</spf></policy_evaluated></row><identifiers><header_from>example.com</header_from></identifiers>" \
	"<auth_results><dkim><domain>example.com</domain><selector>s1</selector><result>" dkim "</result></dkim><spf><domain>bounce.example.com</domain><result>" spf \
	"</result></spf></auth_results></record>"
#define REPORT(records) "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feedback>" METADATA POLICY records "</feedback>"

static const char plain[] = REPORT(RECORD("192.0.2.1", "7", "none", "pass", "fail") RECORD("2001:DB8:0::1", "2", "reject", "fail", "fail"));

static int make_arena(void **state)
{
	*state = arena_new();
	return 0;
}

static int free_arena(void **state)
{
	arena_free((struct arena **)state);
	return 0;
}

static void is(struct slice found, const char *expected)
{
	char text[REPORT_WORD_MAX + 1];
	snprintf(text, sizeof text, "%.*s", SLICE_ARG(found));
	assert_string_equal(text, expected);
}

static void read_it(void **state, struct slice bytes, struct report *report)
{
	struct error error = {0};
	bool done = report_read(bytes, *state, report, &error);
	if (!done)
		print_error("%s\n", error.text);
	assert_true(done);
}

static void refuses(void **state, struct slice bytes, const char *why)
{
	struct error error = {0};
	struct report report;
	assert_false(report_read(bytes, *state, &report, &error));
	if (!strstr(error.text, why))
		fail_msg("\"%s\" where \"%s\" was expected", error.text, why);
}

/* ---- packing ---- */

static struct slice deflated(struct arena *arena, struct slice bytes, int window)
{
	size_t room = bytes.len + bytes.len / 100 + 1000;
	char *out = arena_alloc(arena, room);
	z_stream stream = {.next_in = (unsigned char *)(uintptr_t)bytes.at, .avail_in = (unsigned)bytes.len, .next_out = (unsigned char *)out, .avail_out = (unsigned)room};
	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	deflateEnd(&stream);
	return slice_make(out, room - stream.avail_out);
}

static struct slice gzipped(struct arena *arena, struct slice bytes) { return deflated(arena, bytes, 15 + 16); }

static void put(struct buf *out, size_t value, int size)
{
	for (int i = 0; i < size; i++)
		buf_append_char(out, i < 8 ? (char)(value >> 8 * i) : '\0');
}

struct packing {
	size_t method, flags;
	bool with_folder;
	size_t claimed; /* bytes that the directory says the file has; 0: the truth */
};

static void put_entry(struct buf *out, bool central, const struct packing *packing, struct slice name, size_t packed, size_t size, size_t at)
{
	buf_append(out, central ? SLICE("PK\1\2\24\0\24\0") : SLICE("PK\3\4\24\0"));
	put(out, packing->flags, 2);
	put(out, packing->method, 2);
	put(out, 0, 4), put(out, 0, 4); /* time, check sum */
	put(out, packed, 4);
	put(out, size, 4);
	put(out, name.len, 2);
	put(out, 0, central ? 12 : 2);
	if (central)
		put(out, at, 4);
	buf_append(out, name);
}

static struct slice zipped(struct arena *arena, struct slice bytes, struct packing packing)
{
	struct buf out = BUF(REPORT_TEXT_MAX);
	struct slice packed = packing.method == 8 ? deflated(arena, bytes, -15) : bytes;
	struct packing stored = {0};
	if (packing.with_folder)
		put_entry(&out, false, &stored, SLICE("reports/"), 0, 0, 0);
	size_t at = out.len;
	put_entry(&out, false, &packing, SLICE("reports/a.xml"), packed.len, bytes.len, 0);
	buf_append(&out, packed);
	size_t directory = out.len;
	if (packing.with_folder)
		put_entry(&out, true, &stored, SLICE("reports/"), 0, 0, 0);
	put_entry(&out, true, &packing, SLICE("reports/a.xml"), packing.claimed ? packing.claimed : packed.len, bytes.len, at);
	size_t end = out.len;
	buf_append(&out, SLICE("PK\5\6\0\0\0\0"));
	put(&out, 1, 2), put(&out, 1, 2), put(&out, end - directory, 4), put(&out, directory, 4), put(&out, 0, 2);
	struct slice copy = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return copy;
}

/* ---- DMARC ---- */

static void reads_an_aggregate_report(void **state)
{
	struct report report;
	read_it(state, slice_of(plain), &report);
	assert_int_equal(report.kind, REPORT_DMARC);
	is(report.reporter, "Peer Ltd");
	is(report.contact, "dmarc@peer.example");
	is(report.id, "abc-1");
	is(report.domain, "example.com");
	is(report.p, "quarantine");
	is(report.aspf, "s");
	assert_int_equal(report.begin, 1700006400);
	assert_int_equal(report.end, 1700092799);
	assert_int_equal(report.row_count, 2);
	assert_null(report.fault);
	is(report.rows[0].source, "192.0.2.1");
	assert_int_equal(report.rows[0].count, 7);
	assert_true(report.rows[0].dkim && !report.rows[0].spf && report.rows[0].passed);
	is(report.rows[0].signatures[0].selector, "s1");
	is(report.rows[0].sender.domain, "bounce.example.com");
	is(report.rows[1].source, "2001:db8::1");
	assert_int_equal(report.rows[1].disposition, REPORT_REJECT);
	assert_false(report.rows[1].passed);
}

static void packing_makes_no_difference(void **state)
{
	struct slice xml = slice_of(plain), archive = zipped(*state, xml, (struct packing){.method = 8});
	struct slice versions[] = {
		gzipped(*state, xml), archive, zipped(*state, xml, (struct packing){0}), zipped(*state, xml, (struct packing){.method = 8, .with_folder = true}),
		zipped(*state, gzipped(*state, xml), (struct packing){0}), slice_of(arena_printf(*state, "\xef\xbb\xbf \r\n%s", plain).at),
	};
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		struct report report;
		struct buf longer = BUF(REPORT_TEXT_MAX);
		buf_append(&longer, versions[i]);
		buf_append(&longer, SLICE(" and some more bytes that mean nothing"));
		read_it(state, versions[i], &report);
		assert_int_equal(report.row_count, 2);
		read_it(state, buf_slice(&longer), &report);
		is(report.rows[1].source, "2001:db8::1");
		buf_free(&longer);
	}
}

static void odd_shapes_are_read_and_said_to_be_odd(void **state)
{
	static const struct { const char *xml, *domain, *from, *fault; } odd[] = {
		/* name spaces, upper case, extensions, other orders, several results, self-closed elements */
		{"<d:feedback xmlns:d=\"urn:ietf:params:xml:ns:dmarc-2.0\"><d:version>1.0</d:version><d:report_metadata><d:org_name>x</d:org_name></d:report_metadata>"
		 "<d:policy_published><d:domain>example.com</d:domain></d:policy_published><d:extension><e:a xmlns:e='u>v'><e:domain>bad.example</e:domain></e:a></d:extension>"
		 "<d:record><d:row><d:source_ip> 192.0.2.1\n</d:source_ip><d:count>7</d:count><d:policy_evaluated><d:disposition>NONE</d:disposition><d:dkim>Pass</d:dkim>"
		 "<d:spf>FAIL</d:spf><d:reason><d:type/><d:comment></d:comment></d:reason></d:policy_evaluated></d:row><d:identifiers><d:envelope_from/>"
		 "<d:header_from>Example.com</d:header_from></d:identifiers><d:auth_results><d:dkim/><d:dkim><d:domain>a.example</d:domain></d:dkim></d:auth_results></d:record>"
		 "</d:feedback>", "example.com", "example.com", NULL},
		/* a draft's names, no metadata, a root around that has no end */
		{"<?xml version='1.0'?><xs:schema xmlns:xs=\"x\"><feedback><policy_published><domain>example.com</domain></policy_published><record><row>"
		 "<source_ip>192.0.2.1</source_ip><count>7</count><policy_evaluated><dkim>pass</dkim></policy_evaluated></row><identities><header_from>example.com"
		 "</header_from></identities></record></feedback>", "example.com", "example.com", NULL},
		/* no policy; '<' in texts; text beside elements; a reference to something unknown */
		{"<feedback><report_metadata><email><a@b.example></email></report_metadata>11<record><row><source_ip>192.0.2.1</source_ip><count>7</count><policy_evaluated>"
		 "<dkim>pass</dkim></policy_evaluated></row><identifiers><header_from>bad<x&amp;&bad;&#x41;</header_from></identifiers></record></feedback>",
		 "bad<x&&bad;a", "bad<x&&bad;a", "a '<' that begins nothing"},
		/* elements without an end, an end without its element, bytes that are no UTF-8, and the end is missing */
		{"<feedback><policy_published><domain>example.com</policy_published><record></nothing><row><source_ip>192.0.2.1</source_ip><count>7</count><policy_evaluated>"
		 "<dkim>pass</dkim></policy_evaluated></row><identifiers><header_from>b\xe9</header_from></identifiers></record><record><row><source_ip>1", "example.com", "b?",
		 "an element without its end, or an end without its element"},
		{"<feedback><policy_published><domain>example.com</domain></policy_published><record><row><source_ip><![CDATA[192.0.2.1]]></source_ip><count>7</count>"
		 "<policy_evaluated><dkim>pass</dkim></policy_evaluated></row></record><record><row><count>1</count></row></record><record><row><source_ip>host</source_ip>"
		 "<count>1</count></row></record><!-- <record> --></feedback> trailing", "example.com", "", "a record without an address or a count"},
	};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		struct report report;
		read_it(state, slice_of(odd[i].xml), &report);
		is(report.domain, odd[i].domain);
		assert_int_equal(report.row_count, 1);
		is(report.rows[0].source, "192.0.2.1");
		is(report.rows[0].domain, odd[i].from);
		assert_true(report.rows[0].count == 7 && report.rows[0].dkim && !report.rows[0].spf);
		if (odd[i].fault)
			assert_string_equal(report.fault ? report.fault : "nothing", odd[i].fault);
		else
			assert_null(report.fault);
	}
}

static void nothing_in_it_can_steer_a_terminal_or_a_line(void **state)
{
	struct report report;
	struct buf xml = BUF(64 * 1024);
	buf_append_text(&xml, "<feedback><report_metadata><org_name>a&#27;[2J\tb&#10;c&#x7f;");
	for (int i = 0; i < 5000; i++)
		buf_append_text(&xml, "\xc3\xa9");
	buf_append_text(&xml, "</org_name></report_metadata>" POLICY RECORD("192.0.2.1", "1", "none", "pass", "pass") "</feedback>");
	read_it(state, buf_slice(&xml), &report);
	assert_true(slice_starts(report.reporter, SLICE("a [2J b c \xc3\xa9")));
	assert_true(report.reporter.len <= REPORT_WORD_MAX && slice_is_utf8(report.reporter));
	buf_free(&xml);
}

static void numbers_are_bounded(void **state)
{
	struct report report;
	read_it(state, SLICE("<feedback><report_metadata><date_range><begin>99999999999999999999</begin><end>-1</end></date_range></report_metadata>" POLICY
			     RECORD("192.0.2.1", "1", "none", "pass", "pass") RECORD("192.0.2.2", "99999999999999999999", "none", "pass", "pass")
			     RECORD("192.0.2.3", "-5", "none", "pass", "pass") "</feedback>"), &report);
	assert_int_equal(report.row_count, 1);
	assert_int_equal(report.left_off, 2);
	assert_true(report.begin == 0 && report.end == 0);
	assert_string_equal(report.fault, "a number that is none, or too large");
}

static void rows_are_bounded(void **state)
{
	struct report report;
	struct buf xml = BUF(REPORT_TEXT_MAX);
	buf_append_text(&xml, "<feedback>" METADATA POLICY);
	for (int i = 0; i < REPORT_ROWS_MAX + 10; i++)
		buf_append_text(&xml, RECORD("192.0.2.1", "1", "none", "pass", "pass"));
	buf_append_text(&xml, "</feedback>");
	read_it(state, gzipped(*state, buf_slice(&xml)), &report);
	assert_int_equal(report.row_count, REPORT_ROWS_MAX);
	assert_int_equal(report.left_off, 10);
	buf_free(&xml);
}

/* ---- TLS ---- */

static const char tls[] = "{\"organization-name\":\"Peer\",\"date-range\":{\"start-datetime\":\"2024-01-09T00:00:00Z\",\"end-datetime\":\"2024-01-09T23:59:59Z\"},"
	"\"contact-info\":\"tls@peer.example\",\"report-id\":\"t-1\",\"policies\":[{\"policy\":{\"policy-type\":\"sts\",\"policy-string\":[\"a \\\" [\"],\"policy-domain\":\"Example.com\"},"
	"\"summary\":{\"total-successful-session-count\":5,\"total-failure-session-count\":4},\"failure-details\":[{\"result-type\":\"certificate-expired\","
	"\"receiving-mx-hostname\":\"MX.example.com\",\"failed-session-count\":3}]},{\"policy\":{\"policy-type\":\"no-policy-found\"},\"summary\":{\"total-successful-session-count\":1}}]}";

static void reads_a_tls_report(void **state)
{
	struct slice versions[] = {slice_of(tls), gzipped(*state, slice_of(tls)), slice_of(arena_printf(*state, "%s\n\ntrailing", tls).at)};
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		struct report report;
		read_it(state, versions[i], &report);
		assert_int_equal(report.kind, REPORT_TLS);
		is(report.domain, "example.com");
		assert_int_equal(report.begin, 1704758400);
		assert_int_equal(report.row_count, 4);
		assert_true(report.rows[0].passed && report.rows[0].count == 5);
		is(report.rows[1].source, "mx.example.com");
		is(report.rows[1].reason, "certificate-expired");
		assert_int_equal(report.rows[1].count, 3);
		assert_true(report.rows[2].count == 1 && !report.rows[2].passed); /* of which no detail tells */
		is(report.rows[3].policy, "no-policy-found");
	}
}

/* ---- Hostile ---- */

static void no_entity_is_expanded(void **state)
{
	refuses(state, SLICE("<?xml version=\"1.0\"?><!DOCTYPE f [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]><feedback>" METADATA POLICY
			     RECORD("192.0.2.1", "1", "none", "pass", "pass") "</feedback>"), "declares a document type");
	refuses(state, SLICE("<!DOCTYPE f SYSTEM \"file:///etc/passwd\"><feedback/>"), "declares a document type");
	refuses(state, SLICE("<feedback><report_metadata><!ENTITY x SYSTEM \"http://192.0.2.1/\"></report_metadata></feedback>"), "declares a document type");
	struct report report;
	read_it(state, SLICE("<feedback><report_metadata><org_name>&xxe;&a;</org_name></report_metadata>" POLICY RECORD("192.0.2.1", "1", "none", "pass", "pass") "</feedback>"), &report);
	is(report.reporter, "&xxe;&a;");
}

static void depth_is_bounded(void **state)
{
	struct buf deep = BUF(REPORT_TEXT_MAX);
	buf_append_text(&deep, "<feedback>");
	for (int i = 0; i < 100000; i++)
		buf_append_text(&deep, "<a>");
	refuses(state, buf_slice(&deep), "nested too deep");
	buf_clear(&deep);
	for (int i = 0; i < 100000; i++)
		buf_append_text(&deep, i % 2 ? "[" : "{\"a\":");
	refuses(state, buf_slice(&deep), "nested too deep");
	buf_clear(&deep);
	buf_append_text(&deep, "{\"policies\":[0");
	for (int i = 0; i < 1000000; i++)
		buf_append_text(&deep, ",{}");
	refuses(state, buf_slice(&deep), "too many values");
	buf_free(&deep);
}

/* A fake '<' costs no look at all that follows. */
static void broken_markup_takes_linear_time(void **state)
{
	static const char *const pieces[] = {"<a '", "<a \"", "<", "&", "&#", "</a>", "<a x='<", "<![CDATA[", "<!--"};
	struct buf text = BUF(REPORT_TEXT_MAX);
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		buf_clear(&text);
		buf_append_text(&text, "<feedback>");
		while (text.len < 4 * 1024 * 1024)
			buf_append_text(&text, pieces[i]);
		int64_t before = (int64_t)clock();
		refuses(state, buf_slice(&text), "");
		assert_true((int64_t)clock() - before < 60 * (int64_t)CLOCKS_PER_SEC); /* processor time, of which sanitizers on a busy machine take some seconds; the square of it would be hours */
	}
	buf_free(&text);
}

static void bombs_are_refused(void **state)
{
	size_t size = 64 * 1024 * 1024;
	struct slice zeros = slice_make(memory_array(size, 1), size), bomb = gzipped(*state, zeros);
	refuses(state, bomb, "more than a report may");
	refuses(state, zipped(*state, zeros, (struct packing){.method = 8}), "more than a report may");
	refuses(state, gzipped(*state, gzipped(*state, bomb)), "more than");
	refuses(state, gzipped(*state, gzipped(*state, gzipped(*state, slice_of(plain)))), "packed more than twice");
	refuses(state, slice_sub(zeros, 0, REPORT_TEXT_MAX + 1), "larger than a report may be");
	free((void *)(uintptr_t)zeros.at);
}

static void what_is_damaged_is_refused(void **state)
{
	struct slice gzip = gzipped(*state, slice_of(plain)), zip = zipped(*state, slice_of(plain), (struct packing){.method = 8});
	refuses(state, SLICE(""), "empty");
	refuses(state, SLICE("Dear postmaster,"), "neither XML nor JSON");
	refuses(state, SLICE("<html><body>404</body></html>"), "no DMARC report");
	refuses(state, SLICE("<feedback></feedback>"), "without a record");
	refuses(state, SLICE("<feedback><record><row><source_ip>192.0.2.1</source_ip><count>1</count></row></record></feedback>"), "about no domain");
	refuses(state, SLICE("{\"a\":1}"), "no TLS report");
	refuses(state, SLICE("{\"policies\":[]}"), "about no session");
	refuses(state, SLICE("{\"policies\":"), "damaged");
	for (size_t length = 2; length < gzip.len; length += 7)
		refuses(state, slice_sub(gzip, 0, length), "damaged");
	for (size_t length = 4; length < zip.len; length += 7)
		refuses(state, slice_sub(zip, 0, length), "archive has no end");
	refuses(state, zipped(*state, slice_of(plain), (struct packing){.method = 8, .flags = 1}), "encrypted");
	refuses(state, zipped(*state, slice_of(plain), (struct packing){.method = 12}), "unusual");
	refuses(state, zipped(*state, slice_of(plain), (struct packing){.claimed = 0xffffffff}), "damaged");
	refuses(state, zipped(*state, SLICE(""), (struct packing){0}), "holds no file");
}

/* ---- Messages ---- */

static struct slice message_with(struct arena *arena, const char *fields, struct slice content)
{
	struct buf encoded = BUF(REPORT_PACKED_MAX);
	base64_encode(content, &encoded);
	struct slice message = arena_printf(arena, "From: a@b.example\r\nSubject: Report Domain: example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
					    "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\n%s\r\nContent-Transfer-Encoding: base64\r\n\r\n%.*s\r\n--b--\r\n", fields,
					    SLICE_ARG(buf_slice(&encoded)));
	buf_free(&encoded);
	return message;
}

static void messages_have_them_attached(void **state)
{
	static const char *const fields[] = {
		"Content-Type: application/gzip", "Content-Type: application/octet-stream; name=\"a!b!1!2.xml.gz\"", "Content-Type: text/xml", "Content-Type: application/tlsrpt+gzip",
		"Content-Type: image/png\r\nContent-Disposition: attachment; filename*=UTF-8''a!b!1!2.XML", "Content-Type: application/x-zip-compressed",
	};
	struct error error;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		struct report report;
		struct slice message = message_with(*state, fields[i], i % 2 ? slice_of(plain) : gzipped(*state, slice_of(plain)));
		assert_true(report_is_likely(message, *state));
		assert_true(report_read_message(message, *state, &report, &error));
		assert_int_equal(report.row_count, 2);
	}
	struct report report;
	struct slice bare = arena_printf(*state, "Content-Type: text/xml\r\n\r\n%s", plain);
	assert_true(report_read_message(bare, *state, &report, &error));
}

static void other_messages_have_none(void **state)
{
	struct error error;
	struct report report;
	struct slice picture = message_with(*state, "Content-Type: image/png", slice_of(plain)), broken = message_with(*state, "Content-Type: text/xml", SLICE("<feedback>"));
	assert_false(report_is_likely(picture, *state));
	assert_false(report_read_message(picture, *state, &report, &error));
	assert_string_equal(error.text, "nothing is attached that could be a report");
	assert_true(report_is_likely(broken, *state));
	assert_false(report_read_message(broken, *state, &report, &error));
	assert_string_equal(error.text, "it is a DMARC report without a record");
	assert_false(report_read_message(SLICE(""), *state, &report, &error));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, free_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_an_aggregate_report), TEST(packing_makes_no_difference), TEST(odd_shapes_are_read_and_said_to_be_odd), TEST(nothing_in_it_can_steer_a_terminal_or_a_line),
		TEST(numbers_are_bounded), TEST(rows_are_bounded), TEST(reads_a_tls_report), TEST(no_entity_is_expanded), TEST(depth_is_bounded),
		TEST(broken_markup_takes_linear_time), TEST(bombs_are_refused), TEST(what_is_damaged_is_refused), TEST(messages_have_them_attached), TEST(other_messages_have_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
