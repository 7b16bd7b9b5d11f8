/* Content transfer encodings (RFC 2045 §6): decoding base64 and quoted-printable whatever state the data is in. */
#include "message/mime.h"

#include "base/base64.h"

enum { BLOCK = 4096 };

/* Decoded bytes on their way into the caller's buffer: what doesn't fit is cut, so that a bounded buffer holds the
 * beginning of a large body. */
struct output {
	struct buf *out; /* NULL: it is only counted */
	uint64_t count;
	size_t len;
	char block[BLOCK];
};

static bool append_cut(struct buf *out, struct slice s)
{
	size_t room = out->overflow ? 0 : out->max - out->len;
	struct slice fits = slice_sub(s, 0, room);
	return buf_append(out, fits) && fits.len == s.len;
}

static bool output_flush(struct output *output)
{
	bool fits = !output->out || append_cut(output->out, slice_make(output->block, output->len));
	output->count += output->len;
	output->len = 0;
	return fits;
}

/* Base64 data that ended with "=" and goes on (concatenated encoders) starts a new group. */
static bool decode_base64(struct slice body, struct output *output)
{
	unsigned bits = 0, count = 0;
	for (size_t i = 0; i < body.len; i++) {
		int value = base64_value(body.at[i]);
		if (value < 0) {
			if (body.at[i] == '=')
				count = 0;
			continue; /* what isn't base64 is passed over (RFC 2045 §6.8) */
		}
		bits = bits << 6 | (unsigned)value;
		count++;
		if (count > 1)
			output->block[output->len++] = (char)(bits >> (8 - 2 * count));
		count %= 4;
		if (output->len == BLOCK && !output_flush(output))
			return false;
	}
	return output_flush(output);
}

/* Length of a soft line break at s: "=", white space that some relay added, the line end (RFC 2045 §6.7 rules 3, 5). */
static size_t soft_break(struct slice s)
{
	size_t i = 1;
	while (i < s.len && (s.at[i] == ' ' || s.at[i] == '\t' || s.at[i] == '\r'))
		i++;
	if (i == s.len)
		return i;
	return s.at[i] == '\n' ? i + 1 : 0;
}

/* Length of the white space at s; *trailing if nothing but it stands before the line end: then it was added on the way. */
static size_t space_length(struct slice s, bool *trailing)
{
	size_t i = 0;
	while (i < s.len && (s.at[i] == ' ' || s.at[i] == '\t'))
		i++;
	*trailing = i > 0 && (i == s.len || s.at[i] == '\n' || slice_starts(slice_skip(s, i), SLICE("\r\n")));
	return i;
}

/* How many bytes of `s` one step consumes; what it yields goes to the output. */
static size_t quoted_printable_step(struct slice s, struct output *output)
{
	if (s.at[0] == '=') {
		size_t soft = soft_break(s);
		if (soft > 0)
			return soft;
		int high = s.len > 2 ? ascii_hex_value(s.at[1]) : -1, low = s.len > 2 ? ascii_hex_value(s.at[2]) : -1;
		if (high >= 0 && low >= 0) {
			output->block[output->len++] = (char)(high * 16 + low);
			return 3;
		}
	}
	output->block[output->len++] = s.at[0];
	return 1;
}

static bool decode_quoted_printable(struct slice body, struct output *output)
{
	size_t kept = 0; /* white space before this index was found not to be trailing */
	for (size_t i = 0; i < body.len;) {
		struct slice rest = slice_skip(body, i);
		bool trailing = false;
		size_t space = i >= kept ? space_length(rest, &trailing) : 0;
		if (trailing) {
			i += space;
			continue;
		}
		kept = i + space > kept ? i + space : kept;
		i += quoted_printable_step(rest, output);
		if (output->len == BLOCK && !output_flush(output))
			return false;
	}
	return output_flush(output);
}

bool mime_decode(struct slice encoding, struct slice body, struct buf *out)
{
	struct output output = {.out = out};
	if (slice_equal_nocase(encoding, SLICE("base64")))
		return decode_base64(body, &output);
	if (slice_equal_nocase(encoding, SLICE("quoted-printable")))
		return decode_quoted_printable(body, &output);
	return append_cut(out, body);
}

uint64_t mime_decoded_size(struct slice encoding, struct slice body)
{
	struct output output = {0};
	if (slice_equal_nocase(encoding, SLICE("base64")))
		decode_base64(body, &output);
	else if (slice_equal_nocase(encoding, SLICE("quoted-printable")))
		decode_quoted_printable(body, &output);
	else
		return body.len;
	return output.count;
}
