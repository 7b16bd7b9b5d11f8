/* Looking into archives with libarchive.
 *
 * Only its own readers are used: those that would start another program aren't asked for, nor formats that name files of this machine (mtree) or
 * need a reader of XML (xar). It is given bytes in memory, and asked for a block at a time, after each of which the limits are looked at: so a
 * bomb goes off in pieces, and is left at one. What is inside is kept in memory only as far as it is looked into again. */
#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

#include "attach/internal.h"
#include "base/buf.h"

enum { BOMB_LEAST = 32 * 1024 * 1024, BOMB_RATIO = 100 }; /* so many bytes unpacked, and so many times what is attached */

/* What belongs to an archive that is open. */
struct opened {
	struct attach_walk *walk;
	size_t file; /* that it is */
	struct archive *archive;
	struct archive_entry *entry;
};

/* False: a format or a way of compressing isn't built in. `raw`: what is packed is one file, whatever it is. */
static bool ask_for_formats(struct archive *archive, bool raw)
{
	int result = archive_read_support_filter_bzip2(archive) | archive_read_support_filter_compress(archive) | archive_read_support_filter_gzip(archive) |
		     archive_read_support_filter_lz4(archive) | archive_read_support_filter_lzip(archive) | archive_read_support_filter_lzma(archive) |
		     archive_read_support_filter_xz(archive) | archive_read_support_filter_zstd(archive);
	result |= raw ? archive_read_support_format_raw(archive)
		      : archive_read_support_format_7zip(archive) | archive_read_support_format_ar(archive) | archive_read_support_format_cab(archive) |
				archive_read_support_format_cpio(archive) | archive_read_support_format_iso9660(archive) | archive_read_support_format_lha(archive) |
				archive_read_support_format_rar(archive) | archive_read_support_format_rar5(archive) | archive_read_support_format_tar(archive) |
				archive_read_support_format_zip(archive);
	return result == ARCHIVE_OK;
}

/* ---- One entry ---- */

/* The name of a compressed file that has none of its own: the archive's without the last extension, or with that of a tar. */
static struct slice name_of_unpacked(const struct attach_file *outer)
{
	size_t dot = slice_find_last_char(outer->name, '.');
	return dot == SLICE_NONE ? slice_make("", 0) : slice_sub(outer->name, 0, dot);
}

static struct slice entry_name(const struct opened *opened)
{
	const char *name = archive_entry_pathname_utf8(opened->entry);
	name = name ? name : archive_entry_pathname(opened->entry);
	bool unnamed = archive_format(opened->archive) == ARCHIVE_FORMAT_RAW && (!name || slice_equal(slice_of(name), SLICE("data")));
	return unnamed ? name_of_unpacked(&opened->walk->report->files[opened->file]) : slice_of(name);
}

static bool leads_outside(struct slice path)
{
	struct slice rest = path, step;
	if (path.len > 0 && (path.at[0] == '/' || path.at[0] == '\\' || (path.len > 1 && path.at[1] == ':')))
		return true;
	for (bool more = true; more;) {
		size_t end = 0;
		while (end < rest.len && rest.at[end] != '/' && rest.at[end] != '\\')
			end++;
		step = slice_sub(rest, 0, end);
		if (slice_equal(step, SLICE("..")))
			return true;
		more = end < rest.len;
		rest = slice_skip(rest, end + 1);
	}
	return false;
}

/* What offices call their macros, in files that are zip archives. */
static bool has_macros_name(struct slice path)
{
	return slice_ends_nocase(path, SLICE("vbaProject.bin")) || slice_find_nocase(path, SLICE("xl/macrosheets/")) != SLICE_NONE ||
	       slice_equal_nocase(path, SLICE("Basic/script-lc.xml"));
}

/* Counts bytes that came out; false if they are too many. */
static bool count_bytes(const struct opened *opened, size_t bytes)
{
	struct attach_walk *walk = opened->walk;
	walk->report->unpacked += bytes;
	bool bomb = walk->report->unpacked > BOMB_LEAST && walk->report->unpacked / BOMB_RATIO > walk->packed;
	if (!bomb && walk->report->unpacked <= walk->limits->unpacked)
		return true;
	walk->stopped = true;
	attach_note_reason(walk, opened->file, bomb ? ATTACH_BOMB : ATTACH_UNSCANNABLE, bomb ? "far more inside than it seems" : "too large unpacked");
	return false;
}

static bool is_looked_into(struct slice head, struct slice extension)
{
	const char *type;
	enum attach_kind kind = attach_sniff(head, &type);
	return (kind != ATTACH_KIND_OTHER && kind != ATTACH_KIND_PROGRAM) || attach_is_archive(extension) || slice_equal(extension, SLICE("eml"));
}

