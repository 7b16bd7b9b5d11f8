/* What becomes of a message for what is attached to it: options, points, what is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/clock.h"
#include "policy/attachments.h"

static const char *recipients = "anna@example.test\n";

static struct policy_findings judge(const char *options, const char *message)
{
	struct policy_findings findings = {.arena = arena_new()};
	struct error error;
	struct config *config = config_parse(slice_of(options), "pombal.conf", &error);
	if (!config)
		fail_msg("%s", error.text);
	policy_attachments_check(slice_of(recipients), slice_of(message), config, clock_monotonic_ms() + 60000, &findings);
	config_free(&config);
	return findings;
}

static void expect(const char *options, const char *message, enum policy_action action, const char *reply)
{
	struct policy_findings findings = judge(options, message);
	if (findings.action != action || !slice_equal(findings.reply, slice_of(reply)))
		fail_msg("%s: %s, \"%.*s\"", options, policy_action_name(findings.action), SLICE_ARG(findings.reply));
	arena_free(&findings.arena);
}

#define FILE_NAMED(name, content) "Content-Type: application/octet-stream; name=\"" name "\"\r\n\r\n" content

static void options_say_what_becomes_of_it(void **state)
{
	(void)state;
	expect("", FILE_NAMED("a.pdf", "x"), POLICY_ACCEPT, "");
	expect("", FILE_NAMED("a.exe", "x"), POLICY_REJECT, "the attachment a.exe is of a kind that isn't taken here");
	expect("", FILE_NAMED("\xd1\x81\xd1\x87\xd1\x91\xd1\x82.js", "x"), POLICY_REJECT, "the attachment ????.js is of a kind that isn't taken here");
	expect("attachment_checks = no", FILE_NAMED("a.exe", "x"), POLICY_ACCEPT, "");
	expect("attachment_reject = {\"none\"}", FILE_NAMED("a.exe", "x"), POLICY_ACCEPT, "");
	expect("attachment_reject = {\"pdf\"}", FILE_NAMED("a.PDF", "x"), POLICY_REJECT, "the attachment a.PDF is of a kind that isn't taken here");
	expect("attachment_reject = {\"image/gif\"}", FILE_NAMED("a.dat", "GIF89a\1\1\1\1"), POLICY_REJECT, "the attachment a.dat is of a kind that isn't taken here");
	expect("attachment_reject = {\"image/*\"}", FILE_NAMED("a.dat", "GIF89a\1\1\1\1"), POLICY_REJECT, "the attachment a.dat is of a kind that isn't taken here");
	expect("attachment_reject = {\"image/png\"}", FILE_NAMED("a.dat", "GIF89a\1\1\1\1"), POLICY_ACCEPT, "");
	expect("", FILE_NAMED("disk.img", "x"), POLICY_QUARANTINE, "the attachment disk.img is of a kind that is set apart here");
	expect("attachment_max = 3", FILE_NAMED("a.txt", "four"), POLICY_REJECT, "the attachment a.txt is larger than what is taken here");
	expect("attachment_max = 4", FILE_NAMED("a.txt", "four"), POLICY_ACCEPT, "");
	expect("", FILE_NAMED("a.pdf", "%PDF-1 /Encrypt 1 0 R"), POLICY_TAG, "the attachment a.pdf is encrypted, which isn't taken here");
	expect("attachment_encrypted = accept", FILE_NAMED("a.pdf", "%PDF-1 /Encrypt 1 0 R"), POLICY_ACCEPT, "");
	expect("attachment_encrypted = reject", FILE_NAMED("a.pdf", "%PDF-1 /Encrypt 1 0 R"), POLICY_REJECT, "the attachment a.pdf is encrypted, which isn't taken here");
	expect("attachment_unscannable = quarantine", FILE_NAMED("a.zip", "PK\3\4 broken"), POLICY_QUARANTINE, "the attachment a.zip can't be looked into, which isn't taken here");
}

static void what_was_found_is_told(void **state)
{
	(void)state;
	struct policy_findings findings = judge("attachment_reject = {\"none\"}", FILE_NAMED("bill.pdf.exe", "PK\3\4 broken"));
	struct buf out = BUF(POLICY_RECORD_MAX);
	policy_findings_write(&findings, &out);
	assert_string_equal(out.at, "ATTACH_PROGRAM_NAME 0.00 bill.pdf.exe\nATTACH_DOUBLE_EXTENSION 0.00 bill.pdf.exe\n"
				    "ATTACH_UNSCANNABLE 0.50 bill.pdf.exe: damaged, or packed in an unknown way\n");
	assert_true(slice_equal(findings.fields, SLICE("X-Attachment-Findings: ATTACH_PROGRAM_NAME (bill.pdf.exe),\r\n\tATTACH_DOUBLE_EXTENSION (bill.pdf.exe),\r\n"
						       "\tATTACH_UNSCANNABLE (bill.pdf.exe: damaged, or packed in an unknown way)\r\n")));
	assert_int_equal(findings.points, 50);
	buf_free(&out);
	arena_free(&findings.arena);
}

static void names_become_no_lines(void **state)
{
	(void)state;
	struct policy_findings findings = judge("", "Content-Type: x/y; name*=utf-8''a%0D%0ASubject:%20x%0Ab%00c%1b.exe\r\n\r\nx");
	assert_int_equal(findings.action, POLICY_REJECT);
	assert_true(slice_find_char(findings.reply, '\n') == SLICE_NONE && slice_find(findings.fields, SLICE("\nSubject")) == SLICE_NONE);
	assert_true(findings.fields.len > 0 && policy_are_fields(findings.fields));
	arena_free(&findings.arena);
}

static void the_strictest_demand_wins(void **state)
{
	(void)state;
	struct policy_findings findings = {.arena = arena_new()};
	policy_findings_demand(&findings, POLICY_JUNK, SLICE("a"));
	policy_findings_demand(&findings, POLICY_TAG, SLICE("b"));
	policy_findings_demand(&findings, POLICY_JUNK, SLICE("c"));
	assert_true(findings.action == POLICY_JUNK && slice_equal(findings.reply, SLICE("a")));
	policy_findings_demand(&findings, POLICY_REJECT, SLICE("d\r\ne"));
	assert_true(findings.action == POLICY_REJECT && slice_equal(findings.reply, SLICE("d  e")));
	for (size_t i = 0; i < 2 * POLICY_FINDINGS_MAX; i++)
		policy_findings_add(&findings, SLICE("RULE"), 1, SLICE("x"));
	assert_true(findings.count == POLICY_FINDINGS_MAX && findings.points == 2 * POLICY_FINDINGS_MAX);
	policy_findings_field(&findings, SLICE("Subject: x\r\n"));
	policy_findings_field(&findings, SLICE("X-Attachment-Findings: x\r\n\r\n"));
	assert_int_equal(findings.fields.len, 0);
	arena_free(&findings.arena);
}

/* What is left of the message with the cuts. */
static struct slice cut(struct slice message, const struct policy_findings *findings)
{
	struct buf out = BUF(64 * 1024);
	size_t at = 0;
	for (size_t i = 0; i < findings->cut_count; i++) {
		assert_true(findings->cuts[i].at >= at && findings->cuts[i].at + findings->cuts[i].len <= message.len);
		buf_append(&out, slice_sub(message, at, (size_t)findings->cuts[i].at - at));
		buf_append(&out, findings->cuts[i].text);
		at = (size_t)(findings->cuts[i].at + findings->cuts[i].len);
	}
	buf_append(&out, slice_skip(message, at));
	struct slice left = arena_copy(findings->arena, buf_slice(&out));
	buf_free(&out);
	return left;
}

