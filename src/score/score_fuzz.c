/* Fuzzing of the rules: whatever a message is, it is judged, the same again, and what is said of it is bounded and is UTF-8. */
#include "score/score.h"

static void must(bool held)
{
	if (!held)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct shown shown;
	struct score_settings settings;
	struct score_result result, again;
	struct buf out = BUF(256 * 1024);
	struct score_facts facts = {.message = slice_make((const char *)data, size), .shown = &shown, .bayes = size > 0 ? data[size - 1] / 255.0 : -1};
	facts.root = mime_parse(facts.message, arena);
	shown_read(facts.message, facts.root, arena, &shown);
	score_settings_default(&settings);
	score_evaluate(&facts, &settings, arena, &result);
	score_evaluate(&facts, &settings, arena, &again);
	must(result.count <= SCORE_RULES && result.total == again.total && result.count == again.count);
	score_write_fields(&out, &settings, result.total, score_result_tests(&result, arena), result.count);
	for (enum score_language language = 0; language < SCORE_LANGUAGES; language++)
		score_explain(&out, &settings, &result, language);
	must(!out.overflow && slice_is_utf8(buf_slice(&out)));
	int points;
	score_parse_points(facts.message, &points);
	buf_free(&out);
	arena_free(&arena);
	return 0;
}
