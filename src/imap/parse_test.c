/* Framing, arguments, FETCH items and search keys, and what the writers make of odd bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/memory.h"
#include "imap/fetch.h"
#include "imap/search.h"

static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct imap_parser parser_of(struct slice text)
{
	return (struct imap_parser){.rest = text, .arena = arena};
}

/* ---- frames ---- */

/* However the bytes are cut, a command ends at the same place, and every byte is looked at once. */
static void frames_come_in_any_pieces(void **state)
{
	(void)state;
	struct slice text = SLICE("a LOGIN {5+}\r\nal\r\ne {3}\r\nx\r\n more\r\nb NOOP\r\n");
	for (size_t step = 1; step < text.len; step++) {
		struct imap_frame frame = {0};
		int literals = 0;
		for (size_t there = step;; there += step) {
			struct slice input = slice_sub(text, 0, there);
			enum imap_frame_event event = imap_frame_scan(&frame, input);
			assert_true(frame.scanned <= input.len);
			while (event == FRAME_LITERAL) {
				assert_int_equal(frame.literal_size, literals == 0 ? 5 : 3);
				assert_int_equal(frame.synchronising, literals == 1);
				literals++;
				imap_frame_accept_literal(&frame);
				event = imap_frame_scan(&frame, input);
			}
			if (event == FRAME_LINE)
				break;
			assert_true(there < text.len);
		}
		assert_int_equal(frame.scanned, text.len - 8);
		assert_int_equal(literals, 2);
	}
}

static void markers_are_recognised(void **state)
{
	(void)state;
	size_t at;
	uint64_t size;
	bool synchronising;
	assert_true(imap_frame_literal_marker(SLICE("x {12}"), &at, &size, &synchronising) && at == 2 && size == 12 && synchronising);
	assert_true(imap_frame_literal_marker(SLICE("x ~{12+}"), &at, &size, &synchronising) && at == 2 && !synchronising);
	assert_true(imap_frame_literal_marker(SLICE("\"x {4294967295+}"), &at, &size, &synchronising) && size == 4294967295u);
	assert_true(imap_frame_literal_marker(SLICE("{99999999999999999999999}"), &at, &size, &synchronising) && size == UINT64_MAX);
	static const char *const none[] = {"", "}", "{}", "{+}", "{1", "{1} ", "{a}", "{-1}", "1}", "{1++}", "{ 1}", "\"{1}\""};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_false(imap_frame_literal_marker(slice_of(none[i]), &at, &size, &synchronising));
}

/* ---- arguments ---- */

static bool astring(struct slice text, struct slice *out)
{
	struct imap_parser parser = parser_of(text);
	return imap_parse_astring(&parser, out) && imap_parse_end(&parser);
}

static void strings_are_strict(void **state)
{
	(void)state;
	struct slice out;
	assert_true(astring(SLICE("a]b"), &out) && out.len == 3);
	assert_true(astring(SLICE("\"\""), &out) && out.len == 0);
	assert_true(astring(SLICE("\"a\\\"b\\\\\""), &out) && slice_equal(out, SLICE("a\"b\\")));
	assert_true(astring(SLICE("\"\xc3\xa9\""), &out) && slice_equal(out, SLICE("\xc3\xa9")));
	assert_true(astring(SLICE("{3}\r\n\"\xff\n"), &out) && out.len == 3);
	assert_true(astring(SLICE("{0+}\r\n"), &out) && out.len == 0);
	static const struct slice broken[] = {
		SLICE(""), SLICE("\""), SLICE("\"\\\""), SLICE("\"\\a\""), SLICE("\"\0\""), SLICE("\"\xe9\""), SLICE("\"a\r\nb\""), SLICE("a b"), SLICE("a(b"),
		SLICE("{3}\r\nab"), SLICE("{3}ab"), SLICE("{}\r\n"), SLICE("{1}\r\n\0"), SLICE("{4294967296}\r\n"), SLICE("{18446744073709551617}\r\nx"), SLICE("a\x7f"), SLICE("a\0b"),
	};
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
		assert_false(astring(broken[i], &out));
}

/* Not so much as the rest of the command for each: 12,000 strings in 60 KB took 435 MB. */
static void strings_take_no_more_memory_than_they_are_long(void **state)
{
	(void)state;
	enum { STRINGS = 12000 };
	struct buf text = BUF(1024 * 1024);
	for (int i = 0; i < STRINGS; i++)
		buf_append_text(&text, i % 2 ? "\"a\"" : "\"\\\"\"");
	struct arena *own = arena_new();
	struct imap_parser parser = {.rest = buf_slice(&text), .arena = own};
	struct slice out;
	for (int i = 0; i < STRINGS; i++)
		assert_true(imap_parse_string(&parser, &out) && out.len == 1);
	assert_true(imap_parse_end(&parser));
	assert_in_range(arena_used(own), 0, 4 * text.len);
	arena_free(&own);
	buf_free(&text);
}

static void flags_are_read(void **state)
{
	(void)state;
	struct imap_flags flags;
	struct imap_parser parser = parser_of(SLICE("(\\seen $A b \\DELETED)"));
	assert_true(imap_parse_flag_list(&parser, &flags) && imap_parse_end(&parser));
	assert_int_equal(flags.system, FLAG_SEEN | FLAG_DELETED);
	assert_true(slice_equal(flags.keywords, SLICE("$A b")) && flags.keyword_count == 2);
	parser = parser_of(SLICE("(  a  \\Seen   b ) "));
	assert_true(imap_parse_flag_list(&parser, &flags) && imap_parse_end(&parser) && slice_equal(flags.keywords, SLICE("a b")));
	static const char *const broken[] = {"", "(", "()x", "(\\)", "(\\Recent)", "(a ", "(\\*)", "(a\"b)"};
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		parser = parser_of(slice_of(broken[i]));
		assert_false(imap_parse_flag_list(&parser, &flags) && imap_parse_end(&parser));
	}
}

