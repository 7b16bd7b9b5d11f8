/* Blobs: uploads, messages, and parts of them. */
#include "jmap/blob.h"

#include <sys/mman.h>
#include <unistd.h>

#include "jmap/contact.h"
#include "jmap/email.h"

/* A file as bytes: none that is a message or an upload is ever modified, so it may be mapped. Takes `fd` over. */
static bool map_file(int fd, uint64_t size, struct jmap_blob *blob, struct error *error)
{
	void *map = size > 0 ? mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	blob->fd = fd;
	if (map == MAP_FAILED)
		return error_set(error, ERROR_TEMPORARY, "a file can't be mapped");
	blob->map = map;
	blob->map_size = (size_t)size;
	blob->bytes = slice_make(map, (size_t)size);
	return true;
}

/* A photo of a card. */
static bool read_photo(struct account *account, const char *hash, struct jmap_blob *blob, struct error *error)
{
	struct arena *arena = arena_new();
	struct contact_photo photo;
	bool found = contact_find_photo(account, slice_make(hash, CONTACT_HASH_LEN), arena, &photo, error);
	if (found) {
		blob->decoded = BUF(photo.bytes.len + 1);
		buf_append(&blob->decoded, photo.bytes);
		blob->bytes = buf_slice(&blob->decoded);
		snprintf(blob->room, sizeof blob->room, "%.*s", SLICE_ARG(slice_sub(photo.type, 0, sizeof blob->room - 1)));
		blob->type = slice_of(blob->room);
	}
	arena_free(&arena);
	return found;
}

/* The file of a message, or of an upload; or a photo. */
static bool map_whole(struct account *account, struct slice id, struct jmap_blob *blob, struct error *error)
{
	uint64_t size;
	int64_t message = jmap_id_parse(JMAP_ID_BLOB, id), upload = jmap_id_parse(JMAP_ID_UPLOAD, id);
	const char *photo = contact_blob_hash(id);
	if (photo)
		return read_photo(account, photo, blob, error);
	if (message == 0 && upload == 0)
		return error_set(error, ERROR_NOT_FOUND, "there is no such blob");
	if (message != 0)
		blob->type = SLICE("message/rfc822");
	int fd = message != 0 ? message_open(account, message, &size, error) : upload_open(account, upload, &size, error);
	return fd >= 0 && map_file(fd, size, blob, error);
}

static bool is_identity(struct slice encoding)
{
	return !slice_equal(encoding, SLICE("base64")) && !slice_equal(encoding, SLICE("quoted-printable"));
}

/* Goes on to the part with that number of what the blob is so far. */
static bool enter_part(struct jmap_blob *blob, unsigned number, struct error *error)
{
	struct arena *arena = arena_new();
	const struct mime_part *part = jmap_body_part(mime_parse(blob->bytes, arena), number);
	if (part) {
		struct slice body = slice_sub(blob->bytes, (size_t)part->body_at, (size_t)part->body_size);
		struct buf decoded = BUF(body.len + 16);
		int len = snprintf(blob->room, sizeof blob->room, "%.*s/%.*s", SLICE_ARG(part->type), SLICE_ARG(part->subtype));
		blob->type = slice_make(blob->room, len > 0 && (size_t)len < sizeof blob->room ? (size_t)len : 0);
		blob->bytes = body;
		if (!is_identity(part->encoding)) {
			mime_decode(part->encoding, body, &decoded);
			buf_free(&blob->decoded);
			blob->decoded = decoded;
			blob->bytes = buf_slice(&decoded);
		}
	}
	arena_free(&arena);
	return part || error_set(error, ERROR_NOT_FOUND, "there is no such part");
}

/* "-3-1": parts inside one another. */
static bool enter_parts(struct jmap_blob *blob, struct slice rest, struct error *error)
{
	struct slice digits;
	uint64_t number;
	for (unsigned depth = 0; rest.len > 0; depth++) {
		bool more = slice_cut(rest, '-', &digits, &rest);
		if (depth == JMAP_BLOB_DEPTH_MAX || !slice_to_number(digits, MIME_PARTS_MAX, &number) || digits.at[0] == '0' || (more && rest.len == 0))
			return error_set(error, ERROR_NOT_FOUND, "there is no such blob");
		if (!enter_part(blob, (unsigned)number, error))
			return false;
	}
	return true;
}

bool jmap_account_blob_open(struct account *account, struct slice id, struct jmap_blob *blob, struct error *error)
{
	struct slice whole, parts;
	bool more = slice_cut(id, '-', &whole, &parts);
	*blob = (struct jmap_blob){.fd = -1};
	if (more && parts.len == 0)
		return error_set(error, ERROR_NOT_FOUND, "there is no such blob");
	if (map_whole(account, whole, blob, error) && enter_parts(blob, parts, error))
		return true;
	jmap_blob_close(blob);
	return false;
}

bool jmap_blob_open(struct jmap_call *call, struct slice id, struct jmap_blob *blob, struct error *error)
{
	return jmap_account_blob_open(call->account, id, blob, error);
}

void jmap_blob_close(struct jmap_blob *blob)
{
	if (blob->map)
		munmap(blob->map, blob->map_size);
	if (blob->fd > 0)
		close(blob->fd);
	buf_free(&blob->decoded);
	*blob = (struct jmap_blob){.fd = -1};
}

json_t *jmap_message_blob(int64_t message) { return jmap_id(JMAP_ID_BLOB, message); }
