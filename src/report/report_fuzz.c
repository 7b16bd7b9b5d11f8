/* Fuzzing of the reader of reports: whatever comes, packed or not, as a message or bare, it is read within its bounds, the same again, and
 * holds no text that could steer a terminal or add a line. */
#include "report/report.h"

static void must(bool held)
{
	if (!held)
		abort();
}

static void check_text(struct slice text)
{
	must(text.len <= REPORT_WORD_MAX && slice_is_utf8(text));
	for (size_t i = 0; i < text.len; i++)
		must((unsigned char)text.at[i] >= 0x20 && text.at[i] != 0x7f);
}

static void check(const struct report *report)
{
	check_text(report->reporter), check_text(report->contact), check_text(report->id), check_text(report->domain), check_text(report->p);
	must(report->row_count > 0 && report->row_count <= REPORT_ROWS_MAX && report->begin >= 0 && report->begin <= REPORT_TIME_MAX);
	for (size_t i = 0; i < report->row_count; i++) {
		const struct report_row *row = &report->rows[i];
		must(row->count > 0 && row->count <= REPORT_COUNT_MAX && row->signature_count <= REPORT_SIGNATURES_MAX);
		check_text(row->source), check_text(row->domain), check_text(row->reason), check_text(row->envelope), check_text(row->policy);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct slice bytes = slice_make((const char *)data, size);
	struct report report, again;
	struct error error = {0};
	bool done = report_read(bytes, arena, &report, &error);
	must(done == report_read(bytes, arena, &again, &error));
	if (done) {
		check(&report);
		must(report.row_count == again.row_count && slice_equal(report.domain, again.domain));
	} else {
		must(error.text[0] != '\0');
	}
	if (report_read_message(bytes, arena, &report, &error))
		check(&report);
	arena_free(&arena);
	return 0;
}
