/* Of libzstd, which unpacks mail that another server keeps packed: `pombal import`. */
#include <zstd.h>

#include "lazy/library.h"

static struct library zstd = {"libzstd.so.1", NULL};

LIBRARY_FUNCTION(zstd, ZSTD_DCtx *, ZSTD_createDCtx, (void), ())
LIBRARY_FUNCTION(zstd, size_t, ZSTD_freeDCtx, (ZSTD_DCtx *context), (context))
LIBRARY_FUNCTION(zstd, size_t, ZSTD_decompressStream, (ZSTD_DStream *stream, ZSTD_outBuffer *output, ZSTD_inBuffer *input), (stream, output, input))
LIBRARY_FUNCTION(zstd, unsigned, ZSTD_isError, (size_t code), (code))
