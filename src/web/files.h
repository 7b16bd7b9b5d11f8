/* Static files that are part of the program: what tools/pack_files makes of src/web/static. */
#ifndef WEB_FILES_H
#define WEB_FILES_H

#include "base/slice.h"

struct web_packed {
	const char *path, *type;
	const char *tag;              /* of the content, 16 characters */
	bool lasts;                   /* its name changes with its content */
	struct slice plain, gzip, br; /* the latter are empty where they aren't smaller */
};
/** In the order of the paths. */
extern const struct web_packed web_packed[];
extern const size_t web_packed_count;

#endif
