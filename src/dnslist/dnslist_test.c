/* Lists in the DNS: names that are asked for, answers that count, and lists that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <arpa/inet.h>

#include "dnslist/dnslist.h"

/* "NAME ADDRESS[,ADDRESS]", "NAME -" (no such name) or "NAME !" (no answer), separated by ';'. */
static void put(struct lookup *table, struct arena *arena, struct slice line)
{
	struct slice name, text, one;
	struct lookup_record records[4];
	struct lookup_answer answer = {.status = LOOKUP_FOUND, .records = records, .ttl = 60};
	slice_cut(line, ' ', &name, &text);
	if (slice_equal(text, SLICE("-")) || slice_equal(text, SLICE("!")))
		answer.status = text.at[0] == '-' ? LOOKUP_NO_NAME : LOOKUP_FAILED;
	for (bool more = answer.status == LOOKUP_FOUND; more; answer.count++) {
		struct in_addr address;
		more = slice_cut(text, ',', &one, &text);
		assert_int_equal(inet_pton(AF_INET, arena_text(arena, one), &address), 1);
		records[answer.count] = (struct lookup_record){.data = arena_copy(arena, slice_make((const char *)&address, sizeof address))};
	}
	lookup_put(table, LOOKUP_A, name, &answer);
}

static struct lookup *table_of(const char *text, struct arena *arena)
{
	struct lookup *table = lookup_new();
	struct slice line, rest = slice_of(text);
	while (rest.len > 0) {
		slice_cut(rest, ';', &line, &rest);
		put(table, arena, line);
	}
	return table;
}

static struct config_dns_list list_of(const char *entry)
{
	struct config_dns_list list;
	struct error error;
	if (!config_parse_dns_list(slice_of(entry), &list, &error))
		fail_msg("%s", error.text);
	return list;
}

