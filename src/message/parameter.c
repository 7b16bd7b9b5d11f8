/* Parameters: first cut into pieces as they stand, then the pieces of RFC 2231 sorted and joined, then decoded. Pieces may
 * come in any order, twice, with gaps, by the thousand: their number and length are bounded, each is looked at a fixed
 * number of times, and what comes after a gap is not used. */
#include "message/parameter.h"

#include "base/array.h"
#include "message/scan.h"
#include "message/text.h"

enum { PIECES_MAX = 1000, SECTION_NONE = -1, SECTION_MAX = 9999 };

/* One "name=value" as it stands, e.g. name*3*=value. */
struct piece {
	struct slice name;  /* lower-case, without the asterisks */
	struct slice value; /* unquoted */
	int section;        /* SECTION_NONE, or the number after the first asterisk */
	bool extended;      /* ends with an asterisk: percent-encoded */
	size_t order;       /* its place in the field */
};

static bool is_name_char(char c)
{
	return (unsigned char)c > ' ' && c != 0x7f && c != ';' && c != '=' && c != '"' && c != '(' && c != ',';
}

/* Splits "name", "name*", "name*3", "name*3*" (RFC 2231 §3, §4). A name that only looks like one stays as it is. */
static void set_name(struct piece *piece, struct slice written, struct arena *arena)
{
	struct slice base, section;
	uint64_t number;
	piece->section = SECTION_NONE;
	piece->extended = written.len > 1 && written.at[written.len - 1] == '*';
	written.len -= piece->extended;
	if (slice_cut(written, '*', &base, &section) && base.len > 0 && slice_to_number(section, SECTION_MAX, &number)) {
		piece->section = (int)number;
		written = base;
	}
	piece->name = text_lower_ascii(written, arena);
}

/* An unquoted value, up to the semicolon; blanks inside are kept ("filename=my photo.jpg"), a comment at its end isn't. */
static struct slice take_token(struct slice *rest, struct arena *arena)
{
	struct slice value;
	slice_cut(*rest, ';', &value, rest);
	value = slice_trim(value);
	size_t comment = slice_find(value, SLICE(" ("));
	if (comment != SLICE_NONE && value.at[value.len - 1] == ')')
		value = slice_trim(slice_sub(value, 0, comment));
	value = slice_sub(value, 0, PARAMETER_VALUE_MAX);
	char *out = arena_alloc(arena, value.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < value.len; i++)
		if (value.at[i] != '\r' && value.at[i] != '\n')
			out[len++] = header_scan_clean(value.at[i]);
	return slice_make(out, len);
}

/* A quoted value; one that never closes is read like an unquoted one. */
static struct slice take_value(struct slice *rest, bool *quotes_broken, struct arena *arena)
{
	*rest = header_scan_skip(*rest);
	if (!slice_starts(*rest, SLICE("\"")))
		return take_token(rest, arena);
	size_t end = *quotes_broken ? SLICE_NONE : header_scan_quoted(*rest, 0);
	if (end == SLICE_NONE) {
		*quotes_broken = true;
		*rest = slice_skip(*rest, 1);
		return take_token(rest, arena);
	}
	struct slice inside = slice_sub(*rest, 1, end - 2);
	*rest = slice_skip(*rest, end);
	inside = slice_sub(inside, 0, PARAMETER_VALUE_MAX);
	char *out = arena_alloc(arena, inside.len + 1);
	return slice_make(out, header_scan_unescape(inside, out));
}

/* Takes the next piece off *rest; false at the end. */
static bool take_piece(struct slice *rest, struct piece *piece, bool *quotes_broken, struct arena *arena)
{
	for (;;) {
		*rest = header_scan_skip(*rest);
		if (rest->len == 0)
			return false;
		size_t len = 0;
		while (len < rest->len && is_name_char(rest->at[len]))
			len++;
		struct slice name = slice_sub(*rest, 0, len);
		struct slice after = header_scan_skip(slice_skip(*rest, len));
		if (len > 0 && len <= PARAMETER_VALUE_MAX && slice_starts(after, SLICE("="))) {
			set_name(piece, name, arena);
			*rest = slice_skip(after, 1);
			piece->value = take_value(rest, quotes_broken, arena);
			return true;
		}
		*rest = slice_skip(*rest, len > 0 ? len : 1);
	}
}

static int compare_names(const struct piece *a, const struct piece *b)
{
	return slice_compare(a->name, b->name);
}

/* Which piece of a name speaks first: an extended value before a plain one before continuations (RFC 2231 §4.1; RFC 6266
 * §4.3 the same for one with both forms), then by section, then the first written. */
static int compare_pieces(const void *left, const void *right)
{
	const struct piece *a = left, *b = right;
	int order = compare_names(a, b);
	if (order != 0)
		return order;
	int rank_a = a->section == SECTION_NONE ? (a->extended ? -2 : SECTION_MAX + 1) : a->section;
	int rank_b = b->section == SECTION_NONE ? (b->extended ? -2 : SECTION_MAX + 1) : b->section;
	if (rank_a != rank_b)
		return rank_a < rank_b ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static void append_percent_decoded(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		int high = s.at[i] == '%' && i + 2 < s.len ? ascii_hex_value(s.at[i + 1]) : -1;
		int low = high >= 0 ? ascii_hex_value(s.at[i + 2]) : -1;
		buf_append_char(out, low >= 0 ? (char)(high * 16 + low) : s.at[i]);
		i += low >= 0 ? 2 : 0;
	}
}