/* Reads an entry's bytes: the head of all, and the rest of what is looked into, as far as there is room. Returns whether `content` is whole. */
static bool read_entry(const struct opened *opened, size_t file, struct buf *content)
{
	struct attach_walk *walk = opened->walk;
	const void *block;
	size_t len;
	la_int64_t offset;
	uint64_t size = 0;
	bool keep = true, broken = false, gap = false;
	int result = ARCHIVE_EOF;
	while (attach_may_go_on(walk, file) && (result = archive_read_data_block(opened->archive, &block, &len, &offset)) == ARCHIVE_OK) {
		gap |= offset != (la_int64_t)size;
		size += len;
		if (!count_bytes(opened, len))
			break;
		if (keep && content->len < ATTACH_HEAD && content->len + len >= ATTACH_HEAD) {
			buf_append(content, slice_sub(slice_make(block, len), 0, ATTACH_HEAD - content->len));
			keep = is_looked_into(buf_slice(content), walk->report->files[file].extension);
			block = (const char *)block + (len - (size - ATTACH_HEAD));
			len = (size_t)(size - ATTACH_HEAD);
		}
		keep = keep && buf_append(content, slice_make(block, len));
	}
	walk->report->files[file].size = size;
	broken = result != ARCHIVE_EOF && result != ARCHIVE_OK;
	if (broken || gap)
		attach_note_reason(walk, file, ATTACH_UNSCANNABLE, broken ? "damaged, or packed in an unknown way" : "it has holes");
	return content->len == size && !walk->stopped;
}

static void examine_entry(const struct opened *opened, size_t file)
{
	struct attach_walk *walk = opened->walk;
	uint64_t room = walk->limits->held > walk->held ? walk->limits->held - walk->held : 0;
	struct buf content = BUF((size_t)(room > ATTACH_HEAD ? room : ATTACH_HEAD));
	bool whole = read_entry(opened, file, &content);
	walk->held += content.capacity;
	attach_look(walk, file, buf_slice(&content), whole);
	walk->held -= content.capacity;
	buf_free(&content);
}

static void take_entry(const struct opened *opened)
{
	struct attach_walk *walk = opened->walk;
	struct slice path = entry_name(opened);
	bool encrypted = archive_entry_is_data_encrypted(opened->entry) == 1 || archive_entry_is_metadata_encrypted(opened->entry) == 1;
	bool folder = (archive_entry_filetype(opened->entry) & AE_IFMT) == AE_IFDIR;
	bool outside = leads_outside(path);
	if (folder && !outside)
		return;
	size_t file = attach_add(walk, path, opened->file, walk->report->files[opened->file].part);
	if (file == ATTACH_NONE)
		return;
	if (outside)
		attach_note(walk, file, ATTACH_PATH_ESCAPES);
	if (has_macros_name(path))
		attach_note(walk, file, ATTACH_MACROS);
	if (encrypted)
		attach_note(walk, file, ATTACH_ENCRYPTED);
	else if (!folder)
		examine_entry(opened, file);
}

/* ---- The archive ---- */

/* What couldn't be read: encrypted names, a bomb of layers, or damage. `known`: libarchive has found out its format; before that it mustn't be
 * asked about it. */
static void note_failure(const struct opened *opened, bool known)
{
	enum { FILTERS_MANY = 20 };
	struct attach_walk *walk = opened->walk;
	if (known && archive_read_has_encrypted_entries(opened->archive) == 1)
		attach_note(walk, opened->file, ATTACH_ENCRYPTED);
	else if (opened->archive && archive_filter_count(opened->archive) >= FILTERS_MANY)
		attach_note_reason(walk, opened->file, ATTACH_BOMB, "packed too deep");
	else
		attach_note_reason(walk, opened->file, ATTACH_UNSCANNABLE, "damaged, or packed in an unknown way");
}

/* Goes through it; *seen: how many entries there were. False: it can't be read, or not to its end. */
static bool take_entries(struct opened *opened, size_t *seen)
{
	int result = ARCHIVE_OK;
	*seen = 0;
	while (attach_may_go_on(opened->walk, opened->file) && (result = archive_read_next_header(opened->archive, &opened->entry)) != ARCHIVE_EOF) {
		if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
			return false;
		if (++*seen > opened->walk->limits->files) { /* folders aren't counted elsewhere */
			opened->walk->stopped = true;
			attach_note_reason(opened->walk, opened->file, ATTACH_UNSCANNABLE, "too many files");
		} else {
			take_entry(opened);
		}
	}
	return true;
}

/* Names in archives are bytes of some charset: libarchive turns them into the locale's, which must be UTF-8 for that. */
static bool take_entries_in_utf8(struct opened *opened, size_t *seen)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0), former = utf8 ? uselocale(utf8) : (locale_t)0;
	bool done = take_entries(opened, seen);
	if (utf8) {
		uselocale(former);
		freelocale(utf8);
	}
	return done;
}

static bool is_empty_zip(struct slice content) { return slice_starts(content, SLICE("PK\5\6")); }

/* Reads it as an archive, or, `raw`, as one compressed file. False: there was nothing in it. `sure`: then something is wrong. */
static bool open_archive(struct attach_walk *walk, size_t file, struct slice content, bool raw, bool sure)
{
	struct opened opened = {.walk = walk, .file = file, .archive = archive_read_new()};
	size_t seen = 0;
	bool known = opened.archive && ask_for_formats(opened.archive, raw) && archive_read_open_memory(opened.archive, content.at, content.len) == ARCHIVE_OK;
	bool done = known && take_entries_in_utf8(&opened, &seen);
	if (seen > 0 ? !done : sure && !walk->stopped && !is_empty_zip(content))
		note_failure(&opened, known);
	archive_read_free(opened.archive);
	return seen > 0;
}

void attach_unpack(struct attach_walk *walk, size_t file, struct slice content, enum attach_kind kind)
{
	if (walk->report->files[file].depth >= walk->limits->depth)
		attach_note_reason(walk, file, ATTACH_BOMB, "packed too deep");
	else if (!open_archive(walk, file, content, false, kind == ATTACH_KIND_ARCHIVE) && kind == ATTACH_KIND_PACKED)
		open_archive(walk, file, content, true, true);
}
