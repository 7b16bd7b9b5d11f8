/* The output queue of a connection: chunks of memory and references to file ranges, written in order by whoever owns the
 * connection. A file range is handed to the socket by the kernel (sendfile), or read record by record for TLS; it never
 * passes through the queue's memory. */
#include <errno.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/internal.h"

enum {
	WRITE_VECTORS = 16,
	FILTERED_MAX = 2 * OUTPUT_CHUNK_LARGEST, /* what a filter makes of a record's worth */
};

enum written { WRITTEN_SOME, WRITTEN_WAIT, WRITTEN_LATER /* by a worker */, WRITTEN_BROKEN };

static struct net_output_chunk *output_add(struct net_output *output, size_t size)
{
	struct net_output_chunk *chunk = malloc(sizeof *chunk + size);
	if (!chunk)
		memory_exhausted(size);
	*chunk = (struct net_output_chunk){.fd = -1, .size = size};
	chunk->at = chunk->bytes;
	if (output->last)
		output->last->next = chunk;
	else
		output->first = chunk;
	output->last = chunk;
	return chunk;
}

static void output_drop_first(struct net_output *output)
{
	struct net_output_chunk *chunk = output->first;
	output->first = chunk->next;
	if (!output->first)
		output->last = NULL;
	if (chunk->fd >= 0) {
		close(chunk->fd);
		output->files--;
	} else if (output->secret)
		memory_wipe(chunk->bytes, chunk->used);
	free(chunk);
}

void net_output_free(struct net_output *output)
{
	while (output->first)
		output_drop_first(output);
	output->bytes = 0;
}

static void output_append(struct net_output *output, struct slice bytes)
{
	while (bytes.len > 0) {
		struct net_output_chunk *chunk = output->last;
		if (!chunk || chunk->fd >= 0 || chunk->used == chunk->size) {
			size_t size = bytes.len > OUTPUT_CHUNK || output->bytes > OUTPUT_CHUNK ? OUTPUT_CHUNK_LARGEST : OUTPUT_CHUNK;
			chunk = output_add(output, size);
		}
		size_t room = chunk->size - chunk->used, len = bytes.len < room ? bytes.len : room;
		memcpy(chunk->bytes + chunk->used, bytes.at, len);
		chunk->used += len;
		chunk->left += len;
		output->bytes += len;
		bytes = slice_skip(bytes, len);
	}
}

void conn_send(struct conn *conn, struct slice bytes)
{
	output_append(&conn->output, bytes);
}

void conn_send_constant(struct conn *conn, struct slice bytes)
{
	if (bytes.len == 0)
		return;
	struct net_output_chunk *chunk = output_add(&conn->output, 0);
	chunk->at = bytes.at;
	chunk->left = bytes.len;
}

/* What can't be sent whole isn't sent in part: the client sees a connection that broke, never an answer that looks complete. */
static void conn_break(struct conn *conn, const char *why)
{
	if (!conn->failed)
		log_error("output.incomplete", log_id("session", conn->id), log_text("service", conn->protocol->name), log_text("reason", why));
	conn->failed = true;
}

void conn_send_text(struct conn *conn, const char *text)
{
	conn_send(conn, slice_of(text));
}

/* Most replies are short; the others are as long as they are. */
void conn_vprintf(struct conn *conn, const char *format, va_list args)
{
	char line[512];
	va_list again;
	va_copy(again, args);
	int len = vsnprintf(line, sizeof line, format, args);
	if (len >= (int)sizeof line) {
		char *text = memory_resize(NULL, (size_t)len + 1);
		vsnprintf(text, (size_t)len + 1, format, again);
		conn_send(conn, slice_make(text, (size_t)len));
		free(text);
	} else if (len >= 0) {
		conn_send(conn, slice_make(line, (size_t)len));
	} else {
		conn_break(conn, "a reply can't be written");
	}
	va_end(again);
}

void conn_printf(struct conn *conn, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	conn_vprintf(conn, format, args);
	va_end(args);
}

void conn_send_buf(struct conn *conn, const struct buf *buf)
{
	if (buf->overflow)
		conn_break(conn, "an answer is larger than its buffer");
	else
		conn_send(conn, buf_slice(buf));
}

void conn_send_file(struct conn *conn, int fd, uint64_t offset, uint64_t length)
{
	if (length == 0) {
		close(fd);
		return;
	}
	struct net_output_chunk *chunk = output_add(&conn->output, 0);
	chunk->fd = fd;
	chunk->offset = offset;
	chunk->left = length;
	conn->output.files++;
}

