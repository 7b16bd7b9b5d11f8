/* Names of mailboxes in modified UTF-7. */
#include "message/fixture.h"
#include "message/utf7.h"

static void names_go_both_ways(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{"", ""}, {"INBOX", "INBOX"}, {"A&-B", "A&B"}, {"&-&-", "&&"}, {"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"},
		{"&2D3eAA-", "😀"}, {"Entw&APw-rfe", "Entwürfe"}, {"&BB8EQAQ4BDIENQRC-", "Привет"}, {"&AOkA6ADp-", "éèé"}, {"a&AOk-&-b", "aé&b"},
	};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct buf utf8 = BUF(1000), utf7 = BUF(1000);
		assert_true(utf7_to_utf8(slice_of(pairs[i][0]), &utf8));
		assert_true(slice_equal(buf_slice(&utf8), slice_of(pairs[i][1])));
		assert_true(utf7_from_utf8(slice_of(pairs[i][1]), &utf7));
		assert_true(slice_equal(buf_slice(&utf7), slice_of(pairs[i][0])));
		buf_free(&utf8);
		buf_free(&utf7);
	}
}

/* Every text has one name only: what isn't the canonical form is no name. */
static void other_forms_are_refused(void **state)
{
	(void)state;
	static const char *const broken[] = {
		"&", "a&b", "&AOk", "&AOk=-", "&AO-", "&A-", "&AOk-&AOk-" /* one shift would do */, "&AGE-" /* 'a' */, "&ACY-" /* '&' */,
		"&2D0-" /* half a pair */, "&3gA-", "&3gDYPQ-", "&2D3YPQ-", "&AOl-" /* bits left over */, "&AOkA-", "&AAA-" /* NUL */, "&AAo-",
		"\xc3\xa9", "a\tb", "a\x7f", "&AO k-", "&AO/k-", "&!!!-",
	};
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		struct buf utf8 = BUF(1000);
		assert_false(utf7_to_utf8(slice_of(broken[i]), &utf8));
		buf_free(&utf8);
	}
	struct buf out = BUF(1000);
	assert_false(utf7_to_utf8(SLICE("a\0b"), &out));
	assert_false(utf7_from_utf8(SLICE("\xff"), &out));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(names_go_both_ways), cmocka_unit_test(other_forms_are_refused)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
