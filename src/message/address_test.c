/* Unit tests of paths, canonical addresses, domains and address lists. */
#include "message/fixture.h"

#include "message/address.h"

static void paths_are_read(void **state)
{
	static const struct { const char *path, *address; bool utf8; } cases[] = {
		{"<alice@example.test>", "alice@example.test", false},
		{"<>", "", false},
		{"<@one.test,@two.test:alice@example.test>", "alice@example.test", false},
		{"<\"alice\"@example.test>", "alice@example.test", false},
		{"<\"al ice\"@example.test>", "\"al ice\"@example.test", false},
		{"<\"a\\\"b\\\\c\\d\"@example.test>", "\"a\\\"b\\\\cd\"@example.test", false},
		{"<\"\"@example.test>", "\"\"@example.test", false},
		{"<a+b.c!#$%&'*/=?^_`{|}~-@example.test>", "a+b.c!#$%&'*/=?^_`{|}~-@example.test", false},
		{"<a@[192.0.2.1]>", "a@[192.0.2.1]", false},
		{"<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]", false},
		{"<\"@evil\"@example.test>", "\"@evil\"@example.test", false},
		{"<алиса@пример.test>", "алиса@пример.test", true},
		/* as devices and docomo write */
		{"<taro..yama.@docomo.test>", "\"taro..yama.\"@docomo.test", false},
		{"<.a@example.test>", "\".a\"@example.test", false},
		{"<\"a..b\"@example.test>", "\"a..b\"@example.test", false},
		{"alice@example.test", "alice@example.test", false},
		{"\"al ice\"@example.test", "\"al ice\"@example.test", false},
		{"a..b@example.test", "\"a..b\"@example.test", false},
		{"< alice@example.test\t >", "alice@example.test", false},
		{"< >", "", false},
		{"<cron@web_01.example.test>", "cron@web_01.example.test", false},
		{"<a@_x.test>", "a@_x.test", false},
		{"<alice@example.test.>", "alice@example.test", false},
		{"<@one.test.:a@b.>", "a@b", false},
	};
	struct error error;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena *arena = *state;
		struct buf text = BUF(1000);
		struct slice address;
		buf_printf(&text, "%s SIZE=1", cases[i].path);
		struct slice input = buf_slice(&text);
		assert_true(address_parse_path(&input, cases[i].utf8, arena, &address, &error));
		assert_slice(address, cases[i].address);
		assert_slice(input, " SIZE=1");
		buf_free(&text);
	}
}

static void malformed_paths_are_refused(void **state)
{
	static const struct slice cases[] = {
		SLICE(""), SLICE("<"), SLICE("alice"), SLICE("<alice>"), SLICE("<alice@>"), SLICE("<@example.test>"), SLICE("<a b@example.test>"),
		SLICE("a@example.test>"), SLICE("a@example.test<"), SLICE("alice@"), SLICE("@example.test"), SLICE("@a:b@example.test"), SLICE("a@."), SLICE("<a@.>"),
		SLICE("<a@example.test..>"), SLICE("<a@[192.0.2.1].>"), SLICE("<a @example.test>"), SLICE("<a@ example.test>"), SLICE("a@example.test\tx"),
		SLICE("<a@b@example.test>"), SLICE("<a@example..test>"), SLICE("<a@-example.test>"), SLICE("<a@example-.test>"),
		SLICE("<a@example.test"), SLICE("<a@[192.0.2.256]>"),
		SLICE("<a@[IPv6:12345::]>"), SLICE("<a@[x-tag:content]>"), SLICE("<a@[192.0.2.1>"), SLICE("<\"a@example.test>"),
		SLICE("<\"a\nb\"@example.test>"), SLICE("<a\0b@example.test>"), SLICE("<\"a\0b\"@example.test>"), SLICE("<a@exam\0ple.test>"),
		SLICE("<a@b:c@d>"), SLICE("<@a,b@c>"), SLICE("<@a,:b@c>"), SLICE("<\"a\"b@example.test>"), SLICE("<\"a\\"), SLICE("<\""),
		SLICE("<a(c)@example.test>"), SLICE("<a@[::1]>"), SLICE("<<a@b>>"),
		SLICE("<алиса@example.test>"), SLICE("<a@пример.test>"),
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice input = cases[i], address;
		struct error error = {0};
		assert_false(address_parse_path(&input, false, *state, &address, &error));
		assert_true(error.kind == ERROR_INVALID && error.text[0] != '\0');
		assert_true(input.at == cases[i].at);
	}
	static const struct slice utf8_cases[] = {
		SLICE("<\xff@example.test>"), SLICE("<a@\xff.test>"), SLICE("<\xc2\x85@example.test>"), SLICE("<\"\xe2\x80\xa8\"@example.test>"),
		SLICE("<a@\xc2\xad.test>"), SLICE("<a@xn--\xd0\xb0.test>"),
	};
	for (size_t i = 0; i < sizeof utf8_cases / sizeof *utf8_cases; i++) {
		struct slice input = utf8_cases[i], address;
		assert_false(address_parse_path(&input, true, *state, &address, NULL));
	}
}

