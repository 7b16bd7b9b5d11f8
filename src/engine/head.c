/* Headers of answers, as HTTP (RFC 9112) and ICAP (RFC 3507) write them. Lines may end with LF alone; nothing is unfolded. */
#include "engine/internal.h"

/* The length with the empty line; 0: it hasn't come. */
static size_t head_length(struct slice text)
{
	size_t crlf = slice_find(text, SLICE("\r\n\r\n")), lf = slice_find(text, SLICE("\n\n"));
	if (crlf == SLICE_NONE && lf == SLICE_NONE)
		return 0;
	return crlf < lf ? crlf + 4 : lf + 2;
}

enum engine_head_state engine_read_head(struct slice text, struct engine_head *head)
{
	struct slice line, code;
	uint64_t status;
	*head = (struct engine_head){.length = head_length(text)};
	if (head->length == 0)
		return text.len > ENGINE_HEAD_MAX ? ENGINE_HEAD_BROKEN : ENGINE_HEAD_PENDING;
	slice_cut(slice_sub(text, 0, head->length), '\n', &line, &head->fields);
	if (head->length > ENGINE_HEAD_MAX || !slice_cut(slice_trim(line), ' ', &head->protocol, &line))
		return ENGINE_HEAD_BROKEN;
	slice_cut(slice_trim(line), ' ', &code, &head->reason);
	if (!slice_to_number(code, 999, &status))
		return ENGINE_HEAD_BROKEN;
	head->status = (unsigned)status;
	return ENGINE_HEAD_READ;
}

struct slice engine_head_field(const struct engine_head *head, struct slice name)
{
	struct slice rest = head->fields, line, field, value;
	while (rest.len > 0) {
		slice_cut(rest, '\n', &line, &rest);
		if (slice_cut(line, ':', &field, &value) && slice_equal_nocase(slice_trim(field), name))
			return slice_trim(value);
	}
	return slice_make(NULL, 0);
}
