/* Fuzzing of receipts: what comes is read as one; and what was read, as far as it can be sent, is written and read again. */
#include <stdlib.h>

#include "jmap/mdn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct buf out = BUF(4 * 1024 * 1024);
	json_t *receipt = jmap_receipt_read(slice_make((const char *)data, size), arena);
	if (receipt) {
		static const char *const servers[] = {"mdnGateway", "originalRecipient", "originalMessageId", "error"};
		for (size_t i = 0; i < sizeof servers / sizeof *servers; i++)
			json_object_del(receipt, servers[i]);
		json_object_set_new(receipt, "forEmailId", json_string("e1"));
		json_t *refused = jmap_receipt_check(receipt);
		const struct jmap_receipt written = {.object = receipt, .from = SLICE("a@b.example"), .to = SLICE("c@d.example"), .hostname = "mail.example", .id = 1, .now = 1};
		if (!refused && jmap_receipt_write(&written, &out, arena)) {
			json_t *again = jmap_receipt_read(buf_slice(&out), arena);
			if (!again || !json_equal(json_object_get(again, "disposition"), json_object_get(receipt, "disposition")))
				abort();
			json_decref(again);
		}
		json_decref(refused);
		json_decref(receipt);
	}
	buf_free(&out);
	arena_free(&arena);
	return 0;
}
