/* Fuzzing of DMARC: the first line is a From field, every other a record that some question is answered with. */
#include "dmarc/dmarc.h"

enum { ROUNDS_MAX = 20 };

static void must(bool held)
{
	if (!held)
		abort();
}

static void answer(struct lookup *table, enum lookup_type type, struct slice name, struct slice records)
{
	struct lookup_record record = {.data = SLICE("v=DMARC1; p=none")};
	size_t skipped = name.len % 5;
	for (size_t i = 0; i <= skipped && records.len > 0; i++)
		slice_cut(records, '\n', &record.data, &records);
	struct lookup_answer found = {.status = name.len % 11 == 3 ? LOOKUP_FAILED : LOOKUP_FOUND, .records = &record, .count = 1};
	lookup_put(table, type, name, &found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice from, records, name;
	slice_cut(slice_make((const char *)data, size), '\n', &from, &records);
	struct lookup *table = lookup_new();
	struct arena *arena = arena_new();
	struct dmarc_verdict verdict;
	struct dmarc_identifier identifiers[] = {{SLICE("mail.example.com"), DMARC_BY_SPF}, {SLICE("a.b.c.d.e.f.g.h.example.org"), DMARC_BY_DKIM}};
	struct slice header = arena_printf(arena, "From: %.*s\r\n\r\n", SLICE_ARG(from));
	int rounds = 0;
	while (dmarc_check_message(header, identifiers, 2, table, arena, &verdict) == DMARC_PENDING) {
		size_t cursor = 0;
		enum lookup_type type;
		must(++rounds < ROUNDS_MAX);
		while (lookup_next_wanted(table, &cursor, &type, &name))
			answer(table, type, name, records);
	}
	must(verdict.result == DMARC_FAIL || verdict.disposition == DMARC_POLICY_NONE);
	must(lookup_count(table) <= (DMARC_AUTHORS_MAX + 2) * (DMARC_WALK_MAX + 3));
	arena_free(&arena);
	lookup_free(&table);
	return 0;
}
