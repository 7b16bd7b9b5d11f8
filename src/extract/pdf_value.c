/* Values of PDF: numbers, names, strings, arrays, dictionaries (ISO 32000-1 §7.2, §7.3). */
#include <stdlib.h>

#include "base/array.h"
#include "extract/pdf.h"

static bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0; }
static bool is_delimiter(char c) { return strchr("()<>[]{}/%", c) && c != 0; }
static bool is_regular(char c) { return !is_blank(c) && !is_delimiter(c); }

static int peek(const struct pdf_reader *reader, size_t ahead)
{
	return reader->at + ahead < reader->text.len ? (unsigned char)reader->text.at[reader->at + ahead] : -1;
}

void pdf_skip_blanks(struct pdf_reader *reader)
{
	for (int c; (c = peek(reader, 0)) >= 0; reader->at++) {
		if (c == '%')
			while (peek(reader, 1) >= 0 && peek(reader, 1) != '\n' && peek(reader, 1) != '\r')
				reader->at++;
		else if (!is_blank((char)c))
			return;
	}
}

static struct slice take_regular(struct pdf_reader *reader)
{
	size_t from = reader->at;
	while (peek(reader, 0) >= 0 && is_regular((char)peek(reader, 0)))
		reader->at++;
	return slice_sub(reader->text, from, reader->at - from);
}

/* ---- numbers and keywords ---- */

/* Without exponents; what is no number is a keyword. */
static bool is_number(struct slice word, double *number)
{
	double value = 0, part = 1;
	bool digits = false, point = false;
	size_t at = word.len > 0 && (word.at[0] == '+' || word.at[0] == '-');
	for (; at < word.len; at++) {
		char c = word.at[at];
		if (c == '.' && !point)
			point = true;
		else if (!ascii_is_digit(c))
			return false;
		else {
			digits = true;
			value = value * 10 + (c - '0');
			part *= point ? 10 : 1;
			if (value > 1e15)
				return false;
		}
	}
	*number = word.len > 0 && word.at[0] == '-' ? -value / part : value / part;
	return digits;
}

/* "7 0 R": one value of three words. */
static bool is_reference(struct pdf_reader *reader, struct pdf_value *value)
{
	struct pdf_reader ahead = *reader;
	double generation;
	pdf_skip_blanks(&ahead);
	if (!is_number(take_regular(&ahead), &generation))
		return false;
	pdf_skip_blanks(&ahead);
	if (!slice_equal(take_regular(&ahead), SLICE("R")))
		return false;
	reader->at = ahead.at;
	value->kind = PDF_REFERENCE;
	return true;
}

static void read_word(struct pdf_reader *reader, struct pdf_value *value)
{
	struct slice word = take_regular(reader);
	if (is_number(word, &value->number)) {
		value->kind = PDF_NUMBER;
		if (reader->references && ascii_is_digit(word.at[0]) && value->number <= PDF_OBJECTS_MAX)
			is_reference(reader, value);
	} else if (slice_equal(word, SLICE("true")) || slice_equal(word, SLICE("false"))) {
		value->kind = PDF_BOOL;
		value->number = word.at[0] == 't';
	} else if (!slice_equal(word, SLICE("null"))) {
		value->kind = PDF_KEYWORD;
		value->text = word;
	}
}

static void read_name(struct pdf_reader *reader, struct pdf_value *value)
{
	reader->at++;
	struct slice raw = take_regular(reader);
	char *out = arena_alloc(reader->arena, raw.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < raw.len; i++) {
		bool escaped = raw.at[i] == '#' && i + 2 < raw.len && ascii_hex_value(raw.at[i + 1]) >= 0 && ascii_hex_value(raw.at[i + 2]) >= 0;
		out[len++] = escaped ? (char)(ascii_hex_value(raw.at[i + 1]) * 16 + ascii_hex_value(raw.at[i + 2])) : raw.at[i];
		i += escaped ? 2 : 0;
	}
	*value = (struct pdf_value){.kind = PDF_NAME, .text = slice_make(out, len)};
}

/* ---- strings ---- */

/* Behind a backslash. -1: nothing (a line that goes on). */
static int read_escape(struct pdf_reader *reader)
{
	static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
	int c = peek(reader, 0);
	const char *known = c > 0 ? strchr(from, c) : NULL;
	if (known) {
		reader->at++;
		return (unsigned char)to[known - from];
	}
	if (c >= '0' && c <= '7') {
		int number = 0;
		for (int i = 0; i < 3 && peek(reader, 0) >= '0' && peek(reader, 0) <= '7'; i++)
			number = number * 8 + (reader->text.at[reader->at++] - '0');
		return number & 0xff;
	}
	if (c == '\r' && peek(reader, 1) == '\n')
		reader->at++;
	reader->at += c >= 0;
	return c == '\r' || c == '\n' ? -1 : c;
}

