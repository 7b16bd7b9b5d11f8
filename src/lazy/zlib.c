/* Of zlib, which packs what an IMAP client wants packed: the reader; and unpacks mail that another server keeps packed: `pombal import`. */
#include <zlib.h>

#include "lazy/library.h"

static struct library zlib = {"libz.so.1", NULL};

LIBRARY_FUNCTION(zlib, int, inflateInit2_, (z_streamp stream, int bits, const char *version, int size), (stream, bits, version, size))
LIBRARY_FUNCTION(zlib, int, inflate, (z_streamp stream, int flush), (stream, flush))
LIBRARY_FUNCTION(zlib, int, inflateEnd, (z_streamp stream), (stream))
LIBRARY_FUNCTION(zlib, int, inflateGetDictionary, (z_streamp stream, Bytef *at, uInt *size), (stream, at, size))
LIBRARY_FUNCTION(zlib, int, inflateSetDictionary, (z_streamp stream, const Bytef *at, uInt size), (stream, at, size))
LIBRARY_FUNCTION(zlib, int, inflatePrime, (z_streamp stream, int bits, int value), (stream, bits, value))
LIBRARY_FUNCTION(zlib, int, deflateInit2_, (z_streamp stream, int level, int method, int bits, int memory, int strategy, const char *version, int size),
		 (stream, level, method, bits, memory, strategy, version, size))
LIBRARY_FUNCTION(zlib, int, deflate, (z_streamp stream, int flush), (stream, flush))
LIBRARY_FUNCTION(zlib, int, deflateEnd, (z_streamp stream), (stream))
