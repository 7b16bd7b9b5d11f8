/* What kind of picture bytes are; see fetcher.h. */
#include "fetcher/fetcher.h"

/* A box "ftyp" (ISO 14496-12 §4.3), in which the brand of AVIF is the first, or among those that it is compatible with. */
static bool is_avif(struct slice bytes)
{
	enum { BOX_HEAD = 8, BRAND = 4, BRANDS_MAX = 32, BOX_MAX = BOX_HEAD + BRANDS_MAX * BRAND };
	if (bytes.len < BOX_HEAD + 2 * BRAND || !slice_equal(slice_sub(bytes, 4, 4), SLICE("ftyp")))
		return false;
	const unsigned char *at = (const unsigned char *)bytes.at;
	size_t size = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
	if (size > BOX_MAX) /* that long none is, and what begins otherwise than with zeros may be a text */
		return false;
	struct slice box = slice_sub(bytes, 0, size);
	for (size_t i = 0; BOX_HEAD + (i + 1) * BRAND <= box.len; i++) {
		struct slice brand = slice_sub(box, BOX_HEAD + i * BRAND, BRAND);
		if (i != 1 && (slice_equal(brand, SLICE("avif")) || slice_equal(brand, SLICE("avis")))) /* the second is a version */
			return true;
	}
	return false;
}

const char *fetcher_picture_type(struct slice bytes)
{
	if (slice_starts(bytes, SLICE("\x89PNG\r\n\x1a\n")))
		return "image/png";
	if (slice_starts(bytes, SLICE("\xff\xd8\xff")))
		return "image/jpeg";
	if (slice_starts(bytes, SLICE("GIF87a")) || slice_starts(bytes, SLICE("GIF89a")))
		return "image/gif";
	if (slice_starts(bytes, SLICE("RIFF")) && slice_equal(slice_sub(bytes, 8, 7), SLICE("WEBPVP8")))
		return "image/webp";
	return is_avif(bytes) ? "image/avif" : NULL;
}