/* ---- FETCH ---- */

static struct imap_fetch_items fetch_items(struct slice text)
{
	struct imap_fetch_items items;
	struct imap_parser parser = parser_of(text);
	assert_true(imap_fetch_parse(&parser, &items));
	return items;
}

static void fetch_items_are_read(void **state)
{
	(void)state;
	struct imap_fetch_items items = fetch_items(SLICE("(body.peek[1.2.header.fields (A \"b c\")]<7.9> UID rfc822)"));
	assert_int_equal(items.count, 3);
	assert_true(slice_equal(items.list[0].label, SLICE("BODY[1.2.HEADER.FIELDS (A \"b c\")]<7>")));
	assert_true(!items.list[0].sets_seen && items.list[0].first == 7 && items.list[0].most == 9 && items.list[2].sets_seen);
	assert_int_equal(fetch_items(SLICE("FULL")).count, 5);
	assert_int_equal(fetch_items(SLICE("(FLAGS flags)")).count, 1);
}

static void fetch_limits_hold(void **state)
{
	(void)state;
	struct imap_fetch_items items;
	struct buf text = BUF(100000);
	buf_append_text(&text, "BODY[1");
	for (int i = 0; i < SECTION_DEPTH_MAX; i++)
		buf_append_text(&text, ".1");
	buf_append_text(&text, "]");
	struct imap_parser parser = parser_of(buf_slice(&text));
	assert_false(imap_fetch_parse(&parser, &items));
	buf_clear(&text);
	for (int i = 0; i <= FETCH_ITEMS_MAX; i++)
		buf_printf(&text, "%cBODY[%d]", i == 0 ? '(' : ' ', i + 1);
	buf_append_text(&text, ")");
	parser = parser_of(buf_slice(&text));
	assert_false(imap_fetch_parse(&parser, &items));
	buf_free(&text);
}

/* ---- SEARCH ---- */

static struct query_node *search(struct slice text)
{
	static struct imap_uid_run runs[] = {{3, 0}, {5, 1}, {8, 2}};
	static const struct imap_selected selected = {.uids = {.runs = runs, .run_count = 3, .count = 3}};
	struct imap_parser parser = parser_of(text);
	bool bad_charset;
	struct query found;
	return imap_search_parse(&parser, &selected, &found, &bad_charset) ? found.root : NULL;
}

static void cheap_keys_come_first(void **state)
{
	(void)state;
	struct query_node *root = search(SLICE(" TEXT x SUBJECT y (BODY z SEEN) UNSEEN"));
	assert_non_null(root);
	assert_int_equal(root->children->key, QUERY_FLAGS);
	assert_int_equal(root->children->next->key, QUERY_SUBJECT);
	assert_int_equal(root->cost, QUERY_COST_BODY);
}

static void search_depth_is_bounded(void **state)
{
	(void)state;
	struct buf text = BUF(1000000);
	for (int i = 0; i < 200000; i++)
		buf_append_text(&text, i == 0 ? " (" : "(");
	assert_null(search(buf_slice(&text)));
	buf_clear(&text);
	for (int i = 0; i < 100000; i++)
		buf_append_text(&text, " NOT");
	assert_null(search(buf_slice(&text)));
	buf_clear(&text);
	for (int i = 0; i <= QUERY_KEYS_MAX; i++)
		buf_append_text(&text, " ALL");
	assert_null(search(buf_slice(&text)));
	buf_free(&text);
}

/* ---- writers ---- */

static void check_string(struct slice text, struct slice wanted)
{
	struct buf out = BUF(10000);
	imap_write_nstring(&out, text);
	assert_true(slice_equal(buf_slice(&out), wanted));
	buf_free(&out);
}

static void odd_bytes_go_out_as_literals(void **state)
{
	(void)state;
	check_string(slice_make(NULL, 0), SLICE("NIL"));
	check_string(SLICE(""), SLICE("\"\""));
	check_string(SLICE("a\"b\\"), SLICE("\"a\\\"b\\\\\""));
	check_string(SLICE("\xc3\xa9"), SLICE("{2}\r\n\xc3\xa9"));
	check_string(SLICE("a\r\n)"), SLICE("{4}\r\na\r\n)"));
	check_string(SLICE("\0a\0b\0"), SLICE("{2}\r\nab"));
}

/* What the MIME parser left as it was at its limits must still be valid IMAP. */
static void structures_are_always_valid(void **state)
{
	(void)state;
	struct buf out = BUF(100000);
	struct mime_part part = {.type = SLICE("multipart"), .subtype = SLICE("mixed")};
	imap_write_structure(&out, &part, false);
	assert_string_equal(out.at, "((\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0) \"mixed\")");
	buf_clear(&out);
	part = (struct mime_part){.type = SLICE("message"), .subtype = SLICE("rfc822"), .body_size = 7};
	imap_write_structure(&out, &part, false);
	assert_string_equal(out.at, "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 7 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) "
				    "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0) 0)");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_in_any_pieces), cmocka_unit_test(markers_are_recognised), cmocka_unit_test(strings_are_strict),
		cmocka_unit_test(strings_take_no_more_memory_than_they_are_long),
		cmocka_unit_test(flags_are_read), cmocka_unit_test(fetch_items_are_read), cmocka_unit_test(fetch_limits_hold),
		cmocka_unit_test(cheap_keys_come_first), cmocka_unit_test(search_depth_is_bounded), cmocka_unit_test(odd_bytes_go_out_as_literals),
		cmocka_unit_test(structures_are_always_valid),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
