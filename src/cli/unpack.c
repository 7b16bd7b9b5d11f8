/* Unpacking; see unpack.h. */
#include "cli/unpack.h"

#include <zlib.h>
#include <zstd.h>

#include "base/memory.h"

enum { STEP = 64 * 1024, GZIP_WINDOW = 15 + 16 };

static bool inflate_all(struct slice content, struct buf *out, struct error *error);
static bool unzstd(struct slice content, struct buf *out, struct error *error);

static const struct kind {
	const char *name, *magic;
	size_t length;
	bool (*unpack)(struct slice content, struct buf *out, struct error *error);
} kinds[] = {
	{"gzip", "\x1f\x8b", 2, inflate_all},
	{"zstd", "\x28\xb5\x2f\xfd", 4, unzstd},
	{"bzip2", "BZh", 3, NULL},
	{"xz", "\xfd" "7zXZ", 5, NULL},
	{"lz4", "Dovecot-LZ4", 11, NULL},
};

static const struct kind *kind_of(struct slice content)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (slice_starts(content, slice_make(kinds[i].magic, kinds[i].length)))
			return &kinds[i];
	return NULL;
}

const char *cli_unpack_kind(struct slice content)
{
	const struct kind *kind = kind_of(content);
	return kind ? kind->name : NULL;
}

static bool too_much(struct error *error) { return error_set(error, ERROR_LIMIT, "it holds more than a message may"); }

static bool inflate_all(struct slice content, struct buf *out, struct error *error)
{
	char step[STEP];
	z_stream stream = {.next_in = (unsigned char *)(uintptr_t)content.at, .avail_in = (unsigned)content.len};
	if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
		memory_exhausted(0);
	int code = Z_OK;
	bool room = true;
	while (code == Z_OK && room) {
		stream.next_out = (unsigned char *)step;
		stream.avail_out = STEP;
		code = inflate(&stream, Z_NO_FLUSH);
		room = buf_append(out, slice_make(step, STEP - stream.avail_out));
	}
	inflateEnd(&stream);
	if (!room)
		return too_much(error);
	return code == Z_STREAM_END || error_set(error, ERROR_INVALID, "what was packed with gzip is damaged");
}

static bool unzstd(struct slice content, struct buf *out, struct error *error)
{
	char step[STEP];
	ZSTD_DCtx *context = ZSTD_createDCtx();
	ZSTD_inBuffer in = {content.at, content.len, 0};
	size_t code = 1;
	bool room = true;
	while (room && code != 0 && !ZSTD_isError(code)) {
		ZSTD_outBuffer piece = {step, STEP, 0};
		size_t before = in.pos;
		code = ZSTD_decompressStream(context, &piece, &in);
		room = buf_append(out, slice_make(step, piece.pos));
		if (code != 0 && in.pos == before && piece.pos == 0) /* it ends too early */
			break;
	}
	ZSTD_freeDCtx(context);
	if (!room)
		return too_much(error);
	return code == 0 || error_set(error, ERROR_INVALID, "what was packed with zstd is damaged");
}

bool cli_unpack(struct slice content, struct buf *out, struct error *error)
{
	const struct kind *kind = kind_of(content);
	if (!kind || !kind->unpack)
		return error_set(error, ERROR_INVALID, "packed with %s: unpack it first", kind ? kind->name : "something unknown");
	return kind->unpack(content, out, error);
}
