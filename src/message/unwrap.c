#include "message/unwrap.h"

#include "message/header.h"

struct slice message_unwrap(struct slice message, const struct mime_part *root)
{
	struct header_field field;
	if (root->child_count != 2 || !header_find(slice_sub(message, 0, (size_t)root->header_size), SLICE(MESSAGE_WRAPPED_FIELD), &field))
		return message;
	return slice_sub(message, (size_t)root->children[1].body_at, (size_t)root->children[1].body_size);
}
