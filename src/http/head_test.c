/* Heads of requests: what is taken, and above all what isn't, since another program may read it in another way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/memory.h"
#include "http/head.h"

#define HOST "Host: a.test\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST

/* The head is as large as it is: a copy, so that reading past its end is seen. Its slices point to memory that is gone after the next. */
static int parse(struct slice bytes, struct http_head *head)
{
	static char *copy;
	const char *why = NULL;
	free(copy);
	copy = bytes.len > 0 ? memory_copy(bytes.at, bytes.len) : NULL;
	int status = http_head_parse(slice_make(copy, bytes.len), head, &why);
	assert_true(status == 0 || (why && *why));
	return status;
}

static void assert_status(struct slice bytes, int wanted)
{
	struct http_head head;
	int status = parse(bytes, &head);
	if (status != wanted)
		fail_msg("%d in the place of %d for: %.*s", status, wanted, SLICE_ARG(bytes));
}

/* A literal may hold a NUL. */
#define REFUSED(literal, status) assert_status(SLICE(literal), status)
#define TAKEN(literal) assert_status(SLICE(literal), 0)

static struct http_head head_of(struct slice bytes)
{
	struct http_head head;
	assert_int_equal(parse(bytes, &head), 0);
	return head;
}

static void assert_slice(struct slice got, const char *wanted)
{
	if (!slice_equal(got, slice_of(wanted)))
		fail_msg("\"%.*s\" in the place of \"%s\"", SLICE_ARG(got), wanted);
}

static void requests_are_read(void **state)
{
	(void)state;
	struct slice value;
	struct http_head head = head_of(SLICE("POST /a/b?c=d?e HTTP/1.1\r\nhOST: A.test:81\r\nX:\r\nY:\t y \t\r\nContent-Length: 12\r\n\r\n"));
	assert_int_equal(head.method, HTTP_POST);
	assert_int_equal(head.minor, 1);
	assert_slice(head.path, "/a/b");
	assert_slice(head.query, "c=d?e");
	assert_slice(head.authority, "A.test:81");
	assert_int_equal(head.count, 4);
	assert_true(http_head_find(&head, "y", &value));
	assert_slice(value, "y");
	assert_true(http_head_find(&head, "X", &value));
	assert_slice(value, "");
	assert_false(http_head_find(&head, "Z", &value));
	assert_true(head.has_length && head.length == 12 && !head.chunked && !head.close && !head.expects && head.has_query);
	head = head_of(SLICE("\r\n" GET "\r\n")); /* RFC 9112 §2.2 */
	assert_true(head.method == HTTP_GET && !head.has_query && !head.has_length);
	head = head_of(SLICE("DELETE /?%2e HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\nexpect: 100-Continue\r\n\r\n"));
	assert_true(head.method == HTTP_DELETE && head.chunked && head.expects && !head.has_length);
}

static void lines_end_with_cr_lf(void **state)
{
	(void)state;
	REFUSED("", 400);
	REFUSED("\r\n\r\n", 400);
	REFUSED("\r\n\r\n" GET "\r\n", 400);
	REFUSED("GET / HTTP/1.1\n", 400);
	REFUSED("GET / HTTP/1.1\nHost: a.test\r\n\r\n", 400);
	REFUSED("GET / HTTP/1.1\r\nHost: a.test\n\r\n", 400);
	REFUSED(GET "\n", 400);
	REFUSED(GET "X: y\n\r\n", 400);
	REFUSED("GET / HTTP/1.1\rHost: a.test\r\n\r\n", 400);
	REFUSED(GET "X: y\rZ: z\r\n\r\n", 400);
	REFUSED(GET "X: y\r\r\n\r\n", 400);
	REFUSED(GET "\r\r\n", 400);
	REFUSED("GET / HTTP/1.1\r\nHost: a.test\r\n", 400);
	REFUSED("\n" GET "\r\n", 400);
}

