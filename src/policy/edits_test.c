/* What milters want changed, as it crosses to smtp: what fits arrives as it was, and nothing else gets through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "policy/edits.h"

static const char message[] = "Received: from x by us\r\nFrom: Ann\r\nReceived: from y by x\r\nX-Spam-Flag: NO\r\nSubject: a\r\n\tb\r\n\r\nHello.\r\n";
enum { OURS = 24, FROM = 24, RECEIVED = 35, FLAG = 58, SUBJECT = 75, END = 91, MESSAGE = sizeof message - 1 };

static bool crosses(const struct policy_edits *edits, struct policy_edits *heard)
{
	struct buf out = BUF(1 << 20);
	policy_edits_put(&out, edits);
	assert_false(out.overflow);
	static char kept[1 << 17]; /* what is heard points into it */
	assert_true(out.len <= sizeof kept);
	memcpy(kept, out.at, out.len);
	struct wire_reader reader = {.rest = slice_make(kept, out.len)};
	bool good = policy_edits_read(&reader, heard) && wire_end(&reader);
	buf_free(&out);
	return good;
}

static bool fits(uint64_t at, uint64_t len, struct slice text)
{
	struct policy_edits edits = {.list = {{at, len, text}}, .count = 1}, heard;
	return crosses(&edits, &heard) && policy_edits_fit(&heard, slice_of(message), OURS, SLICE("mail.example.test"));
}

static void what_fits_arrives(void **state)
{
	(void)state;
	static struct policy_edits heard;
	struct policy_edits edits = {.list = {{FROM, 11, SLICE("From: Bob\r\n")}, {END, 0, SLICE("X-A: b\r\n\tc\r\nX-D: e\r\n")}}, .count = 2, .sender_changed = true, .sender = SLICE("a@b.example"),
				     .removed = SLICE("c@d.example\n"), .added = SLICE("e@f.example\ng@h.example\n")};
	assert_true(crosses(&edits, &heard));
	assert_true(policy_edits_fit(&heard, slice_of(message), OURS, SLICE("mail.example.test")));
	assert_int_equal(heard.count, 2);
	assert_true(slice_equal(heard.list[1].text, edits.list[1].text) && heard.list[1].at == END);
	assert_true(heard.sender_changed && slice_equal(heard.sender, edits.sender) && slice_equal(heard.removed, edits.removed) && slice_equal(heard.added, edits.added));
	assert_true(policy_edits_are_any(&heard));
	assert_true(fits(SUBJECT, END - SUBJECT, SLICE("")));
	assert_true(fits(OURS, 0, SLICE("Authentication-Results: filter.example; spf=pass\r\n")));
}

static void what_doesnt_fit_is_refused(void **state)
{
	(void)state;
	static const struct {
		uint64_t at, len;
		const char *text;
	} rows[] = {
		{0, OURS, ""},              /* our own field */
		{0, 0, "X-A: b\r\n"},       /* … and before it */
		{FROM + 1, 0, "X-A: b\r\n"}, /* in the midst of a field */
		{FROM, 10, ""},
		{RECEIVED, FLAG - RECEIVED, ""}, /* what tells of its way */
		{FROM, FLAG - FROM, ""},
		{FLAG, SUBJECT - FLAG, ""},      /* a field of ours */
		{SUBJECT, END - SUBJECT + 2, ""}, /* the empty line, */
		{END + 2, 0, "X-A: b\r\n"},       /* the body, */
		{MESSAGE + 1, 0, "X-A: b\r\n"},   /* and beyond */
		{END, UINT32_MAX, ""},
		{END, 0, "X-A: b"}, {END, 0, "X-A: b\n"}, {END, 0, "X-A: b\r\n\r\n"}, {END, 0, "X-A b\r\n"}, {END, 0, "\tb\r\n"}, {END, 0, "X-A: b\r\nText\r\n"},
		{END, 0, "X-A: b\x01\r\n"}, {END, 0, "X-A: b\rc\r\n"}, {END, 0, "X-A: b\nX-C: d\r\n"}, {END, 0, "\r\n"},
		{END, 0, "Received: from x by y\r\n"}, {END, 0, "return-path: <x>\r\n"}, {END, 0, "X-Spam-Flag: NO\r\n"}, {END, 0, "X-A: b\r\nReceived: from x by y\r\n"},
		{END, 0, "Authentication-Results: mail.example.test; spf=pass\r\n"}, {END, 0, "Authentication-Results: MAIL.example.test. 1; spf=pass\r\n"},
		{END, 0, "Authentication-Results: \"mail.example.test\"; spf=pass\r\n"}, {END, 0, "Authentication-Results: (x) mail.example.test; spf=pass\r\n"},
		{END, 0, "Authentication-Results: filter.example\r\n"}, {END, 0, "Authentication-Results:\r\n"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (fits(rows[i].at, rows[i].len, slice_of(rows[i].text)))
			fail_msg("%d+%d[%s] fits", (int)rows[i].at, (int)rows[i].len, rows[i].text);
}

static void order_and_addresses_are_checked(void **state)
{
	(void)state;
	static struct policy_edits heard;
	struct policy_edits edits = {.list = {{END, 0, SLICE("X-A: b\r\n")}, {FROM, 0, SLICE("X-A: b\r\n")}}, .count = 2};
	assert_false(crosses(&edits, &heard));
	static const char *const lines[] = {"a@b.example", "\n", "a b@c\n", "<a@b>\n", "a@b\r\n", "a\x01@b\n", "a\xff@b\n"};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		assert_false(crosses(&(struct policy_edits){.removed = slice_of(lines[i])}, &heard));
		assert_false(crosses(&(struct policy_edits){.added = slice_of(lines[i])}, &heard));
	}
	assert_false(crosses(&(struct policy_edits){.sender_changed = true, .sender = SLICE("a b")}, &heard));
	assert_true(crosses(&(struct policy_edits){.sender_changed = true, .sender = SLICE("")}, &heard));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_arrives),
		cmocka_unit_test(what_doesnt_fit_is_refused),
		cmocka_unit_test(order_and_addresses_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
