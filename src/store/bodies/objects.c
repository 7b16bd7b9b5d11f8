/* Bodies as objects: <prefix><id>.<hash>. */
#include "base/memory.h"
#include "s3/s3.h"
#include "store/bodies/internal.h"

enum { PREFIX_MAX = 512 };

struct objects {
	struct s3 *s3;
	char prefix[PREFIX_MAX + 1];
};

struct key {
	char text[PREFIX_MAX + BODIES_NAME_LEN + 1];
};

static struct slice key_of(const struct objects *objects, const struct body *body, struct key *key)
{
	char name[BODIES_NAME_LEN + 1];
	bodies_name(body, name);
	snprintf(key->text, sizeof key->text, "%s%s", objects->prefix, name);
	return slice_of(key->text);
}

static bool put_object(void *state, const struct body *body, struct slice content, struct error *error)
{
	struct objects *objects = state;
	struct key key;
	return s3_put(objects->s3, key_of(objects, body, &key), content, error);
}

static bool get_object(void *state, const struct body *body, uint64_t from, size_t count, struct buf *out, struct error *error)
{
	struct objects *objects = state;
	struct key key;
	return s3_get(objects->s3, key_of(objects, body, &key), from, count, out, error);
}

static bool remove_objects(void *state, const struct body *bodies, size_t count, struct error *error)
{
	struct objects *objects = state;
	struct key *texts = memory_array(count, sizeof *texts);
	struct slice *keys = memory_array(count, sizeof *keys);
	for (size_t i = 0; i < count; i++)
		keys[i] = key_of(objects, &bodies[i], &texts[i]);
	bool done = count == 0 || s3_remove(objects->s3, keys, count, error);
	free(texts);
	free(keys);
	return done;
}

struct visiting {
	bodies_visit visit;
	void *context;
	size_t prefix_len;
};

static bool visit_object(void *context, struct slice key, uint64_t size, struct error *error)
{
	struct visiting *visiting = context;
	struct body body;
	if (!bodies_read_name(slice_skip(key, visiting->prefix_len), &body))
		return true;
	body.size = size;
	return visiting->visit(visiting->context, &body, error);
}

static bool list_objects(void *state, bodies_visit visit, void *context, struct error *error)
{
	struct objects *objects = state;
	struct visiting visiting = {visit, context, strlen(objects->prefix)};
	return s3_list(objects->s3, slice_of(objects->prefix), visit_object, &visiting, error);
}

/* Not every server has lists of unfinished uploads; one that hasn't says so, and gives them up by rules of its own, or never. */
static bool clean_objects(void *state, int64_t before, struct error *error)
{
	struct objects *objects = state;
	struct error cause = {0};
	if (s3_give_up(objects->s3, slice_of(objects->prefix), before, NULL, &cause) || cause.kind == ERROR_INVALID)
		return true;
	return error_set(error, cause.kind, "%s", cause.text);
}

static void close_objects(void *state)
{
	struct objects *objects = state;
	s3_close(&objects->s3);
	free(objects);
}

struct bodies *bodies_open_s3(const struct s3_place *place, struct slice prefix, struct error *error)
{
	static const struct bodies_driver driver = {put_object, get_object, remove_objects, list_objects, clean_objects, close_objects};
	if (prefix.len > PREFIX_MAX || !slice_is_printable(prefix) || (prefix.len > 0 && prefix.at[prefix.len - 1] != '/')) {
		error_set(error, ERROR_INVALID, "a prefix of keys has up to %d characters of ASCII, and ends with a slash", PREFIX_MAX);
		return NULL;
	}
	struct s3 *s3 = s3_open(place, error);
	if (!s3)
		return NULL;
	struct objects *objects = memory_new(sizeof *objects);
	objects->s3 = s3;
	snprintf(objects->prefix, sizeof objects->prefix, "%.*s", SLICE_ARG(prefix));
	return bodies_new(&driver, objects);
}
