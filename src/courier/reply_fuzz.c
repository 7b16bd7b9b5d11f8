/* Fuzzing: whatever a server says, line by line, stays within bounds and comes out clean. */
#include <assert.h>

#include "courier/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_make((const char *)data, size), line, content;
	struct courier_offers offers = {0};
	struct courier_reply reply;
	courier_reply_begin(&reply);
	while (rest.len > 0) {
		slice_cut(rest, '\n', &line, &rest);
		enum courier_reply_state state = courier_reply_add_line(&reply, line, &content);
		courier_offers_add(&offers, content);
		assert(reply.text_len < REPLY_TEXT_MAX && reply.lines <= REPLY_LINES_MAX);
		assert(slice_is_utf8(reply_text(&reply)));
		for (size_t i = 0; i < reply.text_len; i++)
			assert((unsigned char)reply.text[i] >= ' ' && reply.text[i] != 0x7f);
		if (state != REPLY_MORE) {
			assert(state == REPLY_BROKEN || (reply.code >= 200 && reply.code <= 599));
			courier_reply_begin(&reply);
		}
	}
	return 0;
}
