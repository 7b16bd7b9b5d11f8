/* Bodies: reading, examining and dot-stuffing; see body.h. */
#include "courier/body.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

struct courier_body *courier_body_open(struct queue *queue, const struct queue_message *message, struct error *error)
{
	struct courier_body *body = memory_new(sizeof *body);
	body->arena = arena_new();
	body->fd = -1;
	if (!queue_body(queue, message->id, body->arena, &body->bytes, &body->fd, error)) {
		courier_body_close(&body);
		return NULL;
	}
	body->preface = message->preface;
	courier_body_rewind(body);
	return body;
}

void courier_body_close(struct courier_body **body)
{
	if (!*body)
		return;
	if ((*body)->mapped)
		munmap((*body)->mapped, (*body)->mapped_size);
	if ((*body)->fd >= 0)
		close((*body)->fd);
	arena_free(&(*body)->arena);
	free(*body);
	*body = NULL;
}

void courier_body_rewind(struct courier_body *body)
{
	body->at = body->preface;
	body->failed = false;
}

bool courier_body_next(struct courier_body *body, struct slice *piece, struct error *error)
{
	if (body->fd < 0) {
		*piece = slice_sub(body->bytes, (size_t)body->at, BODY_PIECE);
		body->at += piece->len;
		return piece->len > 0;
	}
	ssize_t got;
	do
		got = pread(body->fd, body->piece, sizeof body->piece, (off_t)body->at);
	while (got < 0 && errno == EINTR);
	if (got < 0) {
		body->failed = true;
		return error_set_errno(error, errno, "reading the queued message");
	}
	body->at += (uint64_t)got;
	*piece = slice_make(body->piece, (size_t)got);
	return got > 0;
}

bool courier_body_copy(struct queue *queue, const struct queue_message *message, struct queue_draft *draft, struct error *error)
{
	struct slice piece;
	struct courier_body *body = courier_body_open(queue, message, error);
	bool done = body != NULL;
	while (done && courier_body_next(body, &piece, error))
		done = queue_draft_write(draft, piece, error);
	done = done && !body->failed;
	courier_body_close(&body);
	return done;
}

bool courier_body_view(struct courier_body *body, struct slice *whole, struct error *error)
{
	struct stat status;
	if (body->fd >= 0 && !body->mapped) {
		if (fstat(body->fd, &status) != 0)
			return error_set_errno(error, errno, "reading the queued message");
		void *at = status.st_size > 0 ? mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, body->fd, 0) : MAP_FAILED;
		if (at == MAP_FAILED)
			return error_set_errno(error, errno, "mapping the queued message");
		body->mapped = at;
		body->mapped_size = (size_t)status.st_size;
	}
	*whole = body->mapped ? slice_make(body->mapped, body->mapped_size) : body->bytes;
	*whole = slice_skip(*whole, body->preface);
	return true;
}

/* ---- Examining ---- */

struct scan { bool cr; size_t line; /* the last byte was a CR; bytes of the line so far */ };

/* Lines end with CRLF, and have so many bytes at most. */
static void scan_lines(struct scan *scan, struct slice piece, struct message_facts *facts)
{
	const char *at = piece.at, *end = piece.at + piece.len;
	while (at < end) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		bool ended = lf && (lf > piece.at ? lf[-1] == '\r' : scan->cr);
		scan->line += (size_t)((lf ? lf : end) - at);
		facts->not_lines |= lf && !ended;
		facts->long_line |= scan->line > (size_t)MESSAGE_LINE_MAX + (ended || !lf);
		if (lf)
			scan->line = 0;
		at = lf ? lf + 1 : end;
	}
}

/* A CR without its LF. */
static void scan_returns(struct scan *scan, struct slice piece, struct message_facts *facts)
{
	const char *end = piece.at + piece.len;
	facts->not_lines |= scan->cr && piece.at[0] != '\n';
	for (const char *cr = memchr(piece.at, '\r', piece.len); cr && cr + 1 < end; cr = memchr(cr + 1, '\r', (size_t)(end - cr - 1)))
		facts->not_lines |= cr[1] != '\n';
	scan->cr = end[-1] == '\r';
}

static bool scan_all(struct courier_body *body, struct courier_body_facts *facts, struct error *error)
{
	struct scan scan = {0};
	struct slice piece = {0};
	*facts = (struct courier_body_facts){0};
	courier_body_rewind(body);
	while (courier_body_next(body, &piece, error)) {
		facts->message.eight_bit |= !slice_is_ascii(piece);
		facts->nul |= memchr(piece.at, '\0', piece.len) != NULL;
		scan_lines(&scan, piece, &facts->message);
		scan_returns(&scan, piece, &facts->message);
	}
	facts->message.long_line |= scan.line > (size_t)MESSAGE_LINE_MAX + scan.cr;
	facts->message.not_lines |= scan.cr || facts->nul;
	return !body->failed;
}

bool courier_body_examine(struct courier_body *body, bool headers, struct courier_body_facts *facts, struct error *error)
{
	struct slice whole = {0};
	struct message_facts found;
	if (!body->examined && !scan_all(body, &body->facts, error))
		return false;
	body->examined = true;
	if (headers && body->facts.message.eight_bit && !body->headers_examined) {
		if (!courier_body_view(body, &whole, error))
			return false;
		message_examine(whole, &found);
		body->facts.message.utf8_header = found.utf8_header;
		body->headers_examined = true;
	}
	*facts = body->facts;
	return true;
}

/* ---- Stuffing ---- */

/* The next CR and LF of a piece, each looked for once: so even a piece of nothing but one of them takes linear time. */
struct ends { const char *cr, *lf; };

static const char *next_char(struct slice rest, char c, const char *known)
{
	if (known && known >= rest.at)
		return known;
	size_t at = slice_find_char(rest, c);
	return rest.at + (at == SLICE_NONE ? rest.len : at);
}

/* Where the run of bytes that need no care ends. */
static size_t plain_run(struct slice rest, struct ends *ends)
{
	ends->cr = next_char(rest, '\r', ends->cr);
	ends->lf = next_char(rest, '\n', ends->lf);
	return (size_t)((ends->cr < ends->lf ? ends->cr : ends->lf) - rest.at);
}

void courier_stuffing_add(struct courier_stuffing *stuffing, struct slice piece, struct buf *out)
{
	struct ends ends = {NULL, NULL};
	while (piece.len > 0) {
		if (stuffing->cr || piece.at[0] == '\n') { /* CRLF, or one of the two alone: a line ends */
			if (piece.at[0] == '\n')
				piece = slice_skip(piece, 1);
			buf_append(out, SLICE("\r\n"));
			stuffing->cr = stuffing->middle = false;
		} else if (piece.at[0] == '\r') {
			piece = slice_skip(piece, 1);
			stuffing->cr = true;
		} else {
			size_t len = plain_run(piece, &ends);
			if (!stuffing->middle && piece.at[0] == '.')
				buf_append_char(out, '.');
			buf_append(out, slice_sub(piece, 0, len));
			piece = slice_skip(piece, len);
			stuffing->middle = true;
		}
	}
}

void courier_stuffing_end(struct courier_stuffing *stuffing, struct buf *out)
{
	if (stuffing->cr || stuffing->middle)
		buf_append(out, SLICE("\r\n"));
	buf_append(out, SLICE(".\r\n"));
	*stuffing = (struct courier_stuffing){0};
}
