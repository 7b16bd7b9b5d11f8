/* Bodies: reading and dot-stuffing; see body.h. */
#include "courier/body.h"

#include <errno.h>
#include <unistd.h>

#include "base/memory.h"

enum { LINE_MAX_DATA = 998 }; /* RFC 5321 §4.5.3.1.6 */

struct body *body_open(struct queue *queue, int64_t id, struct error *error)
{
	struct body *body = memory_new(sizeof *body);
	body->arena = arena_new();
	body->fd = -1;
	if (!queue_body(queue, id, body->arena, &body->bytes, &body->fd, error))
		body_close(&body);
	return body;
}

void body_close(struct body **body)
{
	if (!*body)
		return;
	if ((*body)->fd >= 0)
		close((*body)->fd);
	arena_free(&(*body)->arena);
	free(*body);
	*body = NULL;
}

void body_rewind(struct body *body)
{
	body->at = 0;
	body->failed = false;
}

bool body_next(struct body *body, struct slice *piece, struct error *error)
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

/* ---- Examining ---- */

struct scan { char before; size_t line; bool in_header; };

static void scan_byte(struct scan *scan, char c, struct body_facts *facts)
{
	if (c == '\n' && scan->before == '\r' && scan->line == 1)
		scan->in_header = false; /* the line was empty but for its CR */
	facts->binary |= c == '\0' || (c == '\n') != (scan->before == '\r');
	if ((unsigned char)c >= 0x80) {
		facts->eight_bit = true;
		facts->utf8_header |= scan->in_header;
	}
	scan->line = c == '\n' ? 0 : scan->line + 1;
	facts->binary |= scan->line > LINE_MAX_DATA + 1;
	scan->before = c;
}

bool body_examine(struct body *body, struct body_facts *facts, struct error *error)
{
	struct scan scan = {.in_header = true};
	struct slice piece;
	*facts = (struct body_facts){0};
	body_rewind(body);
	while (body_next(body, &piece, error))
		for (size_t i = 0; i < piece.len; i++)
			scan_byte(&scan, piece.at[i], facts);
	facts->binary |= scan.before == '\r';
	return !body->failed;
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

void stuffing_add(struct stuffing *stuffing, struct slice piece, struct buf *out)
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

void stuffing_end(struct stuffing *stuffing, struct buf *out)
{
	if (stuffing->cr || stuffing->middle)
		buf_append(out, SLICE("\r\n"));
	buf_append(out, SLICE(".\r\n"));
	*stuffing = (struct stuffing){0};
}
