/* Framing of commands. A line that announces a literal goes on behind it, whatever stood before: also after an unclosed
 * quote, so that what a client sent as data never runs as a command. */
#include "imap/frame.h"

bool imap_frame_literal_marker(struct slice line, size_t *marker_at, uint64_t *size, bool *synchronising)
{
	if (line.len < 3 || line.at[line.len - 1] != '}')
		return false;
	size_t end = line.len - 1;
	*synchronising = line.at[end - 1] != '+';
	if (!*synchronising)
		end--;
	size_t start = end;
	while (start > 0 && ascii_is_digit(line.at[start - 1]))
		start--;
	if (start == end || start == 0 || line.at[start - 1] != '{')
		return false;
	if (!slice_to_number(slice_sub(line, start, end - start), UINT64_MAX - 1, size))
		*size = UINT64_MAX;
	start--;
	*marker_at = start > 0 && line.at[start - 1] == '~' ? start - 1 : start;
	return true;
}

enum imap_frame_event imap_frame_scan(struct imap_frame *frame, struct slice input)
{
	if (frame->found != FRAME_INCOMPLETE)
		return frame->found;
	if (frame->in_literal) {
		if (input.len - frame->scanned < frame->literal_size)
			return FRAME_INCOMPLETE;
		frame->scanned += frame->literal_size;
		frame->line_at = frame->scanned;
		frame->in_literal = false;
	}
	size_t end = slice_find_char(slice_skip(input, frame->scanned), '\n');
	if (end == SLICE_NONE) {
		frame->scanned = input.len;
		return FRAME_INCOMPLETE;
	}
	end += frame->scanned;
	frame->scanned = end + 1;
	struct slice line = slice_sub(input, frame->line_at, end - frame->line_at);
	if (line.len > 0 && line.at[line.len - 1] == '\r')
		line.len--;
	frame->found = FRAME_LINE;
	if (imap_frame_literal_marker(line, &frame->marker_at, &frame->literal_size, &frame->synchronising)) {
		frame->marker_at += frame->line_at;
		frame->found = FRAME_LITERAL;
	}
	return frame->found;
}

void imap_frame_accept_literal(struct imap_frame *frame)
{
	frame->found = FRAME_INCOMPLETE;
	frame->in_literal = true;
}
