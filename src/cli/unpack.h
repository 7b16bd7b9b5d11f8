/* Files that were packed whole, as Dovecot's zlib plugin keeps messages. */
#ifndef CLI_UNPACK_H
#define CLI_UNPACK_H

#include "base/buf.h"
#include "base/error.h"

/** How `content` is packed: "gzip", "zstd" and so on; NULL: it isn't, as far as its first bytes tell. */
const char *cli_unpack_kind(struct slice content);
/** Appends what was packed with gzip or zstd. ERROR_INVALID: damaged, or packed otherwise; ERROR_LIMIT: more than `out` may hold. */
bool cli_unpack(struct slice content, struct buf *out, struct error *error);

#endif
