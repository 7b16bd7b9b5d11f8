/* Unit tests of brand indicators. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "bimi/bimi.h"

static void records_are_read(void **state)
{
	static const struct { const char *text; enum bimi_read read; const char *location, *authority; } cases[] = {
		{"v=BIMI1; l=https://a.example/logo.svg", BIMI_READ, "https://a.example/logo.svg", ""},
		{"V = bimi1 ;L= HTTPS://a.example/l.svg ; a=https://a.example/vmc.pem;", BIMI_READ, "HTTPS://a.example/l.svg", "https://a.example/vmc.pem"},
		{"v=BIMI1; l=; a=https://a.example/vmc.pem", BIMI_READ, "", "https://a.example/vmc.pem"},
		{"v=BIMI1; a=https://a.example/vmc.pem", BIMI_READ, "", "https://a.example/vmc.pem"},
		{"v=BIMI1; l=https://a.example/l.svg; avp=brand; x=1", BIMI_READ, "https://a.example/l.svg", ""},
		{"v=BIMI1; l=; a=;", BIMI_DECLINES, "", ""},
		{"v=BIMI1; l=", BIMI_DECLINES, "", ""},
		{"v=BIMI1", BIMI_UNREADABLE, NULL, NULL},
		{"v=BIMI1; a=", BIMI_UNREADABLE, NULL, NULL},
		{"v=BIMI1; l=http://a.example/l.svg", BIMI_UNREADABLE, NULL, NULL},
		{"v=BIMI1; l=https://", BIMI_UNREADABLE, NULL, NULL},
		{"v=BIMI1; l=https://a.example/ l.svg", BIMI_UNREADABLE, NULL, NULL},
		{"v=BIMI1; l=https://a.example/\"l", BIMI_UNREADABLE, NULL, NULL},
		{"v=BIMI1; l=https://a.example; l=https://b.example", BIMI_UNREADABLE, NULL, NULL},
		{"v=BIMI1; nonsense", BIMI_UNREADABLE, NULL, NULL},
		{"v=BIMI2; l=https://a.example", BIMI_NO_RECORD, NULL, NULL},
		{"l=https://a.example; v=BIMI1", BIMI_NO_RECORD, NULL, NULL},
		{"", BIMI_NO_RECORD, NULL, NULL},
		{";;", BIMI_NO_RECORD, NULL, NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bimi_record record;
		if (bimi_record_read(slice_of(cases[i].text), &record) != cases[i].read)
			fail_msg("%s", cases[i].text);
		if (cases[i].location)
			assert_true(slice_equal(record.location, slice_of(cases[i].location)) && slice_equal(record.authority, slice_of(cases[i].authority)));
	}
	char large[BIMI_RECORD_MAX + 100];
	struct bimi_record record;
	memset(large, ';', sizeof large);
	memcpy(large, "v=BIMI1; l=https://a.example", 28);
	assert_int_equal(bimi_record_read(slice_make(large, sizeof large), &record), BIMI_UNREADABLE);
}

static const struct dmarc_verdict passes = {.result = DMARC_PASS, .author = SLICE("news.shop.example"), .organization = SLICE("shop.example"), .policy = DMARC_POLICY_REJECT,
	.record = {.usable = true, .p = DMARC_POLICY_REJECT, .sp = DMARC_POLICY_REJECT, .np = DMARC_POLICY_REJECT}};

/* The result, with these texts as the only records there are: name, text, name, text, … */
static struct bimi_verdict check(struct arena *arena, const char *header, const struct dmarc_verdict *dmarc, const char *const texts[][2], size_t count)
{
	struct lookup *table = lookup_new();
	struct bimi_verdict verdict;
	while (bimi_check(slice_of(header), dmarc, table, arena, &verdict) == BIMI_PENDING) {
		enum lookup_type type;
		struct slice name;
		size_t cursor = 0, i = 0;
		assert_true(lookup_next_wanted(table, &cursor, &type, &name) && type == LOOKUP_TXT);
		while (i < count && !slice_equal(name, slice_of(texts[i][0])))
			i++;
		struct lookup_record record = {.data = i < count && texts[i][1] ? slice_of(texts[i][1]) : SLICE("")};
		struct lookup_answer answer = {.status = i == count ? LOOKUP_NO_NAME : texts[i][1] ? LOOKUP_FOUND : LOOKUP_FAILED, .records = &record, .count = i < count && texts[i][1]};
		lookup_put(table, type, name, &answer);
	}
	verdict.selector = arena_copy(arena, verdict.selector);
	verdict.domain = arena_copy(arena, verdict.domain);
	lookup_free(&table);
	return verdict;
}

