/* Of libcrypt, which verifies passwords of accounts that came from other servers: auth. */
#include <crypt.h>

#include "lazy/library.h"

static struct library crypt_library = {"libcrypt.so.1", NULL};

LIBRARY_FUNCTION(crypt_library, char *, crypt_rn, (const char *phrase, const char *setting, void *data, int size), (phrase, setting, data, size))
