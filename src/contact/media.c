/* Photos inside of a card: data: URLs (RFC 2397) become blobIds (RFC 9610 §3), and back. */
#include <openssl/sha.h>
#include <string.h>

#include "base/base64.h"
#include "contact/internal.h"

void contact_hash(struct slice bytes, char out[CONTACT_HASH_LEN + 1])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	SHA256((const unsigned char *)bytes.at, bytes.len, digest);
	for (size_t i = 0; i < CONTACT_HASH_LEN / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

int64_t contact_reference(struct slice uid)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	int64_t number = 1; /* never 0 */
	SHA256((const unsigned char *)uid.at, uid.len, digest);
	for (int i = 0; i < 7; i++)
		number = number << 8 | digest[i];
	return number;
}

const char *contact_blob_hash(struct slice blob_id)
{
	if (blob_id.len != CONTACT_HASH_LEN + 1 || blob_id.at[0] != CONTACT_BLOB_LETTER)
		return NULL;
	for (size_t i = 1; i < blob_id.len; i++)
		if (ascii_hex_value(blob_id.at[i]) < 0 || ascii_lower(blob_id.at[i]) != blob_id.at[i])
			return NULL;
	return blob_id.at + 1;
}

const char *contact_image_type(struct slice bytes)
{
	static const struct { struct slice begins; size_t at; const char *type; } known[] = {
		{SLICE("\xff\xd8\xff"), 0, "image/jpeg"}, {SLICE("\x89PNG\r\n\x1a\n"), 0, "image/png"}, {SLICE("GIF87a"), 0, "image/gif"},
		{SLICE("GIF89a"), 0, "image/gif"}, {SLICE("WEBP"), 8, "image/webp"}, {SLICE("BM"), 0, "image/bmp"}, {SLICE("II*\0"), 0, "image/tiff"},
		{SLICE("MM\0*"), 0, "image/tiff"}, {SLICE("ftypavif"), 4, "image/avif"}, {SLICE("ftypheic"), 4, "image/heic"},
		{SLICE("ftypheix"), 4, "image/heic"}, {SLICE("ftypmif1"), 4, "image/heif"}, {SLICE("\0\0\1\0"), 0, "image/vnd.microsoft.icon"},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (slice_equal(slice_sub(bytes, known[i].at, known[i].begins.len), known[i].begins))
			return known[i].type;
	return NULL;
}

/* ---- data: URLs ---- */

static bool decode_percent(struct slice text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] != '%') {
			buf_append_char(out, text.at[i]);
			continue;
		}
		if (text.len - i < 3 || ascii_hex_value(text.at[i + 1]) < 0 || ascii_hex_value(text.at[i + 2]) < 0)
			return false;
		buf_append_char(out, (char)(ascii_hex_value(text.at[i + 1]) * 16 + ascii_hex_value(text.at[i + 2])));
		i += 2;
	}
	return !out->overflow;
}

/* Base64 that others wrote: with or without padding. */
static bool decode_base64(struct slice text, struct buf *out)
{
	struct buf padded = BUF(text.len + 4);
	while (text.len > 0 && text.at[text.len - 1] == '=')
		text.len--;
	buf_append(&padded, text);
	while (padded.len % 4 != 0)
		buf_append_char(&padded, '=');
	bool done = base64_decode(buf_slice(&padded), out);
	buf_free(&padded);
	return done;
}

/* The type and the bytes of a data: URL. */
static bool read_url(struct slice url, struct arena *arena, struct slice *type, struct slice *bytes)
{
	struct slice head, data, rest;
	if (!slice_starts_nocase(url, SLICE("data:")) || !slice_cut(slice_skip(url, 5), ',', &head, &data))
		return false;
	bool base64 = slice_ends_nocase(head, SLICE(";base64"));
	slice_cut(head, ';', type, &rest);
	struct buf decoded = BUF(CONTACT_MEDIA_MAX), plain = BUF(data.len);
	bool done = !base64 ? decode_percent(data, &decoded)
			    : slice_find_char(data, '%') == SLICE_NONE ? decode_base64(data, &decoded)
								       : decode_percent(data, &plain) && decode_base64(buf_slice(&plain), &decoded);
	if (done)
		*bytes = arena_copy(arena, buf_slice(&decoded));
	buf_free(&plain);
	buf_free(&decoded);
	return done;
}

/* ---- Taking them out ---- */

static void take(json_t *medium, struct slice type, struct slice bytes, struct arena *arena, struct contact_medium *out)
{
	char id[CONTACT_HASH_LEN + 2] = {CONTACT_BLOB_LETTER};
	json_t *given = json_object_get(medium, "mediaType");
	const char *seen = contact_image_type(bytes);
	*out = (struct contact_medium){.bytes = bytes};
	contact_hash(bytes, out->hash);
	memcpy(id + 1, out->hash, CONTACT_HASH_LEN + 1);
	if (json_is_string(given))
		type = contact_text_of(given);
	if (type.len == 0)
		type = slice_of(seen ? seen : "application/octet-stream");
	out->type = arena_copy(arena, type);
	json_object_del(medium, "uri");
	json_object_set_new(medium, "blobId", json_string(id));
	json_object_set_new(medium, "mediaType", json_stringn(out->type.at, out->type.len));
}

static bool complain(struct contact_problem *problem, const char *key, const char *why)
{
	snprintf(problem->property, sizeof problem->property, "media/%.100s", key);
	problem->why = why;
	return false;
}

bool contact_media_take(json_t *card, bool lenient, struct arena *arena, struct contact_medium **media, size_t *count, struct contact_problem *problem)
{
	const char *key;
	json_t *one, *all = json_object_get(card, "media");
	*media = arena_array(arena, CONTACT_MEDIA_COUNT_MAX, sizeof **media);
	*count = 0;
	*problem = (struct contact_problem){0};
	json_object_foreach(all, key, one) {
		struct slice type, bytes, url = contact_text_of(json_object_get(one, "uri"));
		bool photo = contact_is_text(json_object_get(one, "kind"), "photo");
		if (!slice_starts_nocase(url, SLICE("data:")))
			continue;
		bool read = *count < CONTACT_MEDIA_COUNT_MAX && read_url(url, arena, &type, &bytes);
		if (!read && !lenient)
			return complain(problem, key, "it can't be read, is too large, or one too many");
		if (read && photo && !lenient && !contact_image_type(bytes))
			return complain(problem, key, "that is no image");
		if (read)
			take(one, type, bytes, arena, &(*media)[(*count)++]);
	}
	return true;
}

/* ---- Putting them back ---- */

static void put_back(json_t *medium, const struct contact_medium *found)
{
	struct buf url = BUF(2 * found->bytes.len + found->type.len + 64);
	buf_printf(&url, "data:%.*s;base64,", SLICE_ARG(found->type));
	base64_encode(found->bytes, &url);
	json_object_del(medium, "blobId");
	json_object_set_new(medium, "uri", json_stringn(url.at, url.len));
	buf_free(&url);
}

void contact_media_put_back(json_t *card, bool (*find)(void *context, const char *hash, struct contact_medium *medium), void *context)
{
	const char *key, *hash;
	json_t *one;
	json_object_foreach(json_object_get(card, "media"), key, one) {
		struct contact_medium found = {0};
		hash = contact_blob_hash(contact_text_of(json_object_get(one, "blobId")));
		if (hash && find(context, hash, &found))
			put_back(one, &found);
	}
}