static enum written after_write(ssize_t wrote)
{
	if (wrote >= 0)
		return WRITTEN_SOME;
	return errno == EAGAIN || errno == EINTR ? WRITTEN_WAIT : WRITTEN_BROKEN;
}

/* Marks `count` bytes of memory chunks as sent, dropping those that are done. */
static void memory_sent(struct net_output *output, size_t count)
{
	for (struct net_output_chunk *chunk; count > 0 && (chunk = output->first);) {
		size_t part = count < chunk->left ? count : (size_t)chunk->left;
		output->bytes -= chunk->size > 0 ? part : 0;
		chunk->sent += part;
		chunk->left -= part;
		count -= part;
		if (chunk->left == 0)
			output_drop_first(output);
	}
}

static enum written write_memory(struct conn *conn, struct net_output *wire)
{
	struct iovec vectors[WRITE_VECTORS];
	int count = 0;
	for (struct net_output_chunk *chunk = wire->first; chunk && chunk->fd < 0 && count < WRITE_VECTORS; chunk = chunk->next)
		vectors[count++] = (struct iovec){(char *)(uintptr_t)(chunk->at + chunk->sent), (size_t)chunk->left};
	struct msghdr message = {.msg_iov = vectors, .msg_iovlen = (size_t)count};
	ssize_t wrote = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
	if (wrote > 0)
		memory_sent(wire, (size_t)wrote);
	return after_write(wrote);
}

static void file_sent(struct net_output *output, uint64_t count)
{
	output->first->offset += count;
	output->first->left -= count;
	if (output->first->left == 0)
		output_drop_first(output);
}

static enum written file_is_short(struct conn *conn)
{
	log_error("output.file_short", log_id("session", conn->id));
	return WRITTEN_BROKEN;
}

static enum written write_file(struct conn *conn, struct net_output *wire)
{
	struct net_output_chunk *chunk = wire->first;
	off_t offset = (off_t)chunk->offset;
	size_t most = chunk->left < 1u << 30 ? (size_t)chunk->left : 1u << 30;
	ssize_t wrote = sendfile(conn->fd, chunk->fd, &offset, most);
	if (wrote == 0)
		return file_is_short(conn);
	if (wrote > 0)
		file_sent(wire, (uint64_t)wrote);
	return after_write(wrote);
}

static enum written after_tls_write(struct conn *conn, int result)
{
	int error = SSL_get_error(conn->ssl, result);
	ERR_clear_error();
	if (error == SSL_ERROR_WANT_READ) {
		conn->want_read = true;
		return WRITTEN_WAIT;
	}
	return error == SSL_ERROR_WANT_WRITE ? WRITTEN_WAIT : WRITTEN_BROKEN;
}

/* What the next record holds: bytes of the file that comes first, or of the memory chunks up to the next file, gathered in
 * `record`, where one chunk doesn't fill it. False: the file can't be read. */
static bool next_record(const struct net_output *output, char record[OUTPUT_CHUNK_LARGEST], struct slice *bytes)
{
	const struct net_output_chunk *chunk = output->first;
	size_t length = chunk->left < OUTPUT_CHUNK_LARGEST ? (size_t)chunk->left : OUTPUT_CHUNK_LARGEST;
	*bytes = slice_make(chunk->fd >= 0 ? record : chunk->at + chunk->sent, length);
	if (chunk->fd >= 0)
		return pread(chunk->fd, record, length, (off_t)chunk->offset) == (ssize_t)length;
	if (length == OUTPUT_CHUNK_LARGEST || !chunk->next || chunk->next->fd >= 0)
		return true;
	size_t gathered = 0;
	for (; chunk && chunk->fd < 0 && gathered < OUTPUT_CHUNK_LARGEST; chunk = chunk->next) {
		size_t room = OUTPUT_CHUNK_LARGEST - gathered, part = chunk->left < room ? (size_t)chunk->left : room;
		memcpy(record + gathered, chunk->at + chunk->sent, part);
		gathered += part;
	}
	*bytes = slice_make(record, gathered);
	return true;
}

/* One record. After WRITTEN_WAIT the same bytes are offered again, and perhaps more after them, as SSL_write wants it: memory
 * chunks stay what they are, and a file range is read again from the same offset. */