static bool parses(size_t local, size_t label, size_t labels, struct arena *arena, enum error_kind *kind)
{
	struct buf text = BUF(5000);
	struct slice address;
	struct error error = {0};
	for (size_t i = 0; i < local; i++)
		buf_append_char(&text, 'a');
	for (size_t i = 0; i < labels; i++) {
		buf_append_char(&text, i == 0 ? '@' : '.');
		for (size_t k = 0; k < label; k++)
			buf_append_char(&text, 'b');
	}
	bool done = address_parse(buf_slice(&text), false, arena, &address, &error);
	*kind = error.kind;
	buf_free(&text);
	return done;
}

static void addresses_keep_their_limits(void **state)
{
	enum error_kind kind;
	assert_true(parses(64, 63, 2, *state, &kind));
	assert_false(parses(65, 5, 2, *state, &kind));
	assert_int_equal(kind, ERROR_LIMIT);
	assert_false(parses(100000 / 30, 5, 2, *state, &kind));
	assert_false(parses(5, 64, 2, *state, &kind));
	assert_false(parses(64, 60, 4, *state, &kind));
	assert_int_equal(kind, ERROR_LIMIT);
	assert_false(parses(1, 60, 70, *state, &kind));
}

static void addresses_have_one_canonical_form(void **state)
{
	static const struct { const char *address, *canonical; } cases[] = {
		{"Alice@Example.TEST", "alice@example.test"},
		{"\"Alice\"@Example.TEST", "alice@example.test"},
		{"\"A B\"@example.test", "\"a b\"@example.test"},
		{"\"a\\\"B\"@x", "\"a\\\"b\"@x"},
		{"Postmaster", "postmaster"},
		{"АЛИСА@ПРИМЕР.test", "алиса@пример.test"},
		{"a@XN--E1AFMKFD.test", "a@пример.test"},
		{"a@xn--e1afmkfd.test", "a@пример.test"},
		{"a@xn--zz--zz--zz.test", "a@xn--zz--zz--zz.test"},
		{"E\xcc\x81@x", "\xc3\xa9@x"}, /* E and combining acute */
		{"a@[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]"},
		{"a@FAß.de", "a@faß.de"},
		{"a@xn--dİxn--bdn.Test", "a@xn--dİxn--bdn.test"}, /* refused by IDNA: must not become another's name */
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice canonical = address_canonical(slice_of(cases[i].address), *state);
		assert_slice(canonical, cases[i].canonical);
		assert_slice(address_canonical(canonical, *state), cases[i].canonical);
	}
}

static void addresses_are_split_at_the_last_at(void **state)
{
	(void)state;
	struct slice local, domain;
	address_split(SLICE("\"a@b\"@c.test"), &local, &domain);
	assert_slice(local, "\"a@b\"");
	assert_slice(domain, "c.test");
	address_split(SLICE(""), &local, &domain);
	assert_true(local.len == 0 && domain.len == 0);
	address_split(SLICE("alice"), &local, &domain);
	assert_slice(local, "alice");
	assert_true(domain.len == 0);
}

