/* Files: reading whole ones, writing all of a slice, paths. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/error.h"

/** Appends the whole file to `out`; false with *error if it can't be read or passes the buffer's maximum. */
bool file_read(const char *path, struct buf *out, struct error *error);
/** The same of what somebody's setting names: symbolic links are followed, and what is no file in the end, but a device or a pipe that
 * one could wait for or read without end, is refused. */
bool file_read_regular(const char *path, struct buf *out, struct error *error);
/** As file_read, from a descriptor, from its start, leaving its offset alone. */
bool file_read_fd(int fd, struct buf *out, struct error *error);
/** Writes all of `s`, whatever write(2) does in one go. */
bool file_write_all(int fd, struct slice s, struct error *error);
/** Writes `path` anew with `mode`, durably and atomically: a temporary file beside it, fsync, rename, fsync of the folder. */
bool file_replace(const char *path, struct slice content, unsigned mode, struct error *error);
/** Makes the folder and those above it with `mode`; fine if they exist. */
bool file_make_folders(const char *path, unsigned mode, struct error *error);

#endif