/* As long as what it stands for, at most. */
static void read_string(struct pdf_reader *reader, struct pdf_value *value)
{
	size_t from = ++reader->at, depth = 1, len = 0;
	for (; reader->at < reader->text.len && depth > 0; reader->at++) { /* how long it may be */
		char c = reader->text.at[reader->at];
		reader->at += c == '\\';
		depth += c == '(';
		depth -= c == ')';
	}
	size_t end = reader->at < reader->text.len ? reader->at : reader->text.len;
	char *out = arena_alloc(reader->arena, end - from + 1);
	struct pdf_reader inside = {.text = slice_sub(reader->text, 0, depth == 0 ? end - 1 : end), .at = from};
	while (peek(&inside, 0) >= 0) {
		int c = (unsigned char)inside.text.at[inside.at++];
		if (c == '\\')
			c = read_escape(&inside);
		if (c >= 0)
			out[len++] = (char)c;
	}
	reader->at = end;
	*value = (struct pdf_value){.kind = PDF_STRING, .text = slice_make(out, len)};
}

static void read_hexadecimal(struct pdf_reader *reader, struct pdf_value *value)
{
	size_t from = ++reader->at, digits = 0;
	while (peek(reader, 0) >= 0 && peek(reader, 0) != '>')
		reader->at++;
	char *out = arena_alloc(reader->arena, (reader->at - from) / 2 + 2);
	for (size_t i = from; i < reader->at; i++) {
		int digit = ascii_hex_value(reader->text.at[i]);
		if (digit < 0)
			continue;
		out[digits / 2] = (char)((unsigned char)out[digits / 2] | digit << (digits % 2 ? 0 : 4));
		digits++;
	}
	reader->at += peek(reader, 0) == '>';
	*value = (struct pdf_value){.kind = PDF_STRING, .text = slice_make(out, (digits + 1) / 2)};
}

/* ---- arrays and dictionaries ---- */

static bool read_value(struct pdf_reader *reader, struct pdf_value *value, int depth);

/* What can't stand inside: a bracket that closes another, the end of the object. */
static bool ends_badly(const struct pdf_value *value)
{
	return value->kind == PDF_KEYWORD && (slice_equal(value->text, SLICE("endobj")) || slice_equal(value->text, SLICE("obj")) ||
					      slice_equal(value->text, SLICE("stream")) || slice_equal(value->text, SLICE(">>")) || slice_equal(value->text, SLICE("]")));
}

static bool read_items(struct pdf_reader *reader, enum pdf_kind kind, struct slice end, struct pdf_value *value, int depth)
{
	struct pdf_value one;
	size_t room = 0;
	*value = (struct pdf_value){.kind = kind};
	while (read_value(reader, &one, depth + 1)) {
		if (one.kind == PDF_KEYWORD && slice_equal(one.text, end))
			return true;
		if (ends_badly(&one))
			return false;
		if (one.kind == PDF_KEYWORD)
			continue;
		ARENA_GROW(reader->arena, value->items, value->count, room);
		value->items[value->count++] = one;
	}
	return false;
}

static bool read_value(struct pdf_reader *reader, struct pdf_value *value, int depth)
{
	*value = (struct pdf_value){0};
	pdf_skip_blanks(reader);
	int c = peek(reader, 0);
	if (c < 0 || depth > PDF_DEPTH_MAX || ++reader->pdf->work > PDF_WORK_MAX || arena_used(reader->arena) > PDF_MEMORY_MAX)
		return false;
	bool twice = peek(reader, 1) == c;
	if (c == '/')
		read_name(reader, value);
	else if (c == '(')
		read_string(reader, value);
	else if (c == '<' && !twice)
		read_hexadecimal(reader, value);
	else if (c == '[' || c == '<') {
		reader->at += c == '[' ? 1 : 2;
		return read_items(reader, c == '[' ? PDF_ARRAY : PDF_DICTIONARY, c == '[' ? SLICE("]") : SLICE(">>"), value, depth);
	} else if (is_delimiter((char)c)) {
		*value = (struct pdf_value){.kind = PDF_KEYWORD, .text = slice_sub(reader->text, reader->at, c == '>' && twice ? 2 : 1)};
		reader->at += value->text.len;
	} else {
		read_word(reader, value);
	}
	return true;
}

bool pdf_read(struct pdf_reader *reader, struct pdf_value *value) { return read_value(reader, value, 0); }

struct pdf_value pdf_entry(const struct pdf_value *dictionary, const char *name)
{
	for (size_t i = 0; dictionary->kind == PDF_DICTIONARY && i + 1 < dictionary->count; i += 2)
		if (dictionary->items[i].kind == PDF_NAME && slice_equal(dictionary->items[i].text, slice_of(name)))
			return dictionary->items[i + 1];
	return (struct pdf_value){0};
}
