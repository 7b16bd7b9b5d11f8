/* What all drivers have in common: names, and whether a body is what it should be. */
#include "store/bodies/bodies.h"

#include <openssl/evp.h>

#include "base/distrust.h"
#include "base/memory.h"
#include "store/bodies/internal.h"

struct bodies *bodies_new(const struct bodies_driver *driver, void *state)
{
	struct bodies *bodies = memory_new(sizeof *bodies);
	*bodies = (struct bodies){.driver = driver, .state = state};
	return bodies;
}

void bodies_close(struct bodies **bodies)
{
	if (*bodies)
		(*bodies)->driver->close((*bodies)->state);
	free(*bodies);
	*bodies = NULL;
}

void bodies_hash(struct slice content, unsigned char out[BODY_HASH_SIZE])
{
	if (EVP_Digest(content.at, content.len, out, NULL, EVP_sha256(), NULL) != 1)
		memory_exhausted(content.len);
}

void bodies_name(const struct body *body, char out[BODIES_NAME_LEN + 1])
{
	id_format(body->id, out);
	out[ID_TEXT_LEN] = '.';
	for (size_t i = 0; i < BODY_HASH_SIZE; i++)
		snprintf(out + ID_TEXT_LEN + 1 + 2 * i, 3, "%02x", body->hash[i]);
}

bool bodies_read_name(struct slice name, struct body *body)
{
	*body = (struct body){0};
	if (name.len != BODIES_NAME_LEN || name.at[ID_TEXT_LEN] != '.')
		return false;
	for (size_t i = 0; i < 2 * BODY_HASH_SIZE; i++) {
		char c = name.at[ID_TEXT_LEN + 1 + i];
		if (ascii_hex_value(c) < 0 || (c >= 'A' && c <= 'F'))
			return false;
		body->hash[i / 2] = (unsigned char)(body->hash[i / 2] << 4 | ascii_hex_value(c));
	}
	body->id = id_parse(slice_sub(name, 0, ID_TEXT_LEN));
	return body->id != 0;
}

bool bodies_put(struct bodies *bodies, struct slice content, struct body *body, struct error *error)
{
	if (content.len > BODIES_SIZE_MAX)
		return error_set(error, ERROR_LIMIT, "a body of %zu bytes is more than %d", content.len, BODIES_SIZE_MAX);
	*body = (struct body){.id = id_new(), .size = content.len};
	bodies_hash(content, body->hash);
	return disk_is_trusted(error) && bodies->driver->put(bodies->state, body, content, error);
}

static void cut(struct buf *out, size_t len)
{
	if (out->len > len) {
		out->len = len;
		out->at[len] = '\0';
	}
}

bool bodies_get_part(struct bodies *bodies, const struct body *body, uint64_t from, size_t count, struct buf *out, struct error *error)
{
	size_t begun = out->len;
	if (from > body->size || count > body->size - from)
		return error_set(error, ERROR_INVALID, "the body isn't as long as that");
	if (bodies->driver->get(bodies->state, body, from, count, out, error) && out->len - begun == count)
		return true;
	cut(out, begun);
	return false;
}

bool bodies_get(struct bodies *bodies, const struct body *body, struct buf *out, struct error *error)
{
	size_t begun = out->len;
	unsigned char hash[BODY_HASH_SIZE];
	if (body->size > BODIES_SIZE_MAX || !bodies_get_part(bodies, body, 0, (size_t)body->size, out, error))
		return false;
	bodies_hash(slice_skip(buf_slice(out), begun), hash);
	if (memcmp(hash, body->hash, sizeof hash) == 0)
		return true;
	cut(out, begun);
	return error_set(error, ERROR_INVALID, "the body isn't what was put");
}

bool bodies_list(struct bodies *bodies, bodies_visit visit, void *context, struct error *error)
{
	return bodies->driver->list(bodies->state, visit, context, error);
}
