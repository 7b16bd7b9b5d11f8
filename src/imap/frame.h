/* Where an IMAP command ends: lines and the literals inside them (RFC 3501 §4.3, RFC 7888). Pure; looks at every byte once,
 * however slowly they come. */
#ifndef IMAP_FRAME_H
#define IMAP_FRAME_H

#include "base/slice.h"

enum imap_frame_event {
	FRAME_INCOMPLETE, /* more bytes are needed */
	FRAME_LINE,       /* the command ends at `scanned` */
	FRAME_LITERAL,    /* a line ended in a literal's announcement: imap_frame_accept_literal() or give up */
};

/** Where the scan of one command stands; zeroed at its start. */
struct imap_frame {
	size_t scanned;           /* bytes that were looked at */
	size_t line_at;           /* start of the current line or of the text after the last literal */
	enum imap_frame_event found;   /* stays until the command is done with */
	size_t marker_at;         /* LITERAL: where the "{" (or "~{") stands */
	uint64_t literal_size;
	bool synchronising;       /* the client waits for "+" */
	bool in_literal;
};

/** Goes on scanning `input`, which begins with the first byte of the command. */
enum imap_frame_event imap_frame_scan(struct imap_frame *frame, struct slice input);
/** The literal belongs to the command: its bytes follow. */
void imap_frame_accept_literal(struct imap_frame *frame);

/** Does `line` (without its line end) end in a literal's announcement? Sizes over 64 bit read as UINT64_MAX. */
bool imap_frame_literal_marker(struct slice line, size_t *marker_at, uint64_t *size, bool *synchronising);

#endif
