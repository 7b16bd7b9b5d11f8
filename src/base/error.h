/* Errors travel as values: what kind it is (so that the caller can choose a reply) and a cause that a person can act on. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

enum error_kind {
	ERROR_NONE,
	ERROR_TEMPORARY, /* try again later: I/O trouble, a lock, a peer that is away */
	ERROR_INVALID,   /* the request makes no sense, or stored bytes are damaged */
	ERROR_NOT_FOUND,
	ERROR_EXISTS,
	ERROR_DENIED,
	ERROR_LIMIT, /* a configured limit or a quota */
	ERROR_FULL,  /* the disk is full */
	ERROR_INTERRUPTED, /* this process is being stopped: nothing was tried in earnest */
};

struct error {
	enum error_kind kind;
	char text[320]; /* one line, without a newline at its end */
};

/** Fills *error (when not NULL) and returns false, so that a function can end with `return error_set(…)`. */
__attribute__((format(printf, 3, 4))) bool error_set(struct error *error, enum error_kind kind, const char *format, ...);
/** As error_set, with ": " and the text of `number` (an errno) at the end; ENOSPC and EDQUOT make it ERROR_FULL. */
__attribute__((format(printf, 3, 4))) bool error_set_errno(struct error *error, int number, const char *format, ...);

#endif
