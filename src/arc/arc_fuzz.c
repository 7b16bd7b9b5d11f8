/* Fuzzing of chains: a line that is the record of every key, and a message. Pieces of any size say the same. */
#include "arc/arc.h"
#include "message/header.h"

enum { PIECE = 5 };

static enum arc_reason verify(struct slice message, struct slice record, size_t piece)
{
	size_t length = header_length(message);
	struct lookup_record records[] = {{.data = record}};
	struct lookup_answer answer = {.status = LOOKUP_FOUND, .records = records, .count = 1};
	struct lookup *table = lookup_new();
	struct arc_verify *verify = arc_verify_new(slice_sub(message, 0, length));
	enum lookup_type type;
	struct slice name;
	arc_verify_ask(verify, table);
	for (size_t cursor = 0; lookup_next_wanted(table, &cursor, &type, &name);)
		lookup_put(table, type, name, &answer);
	for (size_t at = length; at < message.len; at += piece)
		arc_verify_body(verify, slice_sub(message, at, piece));
	enum arc_reason reason = arc_verify_end(verify, table)->reason;
	arc_verify_free(&verify);
	lookup_free(&table);
	return reason;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice record, message;
	slice_cut(slice_make((const char *)data, size), '\n', &record, &message);
	if (verify(message, record, SIZE_MAX / 2) != verify(message, record, PIECE))
		abort();
	return 0;
}
