/* Tests of receipts: those that others write are read, ours are as RFC 8098 has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "jmap/mdn.h"

static const char theirs[] =
	"Subject: =?utf-8?Q?Gelesen=3A_=C3=BC?=\r\nContent-Type: multipart/report; report-type=disposition-notification; boundary=\"b\"\r\n\r\n"
	"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nf\xfcr dich\r\n"
	"--b\r\nContent-Type: message/disposition-notification\r\n\r\nReporting-UA: joes-pc.cs.example.com; Foomail 97.1\r\nOriginal-Recipient: rfc822;Joe@example.com\r\n"
	"Final-Recipient: rfc822;\r\n Joe_Recipient@example.com\r\nOriginal-Message-ID: <1@example.org>\r\nDisposition: Manual-Action / MDN-sent-Manually; Displayed/expired\r\nError: one\r\nError: two\r\n"
	"X-Extension: three\r\n\r\n"
	"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nx\r\n--b--\r\n";

static void is(const json_t *receipt, const char *name, const char *value)
{
	assert_string_equal(json_string_value(json_object_get(receipt, name)), value);
}

static void those_of_others_are_read(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	json_t *receipt = jmap_receipt_read(slice_of(theirs), arena);
	assert_non_null(receipt);
	is(receipt, "subject", "Gelesen: \xc3\xbc");
	is(receipt, "textBody", "f\xc3\xbcr dich");
	is(receipt, "reportingUA", "joes-pc.cs.example.com; Foomail 97.1");
	is(receipt, "originalMessageId", "<1@example.org>");
	const json_t *disposition = json_object_get(receipt, "disposition");
	is(disposition, "actionMode", "manual-action");
	is(disposition, "sendingMode", "mdn-sent-manually");
	is(disposition, "type", "displayed");
	assert_int_equal(json_array_size(json_object_get(receipt, "error")), 2);
	is(json_object_get(receipt, "extensionFields"), "X-Extension", "three");
	assert_true(json_is_true(json_object_get(receipt, "includeOriginalMessage")));
	json_decref(receipt);
	arena_free(&arena);
}

static void others_are_none(void **state)
{
	(void)state;
	static const char *const none[] = {"", "Subject: x\r\n\r\nx", "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\nFinal-Recipient: x\r\nDisposition: a/b; c\r\n\r\n--b--\r\n",
		"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\nFinal-Recipient: x\r\nDisposition: read\r\n\r\n--b--\r\n"};
	struct arena *arena = arena_new();
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_null(jmap_receipt_read(slice_of(none[i]), arena));
	arena_free(&arena);
}

static void ours_are_read_again(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct buf out = BUF(100000);
	json_t *object = json_pack("{s:s, s:s, s:b, s:{s:s, s:s, s:s}}", "forEmailId", "e1", "subject", "a\r\nBcc: b@c", "includeOriginalMessage", true, "disposition", "actionMode",
				   "automatic-action", "sendingMode", "mdn-sent-automatically", "type", "processed");
	assert_null(jmap_receipt_check(object));
	struct slice original = SLICE("Message-ID: <1@x>\r\nSubject: y\r\n\r\ntext\r\n");
	assert_true(jmap_receipt_write(&(struct jmap_receipt){.object = object, .from = SLICE("a@b.example"), .to = SLICE("c@d.example"), .original = original,
		.original_header = slice_sub(original, 0, 33), .hostname = "mail.example", .id = 1, .now = 1}, &out, arena));
	assert_true(slice_find(buf_slice(&out), SLICE("\nBcc:")) == SLICE_NONE);
	assert_true(slice_find(buf_slice(&out), SLICE("Disposition: automatic-action/MDN-sent-automatically; processed\r\n")) != SLICE_NONE);
	json_t *again = jmap_receipt_read(buf_slice(&out), arena);
	assert_non_null(again);
	is(again, "finalRecipient", "rfc822; a@b.example");
	is(again, "originalMessageId", "<1@x>");
	assert_true(json_equal(json_object_get(again, "disposition"), json_object_get(object, "disposition")));
	assert_true(json_is_true(json_object_get(again, "includeOriginalMessage")));
	json_decref(again);
	json_decref(object);
	buf_free(&out);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(those_of_others_are_read), cmocka_unit_test(others_are_none), cmocka_unit_test(ours_are_read_again)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