#define PART(name, content) "--b\r\nContent-Type: x/y; name=" name "\r\n\r\n" content

static void files_are_taken_out(void **state)
{
	(void)state;
	static const char message[] = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nText.\r\n" PART("a.tmp", "one\r\n") PART("b.txt", "two\r\n") PART("c.TMP", "")
		PART("d.pdf", "%PDF-1 /Encrypt 1 0 R\r\n") "--b--\r\n";
	struct policy_findings findings = judge("attachment_strip = {\"tmp\"}\nattachment_encrypted = strip\n", message);
	assert_int_equal(findings.action, POLICY_TAG);
	assert_int_equal(findings.cut_count, 3);
	struct slice left = cut(slice_of(message), &findings);
	const struct mime_part *root = mime_parse(left, findings.arena);
	assert_int_equal(root->child_count, 5);
	static const char *const subtypes[] = {"plain", "plain", "y", "plain", "plain"};
	for (size_t i = 0; i < 5; i++)
		assert_true(slice_equal(root->children[i].subtype, slice_of(subtypes[i])));
	struct buf note = BUF(4096);
	mime_decode(SLICE("base64"), slice_sub(left, (size_t)root->children[4].body_at, (size_t)root->children[4].body_size), &note);
	assert_true(slice_starts(buf_slice(&note), SLICE("The file \"d.pdf\" was taken out of this message on its way to you.\r\nIt is encrypted,")));
	assert_true(slice_is_utf8(buf_slice(&note)));
	buf_free(&note);
	arena_free(&findings.arena);
}

