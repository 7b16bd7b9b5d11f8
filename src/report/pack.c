/* Packing what is sent. */
#include <zlib.h>

#include "base/memory.h"
#include "report/internal.h"

enum { STEP = 32 * 1024, GZIP_WINDOW = 15 + 16, MEMORY_LEVEL = 8 };

bool report_pack(struct slice text, struct buf *out)
{
	char *step = memory_array(STEP, 1);
	z_stream stream = {.next_in = (unsigned char *)(uintptr_t)text.at, .avail_in = (unsigned)text.len};
	if (text.len > REPORT_TEXT_MAX || deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(step);
		return false;
	}
	int code = Z_OK;
	bool room = true;
	while (code == Z_OK && room) {
		stream.next_out = (unsigned char *)step;
		stream.avail_out = STEP;
		code = deflate(&stream, Z_FINISH);
		room = buf_append(out, slice_make(step, STEP - stream.avail_out));
	}
	deflateEnd(&stream);
	free(step);
	return room && code == Z_STREAM_END;
}
