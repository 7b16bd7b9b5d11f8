/* Fuzzing of dates: what is read can be written and read again. */
#include "message/date.h"

static void must(bool held)
{
	if (!held)
		abort();
}

static void check_moment(int64_t seconds)
{
	const int64_t year = 366LL * 86400;
	const int64_t first = -62167219200 + year, last = 253402300799 - year; /* away from the borders of the years 0 and 9999 */
	char text[DATE_TEXT_MAX];
	int64_t again, day;
	must(date_format_imap(seconds, text) == 26);
	must(date_parse_imap(slice_make(text, 26), &again));
	must(again == seconds || seconds < first || seconds > last);
	must(date_parse_imap_day(slice_sub(slice_trim(slice_make(text, 26)), 0, text[0] == ' ' ? 10 : 11), &day));
	size_t len = date_format(seconds, text);
	must(len < DATE_TEXT_MAX && date_parse(slice_make(text, len), &again, NULL));
	must(again == seconds || seconds < first || seconds > last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_make((const char *)data, size);
	int64_t seconds, day;
	int zone;
	if (date_parse(input, &seconds, &zone)) {
		must(date_day(input, &day));
		check_moment(seconds);
	}
	if (date_parse_imap(input, &seconds))
		check_moment(seconds);
	date_parse_imap_day(input, &day);
	if (size >= sizeof seconds) {
		memcpy(&seconds, data, sizeof seconds);
		check_moment(seconds);
	}
	return 0;
}
