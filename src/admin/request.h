/* A request of the interface for administration (docs/admin-api.md): the JSON that somebody has sent, as what it asks for. Pure. */
#ifndef ADMIN_REQUEST_H
#define ADMIN_REQUEST_H

#include "base/arena.h"
#include "base/error.h"

enum {
	ADMIN_ARGUMENTS_MAX = 200,
	ADMIN_OPTIONS_MAX = 32,        /* those given several times count so often */
	ADMIN_ARGUMENT_MAX = 4096,     /* bytes */
	ADMIN_VALUE_MAX = 256 * 1024,  /* bytes of an option's value */
};

/** All texts are UTF-8 without NUL, in the arena, and end with a NUL. Arguments have no control characters, values none but tabs and ends of lines. */
struct admin_request {
	struct slice command;
	struct slice *arguments;
	size_t argument_count;
	struct admin_option {
		struct slice name, value;
		bool flag;             /* it was given as true; value is empty */
	} *options;
	size_t option_count;
	struct slice input;            /* what is read from standard input */
};

/** Reads the body. False with *error, a sentence about what is wrong with it. */
bool admin_request_read(struct slice body, struct arena *arena, struct admin_request *request, struct error *error);

#endif
