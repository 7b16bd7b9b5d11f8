/* Finding out what something is, and having it read; what all kinds of reports share. */
#include "report/internal.h"

#include "base/array.h"
#include "message/mime.h"

enum { PACKED_TWICE = 2, PARTS_TRIED_MAX = 20 };

const char *report_kind_name(enum report_kind kind) { return kind == REPORT_TLS ? "tls" : "dmarc"; }

static const char *const dispositions[] = {"none", "quarantine", "reject"};

const char *report_disposition_name(enum report_disposition disposition) { return dispositions[disposition]; }

enum report_disposition report_disposition_of(struct slice name)
{
	return slice_equal_nocase(name, SLICE("reject")) ? REPORT_REJECT : slice_equal_nocase(name, SLICE("quarantine")) ? REPORT_QUARANTINE : REPORT_NONE;
}

void report_note(struct report *report, const char *fault) { report->fault = report->fault ? report->fault : fault; }

static bool is_control(unsigned char c) { return c < 0x20 || c == 0x7f; }

/* At REPORT_WORD_MAX, but not in the midst of a character. */
static struct slice cut(struct slice text)
{
	if (text.len <= REPORT_WORD_MAX)
		return text;
	text.len = REPORT_WORD_MAX;
	while (text.len > 0 && ((unsigned char)text.at[text.len] & 0xc0) == 0x80)
		text.len--;
	return text;
}

struct slice report_clean(struct slice text, struct arena *arena)
{
	struct slice copy = arena_copy(arena, cut(slice_trim(text)));
	bool utf8 = slice_is_utf8(copy);
	for (size_t i = 0; i < copy.len; i++) {
		unsigned char c = (unsigned char)copy.at[i];
		if (is_control(c) || (!utf8 && c >= 0x80))
			((char *)(uintptr_t)copy.at)[i] = is_control(c) ? ' ' : '?';
	}
	return copy;
}

struct slice report_clean_name(struct slice text, struct arena *arena)
{
	struct slice copy = report_clean(text, arena);
	for (size_t i = 0; i < copy.len; i++)
		((char *)(uintptr_t)copy.at)[i] = ascii_lower(copy.at[i]);
	copy.len -= copy.len > 0 && copy.at[copy.len - 1] == '.';
	return copy;
}

struct report_row *report_add_row(struct report *report, struct arena *arena)
{
	if (report->row_count == REPORT_ROWS_MAX) {
		report->left_off++;
		return NULL;
	}
	ARENA_GROW(arena, report->rows, report->row_count, report->row_room);
	return &report->rows[report->row_count++];
}

/* ---- One file ---- */

static bool read_text(struct slice text, struct arena *arena, struct report *report, struct error *error)
{
	struct slice begin = slice_trim(slice_starts(text, SLICE("\xef\xbb\xbf")) ? slice_skip(text, 3) : text);
	if (text.len > REPORT_TEXT_MAX)
		return error_set(error, ERROR_LIMIT, "it is larger than a report may be");
	if (slice_starts(begin, SLICE("<")))
		return report_read_aggregate(begin, arena, report, error);
	if (slice_starts(begin, SLICE("{")))
		return report_read_tls(begin, arena, report, error);
	return error_set(error, ERROR_INVALID, begin.len == 0 ? "it is empty" : "it is neither XML nor JSON");
}

static bool read_packed(struct slice bytes, int layers, struct arena *arena, struct report *report, struct error *error)
{
	struct buf text = BUF(REPORT_TEXT_MAX);
	if (!report_is_packed(bytes))
		return read_text(bytes, arena, report, error);
	if (layers == 0)
		return error_set(error, ERROR_LIMIT, "it is packed more than twice");
	bool done = report_unpack(bytes, &text, error) && read_packed(buf_slice(&text), layers - 1, arena, report, error);
	buf_free(&text);
	return done;
}

bool report_read(struct slice bytes, struct arena *arena, struct report *report, struct error *error)
{
	return read_packed(bytes, PACKED_TWICE, arena, report, error);
}

/* ---- A message ---- */

static bool is_named_so(struct slice name)
{
	static const char *const ends[] = {".xml", ".xml.gz", ".json", ".json.gz", ".zip", ".gz"};
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (slice_ends_nocase(name, slice_of(ends[i])))
			return true;
	return false;
}

/* By what it is called; senders call it all kinds of things. */
static bool may_be_report(const struct mime_part *part)
{
	static const char *const types[] = {"application/zip", "application/gzip", "application/x-gzip", "application/x-zip-compressed", "application/x-zip",
					    "application/tlsrpt+gzip", "application/tlsrpt+json", "application/tlsrpt", "application/xml", "text/xml", "application/json"};
	struct slice type, subtype;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		slice_cut(slice_of(types[i]), '/', &type, &subtype);
		if (slice_equal(part->type, type) && slice_equal(part->subtype, subtype))
			return true;
	}
	return is_named_so(parameter_get(part->disposition_parameters, part->disposition_parameter_count, SLICE("filename")))
	       || is_named_so(parameter_get(part->parameters, part->parameter_count, SLICE("name")));
}

/* The next part that has no parts, after `count` of them were passed; they are at most MIME_PARTS_MAX, MIME_DEPTH_MAX deep. */
static const struct mime_part *leaf(const struct mime_part *part, size_t *count)
{
	const struct mime_part *found = NULL;
	if (part->child_count == 0)
		return (*count)-- == 0 ? part : NULL;
	for (size_t i = 0; i < part->child_count && !found; i++)
		found = leaf(&part->children[i], count);
	return found;
}

static const struct mime_part *candidate(const struct mime_part *root, size_t *index)
{
	const struct mime_part *part;
	do {
		size_t count = (*index)++;
		part = leaf(root, &count);
	} while (part && !may_be_report(part));
	return part;
}

bool report_is_likely(struct slice message, struct arena *arena)
{
	size_t index = 0;
	return candidate(mime_parse(message, arena), &index) != NULL;
}

static bool read_part(const struct mime_part *part, struct slice message, struct arena *arena, struct report *report, struct error *error)
{
	struct buf content = BUF(REPORT_TEXT_MAX);
	bool done = mime_decode(part->encoding, slice_sub(message, part->body_at, part->body_size), &content) && report_read(buf_slice(&content), arena, report, error);
	if (content.overflow)
		error_set(error, ERROR_LIMIT, "it is larger than a report may be");
	buf_free(&content);
	return done;
}

bool report_read_message(struct slice message, struct arena *arena, struct report *report, struct error *error)
{
	const struct mime_part *root = mime_parse(message, arena), *part;
	size_t index = 0;
	error_set(error, ERROR_INVALID, "nothing is attached that could be a report");
	for (int tried = 0; tried < PARTS_TRIED_MAX && (part = candidate(root, &index)); tried++)
		if (read_part(part, message, arena, report, error))
			return true;
	return false;
}