static void request_lines_have_one_form(void **state)
{
	(void)state;
	REFUSED("GET /\r\n\r\n", 400); /* HTTP/0.9 */
	REFUSED("GET  / HTTP/1.1\r\n" HOST "\r\n", 400);
	REFUSED("GET /  HTTP/1.1\r\n" HOST "\r\n", 400);
	REFUSED("GET / HTTP/1.1 \r\n" HOST "\r\n", 400);
	REFUSED(" GET / HTTP/1.1\r\n" HOST "\r\n", 400);
	REFUSED("GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400);
	REFUSED("GET /\tHTTP/1.1\r\n" HOST "\r\n", 400);
	REFUSED("GET / HTTP/1.1\v\r\n" HOST "\r\n", 400);
	REFUSED("GET / http/1.1\r\n" HOST "\r\n", 400);
	REFUSED("GET / HTTP/1.10\r\n" HOST "\r\n", 400);
	REFUSED("GET / HTTP/11\r\n" HOST "\r\n", 400);
	REFUSED("GET / HTTP/x.1\r\n" HOST "\r\n", 400);
	REFUSED("GET / HTTP/0.9\r\n" HOST "\r\n", 505);
	REFUSED("GET / HTTP/2.0\r\n" HOST "\r\n", 505);
	REFUSED("PRI * HTTP/2.0\r\n\r\n", 505);
	REFUSED("get / HTTP/1.1\r\n" HOST "\r\n", 501);
	REFUSED("CONNECT a.test:443 HTTP/1.1\r\n" HOST "\r\n", 501);
	REFUSED("TRACE / HTTP/1.1\r\n" HOST "\r\n", 501);
	REFUSED("G(T / HTTP/1.1\r\n" HOST "\r\n", 400);
	REFUSED("G\0T / HTTP/1.1\r\n" HOST "\r\n", 400);
	REFUSED("G\xc3\xa4T / HTTP/1.1\r\n" HOST "\r\n", 400);
	TAKEN("GET / HTTP/1.2\r\n" HOST "\r\n"); /* RFC 9110 §2.5 */
}

static void targets_have_their_forms(void **state)
{
	(void)state;
	REFUSED("GET a HTTP/1.1\r\n" HOST "\r\n", 400);
	REFUSED("GET * HTTP/1.1\r\n" HOST "\r\n", 400);
	REFUSED("GET /a#b HTTP/1.1\r\n" HOST "\r\n", 400);
	REFUSED("GET /a\\b HTTP/1.1\r\n" HOST "\r\n", 400);
	REFUSED("GET /a\0b HTTP/1.1\r\n" HOST "\r\n", 400);
	REFUSED("GET /a\x7f HTTP/1.1\r\n" HOST "\r\n", 400);
	REFUSED("GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 400);
	REFUSED("GET ftp://a.test/ HTTP/1.1\r\n" HOST "\r\n", 400);
	REFUSED("GET http:///x HTTP/1.1\r\n" HOST "\r\n", 400);
	REFUSED("GET http://u@a.test/ HTTP/1.1\r\n" HOST "\r\n", 400);
	REFUSED("GET http://b.test/ HTTP/1.1\r\n" HOST "\r\n", 400);
	REFUSED("GET http://a.test:80/ HTTP/1.1\r\n" HOST "\r\n", 400);
	struct http_head head = head_of(SLICE("GET HTTP://A.test?q HTTP/1.1\r\n" HOST "\r\n"));
	assert_slice(head.path, "/");
	assert_slice(head.query, "q");
	assert_slice(head.authority, "A.test");
	head = head_of(SLICE("GET https://a.test/p HTTP/1.0\r\n\r\n"));
	assert_slice(head.path, "/p");
	assert_slice(head.authority, "a.test");
	head = head_of(SLICE("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"));
	assert_slice(head.path, "*");
}

static void a_request_names_one_host(void **state)
{
	(void)state;
	static const char *const broken[] = {
		"u@a.test", "a.test,b.test", "a b", "a/b", "a?b", "a#b", "a\\b", "a.test:8x", "a.test:123456", "a:1:2", ":80", "[::1", "::1]", "[::1]x",
		"[::1]80", "a.test:65536", "x[::1]", "[]", "[::g]", "a_b\"", "a%zz", "<a>", "a;b", "\xc3\xa4.test",
	};
	static const char *const good[] = {"a.test", "A-b.test.", "a_b.test:1", "a.test:", "[::1]:", "a.test:65535", "127.0.0.1:8080", "[::1]", "[2001:db8::192.0.2.1]:443", "xn--4ca.test", "a%20b"};
	char text[400];
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		int length = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", broken[i]);
		assert_status(slice_make(text, (size_t)length), 400);
	}
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		int length = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", good[i]);
		assert_status(slice_make(text, (size_t)length), 0);
	}
	REFUSED("GET / HTTP/1.1\r\n\r\n", 400);
	REFUSED(GET HOST "\r\n", 400);
	REFUSED(GET "host: b.test\r\n\r\n", 400);
	REFUSED("GET / HTTP/1.0\r\n" HOST HOST "\r\n", 400);
	TAKEN("GET / HTTP/1.1\r\nHost:\r\n\r\n"); /* RFC 9112 §3.2 */
	TAKEN("GET / HTTP/1.0\r\n\r\n");
}

