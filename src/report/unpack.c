/* Unpacking what reports come in. gzip: its first member. zip: its first file that isn't empty, found by the directory at its end. What follows
 * is passed over, as is what a check sum would say of zip's content: a report is read as far as it has a meaning. */
#include <zlib.h>

#include "base/memory.h"
#include "report/internal.h"

enum {
	STEP = 32 * 1024,
	GZIP_WINDOW = 15 + 16, PLAIN_WINDOW = -15,
	FILES_MAX = 100,        /* of a zip archive that are looked at */
	END_SIZE = 22, END_BACK = END_SIZE + 65535, /* the record at the end of an archive, and how far it may be from the end */
	ENTRY_SIZE = 46, LOCAL_SIZE = 30,
	ENCRYPTED = 1, STORED = 0, DEFLATED = 8,
};

bool report_is_packed(struct slice bytes)
{
	return slice_starts(bytes, SLICE("\x1f\x8b")) || slice_starts(bytes, SLICE("PK\3\4")) || slice_starts(bytes, SLICE("PK\5\6"));
}

static bool too_much(struct error *error) { return error_set(error, ERROR_LIMIT, "what it is packed in holds more than a report may"); }

static bool is_bomb(const z_stream *stream)
{
	return stream->total_out > REPORT_RATIO_FROM && stream->total_out / REPORT_RATIO_MAX > stream->total_in;
}

static bool unpack_deflated(struct slice bytes, int window, struct buf *out, struct error *error)
{
	char *step = memory_array(STEP, 1);
	z_stream stream = {.next_in = (unsigned char *)(uintptr_t)bytes.at, .avail_in = (unsigned)bytes.len};
	if (inflateInit2(&stream, window) != Z_OK)
		memory_exhausted(0);
	int code = Z_OK;
	bool room = true;
	while (code == Z_OK && room) {
		stream.next_out = (unsigned char *)step;
		stream.avail_out = STEP;
		code = inflate(&stream, Z_NO_FLUSH);
		room = buf_append(out, slice_make(step, STEP - stream.avail_out)) && !is_bomb(&stream);
	}
	inflateEnd(&stream);
	free(step);
	if (!room)
		return too_much(error);
	return code == Z_STREAM_END || error_set(error, ERROR_INVALID, "what it is packed in is damaged");
}

/* ---- zip (APPNOTE 4.3) ---- */

/* A number of `size` bytes, the least first; the caller has seen that they are there. */
static size_t number(struct slice bytes, size_t at, size_t size)
{
	size_t value = 0;
	for (size_t i = size; i-- > 0;)
		value = value << 8 | (unsigned char)bytes.at[at + i];
	return value;
}

/* Where the record is that ends the archive; SLICE_NONE: nowhere. */
static size_t find_end(struct slice zip)
{
	size_t least = zip.len > END_BACK ? zip.len - END_BACK : 0;
	for (size_t at = zip.len < END_SIZE ? 0 : zip.len - END_SIZE + 1; at-- > least;)
		if (slice_starts(slice_skip(zip, at), SLICE("PK\5\6")))
			return at;
	return SLICE_NONE;
}

/* Of the entry at `at` of the directory, which is there whole: the file's bytes. False: they lie outside. */
static bool file_of(struct slice zip, size_t at, struct slice *file)
{
	size_t size = number(zip, at + 20, 4), local = number(zip, at + 42, 4);
	struct slice header = slice_sub(zip, local, LOCAL_SIZE);
	if (header.len < LOCAL_SIZE || !slice_starts(header, SLICE("PK\3\4")))
		return false;
	*file = slice_sub(zip, local + LOCAL_SIZE + number(header, 26, 2) + number(header, 28, 2), size);
	return file->len == size;
}

static bool unpack_file(struct slice zip, size_t at, struct buf *out, struct error *error)
{
	struct slice file;
	size_t flags = number(zip, at + 8, 2), method = number(zip, at + 10, 2);
	if (flags & ENCRYPTED)
		return error_set(error, ERROR_INVALID, "the archive is encrypted");
	if (!file_of(zip, at, &file))
		return error_set(error, ERROR_INVALID, "the archive is damaged");
	if (method == DEFLATED)
		return unpack_deflated(file, PLAIN_WINDOW, out, error);
	if (method != STORED)
		return error_set(error, ERROR_INVALID, "the archive is packed in an unusual way");
	return buf_append(out, file) || too_much(error);
}

static bool unpack_zip(struct slice zip, struct buf *out, struct error *error)
{
	size_t end = find_end(zip);
	if (end == SLICE_NONE)
		return error_set(error, ERROR_INVALID, "the archive has no end");
	size_t at = number(zip, end + 16, 4);
	for (int i = 0; i < FILES_MAX && at <= zip.len && zip.len - at >= ENTRY_SIZE && slice_starts(slice_skip(zip, at), SLICE("PK\1\2")); i++) {
		if (number(zip, at + 24, 4) > 0) /* not a folder, nor an empty file */
			return unpack_file(zip, at, out, error);
		at += ENTRY_SIZE + number(zip, at + 28, 2) + number(zip, at + 30, 2) + number(zip, at + 32, 2);
	}
	return error_set(error, ERROR_INVALID, "the archive holds no file");
}

bool report_unpack(struct slice bytes, struct buf *out, struct error *error)
{
	if (bytes.len > REPORT_PACKED_MAX)
		return too_much(error);
	return slice_starts(bytes, SLICE("PK")) ? unpack_zip(bytes, out, error) : unpack_deflated(bytes, GZIP_WINDOW, out, error);
}
