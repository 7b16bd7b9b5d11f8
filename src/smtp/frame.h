/* Where lines and messages end in a stream of bytes. The one place that decides that; so the one place where a smuggled
 * message could get through. Only CR LF ends a line, and only CR LF "." CR LF ends a message (RFC 5321 §2.3.8, §4.1.1.4).
 * Pure. */
#ifndef SMTP_FRAME_H
#define SMTP_FRAME_H

#include "base/buf.h"

/** Length of the first line with its CR LF; 0 if it isn't complete. A bare CR or LF is a byte of the line. */
size_t smtp_frame_line(struct slice input);
/** Does the text have a CR, LF or NUL in it? (Of a command line without its end.) */
bool smtp_frame_has_control(struct slice line);

/** Looks for the end of a message in the bytes that have arrived. `line_start`: the first byte begins a line. `from`: bytes
 * already found not to hold the end. With the end: *ends is true and the result includes ".\r\n". Without: the result is
 * how many bytes can be taken now; those that may be the beginning of an end, "\r\n.\r" and its prefixes, are left. */
size_t smtp_frame_data(struct slice input, bool line_start, size_t from, bool *ends);
/** Takes the next run of text without stuffed dots off *rest (what smtp_frame_data gave, without the final dot line): false at
 * the end. *line_start as above; it is updated. */
bool smtp_frame_unstuff(struct slice *rest, bool *line_start, struct slice *text);

/** Appends a piece of a message to `out` with CR LF where an LF stands alone. `stuffed`: a dot behind such an LF is a stuffed one, as
 * behind any line end, and goes. `after_cr`: the byte before the piece was CR. *after_lf carries from one piece to the next that the
 * last byte was an LF that stood alone. */
void smtp_frame_mend(struct slice bytes, bool stuffed, bool after_cr, bool *after_lf, struct buf *out);
/** Does a piece have an LF that stands alone, or may it begin with a dot that goes? Then it needs smtp_frame_mend(). */
bool smtp_frame_needs_mending(struct slice bytes, bool after_cr, bool after_lf);

enum smtp_frame_fault { FRAME_FINE, FRAME_BARE_CR, FRAME_BARE_LF, FRAME_NUL, FRAME_LONG_LINE };
/** Checks that a piece of a message is lines (RFC 5321 §2.3.8), without NUL, which RFC 5322 §2.2 has no place for. *after_cr and *line (length of the line that has begun) carry the state from one
 * piece to the next. A line may have `line_max` bytes without its end. */
enum smtp_frame_fault smtp_frame_check(struct slice bytes, uint64_t line_max, bool *after_cr, uint64_t *line);

#endif
