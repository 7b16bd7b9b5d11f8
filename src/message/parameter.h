/* The parameters of Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2231). Internal to this folder. */
#ifndef MESSAGE_PARAMETER_H
#define MESSAGE_PARAMETER_H

#include "message/mime.h"

enum { PARAMETER_VALUE_MAX = 16 * 1024 }; /* what is longer is cut */

/** Parses "; name=value; …", at most MIME_PARAMETERS_MAX of them. Of several with one name the first counts. */
void parameter_parse(struct slice text, struct arena *arena, struct parameter **list, size_t *count);

#endif