static void what_is_all_of_a_message_is_set_apart(void **state)
{
	(void)state;
	expect("attachment_strip = {\"tmp\"}", FILE_NAMED("a.tmp", "x"), POLICY_QUARANTINE, "");
	struct buf message = BUF(64 * 1024);
	buf_append_text(&message, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (int i = 0; i <= POLICY_CUTS_MAX; i++)
		buf_append_text(&message, PART("a.tmp", "x\r\n"));
	expect("attachment_strip = {\"tmp\"}", message.at, POLICY_QUARANTINE, "");
	buf_free(&message);
}

static void people_and_domains_have_settings_of_their_own(void **state)
{
	(void)state;
	static const char options[] = "attachment_for = {\"anna@example.test reject=none\", \"example.test reject=pdf,docm encrypted=reject\", \"other.test macros=strip\"}";
	static const struct {
		const char *recipients, *name;
		enum policy_action action;
	} cases[] = {
		{"anna@example.test\n", "a.exe", POLICY_ACCEPT}, {"ANNA@Example.test\n", "a.pdf", POLICY_ACCEPT}, {"bob@example.test\n", "a.exe", POLICY_ACCEPT},
		{"bob@example.test\n", "a.docm", POLICY_REJECT}, {"carol@other.test\n", "a.exe", POLICY_REJECT}, {"carol@other.test\n", "a.docm", POLICY_ACCEPT},
		{"anna@example.test\nbob@example.test\n", "a.pdf", POLICY_REJECT}, {"anna@example.test\ncarol@other.test\nanna@example.test\n", "a.exe", POLICY_REJECT},
		{"anna@sub.example.test\n", "a.exe", POLICY_REJECT}, {"", "a.exe", POLICY_REJECT}, {"postmaster\n", "a.exe", POLICY_REJECT},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char message[200];
		snprintf(message, sizeof message, "Content-Type: application/x; name=%s\r\n\r\nx", cases[i].name);
		recipients = cases[i].recipients;
		struct policy_findings findings = judge(options, message);
		if (findings.action != cases[i].action)
			fail_msg("case %zu: %s", i, policy_action_name(findings.action));
		arena_free(&findings.arena);
	}
	recipients = "bob@example.test\n";
	expect(options, FILE_NAMED("x.pdf.gif", "%PDF-1 /Encrypt 1 0 R"), POLICY_REJECT, "the attachment x.pdf.gif is encrypted, which isn't taken here");
	recipients = "anna@example.test\n";
}

static void settings_are_checked(void **state)
{
	(void)state;
	static const char *const bad[] = {"anna@example.test", "anna@example.test x", "anna@example.test size=1", "anna@example.test reject=.exe", " reject=exe",
		"anna@example.test macros=maybe", "anna@example.test reject=exe,", "anna@example.test  reject=exe"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct arena *arena = arena_new();
		struct error error;
		struct config *config = config_parse(arena_printf(arena, "attachment_for = {\"%s\"}", bad[i]), "pombal.conf", &error);
		if (config)
			fail_msg("\"%s\" is taken", bad[i]);
		arena_free(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_say_what_becomes_of_it),
		cmocka_unit_test(what_was_found_is_told),
		cmocka_unit_test(names_become_no_lines),
		cmocka_unit_test(people_and_domains_have_settings_of_their_own),
		cmocka_unit_test(settings_are_checked),
		cmocka_unit_test(files_are_taken_out),
		cmocka_unit_test(what_is_all_of_a_message_is_set_apart),
		cmocka_unit_test(the_strictest_demand_wins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
