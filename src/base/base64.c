/* See base64.h. */
#include "base/base64.h"

const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define EIGHT -1, -1, -1, -1, -1, -1, -1, -1
#define SIXTEEN EIGHT, EIGHT
const signed char base64_values[256] = {
	SIXTEEN, SIXTEEN, EIGHT, -1, -1, -1, 62, -1, -1, -1, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1, -1,
	-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1, -1,
	-1, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, -1, -1, -1, -1, -1,
	SIXTEEN, SIXTEEN, SIXTEEN, SIXTEEN, SIXTEEN, SIXTEEN, SIXTEEN, SIXTEEN,
};

/* Four characters, of which the last `pads` are '='. */
static bool decode_group(const char *at, int pads, struct buf *out)
{
	uint32_t group = 0;
	for (int i = 0; i < 4; i++) {
		int value = i >= 4 - pads ? 0 : base64_value(at[i]);
		if (value < 0)
			return false;
		group = group << 6 | (uint32_t)value;
	}
	char bytes[3] = {(char)(group >> 16), (char)(group >> 8), (char)group};
	return buf_append(out, slice_make(bytes, (size_t)(3 - pads)));
}

bool base64_decode(struct slice text, struct buf *out)
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

void base64_quad(struct slice bytes, char quad[4])
{
	uint32_t group = 0;
	for (size_t i = 0; i < 3; i++)
		group = group << 8 | (i < bytes.len ? (unsigned char)bytes.at[i] : 0);
	for (size_t i = 0; i < 4; i++)
		quad[i] = i <= bytes.len ? base64_digits[group >> (18 - 6 * i) & 63] : '=';
}

bool base64_encode(struct slice bytes, struct buf *out)
{
	char quad[4];
	for (; bytes.len > 0; bytes = slice_skip(bytes, 3)) {
		base64_quad(bytes, quad);
		if (!buf_append(out, slice_make(quad, sizeof quad)))
			return false;
	}
	return true;
}

bool base64_encode_url(struct slice bytes, struct buf *out)
{
	size_t from = out->len;
	if (!base64_encode(bytes, out))
		return false;
	while (out->len > from && out->at[out->len - 1] == '=')
		out->at[--out->len] = '\0';
	for (size_t i = from; i < out->len; i++)
		out->at[i] = out->at[i] == '+' ? '-' : out->at[i] == '/' ? '_' : out->at[i];
	return true;
}