static void domains_are_told_from_literals(void **state)
{
	assert_true(domain_is_valid(SLICE("mail.example.test"), false));
	assert_true(domain_is_valid(SLICE("localhost"), false));
	assert_false(domain_is_valid(SLICE(""), false));
	assert_false(domain_is_valid(SLICE("[192.0.2.1]"), false));
	assert_false(domain_is_valid(SLICE("пример.test"), false));
	assert_true(domain_is_valid(SLICE("пример.test"), true));
	assert_false(domain_is_valid(SLICE("a b.test"), true));
	assert_true(domain_is_literal(SLICE("[192.0.2.1]")));
	assert_true(domain_is_literal(SLICE("[ipv6:::1]")));
	assert_false(domain_is_literal(SLICE("[]")));
	assert_false(domain_is_literal(SLICE("[192.0.2.1\0]")));
	assert_false(domain_is_literal(SLICE("[192.0.2]")));
	assert_slice(domain_to_ascii(SLICE("Пример.Test"), *state), "xn--e1afmkfd.test");
	assert_slice(domain_to_ascii(SLICE("Example.Test"), *state), "example.test");
	assert_slice(domain_to_ascii(SLICE("Exa_mple.test"), *state), "exa_mple.test");
	assert_slice(domain_to_ascii(SLICE("exa mple.test"), *state), "");
	assert_slice(domain_to_ascii(SLICE("[192.0.2.1]"), *state), "");
	assert_slice(domain_canonical(SLICE("EXAMPLE.xn--e1afmkfd"), *state), "example.пример");
}

/* Writes a list as "name|local|domain" or "name|route:local|domain", groups as "local:" and ";", divided by spaces. */
static void show_list(const struct address *list, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_append_char(out, ' ');
		if (list[i].kind == ADDRESS_GROUP_END)
			buf_append_char(out, ';');
		else if (list[i].kind == ADDRESS_GROUP_START)
			buf_printf(out, "%.*s:", SLICE_ARG(list[i].local));
		else
			buf_printf(out, "%.*s|%.*s%s%.*s|%.*s", SLICE_ARG(list[i].name), SLICE_ARG(list[i].route), list[i].route.len > 0 ? ":" : "",
				   SLICE_ARG(list[i].local), SLICE_ARG(list[i].domain));
	}
}

static void assert_list(struct arena *arena, struct slice body, size_t max, const char *expected)
{
	struct buf out = BUF(4096);
	struct address *list;
	size_t count;
	address_parse_list(body, max, arena, &list, &count);
	assert_true(count <= max);
	show_list(list, count, &out);
	buf_append_text(&out, "");
	assert_string_equal(out.at, expected);
	buf_free(&out);
}

