/* Fuzzing of the form that every server takes: whatever goes in, what comes out are lines that can be sent, and need no second time. */
#include "message/downgrade.h"

#include "base/buf.h"

static void must(bool held)
{
	if (!held)
		abort();
}

static bool keep(void *context, struct slice bytes)
{
	return buf_append(context, bytes);
}

static void check(struct slice message, bool eight_bit_ok)
{
	struct buf out = BUF(64 << 20);
	struct message_facts facts;
	must(message_downgrade(message, eight_bit_ok, keep, &out));
	message_examine(buf_slice(&out), &facts);
	must(!message_needs_downgrade(&facts, eight_bit_ok));
	must(eight_bit_ok || !facts.eight_bit);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice message = slice_make((const char *)data, size);
	check(message, false);
	check(message, true);
	return 0;
}
