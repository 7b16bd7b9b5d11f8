/* Functions that have no place here: they trust a terminating NUL or hide errors. Their use doesn't compile.
 * This header is forced into every translation unit by the build (-include). */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

/* The system headers that declare them come first, so that only our own uses are caught. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* Some libraries define them as macros, which can't be poisoned. */
#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef sprintf
#undef vsprintf
#undef strtok
#undef gets
#undef atoi
#undef atol
#undef atoll
#undef atof

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gets atoi atol atoll atof
#pragma GCC poison mktemp tmpnam tempnam asctime ctime gmtime localtime strerror

#endif
