/* RETR and TOP (RFC 1939 §5, §7): the message goes out in pieces, a dot before each line that begins with one, and waits when
 * the client doesn't read. If its file can't be read to the end the connection is closed: the client must not take a part
 * for the whole. */
#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "message/header.h"
#include "pop3/session.h"

enum { PIECE_SIZE = 32 * 1024 };

static void end_transfer(struct pop3_session *session)
{
	close(session->transfer.fd);
	session->transfer.fd = -1;
}

static void say_ok(struct pop3_session *session)
{
	if (session->transfer.lines_left < 0)
		pop3_ok(session, "%llu octets", (unsigned long long)session->transfer.size);
	else
		pop3_ok(session, "the beginning follows");
}

static void begin_transfer(struct pop3_session *session, const struct maildrop_message *message)
{
	struct error error = {0};
	struct pop3_transfer *transfer = &session->transfer;
	transfer->fd = maildrop_read(session->maildrop, message, &transfer->size, &error);
	if (transfer->fd < 0 && error.kind == ERROR_NOT_FOUND)
		pop3_error(session, "that message was removed by another session");
	else if (transfer->fd < 0)
		pop3_trouble(session, "the message can't be read", &error);
	else
		say_ok(session);
}

/* TOP looks at a header's lines as wholes. */
static bool by_lines(const struct pop3_transfer *transfer)
{
	return transfer->in_header && transfer->lines_left >= 0;
}

/* A line begins: false if TOP has shown as many as were asked for. What can't stand in a header ends it, too. */
static bool may_begin_line(struct pop3_transfer *transfer, struct slice line)
{
	if (transfer->lines_left < 0)
		return true;
	enum header_line kind = transfer->in_header ? header_line(line, !transfer->has_field) : HEADER_NONE;
	transfer->has_field |= kind == HEADER_FIELD;
	transfer->in_header = kind != HEADER_NONE;
	return transfer->in_header || transfer->lines_left-- > 0;
}

/* A line has ended: was it the empty one after the header? */
static void note_line_end(struct pop3_transfer *transfer)
{
	if (transfer->line_bytes <= 2 && (transfer->line_first == '\r' || transfer->line_first == '\n'))
		transfer->in_header = false;
	transfer->line_bytes = 0;
}

/* Sends what is to be seen of a piece; false if the message is to end before it does. */
static bool send_piece(struct pop3_session *session, struct slice piece)
{
	struct pop3_transfer *transfer = &session->transfer;
	size_t sent = 0, at = 0;
	while (at < piece.len) {
		const char *newline = memchr(piece.at + at, '\n', piece.len - at);
		size_t end = newline ? (size_t)(newline - piece.at) + 1 : piece.len;
		if (transfer->line_start) {
			if (!may_begin_line(transfer, slice_sub(piece, at, end - at))) {
				conn_send(session->conn, slice_sub(piece, sent, at - sent));
				return false;
			}
			transfer->line_first = piece.at[at];
			if (piece.at[at] == '.') {
				conn_send(session->conn, slice_sub(piece, sent, at - sent));
				conn_send(session->conn, SLICE("."));
				sent = at;
			}
		}
		transfer->line_bytes += end - at;
		transfer->line_start = newline != NULL;
		if (newline)
			note_line_end(transfer);
		at = end;
	}
	conn_send(session->conn, slice_sub(piece, sent, at - sent));
	return true;
}

/* The same for bytes as they were read. */
static bool send_read(struct pop3_session *session, struct slice read)
{
	struct canonical *canonical = &session->transfer.canonical;
	if (canonical->crs == 0 && canonical_is_right(read)) {
		bool more = session->transfer.offset < session->transfer.size;
		canonical->in_body = canonical->in_body || (more && slice_find(read, SLICE("\r\n\r\n")) != SLICE_NONE);
		return send_piece(session, read);
	}
	size_t clean = by_lines(&session->transfer) ? 0 : canonical_skip(canonical, read);
	if (clean > 0 && !send_piece(session, slice_sub(read, 0, clean)))
		return false;
	struct slice rest = slice_skip(read, clean);
	struct buf mended = BUF(CANONICAL_FACTOR * (rest.len + canonical->crs));
	canonical_write(canonical, rest, &mended);
	bool more = mended.len == 0 || send_piece(session, buf_slice(&mended));
	buf_free(&mended);
	return more;
}

