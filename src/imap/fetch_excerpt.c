/* HEADER.FIELDS (RFC 3501 §6.4.5) from the excerpt that is kept of a message (message/excerpt.h): the same bytes as fetch_fields.c finds in
 * its file, which isn't opened. */
#include "imap/fetch.h"

bool imap_excerpt_serves(struct slice excerpt, uint64_t fields)
{
	struct excerpt_reader reader;
	struct slice field;
	if (fields == 0 || !excerpt_read(excerpt, fields, &reader))
		return false;
	while (excerpt_next(&reader, &field))
		;
	return !reader.damaged;
}

/* The empty line belongs to every subset; so does the end of a last line that has none. */
static struct slice end_after(struct slice field)
{
	return field.len > 0 && field.at[field.len - 1] != '\n' ? SLICE("\r\n\r\n") : SLICE("\r\n");
}

uint64_t imap_excerpt_measure(struct slice excerpt, const struct imap_section *section)
{
	struct excerpt_reader reader;
	struct slice field = slice_make("", 0);
	uint64_t size = 0;
	for (excerpt_read(excerpt, section->excerpt, &reader); excerpt_next(&reader, &field);)
		size += field.len;
	return size + end_after(field).len;
}

static void write_part(struct slice piece, uint64_t *skip, uint64_t *left, struct buf *out)
{
	size_t skipped = *skip < piece.len ? (size_t)*skip : piece.len;
	piece = slice_sub(piece, skipped, *left < piece.len ? (size_t)*left : piece.len);
	*skip -= skipped;
	*left -= piece.len;
	buf_append(out, piece);
}

void imap_excerpt_write(struct slice excerpt, const struct imap_section *section, uint64_t skip, uint64_t left, struct buf *out)
{
	struct excerpt_reader reader;
	struct slice field = slice_make("", 0);
	for (excerpt_read(excerpt, section->excerpt, &reader); excerpt_next(&reader, &field);)
		write_part(field, &skip, &left, out);
	write_part(end_after(field), &skip, &left, out);
}
