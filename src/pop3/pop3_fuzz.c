/* libFuzzer: any bytes as what a POP3 client sends, over a connection, a store and an auth role of its own. The first byte says
 * in what pieces they arrive, and whether the client is signed in. Checks what the server relies on: units are made of what
 * has arrived, progress is made, replies are whole lines, nothing runs after the end. */
#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "pop3/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- The connection ---- */

struct conn {
	struct pop3_service service;
	bool closed, tls;
	unsigned sends;
	char last[2]; /* bytes sent */
};

void conn_send(struct conn *conn, struct slice bytes)
{
	assert(!conn->closed || bytes.len == 0 || conn->sends > 0);
	conn->sends++;
	for (size_t i = bytes.len > 2 ? bytes.len - 2 : 0; i < bytes.len; i++) {
		conn->last[0] = conn->last[1];
		conn->last[1] = bytes.at[i];
	}
}

void conn_send_text(struct conn *conn, const char *text) { conn_send(conn, slice_of(text)); }

void conn_send_buf(struct conn *conn, const struct buf *buf)
{
	assert(!buf->overflow);
	conn_send(conn, buf_slice(buf));
}

void conn_vprintf(struct conn *conn, const char *format, va_list args)
{
	struct buf text = BUF(65536);
	buf_vprintf(&text, format, args);
	conn_send_buf(conn, &text);
	buf_free(&text);
}

void conn_printf(struct conn *conn, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	conn_vprintf(conn, format, args);
	va_end(args);
}

bool conn_should_pause(const struct conn *conn) { return conn->sends % 7 == 6; }
void conn_close(struct conn *conn) { conn->closed = true; }
void conn_start_tls(struct conn *conn) { conn->tls = true; }
void conn_set_idle(struct conn *conn, int64_t seconds) { (void)conn, (void)seconds; }
void conn_sign_in(struct conn *conn, struct slice account, int64_t identity, int64_t credential) { (void)conn, (void)account, (void)identity, (void)credential; }
void conn_sign_out(struct conn *conn) { (void)conn; }
void conn_set_doing(struct conn *conn, const char *doing) { (void)conn, (void)doing; }
void conn_note_violation(struct conn *conn, const char *what) { (void)conn, (void)what; }
void conn_set_deadline(struct conn *conn, int64_t seconds) { (void)conn, (void)seconds; }
void conn_delay(struct conn *conn, int milliseconds) { (void)conn, (void)milliseconds; }
void conn_resume(struct conn *conn) { (void)conn; }
bool conn_is_tls(const struct conn *conn) { return conn->tls; }
bool conn_can_tls(const struct conn *conn) { (void)conn; return true; }
struct slice conn_peer(const struct conn *conn) { (void)conn; return SLICE("192.0.2.1"); }
int64_t conn_id(const struct conn *conn) { (void)conn; return 1; }
void conn_tls(struct conn *conn, struct conn_tls *tls) { *tls = (struct conn_tls){.active = conn->tls}; }

/* ---- The auth role ---- */

#include "auth/auth_fake.h"

struct sign_in { int steps; };

const char *auth_mechanisms(bool encrypted, bool plaintext_allowed, bool binding)
{
	return encrypted || plaintext_allowed ? binding ? "X-PLUS X" : "X" : "";
}

struct sign_in *sign_in_begin(struct auth *auth, struct slice mechanism, const struct sign_in_client *client)
{
	(void)auth, (void)mechanism, (void)client;
	return memory_new(sizeof(struct sign_in));
}

/* The last byte of the client's message says how it goes on. */
enum sign_in_status sign_in_step(struct sign_in *exchange, struct auth_wait *wait, bool has_input, struct slice input, struct buf *output, struct auth_account *account, int *delay_ms)
{
	char how = has_input && input.len > 0 ? input.at[input.len - 1] : 'c';
	*delay_ms = 0;
	if (is_first_asking(wait))
		return SIGN_IN_AWAITED;
	*account = (struct auth_account){.name = SLICE("alice@example.test"), .identity = 1, .scopes = AUTH_MAY_ALL};
	if (how == 'c' && exchange->steps++ < 5) {
		buf_append(output, input);
		return SIGN_IN_CONTINUE;
	}
	if (how == 'p')
		buf_append_text(output, "proof");
	return how == 'd' || how == 'p' ? SIGN_IN_DONE : how == 't' ? SIGN_IN_TEMPORARY : SIGN_IN_REFUSED;
}

void sign_in_end(struct sign_in **exchange)
{
	free(*exchange);
	*exchange = NULL;
}

enum sign_in_status auth_check_password(struct auth *auth, struct auth_wait *wait, struct slice name, struct slice password, const struct sign_in_client *client,
					struct arena *arena, struct auth_account *account, int *delay_ms)
{
	(void)auth, (void)client;
	*delay_ms = 0;
	if (is_first_asking(wait))
		return SIGN_IN_AWAITED;
	*account = (struct auth_account){.name = arena_copy(arena, name), .identity = 1, .scopes = AUTH_MAY_ALL};
	return password.len % 2 ? SIGN_IN_DONE : SIGN_IN_REFUSED;
}

