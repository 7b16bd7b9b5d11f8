/* Reading the head of a request: see head.h. */
#include "http/head.h"

static const struct { const char *name; enum http_method method; } methods[] = {
	{"GET", HTTP_GET}, {"HEAD", HTTP_HEAD}, {"POST", HTTP_POST}, {"PUT", HTTP_PUT},
	{"PATCH", HTTP_PATCH}, {"DELETE", HTTP_DELETE}, {"OPTIONS", HTTP_OPTIONS}, {"PROPFIND", HTTP_PROPFIND},
};

const char *http_method_name(enum http_method method)
{
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (methods[i].method == method)
			return methods[i].name;
	return "?";
}

bool http_is_token_char(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || (c != '\0' && memchr("!#$%&'*+-.^_`|~", c, 15));
}

/* ---- Where it ends ---- */

/* A head ends with an empty line. A line feed alone, which some take for the end of a line and others don't, is where the input is cut, so that
 * it is refused at once; so is what begins with no method, such as TLS to a port without. */
size_t http_head_length(struct slice input, size_t *looked)
{
	if (input.len > 0 && !http_is_token_char(input.at[0]) && input.at[0] != '\r')
		return input.len;
	for (size_t i = *looked; i < input.len; i++) {
		if (input.at[i] != '\n')
			continue;
		if (i == 0 || input.at[i - 1] != '\r')
			return i + 1;
		if (i >= 3 && input.at[i - 2] == '\n')
			return i + 1;
	}
	*looked = input.len;
	return input.len >= HTTP_HEAD_MAX ? input.len : 0;
}

/* ---- The request line (RFC 9112 §3) ---- */

static bool parse_method(struct slice name, enum http_method *method)
{
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (slice_equal(name, slice_of(methods[i].name))) {
			*method = methods[i].method;
			return true;
		}
	return false;
}

static bool is_token(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!http_is_token_char(text.at[i]))
			return false;
	return text.len > 0;
}

/* Bytes that a URI may have (RFC 3986), and those that clients leave as they are in spite of it; no '#', no backslash, which some
 * take for a slash, no blank and no control character. */
static bool is_target(struct slice target)
{
	for (size_t i = 0; i < target.len; i++) {
		char c = target.at[i];
		if (c <= ' ' || c >= 0x7f || c == '#' || c == '\\')
			return false;
	}
	return target.len > 0;
}

/* Where the host of "host:port" ends: behind the bracket of an IPv6 address, else before a colon. SLICE_NONE: it isn't one. A name has what a
 * URI's may have (RFC 3986 §3.2.2), but no signs of lists and programs; there is no user. */
static size_t host_end(struct slice text)
{
	if (text.len > 0 && text.at[0] == '[') {
		size_t i = 1;
		while (i < text.len && (ascii_hex_value(text.at[i]) >= 0 || text.at[i] == ':' || text.at[i] == '.'))
			i++;
		return i > 1 && i < text.len && text.at[i] == ']' ? i + 1 : SLICE_NONE;
	}
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (c == ':')
			return i > 0 ? i : SLICE_NONE;
		bool escaped = c == '%' && i + 2 < text.len && ascii_hex_value(text.at[i + 1]) >= 0 && ascii_hex_value(text.at[i + 2]) >= 0;
		if (!escaped && !ascii_is_alpha(c) && !ascii_is_digit(c) && (c == '\0' || !strchr("-._~", c)))
			return SLICE_NONE;
	}
	return text.len;
}

static bool is_authority(struct slice text)
{
	uint64_t port;
	size_t end = host_end(text);
	if (text.len > HTTP_AUTHORITY_MAX || end == SLICE_NONE)
		return false;
	struct slice rest = slice_skip(text, end);
	return slice_empty(rest) || (rest.at[0] == ':' && (rest.len == 1 || slice_to_number(slice_skip(rest, 1), UINT16_MAX, &port)));
}

static void cut_query(struct slice target, struct http_head *head)
{
	head->has_query = slice_cut(target, '?', &head->path, &head->query);
}

