/* libFuzzer: any bytes as what a client of COMPRESS sends. Whatever the pieces that they come in, however little room there is, and whenever the
 * filter rests in between, it gives what zlib makes of all of them at once, and finds nothing wrong that isn't. */
#include <assert.h>
#include <stdlib.h>
#include <zlib.h>

#include "imap/deflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WHOLE_MAX = 1024 * 1024, ROOM_MAX = 300 };

/* Returns how much came; *good is false if the stream is none, or goes on behind its end. */
static size_t unpack_whole(const uint8_t *data, size_t size, char *at, bool *good)
{
	z_stream stream = {.next_in = (unsigned char *)(uintptr_t)data, .avail_in = (unsigned)size, .next_out = (unsigned char *)at, .avail_out = WHOLE_MAX};
	inflateInit2(&stream, -15);
	int result = inflate(&stream, Z_SYNC_FLUSH);
	*good = (result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR) && !(result == Z_STREAM_END && stream.avail_in > 0);
	inflateEnd(&stream);
	return WHOLE_MAX - stream.avail_out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char whole[WHOLE_MAX];
	bool good;
	if (size < 2)
		return 0;
	size_t piece = data[0] % 37 + 1u, room = data[1] % ROOM_MAX + 1u, have = 0;
	bool rests = data[0] & 0x80;
	data += 2;
	size -= 2;
	size_t all = unpack_whole(data, size, whole, &good);
	void *filter = imap_deflate_new();
	ssize_t got = 0;
	for (size_t at = 0; got >= 0 && at < size && have < WHOLE_MAX; at += piece) {
		struct slice wire = slice_make((const char *)data + at, size - at < piece ? size - at : piece);
		do {
			char out[ROOM_MAX];
			got = imap_deflate.receive(filter, &wire, out, room);
			for (ssize_t i = 0; i < got && have < WHOLE_MAX; i++, have++)
				assert(have < all && whole[have] == out[i]);
			if (rests && got >= 0)
				imap_deflate.rest(filter);
		} while (got == (ssize_t)room && have < WHOLE_MAX);
		assert(got < 0 || have == WHOLE_MAX || wire.len == 0);
	}
	assert(have == WHOLE_MAX || got >= 0 || !good); /* what is wrong a few bits before the end may be found with the next byte only */
	assert(got < 0 || have == all);
	imap_deflate.free(filter);
	return 0;
}
