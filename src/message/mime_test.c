/* Unit tests of structure, offsets, parameters, transfer encodings and charsets. */
#include "message/fixture.h"

#include <unistr.h>

#include "message/header.h"
#include "message/mime.h"

static struct slice body_of(struct slice message, const struct mime_part *part)
{
	return slice_sub(message, (size_t)part->body_at, (size_t)part->body_size);
}

/* Writes the tree as "multipart/mixed(text/plain:5:1 …)": type, size, lines. */
static void show(const struct mime_part *part, struct buf *out)
{
	buf_printf(out, "%.*s/%.*s:%d:%d", SLICE_ARG(part->type), SLICE_ARG(part->subtype), (int)part->body_size, (int)part->body_lines);
	for (size_t i = 0; i < part->child_count; i++) {
		buf_append_char(out, i == 0 ? '(' : ' ');
		show(&part->children[i], out);
	}
	if (part->child_count > 0)
		buf_append_char(out, ')');
}

static void assert_tree(struct arena *arena, struct slice message, const char *expected)
{
	struct buf out = BUF(10000);
	show(mime_parse(message, arena), &out);
	assert_string_equal(out.at, expected);
	buf_free(&out);
}

static void a_simple_message_is_one_part(void **state)
{
	struct slice message = SLICE("Subject: hi\r\nFrom: a@x\r\n\r\none\r\ntwo");
	struct mime_part *root = mime_parse(message, *state);
	assert_tree(*state, message, "text/plain:8:1");
	assert_int_equal(root->header_at, 0);
	assert_int_equal(root->header_size, 26);
	assert_slice(body_of(message, root), "one\r\ntwo");
	assert_slice(root->encoding, "7bit");
	assert_slice(root->envelope->subject, "hi");
	assert_true(root->envelope->date.at == NULL);
	assert_tree(*state, SLICE(""), "text/plain:0:0");
	assert_tree(*state, SLICE("no header at all"), "text/plain:16:0");
	assert_tree(*state, SLICE("\r\nbody\r\n"), "text/plain:6:1");
}

static const struct slice nested = {
	"Content-Type: multipart/mixed; boundary=\"outer\"\r\n" /* 49 bytes */
	"\r\n"
	"preamble\r\n"
	"--outer\r\n"
	"Content-Type: text/html; charset=UTF-8\r\n"
	"Content-Transfer-Encoding: Quoted-Printable\r\n"
	"Content-ID: <one@x>\r\n"
	"\r\n"
	"<p>one\r\n"
	"\r\n"
	"--outer  \r\n"
	"Content-Type: message/rfc822\r\n"
	"\r\n"
	"Subject: inner\r\n"
	"Content-Type: multipart/alternative; boundary=outer-inner\r\n"
	"\r\n"
	"--outer-inner\r\n"
	"\r\n"
	"text\r\n"
	"--outer-inner\r\n"
	"Content-Type: image/png; name*=utf-8''%D0%9F.png\r\n"
	"Content-Disposition: ATTACHMENT; filename=\"a b.png\"; size=4\r\n"
	"\r\n"
	"data\r\n"
	"--outer-inner--\r\n"
	"epilogue\r\n"
	"--outer--\r\n"
	"epilogue\r\n",
	0};

static struct slice nested_message(void)
{
	return slice_of(nested.at);
}

