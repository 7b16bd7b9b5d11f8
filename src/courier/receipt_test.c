/* What messages say that tell of another one's fate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/buf.h"
#include "courier/receipt.h"

static struct arena *arena;
static struct courier_receipt receipt;

static int begin(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static bool read_parts(const char *type, const char *fields, const char *original)
{
	return courier_receipt_read(arena_printf(arena, "From: x@elsewhere.example\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nWords.\r\n--b\r\n"
						 "Content-Type: message/%s\r\n\r\n%s\r\n--b\r\n%s\r\n--b--\r\n", type, fields, original), arena, &receipt);
}

static void same(struct slice text, const char *wanted) { assert_true(slice_equal(text, slice_of(wanted))); }

static void a_delivery_status(void **state)
{
	(void)state;
	assert_true(read_parts("delivery-status", "Original-Envelope-Id: k1\r\nReporting-MTA: dns; mx.example\r\n\r\n"
			       "Original-Recipient: rfc822; Bob@here.example\r\nFinal-Recipient: RFC822;bob@there.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
			       "Diagnostic-Code: smtp; 550 5.1.1\r\n Nobody here\r\n\r\n"
			       "Final-Recipient: rfc822; <carol@there.example>\r\nAction: Delivered\r\nDiagnostic-Code: x-unix; 0\r\n\r\n"
			       "Final-Recipient: rfc822; dave@there.example\r\nAction: delayed\r\n",
			       "Content-Type: text/rfc822-headers\r\n\r\nSubject: x\r\nMessage-ID: <m1@here.example>\r\n"));
	assert_false(receipt.disposition);
	same(receipt.envelope, "k1");
	same(receipt.message_id, "m1@here.example");
	assert_int_equal(receipt.recipient_count, 3);
	same(receipt.recipients[0].address, "bob@there.example");
	same(receipt.recipients[0].original, "Bob@here.example");
	same(receipt.recipients[0].reply, "550 5.1.1 Nobody here");
	assert_int_equal(receipt.recipients[0].fate, RECEIPT_FAILED);
	same(receipt.recipients[1].address, "carol@there.example");
	same(receipt.recipients[1].reply, "");
	assert_int_equal(receipt.recipients[1].fate, RECEIPT_DELIVERED);
	assert_int_equal(receipt.recipients[2].fate, RECEIPT_NOTHING);
}

static void a_receipt_of_a_reader(void **state)
{
	(void)state;
	assert_true(read_parts("disposition-notification", "Reporting-UA: x\r\nFinal-Recipient: rfc822; bob@there.example\r\nOriginal-Message-ID: <m2@here.example>\r\n"
			       "Disposition: manual-action/MDN-sent-manually; displayed/error\r\n", "Content-Type: text/plain\r\n\r\nx\r\n"));
	assert_true(receipt.disposition);
	same(receipt.message_id, "m2@here.example");
	assert_int_equal(receipt.recipient_count, 1);
	assert_int_equal(receipt.recipients[0].fate, RECEIPT_DISPLAYED);
	assert_true(read_parts("disposition-notification", "Final-Recipient: rfc822; bob@there.example\r\nDisposition: automatic-action/MDN-sent-automatically; deleted\r\n", ""));
	assert_int_equal(receipt.recipients[0].fate, RECEIPT_NOTHING);
}

static bool may_say(bool disposition, const char *author, const char *address)
{
	return courier_receipt_may_say(disposition, slice_of(author), slice_of(address));
}

static void people_speak_for_themselves(void **state)
{
	(void)state;
	assert_true(may_say(true, "Bob@there.example", "bob@There.example"));
	assert_false(may_say(true, "carol@there.example", "bob@there.example"));
	assert_false(may_say(true, "postmaster@there.example", "bob@there.example"));
	assert_false(may_say(true, "", "bob@there.example") || may_say(true, "", ""));
	assert_true(may_say(false, "Postmaster@there.example", "bob@there.example"));
	assert_true(may_say(false, "MAILER-DAEMON@mx1.There.example", "bob@there.example"));
	assert_false(may_say(false, "bob@there.example", "bob@there.example")); /* one may say that he has read it, not that it was refused */
	assert_false(may_say(false, "postmaster@notthere.example", "bob@there.example"));
	assert_false(may_say(false, "postmaster@example", "bob@there.example"));
	assert_false(may_say(false, "postmaster@there.example.evil.example", "bob@there.example"));
	assert_false(may_say(false, "postmaster", "bob") || may_say(false, "postmaster@there.example", "bob") || may_say(false, "", ""));
}

static void headers_say_what_may_be_one(void **state)
{
	(void)state;
	assert_true(courier_receipt_may_be(SLICE("From: x\r\nCONTENT-type:\r\n Multipart/Report; report-type=delivery-status\r\n\r\nx")));
	assert_false(courier_receipt_may_be(SLICE("From: x\r\nContent-Type: text/plain\r\n\r\nContent-Type: multipart/report\r\n")));
	assert_false(courier_receipt_may_be(SLICE("From: x\r\n")));
	assert_false(courier_receipt_may_be(SLICE("")));
}

static void what_is_none(void **state)
{
	(void)state;
	assert_false(courier_receipt_read(SLICE("Subject: x\r\n\r\nHello.\r\n"), arena, &receipt));
	assert_false(courier_receipt_read(SLICE(""), arena, &receipt));
	assert_false(read_parts("feedback-report", "Feedback-Type: abuse\r\n", ""));
	assert_true(read_parts("delivery-status", "no field\r\n\r\n\r\nAction: failed\r\n", ""));
	assert_int_equal(receipt.recipient_count, 0);
}

static void there_are_bounds(void **state)
{
	(void)state;
	struct buf fields = BUF(1 << 20);
	for (int i = 0; i < 2 * RECEIPT_RECIPIENTS_MAX; i++)
		buf_printf(&fields, "Final-Recipient: rfc822; p%d@there.example\r\nAction: failed\r\n\r\n", i);
	assert_true(read_parts("delivery-status", arena_text(arena, buf_slice(&fields)), ""));
	assert_int_equal(receipt.recipient_count, RECEIPT_RECIPIENTS_MAX);
	buf_free(&fields);
	char *reply = arena_alloc(arena, 5000);
	for (int i = 0; i < 4999; i++)
		reply[i] = i % 50 == 7 ? '\x01' : 'x';
	reply[4999] = '\0';
	assert_true(read_parts("delivery-status", arena_printf(arena, "Final-Recipient: rfc822; a@b.example\r\nDiagnostic-Code: smtp; %s\r\n", reply).at, ""));
	assert_int_equal(receipt.recipients[0].reply.len, RECEIPT_TEXT_MAX);
	for (size_t i = 0; i < RECEIPT_TEXT_MAX; i++)
		assert_true(receipt.recipients[0].reply.at[i] >= ' ');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_delivery_status, begin, end),
		cmocka_unit_test_setup_teardown(a_receipt_of_a_reader, begin, end),
		cmocka_unit_test_setup_teardown(people_speak_for_themselves, begin, end),
		cmocka_unit_test_setup_teardown(headers_say_what_may_be_one, begin, end),
		cmocka_unit_test_setup_teardown(what_is_none, begin, end),
		cmocka_unit_test_setup_teardown(there_are_bounds, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
