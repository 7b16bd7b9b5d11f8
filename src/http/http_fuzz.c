/* libFuzzer: any bytes as what an HTTP client sends, over a connection of its own, against a table of routes with one of each kind, and an auth role of
 * its own. The first byte says in what pieces they arrive, over what, and how the connection ends. Checks what the server relies on: units are made of
 * what has arrived, progress is made, each request has one answer, whole and framed, nothing is sent nor run after the end. */
#include <assert.h>

#include "base/log.h"
#include "config/config.h"
#include "http/auth_fake.c"
#include "http/routes_fake.h"
#include "http/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUTPUT_MAX = 64 * 1024 * 1024 };

/* ---- The connection ---- */

struct conn {
	struct http_service service;
	bool closed, tls, stream;
	int signed_in;
	size_t queued;
	struct buf output;
};

void conn_send(struct conn *conn, struct slice bytes)
{
	assert(!conn->closed || conn->output.len > 0);
	buf_append(&conn->output, bytes);
	conn->queued += bytes.len;
}

void conn_send_text(struct conn *conn, const char *text) { conn_send(conn, slice_of(text)); }
void conn_send_constant(struct conn *conn, struct slice bytes) { conn_send(conn, bytes); }
void conn_send_file(struct conn *conn, int fd, uint64_t offset, uint64_t length) { (void)conn, (void)fd, (void)offset, (void)length, assert(false); /* no route here does */ }

void conn_send_buf(struct conn *conn, const struct buf *buf)
{
	assert(!buf->overflow);
	conn_send(conn, buf_slice(buf));
}

void conn_printf(struct conn *conn, const char *format, ...)
{
	struct buf text = BUF(65536);
	va_list args;
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	conn_send_buf(conn, &text);
	buf_free(&text);
}

void conn_close(struct conn *conn) { conn->closed = true; }
void conn_set_idle(struct conn *conn, int64_t seconds) { (void)conn, (void)seconds; }
void conn_set_deadline(struct conn *conn, int64_t seconds) { (void)conn, (void)seconds; }
void conn_set_pulse(struct conn *conn, int64_t seconds) { conn->stream = seconds > 0; }
void conn_delay(struct conn *conn, int milliseconds) { (void)conn, (void)milliseconds; }
void conn_resume(struct conn *conn) { (void)conn; }
void conn_set_doing(struct conn *conn, const char *doing) { (void)conn, (void)doing; }
void conn_note_violation(struct conn *conn, const char *what) { (void)conn, (void)what; }
size_t conn_queued(const struct conn *conn) { return conn->queued; }
int64_t conn_id(const struct conn *conn) { (void)conn; return 1; }
bool conn_is_tls(const struct conn *conn) { return conn->tls; }
struct slice conn_peer(const struct conn *conn) { (void)conn; return SLICE("192.0.2.1"); }
void *conn_context(const struct conn *conn) { return (void *)(uintptr_t)&conn->service; }

void conn_sign_in(struct conn *conn, struct slice account, int64_t identity, int64_t credential)
{
	(void)account, (void)identity, (void)credential;
	conn->signed_in++;
}

void conn_sign_out(struct conn *conn)
{
	assert(conn->signed_in == 1);
	conn->signed_in = 0;
}

/* ---- What was answered ---- */