static void lists_are_tested(void **state)
{
	(void)state;
	static const struct {
		const char *entry, *dns;
		enum dnslist_state state;
		bool six;
	} cases[] = {
#define SIX "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.l.test "
#define SIX_NOT "1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.l.test "
		{"l.test 1", "", DNSLIST_PENDING, false},
		{"l.test 1", "2.0.0.127.l.test 127.0.0.2;1.0.0.127.l.test -;" SIX "127.0.0.2;" SIX_NOT "-", DNSLIST_GOOD, true},
		{"l.test 1", "2.0.0.127.l.test 127.0.0.2;1.0.0.127.l.test -;" SIX "-;" SIX_NOT "-", DNSLIST_GOOD, false},
		{"l.test 1", "2.0.0.127.l.test 127.0.0.2;1.0.0.127.l.test -;" SIX "127.0.0.2;" SIX_NOT "127.0.0.2", DNSLIST_GOOD, false},
		{"l.test 1", "2.0.0.127.l.test 127.0.0.2;1.0.0.127.l.test -", DNSLIST_PENDING, false},
		{"l.test 1", "2.0.0.127.l.test -;1.0.0.127.l.test -;" SIX "127.0.0.2;" SIX_NOT "-", DNSLIST_GOOD, true},
		{"l.test 1", "2.0.0.127.l.test -;1.0.0.127.l.test -;" SIX "-;" SIX_NOT "-", DNSLIST_EMPTY, false},
		{"l.test 1", "2.0.0.127.l.test 127.0.0.2;1.0.0.127.l.test 127.0.0.2", DNSLIST_EVERYTHING, false},
		{"l.test 1", "2.0.0.127.l.test 192.0.2.7;1.0.0.127.l.test 192.0.2.7", DNSLIST_OUTSIDE, false},
		{"l.test 1", "2.0.0.127.l.test 127.255.255.254;1.0.0.127.l.test -", DNSLIST_REFUSES, false},
		{"l.test 1", "2.0.0.127.l.test !;1.0.0.127.l.test !", DNSLIST_SILENT, false},
		{"l.test 1 test=none", "1.0.0.127.l.test -;" SIX_NOT "-", DNSLIST_GOOD, true},
		{"l.test 1 kind=links", "test.l.test 127.0.0.2;invalid.l.test -", DNSLIST_GOOD, false},
		{"l.test 1 kind=links", "test.l.test 127.0.0.2;invalid.l.test 127.0.0.2", DNSLIST_EVERYTHING, false},
		{"l.test 1 kind=links", "test.l.test 127.0.0.2,127.255.255.252;invalid.l.test -", DNSLIST_REFUSES, false},
		{"l.test 1 kind=links", "test.l.test -;invalid.l.test -", DNSLIST_EMPTY, false},
		{"l.test 1 kind=links test=dbltest.com", "dbltest.com.l.test 127.0.1.2;invalid.l.test -", DNSLIST_GOOD, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena *arena = arena_new();
		struct lookup *table = table_of(cases[i].dns, arena);
		struct config_dns_list list = list_of(cases[i].entry);
		bool six;
		enum dnslist_state found = dnslist_test(&list, table, arena, &six);
		if (found != cases[i].state || six != cases[i].six)
			fail_msg("case %zu: %s, %d", i, dnslist_state_text(found), six);
		lookup_free(&table);
		arena_free(&arena);
	}
}

static const struct slice links[] = {{"shop.example", 12}, {"192.0.2.9", 9}, {"good.example", 12}};

static void lists_are_asked(void **state)
{
	(void)state;
	static const char four[] = "\xc0\0\x02\x01", six[] = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", mapped[] = "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01";
	static const struct {
		const char *entry;
		struct slice client;
		const char *dns;
		enum dnslist_state state;
		size_t count;
		int points; /* of the first */
	} cases[] = {
		{"l.test 1.5", {four, 4}, "", DNSLIST_PENDING, 0, 0},
		{"l.test 1.5", {four, 4}, "1.2.0.192.l.test 127.0.0.4", DNSLIST_GOOD, 1, 150},
		{"l.test 1.5", {mapped, 16}, "1.2.0.192.l.test 127.0.0.4", DNSLIST_GOOD, 1, 150},
		{"l.test -2", {six, 16}, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.l.test 127.0.0.2", DNSLIST_GOOD, 1, -200},
		{"l.test 1 answers=127.0.0.2-127.0.0.3", {four, 4}, "1.2.0.192.l.test 127.0.0.4", DNSLIST_GOOD, 0, 0},
		{"l.test 1 answers=127.0.0.2-127.0.0.3,127.0.0.4:5", {four, 4}, "1.2.0.192.l.test 127.0.0.2,127.0.0.3,127.0.0.4", DNSLIST_GOOD, 1, 600},
		{"l.test 1 answers=127.0.0.x&2,127.0.0.x&12:5", {four, 4}, "1.2.0.192.l.test 127.0.0.8", DNSLIST_GOOD, 1, 500},
		{"l.test 1 answers=127.0.0.x&2,127.0.0.x&12:5", {four, 4}, "1.2.0.192.l.test 127.0.1.8", DNSLIST_GOOD, 0, 0},
		{"l.test 1 answers=127.0.0.x&2,127.0.0.x&12:5", {four, 4}, "1.2.0.192.l.test 127.0.0.14", DNSLIST_GOOD, 1, 600},
		{"l.test 1", {four, 4}, "1.2.0.192.l.test 127.255.255.255", DNSLIST_REFUSES, 0, 0},
		{"l.test 1", {four, 4}, "1.2.0.192.l.test 198.51.100.1", DNSLIST_OUTSIDE, 0, 0},
		{"l.test 1", {four, 4}, "1.2.0.192.l.test !", DNSLIST_SILENT, 0, 0},
		{"l.test 1", {four, 4}, "1.2.0.192.l.test -", DNSLIST_GOOD, 0, 0},
		{"l.test 1", {four, 3}, "", DNSLIST_GOOD, 0, 0},
		{"l.test 3 kind=sender", {four, 4}, "bad.example.l.test 127.0.0.2", DNSLIST_GOOD, 1, 300},
		{"l.test 3 kind=links", {four, 4}, "shop.example.l.test 127.0.0.2;good.example.l.test -", DNSLIST_GOOD, 1, 300},
		{"l.test 3 kind=links", {four, 4}, "shop.example.l.test 127.0.0.2;good.example.l.test 127.255.255.254", DNSLIST_REFUSES, 0, 0},
		{"l.test 3 kind=helo,ptr", {four, 4}, "bad.example.l.test 127.0.0.2", DNSLIST_GOOD, 0, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena *arena = arena_new();
		struct lookup *table = table_of(cases[i].dns, arena);
		struct config_dns_list list = list_of(cases[i].entry);
		struct dnslist_facts facts = {.client = cases[i].client, .sender = SLICE("bad.example"), .helo = SLICE("[192.0.2.1]"), .links = links, .link_count = 3};
		struct dnslist_hits hits = {.count = 0};
		enum dnslist_state found = dnslist_ask(&list, &facts, true, table, arena, &hits);
		if (found != cases[i].state || hits.count != cases[i].count || (hits.count > 0 && hits.list[0].points != cases[i].points))
			fail_msg("case %zu: %s, %zu hits, %d", i, dnslist_state_text(found), hits.count, hits.count > 0 ? hits.list[0].points : 0);
		lookup_free(&table);
		arena_free(&arena);
	}
}

static void questions_are_bounded(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct lookup *table = lookup_new();
	struct dnslist_hits hits = {.count = 0};
	struct slice many[DNSLIST_LINKS_MAX + 5];
	for (size_t i = 0; i < sizeof many / sizeof *many; i++)
		many[i] = arena_printf(arena, "d%zu.example", i);
	struct dnslist_facts facts = {.links = many, .link_count = sizeof many / sizeof *many};
	for (int i = 0; i < 32; i++) {
		struct config_dns_list list = list_of(arena_printf(arena, "l%d.test 1 kind=links", i).at);
		assert_int_equal(dnslist_ask(&list, &facts, false, table, arena, &hits), i * DNSLIST_LINKS_MAX < DNSLIST_QUESTIONS_MAX ? DNSLIST_PENDING : DNSLIST_GOOD);
	}
	assert_int_equal(lookup_count(table), DNSLIST_QUESTIONS_MAX);
	lookup_free(&table);
	arena_free(&arena);
}

static void domains_are_those_that_are_registered(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"www.shop.example", "shop.example"}, {"shop.example", "shop.example"}, {"a.b.shop.co.uk", "shop.co.uk"}, {"co.uk", "co.uk"}, {"localhost", ""},
		{"192.0.2.1", ""}, {"", ""}, {"2001:db8::a.b", ""}, {"www.t.co", "www.t.co"}, {"a.b.c.museum", "c.museum"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (!slice_equal(dnslist_registered(slice_of(cases[i][0])), slice_of(cases[i][1])))
			fail_msg("%s", cases[i][0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_tested),
		cmocka_unit_test(lists_are_asked),
		cmocka_unit_test(questions_are_bounded),
		cmocka_unit_test(domains_are_those_that_are_registered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
