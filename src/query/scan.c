/* The texts of a message, gone through once for all keys of a query: decoded and folded (text_fold_blanks) a piece at a time, and
 * every text that wasn't found yet looked for in each; or the grams of each are gathered (grams.c). So the time is that of one pass, and the memory that of the largest part
 * as it stands in the file and decoded, however many keys there are. */
#include "message/header.h"
#include "query/internal.h"

enum {
	SCAN_PIECE = 64 * 1024,         /* decoded bytes that are folded at a time, to the end of a line … */
	SCAN_LINE_MAX = 256 * 1024,     /* … which isn't longer */
	FOLDED_MAX = 64 * 1024 * 1024,  /* a piece, with what is kept of the one before it */
	DECODE_FACTOR = 6,              /* a header in memory with its longest field decoded, in sizes of the header */
};

/* What a text belongs to says which keys see it. */
enum scanned { SCANNED_HEADER, SCANNED_MIME_HEADER, SCANNED_INNER_HEADER, SCANNED_TEXT };

static bool is_asked_for(const struct query_node *node, enum scanned where)
{
	if (node->found)
		return false;
	return node->key == QUERY_TEXT || (node->key == QUERY_BODY && (where == SCANNED_INNER_HEADER || where == SCANNED_TEXT));
}

static bool is_wanted(const struct query_message *message, enum scanned where)
{
	if (message->grams)
		return !message->grams->overflow;
	for (const struct query_node *node = message->query->texts; node; node = node->next_text)
		if (is_asked_for(node, where) || (where == SCANNED_HEADER && node->key == QUERY_HEADER && !node->found))
			return true;
	return false;
}

static void look(struct query_message *message, enum scanned where, struct slice folded)
{
	if (message->grams)
		query_grams_add(message->grams, folded);
	for (struct query_node *node = message->query->texts; node; node = node->next_text)
		if (is_asked_for(node, where))
			node->found = slice_find(folded, node->text) != SLICE_NONE;
}

/* Without the memory the message isn't looked into, and the answer doesn't count. */
static bool borrow(struct query_message *message, uint64_t bytes, uint64_t *borrowed)
{
	*borrowed = bytes > QUERY_UNCOUNTED ? bytes : 0;
	if (*borrowed > 0 && !message->asks->borrow(message->context, bytes)) {
		*borrowed = 0;
		message->refused = true;
	}
	return !message->refused;
}

static void repay(struct query_message *message, uint64_t borrowed)
{
	if (borrowed > 0)
		message->asks->repay(message->context, borrowed);
}

static bool is_over(const struct query_message *message)
{
	return message->asks->is_over && message->asks->is_over(message->context);
}

static bool read_range(struct query_message *message, uint64_t offset, uint64_t length, struct buf *out)
{
	char *room = buf_reserve(out, (size_t)length);
	if (!room || !message->asks->read(message->context, offset, length, room)) {
		message->unread = true;
		return false;
	}
	buf_claim(out, (size_t)length);
	return true;
}

/* ---- headers ---- */

static void look_for_field(struct query_message *message, const struct header_field *field, struct slice folded)
{
	for (struct query_node *node = message->query->texts; node; node = node->next_text)
		if (node->key == QUERY_HEADER && !node->found && slice_equal_nocase(field->name, node->field))
			node->found = slice_find(folded, node->text) != SLICE_NONE;
}

static void look_at_field(struct query_message *message, enum scanned where, const struct header_field *field)
{
	struct arena *arena = message->step;
	struct slice body = header_decode(field->body, arena);
	struct slice line = text_fold_blanks(arena_printf(arena, "%.*s: %.*s", SLICE_ARG(field->name), SLICE_ARG(body)), arena);
	if (where == SCANNED_HEADER)
		look_for_field(message, field, slice_skip(line, field->name.len + 2));
	look(message, where, line);
	arena_reset(arena);
}

static void scan_header(struct query_message *message, const struct mime_part *part, enum scanned where)
{
	uint64_t length = part->header_size < QUERY_HEADER_MAX ? part->header_size : QUERY_HEADER_MAX, borrowed;
	struct header_field field;
	if (!is_wanted(message, where) || !borrow(message, length * DECODE_FACTOR, &borrowed))
		return;
	struct buf raw = BUF(length + 1);
	read_range(message, part->header_at, length, &raw);
	struct slice rest = buf_slice(&raw);
	while (!is_over(message) && header_next(&rest, &field))
		look_at_field(message, where, &field);
	buf_free(&raw);
	repay(message, borrowed);
}

