/* Unit tests of summaries: what goes in comes out, small, and damage is noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/buf.h"
#include "message/summary.h"

static void assert_same_slice(struct slice a, struct slice b)
{
	assert_true(slice_equal(a, b));
	assert_true((a.at == NULL) == (b.at == NULL));
}

static void assert_same_parameters(const struct parameter *a, size_t a_count, const struct parameter *b, size_t b_count)
{
	assert_int_equal(a_count, b_count);
	for (size_t i = 0; i < a_count; i++) {
		assert_true(slice_equal(a[i].name, b[i].name));
		assert_true(slice_equal(a[i].value, b[i].value));
	}
}

static void assert_same_list(const struct address *a, size_t a_count, const struct address *b, size_t b_count)
{
	assert_int_equal(a_count, b_count);
	for (size_t i = 0; i < a_count; i++) {
		assert_int_equal(a[i].kind, b[i].kind);
		assert_true(slice_equal(a[i].name, b[i].name));
		assert_true(slice_equal(a[i].local, b[i].local));
		assert_true(slice_equal(a[i].domain, b[i].domain));
		assert_true(slice_equal(a[i].route, b[i].route));
	}
}

static void assert_same_envelope(const struct envelope *a, const struct envelope *b)
{
	assert_true((a == NULL) == (b == NULL));
	if (!a)
		return;
	assert_same_slice(a->date, b->date);
	assert_same_slice(a->subject, b->subject);
	assert_same_slice(a->in_reply_to, b->in_reply_to);
	assert_same_slice(a->message_id, b->message_id);
	assert_same_slice(a->references, b->references);
	assert_true(slice_equal(a->preview, b->preview));
	assert_int_equal(a->irregular, b->irregular);
	assert_same_list(a->from, a->from_count, b->from, b->from_count);
	assert_same_list(a->sender, a->sender_count, b->sender, b->sender_count);
	assert_same_list(a->reply_to, a->reply_to_count, b->reply_to, b->reply_to_count);
	assert_same_list(a->to, a->to_count, b->to, b->to_count);
	assert_same_list(a->cc, a->cc_count, b->cc, b->cc_count);
	assert_same_list(a->bcc, a->bcc_count, b->bcc, b->bcc_count);
}

static void assert_same_part(const struct mime_part *a, const struct mime_part *b)
{
	assert_true(slice_equal(a->type, b->type) && slice_equal(a->subtype, b->subtype) && slice_equal(a->encoding, b->encoding));
	assert_true(slice_equal(a->disposition, b->disposition));
	assert_same_slice(a->id, b->id);
	assert_same_slice(a->description, b->description);
	assert_same_slice(a->language, b->language);
	assert_same_slice(a->location, b->location);
	assert_same_slice(a->md5, b->md5);
	assert_same_parameters(a->parameters, a->parameter_count, b->parameters, b->parameter_count);
	assert_same_parameters(a->disposition_parameters, a->disposition_parameter_count, b->disposition_parameters, b->disposition_parameter_count);
	assert_true(a->header_at == b->header_at && a->header_size == b->header_size);
	assert_true(a->body_at == b->body_at && a->body_size == b->body_size && a->body_lines == b->body_lines);
	assert_same_envelope(a->envelope, b->envelope);
	assert_int_equal(a->child_count, b->child_count);
	for (size_t i = 0; i < a->child_count; i++)
		assert_same_part(&a->children[i], &b->children[i]);
}

static const char simple[] =
	"Date: Sun, 22 Nov 2026 23:19:32 +0000\r\nFrom: Alice <alice@example.test>\r\nTo: bob@example.test\r\n"
	"Subject: hello there\r\nMessage-ID: <0123456789@example.test>\r\n\r\nbody\r\n";

static const char *const messages[] = {
	simple, "", "x", "\r\n", "Subject:\r\n\r\n",
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
	"Content-Type: multipart/mixed; boundary=b\r\nTo: g: a@x;, \"\"@y, R <@one,@two:a@z>\r\n\r\n--b\r\nContent-Type: message/rfc822\r\nContent-ID:\r\n\r\n"
	"Subject: inner\r\nContent-Type: multipart/x-odd; boundary=c\r\nContent-Disposition: inline; filename=\"ü\"\r\n\r\n--c\r\n--b--\r\n",
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n--b\r\n\r\n--b--\r\n",
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nA: b\r\n--b--",
	"References: <1@example.test>\r\n <2@example.test>\r\nReferences: <3@example.test>\r\n\r\n", "References: \r\n\r\n",
};

static void what_goes_in_comes_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
		struct arena *arena = arena_new();
		struct mime_part *root = mime_parse(slice_of(messages[i]), arena);
		struct slice summary = summary_encode(root, arena);
		struct mime_part *again = summary_decode(summary, arena);
		assert_non_null(again);
		assert_same_part(root, again);
		arena_free(&arena);
	}
}

static void a_simple_message_takes_few_bytes(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct slice summary = summary_encode(mime_parse(slice_of(simple), arena), arena);
	assert_true(summary.len < 160);
	arena_free(&arena);
}

static void damage_is_noticed(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct slice summary = summary_encode(mime_parse(slice_of(messages[6]), arena), arena);
	for (size_t len = 0; len < summary.len; len++)
		assert_null(summary_decode(slice_sub(summary, 0, len), arena));
	struct slice longer = arena_printf(arena, "%.*s!", SLICE_ARG(summary));
	longer.len = summary.len + 1;
	assert_null(summary_decode(longer, arena));
	char *bytes = arena_text(arena, summary);
	for (size_t i = 0; i < summary.len; i++)
		for (int value = 0; value < 256; value += 5) {
			struct arena *attempt = arena_new();
			char *copy = malloc(summary.len); /* on its own, so that reading beyond its end is seen */
			memcpy(copy, bytes, summary.len);
			copy[i] = (char)value;
			summary_decode(slice_make(copy, summary.len), attempt); /* may be fine or not, but ends */
			assert_true(arena_used(attempt) < 1 << 20);
			free(copy);
			arena_free(&attempt);
		}
	bytes[0] = 99;
	assert_null(summary_decode(slice_make(bytes, summary.len), arena));
	arena_free(&arena);
}

