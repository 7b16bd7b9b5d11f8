/* Reading the few elements of DER that an RSA key is made of. OpenSSL tries all decoders that it has on any key, which costs more than the rest of a
 * message's verification; and so hostile bytes meet these lines instead of them. */
#include "dkim/der.h"

enum { INTEGER = 0x02, BIT_STRING = 0x03, NULL_VALUE = 0x05, OBJECT = 0x06, SEQUENCE = 0x30, LENGTH_BYTES_MAX = 4 };

static unsigned byte_at(struct slice s, size_t i)
{
	return (unsigned char)s.at[i];
}

/* Takes an element of this kind off *rest (X.690 §8.1). */
static bool take(struct slice *rest, unsigned tag, struct slice *content)
{
	size_t head = 2, length = rest->len >= 2 ? byte_at(*rest, 1) : 0;
	if (rest->len < 2 || byte_at(*rest, 0) != tag)
		return false;
	if (length >= 0x80) {
		size_t count = length - 0x80;
		if (count == 0 || count > LENGTH_BYTES_MAX || count > rest->len - head)
			return false;
		for (length = 0; count > 0; count--)
			length = length << 8 | byte_at(*rest, head++);
	}
	*content = slice_sub(*rest, head, length);
	*rest = slice_skip(*rest, head + length);
	return content->len == length;
}

static bool take_number(struct slice *rest, struct slice *number)
{
	if (!take(rest, INTEGER, number))
		return false;
	while (number->len > 0 && number->at[0] == 0)
		*number = slice_skip(*number, 1);
	return number->len > 0;
}

static bool read_key(struct slice bytes, struct slice *modulus, struct slice *exponent)
{
	struct slice key;
	return take(&bytes, SEQUENCE, &key) && take_number(&key, modulus) && take_number(&key, exponent);
}

bool dkim_der_rsa(struct slice bytes, struct slice *modulus, struct slice *exponent)
{
	static const char rsa[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"; /* 1.2.840.113549.1.1.1 */
	struct slice rest = bytes, info, algorithm, object, nothing, bits;
	if (!take(&rest, SEQUENCE, &info) || !take(&info, SEQUENCE, &algorithm))
		return read_key(bytes, modulus, exponent);
	bool known = take(&algorithm, OBJECT, &object) && slice_equal(object, slice_make(rsa, sizeof rsa - 1)) && (algorithm.len == 0 || take(&algorithm, NULL_VALUE, &nothing));
	return known && take(&info, BIT_STRING, &bits) && bits.len > 0 && bits.at[0] == 0 && read_key(slice_skip(bits, 1), modulus, exponent);
}