static ssize_t read_piece(const struct pop3_transfer *transfer, char *piece)
{
	uint64_t left = transfer->size - transfer->offset;
	ssize_t got;
	do
		got = pread(transfer->fd, piece, left < PIECE_SIZE ? (size_t)left : PIECE_SIZE, (off_t)transfer->offset);
	while (got < 0 && errno == EINTR);
	return got;
}

/* Of a line that goes on in the next piece the beginning comes with that. */
static size_t whole_lines(const struct pop3_transfer *transfer, struct slice piece)
{
	size_t last = by_lines(transfer) ? slice_find_last_char(piece, '\n') : SLICE_NONE;
	return last == SLICE_NONE ? piece.len : last + 1;
}

static void end_message(struct pop3_session *session, bool whole)
{
	if (whole && session->transfer.canonical.crs > 0)
		send_piece(session, SLICE("\r\n"));
	conn_send_text(session->conn, session->transfer.line_start ? ".\r\n" : "\r\n.\r\n");
	session->retrieved++;
	session->retrieved_bytes += session->transfer.offset;
}

static enum net_run go_on(struct pop3_session *session)
{
	struct pop3_transfer *transfer = &session->transfer;
	char piece[PIECE_SIZE];
	bool more = true;
	while (more && transfer->offset < transfer->size) {
		if (conn_should_pause(session->conn))
			return RUN_AGAIN;
		ssize_t got = read_piece(transfer, piece);
		if (got <= 0) {
			log_error("pop3.unreadable", log_id("session", session->id), log_slice("account", session->maildrop->account),
				  log_number("errno", got < 0 ? errno : 0));
			conn_close(session->conn);
			end_transfer(session);
			return RUN_DONE;
		}
		size_t used = whole_lines(transfer, slice_make(piece, (size_t)got));
		transfer->offset += used;
		more = send_read(session, slice_make(piece, used));
	}
	end_message(session, more);
	end_transfer(session);
	return RUN_DONE;
}

/* Most messages are one piece, and nothing has become of them since they were listed. */
static bool send_small(struct pop3_session *session, const struct maildrop_message *message)
{
	char piece[PIECE_SIZE];
	if (message->size >= sizeof piece || !maildrop_read_unchanged(session->maildrop, message, piece))
		return false;
	session->transfer.offset = session->transfer.size = message->size;
	say_ok(session);
	end_message(session, send_read(session, slice_make(piece, (size_t)message->size)));
	return true;
}

static enum net_run send_message(struct pop3_session *session, struct slice number, int64_t lines)
{
	if (!session->resumed) {
		const struct maildrop_message *message = pop3_message(session, number);
		if (!message)
			return RUN_DONE;
		session->transfer = (struct pop3_transfer){.fd = -1, .line_start = true, .in_header = true, .lines_left = lines};
		if (send_small(session, message))
			return RUN_DONE;
		begin_transfer(session, message);
	}
	return session->transfer.fd >= 0 ? go_on(session) : RUN_DONE;
}

enum net_run pop3_cmd_retr(struct pop3_session *session, struct slice argument)
{
	return send_message(session, argument, -1);
}

enum net_run pop3_cmd_top(struct pop3_session *session, struct slice argument)
{
	struct slice number, count;
	uint64_t lines;
	if (!slice_cut(argument, ' ', &number, &count) || !slice_to_number(count, INT64_MAX, &lines)) {
		pop3_error(session, "a message and a number of lines are expected");
		return RUN_DONE;
	}
	return send_message(session, number, (int64_t)lines);
}