/* Cuts "charset'language'" off the front of an extended value. */
static struct slice take_charset(struct slice *value)
{
	struct slice charset, rest, language;
	if (!slice_cut(*value, '\'', &charset, &rest) || !slice_cut(rest, '\'', &language, &rest))
		return slice_make(NULL, 0);
	*value = rest;
	return charset;
}

/* Appends a piece; of an over-long value, what fits. */
static void append_piece(struct buf *joined, struct slice value, bool extended)
{
	value = slice_sub(value, 0, joined->max - joined->len);
	if (extended)
		append_percent_decoded(joined, value);
	else
		buf_append(joined, value);
}

/* Bytes to text for people: UTF-8 without control characters. A boundary is no text: its bytes are compared. */
static struct slice readable(struct slice bytes, struct slice charset, struct slice name, struct arena *arena)
{
	if (slice_equal(name, SLICE("boundary")))
		return arena_copy(arena, bytes);
	struct buf text = BUF(bytes.len * 3);
	if (charset.len > 0)
		charset_to_utf8(charset, bytes, &text);
	else
		text_append_unknown(bytes, &text);
	struct slice result = arena_copy(arena, buf_slice(&text));
	result.len = text_clean((char *)result.at, result.len);
	buf_free(&text);
	return result;
}

/* Joins the pieces of one name, sorted, into one parameter. False if there is none that counts. */
static bool join(const struct piece *pieces, size_t count, struct arena *arena, struct parameter *parameter)
{
	struct buf joined = BUF(PARAMETER_VALUE_MAX);
	struct slice charset = {NULL, 0};
	const struct piece *first = pieces;
	if (first->section > 0) /* continuations without their beginning */
		first = &pieces[count - 1];
	if (first->section > 0)
		return false;
	int next = 0;
	for (const struct piece *piece = first; piece < pieces + count; piece++) {
		if (piece != first && (first->section == SECTION_NONE || piece->section > next))
			break;
		if (piece != first && piece->section < next)
			continue;
		struct slice value = piece->value;
		if (piece == first && piece->extended)
			charset = take_charset(&value);
		append_piece(&joined, value, piece->extended);
		next = piece->section + 1;
	}
	*parameter = (struct parameter){first->name, readable(buf_slice(&joined), charset, first->name, arena)};
	buf_free(&joined);
	return true;
}

/* The parameters stay in the order of their first pieces. */
struct placed {
	struct parameter parameter;
	size_t order;
};

static int compare_placed(const void *left, const void *right)
{
	const struct placed *a = left, *b = right;
	return a->order < b->order ? -1 : a->order > b->order;
}

static size_t join_all(struct piece *pieces, size_t count, struct placed *placed, struct arena *arena)
{
	size_t found = 0;
	qsort(pieces, count, sizeof *pieces, compare_pieces);
	for (size_t i = 0, end; i < count; i = end) {
		size_t order = pieces[i].order;
		for (end = i + 1; end < count && compare_names(&pieces[i], &pieces[end]) == 0; end++)
			if (pieces[end].order < order)
				order = pieces[end].order;
		placed[found].order = order;
		found += join(pieces + i, end - i, arena, &placed[found].parameter);
	}
	qsort(placed, found, sizeof *placed, compare_placed);
	return found;
}

void parameter_parse(struct slice text, struct arena *arena, struct parameter **list, size_t *count)
{
	*list = NULL;
	*count = 0;
	struct arena *scratch = arena_new();
	struct piece *pieces = NULL;
	size_t found = 0, room = 0;
	bool quotes_broken = false;
	struct piece piece;
	while (found < PIECES_MAX && take_piece(&text, &piece, &quotes_broken, scratch)) {
		ARENA_GROW(scratch, pieces, found, room);
		piece.order = found;
		pieces[found++] = piece;
	}
	if (found > 0) {
		struct placed *placed = arena_array(scratch, found, sizeof *placed);
		size_t kept = join_all(pieces, found, placed, scratch);
		*count = kept < MIME_PARAMETERS_MAX ? kept : MIME_PARAMETERS_MAX;
		*list = arena_array(arena, *count, sizeof **list);
		for (size_t i = 0; i < *count; i++) {
			(*list)[i].name = arena_copy(arena, placed[i].parameter.name);
			(*list)[i].value = arena_copy(arena, placed[i].parameter.value);
		}
	}
	arena_free(&scratch);
}

struct slice parameter_get(const struct parameter *list, size_t count, struct slice name)
{
	for (size_t i = 0; i < count; i++)
		if (slice_equal_nocase(list[i].name, name))
			return list[i].value;
	return slice_make(NULL, 0);
}