#define CHECK(header, dmarc, ...) check(*state, header, dmarc, (const char *const[][2]){__VA_ARGS__}, sizeof((const char *const[][2]){__VA_ARGS__}) / sizeof(const char *[2]))
#define GOOD "v=BIMI1; l=https://shop.example/logo.svg"

static void the_author_comes_before_his_organization(void **state)
{
	struct bimi_verdict verdict = CHECK("", &passes, {"default._bimi.news.shop.example", GOOD}, {"default._bimi.shop.example", "v=BIMI1; l="});
	assert_int_equal(verdict.result, BIMI_PASS);
	assert_true(slice_equal(verdict.domain, SLICE("news.shop.example")));
	verdict = CHECK("", &passes, {"default._bimi.shop.example", GOOD});
	assert_true(verdict.result == BIMI_PASS && slice_equal(verdict.domain, SLICE("shop.example")));
	assert_int_equal(CHECK("", &passes, {"default._bimi.news.shop.example", "v=BIMI1; l="}, {"default._bimi.shop.example", GOOD}).result, BIMI_DECLINED);
	assert_int_equal(CHECK("", &passes, {"default._bimi.news.shop.example", "v=BIMI1; l=ftp://x"}, {"default._bimi.shop.example", GOOD}).result, BIMI_PERMERROR);
	assert_int_equal(CHECK("", &passes, {"default._bimi.news.shop.example", NULL}).result, BIMI_TEMPERROR);
	assert_int_equal(CHECK("", &passes, {"default._bimi.other.example", GOOD}).result, BIMI_NONE);
}

static void the_message_may_name_a_selector(void **state)
{
	static const struct { const char *header, *selector; } cases[] = {
		{"BIMI-Selector: v=BIMI1; s=brand;\r\n\r\n", "brand"}, {"bimi-selector: V=bimi1;\r\n S = Brand-2\r\n\r\n", "Brand-2"},
		{"BIMI-Selector: v=BIMI2; s=brand\r\n\r\n", "default"}, {"BIMI-Selector: s=brand\r\n\r\n", "default"},
		{"BIMI-Selector: v=BIMI1; s=a.b\r\n\r\n", "default"}, {"BIMI-Selector: v=BIMI1; s=\r\n\r\n", "default"}, {"BIMI-Selector: v=BIMI1; s=a b\r\n\r\n", "default"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bimi_verdict verdict = CHECK(cases[i].header, &passes, {"brand._bimi.shop.example", GOOD});
		assert_true(slice_equal(verdict.selector, slice_of(cases[i].selector)));
		assert_int_equal(verdict.result, i == 0 ? BIMI_PASS : BIMI_NONE);
	}
}

static void who_lets_forgeries_through_shows_nothing(void **state)
{
	struct dmarc_verdict other = passes;
	other.result = DMARC_FAIL;
	assert_int_equal(CHECK("", &other, {"default._bimi.shop.example", GOOD}).result, BIMI_SKIPPED);
	other = passes;
	other.policy = DMARC_POLICY_NONE;
	assert_int_equal(CHECK("", &other, {"default._bimi.shop.example", GOOD}).result, BIMI_SKIPPED);
	other = passes;
	other.record.testing = true;
	assert_int_equal(CHECK("", &other, {"default._bimi.shop.example", GOOD}).result, BIMI_SKIPPED);
	other = passes;
	other.record.sp = DMARC_POLICY_NONE;
	assert_int_equal(CHECK("", &other, {"default._bimi.shop.example", GOOD}).result, BIMI_SKIPPED);
	other = passes;
	other.policy = DMARC_POLICY_QUARANTINE;
	assert_int_equal(CHECK("", &other, {"default._bimi.shop.example", GOOD}).result, BIMI_PASS);
}

static int begin(void **state)
{
	*state = arena_new();
	return 0;
}

static int end(void **state)
{
	struct arena *arena = *state;
	arena_free(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_read), cmocka_unit_test_setup_teardown(the_author_comes_before_his_organization, begin, end),
		cmocka_unit_test_setup_teardown(the_message_may_name_a_selector, begin, end), cmocka_unit_test_setup_teardown(who_lets_forgeries_through_shows_nothing, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
