/* Blobs that are messages, or parts of them. */
#include "jmap/blob.h"

#include <sys/mman.h>
#include <unistd.h>

#include "jmap/email.h"

/* The message's file as bytes: never modified, so it may be mapped. */
static bool map_message(struct account *account, int64_t message, struct jmap_blob *blob, struct error *error)
{
	uint64_t size;
	int fd = message_open(account, message, &size, error);
	if (fd < 0)
		return false;
	void *map = size > 0 ? mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	close(fd);
	if (map == MAP_FAILED)
		return error_set(error, ERROR_TEMPORARY, "a message can't be mapped");
	blob->map = map;
	blob->map_size = (size_t)size;
	blob->bytes = slice_make(map, (size_t)size);
	return true;
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

bool jmap_message_blob_open(struct account *account, struct slice id, struct jmap_blob *blob, struct error *error)
{
	struct slice message, parts;
	*blob = (struct jmap_blob){.type = SLICE("message/rfc822")};
	bool more = slice_cut(id, '-', &message, &parts);
	int64_t number = jmap_id_parse(JMAP_ID_BLOB, message);
	if (number == 0 || (more && parts.len == 0))
		return error_set(error, ERROR_NOT_FOUND, "there is no such blob");
	if (map_message(account, number, blob, error) && enter_parts(blob, parts, error))
		return true;
	jmap_blob_close(blob);
	return false;
}

bool jmap_blob_open(struct jmap_call *call, struct slice id, struct jmap_blob *blob, struct error *error)
{
	return jmap_message_blob_open(call->account, id, blob, error);
}

void jmap_blob_close(struct jmap_blob *blob)
{
	if (blob->map)
		munmap(blob->map, blob->map_size);
	buf_free(&blob->decoded);
	*blob = (struct jmap_blob){0};
}

json_t *jmap_message_blob(int64_t message) { return jmap_id(JMAP_ID_BLOB, message); }