/* "/path?query", "http://host/path?query" as proxies are asked, or "*" of OPTIONS. */
static int parse_target(struct slice target, struct http_head *head, const char **why)
{
	static const char *const schemes[] = {"http://", "https://"};
	*why = "the target isn't one";
	if (!is_target(target))
		return 400;
	for (size_t i = 0; i < 2; i++) {
		struct slice rest = slice_skip(target, strlen(schemes[i]));
		size_t slash = 0;
		if (!slice_starts_nocase(target, slice_of(schemes[i])))
			continue;
		while (slash < rest.len && rest.at[slash] != '/' && rest.at[slash] != '?')
			slash++;
		head->authority = slice_sub(rest, 0, slash);
		cut_query(slice_skip(rest, slash), head);
		if (slice_empty(head->path))
			head->path = SLICE("/");
		return head->authority.len > 0 && is_authority(head->authority) ? 0 : 400;
	}
	cut_query(target, head);
	if (slice_equal(target, SLICE("*")))
		return head->method == HTTP_OPTIONS ? 0 : 400;
	return target.at[0] == '/' ? 0 : 400;
}

static int parse_request_line(struct slice line, struct http_head *head, const char **why)
{
	struct slice method, rest, target, version;
	*why = "that is no request line";
	if (!slice_cut(line, ' ', &method, &rest) || !slice_cut(rest, ' ', &target, &version) || !is_token(method))
		return 400;
	if (target.len > HTTP_TARGET_MAX) {
		*why = "the target is too long";
		return 414;
	}
	if (version.len != 8 || !slice_starts(version, SLICE("HTTP/")) || !ascii_is_digit(version.at[5]) || version.at[6] != '.' || !ascii_is_digit(version.at[7]))
		return 400;
	*why = "this server speaks HTTP/1.1";
	if (version.at[5] != '1')
		return 505;
	head->minor = version.at[7] == '0' ? 0 : 1;
	*why = "that method is not known here";
	if (!parse_method(method, &head->method))
		return 501;
	return parse_target(target, head, why);
}

/* ---- Fields (RFC 9110 §5, RFC 9112 §5) ---- */

bool http_is_text(struct slice value)
{
	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.at[i] < ' ' && value.at[i] != '\t')
			return false;
	return slice_find_char(value, 0x7f) == SLICE_NONE;
}

bool http_field_parse(struct slice line, struct http_field *field)
{
	struct slice value;
	if (!slice_cut(line, ':', &field->name, &value) || !is_token(field->name) || !http_is_text(value))
		return false;
	field->value = slice_trim(value);
	return true;
}

static int parse_field(struct slice line, struct http_head *head, const char **why)
{
	struct http_field field;
	*why = "a line is no header field";
	if (!http_field_parse(line, &field))
		return 400;
	if (head->count == HTTP_FIELDS_MAX) {
		*why = "there are too many header fields";
		return 431;
	}
	head->fields[head->count++] = field;
	return 0;
}

bool http_head_find(const struct http_head *head, const char *name, struct slice *value)
{
	for (size_t i = 0; i < head->count; i++)
		if (slice_equal_nocase(head->fields[i].name, slice_of(name))) {
			*value = head->fields[i].value;
			return true;
		}
	return false;
}

static size_t count_fields(const struct http_head *head, const char *name)
{
	size_t count = 0;
	for (size_t i = 0; i < head->count; i++)
		count += slice_equal_nocase(head->fields[i].name, slice_of(name));
	return count;
}

bool http_head_has_word(const struct http_head *head, const char *name, const char *word)
{
	for (size_t i = 0; i < head->count; i++) {
		struct slice rest = head->fields[i].value, one;
		while (slice_equal_nocase(head->fields[i].name, slice_of(name)) && rest.len > 0) {
			slice_cut(rest, ',', &one, &rest);
			if (slice_equal_nocase(slice_trim(one), slice_of(word)))
				return true;
		}
	}
	return false;
}

