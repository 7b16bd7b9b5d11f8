/* Fuzzing of reading what was written down of a message: whatever stands there, what is read of it lies in it, and is told in bounds. */
#include "policy/record.h"

static void must(bool held)
{
	if (!held)
		abort();
}

static void read_it(struct slice record, char separator)
{
	struct arena *arena = arena_new();
	struct score_settings settings;
	struct score_found *list;
	struct buf out = BUF(1024 * 1024);
	size_t count = policy_record_read(record, separator, SCORE_RUSSIAN, arena, &list);
	must(count <= POLICY_RECORD_FINDINGS_MAX && (count == 0) == (policy_record_main(list, count) == NULL));
	for (size_t i = 0; i < count; i++)
		must(list[i].name.at >= record.at && list[i].detail.len <= record.len && (list[i].detail.len == 0 || list[i].detail.at + list[i].detail.len <= record.at + record.len));
	score_settings_default(&settings);
	score_explain_found(&out, &settings, list, count, count > 0 ? list[0].points : 0, SCORE_JUNK, slice_sub(record, 0, 40), SCORE_ENGLISH);
	buf_free(&out);
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice record = slice_make((const char *)data, size < 16384 ? size : 16384);
	read_it(record, '\n');
	read_it(record, ';');
	return 0;
}
