/* HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 3501 §6.4.5): the fields that a section names (or doesn't) go from the file to the
 * client through a window of fixed size, so that a header of any length takes no more memory than a short one. It is gone through
 * twice: to know how long the subset is, and to send it. */
#include "imap/fetch.h"

#include "message/header.h"

/* ---- names ---- */

static int compare_names(const void *a, const void *b)
{
	const struct slice *left = a, *right = b;
	if (left->len != right->len)
		return left->len < right->len ? -1 : 1;
	for (size_t i = 0; i < left->len; i++) {
		int difference = (unsigned char)ascii_lower(left->at[i]) - (unsigned char)ascii_lower(right->at[i]);
		if (difference != 0)
			return difference;
	}
	return 0;
}

void imap_section_sort_names(struct imap_section *section, struct arena *arena)
{
	section->sorted = arena_array(arena, section->field_count, sizeof *section->sorted);
	memcpy(section->sorted, section->fields, section->field_count * sizeof *section->sorted);
	qsort(section->sorted, section->field_count, sizeof *section->sorted, compare_names);
}

static bool names_field(const struct imap_section *section, struct slice name)
{
	return bsearch(&name, section->sorted, section->field_count, sizeof name, compare_names);
}

/* ---- the window ---- */

static struct slice in_window(const struct imap_fields *fields)
{
	return slice_make(fields->window + (fields->at - fields->window_at), (size_t)(fields->window_at + fields->window_len - fields->at));
}

/* Has the window begin where we are, and be full unless the header ends. */
static bool refill(struct imap_fields *fields, struct imap_source *source)
{
	uint64_t left = fields->length - fields->at;
	size_t wanted = left < FIELDS_WINDOW ? (size_t)left : FIELDS_WINDOW;
	fields->window_at = fields->at;
	fields->window_len = wanted;
	return wanted == 0 || imap_source_read_into(source, fields->offset + fields->at, wanted, fields->window);
}

/* So much of the header has to be seen to judge a line; all of it if it is shorter. */
static bool see(struct imap_fields *fields, struct imap_source *source, size_t needed)
{
	size_t seen = in_window(fields).len;
	bool all = fields->window_at + fields->window_len == fields->length;
	return seen >= needed || all || refill(fields, source);
}

/* ---- lines ---- */

static bool is_empty_line(struct slice line)
{
	return slice_starts(line, SLICE("\n")) || slice_starts(line, SLICE("\r\n"));
}

/* A line begins, of a further field unless it is folded. A line that is no field belongs to neither kind of subset. */
static void judge_line(struct imap_fields *fields, struct slice line)
{
	struct header_field field;
	bool folded = fields->at > 0 && (line.at[0] == ' ' || line.at[0] == '\t');
	if (folded)
		return;
	struct slice start = slice_sub(line, 0, FIELD_SEEN);
	bool named = header_next(&start, &field) && field.name.len > 0;
	fields->wanted = named && names_field(fields->section, field.name) == (fields->section->text == SECTION_FIELDS);
}

/* The empty line that ends a header belongs to every subset of it; so does the end of a last line that has none. */
static struct slice end_of_subset(struct imap_fields *fields)
{
	fields->state = FIELDS_DONE;
	return fields->unended ? SLICE("\r\n\r\n") : SLICE("\r\n");
}

void imap_fields_begin(struct imap_fields *fields, const struct imap_section *section, uint64_t offset, uint64_t length)
{
	/* A header that fits the window is read once for all sections that ask for some of it. */
	bool same = fields->window_len == length && fields->window_at == 0 && fields->offset == offset;
	*fields = (struct imap_fields){.section = section, .window = fields->window, .window_len = same ? length : 0, .offset = offset, .length = length};
}

bool imap_fields_next(struct imap_fields *fields, struct imap_source *source, struct slice *piece)
{
	*piece = slice_make("", 0);
	while (piece->len == 0 && fields->state != FIELDS_DONE) {
		bool begins = fields->state == FIELDS_LINE_BEGINS;
		if (!see(fields, source, begins ? FIELD_SEEN : 1))
			return false;
		struct slice line = in_window(fields);
		if (line.len == 0 || (begins && is_empty_line(line))) {
			*piece = end_of_subset(fields);
			break;
		}
		if (begins)
			judge_line(fields, line);
		size_t end = slice_find_char(line, '\n');
		fields->state = end == SLICE_NONE ? FIELDS_IN_LINE : FIELDS_LINE_BEGINS;
		line = slice_sub(line, 0, end == SLICE_NONE ? line.len : end + 1);
		fields->at += line.len;
		if (fields->wanted)
			*piece = line;
		fields->unended = fields->wanted && end == SLICE_NONE;
	}
	return true;
}

bool imap_fields_measure(struct imap_fields *fields, struct imap_source *source, uint64_t *size)
{
	struct slice piece;
	*size = 0;
	while (fields->state != FIELDS_DONE) {
		if (!imap_fields_next(fields, source, &piece))
			return false;
		*size += piece.len;
	}
	return true;
}