static void hosts_are_not_endless(void **state)
{
	(void)state;
	char text[1000], name[600];
	for (int size = HTTP_AUTHORITY_MAX - 1; size <= HTTP_AUTHORITY_MAX + 1; size++) {
		memset(name, 'a', sizeof name);
		int length = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %.*s\r\n\r\n", size, name);
		assert_status(slice_make(text, (size_t)length), size > HTTP_AUTHORITY_MAX ? 400 : 0);
	}
}

static void fields_have_one_form(void **state)
{
	(void)state;
	REFUSED(GET "X\r\n\r\n", 400);
	REFUSED(GET ": y\r\n\r\n", 400);
	REFUSED(GET "X : y\r\n\r\n", 400);
	REFUSED(GET "X\t: y\r\n\r\n", 400);
	REFUSED(GET " X: y\r\n\r\n", 400);
	REFUSED(GET "X: y\r\n z\r\n\r\n", 400); /* folded */
	REFUSED(GET "X: y\r\n\tz: z\r\n\r\n", 400);
	REFUSED("GET / HTTP/1.1\r\n " HOST HOST "\r\n", 400);
	REFUSED(GET "X\0Y: z\r\n\r\n", 400);
	REFUSED(GET "X: a\0b\r\n\r\n", 400);
	REFUSED(GET "X: a\x0b\r\n\r\n", 400);
	REFUSED(GET "X: \x7f\r\n\r\n", 400);
	REFUSED(GET "X\xc3\xa4: y\r\n\r\n", 400);
	REFUSED(GET "X/Y: y\r\n\r\n", 400);
	REFUSED(GET "\x0bX: y\r\n\r\n", 400);
	TAKEN(GET "X: \xc3\xa4\xff\r\n\r\n"); /* obs-text, RFC 9110 §5.5 */
	TAKEN(GET "X:y:z\r\n\r\n");
	TAKEN(GET "!#$%&'*+-.^_`|~: x\r\n\r\n");
}