/* ---- The store: a few messages, one of which was removed ---- */

enum { MESSAGES = 4 };
static const char *const messages[MESSAGES] = {"Subject: x\r\n\r\n.\r\n..\r\nx", "\r\n", "", ".a: b\r\n.\r\n\r\n.\r\n\n\r.\r"};

struct account *store_open_account(struct store *store, struct slice name, struct error *error)
{
	(void)store;
	return slice_starts(name, SLICE("no")) ? error_set(error, ERROR_TEMPORARY, "no"), NULL : (struct account *)(void *)&messages[0];
}

void store_release_account(struct account **account) { *account = NULL; }
bool store_sync(struct store *store, struct error *error) { (void)store, (void)error; return true; }

bool mailbox_find(struct account *account, struct slice name, struct arena *arena, struct mailbox *mailbox, struct error *error)
{
	(void)account, (void)name, (void)arena, (void)error;
	*mailbox = (struct mailbox){.id = 1, .uidvalidity = 7};
	return true;
}

bool message_list(struct account *account, int64_t mailbox, uint32_t first, uint32_t last, int64_t since, size_t limit,
		  enum message_wanted wanted, struct arena *arena, struct message **list, size_t *count, struct error *error)
{
	(void)account, (void)mailbox, (void)first, (void)last, (void)since, (void)limit, (void)wanted, (void)error;
	*list = arena_array(arena, MESSAGES, sizeof **list);
	for (*count = 0; *count < MESSAGES; (*count)++)
		(*list)[*count] = (struct message){.uid = (uint32_t)*count + 1, .id = (int64_t)*count, .size = strlen(messages[*count])};
	return true;
}

struct message_files *message_files_new(struct store *store, struct slice account, struct error *error)
{
	(void)store, (void)account, (void)error;
	return (struct message_files *)(void *)&messages[0];
}

void message_files_free(struct message_files **files) { *files = NULL; }

/* Of two the file is read; what has become of the others is asked. */
bool message_files_read(struct message_files *files, int64_t message_id, uint64_t size, char *content)
{
	(void)files;
	if (message_id == 1 || message_id == 2)
		return false;
	memcpy(content, messages[message_id], size + 1);
	return true;
}

struct subscription *store_subscribe(struct store *store, struct slice account, void (*changed)(void *context), void *context)
{
	(void)store, (void)account, (void)changed, (void)context;
	return NULL;
}

void store_unsubscribe(struct subscription **subscription) { (void)subscription; }

int message_open(struct account *account, int64_t message_id, uint64_t *size, struct error *error)
{
	(void)account;
	if (message_id == 2) {
		error_set(error, ERROR_NOT_FOUND, "gone");
		return -1;
	}
	int fd = memfd_create("message", 0);
	*size = strlen(messages[message_id]);
	if (write(fd, messages[message_id], *size) != (ssize_t)*size)
		abort();
	return fd;
}

bool message_expunge(struct account *account, int64_t mailbox, const uint32_t *uids, size_t count, bool any, struct arena *arena,
		     uint32_t **removed, size_t *removed_count, struct error *error)
{
	(void)account, (void)mailbox, (void)arena, (void)error, (void)removed;
	assert(any && count > 0 && uids[count - 1] <= MESSAGES);
	*removed_count = count;
	return true;
}

/* ---- The loop ---- */

void *conn_context(const struct conn *conn) { return (void *)(uintptr_t)&conn->service; }

/* Runs every unit in `input`; returns how much was used. */
static size_t run_units(struct conn *conn, void *session, struct slice input)
{
	size_t used = 0;
	while (!conn->closed) {
		struct slice rest = slice_skip(input, used);
		size_t length = 0;
		if (pop3_protocol.peek(session, rest, &length) == UNIT_INCOMPLETE)
			break;
		assert(length > 0 && length <= rest.len);
		unsigned rounds = 0;
		while (pop3_protocol.run(session, slice_sub(rest, 0, length)) != RUN_DONE) {
			assert(rounds++ < 1000);
			conn->sends++;
		}
		assert(conn->sends == 0 || (conn->last[0] == '\r' && conn->last[1] == '\n'));
		used += length;
	}
	assert(conn->closed || input.len - used < pop3_protocol.max_input);
	return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	log_set_role("fuzz", LOG_LEVEL_ERROR + 1);
	struct conn conn = {.tls = data[0] & 1};
	size_t piece = (size_t)(data[0] >> 1) * 40 + 1, at = 0;
	struct slice input = slice_make((const char *)data + 1, size - 1);
	void *session = pop3_protocol.open(&conn, &conn.service);
	for (size_t come = 0; come < input.len && !conn.closed;) {
		come = come + piece < input.len ? come + piece : input.len;
		if (come - at > pop3_protocol.max_input)
			come = at + pop3_protocol.max_input;
		/* A copy, so that reading past what has come is seen. */
		char *copy = memory_copy(input.at + at, come - at);
		at += run_units(&conn, session, slice_make(copy, come - at));
		free(copy);
	}
	if (!conn.closed)
		pop3_protocol.expire(session, (enum net_expiry)(data[0] % 4));
	pop3_protocol.close(session);
	return 0;
}
