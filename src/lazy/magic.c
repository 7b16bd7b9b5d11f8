/* Of libmagic, which knows files by what is in them: the policy role. */
#include <magic.h>
#include <stddef.h>

#include "lazy/library.h"

static struct library magic = {"libmagic.so.1", NULL};

LIBRARY_FUNCTION(magic, magic_t, magic_open, (int flags), (flags))
LIBRARY_PROCEDURE(magic, magic_close, (magic_t cookie), (cookie))
LIBRARY_FUNCTION(magic, int, magic_load, (magic_t cookie, const char *path), (cookie, path))
LIBRARY_FUNCTION(magic, int, magic_setparam, (magic_t cookie, int parameter, const void *value), (cookie, parameter, value))
LIBRARY_FUNCTION(magic, const char *, magic_buffer, (magic_t cookie, const void *bytes, size_t size), (cookie, bytes, size))