static void nested_parts_have_their_offsets(void **state)
{
	struct slice message = nested_message();
	struct mime_part *root = mime_parse(message, *state);
	assert_slice(root->subtype, "mixed");
	assert_int_equal(root->child_count, 2);
	struct mime_part *html = &root->children[0], *inner = root->children[1].children;
	assert_slice(body_of(message, html), "<p>one\r\n");
	assert_int_equal(html->body_lines, 1);
	assert_slice(html->encoding, "quoted-printable");
	assert_slice(html->id, "<one@x>");
	assert_slice(parameter_get(html->parameters, html->parameter_count, SLICE("Charset")), "UTF-8");
	assert_true(html->envelope == NULL);
	assert_slice(slice_sub(message, (size_t)html->header_at, 13), "Content-Type:");
	assert_slice(inner->envelope->subject, "inner");
	assert_int_equal(inner->child_count, 2);
	assert_slice(body_of(message, &inner->children[0]), "text");
	assert_int_equal(inner->children[0].header_size, 2);
	struct mime_part *image = &inner->children[1];
	assert_slice(body_of(message, image), "data");
	assert_slice(parameter_get(image->parameters, image->parameter_count, SLICE("name")), "П.png");
	assert_slice(image->disposition, "attachment");
	assert_slice(parameter_get(image->disposition_parameters, image->disposition_parameter_count, SLICE("filename")), "a b.png");
	assert_true(root->children[1].body_at == inner->header_at);
	assert_true(root->children[1].body_size == inner->header_size + inner->body_size);
	assert_true(slice_ends_nocase(body_of(message, inner), SLICE("--outer-inner--\r\nepilogue")));
	assert_true(root->body_at + root->body_size == message.len);
}

static void parts_are_found_by_number(void **state)
{
	struct mime_part *root = mime_parse(nested_message(), *state);
	assert_true(mime_find(root, NULL, 0) == root);
	assert_true(mime_find(root, (uint32_t[]){1}, 1) == &root->children[0]);
	assert_true(mime_find(root, (uint32_t[]){2}, 1) == &root->children[1]);
	assert_true(mime_find(root, (uint32_t[]){2, 2}, 2) == &root->children[1].children[0].children[1]);
	assert_true(mime_find(root, (uint32_t[]){3}, 1) == NULL);
	assert_true(mime_find(root, (uint32_t[]){0}, 1) == NULL);
	assert_true(mime_find(root, (uint32_t[]){1, 1}, 2) == NULL);
	assert_true(mime_find(root, (uint32_t[]){2, 2, 1}, 3) == NULL);
	assert_true(mime_find(root, (uint32_t[]){2, UINT32_MAX}, 2) == NULL);
	struct mime_part *text = mime_parse(SLICE("A: b\r\n\r\nx"), *state);
	assert_true(mime_find(text, (uint32_t[]){1}, 1) == text);
	assert_true(mime_find(text, (uint32_t[]){1, 1}, 2) == NULL);
	struct mime_part *forward = mime_parse(SLICE("Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\nx"), *state);
	assert_true(mime_find(forward, (uint32_t[]){1}, 1) == forward);
	assert_true(mime_find(forward, (uint32_t[]){1, 1}, 2) == forward->children);
	assert_true(mime_find(forward, (uint32_t[]){1, 1, 1}, 3) == NULL);
}

#define MULTIPART(boundary) "Content-Type: multipart/mixed; boundary=" boundary "\r\n\r\n"

/* Header and body of a message inside are the bytes of the part that holds it, no more. */
static void a_message_inside_ends_with_its_part(void **state)
{
	static const char *const inner[] = {"Subject: all", "Subject: all\r\n", "no header", "Subject: x\r\n\r\n", "Subject: x\r\n\r\ntext", "",
					    "Content-Type: message/rfc822\r\n\r\nSubject: all"};
	for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
		struct buf text = BUF(1000);
		buf_printf(&text, MULTIPART("b") "--b\r\nContent-Type: message/rfc822\r\n\r\n%s\r\n--b--\r\n", inner[i]);
		const struct mime_part *part = mime_parse(buf_slice(&text), *state)->children;
		assert_slice(body_of(buf_slice(&text), part), inner[i]);
		for (; part->child_count == 1; part = part->children) {
			const struct mime_part *message = part->children;
			assert_int_equal(message->header_at, part->body_at);
			assert_int_equal(message->body_at, message->header_at + message->header_size);
			assert_int_equal(message->header_size + message->body_size, part->body_size);
		}
		buf_free(&text);
	}
}

