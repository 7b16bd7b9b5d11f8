/* What goes back: status, fields, body. Every answer has the fields that make a browser careful; what a route adds stands beside them. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/roles.h"
#include "http/session.h"

enum { HEAD_SIZE_MAX = HTTP_FIELDS_SIZE_MAX + 4096 };

static const struct { int status; const char *reason; } reasons[] = {
	{200, "OK"}, {201, "Created"}, {204, "No Content"}, {206, "Partial Content"}, {302, "Found"}, {303, "See Other"}, {304, "Not Modified"},
	{307, "Temporary Redirect"}, {308, "Permanent Redirect"}, {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"},
	{404, "Not Found"}, {405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"}, {413, "Content Too Large"}, {414, "URI Too Long"},
	{415, "Unsupported Media Type"}, {416, "Range Not Satisfiable"}, {417, "Expectation Failed"}, {422, "Unprocessable Content"}, {426, "Upgrade Required"}, {429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}, {501, "Not Implemented"}, {502, "Bad Gateway"}, {503, "Service Unavailable"},
	{504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"}, {507, "Insufficient Storage"},
};

static const char *reason_of(int status)
{
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

void http_date(int64_t seconds, char out[HTTP_DATE_MAX])
{
	struct tm parts;
	time_t time = (time_t)seconds;
	gmtime_r(&time, &parts);
	if (strftime(out, HTTP_DATE_MAX, "%a, %d %b %Y %H:%M:%S GMT", &parts) == 0)
		out[0] = '\0';
}

/* What every answer says to a browser: no guessing of types, no frames, no address of ours to others, nothing loaded but what the page's
 * policy names. */
static void put_careful_fields(const struct http_exchange *exchange, struct buf *head)
{
	buf_printf(head, "Content-Security-Policy: %s\r\n", exchange->policy ? exchange->policy : "default-src 'none'; frame-ancestors 'none'");
	buf_printf(head, "X-Content-Type-Options: nosniff\r\nX-Frame-Options: %s\r\n", exchange->framed ? "SAMEORIGIN" : "DENY");
	buf_append_text(head, "Referrer-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\nCross-Origin-Resource-Policy: same-origin\r\n");
	if (exchange->secure)
		buf_append_text(head, "Strict-Transport-Security: max-age=31536000\r\n");
	if (!exchange->cached)
		buf_append_text(head, "Cache-Control: no-store\r\n");
}

void http_send_head(struct http_exchange *exchange, int status, const char *type, size_t length)
{
	char date[HTTP_DATE_MAX];
	struct buf head = BUF_SECRET(HEAD_SIZE_MAX);
	http_date(clock_now(), date);
	buf_printf(&head, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, reason_of(status), date);
	if (type)
		buf_printf(&head, "Content-Type: %s\r\n", type);
	if (status != 204 && status != 304 && length != HTTP_NO_LENGTH) /* none is said where there can be none (RFC 9110 §8.6) */
		buf_printf(&head, "Content-Length: %zu\r\n", length);
	put_careful_fields(exchange, &head);
	buf_append(&head, buf_slice(&exchange->fields));
	head.overflow |= exchange->fields.overflow;
	if (exchange->head.close)
		buf_append_text(&head, "Connection: close\r\n");
	else if (exchange->head.minor == 0)
		buf_append_text(&head, "Connection: keep-alive\r\n");
	buf_append_text(&head, "\r\n");
	conn_send_buf(exchange->conn, &head);
	buf_free(&head);
	exchange->answered = true;
}

static bool has_no_body(const struct http_exchange *exchange, int status)
{
	return exchange->head.method == HTTP_HEAD || status == 204 || status == 304;
}

void http_answer(struct http_exchange *exchange, int status, const char *type, struct slice body)
{
	http_send_head(exchange, status, type, body.len);
	if (!has_no_body(exchange, status))
		conn_send(exchange->conn, body);
}

void http_answer_constant(struct http_exchange *exchange, int status, const char *type, struct slice body)
{
	http_send_head(exchange, status, type, body.len);
	if (!has_no_body(exchange, status))
		conn_send_constant(exchange->conn, body);
}

void http_answer_file(struct http_exchange *exchange, int status, const char *type, int fd, uint64_t offset, uint64_t length)
{
	http_send_head(exchange, status, type, (size_t)length);
	if (has_no_body(exchange, status))
		close(fd);
	else
		conn_send_file(exchange->conn, fd, offset, length);
}

void http_refuse(struct http_exchange *exchange, int status, const char *why)
{
	char text[256];
	if (exchange->route && exchange->route->refusal) {
		struct buf body = BUF(4096);
		const char *type = exchange->route->refusal(status, why, &body);
		http_answer(exchange, status, type, buf_slice(&body));
		buf_free(&body);
		return;
	}
	int length = snprintf(text, sizeof text, "%d %s: %s\n", status, reason_of(status), why);
	http_answer(exchange, status, "text/plain; charset=utf-8", slice_make(text, (size_t)length));
}

void http_refuse_input(struct http_session *session, int status, const char *why)
{
	struct http_exchange none = {.session = session, .conn = session->conn, .secure = conn_is_tls(session->conn), .head = {.close = true}};
	if (session->exchange)
		session->exchange->head.close = true;
	http_refuse(session->exchange ? session->exchange : &none, status, why);
	conn_note_violation(session->conn, why);
	conn_close(session->conn);
}

void http_redirect(struct http_exchange *exchange, int status, struct slice where)
{
	http_add_field(exchange, "Location", where);
	http_answer(exchange, status, NULL, SLICE(""));
}

void http_add_field(struct http_exchange *exchange, const char *name, struct slice value)
{
	if (!slice_is_printable(value))
		return;
	exchange->cached |= strcmp(name, "Cache-Control") == 0;
	buf_printf(&exchange->fields, "%s: %.*s\r\n", name, SLICE_ARG(value));
}

bool http_parameter(struct http_exchange *exchange, const char *name, struct slice *value)
{
	return http_query_find(exchange->head.query, name, exchange->arena, value);
}

/* ---- Where TLS is ---- */

/* The port of the first listener for https; 0: there is none. */
static unsigned secure_port(const struct config *config)
{
	const struct config_string_list *list = service_addresses(config, SERVICE_HTTPS);
	uint64_t port = 0;
	if (list->count > 0) {
		struct slice address = slice_of(list->at[0]);
		slice_to_number(slice_skip(address, slice_find_last_char(address, ':') + 1), UINT16_MAX, &port);
	}
	return (unsigned)port;
}

struct slice http_secure_origin(struct http_exchange *exchange, struct slice host)
{
	if (exchange->secure && slice_equal(host, exchange->host)) /* also behind a proxy, whose port is its own */
		return arena_printf(exchange->arena, "https://%.*s", SLICE_ARG(exchange->head.authority));
	unsigned port = secure_port(exchange->config);
	if (port == 0 || slice_empty(host))
		return (struct slice){0};
	return port == 443 ? arena_printf(exchange->arena, "https://%.*s", SLICE_ARG(host))
			   : arena_printf(exchange->arena, "https://%.*s:%u", SLICE_ARG(host), port);
}
