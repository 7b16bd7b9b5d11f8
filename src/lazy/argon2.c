/* Of libargon2, which hashes passwords: auth, and the command line. */
#include <argon2.h>

#include "lazy/library.h"

static struct library argon2 = {"libargon2.so.1", NULL};

LIBRARY_FUNCTION(argon2, int, argon2_ctx, (argon2_context *context, argon2_type type), (context, type))
LIBRARY_FUNCTION(argon2, int, argon2_verify_ctx, (argon2_context *context, const char *hash, argon2_type type), (context, hash, type))
LIBRARY_FUNCTION(argon2, const char *, argon2_error_message, (int error), (error))
