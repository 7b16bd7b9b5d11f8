/* Fuzzing of answers: the first line is a sender, the next what an account has said (JSON), the rest a letter's header. An answer never has a line that
 * its writer didn't give. */
#include <stdlib.h>

#include "message/header.h"
#include "vacation/vacation.h"

static void check(struct slice answer)
{
	struct slice header = slice_sub(answer, 0, header_length(answer));
	struct header_field field;
	size_t from = 0, to = 0, submitted = 0;
	while (header_next(&header, &field)) {
		from += slice_equal_nocase(field.name, SLICE("From"));
		to += slice_equal_nocase(field.name, SLICE("To"));
		submitted += slice_equal_nocase(field.name, SLICE("Auto-Submitted"));
	}
	if (from != 1 || to != 1 || submitted != 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct slice sender, json, rest, *list;
	struct vacation vacation;
	size_t count;
	slice_cut(slice_make((const char *)data, size), '\n', &sender, &rest);
	slice_cut(rest, '\n', &json, &rest);
	struct slice header = slice_sub(rest, 0, header_length(rest));
	vacation_hindrance(sender, header);
	vacation_addressed(header, arena, &list, &count);
	if (vacation_read(json, arena, &vacation)) {
		struct buf out = BUF(VACATION_ANSWER_MAX);
		struct vacation again;
		const struct vacation_answer answer = {.vacation = &vacation, .from = SLICE("a@b.example"), .to = SLICE("c@d.example"), .header = header, .prefix = "Auto", .words = "Away.\r\n",
			.id = 1, .now = 1, .hostname = "mail.example"};
		if (vacation_write_answer(&answer, &out))
			check(buf_slice(&out));
		if (!vacation_read(vacation_write(&vacation, arena), arena, &again))
			abort();
		buf_free(&out);
	}
	arena_free(&arena);
	return 0;
}
