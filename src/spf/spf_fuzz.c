/* Fuzzing of policies: the input is what a domain publishes, and everything that is asked is answered with parts of it. */
#include <string.h>

#include "spf/spf.h"

enum { ROUNDS_MAX = 100, RECORDS = 12 };

static void must(bool held)
{
	if (!held)
		abort();
}

/* Answers a question from the input's lines, beginning at one that the name chooses. */
static void answer(struct lookup *table, enum lookup_type type, struct slice name, struct slice input)
{
	struct lookup_record records[RECORDS];
	struct lookup_answer found = {.status = LOOKUP_FOUND, .records = records};
	unsigned choice = (unsigned)name.len + (unsigned char)name.at[0];
	for (struct slice line, rest = input; rest.len > 0 && found.count < choice % RECORDS;) {
		slice_cut(rest, '\n', &line, &rest);
		bool address = type == LOOKUP_A || type == LOOKUP_AAAA;
		records[found.count].preference = 1;
		records[found.count++].data = address ? slice_sub(line, 0, type == LOOKUP_A ? 4 : 16) : line;
	}
	if (choice % 7 == 3)
		found.status = LOOKUP_FAILED;
	lookup_put(table, type, name, &found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice policy, rest, helo, input = slice_make((const char *)data, size);
	slice_cut(input, '\n', &policy, &rest);
	slice_cut(rest, '\n', &helo, &rest);
	struct lookup *table = lookup_new();
	struct arena *arena = arena_new();
	struct spf_verdict verdict;
	char client[16] = {32, 1, 13, (char)0xb8};
	memcpy(client + 4, data, size < 12 ? size : 12);
	struct spf_query query = {.client = slice_make(client, size % 2 ? 16 : 4), .helo = helo, .sender = SLICE("joe-x+y@sub.example.test")};
	struct lookup_record record = {.data = policy};
	struct lookup_answer first = {.status = LOOKUP_FOUND, .records = &record, .count = 1};
	lookup_put(table, LOOKUP_TXT, SLICE("sub.example.test"), &first);
	int rounds = 0;
	while (spf_check(&query, table, arena, &verdict) == SPF_PENDING) {
		size_t cursor = 0;
		enum lookup_type type;
		struct slice name;
		bool wanted = false;
		while (lookup_next_wanted(table, &cursor, &type, &name)) {
			answer(table, type, name, input);
			wanted = true;
		}
		must(wanted && ++rounds < ROUNDS_MAX);
	}
	/* Ten terms, each with ten hosts at most, the names of the client, and an explanation. */
	must(lookup_count(table) < LOOKUP_QUESTIONS_MAX);
	for (size_t i = 0; i < verdict.reason.len; i++)
		must(verdict.reason.at[i] >= ' ' && verdict.reason.at[i] < 0x7f);
	for (size_t i = 0; i < verdict.explanation.len; i++)
		must(verdict.explanation.at[i] >= ' ' && verdict.explanation.at[i] < 0x7f);
	arena_free(&arena);
	lookup_free(&table);
	return 0;
}
