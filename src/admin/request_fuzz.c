/* Fuzz target: a request for administration, and the question that carries it. */
#include <stdint.h>

#include "admin/admin.h"
#include "admin/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct slice text)
{
	if (text.at && (text.at[text.len] != '\0' || slice_find_char(text, '\0') != SLICE_NONE || !slice_is_utf8(text)))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_make((const char *)data, size), body;
	struct arena *arena = arena_new();
	struct admin_request request;
	struct admin_asker asker;
	struct admin_answer answer = {0};
	struct error error;
	if (admin_request_read(text, arena, &request, &error)) {
		check_text(request.command);
		for (size_t i = 0; i < request.argument_count; i++)
			check_text(request.arguments[i]);
		for (size_t i = 0; i < request.option_count; i++) {
			check_text(request.options[i].name);
			check_text(request.options[i].value);
		}
	}
	if (admin_question_read(text, &asker, &body)) {
		struct buf again = BUF(ADMIN_REQUEST_MAX + 1024);
		if (!admin_question_write(&asker, body, &again) || !slice_equal(buf_slice(&again), text))
			__builtin_trap();
		buf_free(&again);
	}
	admin_answer_read(text, &answer);
	arena_free(&arena);
	return 0;
}
