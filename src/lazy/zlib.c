/* Of zlib, which unpacks mail that another server keeps packed: `pombal import`. */
#include <zlib.h>

#include "lazy/library.h"

static struct library zlib = {"libz.so.1", NULL};

LIBRARY_FUNCTION(zlib, int, inflateInit2_, (z_streamp stream, int bits, const char *version, int size), (stream, bits, version, size))
LIBRARY_FUNCTION(zlib, int, inflate, (z_streamp stream, int flush), (stream, flush))
LIBRARY_FUNCTION(zlib, int, inflateEnd, (z_streamp stream), (stream))
