/* See base64.h. */
#include "auth/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (ascii_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters, of which the last `pads` are '='. */
static bool decode_group(const char *at, int pads, struct buf *out)
{
	uint32_t group = 0;
	for (int i = 0; i < 4; i++) {
		int value = i >= 4 - pads ? 0 : value_of(at[i]);
		if (value < 0)
			return false;
		group = group << 6 | (uint32_t)value;
	}
	char bytes[3] = {(char)(group >> 16), (char)(group >> 8), (char)group};
	return buf_append(out, slice_make(bytes, (size_t)(3 - pads)));
}

bool auth_base64_decode(struct slice text, struct buf *out)
{
	if (text.len % 4 != 0)
		return false;
	for (size_t i = 0; i < text.len; i += 4) {
		bool last = i + 4 == text.len;
		int pads = last && text.at[i + 3] == '=' ? 1 + (text.at[i + 2] == '=') : 0;
		if (!decode_group(text.at + i, pads, out))
			return false;
	}
	return true;
}

bool auth_base64_encode(struct slice bytes, struct buf *out)
{
	for (size_t i = 0; i < bytes.len; i += 3) {
		struct slice part = slice_sub(bytes, i, 3);
		uint32_t group = 0;
		for (size_t j = 0; j < 3; j++)
			group = group << 8 | (j < part.len ? (unsigned char)part.at[j] : 0);
		char text[4];
		for (size_t j = 0; j < 4; j++)
			text[j] = j <= part.len ? digits[group >> (18 - 6 * j) & 63] : '=';
		if (!buf_append(out, slice_make(text, 4)))
			return false;
	}
	return true;
}