/* RFC 8621 §4.1.4: without quotations, in one line, of at most 256 characters. */
static void previews_show_how_a_text_begins(void **state)
{
	(void)state;
	static const struct { const char *message, *expected; } cases[] = {
		{"\r\n  Hello,\r\n\r\n\tworld \r\n", "Hello, world"}, {"\r\nAnn wrote:\r\n> old\r\n\r\nnew\r\n-- \r\nBob\r\n", "new"}, {"\r\n> all of it\r\n", "> all of it"},
		{"Content-Type: text/html\r\n\r\n<style>p{}</style><p>One &amp; <b>two</b></p><p>three", "One & two three"},
		{"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9", "caf\xc3\xa9"},
		{"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n \r\n--b\r\nContent-Type: text/html\r\n\r\nfrom html\r\n--b--\r\n", "from html"},
		{"Content-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nno\r\n", ""}, {"", ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena *arena = arena_new();
		struct slice message = slice_of(cases[i].message);
		assert_true(slice_equal(message_preview(message, mime_parse(message, arena), arena), slice_of(cases[i].expected)));
		arena_free(&arena);
	}
}

static void previews_end_with_a_whole_character(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct buf message = BUF(1 << 20);
	buf_append_text(&message, "Content-Type: text/plain; charset=utf-8\r\n\r\n");
	for (int i = 0; i < 9000; i++)
		buf_append_text(&message, "\xf0\x9f\x98\x80");
	struct slice preview = message_preview(buf_slice(&message), mime_parse(buf_slice(&message), arena), arena);
	assert_int_equal(preview.len, MESSAGE_PREVIEW_MAX / 2 * 4); /* each counts as two */
	assert_true(slice_is_utf8(preview));
	buf_free(&message);
	arena_free(&arena);
}

/* What a list of messages shows is in the summary, unless the header has to be asked. */
static void irregular_headers_are_marked(void **state)
{
	(void)state;
	static const struct { const char *message; bool irregular; } cases[] = {
		{"From: a@x\r\nTo: b@x\r\nSubject: s\r\n\r\n", false}, {"Subject: a\r\nSubject: b\r\n\r\n", true}, {"To: a@x\r\nTo: b@x\r\n\r\n", true},
		{"Subject: a \r\n\r\n", true}, {"From: \"=?utf-8?q?a?=\" <a@x>\r\n\r\n", true}, {"From: =?utf-8?q?a?= <a@x>\r\n\r\n", false},
		{"References: <a@x>\r\n <b@x>\r\n\r\n", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena *arena = arena_new();
		struct mime_part *again = summary_decode(summary_encode(mime_parse(slice_of(cases[i].message), arena), arena), arena);
		assert_int_equal(again->envelope->irregular, cases[i].irregular);
		arena_free(&arena);
	}
}

static void a_large_summary_is_cut(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct buf message = BUF(8 << 20);
	buf_append_text(&message, "Subject: big\r\nContent-Type: multipart/mixed; boundary=b\r\nTo: g:");
	for (int i = 0; i < 20000; i++)
		buf_printf(&message, "\r\n recipient number %d <recipient-%d@a-rather-long-name-of-a-domain-that-takes-room.example.test>,", i, i);
	buf_append_text(&message, ";\r\n\r\n");
	for (int i = 0; i < 1900; i++) {
		buf_append_text(&message, "--b\r\nContent-Description: ");
		for (int k = 0; k < 30; k++)
			buf_append_text(&message, "described ");
		buf_append_text(&message, "\r\n\r\nx\r\n");
	}
	assert_false(message.overflow);
	struct mime_part *root = mime_parse(buf_slice(&message), arena);
	struct slice summary = summary_encode(root, arena);
	assert_true(summary.len > 0 && summary.len <= SUMMARY_MAX);
	struct mime_part *cut = summary_decode(summary, arena);
	assert_non_null(cut);
	assert_int_equal(cut->child_count, 0);
	assert_true(slice_equal(cut->subtype, SLICE("octet-stream")));
	assert_true(cut->body_at == root->body_at && cut->body_size == root->body_size);
	assert_true(slice_equal(cut->envelope->subject, SLICE("big")));
	buf_free(&message);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(a_simple_message_takes_few_bytes),
		cmocka_unit_test(damage_is_noticed),
		cmocka_unit_test(previews_show_how_a_text_begins),
		cmocka_unit_test(previews_end_with_a_whole_character),
		cmocka_unit_test(irregular_headers_are_marked),
		cmocka_unit_test(a_large_summary_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
