/* The pieces of what we write to people; see text.h. */
#include "courier/text.h"

#include <time.h>

#include "message/date.h"
#include "message/header.h"

enum { TEXT_LINE_MAX = 900 };

void courier_text_put(struct buf *out, struct slice text, bool utf8)
{
	text = slice_sub(text, 0, TEXT_LINE_MAX);
	utf8 = utf8 && slice_is_utf8(text);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		buf_append_char(out, c < ' ' || c == 0x7f ? ' ' : c >= 0x80 && !utf8 ? '?' : (char)c);
	}
}

void courier_text_put_date(struct buf *out, const char *name, int64_t when)
{
	char text[DATE_TEXT_MAX];
	date_format(when, text);
	buf_printf(out, "%s: %s\r\n", name, text);
}

void courier_text_put_time(struct buf *out, int64_t when)
{
	char text[DATE_TEXT_MAX];
	struct tm parts;
	time_t seconds = (time_t)when;
	if (localtime_r(&seconds, &parts) && strftime(text, sizeof text, "%Y-%m-%d %H:%M %z", &parts) > 0)
		buf_append_text(out, text);
}

void courier_text_put_encoded(struct buf *out, const char *name, const char *text)
{
	struct arena *arena = arena_new();
	buf_printf(out, "%s: %.*s", name, SLICE_ARG(header_encode(slice_of(text), strlen(name) + 2, arena)));
	arena_free(&arena);
}
