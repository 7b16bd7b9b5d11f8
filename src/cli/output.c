/* What commands print: JSON, times, and text from outside. */
#include <ctype.h>

#include "base/memory.h"
#include "cli/command.h"

int command_print_json(json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII * 0);
	putchar('\n');
	json_decref(value);
	return COMMAND_DONE;
}

void command_print_list(const struct command_line *line, const struct command_shape *shape, const void *entries, size_t count)
{
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++) {
		const void *entry = (const char *)entries + i * shape->size;
		if (line->json)
			json_array_append_new(array, shape->json_of(entry));
		else
			shape->print(entry);
	}
	if (line->json)
		command_print_json(json_incref(array));
	else if (count == 0)
		command_remark(line, shape->none);
	json_decref(array);
}

void command_remark(const struct command_line *line, const char *text)
{
	if (!line->json)
		fprintf(stderr, "%s\n", text);
}

void command_print_entry(const struct command_line *line, const struct command_shape *shape, const void *entry)
{
	if (line->json)
		command_print_json(shape->json_of(entry));
	else
		shape->print(entry);
}

json_t *cli_json_of_slice(struct slice text)
{
	if (slice_is_utf8(text))
		return json_stringn(text.at ? text.at : "", text.len);
	char *copy = memory_copy(text.at, text.len);
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)copy[i] >= 0x80)
			copy[i] = '?';
	json_t *value = json_stringn(copy, text.len);
	free(copy);
	return value;
}

/* How many bytes at its start are a character that steers a terminal: control bytes but tabs, U+0080 to U+009F, and those that change the direction
 * of writing (U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069). 0: it isn't one. */
static size_t steering(struct slice text, bool utf8)
{
	unsigned char c = (unsigned char)text.at[0];
	if (c < 0x80 || !utf8)
		return (c < ' ' && c != '\t') || c >= 0x7f;
	unsigned char second = text.len > 1 ? (unsigned char)text.at[1] : 0, third = text.len > 2 ? (unsigned char)text.at[2] : 0;
	if (c == 0xc2 && second < 0xa0)
		return 2;
	bool marks = second == 0x80 && (third == 0x8e || third == 0x8f || (third >= 0xaa && third <= 0xae)), isolates = second == 0x81 && third >= 0xa6 && third <= 0xa9;
	return c == 0xe2 && (marks || isolates) ? 3 : 0;
}

void cli_print_safe(struct slice text)
{
	bool utf8 = slice_is_utf8(text);
	while (text.len > 0) {
		size_t length = steering(text, utf8);
		putchar(length > 0 ? '?' : text.at[0]);
		text = slice_skip(text, length > 0 ? length : 1);
	}
}

void cli_print_part(const char *before, struct slice text)
{
	if (text.len == 0)
		return;
	printf("  %s", before);
	cli_print_safe(text);
}

const char *cli_size_text(uint64_t bytes, char out[32])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	uint64_t unit = 1024;
	size_t i = 0;
	for (; i + 1 < sizeof units / sizeof *units && bytes / unit >= 1024; i++)
		unit *= 1024;
	if (bytes < 1024)
		snprintf(out, 32, "%llu bytes", (unsigned long long)bytes);
	else if (bytes % unit == 0)
		snprintf(out, 32, "%llu %s", (unsigned long long)(bytes / unit), units[i]);
	else
		snprintf(out, 32, "%.1f %s", (double)bytes / (double)unit, units[i]);
	return out;
}

const char *cli_time_text(int64_t seconds, char out[32])
{
	struct tm parts;
	time_t when = (time_t)seconds;
	if (!localtime_r(&when, &parts) || strftime(out, 32, "%Y-%m-%d %H:%M:%S %z", &parts) == 0)
		snprintf(out, 32, "%lld", (long long)seconds);
	return out;
}