/* Takes one answer off the front: its head is whole and its lines end with CRLF; after those to HEAD there is no body. */
static void check_answers(struct conn *conn, struct slice output, bool heads)
{
	while (output.len > 0 && !heads) {
		size_t end = slice_find(output, SLICE("\r\n\r\n"));
		assert(slice_starts(output, SLICE("HTTP/1.1 ")) && end != SLICE_NONE);
		struct slice head = slice_sub(output, 0, end + 2), line, rest = head, length = {0};
		int lengths = 0;
		while (rest.len > 0) {
			slice_cut(rest, '\n', &line, &rest);
			assert(line.len > 0 && line.at[line.len - 1] == '\r' && slice_find_char(line, '\r') == line.len - 1);
			if (slice_starts(line, SLICE("Content-Length: "))) {
				length = slice_trim(slice_skip(line, 16));
				lengths++;
			}
		}
		bool switched = slice_starts(head, SLICE("HTTP/1.1 101 ")), events = slice_find(head, SLICE("text/event-stream")) != SLICE_NONE;
		bool none = slice_starts(head, SLICE("HTTP/1.1 204 ")) || slice_starts(head, SLICE("HTTP/1.1 304 ")) || slice_starts(head, SLICE("HTTP/1.1 100 "));
		if (switched || events) {
			assert(conn->stream || conn->closed);
			return;
		}
		uint64_t bytes = 0;
		assert(lengths == (none ? 0 : 1) && (none || slice_to_number(length, SIZE_MAX, &bytes)));
		assert(end + 4 + bytes <= output.len);
		output = slice_skip(output, end + 4 + (size_t)bytes);
	}
}

/* ---- The loop ---- */

static void run_unit(struct conn *conn, void *session, struct slice unit)
{
	unsigned rounds = 0;
	struct http_session *self = session;
	while (http_protocol.run(session, unit) != RUN_DONE)
		assert(rounds++ < 20);
	assert(!self->exchange || !self->exchange->answered);
	assert(self->stage != HTTP_READS_HEAD || !self->exchange);
	assert((self->stream != NULL) == (self->stage >= HTTP_IS_EVENTS));
	assert(conn->signed_in == (self->stream ? 1 : 0));
}

/* Runs every unit in `input`; returns how much was used. */
static size_t run_units(struct conn *conn, void *session, struct slice input)
{
	size_t used = 0;
	while (!conn->closed) {
		struct slice rest = slice_skip(input, used);
		size_t length = 0;
		if (http_protocol.peek(session, rest, &length) == UNIT_INCOMPLETE)
			break;
		enum http_stage stage = ((struct http_session *)session)->stage;
		assert(length <= rest.len && (length > 0 || stage == HTTP_ASKS_WHO || stage == HTTP_ADMITS || stage == HTTP_ANSWERS));
		run_unit(conn, session, slice_sub(rest, 0, length));
		used += length;
	}
	assert(conn->closed || input.len - used < http_protocol.max_input);
	return used;
}

static void configure(void)
{
	static bool done;
	struct error error;
	if (done)
		return;
	done = true;
	log_set_role("fuzz", LOG_LEVEL_ERROR + 1);
	config_set_current(config_parse(SLICE("http_proxies = 192.0.2.1\nhttps_listen = 127.0.0.1:8443\n"), "fuzz", &error));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	configure();
	struct conn conn = {.tls = data[0] & 1, .output = BUF(OUTPUT_MAX),
		.service = {.tables = {{fake_routes, sizeof fake_routes / sizeof *fake_routes, NULL}}}};
	size_t piece = (size_t)(data[0] >> 3) * 40 + 1, at = 0;
	struct slice input = slice_make((const char *)data + 1, size - 1);
	void *session = http_protocol.open(&conn, &conn.service);
	for (size_t come = 0; come < input.len && !conn.closed;) {
		come = come + piece < input.len ? come + piece : input.len;
		if (come - at > http_protocol.max_input)
			come = at + http_protocol.max_input;
		char *copy = come > at ? memory_copy(input.at + at, come - at) : NULL; /* so that reading past what has come is seen */
		at += run_units(&conn, session, slice_make(copy, come - at));
		free(copy);
		if (!conn.closed && come % 3 == 0)
			http_protocol.wake(session);
		if (!conn.closed && come % 5 == 0)
			http_protocol.pulse(session);
		conn.queued = data[0] & 4 ? conn.queued : 0;
	}
	if (!conn.closed)
		http_protocol.expire(session, (enum net_expiry)(data[0] % 5));
	check_answers(&conn, buf_slice(&conn.output), slice_find(input, SLICE("HEAD")) != SLICE_NONE);
	http_protocol.close(session);
	buf_free(&conn.output);
	return 0;
}