void query_scan_header(struct query_message *message)
{
	const struct mime_part *root = message->asks->structure(message->context);
	if (root)
		scan_header(message, root, SCANNED_HEADER);
}

/* ---- text ---- */

/* The next piece: whole lines, unless they are very long. */
static struct slice take_piece(struct slice *rest)
{
	struct slice piece = slice_sub(*rest, 0, SCAN_PIECE);
	size_t end = slice_find_char(slice_sub(slice_skip(*rest, piece.len), 0, SCAN_LINE_MAX), '\n');
	piece = slice_sub(*rest, 0, end == SLICE_NONE ? SCAN_LINE_MAX : piece.len + end + 1);
	*rest = slice_skip(*rest, piece.len);
	return piece;
}

/* Looks into a piece, with the end of the one before it: what is searched for may lie across. */
static void look_at_piece(struct query_message *message, struct slice charset, struct slice piece, struct buf *folded)
{
	struct buf utf8 = BUF(piece.len * 4 + 16);
	size_t kept = message->query->longest - 1;
	charset_to_utf8(charset, piece, &utf8);
	if (folded->len > kept)
		buf_consume(folded, folded->len - kept);
	struct slice text = text_fold_blanks(buf_slice(&utf8), message->step);
	bool blank = folded->len > 0 && folded->at[folded->len - 1] == ' '; /* a run goes on */
	buf_append(folded, slice_skip(text, blank && slice_starts(text, SLICE(" "))));
	buf_free(&utf8);
	arena_reset(message->step);
	look(message, SCANNED_TEXT, buf_slice(folded));
}

static void look_at_text(struct query_message *message, const struct mime_part *part, struct slice decoded)
{
	struct slice charset = parameter_get(part->parameters, part->parameter_count, SLICE("charset"));
	struct buf folded = BUF(FOLDED_MAX);
	while (decoded.len > 0 && is_wanted(message, SCANNED_TEXT) && !is_over(message)) {
		bool wide = charset_is_wide(charset); /* can't be cut at line ends */
		struct slice piece = wide ? slice_sub(decoded, 0, QUERY_WIDE_MAX) : take_piece(&decoded);
		if (wide)
			decoded = slice_make("", 0);
		look_at_piece(message, charset, piece, &folded);
	}
	buf_free(&folded);
}

static void scan_text(struct query_message *message, const struct mime_part *part)
{
	uint64_t length = part->body_size < QUERY_PART_MAX ? part->body_size : QUERY_PART_MAX, borrowed;
	if (!is_wanted(message, SCANNED_TEXT) || !borrow(message, 2 * length, &borrowed))
		return;
	struct buf raw = BUF(length + 1), decoded = BUF(length + 16);
	if (read_range(message, part->body_at, length, &raw)) {
		mime_decode(part->encoding, buf_slice(&raw), &decoded);
		buf_free(&raw);
		look_at_text(message, part, buf_slice(&decoded));
	}
	buf_free(&raw);
	buf_free(&decoded);
	repay(message, borrowed);
}

/* The text parts, reports and other messages in pieces that are text as well, and the headers of messages inside; with
 * TEXT, which asks for header and body, the MIME headers of the parts, too: they have the names of attachments. */
static void scan_part(struct query_message *message, const struct mime_part *part)
{
	bool inner = slice_equal(part->type, SLICE("message"));
	if (slice_equal(part->type, SLICE("text")) || (inner && part->child_count == 0)) {
		scan_text(message, part);
		return;
	}
	for (size_t i = 0; i < part->child_count; i++) {
		scan_header(message, &part->children[i], inner ? SCANNED_INNER_HEADER : SCANNED_MIME_HEADER);
		scan_part(message, &part->children[i]);
	}
}

void query_scan_parts(struct query_message *message)
{
	const struct mime_part *root = message->asks->structure(message->context);
	if (root)
		scan_part(message, root);
}