static void a_length_is_told_once(void **state)
{
	(void)state;
	static const char *const broken[] = {"+5", "-5", "0x5", "5 5", "5,5", "5, 5", "5;", "", "5.0", "1e3", "\"5\"", "1000000000000000000", "18446744073709551616",
		"18446744073709551621", "00000000000000000005", "\xd9\xa5", "NaN"};
	char text[400];
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		int length = snprintf(text, sizeof text, "POST / HTTP/1.1\r\n" HOST "Content-Length: %s\r\n\r\n", broken[i]);
		assert_status(slice_make(text, (size_t)length), 400);
	}
	REFUSED(GET "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400);
	REFUSED(GET "Content-Length: 5\r\ncontent-length: 6\r\n\r\n", 400);
	REFUSED("GET / HTTP/1.0\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 400);
	assert_true(head_of(SLICE(GET "Content-Length: 999999999999999999\r\n\r\n")).length == 999999999999999999);
	assert_true(head_of(SLICE(GET "Content-Length:  \t007 \r\n\r\n")).length == 7);
}

static void chunks_are_the_only_coding(void **state)
{
	(void)state;
	static const char *const unknown[] = {"gzip", "gzip, chunked", "chunked, gzip", "chunked,", ",chunked", "chunked;q=1", "chunked x", "xchunked", "identity", "", "\"chunked\"", "chunked, chunked"};
	char text[400];
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		int length = snprintf(text, sizeof text, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: %s\r\n\r\n", unknown[i]);
		assert_status(slice_make(text, (size_t)length), 501);
	}
	REFUSED(GET "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
	REFUSED(GET "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400);
	REFUSED(GET "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n", 400);
	REFUSED(GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
	REFUSED(GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", 400);
	REFUSED("POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 400);
	REFUSED(GET "Transfer-Encoding:\x0b" "chunked\r\n\r\n", 400);
	REFUSED(GET "Transfer-Encoding : chunked\r\n\r\n", 400);
	REFUSED(GET "Transfer-Encoding: chunked\0\r\n\r\n", 400);
	REFUSED(GET "Transfer-Encoding\r\n : chunked\r\n\r\n", 400);
	assert_true(head_of(SLICE(GET "Transfer-Encoding:\tCHUNKED \t\r\n\r\n")).chunked);
	assert_false(head_of(SLICE(GET "Transfer_Encoding: chunked\r\n\r\n")).chunked);
}

static void connections_stay_or_end(void **state)
{
	(void)state;
	assert_false(head_of(SLICE(GET "\r\n")).close);
	assert_true(head_of(SLICE(GET "Connection: x , CLOSE\r\n\r\n")).close);
	assert_true(head_of(SLICE(GET "Connection: keep-alive\r\nConnection: close\r\n\r\n")).close);
	assert_false(head_of(SLICE(GET "Connection: closed\r\n\r\n")).close);
	assert_true(head_of(SLICE("GET / HTTP/1.0\r\n\r\n")).close);
	assert_false(head_of(SLICE("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")).close);
	assert_true(head_of(SLICE("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n")).close);
}

static void little_can_be_expected(void **state)
{
	(void)state;
	REFUSED(GET "Expect: miracles\r\n\r\n", 417);
	REFUSED(GET "Expect: 100-continue, miracles\r\n\r\n", 417);
	REFUSED(GET "Expect: 100-continue\r\nExpect: miracles\r\n\r\n", 417);
	assert_false(head_of(SLICE("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n")).expects); /* RFC 9110 §10.1.1 */
}

static struct slice head_with(struct buf *text, size_t fields)
{
	buf_append_text(text, "GET / HTTP/1.1\r\n" HOST);
	for (size_t i = 1; i < fields; i++)
		buf_append_text(text, "X: y\r\n");
	buf_append_text(text, "\r\n");
	return buf_slice(text);
}

static void fields_are_counted(void **state)
{
	(void)state;
	struct buf text = BUF(4000);
	assert_status(head_with(&text, HTTP_FIELDS_MAX), 0);
	buf_clear(&text);
	assert_status(head_with(&text, HTTP_FIELDS_MAX + 1), 431);
	buf_free(&text);
}

/* A head of exactly so many bytes. */
static struct slice head_of_size(struct buf *text, size_t size)
{
	buf_clear(text);
	buf_append_text(text, "GET / HTTP/1.1\r\n" HOST "X: ");
	while (text->len + 4 < size)
		buf_append_char(text, 'y');
	buf_append_text(text, "\r\n\r\n");
	return buf_slice(text);
}

/* The end of a head, and its status, by any way of arriving: in pieces of `step` bytes. */
static void arrive(struct slice input, size_t step, size_t *end, int *status)
{
	size_t looked = 0;
	struct http_head head;
	*end = 0;
	*status = -1;
	for (size_t come = 0; *end == 0 && come < input.len;) {
		come = come + step < input.len ? come + step : input.len;
		char *copy = memory_copy(input.at, come);
		*end = http_head_length(slice_make(copy, come), &looked);
		assert_true(*end <= come && (*end > 0 || looked == come));
		free(copy);
	}
	if (*end > 0)
		*status = parse(slice_sub(input, 0, *end), &head);
}

static void heads_have_a_largest_size(void **state)
{
	(void)state;
	struct buf text = BUF(HTTP_HEAD_MAX + 100);
	for (size_t size = HTTP_HEAD_MAX - 3; size <= HTTP_HEAD_MAX + 5; size++) {
		size_t end;
		int status;
		for (size_t step = 1; step <= size; step += size - 1) {
			arrive(head_of_size(&text, size), step, &end, &status);
			assert_int_equal(status, size > HTTP_HEAD_MAX ? 431 : 0);
			assert_true(status != 0 || end == size);
		}
	}
	buf_clear(&text);
	for (size_t i = 0; i <= HTTP_HEAD_MAX; i++)
		buf_append_char(&text, 'x');
	size_t looked = 0;
	assert_int_equal(http_head_length(slice_sub(buf_slice(&text), 0, HTTP_HEAD_MAX - 1), &looked), 0);
	assert_int_equal(http_head_length(slice_sub(buf_slice(&text), 0, HTTP_HEAD_MAX), &looked), HTTP_HEAD_MAX);
	buf_free(&text);
}

static void targets_have_a_largest_size(void **state)
{
	(void)state;
	struct buf text = BUF(HTTP_HEAD_MAX);
	for (size_t size = HTTP_TARGET_MAX; size <= HTTP_TARGET_MAX + 1; size++) {
		buf_clear(&text);
		buf_append_text(&text, "GET /");
		for (size_t i = 1; i < size; i++)
			buf_append_char(&text, 'x');
		buf_append_text(&text, " HTTP/1.1\r\n" HOST "\r\n");
		assert_status(buf_slice(&text), size > HTTP_TARGET_MAX ? 414 : 0);
	}
	buf_free(&text);
}

static void pieces_make_no_difference(void **state)
{
	(void)state;
	static const char *const inputs[] = {
		GET "\r\n", "\r\n" GET "\r\n", GET "X: y\r\n\r\nGET /next HTTP/1.1\r\n", "GET / HTTP/1.1\n" HOST "\r\n", GET "X: y\n\r\n", GET "X: y\r\n\n", "\r\n\r\n", "\n",
		"\r\r\n\r\n", "GET / HTTP/1.1\r\n\r\n\r\n\r\n", "{}", " GET", "\x16\x03\x01", GET "X: \r\r\n\r\n", "\r\n\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	};
	for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
		struct slice input = slice_of(inputs[i]);
		size_t end, whole_end;
		int status, whole;
		arrive(input, input.len, &whole_end, &whole);
		assert_true(whole_end > 0);
		for (size_t step = 1; step < input.len; step++) {
			arrive(input, step, &end, &status);
			/* What can't be a head is cut where it is seen, and the connection ends there. */
			assert_true(status == whole && (end == whole_end || whole != 0));
		}
	}
	size_t looked = 0; /* what isn't HTTP isn't waited for */
	assert_int_equal(http_head_length(SLICE("\x16"), &looked), 1);
	looked = 0;
	assert_int_equal(http_head_length(SLICE("\0"), &looked), 1);
	looked = 0;
	assert_int_equal(http_head_length(SLICE(""), &looked), 0);
}

static void words_are_found_in_lists(void **state)
{
	(void)state;
	struct http_head head = head_of(SLICE(GET "Upgrade: a, websocket\r\nupgrade: h2c\r\nX: websocketx\r\n\r\n"));
	assert_true(http_head_has_word(&head, "Upgrade", "WebSocket"));
	assert_true(http_head_has_word(&head, "Upgrade", "h2c"));
	assert_false(http_head_has_word(&head, "Upgrade", "b"));
	assert_false(http_head_has_word(&head, "X", "websocket"));
	assert_string_equal(http_method_name(HTTP_PATCH), "PATCH");
	assert_string_equal(http_method_name((enum http_method)3), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_read), cmocka_unit_test(lines_end_with_cr_lf), cmocka_unit_test(request_lines_have_one_form),
		cmocka_unit_test(targets_have_their_forms), cmocka_unit_test(a_request_names_one_host), cmocka_unit_test(hosts_are_not_endless),
		cmocka_unit_test(fields_have_one_form), cmocka_unit_test(a_length_is_told_once), cmocka_unit_test(chunks_are_the_only_coding),
		cmocka_unit_test(connections_stay_or_end), cmocka_unit_test(little_can_be_expected), cmocka_unit_test(fields_are_counted),
		cmocka_unit_test(heads_have_a_largest_size), cmocka_unit_test(targets_have_a_largest_size), cmocka_unit_test(pieces_make_no_difference),
		cmocka_unit_test(words_are_found_in_lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
