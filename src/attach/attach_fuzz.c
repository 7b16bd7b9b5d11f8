/* Fuzzing of attachments: the bytes are a file that is attached (its name first, up to a line end), and a whole message. Whatever they are, the
 * report keeps its limits, and what is said in it can be shown. */
#include "attach/internal.h"

static void must(bool held)
{
	if (!held)
		abort();
}

static void check(const struct attach_report *report, const struct attach_limits *limits, struct arena *arena)
{
	uint32_t findings = 0;
	must(report->count <= limits->files);
	for (size_t i = 0; i < report->count; i++) {
		const struct attach_file *file = &report->files[i];
		must(file->parent == ATTACH_NONE || file->parent < i);
		must(file->depth <= limits->depth && file->type.len > 0 && slice_is_utf8(file->name));
		must(slice_find_char(file->name, '\n') == SLICE_NONE && file->name.len <= ATTACH_NAME_MAX);
		must(attach_path(report, i, 80, arena).len <= 80);
		findings |= file->findings;
	}
	must((findings & ~report->findings) == 0);
}

static void fuzz_message(struct slice message, struct attach_limits limits)
{
	struct arena *arena = arena_new();
	struct attach_report report;
	attach_examine(message, mime_parse(message, arena), &limits, arena, &report);
	check(&report, &limits, arena);
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice all = slice_make((const char *)data, size), name, content;
	struct attach_limits limits = {4, 50, 1024 * 1024, 256 * 1024, 1000, 0};
	struct buf message = BUF(1024 * 1024);
	slice_cut(all, '\n', &name, &content);
	buf_append_text(&message, "Content-Type: x/y; name=\"");
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] != '"' && name.at[i] != '\\' && name.at[i] != '\r')
			buf_append_char(&message, name.at[i]);
	buf_append_text(&message, "\"\r\nContent-Transfer-Encoding: binary\r\n\r\n");
	buf_append(&message, content);
	fuzz_message(buf_slice(&message), limits);
	fuzz_message(all, limits);
	buf_free(&message);
	return 0;
}