static void lists_are_read(void **state)
{
	static const struct { struct slice body; const char *list; } cases[] = {
		{SLICE(" alice@example.test\r\n"), "|alice|example.test"},
		{SLICE("Alice Doe <alice@example.test>, bob@example.test (Bob (the) Builder)"),
			"Alice Doe|alice|example.test Bob (the) Builder|bob|example.test"},
		{SLICE("\"Doe, Alice\" <alice@example.test>"), "Doe, Alice|alice|example.test"},
		{SLICE("\"a \\\"b\\\" c\"\r\n <alice@example.test>"), "a \"b\" c|alice|example.test"},
		{SLICE("=?utf-8?q?Al?= =?utf-8?q?ice?= <a@x>"), "=?utf-8?q?Al?= =?utf-8?q?ice?=|a|x"},
		{SLICE("=?utf-8?Q?Jane_(Sales)?= <j@x>"), "=?utf-8?Q?Jane_(Sales)?=|j|x"},
		{SLICE("=?utf-8?Q?Email:_Dire=C3=A7=C3=A3o?= <d@x>"), "=?utf-8?Q?Email:_Dire=C3=A7=C3=A3o?=|d|x"},
		{SLICE("=?utf-8?Q?Doe,_J=C3=B6rg?= <k@x>, =?utf-8?Q?a@b;?=\r\n =?utf-8?B?x?= c@y"),
			"=?utf-8?Q?Doe,_J=C3=B6rg?=|k|x =?utf-8?Q?a@b;?= =?utf-8?B?x?=|c|y"},
		{SLICE("=?utf-8?Q?Doe, Jo?= <k@x>"), "=?utf-8?Q?Doe, Jo?=|k|x"},
		{SLICE("=?utf-8?Q?open, b@y, =?x <k@x>"), "|=?utf-8?Q?open| |b|y =?x|k|x"},
		{SLICE("=?utf-8?Q?open <k@x>, b@y?="), "=?utf-8?Q?open|k|x |b|y?="},
		{SLICE("=?, a@x, =?q?, b@y"), "|=?| |a|x |=?q?| |b|y"},
		{SLICE("a@x, , ,b@y,"), "|a|x |b|y"},
		{SLICE("Friends: a@x, B <b@y>; c@z"), "Friends: |a|x B|b|y ; |c|z"},
		{SLICE("undisclosed-recipients:;"), "undisclosed-recipients: ;"},
		{SLICE("open: a@x"), "open: |a|x ;"},
		{SLICE("<@one,@two:a@x>, b@y"), "|@one,@two:a|x |b|y"},
		{SLICE("N < @one ,\r\n @two : a@x > (c)"), "N|@one,@two:a|x"},
		{SLICE("a . b @ x . y"), "|a.b|x.y"},
		{SLICE("a@[192.0.2.1], b@[IPv6:::1]"), "|a|[192.0.2.1] |b|[IPv6:::1]"},
		{SLICE("\"a@b\"@c"), "|a@b|c"},
		{SLICE("a@x <b@y>"), "a@x|b|y"},
		{SLICE("Name a@x"), "Name|a|x"},
		{SLICE("Joe Q. Public <a@x>, Ann B. Private b@y"), "Joe Q. Public|a|x Ann B. Private|b|y"},
		{SLICE("First \"M.\" Last <a . b @ x . y>"), "First M. Last|a.b|x.y"},
		{SLICE("<list:@x;>"), "|list:|x"},
		{SLICE("a@x Name"), "|a|x"},
		{SLICE("a@b@c"), "|a@b|c"},
		{SLICE("<a@x"), "|a|x"},
		{SLICE("<a@x, b@y"), "|a|x |b|y"},
		{SLICE("a@x; b@y"), "|a|x |b|y"},
		{SLICE("root"), "|root|"},
		{SLICE("Undisclosed Recipients"), "|Undisclosed Recipients|"},
		{SLICE("\"never closed <a@x>, b@y"), "\"never closed|a|x |b|y"},
		{SLICE("(never closed <a@x>, b@y"), "(never closed|a|x |b|y"},
		{SLICE("Empty <>, b@y"), "Empty|| |b|y"},
		{SLICE("<>"), ""},
		{SLICE("a\0b@x"), "|a?b|x"},
		{SLICE("\"a\0\r\n b\" <c@x>"), "a? b|c|x"},
		{SLICE("<a@x> (Alice)"), "Alice|a|x"},
		{SLICE("mailto:a@x"), "mailto: |a|x ;"},
		{SLICE("(only a comment)"), ""},
		{SLICE("@"), ""},
		{SLICE(""), ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_list(*state, cases[i].body, 100, cases[i].list);
}

static void lists_are_cut_at_their_maximum(void **state)
{
	assert_list(*state, SLICE("a@x, b@y, c@z"), 2, "|a|x |b|y");
	assert_list(*state, SLICE("g: a@x, b@y, c@z;"), 3, "g: |a|x ;");
	assert_list(*state, SLICE("g: a@x;"), 1, "|a|x");
	assert_list(*state, SLICE("a@x"), 0, "");
}

/* ATTACKS: enormous lists of every shape take linear time; quadratic time would be far over the limit. */
static void huge_lists_take_linear_time(void **state)
{
	(void)state;
	static const char *const units[] = {
		"a@b.test, ", "\"", "(", "<", ")", "\"\\", "\\\"", "[", "@[", "@[\"],", "a:", "a:b;", "(\"", "\"(", "<@a,", "=?a?q?", "=?", "=?a?q?,", "=?a?q?,?=", "()", "\"\" ", "( ", "@", ". ", "a ",
	};
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		struct arena *arena = arena_new();
		struct buf body = BUF(1 << 20);
		struct address *list;
		size_t count;
		while (body.len < HUGE_BYTES)
			buf_append_text(&body, units[i]);
		int64_t start = cpu_ms();
		address_parse_list(buf_slice(&body), 1000000, arena, &list, &count);
		assert_true(cpu_ms() - start < HUGE_MS);
		buf_free(&body);
		arena_free(&arena);
	}
}

/* Writes authors as address_write_list() does, or "refused". A "=" before it: it was plain. */
static void authors_are_read_by_the_letter(void **state)
{
	static const struct { struct slice body; const char *written; } cases[] = {
		{SLICE(" Ann <u1@x.test>"), "=Ann <u1@x.test>"},
		{SLICE(" u1@x.test\r\n"), "=<u1@x.test>"},
		{SLICE(" Ann\r\n <u1@x.test>,\r\n\tBob <u2@x.test>"), "=Ann <u1@x.test>,\r\n Bob <u2@x.test>"},
		{SLICE("\"Doe, J.\" <u1@x.test>"), "=\"Doe, J.\" <u1@x.test>"},
		{SLICE("\"u2@x.test\" <u1@x.test>"), "=\"u2@x.test\" <u1@x.test>"},
		{SLICE("=?utf-8?q?Ann?= Lee <u1@x.test>"), "=Ann Lee <u1@x.test>"},
		{SLICE("J\xc3\xb6rg <u1@x.test>"), "==?utf-8?b?SsO2cmc=?= <u1@x.test>"},
		{SLICE("Joe Q. Public <u1@x.test>"), "=\"Joe Q. Public\" <u1@x.test>"},
		{SLICE("\"u 1\"@x.test"), "=<\"u 1\"@x.test>"},
		{SLICE("u1@[192.0.2.1]"), "=<u1@[192.0.2.1]>"},
		/* written otherwise, and written anew */
		{SLICE("=?utf-8?Q?Doe,_J=C3=B6rg?= <u1@x.test>"), "=?utf-8?q?Doe=2C_J=C3=B6rg?= <u1@x.test>"},
		{SLICE("=?utf-8?Q?Email:_Dire=C3=A7=C3=A3o?= <u1@x.test>"), "=?utf-8?b?RW1haWw6IERpcmXDp8Ojbw==?= <u1@x.test>"},
		{SLICE("=?utf-8?Q?u2@x.test?= <u1@x.test>"), "\"u2@x.test\" <u1@x.test>"},
		{SLICE("J\xf6rg <u1@x.test>"), "=?utf-8?b?SsO2cmc=?= <u1@x.test>"},
		{SLICE("u1@x.test (Ann (Lee))"), "\"Ann (Lee)\" <u1@x.test>"},
		{SLICE("(x) Ann <u1@x.test> (y)"), "Ann <u1@x.test>"},
		{SLICE("u1 @ x . test"), "<u1@x.test>"},
		{SLICE("\"u1\"@x.test"), "<u1@x.test>"},
		{SLICE(", u1@x.test,,"), "<u1@x.test>"},
		{SLICE("\"Ann\r\n Lee\" <u1@x.test>"), "Ann Lee <u1@x.test>"},
		{SLICE(" \r\n \r\n u1@x.test"), "<u1@x.test>"},
		{SLICE(""), "="}, {SLICE(" \r\n"), "="}, {SLICE("(none)"), ""}, {SLICE(","), ""},
		/* what somebody could read otherwise */
		{SLICE("u2@x.test <u1@x.test>"), "refused"}, {SLICE("<u1@x.test> <u2@x.test>"), "refused"}, {SLICE("<u1@x.test>u2@x.test"), "refused"},
		{SLICE("<u1@x.test>\\,<u2@x.test>"), "refused"}, {SLICE("<@b,@x:u1@x.test>"), "refused"}, {SLICE("<@b:u1@x.test>"), "refused"},
		{SLICE("u1(x)u2@x.test"), "refused"}, {SLICE("u1 u2@x.test"), "refused"}, {SLICE("Friends: u1@x.test;"), "refused"}, {SLICE("Friends:;"), "refused"},
		{SLICE("u1@x.test;"), "refused"}, {SLICE("u1@x.test; u2@x.test"), "refused"}, {SLICE("u1@x.test u2@x.test"), "refused"}, {SLICE("Ann"), "refused"},
		{SLICE("<u1@x.test"), "refused"}, {SLICE("u1@x.test>"), "refused"}, {SLICE("<<u1@x.test>>"), "refused"}, {SLICE("<>"), "refused"}, {SLICE("<u1>"), "refused"},
		{SLICE("\"Ann <u1@x.test>"), "refused"}, {SLICE("(Ann <u1@x.test>"), "refused"}, {SLICE("u1@x.test (open"), "refused"}, {SLICE("u1@x.test)"), "refused"},
		{SLICE("u1@x@y"), "refused"}, {SLICE("u1@x.test\0"), "refused"}, {SLICE("An\0n <u1@x.test>"), "refused"}, {SLICE("An\x0bn <u1@x.test>"), "refused"},
		{SLICE("An\xc2\x85 <u1@x.test>"), "refused"}, {SLICE("An\xe2\x80\xa8 <u1@x.test>"), "refused"}, {SLICE("Ann [x] <u1@x.test>"), "refused"},
		{SLICE("\"a\".b@x.test"), "refused"}, {SLICE("a.\"b\"@x.test"), "refused"}, {SLICE("=?utf-8?q?u2?=@x.test"), "refused"},
		{SLICE("u1@x.test, u2@x.test, u3@x.test, u4@x.test"), "refused"}, {SLICE("\\<u1@x.test>"), "refused"}, {SLICE("Ann, <u1@x.test>"), "refused"},
		{SLICE("=?utf-8?q?x <u2@x.test> ?= <u1@x.test>"), "refused"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct address *list;
		size_t count;
		bool plain = false, done = address_parse_authors(cases[i].body, 3, *state, &list, &count, &plain);
		struct slice written = done ? address_write_list(list, count, 6, *state) : SLICE("refused");
		assert_slice(arena_printf(*state, "%s%.*s", done && plain ? "=" : "", SLICE_ARG(written)), cases[i].written);
	}
}

/* ATTACKS: a name of any length hides nobody, and costs linear time. */
static void huge_authors_take_linear_time(void **state)
{
	(void)state;
	static const char *const units[] = {"a", "(", "()", "\"", "\"\"", "=?a?q?", "=?a?q?,?=", ".", ",", "a ", "\\", "<", "@"};
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		for (size_t size = 60 * 1024; size <= HUGE_BYTES; size = size < HUGE_BYTES ? HUGE_BYTES : size + 1) {
			struct arena *arena = arena_new();
			struct buf body = BUF(1 << 20);
			struct address *list;
			size_t count;
			bool plain;
			while (body.len < size)
				buf_append_text(&body, units[i]);
			buf_append_text(&body, "x <u2@x.test>");
			int64_t start = cpu_ms();
			bool read = address_parse_authors(buf_slice(&body), 20, arena, &list, &count, &plain);
			assert_true(!read || size < HUGE_BYTES);
			assert_true(cpu_ms() - start < HUGE_MS && arena_used(arena) < 4 << 20);
			buf_free(&body);
			arena_free(&arena);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(paths_are_read, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(malformed_paths_are_refused, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(addresses_keep_their_limits, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(addresses_have_one_canonical_form, make_arena, free_arena),
		cmocka_unit_test(addresses_are_split_at_the_last_at),
		cmocka_unit_test_setup_teardown(domains_are_told_from_literals, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(lists_are_read, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(lists_are_cut_at_their_maximum, make_arena, free_arena),
		cmocka_unit_test(huge_lists_take_linear_time),
		cmocka_unit_test_setup_teardown(authors_are_read_by_the_letter, make_arena, free_arena),
		cmocka_unit_test(huge_authors_take_linear_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
