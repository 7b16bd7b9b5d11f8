/* Fuzzing of brand indicators: the first line is a BIMI-Selector field, the rest the record. */
#include <stdlib.h>

#include "bimi/bimi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dmarc_verdict dmarc = {.result = DMARC_PASS, .author = SLICE("a.b.example"), .organization = SLICE("b.example"), .policy = DMARC_POLICY_REJECT,
		.record = {.sp = DMARC_POLICY_REJECT}};
	struct arena *arena = arena_new();
	struct lookup *table = lookup_new();
	struct bimi_verdict verdict;
	struct slice field, text, name;
	enum lookup_type type;
	size_t rounds = 0;
	slice_cut(slice_make((const char *)data, size), '\n', &field, &text);
	struct slice header = arena_printf(arena, "BIMI-Selector: %.*s\r\n\r\n", SLICE_ARG(field));
	struct lookup_record record = {.data = text};
	struct lookup_answer answer = {.status = LOOKUP_FOUND, .records = &record, .count = 1};
	while (bimi_check(header, &dmarc, table, arena, &verdict) == BIMI_PENDING) {
		size_t cursor = 0;
		if (++rounds > 2)
			abort();
		while (lookup_next_wanted(table, &cursor, &type, &name))
			lookup_put(table, type, name, &answer);
	}
	for (size_t i = 0; i < verdict.record.location.len; i++)
		if (verdict.record.location.at[i] <= ' ' || verdict.record.location.at[i] > '~' || verdict.result != BIMI_PASS)
			abort();
	lookup_free(&table);
	arena_free(&arena);
	return 0;
}
