/* Transfer encodings, written; see encode.h. */
#include "message/encode.h"

#include "base/base64.h"

enum {
	ENCODED_LINE_MAX = 76,                       /* RFC 2045 §6.7 rule 5, §6.8 */
	BASE64_LINE_BYTES = ENCODED_LINE_MAX / 4 * 3,
};

/* ---- Output ---- */

bool mime_output_flush(struct mime_output *output)
{
	if (output->len > 0 && !output->stopped)
		output->stopped = !output->sink(output->context, slice_make(output->block, output->len));
	output->len = 0;
	return !output->stopped;
}

void mime_output_put(struct mime_output *output, struct slice bytes)
{
	while (bytes.len > 0 && !output->stopped) {
		struct slice piece = slice_sub(bytes, 0, OUTPUT_BLOCK - output->len);
		memcpy(output->block + output->len, piece.at, piece.len);
		output->len += piece.len;
		bytes = slice_skip(bytes, piece.len);
		if (output->len == OUTPUT_BLOCK)
			mime_output_flush(output);
	}
}

void mime_output_put_char(struct mime_output *output, char c)
{
	output->block[output->len++] = c;
	if (output->len == OUTPUT_BLOCK)
		mime_output_flush(output);
}

/* Length of the line end of any kind at the start of `s`; 0: none. */
static size_t line_end(struct slice s)
{
	if (s.at[0] == '\n')
		return 1;
	if (s.at[0] == '\r')
		return s.len > 1 && s.at[1] == '\n' ? 2 : 1;
	return 0;
}

/* ---- Quoted-printable ---- */

/* Writes what stands for one byte, in a new line if this one is full. */
static void put_unit(struct mime_output *output, struct slice unit, size_t *column)
{
	if (*column + unit.len > ENCODED_LINE_MAX - 1) { /* room for the "=" */
		mime_output_put(output, SLICE("=\r\n"));
		*column = 0;
	}
	mime_output_put(output, unit);
	*column += unit.len;
}

static void put_hex(struct mime_output *output, char c, size_t *column)
{
	static const char digits[] = "0123456789ABCDEF";
	const char unit[] = {'=', digits[(unsigned char)c >> 4], digits[(unsigned char)c & 15]};
	put_unit(output, slice_make(unit, sizeof unit), column);
}

/* Length of a soft line break "=", blanks, line end; 0: none. */
static size_t soft_break(struct slice s)
{
	size_t i = 1;
	while (i < s.len && (s.at[i] == ' ' || s.at[i] == '\t'))
		i++;
	size_t end = i < s.len ? line_end(slice_skip(s, i)) : 0;
	return end > 0 ? i + end : 0;
}

static bool is_escape(struct slice s)
{
	return s.len > 2 && ascii_hex_value(s.at[1]) >= 0 && ascii_hex_value(s.at[2]) >= 0;
}

/* What is quoted already, at an "=". Returns how many bytes that were. */
static size_t put_quoted(struct mime_output *output, struct slice s, size_t *column)
{
	size_t soft = soft_break(s);
	if (soft > 0) {
		mime_output_put(output, SLICE("=\r\n"));
		*column = 0;
		return soft;
	}
	bool escape = is_escape(s);
	if (escape)
		put_unit(output, slice_sub(s, 0, 3), column);
	else
		put_hex(output, '=', column);
	return escape ? 3 : 1;
}

/* Blanks at the end of a line don't survive every server (rule 3). */
static bool ends_line(struct slice s)
{
	return s.len == 1 || line_end(slice_skip(s, 1)) > 0;
}

void mime_encode_quoted_printable(struct mime_output *output, struct slice body, bool quoted)
{
	size_t column = 0, used;
	for (; body.len > 0 && !output->stopped; body = slice_skip(body, used)) {
		char c = body.at[0];
		bool blank = c == ' ' || c == '\t';
		used = line_end(body);
		if (used > 0) {
			mime_output_put(output, SLICE("\r\n"));
			column = 0;
			continue;
		}
		used = 1;
		if (c == '=' && quoted)
			used = put_quoted(output, body, &column);
		else if (c == '=' || (unsigned char)c > '~' || ((unsigned char)c < ' ' && !blank) || (blank && !quoted && ends_line(body)))
			put_hex(output, c, &column);
		else
			put_unit(output, slice_sub(body, 0, 1), &column);
	}
}

/* ---- Base64 ---- */

/* Bytes that wait for a full line. */
struct base64 {
	struct mime_output *output;
	char bytes[BASE64_LINE_BYTES];
	size_t len;
	bool begun; /* a line stands before */
};

static void put_base64_line(struct base64 *base64)
{
	if (base64->len == 0)
		return;
	if (base64->begun)
		mime_output_put(base64->output, SLICE("\r\n"));
	for (struct slice rest = slice_make(base64->bytes, base64->len); rest.len > 0; rest = slice_skip(rest, 3)) {
		char quad[4];
		base64_quad(rest, quad);
		mime_output_put(base64->output, slice_make(quad, sizeof quad));
	}
	base64->len = 0;
	base64->begun = true;
}

static void put_byte(struct base64 *base64, char c)
{
	if (base64->len == BASE64_LINE_BYTES)
		put_base64_line(base64);
	base64->bytes[base64->len++] = c;
}

void mime_encode_base64(struct mime_output *output, struct slice body, bool text)
{
	struct base64 base64 = {.output = output};
	size_t used;
	for (; body.len > 0 && !output->stopped; body = slice_skip(body, used)) {
		size_t end = text ? line_end(body) : 0;
		used = end > 0 ? end : 1;
		if (end > 0)
			put_byte(&base64, '\r');
		put_byte(&base64, end > 0 ? '\n' : body.at[0]);
	}
	put_base64_line(&base64);
}

void mime_encode_base64_again(struct mime_output *output, struct slice body)
{
	size_t column = 0;
	for (size_t i = 0; i < body.len && !output->stopped; i++) {
		char c = body.at[i];
		if (c != '=' && base64_value(c) < 0)
			continue;
		if (column == ENCODED_LINE_MAX) {
			mime_output_put(output, SLICE("\r\n"));
			column = 0;
		}
		mime_output_put_char(output, c);
		column++;
	}
}