static enum written write_tls(struct conn *conn, struct net_output *wire)
{
	char record[OUTPUT_CHUNK_LARGEST];
	struct slice bytes;
	bool from_file = wire->first->fd >= 0;
	if (!next_record(wire, record, &bytes))
		return file_is_short(conn);
	ERR_clear_error();
	int wrote = SSL_write(conn->ssl, bytes.at, (int)bytes.len);
	if (wrote <= 0)
		return after_tls_write(conn, wrote);
	if (from_file)
		file_sent(wire, (uint64_t)wrote);
	else
		memory_sent(wire, (size_t)wrote);
	return WRITTEN_SOME;
}

/* ---- The filter ---- */

/* Compressing a long answer would hold up all whom the loop serves; and a worker does it as long as nobody else needs one. */
static bool belongs_to_a_worker(const struct conn *conn)
{
	if (conn->busy)
		return clock_monotonic_ms() - conn->turn_ms >= PIECE_MS && workers_are_wanted(conn->server->workers);
	return conn->output.files > 0 || conn->output.bytes > OUTPUT_CHUNK_LARGEST;
}

/* A piece for the wire, if there is none yet: what the filter makes of the next record's worth. */
static enum written fill_wire(struct conn *conn)
{
	char record[OUTPUT_CHUNK_LARGEST];
	struct slice bytes;
	struct buf filtered = BUF(FILTERED_MAX);
	bool from_file = conn->output.first->fd >= 0;
	if (belongs_to_a_worker(conn))
		return WRITTEN_LATER;
	if (!next_record(&conn->output, record, &bytes))
		return file_is_short(conn);
	conn->filtering->filter->send(conn->filtering->state, bytes, &filtered);
	output_append(&conn->filtering->wire, buf_slice(&filtered));
	bool whole = !filtered.overflow;
	buf_free(&filtered);
	if (from_file)
		file_sent(&conn->output, bytes.len);
	else
		memory_sent(&conn->output, bytes.len);
	return whole ? WRITTEN_SOME : WRITTEN_BROKEN;
}

void conn_set_filter(struct conn *conn, const struct conn_filter *filter, void *state)
{
	conn->filtering = memory_new(sizeof *conn->filtering);
	*conn->filtering = (struct net_filtering){.filter = filter, .state = state, .wire = conn->output, .held = BUF_SECRET(READ_STEP)};
	conn->output = (struct net_output){0};
}

bool conn_is_filtered(const struct conn *conn)
{
	return conn->filtering != NULL;
}

/* ---- Writing ---- */

bool conn_has_output(const struct conn *conn)
{
	return conn->output.first || (conn->filtering && conn->filtering->wire.first);
}

/* One step: something of the queue goes to the socket, or through the filter. */
static enum written write_some(struct conn *conn)
{
	struct net_output *wire = conn->filtering ? &conn->filtering->wire : &conn->output;
	if (!wire->first)
		return fill_wire(conn);
	enum written result = conn->ssl ? write_tls(conn, wire) : wire->first->fd >= 0 ? write_file(conn, wire) : write_memory(conn, wire);
	if (result == WRITTEN_SOME)
		conn->heard_ms = clock_monotonic_ms(); /* a client that reads is alive */
	return result;
}

void net_filtering_free(struct net_filtering **filtering)
{
	if (!*filtering)
		return;
	net_output_free(&(*filtering)->wire);
	buf_free(&(*filtering)->held);
	(*filtering)->filter->free((*filtering)->state);
	free(*filtering);
	*filtering = NULL;
}

bool conn_flush(struct conn *conn)
{
	conn->want_write = conn->filter_due = false;
	while (conn_has_output(conn)) {
		enum written result = write_some(conn);
		if (result == WRITTEN_BROKEN) {
			net_output_free(&conn->output);
			if (conn->filtering)
				net_output_free(&conn->filtering->wire);
			conn->failed = true;
			return false;
		}
		if (result != WRITTEN_SOME) {
			conn->want_write = result == WRITTEN_WAIT;
			conn->filter_due = result == WRITTEN_LATER;
			return true;
		}
	}
	return true;
}

size_t conn_queued(const struct conn *conn)
{
	return conn->output.bytes + (conn->filtering ? conn->filtering->wire.bytes : 0);
}

bool conn_should_pause(const struct conn *conn)
{
	return conn->failed || conn->output.bytes >= OUTPUT_HIGH || conn->output.files >= OUTPUT_FILES_HIGH ||
	       clock_monotonic_ms() - conn->piece_ms >= PIECE_MS;
}
