/* Modified UTF-7: printable ASCII stands for itself, "&-" for '&', and everything else is UTF-16 in base64 between '&' and
 * '-', with ',' for '/' and without padding (RFC 3501 §5.1.3). */
#include "message/utf7.h"

#include "base/base64.h"

enum { BITS_PER_DIGIT = 6, BITS_PER_UNIT = 16 };

static bool is_direct(uint32_t c)
{
	return c >= 0x20 && c <= 0x7e;
}

static bool append_utf8(struct buf *out, uint32_t c)
{
	char bytes[4];
	size_t len = 0;
	if (c < 0x80) {
		bytes[len++] = (char)c;
	} else if (c < 0x800) {
		bytes[len++] = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		bytes[len++] = (char)(0xe0 | c >> 12);
		bytes[len++] = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		bytes[len++] = (char)(0xf0 | c >> 18);
		bytes[len++] = (char)(0x80 | (c >> 12 & 0x3f));
		bytes[len++] = (char)(0x80 | (c >> 6 & 0x3f));
	}
	if (c >= 0x80)
		bytes[len++] = (char)(0x80 | (c & 0x3f));
	return buf_append(out, slice_make(bytes, len));
}

/* ',' is '/' there. */
static int digit_value(char c)
{
	return c == ',' ? base64_value('/') : c == '/' ? -1 : base64_value(c);
}

static char digit_of(uint32_t value)
{
	char digit = base64_digits[value];
	return digit == '/' ? ',' : digit;
}

/* One UTF-16 unit of a shifted run; *high holds a high surrogate that waits for its other half. */
static bool take_unit(uint32_t unit, uint32_t *high, struct buf *out)
{
	bool low = unit >= 0xdc00 && unit <= 0xdfff;
	if (*high != 0) {
		uint32_t c = 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00);
		*high = 0;
		return low && append_utf8(out, c);
	}
	if (low || is_direct(unit) || unit < 0x20 || unit == 0x7f)
		return false;
	if (unit >= 0xd800 && unit <= 0xdbff) {
		*high = unit;
		return true;
	}
	return append_utf8(out, unit);
}

/* The base64 between '&' and '-'. What is left over must be less than a digit, and zero. */
static bool decode_run(struct slice run, struct buf *out)
{
	uint32_t bits = 0, high = 0;
	int bit_count = 0;
	for (size_t i = 0; i < run.len; i++) {
		int value = digit_value(run.at[i]);
		if (value < 0)
			return false;
		bits = bits << BITS_PER_DIGIT | (uint32_t)value;
		bit_count += BITS_PER_DIGIT;
		if (bit_count < BITS_PER_UNIT)
			continue;
		bit_count -= BITS_PER_UNIT;
		if (!take_unit(bits >> bit_count & 0xffff, &high, out))
			return false;
		bits &= (1u << bit_count) - 1;
	}
	return high == 0 && bit_count < BITS_PER_DIGIT && bits == 0;
}

bool utf7_to_utf8(struct slice name, struct buf *out)
{
	bool after_run = false;
	while (name.len > 0) {
		char c = name.at[0];
		if (!is_direct((unsigned char)c))
			return false;
		if (c != '&') {
			buf_append_char(out, c);
			name = slice_skip(name, 1);
			after_run = false;
			continue;
		}
		size_t end = slice_find_char(name, '-');
		if (end == SLICE_NONE)
			return false;
		struct slice run = slice_sub(name, 1, end - 1);
		if (run.len == 0)
			buf_append_char(out, '&');
		else if (after_run || !decode_run(run, out))
			return false;
		after_run = run.len > 0;
		name = slice_skip(name, end + 1);
	}
	return !out->overflow;
}

/* Takes the next character off well-formed UTF-8. */
static uint32_t next_character(struct slice *utf8)
{
	unsigned char first = (unsigned char)utf8->at[0];
	size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t c = len == 1 ? first : first & (0x7fu >> len);
	for (size_t i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)utf8->at[i] & 0x3f);
	*utf8 = slice_skip(*utf8, len);
	return c;
}

struct encoder {
	struct buf *out;
	uint32_t bits;
	int bit_count;
};

static void put_unit(struct encoder *encoder, uint32_t unit)
{
	encoder->bits = encoder->bits << BITS_PER_UNIT | unit;
	encoder->bit_count += BITS_PER_UNIT;
	while (encoder->bit_count >= BITS_PER_DIGIT) {
		encoder->bit_count -= BITS_PER_DIGIT;
		buf_append_char(encoder->out, digit_of(encoder->bits >> encoder->bit_count & 0x3f));
	}
	encoder->bits &= (1u << encoder->bit_count) - 1;
}

static void encode_run(struct slice *utf8, struct buf *out)
{
	struct encoder encoder = {.out = out};
	buf_append_char(out, '&');
	while (utf8->len > 0 && !is_direct((unsigned char)utf8->at[0])) {
		uint32_t c = next_character(utf8);
		if (c >= 0x10000) {
			put_unit(&encoder, 0xd800 + ((c - 0x10000) >> 10));
			put_unit(&encoder, 0xdc00 + ((c - 0x10000) & 0x3ff));
		} else {
			put_unit(&encoder, c);
		}
	}
	if (encoder.bit_count > 0)
		buf_append_char(out, digit_of(encoder.bits << (BITS_PER_DIGIT - encoder.bit_count) & 0x3f));
	buf_append_char(out, '-');
}

bool utf7_from_utf8(struct slice utf8, struct buf *out)
{
	if (!slice_is_utf8(utf8))
		return false;
	while (utf8.len > 0) {
		char c = utf8.at[0];
		if (!is_direct((unsigned char)c)) {
			encode_run(&utf8, out);
			continue;
		}
		buf_append_text(out, c == '&' ? "&-" : (char[]){c, '\0'});
		utf8 = slice_skip(utf8, 1);
	}
	return !out->overflow;
}
