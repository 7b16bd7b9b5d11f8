/* Documents that are zip archives of XML, read by libarchive a block at a time: whatever is packed in them is left at a limit. */
#include <archive.h>
#include <archive_entry.h>

#include "extract/extract.h"
#include "extract/pdf.h"

enum { PDF_BEGINS_WITHIN = 1024 /* bytes: as Acrobat has it */ };

static bool is_zip(struct slice content) { return slice_starts(content, SLICE("PK\3\4")); }

enum extract_kind extract_kind_of(struct slice name, struct slice content)
{
	static const char *const offices[] = {"docx", "docm", "dotx", "xlsx", "xlsm", "pptx", "pptm", "ppsx", "odt", "ods", "odp", "odg", "ott"};
	size_t dot = slice_find_last_char(name, '.');
	struct slice extension = dot == SLICE_NONE ? slice_make("", 0) : slice_skip(name, dot + 1);
	for (size_t i = 0; is_zip(content) && i < sizeof offices / sizeof *offices; i++)
		if (slice_equal_nocase(extension, slice_of(offices[i])))
			return EXTRACT_OFFICE;
	return slice_find(slice_sub(content, 0, PDF_BEGINS_WITHIN), SLICE("%PDF-")) != SLICE_NONE ? EXTRACT_PDF : EXTRACT_NOTHING;
}

/* Entries that hold what a person reads. */
static bool is_text(struct slice path)
{
	static const char *const parts[] = {
		"word/document", "word/header", "word/footer", "word/footnotes", "word/endnotes", "word/comments",
		"xl/sharedStrings", "xl/worksheets/sheet", "xl/comments", "ppt/slides/slide", "ppt/notesSlides/notesSlide",
		"content.xml", "docProps/core.xml",
	};
	for (size_t i = 0; slice_ends_nocase(path, SLICE(".xml")) && i < sizeof parts / sizeof *parts; i++)
		if (slice_starts(path, slice_of(parts[i])))
			return true;
	return false;
}

/* *unpacked counts all bytes of the document. False: they are too many, or the entry is damaged. */
static bool read_entry(struct archive *archive, uint64_t *unpacked, struct buf *content)
{
	const void *block;
	size_t len;
	la_int64_t offset;
	int result;
	while ((result = archive_read_data_block(archive, &block, &len, &offset)) == ARCHIVE_OK) {
		*unpacked += len;
		if (*unpacked > EXTRACT_UNPACKED_MAX || !buf_append(content, slice_make(block, len)))
			return false;
	}
	return result == ARCHIVE_EOF;
}

static bool take_entries(struct archive *archive, struct buf *out)
{
	struct archive_entry *entry;
	uint64_t unpacked = 0;
	size_t entries = 0;
	int result;
	while ((result = archive_read_next_header(archive, &entry)) == ARCHIVE_OK || result == ARCHIVE_WARN) {
		const char *path = archive_entry_pathname(entry);
		if (++entries > EXTRACT_ENTRIES_MAX)
			return false;
		if (!path || !is_text(slice_of(path)))
			continue; /* passed over unread */
		struct buf content = BUF(EXTRACT_UNPACKED_MAX);
		bool whole = read_entry(archive, &unpacked, &content);
		extract_xml(buf_slice(&content), out);
		buf_free(&content);
		if (!whole || out->overflow)
			return whole;
	}
	return result == ARCHIVE_EOF;
}

static bool read_office(struct slice content, struct buf *out)
{
	struct archive *archive = archive_read_new();
	bool done = archive && archive_read_support_format_zip(archive) == ARCHIVE_OK &&
		    archive_read_open_memory(archive, content.at, content.len) == ARCHIVE_OK && take_entries(archive, out);
	if (archive)
		archive_read_free(archive);
	return done;
}

bool extract_text(enum extract_kind kind, struct slice content, struct buf *out)
{
	return kind == EXTRACT_OFFICE ? read_office(content, out) : kind == EXTRACT_PDF && pdf_text(content, out);
}
