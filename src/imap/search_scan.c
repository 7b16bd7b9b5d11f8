/* The texts of a message, gone through once for all keys of a command: decoded and folded (text_fold_blanks) a piece at a time, and
 * every text that wasn't found yet looked for in each. So the time is that of one pass, and the memory that of the largest part
 * as it stands in the file and decoded, however many keys there are. */
#include "imap/search.h"

#include "message/header.h"

enum {
	SCAN_PIECE = 64 * 1024,          /* decoded bytes that are folded at a time, to the end of a line … */
	SCAN_LINE_MAX = 256 * 1024,     /* … which isn't longer */
	DECODE_FACTOR = 6,               /* a header in memory with its longest field decoded, in sizes of the header */
};

/* What a text belongs to says which keys see it. */
enum scanned { SCANNED_HEADER, SCANNED_MIME_HEADER, SCANNED_INNER_HEADER, SCANNED_TEXT };

static bool is_asked_for(const struct search_node *node, enum scanned where)
{
	if (node->found)
		return false;
	return node->key == SEARCH_TEXT || (node->key == SEARCH_BODY && (where == SCANNED_INNER_HEADER || where == SCANNED_TEXT));
}

static bool is_wanted(const struct candidate *candidate, enum scanned where)
{
	for (const struct search_node *node = candidate->search->texts; node; node = node->next_text)
		if (is_asked_for(node, where) || (where == SCANNED_HEADER && node->key == SEARCH_HEADER && !node->found))
			return true;
	return false;
}

static void look(struct candidate *candidate, enum scanned where, struct slice folded)
{
	for (struct search_node *node = candidate->search->texts; node; node = node->next_text)
		if (is_asked_for(node, where))
			node->found = slice_find(folded, node->text) != SLICE_NONE;
}

/* Memory of the account's share; without it the message isn't looked into, and the command ends with NO. */
static bool borrow(struct candidate *candidate, uint64_t bytes, uint64_t *borrowed)
{
	struct source *source = &candidate->source;
	*borrowed = bytes > UNCOUNTED_MEMORY ? bytes : 0;
	if (*borrowed == 0 || imap_borrow(source->command->imap, bytes))
		return !source->over_share;
	*borrowed = 0;
	source->over_share = true;
	return false;
}

static void repay(struct candidate *candidate, uint64_t borrowed)
{
	imap_repay(candidate->source.command->imap, borrowed);
}

/* ---- headers ---- */

static void look_for_field(struct candidate *candidate, const struct header_field *field, struct slice folded)
{
	for (struct search_node *node = candidate->search->texts; node; node = node->next_text)
		if (node->key == SEARCH_HEADER && !node->found && slice_equal_nocase(field->name, node->field))
			node->found = slice_find(folded, node->text) != SLICE_NONE;
}

static void look_at_field(struct candidate *candidate, enum scanned where, const struct header_field *field)
{
	struct arena *arena = candidate->step;
	struct slice body = header_decode(field->body, arena);
	struct slice line = text_fold_blanks(arena_printf(arena, "%.*s: %.*s", SLICE_ARG(field->name), SLICE_ARG(body)), arena);
	if (where == SCANNED_HEADER)
		look_for_field(candidate, field, slice_skip(line, field->name.len + 2));
	look(candidate, where, line);
	arena_reset(arena);
}

static void scan_header(struct candidate *candidate, const struct part *part, enum scanned where)
{
	uint64_t length = part->header_size < SEARCH_HEADER_MAX ? part->header_size : SEARCH_HEADER_MAX, borrowed;
	struct header_field field;
	if (!is_wanted(candidate, where) || !borrow(candidate, length * DECODE_FACTOR, &borrowed))
		return;
	struct buf raw = BUF(length + 1);
	source_read(&candidate->source, part->header_at, length, &raw);
	struct slice rest = buf_slice(&raw);
	while (!conn_is_gone(candidate->source.command->imap->conn) && header_next(&rest, &field))
		look_at_field(candidate, where, &field);
	buf_free(&raw);
	repay(candidate, borrowed);
}

void search_scan_header(struct candidate *candidate)
{
	const struct part *root = source_structure(&candidate->source);
	if (root)
		scan_header(candidate, root, SCANNED_HEADER);
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
static void look_at_piece(struct candidate *candidate, struct slice charset, struct slice piece, struct buf *folded)
{
	struct buf utf8 = BUF(piece.len * 4 + 16);
	size_t kept = candidate->search->longest - 1;
	charset_to_utf8(charset, piece, &utf8);
	if (folded->len > kept)
		buf_consume(folded, folded->len - kept);
	struct slice text = text_fold_blanks(buf_slice(&utf8), candidate->step);
	bool blank = folded->len > 0 && folded->at[folded->len - 1] == ' '; /* a run goes on */
	buf_append(folded, slice_skip(text, blank && slice_starts(text, SLICE(" "))));
	buf_free(&utf8);
	arena_reset(candidate->step);
	look(candidate, SCANNED_TEXT, buf_slice(folded));
}

static void look_at_text(struct candidate *candidate, const struct part *part, struct slice decoded)
{
	struct slice charset = parameter_get(part->parameters, part->parameter_count, SLICE("charset"));
	struct buf folded = BUF(RESPONSE_MAX);
	struct conn *conn = candidate->source.command->imap->conn;
	while (decoded.len > 0 && is_wanted(candidate, SCANNED_TEXT) && !conn_is_gone(conn)) {
		bool wide = charset_is_wide(charset); /* can't be cut at line ends */
		struct slice piece = wide ? slice_sub(decoded, 0, SEARCH_WIDE_MAX) : take_piece(&decoded);
		if (wide)
			decoded = slice_make("", 0);
		look_at_piece(candidate, charset, piece, &folded);
	}
	buf_free(&folded);
}

static void scan_text(struct candidate *candidate, const struct part *part)
{
	uint64_t length = part->body_size < SEARCH_PART_MAX ? part->body_size : SEARCH_PART_MAX, borrowed;
	if (!is_wanted(candidate, SCANNED_TEXT) || !borrow(candidate, 2 * length, &borrowed))
		return;
	struct buf raw = BUF(length + 1), decoded = BUF(length + 16);
	if (source_read(&candidate->source, part->body_at, length, &raw)) {
		mime_decode(part->encoding, buf_slice(&raw), &decoded);
		buf_free(&raw);
		look_at_text(candidate, part, buf_slice(&decoded));
	}
	buf_free(&raw);
	buf_free(&decoded);
	repay(candidate, borrowed);
}

/* The text parts, reports and other messages in pieces that are text as well, and the headers of messages inside; with
 * TEXT, which asks for header and body, the MIME headers of the parts, too: they have the names of attachments. */
static void scan_part(struct candidate *candidate, const struct part *part)
{
	bool message = slice_equal(part->type, SLICE("message"));
	if (slice_equal(part->type, SLICE("text")) || (message && part->child_count == 0)) {
		scan_text(candidate, part);
		return;
	}
	for (size_t i = 0; i < part->child_count; i++) {
		scan_header(candidate, &part->children[i], message ? SCANNED_INNER_HEADER : SCANNED_MIME_HEADER);
		scan_part(candidate, &part->children[i]);
	}
}

void search_scan_parts(struct candidate *candidate)
{
	const struct part *root = source_structure(&candidate->source);
	if (root)
		scan_part(candidate, root);
}