static void broken_structures_are_read(void **state)
{
	static const struct { struct slice message; const char *tree; } cases[] = {
		{SLICE(MULTIPART("b") "--b\r\n\r\nx\r\n--b\r\n\r\ny"), "multipart/mixed:18:5(text/plain:1:0 text/plain:1:0)"},
		{SLICE(MULTIPART("b") "--b\n\nx\n--b--\n"), "multipart/mixed:13:4(text/plain:1:0)"},
		{SLICE(MULTIPART("b") "--b\r\n--b--"), "multipart/mixed:10:1(text/plain:0:0)"},
		{SLICE(MULTIPART("b") "--b\r\n\r\n--b--"), "multipart/mixed:12:2(text/plain:0:0)"},
		{SLICE(MULTIPART("b") "--b\r\n\r\n\r\n--b--"), "multipart/mixed:14:3(text/plain:0:0)"},
		{SLICE(MULTIPART("b") "--b\r\nA: b\r\n--b--"), "multipart/mixed:16:2(text/plain:0:0)"},
		{SLICE(MULTIPART("b") "no delimiter\r\n"), "text/plain:14:1"},
		{SLICE(MULTIPART("b") "--b--\r\n"), "text/plain:7:1"},
		{SLICE(MULTIPART("b")), "text/plain:0:0"},
		{SLICE(MULTIPART("b") "--b"), "multipart/mixed:3:0(text/plain:0:0)"},
		{SLICE(MULTIPART("\"\"") "--\r\n\r\nx"), "text/plain:7:2"},
		{SLICE("Content-Type: multipart/mixed\r\n\r\n--\r\nx"), "text/plain:5:1"},
		{SLICE(MULTIPART("b") " --b\r\n--bb\r\n--b-\r\n--b---\r\n--b x\r\n"), "text/plain:33:5"},
		{SLICE("Content-Type: text/html\r\nContent-Type: image/png\r\n\r\n"), "text/html:0:0"},
		{SLICE("Content-Type: nonsense\r\n\r\n"), "text/plain:0:0"},
		{SLICE("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nA: b\r\n\r\nx\r\n--b--"),
			"multipart/digest:23:5(message/rfc822:9:2(text/plain:1:0))"},
		{SLICE("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nQTogYg=="), "application/octet-stream:8:0"},
		{SLICE("Content-Type: message/rfc822\r\n\r\n"), "message/rfc822:0:0(text/plain:0:0)"},
		{SLICE("Content-Type: message/rfc822\r\n"), "application/octet-stream:0:0"},
		{SLICE(MULTIPART("b") "--b\r\n" MULTIPART("c") "--c\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--"),
			"multipart/mixed:75:9(multipart/mixed:8:2(text/plain:1:0) text/plain:1:0)"},
		{SLICE(MULTIPART("b") "--b\r\n" MULTIPART("bc") "--bc\r\n\r\nx\r\n--bc--\r\n--b--"),
			"multipart/mixed:75:7(multipart/mixed:17:3(text/plain:1:0))"},
		{SLICE(MULTIPART("bc") "--bc\r\n" MULTIPART("b") "--b\r\n\r\nx\r\n--b--\r\n--bc--"),
			"multipart/mixed:74:7(multipart/mixed:15:3(text/plain:1:0))"},
		/* a boundary that ends in blanks, and one that doesn't */
		{SLICE(MULTIPART("\"b \"") "--b \r\n\r\nx\r\n--b\r\n\r\ny\r\n--b --\r\n"), "multipart/mixed:29:7(text/plain:1:0 text/plain:1:0)"},
		{SLICE(MULTIPART("\"b  \"") "--b  \r\n\r\nx\r\n--b  -- \r\n"), "multipart/mixed:22:4(text/plain:1:0)"},
		{SLICE(MULTIPART("b") "--b \r\n\r\nx\r\n--b --\r\n"), "multipart/mixed:19:4(text/plain:11:2)"},
		/* headers that aren't ended */
		{SLICE("Subject: x\r\n<p>one\r\n\r\ntwo"), "text/plain:13:2"},
		{SLICE(MULTIPART("b") "--b\r\nContent-Type: text/html\r\n<p>\r\n--b\r\nplain\r\n--b--"),
			"multipart/mixed:52:5(text/html:3:0 text/plain:5:0)"},
		{SLICE("Content-Type: message/rfc822\r\n\r\nSubject: x\r\nThe text\r\n"), "message/rfc822:22:2(text/plain:10:1)"},
		{SLICE("Content-Type: text/html\r\n--b\r\n"), "text/html:5:1"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_tree(*state, cases[i].message, cases[i].tree);
}

static void languages_and_locations_are_read(void **state)
{
	static const struct { const char *body, *language; } languages[] = {
		{"en", "en"}, {"en, fr", "en, fr"}, {" EN-gb ,(British)fr(French),, de", "en-gb, fr, de"}, {"en;fr", "en, fr"}, {"(none)", ""}, {"", ""},
	};
	static const struct { const char *body, *location; } locations[] = {
		{"http://x.test/a", "http://x.test/a"}, {"\"http://x.test/a\" (here)", "http://x.test/a"}, {"(a) http://x.test/\r\n b (c)", "http://x.test/b"},
		{"\"open", "\"open"}, {"a(b)", "a(b)"}, {"", ""}, {"\"\"", ""},
	};
	for (size_t i = 0; i < sizeof languages / sizeof *languages; i++)
		assert_slice(mime_parse(arena_printf(*state, "Content-Language: %s\r\n\r\n", languages[i].body), *state)->language, languages[i].language);
	for (size_t i = 0; i < sizeof locations / sizeof *locations; i++)
		assert_slice(mime_parse(arena_printf(*state, "Content-Location: %s\r\n\r\n", locations[i].body), *state)->location, locations[i].location);
}

static void parameters_are_read(void **state)
{
	static const struct { const char *text, *name, *value; } cases[] = {
		{"; charset=utf-8", "charset", "utf-8"},
		{" ; CharSet = \"utf-8\" ; x=y", "charset", "utf-8"},
		{"; charset=us-ascii (Plain text)", "charset", "us-ascii"},
		{"; name=my photo (1).jpg; x=y", "name", "my photo (1).jpg"},
		{"; name=\"a;b\\\"c\"", "name", "a;b\"c"},
		{"; name=\"open; charset=x", "name", "open"},
		{"; name=\"a\" charset=x", "charset", "x"},
		{" charset=x", "charset", "x"},
		{"; a; b=c", "b", "c"},
		{"; name=one; name=two", "name", "one"},
		{"; name=", "name", ""},
		{"; name*=utf-8'en'%D0%9F%20x", "name", "П x"},
		{"; name*=iso-8859-1''%FC", "name", "ü"},
		{"; name*=''%41", "name", "A"},
		{"; name*=no-quotes%41", "name", "no-quotesA"},
		{"; name*=utf-8''%00%0d%0aX%", "name", "   X%"},
		{"; name=plain; name*=utf-8''better", "name", "better"},
		{"; name*0=one; name*1=\" two\"", "name", "one two"},
		{"; name*1=b; name*0=a; name*3=d; name*2=c", "name", "abcd"},
		{"; name*0=a; name*2=c", "name", "a"},
		{"; name*0=a; name*0=x; name*1=b; name*1=y", "name", "ab"},
		{"; name*0*=utf-8''%D0; name*1*=%9F; name*2=\"%41\"", "name", "П%41"},
		{"; name*1=b; name=whole", "name", "whole"},
		{"; name*99999=x; name=y", "name", "y"},
		{"; name*00=a; name*01=b", "name", "ab"},
		{"; name=\xfc", "name", "ü"},
		{"; boundary=\"\xfc\"", "boundary", "\xfc"},
		{";\r\n\tname=\"fol\r\n ded\"", "name", "fol ded"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice message = arena_printf(*state, "Content-Type: text/plain%s\r\n\r\n", cases[i].text);
		struct mime_part *part = mime_parse(message, *state);
		assert_slice(parameter_get(part->parameters, part->parameter_count, slice_of(cases[i].name)), cases[i].value);
	}
	struct mime_part *part = mime_parse(SLICE("Content-Type: text/plain; name*1=b\r\n\r\n"), *state);
	assert_int_equal(part->parameter_count, 0);
	assert_true(parameter_get(part->parameters, part->parameter_count, SLICE("name")).at == NULL);
	part = mime_parse(SLICE("Content-Disposition: filename=\"x.pdf\"\r\n\r\n"), *state);
	assert_slice(part->disposition, "attachment");
	assert_slice(part->disposition_parameters[0].value, "x.pdf");
}

static void envelopes_are_read(void **state)
{
	struct slice header = SLICE(
		"Date: Sun, 22 Nov 2026\r\n 23:19:32 +0000\r\n"
		"From: Alice <alice@x>\r\nFrom: mallory@x\r\n"
		"To: a@x\r\nTo: b@x, c@x\r\nCc: g: d@x;\r\n"
		"Message-ID: <1@x>\r\nMessage-ID: <2@x>\r\nIn-Reply-To:\r\nsubject: =?utf-8?q?x?=\r\n\r\nBcc: no@x\r\n");
	struct envelope *envelope = envelope_parse(header, 100, *state);
	assert_slice(envelope->date, "Sun, 22 Nov 2026 23:19:32 +0000");
	assert_slice(envelope->subject, "=?utf-8?q?x?=");
	assert_slice(envelope->message_id, "<1@x>");
	assert_true(envelope->in_reply_to.at != NULL && envelope->in_reply_to.len == 0);
	assert_int_equal(envelope->from_count, 1);
	assert_slice(envelope->from[0].local, "alice");
	assert_int_equal(envelope->to_count, 3);
	assert_slice(envelope->to[2].local, "c");
	assert_int_equal(envelope->cc_count, 3);
	assert_true(envelope->bcc == NULL && envelope->sender == NULL);
	assert_int_equal(envelope_parse(header, 2, *state)->to_count, 2);
}

static void assert_decoded(const char *encoding, struct slice body, const char *expected)
{
	struct buf out = BUF(10000);
	assert_true(mime_decode(slice_of(encoding), body, &out));
	assert_slice(buf_slice(&out), expected);
	buf_free(&out);
}

static void bodies_are_decoded(void **state)
{
	(void)state;
	assert_decoded("base64", SLICE("aGVsbG8="), "hello");
	assert_decoded("BASE64", SLICE("aG Vs\r\nbG8\r\n"), "hello");
	assert_decoded("base64", SLICE("aGk=aGk="), "hihi");
	assert_decoded("base64", SLICE("!a*G-k"), "hi");
	assert_decoded("base64", SLICE("a"), "");
	assert_decoded("base64", SLICE("====="), "");
	assert_decoded("quoted-printable", SLICE("a=3Db=\r\nc =  \r\nd\t \r\ne=zz=4"), "a=bc d\r\ne=zz=4");
	assert_decoded("quoted-printable", SLICE("a=3db=\nc  \nx  y="), "a=bc\nx  y");
	assert_decoded("8bit", SLICE("a=3D"), "a=3D");
	struct buf small = BUF(3);
	assert_false(mime_decode(SLICE("base64"), SLICE("aGVsbG8="), &small));
	assert_slice(buf_slice(&small), "hel");
	assert_false(mime_decode(SLICE("7bit"), SLICE("x"), &small));
	buf_free(&small);
}

static void assert_converted(const char *charset, struct slice bytes, const char *expected)
{
	struct buf out = BUF(10000);
	assert_true(charset_to_utf8(slice_of(charset), bytes, &out));
	assert_slice(buf_slice(&out), expected);
	buf_free(&out);
}

static void charsets_are_converted(void **state)
{
	(void)state;
	assert_converted("utf-8", SLICE("ü\xff\xc3"), "ü\xef\xbf\xbd\xef\xbf\xbd");
	assert_converted("ISO-8859-1", SLICE("\xfc\x80"), "ü€");
	assert_converted("windows-1251", SLICE("\xcf\xf0"), "Пр");
	assert_converted("gb2312", SLICE("\xc4\xe3\xff"), "你\xef\xbf\xbd");
	assert_converted("shift_jis", SLICE("\x93\xfa\x93"), "日\xef\xbf\xbd");
	assert_converted("us-ascii", SLICE("ü"), "ü");
	assert_converted("us-ascii", SLICE("\xfc"), "ü");
	assert_converted("", SLICE("\xfc"), "ü");
	assert_converted("utf-16le", SLICE("a\0b\0c"), "ab\xef\xbf\xbd");
	assert_converted("UTF-8//IGNORE", SLICE("\xfc"), "ü"); /* no such name: nothing reaches iconv but the table's names */
	assert_converted("../../x", SLICE("\xfc"), "ü");
	/* names as they are written */
	static const char *const cyrillic[] = {"cp1251", "CP-1251", "win-1251", "x-cp1251", "\"windows-1251\"", "windows1251; format=flowed", " Windows_1251 ", "ms1251",
						"charset=windows-1251", "ansi-1251"};
	for (size_t i = 0; i < sizeof cyrillic / sizeof *cyrillic; i++)
		assert_converted(cyrillic[i], SLICE("\xcf\xf0"), "Пр");
	assert_converted("ISO_8859-2:1987", SLICE("\xb1"), "ą");
	assert_converted("8859-2", SLICE("\xb1"), "ą");
	assert_converted("ISO8859-15", SLICE("\xa4"), "€");
	assert_converted("utf8", SLICE("ü"), "ü");
	assert_converted("UTF_8", SLICE("ü"), "ü");
	assert_converted("'utf-8'", SLICE("ü"), "ü");
	assert_converted("x-unknown", SLICE("ü"), "ü");
	assert_converted("no-such", SLICE("ü"), "ü");
	assert_converted("no-such", SLICE("\xfc\x80"), "ü€");
	assert_converted("windows-99999", SLICE("\xfc"), "ü");
	/* a damaged character costs itself alone */
	assert_converted("euc-kr", SLICE("\xb0\xa1\xff\xff\xb0\xa1"), "가\xef\xbf\xbd가");
	assert_converted("euc-jp", SLICE("\xc6\xfc\xa9\xa1\xcb\xdc"), "日\xef\xbf\xbd本");
	assert_converted("shift_jis", SLICE("\x93\xfa\x93\n\x96\x7b"), "日\xef\xbf\xbd\n本");
	assert_converted("utf-16be", SLICE("\xd8\x00\0a"), "\xef\xbf\xbd" "a");
	assert_converted("utf-16be", SLICE("\0a\xdc\x00\0b"), "a\xef\xbf\xbd" "b");
	assert_true(charset_is_wide(SLICE("UTF-16")) && charset_is_wide(SLICE("utf32le")) && !charset_is_wide(SLICE("utf-8")) && !charset_is_wide(SLICE("")));
	struct buf small = BUF(3);
	assert_false(charset_to_utf8(SLICE("koi8-r"), SLICE("\xd0\xd2\xc9"), &small));
	buf_free(&small);
}

/* Pairs between shifts. */
static void shifted_charsets_are_converted(void **state)
{
	(void)state;
	assert_converted("iso-2022-jp", SLICE("a\x1b$BF|K\\\x1b(Bb"), "a日本b");
	assert_converted("ISO-2022-JP", SLICE("\x1b$B-!F|\x1b(B"), "①日"); /* NEC's */
	assert_converted("iso-2022-jp", SLICE("\x1b$B)!F|K\\\x1b(Bb"), "\xef\xbf\xbd日本b"); /* not assigned */
	assert_converted("iso-2022-jp", SLICE("\x1b$BF|K\x1b(Bb\x1b$BK\\\x1b(B"), "日\xef\xbf\xbd" "b本"); /* half a pair */
	assert_converted("iso-2022-jp", SLICE("\x1b$BF|K\nline\n"), "日\xef\xbf\xbd\nline\n");
	assert_converted("iso-2022-jp", SLICE("\x1b$BF|\x80K\\\x1b(B"), "日\xef\xbf\xbd本");
	assert_converted("iso-2022-jp", SLICE("\x1b(I1\x1b(B \x0e" "1\x0f" "1"), "ｱ ｱ1");
	assert_converted("iso-2022-jp-1", SLICE("\x1b$(D0!\x1b(B"), "丂");
	assert_converted("iso-2022-jp-2", SLICE("\x1b$AVP\x1b$(CGQ\x1b$BF|\x1b(B."), "中한日.");
	assert_converted("iso-2022-jp", SLICE("\x1b%x"), "\xef\xbf\xbd%x");
	assert_converted("iso-2022-jp", SLICE("ほげの会"), "ほげの会");
	assert_converted("iso-2022-jp", SLICE("\x93\xfa"), "日");
	assert_converted("iso-2022-jp", SLICE("\x1b$B"), "");
	assert_converted("iso-2022-kr", SLICE("\x1b$)C\x0eGQ\x0f.\n"), "한.\n");
	assert_converted("iso-2022-kr", SLICE("\x0eGQG\x0f.GQ"), "한\xef\xbf\xbd.GQ");
	assert_converted("hz-gb-2312", SLICE("~{VP~} ~~ ~\na~{VP\nVP"), "中 ~ a中\nVP");
	assert_converted("utf-7", SLICE("ü"), "ü");
	struct buf small = BUF(4);
	assert_false(charset_to_utf8(SLICE("iso-2022-jp"), SLICE("\x1b$BF|K\\"), &small));
	buf_free(&small);
}

static void text_is_folded(void **state)
{
	assert_slice(text_fold_blanks(SLICE("A\r\n\t b  C "), *state), "a b c ");
	assert_slice(text_fold_blanks(SLICE(""), *state), "");
	assert_slice(text_fold(SLICE("HeLLo"), *state), "hello");
	assert_slice(text_fold(SLICE("ГРÜßE"), *state), "грüsse");
	assert_slice(text_fold(SLICE("e\xcc\x81"), *state), "é");
	assert_slice(text_fold(SLICE("\xffÜ"), *state), "\xef\xbf\xbdü");
}

/* The short way for simple characters must agree with the library's: each one beside a letter that takes the long way. */
static void simple_folding_agrees_with_the_whole(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	for (uint32_t c = 0x80; c < 0x20000; c++) {
		if (c >= 0xd800 && c < 0xe000)
			continue;
		char alone[8], beside[8];
		size_t len = (size_t)u8_uctomb((uint8_t *)alone, c, sizeof alone);
		memcpy(beside, alone, len);
		memcpy(beside + len, "\xc3\x9f", 2); /* ß: folds to ss */
		struct slice one = text_fold(slice_make(alone, len), arena), two = text_fold(slice_make(beside, len + 2), arena);
		if (two.len != one.len + 2 || memcmp(one.at, two.at, one.len) != 0 || memcmp(two.at + one.len, "ss", 2) != 0)
			fail_msg("U+%04X folds in two ways", (unsigned)c);
		arena_reset(arena);
	}
	arena_free(&arena);
}

/* ATTACKS: deep nesting ends, and what is below the limit is kept whole. */
static void deep_nesting_is_bounded(void **state)
{
	(void)state;
	static const char *const levels[] = {
		"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n", "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n",
		"Content-Type: message/rfc822\r\n\r\n", "Content-Type: multipart/digest; boundary=x\r\n\r\n--x\r\n\r\n",
	};
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		struct arena *arena = arena_new();
		struct buf message = BUF(1 << 20);
		for (int level = 0; level < 10000; level++) {
			if (i == 0)
				buf_printf(&message, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", level, level);
			else
				buf_append_text(&message, levels[i]);
		}
		assert_false(message.overflow);
		int64_t start = cpu_ms();
		const struct mime_part *part = mime_parse(buf_slice(&message), arena);
		assert_true(cpu_ms() - start < HUGE_MS);
		size_t depth = 1;
		for (; part->child_count > 0; depth++)
			part = &part->children[0];
		assert_int_equal(depth, MIME_DEPTH_MAX);
		assert_slice(part->subtype, "octet-stream");
		if (i != 1 && i != 3) /* there a delimiter of the level above ends it */
			assert_true(part->body_at + part->body_size == message.len);
		assert_true(arena_used(arena) < 2 << 20);
		buf_free(&message);
		arena_free(&arena);
	}
}

static void many_parts_are_bounded(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct buf message = BUF(4 << 20);
	buf_append_text(&message, MULTIPART("b"));
	for (size_t i = 0; i < 100000; i++)
		buf_append_text(&message, "--b\r\n\r\nx\r\n");
	struct mime_part *root = mime_parse(buf_slice(&message), arena);
	assert_int_equal(root->child_count, MIME_PARTS_MAX - 1);
	struct mime_part *last = &root->children[root->child_count - 1];
	assert_true(last->body_at + last->body_size == message.len); /* nothing is outside */
	buf_free(&message);
	arena_free(&arena);
}

/* ATTACKS: no shape of message takes more than linear time; quadratic time would be far over the limit. */
static void huge_messages_take_linear_time(void **state)
{
	(void)state;
	static const struct { const char *start, *unit; } cases[] = {
		{"Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--\n"}, {"Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--b"},
		{"Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--b\r\n"}, {"", "\n"}, {"\n", "\n"}, {"", "To: a@x, b@y\r\n"}, {"", "Content-Type: text/plain; a=b\r\n"},
		{"Content-Type: text/plain", "; name*1=x"}, {"Content-Type: text/plain", "; name*=x''y"}, {"Content-Type: text/plain", ";("},
		{"Content-Type: text/plain", "; a=\""}, {"Content-Type: text/plain", "("}, {"Content-Type: text/plain; a=", "x ("}, {"Content-Type: text/plain; a", " "},
		{"Content-Type: text/plain; name*0*=", "%41"}, {"Content-Type: text/plain", "; x(=)y"}, {"Content-Type: ", "()"}, {"Subject: ", "x\r\n "},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena *arena = arena_new();
		struct buf message = BUF(1 << 20);
		buf_append_text(&message, cases[i].start);
		while (message.len < HUGE_BYTES)
			buf_append_text(&message, cases[i].unit);
		int64_t start = cpu_ms();
		mime_parse(buf_slice(&message), arena);
		if (cpu_ms() - start > HUGE_MS)
			fail_msg("slow: %s %s", cases[i].start, cases[i].unit);
		if (arena_used(arena) > 2 << 20)
			fail_msg("much memory: %zu for %s %s", arena_used(arena), cases[i].start, cases[i].unit);
		buf_free(&message);
		arena_free(&arena);
	}
}

/* ATTACKS: quoted-printable that is all white space or all soft breaks. */
static void huge_bodies_are_decoded_in_linear_time(void **state)
{
	(void)state;
	static const char *const units[] = {" ", "= ", "=\r", "=\r\n", " x", "  =", "\t\t\t\n", "=41", "===="};
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		struct buf body = BUF(1 << 20), out = BUF(6 << 20);
		while (body.len < HUGE_BYTES)
			buf_append_text(&body, units[i]);
		int64_t start = cpu_ms();
		assert_true(mime_decode(SLICE("quoted-printable"), buf_slice(&body), &out));
		buf_clear(&out);
		assert_true(mime_decode(SLICE("base64"), buf_slice(&body), &out));
		if (cpu_ms() - start > HUGE_MS)
			fail_msg("slow: %s", units[i]);
		buf_free(&body);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_simple_message_is_one_part, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(nested_parts_have_their_offsets, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(parts_are_found_by_number, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(a_message_inside_ends_with_its_part, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(broken_structures_are_read, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(languages_and_locations_are_read, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(parameters_are_read, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(envelopes_are_read, make_arena, free_arena),
		cmocka_unit_test(bodies_are_decoded),
		cmocka_unit_test(charsets_are_converted),
		cmocka_unit_test(shifted_charsets_are_converted),
		cmocka_unit_test_setup_teardown(text_is_folded, make_arena, free_arena),
		cmocka_unit_test(simple_folding_agrees_with_the_whole),
		cmocka_unit_test(deep_nesting_is_bounded),
		cmocka_unit_test(many_parts_are_bounded),
		cmocka_unit_test(huge_messages_take_linear_time),
		cmocka_unit_test(huge_bodies_are_decoded_in_linear_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
