/* Unit tests of what a person sees of a message: HTML, hidden text, links, parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/memory.h"
#include "message/shown.h"

static void assert_text(struct slice found, const char *wanted)
{
	if (!slice_equal(found, slice_of(wanted)))
		fail_msg("\"%.*s\" instead of \"%s\"", SLICE_ARG(found), wanted);
}

/* Wherever it ends, nothing behind its end is read: it has memory of just its size. */
static void read_cut(struct slice html, struct arena *arena)
{
	struct html_page page;
	for (size_t len = 0; len <= html.len; len++) {
		char *exact = memory_new(len);
		memcpy(exact, html.at, len);
		html_read(slice_make(exact, len), arena, &page);
		free(exact);
	}
}

static void html_is_read_as_it_is_shown(void **state)
{
	(void)state;
	static const struct {
		const char *html, *text, *hidden;
	} cases[] = {
		{"<p>Hello,&nbsp;<b>you</b></p><p>there</p>", "Hello, you\nthere\n", ""},
		{"V<b></b>ia<!-- x -->gra", "Viagra", ""},
		{"a&#173;b\xe2\x80\x8b" "c&zwnj;d", "abcd", ""},
		{"1 &lt; 2 &amp; 3&copy;&#x20ac;&unknown; &#xd800;", "1 < 2 & 3\xc2\xa9\xe2\x82\xac&unknown; &#xd800;", ""},
		{"<style>p { color: red }</style><script>if (a < b) c();</script>shown", "shown", ""},
		{"<div style=\"display: none\">secret <i>words</i></div>seen", "seen", "secret words\n"},
		{"<span style='font-size:0px'>x</span><font color=\"#FFFFFF\" ><span>y</span></font>z", "yz", "x"},
		{"<body bgcolor=white><font color=\"#FFFFFF\">y</font>z", "z", "y"},
		{"<p style='background-color:#000'><font color=white>y</font></p>z", "y\nz", ""},
		{"a<br/>b <unknown attribute=\"never closed>c", "a\nb c", ""},
		{"<!-- never closed <b>x</b>", "x", ""},
		{"a < b <3 </", "a < b <3 ", ""},
		{"it&apos;s &apos", "it's '", ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena *arena = arena_new();
		struct html_page page;
		html_read(slice_of(cases[i].html), arena, &page);
		assert_text(page.text, cases[i].text);
		assert_text(page.hidden, cases[i].hidden);
		read_cut(slice_of(cases[i].html), arena);
		arena_free(&arena);
	}
}

static void links_have_target_and_text(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct html_page page;
	html_read(SLICE("<a class=x HREF='http://evil.example/?a=1&amp;b=2'>www.<b>bank</b>.example</a> <a href=http://two.example/>"
			"<img src=\"https://pix.example/x.gif\"></a><form action=x><a name=top>"), arena, &page);
	assert_int_equal(page.link_count, 2);
	assert_text(page.links[0].target, "http://evil.example/?a=1&b=2");
	assert_text(page.links[0].text, "www.bank.example");
	assert_text(page.links[1].target, "http://two.example/");
	assert_text(page.links[1].text, "");
	assert_true(page.images == 1 && page.remote_images == 1 && page.forms == 1);
	arena_free(&arena);
}

static void hosts_are_found_in_urls(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"http://Example.COM/path", "example.com"}, {"https://bank.example@evil.example:8080/x", "evil.example"}, {"//a.example.", "a.example"},
		{"www.example.org/x", "www.example.org"}, {"mailto:a@b.example", ""}, {"/relative", ""}, {"http://[2001:db8::1]/", "[2001:db8::1]"}, {"", ""},
		{"http://a.example\\@b.example/", "a.example"},
	};
	struct arena *arena = arena_new();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_text(shown_host(slice_of(cases[i][0]), arena), cases[i][1]);
	arena_free(&arena);
}

static void parts_are_read_and_counted(void **state)
{
	(void)state;
	static const char message[] =
		"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n"
		"--a\r\nContent-Type: text/plain; charset=koi8-r\r\nContent-Transfer-Encoding: base64\r\n\r\n8NLJ18XULCDNydIh\r\n"
		"--a\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<b>Hi</b> =C3=BC\r\n--a--\r\n"
		"--m\r\nContent-Type: image/png\r\n\r\nx\r\n--m\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nnot read\r\n"
		"--m\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nnot read, either\r\n"
		"--m\r\nContent-Type: text/plain\r\n\r\nSee http://one.example/a. And (www.two.example), or httpx://three.example\r\n--m--\r\n";
	struct arena *arena = arena_new();
	struct shown shown;
	shown_read(slice_of(message), mime_parse(slice_of(message), arena), arena, &shown);
	assert_int_equal(shown.part_count, 3);
	assert_text(shown.parts[0].text, "Привет, мир!");
	assert_text(shown.parts[1].text, "Hi ü");
	assert_true(shown.plain_parts == 2 && shown.html_parts == 1 && shown.images == 1 && shown.attachments == 1 && shown.messages == 1 && !shown.cut);
	assert_int_equal(shown.link_count, 3);
	assert_text(shown.links[0].target, "http://one.example/a");
	assert_text(shown.links[2].target, "www.two.example");
	arena_free(&arena);
}

/* However large, and however hostile: quickly, and within bounds. */
static void large_ones_are_cut(void **state)
{
	(void)state;
	static const char *const pieces[] = {"<a href=\"x", "<!--", "<script>", "<div style='", "&#", "<p>", "http://a", "www.", "<a href=x>"};
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		struct arena *arena = arena_new();
		struct shown shown;
		struct buf message = BUF(8 << 20);
		buf_append_text(&message, "Content-Type: text/html\r\n\r\n");
		while (message.len < 2 << 20)
			buf_append_text(&message, pieces[i]);
		shown_read(buf_slice(&message), mime_parse(buf_slice(&message), arena), arena, &shown);
		assert_true(shown.cut && shown.link_count <= SHOWN_LINKS_MAX);
		assert_true(arena_used(arena) < 16 << 20);
		buf_free(&message);
		arena_free(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(html_is_read_as_it_is_shown), cmocka_unit_test(links_have_target_and_text), cmocka_unit_test(hosts_are_found_in_urls),
		cmocka_unit_test(parts_are_read_and_counted),  cmocka_unit_test(large_ones_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
