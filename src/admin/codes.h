/* The codes of what can be wrong with a call; see codes.def. */
#ifndef ADMIN_CODES_H
#define ADMIN_CODES_H

#include "base/buf.h"
#include "base/error.h"

enum admin_code {
#define ADMIN_CODE(NAME, name, status, about) ADMIN_##NAME,
#include "admin/codes.def"
#undef ADMIN_CODE
	ADMIN_CODES,
	ADMIN_DONE = ADMIN_CODES /* nothing is */
};
struct admin_code_row {
	const char *name;
	unsigned status;
	const char *about;
};
extern const struct admin_code_row admin_code_rows[ADMIN_CODES];

/** What a command's failure of that kind is. */
enum admin_code admin_code_of(enum error_kind kind);
/** Appends {"error": {"code": …, "message": …}}. What isn't UTF-8 of the message becomes '?'. */
void admin_write_error(struct buf *out, enum admin_code code, struct slice message);
/** Appends the answer of what was done: `output` is a list or an object of JSON, if `json` and it looks so, else text; each line of `notes` is one. */
void admin_write_done(struct buf *out, struct slice output, bool json, struct slice notes);
/** The last line of what a row has said on standard error, without "pombal COMMAND: ". Points into `notes`. */
struct slice admin_last_line(struct slice notes, const char *command);

#endif