/* ---- What the fields mean for what follows ---- */

/* Host: exactly one in HTTP/1.1 (RFC 9112 §3.2). Who names a host in the target, too, must mean the same: of two, one program takes this, the next
 * the other. */
static int parse_host(struct http_head *head, const char **why)
{
	struct slice host = {0};
	size_t count = count_fields(head, "Host");
	http_head_find(head, "Host", &host);
	*why = "exactly one Host is expected";
	if (count > 1 || (count == 0 && head->minor == 1) || !is_authority(host))
		return 400;
	bool same = slice_empty(head->authority) || count == 0 || slice_equal_nocase(head->authority, host);
	if (slice_empty(head->authority))
		head->authority = host;
	return same ? 0 : 400;
}

/* RFC 9112 §6.1 to §6.3, of which everything that two servers may understand differently is refused. */
static int parse_framing(struct http_head *head, const char **why)
{
	struct slice coding, length;
	size_t codings = count_fields(head, "Transfer-Encoding"), lengths = count_fields(head, "Content-Length");
	*why = "how long the body is can't be told";
	if (codings > 1 || lengths > 1 || (codings > 0 && (lengths > 0 || head->minor == 0)))
		return 400;
	if (http_head_find(head, "Transfer-Encoding", &coding)) {
		*why = "no transfer coding but chunked is known here";
		head->chunked = slice_equal_nocase(coding, SLICE("chunked"));
		return head->chunked ? 0 : 501;
	}
	head->has_length = http_head_find(head, "Content-Length", &length);
	if (head->has_length && (length.len > HTTP_LENGTH_DIGITS || !slice_to_number(length, UINT64_MAX, &head->length)))
		return 400;
	return 0;
}

static int parse_connection(struct http_head *head, const char **why)
{
	struct slice expect;
	head->close = http_head_has_word(head, "Connection", "close") || (head->minor == 0 && !http_head_has_word(head, "Connection", "keep-alive"));
	if (!http_head_find(head, "Expect", &expect) || head->minor == 0)
		return 0;
	*why = "that can't be expected here";
	head->expects = slice_equal_nocase(expect, SLICE("100-continue")) && count_fields(head, "Expect") == 1;
	return head->expects ? 0 : 417;
}

/* The next line, without its CRLF. False: it doesn't end with one, or holds one of its characters. */
static bool cut_line(struct slice *rest, struct slice *line)
{
	struct slice raw;
	if (!slice_cut(*rest, '\n', &raw, rest) || raw.len == 0 || raw.at[raw.len - 1] != '\r')
		return false;
	*line = slice_sub(raw, 0, raw.len - 1);
	return slice_find_char(*line, '\r') == SLICE_NONE;
}

int http_head_parse(struct slice bytes, struct http_head *head, const char **why)
{
	struct slice rest = bytes, line;
	head->method = 0;
	head->count = 0;
	head->authority = (struct slice){0};
	head->chunked = head->has_length = head->expects = false;
	head->length = 0;
	head->close = true;
	*why = "a line of a request ends with CR LF";
	if (bytes.len > HTTP_HEAD_MAX || (bytes.len >= HTTP_HEAD_MAX && slice_find(bytes, SLICE("\r\n\r\n")) == SLICE_NONE)) {
		*why = "the head of the request is too large";
		return 431;
	}
	if (!cut_line(&rest, &line) || (slice_empty(line) && !cut_line(&rest, &line))) /* an empty line before it is forgiven (RFC 9112 §2.2) */
		return 400;
	int status = parse_request_line(line, head, why);
	while (status == 0) {
		*why = "a line of a request ends with CR LF";
		if (!cut_line(&rest, &line))
			return 400;
		if (slice_empty(line))
			break;
		status = parse_field(line, head, why);
	}
	if (status == 0)
		status = parse_host(head, why);
	if (status == 0)
		status = parse_framing(head, why);
	return status == 0 ? parse_connection(head, why) : status;
}
